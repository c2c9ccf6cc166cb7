"""Where a long run is kept, to go on after an interruption: one file as `tensorfile` has it.

Its metadata holds `about`: what the run is of, how far it is, the state of its generator.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ..core.errors import TextoError
from .files import Refused
from .tensorfile import Kind, Tensors, checksum

_KIND = Kind("texto checkpoint", "texto-checkpoint", range(1, 2), {"about": dict})
_REMEDY = "remove it to start anew"


def write(path: str | os.PathLike, tensors: Tensors, about: Mapping[str, Any]) -> None:
    """Write the file anew, whole or not at all. `about` : plain data for JSON."""
    with _told(path, "cannot be written"):
        _KIND.write(path, tensors, {"about": dict(about)})


def read(path: str | os.PathLike) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The tensors and the `about` of the file; TextoError where it is damaged or no checkpoint."""
    with _told(path):
        fields, tensors = _KIND.read(path)
    return tensors, fields["about"]


def read_about(path: str | os.PathLike) -> dict[str, Any]:
    """The `about` of the file alone, without its tensors; TextoError as `read`."""
    with _told(path):
        return _KIND.read_fields(path)["about"]


@contextlib.contextmanager
def _told(path: str | os.PathLike, what: str = "is damaged or no checkpoint") -> Iterator[None]:
    try:
        yield
    except Refused as refused:
        raise refusal(path, f"{what} ({refused.why})") from refused


def refusal(path: str | os.PathLike, why: str, remedy: str = _REMEDY) -> TextoError:
    """What to say about a checkpoint that cannot be gone on with."""
    return TextoError(f"checkpoint {os.fspath(path)!r}", why, remedy)


def stored_generator(rng: np.random.Generator) -> Any:
    """The state of `rng` as plain data for JSON, whichever kind of generator it is."""
    return _plain(rng.bit_generator.state)


def generator_hash(rng: np.random.Generator) -> str:
    """The SHA-256 (hex) over the state of `rng`: equal where the same numbers will be drawn."""
    return checksum({"rng": stored_generator(rng)})


def set_generator(rng: np.random.Generator, stored: Any) -> None:
    """Put `rng` where `stored_generator` found one of its kind; ValueError for another kind."""
    try:
        rng.bit_generator.state = _unplain(stored)
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError("is not the state of this kind of generator") from error


def _plain(value: Any) -> Any:
    """Whole numbers as hexadecimal texts: JSON readers stop at 64 bits, generators have 128."""
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, np.ndarray):
        return {"array": [hex(int(each)) for each in value], "dtype": value.dtype.name}
    return value if isinstance(value, str) else hex(int(value))


def _unplain(value: Any) -> Any:
    if isinstance(value, Mapping) and value.keys() == {"array", "dtype"}:
        return np.array([int(each, 16) for each in value["array"]], dtype=value["dtype"])
    if isinstance(value, Mapping):
        return {key: _unplain(each) for key, each in value.items()}
    return int(value, 16) if value.startswith("0x") else value
