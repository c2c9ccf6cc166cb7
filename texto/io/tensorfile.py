"""A safetensors file with one metadata text, where no byte is believed before it is checked.

Layout: the header's length (8 bytes, little-endian), the header (JSON: the metadata, then dtype,
shape and place of every tensor), the tensors' bytes without gaps. The safetensors library writes
it; it would accept arrays that are not contiguous and write them wrong, and does not notice
duplicate keys, so both directions go through here.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import math
import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

KEY = "texto"
MAX_HEADER = 2**20
MAX_TENSORS = 2**32  # bytes of all tensors together
_START = b'{"__metadata__":{"' + KEY.encode() + b'":'
_DTYPES = {
    code: np.dtype(kind)
    for code, kind in {
        "BOOL": "bool",
        "U8": "uint8",
        "I8": "int8",
        "U16": "uint16",
        "I16": "int16",
        "U32": "uint32",
        "I32": "int32",
        "U64": "uint64",
        "I64": "int64",
        "F16": "float16",
        "F32": "float32",
        "F64": "float64",
    }.items()
}
_NAME = re.compile(r"[A-Za-z0-9_.]{1,200}", re.ASCII)
_OTHER_FORMATS = {
    b"PK\x03\x04": "a zip archive, as PyTorch and NumPy write",
    b"\x80": "a pickle",
    b"\x93NUMPY": "a NumPy array",
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"II*\x00": "a TIFF picture",
    b"MM\x00*": "a TIFF picture",
}


class Refused(Exception):
    """Why a file is no good, and what to do about it."""

    def __init__(self, why: str, remedy: str = "fit it again"):
        super().__init__(why, remedy)
        self.why, self.remedy = why, remedy


@dataclass(frozen=True)
class Header:
    """What stands before the tensors: the metadata text, the raw table, where the data begins."""

    metadata: str
    table: Mapping[str, Any]
    start: int


@dataclass(frozen=True)
class Slot:
    """The place of one tensor, in bytes from the start of the data."""

    name: str
    dtype: np.dtype
    shape: tuple[int, ...]
    begin: int
    end: int


def pack(tensors: Mapping[str, np.ndarray], metadata: str) -> bytes:
    """The bytes of a file that holds `tensors` and `metadata`; the same bytes every time."""
    import safetensors.numpy

    return safetensors.numpy.save(
        {name: native(array) for name, array in tensors.items()}, metadata={KEY: metadata}
    )


def native(array: np.ndarray) -> np.ndarray:
    """`array` contiguous in C order and in the machine's byte order (0-d stays 0-d)."""
    array = np.asarray(array)
    return np.asarray(array, dtype=array.dtype.newbyteorder("="), order="C")


def tensors_hash(tensors: Mapping[str, np.ndarray]) -> str:
    """SHA-256 (hex) over names, dtypes, shapes and little-endian bytes, in the names' order."""
    digest = hashlib.sha256()
    for name, array in sorted(tensors.items()):
        entry = json.dumps([name, array.dtype.name, list(array.shape)], separators=(",", ":"))
        digest.update(entry.encode() + b"\n")
        digest.update(np.asarray(array, dtype=array.dtype.newbyteorder("<"), order="C").data)
    return digest.hexdigest()


@contextlib.contextmanager
def opened(path: str | os.PathLike) -> Iterator[tuple[BinaryIO, int]]:
    """The regular file at `path`, open to read, and its size in bytes. Never waits on a FIFO."""
    try:
        _check_regular(path)
        with open(path, "rb") as file:
            yield file, os.fstat(file.fileno()).st_size
    except OSError as error:
        raise Refused(
            f"cannot be read: {error.strerror or error}", "check its name and permissions"
        ) from error


def looks_right(path: str | os.PathLike) -> bool:
    """Whether `path` begins as a file of ours does. Reads some 30 bytes, raises nothing."""
    try:
        with opened(path) as (file, _):
            return file.read(8 + len(_START))[8:] == _START
    except Refused:
        return False


def read_header(file: BinaryIO, size: int) -> Header:
    """The header of a file of `size` bytes; Refused if it is damaged or not ours."""
    start = file.read(8 + len(_START))
    if not start:
        raise Refused("is empty")
    if start[8:] != _START:
        raise Refused(f"is not a texto model{_guess(start)}", "give a file made by `texto fit`")
    length = int.from_bytes(start[:8], "little")
    if not len(_START) <= length <= min(MAX_HEADER, size - 8):
        raise Refused(
            f"is corrupt: a header of {length} bytes in a file of {size} "
            f"(the limit is {MAX_HEADER})"
        )
    if size - 8 - length > MAX_TENSORS:
        raise Refused(f"holds {size} bytes, the limit is {MAX_TENSORS}")
    text = _START + file.read(length - len(_START))
    text = text.rstrip(b" ")
    if not text.endswith(b"}"):
        raise Refused("is corrupt: its header has no end")
    table = parse(text, "its header")
    metadata = table.pop("__metadata__")
    if set(metadata) != {KEY} or not isinstance(metadata[KEY], str):
        raise Refused("is corrupt: its metadata is not one text")
    return Header(metadata[KEY], table, 8 + length)


def parse(text: bytes | str, what: str) -> dict[str, Any]:
    """The JSON object in `text`; Refused for duplicate keys, NaN, huge numbers, deep nesting."""
    try:
        value = json.loads(
            text,
            object_pairs_hook=_unique,
            parse_int=_small_int,
            parse_float=_finite_float,
            parse_constant=_finite_float,
        )
    except (ValueError, RecursionError) as error:
        raise Refused(f"is corrupt: {what} is not valid ({type(error).__name__})") from error
    if not isinstance(value, dict):
        raise Refused(f"is corrupt: {what} is not a table")
    return value


def read_tensors(file: BinaryIO, size: int, header: Header) -> dict[str, np.ndarray]:
    """All tensors, by name, in the order of the file; Refused if a place or a value is bad.

    Each is read into its own array: memory is the size of the file, and nothing is allocated
    before the places are known to tile the file exactly.
    """
    slots = sorted(
        (_slot(name, entry) for name, entry in header.table.items()),
        key=lambda slot: (slot.begin, slot.end),
    )
    ends = itertools.chain([0], (slot.end for slot in slots))
    for slot, end in zip(slots, ends, strict=False):
        if slot.begin != end:
            raise Refused(f"is corrupt: tensor {slot.name!r} overlaps another or leaves a gap")
    found, stated = size - header.start, slots[-1].end if slots else 0
    if found != stated:
        raise Refused(f"is corrupt: {found} bytes of tensors where its header says {stated}")
    file.seek(header.start)
    return {slot.name: _read_tensor(file, slot) for slot in slots}


def check_tensor(name: str, array: np.ndarray) -> None:
    """Refused unless `array` can stand in a file: a plain name, a known dtype, finite values."""
    if not _NAME.fullmatch(name):
        raise Refused(f"has a tensor called {name!r}: letters, digits, '_' and '.' are allowed")
    if array.dtype.newbyteorder("=") not in _DTYPES.values():
        raise Refused(f"has the tensor {name!r} of dtype {array.dtype}, which cannot be stored")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise Refused(f"has values that are not finite in tensor {name!r}")


def _check_regular(path: str | os.PathLike) -> None:
    try:
        mode = os.stat(path).st_mode
    except ValueError as error:  # a NUL in the path
        raise Refused(f"cannot be read: {error}", "check its name") from error
    if stat.S_ISDIR(mode):
        raise Refused("is a folder", "give a model file")
    if not stat.S_ISREG(mode):
        raise Refused("is not a regular file", "give a model file")


def _slot(name: str, entry: Any) -> Slot:
    refused = Refused(f"is corrupt: the header's entry for tensor {name!r} makes no sense")
    if not _NAME.fullmatch(name) or not isinstance(entry, dict):
        raise refused
    if set(entry) != {"dtype", "shape", "data_offsets"} or not isinstance(entry["dtype"], str):
        raise refused
    dtype, shape, offsets = _DTYPES.get(entry["dtype"]), entry["shape"], entry["data_offsets"]
    if not _whole_numbers(shape) or not _whole_numbers(offsets) or len(offsets) != 2:
        raise refused
    if dtype is None:
        raise Refused(f"has the tensor {name!r} of dtype {entry['dtype']!r}, which is not known")
    # An empty tensor may not have another side that overflows when multiplied.
    if len(shape) > 8 or math.prod(max(side, 1) for side in shape) > MAX_TENSORS:
        raise refused
    if offsets[1] - offsets[0] != math.prod(shape) * dtype.itemsize:
        raise refused
    return Slot(name, dtype, tuple(shape), *offsets)


def _whole_numbers(values: Any) -> bool:
    return isinstance(values, list) and all(type(value) is int and value >= 0 for value in values)


def _read_tensor(file: BinaryIO, slot: Slot) -> np.ndarray:
    array = np.empty(slot.shape, dtype=slot.dtype.newbyteorder("<"))
    if array.nbytes and file.readinto(array.reshape(-1).view(np.uint8)) != array.nbytes:
        raise Refused(f"is corrupt: it ends within tensor {slot.name!r}")
    if slot.dtype.kind == "b" and array.view(np.uint8).max(initial=0) > 1:
        raise Refused(f"is corrupt: tensor {slot.name!r} is neither true nor false")
    array = native(array)
    check_tensor(slot.name, array)
    return array


def _guess(start: bytes) -> str:
    for magic, kind in _OTHER_FORMATS.items():
        if start.startswith(magic) and start[8:9] != b"{":
            return f" but {kind}"
    return " but another program's safetensors file" if start[8:10] == b'{"' else ""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        raise ValueError("duplicate key")
    return table


def _small_int(text: str) -> int:
    if len(text) > 20:
        raise ValueError("huge integer")
    return int(text)


def _finite_float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("not finite")
    return value
