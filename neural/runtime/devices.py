"""Pictures as tensors, devices, and float32 that is float32."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator
from functools import cache
from typing import TypeVar

import numpy as np
import torch

from texto.core.errors import TextoError, TextoWarning

T = TypeVar("T")

# What torch's other errors say where memory is short: on the CPU, on Apple's GPUs, in cuBLAS.
_SHORT = ("out of memory", "can't allocate memory", "not enough memory", "CUBLAS_STATUS_ALLOC")


class ShortMemory(TextoError):
    """The memory of a device does not suffice."""


def resolve_device(device: str) -> torch.device:
    """The device that "auto", "cpu", "cuda", "cuda:i" or "mps" names.

    "auto" takes the first CUDA device, then Apple's, then the CPU; a note tells once where a GPU
    is there and does not work, as with an old driver. Raises TextoError when a device is asked
    for by name and absent.
    """
    kind, _, number = device.partition(":")
    if device == "auto":
        return _best_device()
    if device == "cpu" or (device == "mps" and torch.backends.mps.is_available()):
        return torch.device(device)
    if kind == "cuda" and (number or "0").isdecimal():
        count, trouble = _gpus()
        if int(number or 0) < count:
            return torch.device("cuda", int(number or 0))
        why = f"torch sees {count} GPUs here" + (f" ({trouble})" if trouble else "")
        raise TextoError(f"device {device!r}", why, "use --device auto")
    why = "is not available here" if device == "mps" else "is not known"
    raise TextoError(f"device {device!r}", why, "use auto, cpu, cuda, cuda:0 or mps")


def _best_device() -> torch.device:
    count, trouble = _gpus()
    if count:
        return torch.device("cuda", 0)
    if trouble:
        _tell(f"no GPU is used: {trouble}")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def _gpus() -> tuple[int, str]:
    """How many CUDA devices work, and what is wrong with them in a line, or ""."""
    try:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            if not torch.cuda.is_available():
                return 0, _line(told[0].message) if told else ""
            torch.cuda.init()  # some drivers fail here only
            return torch.cuda.device_count(), ""
    except (RuntimeError, AssertionError, OSError) as error:
        return 0, _line(error)


@cache  # once in a process
def _tell(note: str) -> None:
    warnings.warn(note, TextoWarning, stacklevel=4)


def _line(message: object) -> str:
    return " ".join(str(message).split())[:200] or type(message).__name__


def is_short(error: BaseException) -> bool:
    """Whether `error` says that memory does not suffice, on whatever device."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError | ShortMemory):
        return True
    return isinstance(error, RuntimeError) and any(text in str(error) for text in _SHORT)


def on_device(
    name: str, run: Callable[[str], T], what: str, *, again: Callable[[], None] | None = None
) -> T:
    """`run(device)` on the device that `name` names, "cpu" or "cuda:0" for example.

    Where the memory of a GPU that "auto" chose does not suffice for `what`, the CPU runs it
    anew, after a call of `again`, with a note. Raises ShortMemory otherwise.
    """
    device = str(resolve_device(name))
    if name != "auto" or device == "cpu":
        return _attempt(device, run, what)
    with contextlib.suppress(ShortMemory):
        return _attempt(device, run, what)
    # Outside the handler, whose traceback holds on to tensors.
    _empty_cache(device)
    warnings.warn(
        f"{device} has too little memory for {what}: the CPU goes on", TextoWarning, stacklevel=4
    )
    if again is not None:
        again()
    return _attempt("cpu", run, what)


def _attempt(device: str, run: Callable[[str], T], what: str) -> T:
    try:
        return run(device)
    except Exception as error:
        if not is_short(error):
            raise
        elsewhere = "" if device == "cpu" else ", or use --device cpu"
        raise ShortMemory(
            f"memory of {device}",
            f"is too small for {what}",
            f"make a smaller picture, choose fewer layers{elsewhere}",
        ) from error


def in_blocks(count: int, size: int, run: Callable[[slice], None]) -> int:
    """`run` on slices of 0 ... `count`, `size` at a time, or half as many where memory is short.

    `run` must change nothing before it has all its memory. Returns the size that sufficed.
    """
    start = 0
    while start < count:
        try:
            run(slice(start, min(start + size, count)))
        except Exception as error:
            if size == 1 or not is_short(error):
                raise
        else:
            start += size
            continue
        size = min(size, count) // 2 or 1
        torch.cuda.empty_cache()
    return size


def _empty_cache(device: str) -> None:
    """Give memory back to `device` that nothing uses."""
    if device.startswith("cuda"):
        torch.cuda.empty_cache()
    elif device == "mps":
        torch.mps.empty_cache()


@contextlib.contextmanager
def exact_float32() -> Iterator[None]:
    """No TF32 on CUDA while the block runs, whose 10 bits of mantissa flip nearest neighbours.

    Wrap the backward pass too. Also keeps cuDNN to algorithms whose results repeat.
    """
    matmul = torch.backends.cuda.matmul
    earlier = matmul.allow_tf32
    matmul.allow_tf32 = False
    try:
        with torch.backends.cudnn.flags(
            enabled=True, benchmark=False, deterministic=True, allow_tf32=False
        ):
            yield
    finally:
        matmul.allow_tf32 = earlier


def takes_bfloat16(precision: str, device: str) -> bool:
    """Whether networks train in bfloat16: "float32", "bfloat16", or "auto".

    "auto" takes it on processors that compute in it, where convolutions are twice as fast.
    """
    if precision != "auto":
        return precision == "bfloat16"
    return device == "cpu" and getattr(torch.cpu, "_is_avx512_bf16_supported", bool)()


def to_tensor(picture: np.ndarray, device: torch.device | str = "cpu") -> torch.Tensor:
    """`picture` (H, W, C) in [0, 1] as (1, 3, H, W) float32; grey (C = 1) fills all three.

    TextoError for other numbers of channels: networks see colour pictures.
    """
    channels = picture.shape[2]
    if channels not in (1, 3):
        raise TextoError(
            "picture", f"has {channels} channels, and networks take 1 or 3", "select the colour"
        )
    planes = np.ascontiguousarray(np.moveaxis(picture, 2, 0), np.float32)
    return torch.tensor(planes, device=device)[None].expand(1, 3, -1, -1)


def to_picture(tensor: torch.Tensor) -> np.ndarray:
    """The (H, W, C) float32 array of a (1, C, H, W) tensor, clipped to [0, 1]."""
    planes = tensor.detach()[0].clamp(0, 1).float().cpu().numpy()
    return np.ascontiguousarray(np.moveaxis(planes, 0, 2))
