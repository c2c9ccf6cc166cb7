"""Pictures as tensors, devices, and float32 that is float32."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from texto.protocols import TextoError


def resolve_device(device: str) -> torch.device:
    """The device that "auto", "cpu", "cuda", "cuda:i" or "mps" names.

    "auto" takes the first CUDA device, then Apple's, then the CPU. Raises TextoError when a
    device is asked for by name and absent.
    """
    kind, _, number = device.partition(":")
    if device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda", 0)
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    if device == "cpu" or (device == "mps" and torch.backends.mps.is_available()):
        return torch.device(device)
    if kind == "cuda" and (number or "0").isdecimal():
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if int(number or 0) < count:
            return torch.device("cuda", int(number or 0))
        raise TextoError(f"device {device!r}", f"torch sees {count} GPUs here", "use --device auto")
    why = "is not available here" if device == "mps" else "is not known"
    raise TextoError(f"device {device!r}", why, "use auto, cpu, cuda, cuda:0 or mps")


@contextmanager
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
