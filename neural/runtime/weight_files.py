"""Reading files of weights, with errors that name what is wrong with them."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import torch

from texto.core.errors import TextoError

from .weights import Network, Weights, lacking

_NESTED = ("state_dict", "model_state_dict", "model")
_PREFIXES = ("module.", "model.")
_ZIP, _PICKLE = b"PK", b"\x80"


def read(path: Path) -> dict[str, torch.Tensor]:
    """The tensors in a .safetensors or torch file, on the CPU, by name.

    Told apart by content. A state dict inside a checkpoint is found, prefixes of wrappers are
    taken off. No code in a file is run. TextoError where it cannot be read.
    """
    try:
        with open(path, "rb") as file:
            start = file.read(9)
    except OSError as error:
        raise _unreadable(path, error.strerror or str(error)) from error
    if not start:
        raise _unreadable(path, "is empty")
    if start.startswith((_ZIP, _PICKLE)):
        return _plain(_torch_file(path), path)
    if start[8:] == b"{":
        return _plain(_safetensors_file(path), path)
    raise _unreadable(path, "is neither a torch nor a safetensors file")


def select(
    state: Mapping[str, torch.Tensor],
    expected: Mapping[str, tuple[int, ...]],
    weights: Weights,
) -> dict[str, torch.Tensor]:
    """The tensors in `state` that `expected` names with their shapes, as float32.

    Others are left out. TextoError naming the first layer that lacks weights, or the tensor
    that is of another shape or type, or not finite.
    """
    of = weights.network
    chosen = {}
    for name, shape in expected.items():
        if name not in state:
            raise _missing(name, shape, state, weights)
        tensor = state[name]
        if tuple(tensor.shape) != tuple(shape):
            raise TextoError(
                weights.title,
                f"{name} is {_size(tensor.shape)}, and in {of.title} {_size(shape)}",
                f"give weights of {of.title} as torchvision lays them out",
            )
        if not tensor.is_floating_point():
            kind = str(tensor.dtype).removeprefix("torch.")
            raise TextoError(
                weights.title,
                f"{name} ({_size(shape)}) is of type {kind}, not of floating-point numbers",
                f"give weights of {of.title} that are not quantised",
            )
        if not torch.isfinite(tensor).all():
            raise TextoError(weights.title, f"{name} is not finite", "get the file again")
        chosen[name] = tensor.to(torch.float32)
    return chosen


def load(
    weights: Weights, expected: Mapping[str, tuple[int, ...]], *, fill_missing: bool = False
) -> tuple[dict[str, torch.Tensor], tuple[str, ...]]:
    """The tensors that `expected` names, and the layers that got random ones.

    All are random for random weights; those of layers that a file lacks only if `fill_missing`,
    otherwise TextoError.
    """
    if weights.path is None:
        return random_state(expected), tuple(dict.fromkeys(_layers_of(expected, weights.network)))
    state = read(weights.path)
    lacked = {name: shape for name, shape in expected.items() if name not in state}
    if not fill_missing or len(lacked) == len(expected):
        lacked = {}
    there = {name: shape for name, shape in expected.items() if name not in lacked}
    random = tuple(dict.fromkeys(_layers_of(lacked, weights.network)))
    return select(state, there, weights) | random_state(lacked), random


def random_state(
    expected: Mapping[str, tuple[int, ...]], *, seed: int = 0
) -> dict[str, torch.Tensor]:
    """Random tensors: convolutions after He 2015, batch norms and biases that change nothing."""
    drawer = torch.Generator().manual_seed(seed)
    state = {}
    for name, shape in expected.items():
        if len(shape) == 4:
            deviation = (2 / (shape[1] * shape[2] * shape[3])) ** 0.5
            state[name] = torch.randn(shape, generator=drawer) * deviation
        else:
            state[name] = torch.full(shape, float(name.endswith((".weight", "_var"))))
    return state


def _torch_file(path: Path) -> object:
    try:
        # A file object: from some names torch would guess another format.
        with warnings.catch_warnings(), open(path, "rb") as file:
            warnings.simplefilter("ignore")
            return torch.load(file, map_location="cpu", weights_only=True)
    except MemoryError:
        raise
    except Exception as error:  # torch raises nearly anything for a broken file
        text = str(error)
        refused = "weights_only" in text or "Weights only" in text
        why = "holds more than tensors" if refused else "is broken or no torch file"
        raise _unreadable(path, why) from error


def _safetensors_file(path: Path) -> dict[str, torch.Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        raise _unreadable(path, "is broken or no safetensors file") from error


def _plain(found: object, path: Path) -> dict[str, torch.Tensor]:
    """The state dict in `found`, with the names of the bare network."""
    for key in _NESTED:
        if isinstance(found, Mapping) and isinstance(found.get(key), Mapping):
            found = found[key]
    if not isinstance(found, Mapping):
        raise _unreadable(path, f"holds a {type(found).__name__}, no state dict")
    state = {
        _bare(name): value
        for name, value in found.items()
        if isinstance(name, str) and isinstance(value, torch.Tensor)
    }
    if not state:
        raise _unreadable(path, "holds no tensors")
    return state


def _bare(name: str) -> str:
    for prefix in _PREFIXES:
        name = name.removeprefix(prefix)
    return name


def _missing(
    name: str, shape: tuple[int, ...], state: Mapping[str, torch.Tensor], weights: Weights
) -> TextoError:
    of = weights.network
    if not any(key.startswith(tuple(of.layers.values())) for key in state):
        first = next(iter(state))
        return TextoError(
            weights.title,
            f"is not {of.title}: it has no {name} ({_size(shape)}), but {first[:80]!r}",
            f"give weights of {of.title}",
        )
    layer = _layer_of(name, of)
    if layer == lacking(of, state):
        why = f"{layer} is the first layer that lacks weights ({name}, {_size(shape)})"
    else:
        why = f"lacks {name} ({_size(shape)}) of layer {layer}"
    return TextoError(
        weights.title, why, f"choose layers before {layer}, or give all weights of {of.title}"
    )


def _layer_of(name: str, of: Network) -> str:
    return next(layer for layer, prefix in of.layers.items() if name.startswith(prefix))


def _layers_of(names: Iterable[str], of: Network) -> Iterator[str]:
    return (_layer_of(name, of) for name in names)


def _size(shape) -> str:
    return "x".join(map(str, shape)) or "a number"


def _unreadable(path: Path, why: str) -> TextoError:
    return TextoError(
        f"weights {str(path)!r}", why, "give a state dict as .pth or .safetensors, or get it again"
    )
