"""A safetensors file with one signed metadata text, where no byte is believed before it is checked.

Layout: the header's length (8 bytes, little-endian), the header (JSON: the metadata, then dtype,
shape and place of every tensor), the tensors' bytes without gaps. The safetensors library writes
and reads it. It would accept arrays that are not contiguous and write them wrong, and lets pass
duplicate keys, unknown fields and flipped bits, so both directions go through here.

The metadata text is sorted JSON: `format` and `version`, fields of the kind of file, `tensors`,
the SHA-256 of these, and `checksum`, the SHA-256 of all other metadata.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from .files import Refused, opened, replacing

KEY = "texto"
MAX_HEADER = 2**20
MAX_TENSORS = 2**32  # bytes of all tensors together
_START = b'{"__metadata__":{"' + KEY.encode() + b'":'
_NAME = re.compile(r"[A-Za-z0-9_.]{1,200}", re.ASCII)
_ENTRY = {"dtype", "shape", "data_offsets"}
_OTHER_FORMATS = {
    b"PK\x03\x04": "a zip archive, as PyTorch and NumPy write",
    b"\x80": "a pickle",
    b"\x93NUMPY": "a NumPy array",
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"II*\x00": "a TIFF picture",
    b"MM\x00*": "a TIFF picture",
}

Tensors = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Kind:
    """One kind of file: its `name` in messages, its `format` in metadata, the versions it has.

    The last of the `versions` is written. `fields` : the types of the metadata that it holds
    besides what every kind does.
    """

    name: str
    format: str
    versions: range
    fields: Mapping[str, type]

    def write(self, path: str | os.PathLike, tensors: Tensors, fields: Mapping[str, Any]) -> None:
        """Write the file anew, whole or not at all; the same bytes for the same content.

        `fields` : plain data for JSON. Refused for tensors that cannot be stored, before
        anything is written; TextoError where the disk refuses.
        """
        data = self.packed(tensors, fields)
        with replacing(path) as file:
            file.write(data)

    def packed(self, tensors: Tensors, fields: Mapping[str, Any]) -> bytes:
        """The bytes of the file, read back once: what was meant must be in there."""
        for name, array in tensors.items():
            check_tensor(name, array)
        data = pack(tensors, self.signed(tensors, fields))
        self.unpacked(io.BytesIO(data), len(data))
        return data

    def signed(self, tensors: Tensors, fields: Mapping[str, Any]) -> str:
        """The metadata text."""
        ours = {"format": self.format, "version": self.versions[-1], **fields}
        ours["tensors"] = tensors_hash(tensors)
        return dumps({**ours, "checksum": checksum(ours)})

    def read(self, path: str | os.PathLike) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """All metadata and the tensors of the file; Refused where anything in it is wrong.

        Memory: twice the file.
        """
        with opened(path) as (file, size):
            return self.unpacked(file, size)

    def read_fields(self, path: str | os.PathLike) -> dict[str, Any]:
        """The metadata alone, without reading the tensors; Refused as `read`."""
        with opened(path) as (file, size):
            return self._fields(read_header(file, size, self.name))

    def unpacked(self, file: BinaryIO, size: int) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """`read` of an open file of `size` bytes."""
        fields = self._fields(read_header(file, size, self.name))
        tensors = read_tensors(file, size)
        if fields["tensors"] != tensors_hash(tensors):
            raise Refused("is corrupt: the checksum of its tensors does not match")
        return fields, tensors

    def _fields(self, text: str) -> dict[str, Any]:
        fields = parse(text, "its metadata")
        self._check_version(fields)
        types = {"checksum": str, "format": str, "tensors": str, "version": int, **self.fields}
        if wrong := sorted(set(types) ^ set(fields)):
            raise Refused(f"is corrupt: missing or unknown metadata {wrong[0]!r}")
        for name, kind in types.items():
            if type(fields[name]) is not kind:
                raise Refused(f"is corrupt: metadata {name!r} is not of type {kind.__name__}")
        unsigned = {key: value for key, value in fields.items() if key != "checksum"}
        # The text itself must be what we would write, so that no byte of it escapes the checksum.
        if fields["checksum"] != checksum(unsigned) or text != dumps(fields):
            raise Refused("is corrupt: the checksum of its metadata does not match")
        return fields

    def _check_version(self, fields: Mapping[str, Any]) -> None:
        if fields.get("format") != self.format:
            raise Refused(f"is not a {self.name}", "give a file made by `texto fit`")
        version = fields.get("version")
        if type(version) is not int:
            raise Refused("is corrupt: it has no format version")
        if version not in self.versions:
            raise Refused(
                f"has format version {version}, this program reads "
                f"{self.versions[0]}..{self.versions[-1]}",
                "update texto, or fit it again",
            )


def pack(tensors: Tensors, metadata: str) -> bytes:
    """The bytes of a file that holds `tensors` and `metadata`; the same bytes every time."""
    import safetensors.numpy

    return safetensors.numpy.save(
        {name: native(array) for name, array in tensors.items()}, metadata={KEY: metadata}
    )


def native(array: np.ndarray) -> np.ndarray:
    """`array` contiguous in C order and in the machine's byte order (0-d stays 0-d)."""
    array = np.asarray(array)
    return np.asarray(array, dtype=array.dtype.newbyteorder("="), order="C")


def tensors_hash(tensors: Tensors) -> str:
    """SHA-256 (hex) over names, dtypes, shapes and little-endian bytes, in the names' order."""
    digest = hashlib.sha256()
    for name, array in sorted(tensors.items()):
        entry = json.dumps([name, array.dtype.name, list(array.shape)], separators=(",", ":"))
        digest.update(entry.encode() + b"\n")
        digest.update(np.asarray(array, dtype=array.dtype.newbyteorder("<"), order="C").data)
    return digest.hexdigest()


def dumps(value: Any) -> str:
    """`value` as the one JSON text that equal values have."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def checksum(value: Any) -> str:
    """The SHA-256 (hex) over plain data."""
    return hashlib.sha256(dumps(value).encode()).hexdigest()


def looks_right(path: str | os.PathLike) -> bool:
    """Whether `path` begins as a file of ours does. Reads some 30 bytes, raises nothing."""
    try:
        with opened(path) as (file, _):
            return file.read(8 + len(_START))[8:] == _START
    except Refused:
        return False


def read_header(file: BinaryIO, size: int, name: str = "texto model") -> str:
    """The metadata text of a file of `size` bytes; Refused if its header is damaged, or not ours.

    `name` : what it should be, for the message.
    """
    start = file.read(8 + len(_START))
    if not start:
        raise Refused("is empty")
    if start[8:] != _START:
        raise Refused(f"is not a {name}{_guess(start)}", "give a file made by `texto fit`")
    length = int.from_bytes(start[:8], "little")
    if not len(_START) <= length <= min(MAX_HEADER, size - 8):
        raise Refused(
            f"is corrupt: a header of {length} bytes in a file of {size} "
            f"(the limit is {MAX_HEADER})"
        )
    if size - 8 - length > MAX_TENSORS:
        raise Refused(f"holds {size} bytes, the limit is {MAX_TENSORS}")
    text = _START + file.read(length - len(_START))
    table = parse(text, "its header")
    metadata = table.pop("__metadata__")
    if set(metadata) != {KEY} or not isinstance(metadata[KEY], str):
        raise Refused("is corrupt: its metadata is not one text")
    again = {"__metadata__": metadata, **table}
    # The library lets pass duplicate keys, unknown fields and any white space.
    if json.dumps(again, separators=(",", ":")).encode() != text.rstrip(b" ") or any(
        not isinstance(entry, dict) or set(entry) != _ENTRY for entry in table.values()
    ):
        raise Refused("is corrupt: its header is not as it was written")
    return metadata[KEY]


def parse(text: bytes | str, what: str) -> dict[str, Any]:
    """The JSON object in `text`; Refused for NaN, huge numbers, deep nesting."""
    try:
        value = json.loads(text)
        dumps(value)
    except (ValueError, RecursionError) as error:
        raise Refused(f"is corrupt: {what} is not valid ({type(error).__name__})") from error
    if not isinstance(value, dict):
        raise Refused(f"is corrupt: {what} is not a table")
    return value


def read_tensors(file: BinaryIO, size: int) -> dict[str, np.ndarray]:
    """All tensors, by name, of a file whose header was read; Refused if a place or value is bad.

    The library allocates nothing before the places are known to tile the file exactly.
    """
    import safetensors.numpy

    try:
        file.seek(0)
        found = safetensors.numpy.load(file.read(size))
    except (safetensors.SafetensorError, KeyError, ValueError) as error:  # KeyError: the dtype
        why = ascii(str(error)).strip("\"'").removeprefix("Error while deserializing: ")
        raise Refused(f"is corrupt: its tensors make no sense ({why[:200]})") from error
    for name, array in found.items():
        check_tensor(name, array)
    # Versions of the library before 0.5 give arrays that cannot be written to.
    return {name: np.require(native(array), requirements="W") for name, array in found.items()}


def check_tensor(name: str, array: np.ndarray) -> None:
    """Refused unless `array` can stand in a file: a plain name, a known dtype, finite values."""
    if not _NAME.fullmatch(name):
        raise Refused(f"has a tensor called {name!r}: letters, digits, '_' and '.' are allowed")
    if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
        raise Refused(f"has the tensor {name!r} of dtype {array.dtype}, which cannot be stored")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise Refused(f"has values that are not finite in tensor {name!r}")
    if array.dtype.kind == "b" and array.view(np.uint8).max(initial=0) > 1:
        raise Refused(f"is corrupt: tensor {name!r} is neither true nor false")


def _guess(start: bytes) -> str:
    for magic, kind in _OTHER_FORMATS.items():
        if start.startswith(magic) and start[8:9] != b"{":
            return f" but {kind}"
    return " but another program's safetensors file" if start[8:10] == b'{"' else ""
