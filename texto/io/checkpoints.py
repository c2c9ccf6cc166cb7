"""Where a long run is kept, to go on after an interruption: one safetensors file, no pickle.

Its one metadata text is sorted JSON: format and version, `about` (what the run is of, how far it
is, the state of its generator), the SHA-256 of the tensors, and a checksum over all of it.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..core.errors import TextoError
from .files import replacing
from .tensorfile import Refused, opened, pack, parse, read_header, read_tensors, tensors_hash

FORMAT = "texto-checkpoint"
VERSION = 1
_REMEDY = "remove it to start anew"


def write(
    path: str | os.PathLike, tensors: Mapping[str, np.ndarray], about: Mapping[str, Any]
) -> None:
    """Write the file anew, whole or not at all. `about` : plain data for JSON."""
    entries = {
        "about": dict(about),
        "format": FORMAT,
        "tensors": tensors_hash(tensors),
        "version": VERSION,
    }
    text = _dumps({**entries, "checksum": _checksum(entries)})
    with replacing(path) as file:
        file.write(pack(tensors, text))


def read(path: str | os.PathLike) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The tensors and the `about` of the file; TextoError where it is damaged or no checkpoint."""
    try:
        with opened(path) as (file, size):
            header = read_header(file, size)
            entries = parse(header.metadata, "its metadata")
            _check(entries)
            tensors = read_tensors(file, size, header)
        if entries["tensors"] != tensors_hash(tensors):
            raise Refused("the checksum of its tensors does not match")
    except Refused as refused:
        raise refusal(path, f"is damaged or no checkpoint ({refused.why})") from refused
    return tensors, entries["about"]


def read_about(path: str | os.PathLike) -> dict[str, Any]:
    """The `about` of the file alone, without its tensors; TextoError as `read`."""
    try:
        with opened(path) as (file, size):
            entries = parse(read_header(file, size).metadata, "its metadata")
            _check(entries)
    except Refused as refused:
        raise refusal(path, f"is damaged or no checkpoint ({refused.why})") from refused
    return entries["about"]


def refusal(path: str | os.PathLike, why: str, remedy: str = _REMEDY) -> TextoError:
    """What to say about a checkpoint that cannot be gone on with."""
    return TextoError(f"checkpoint {os.fspath(path)!r}", why, remedy)


def stored_generator(rng: np.random.Generator) -> Any:
    """The state of `rng` as plain data for JSON, whichever kind of generator it is."""
    return _plain(rng.bit_generator.state)


def generator_hash(rng: np.random.Generator) -> str:
    """The SHA-256 (hex) over the state of `rng`: equal where the same numbers will be drawn."""
    return _checksum({"rng": stored_generator(rng)})


def set_generator(rng: np.random.Generator, stored: Any) -> None:
    """Put `rng` where `stored_generator` found one of its kind; ValueError for another kind."""
    try:
        rng.bit_generator.state = _unplain(stored)
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError("is not the state of this kind of generator") from error


def _check(entries: Mapping[str, Any]) -> None:
    if entries.get("format") != FORMAT:
        raise Refused("it is another kind of file")
    version = entries.get("version")
    if type(version) is int and version > VERSION:
        raise Refused(f"its version is {version}, this program reads {VERSION}")
    unsigned = {key: value for key, value in entries.items() if key != "checksum"}
    if entries.get("checksum") != _checksum(unsigned) or type(entries.get("about")) is not dict:
        raise Refused("the checksum of its metadata does not match")


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


def _checksum(entries: Mapping[str, Any]) -> str:
    return hashlib.sha256(_dumps(entries).encode()).hexdigest()


def _dumps(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
