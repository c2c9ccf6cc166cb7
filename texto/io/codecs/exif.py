"""EXIF blocks as bytes: what turns a picture upright, and the same block for a picture that is.

Changed in place and never written anew: maker notes hold offsets that nobody else can mend.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

_ORIENTATION, _THUMBNAIL, _THUMBNAIL_SIZE = 0x0112, 0x0201, 0x0202
_SHORT, _LONG = 3, 4
_SIZES = {1: 1, 2: 1, _SHORT: 2, _LONG: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_MOST_ENTRIES = 1000


@dataclass(frozen=True)
class _Entry:
    """A row of a directory: `place` is where its value starts in the block."""

    tag: int
    kind: int
    place: int


def orientation(block: bytes | None) -> int:
    """The orientation, 1 to 8, that the EXIF `block` names; 1 where it names none."""
    for entry, order in _entries(block):
        if entry.tag == _ORIENTATION and entry.kind == _SHORT:
            value = struct.unpack_from(order + "H", block or b"", entry.place)[0]
            return value if 1 <= value <= 8 else 1
    return 1


def sound(block: bytes) -> bool:
    """Whether the first directory of the EXIF `block` and all its values lie inside it."""
    return bool(_directory(block))


def upright(block: bytes) -> bytes | None:
    """`block` for a picture whose pixels are upright and changed; None if it is broken.

    Its thumbnail, which shows the picture as it was, is unlinked and blanked.
    """
    found = _directory(block)
    if not found:
        return None
    changed, (order, _, end) = bytearray(block), found
    for entry, _ in _entries(block):
        if entry.tag == _ORIENTATION and entry.kind == _SHORT:
            struct.pack_into(order + "H", changed, entry.place, 1)
    if end + 4 > len(block):
        return bytes(changed)
    second = struct.unpack_from(order + "I", block, end)[0]
    where = {
        entry.tag: struct.unpack_from(order + "I", block, entry.place)[0]
        for entry, _ in _entries(block, second)
        if entry.kind == _LONG
    }
    start = where.get(_THUMBNAIL, len(block))
    stop = min(start + where.get(_THUMBNAIL_SIZE, 0), len(block))
    if start < stop and block[start : start + 2] == b"\xff\xd8":
        changed[start:stop] = bytes(stop - start)
    struct.pack_into(order + "I", changed, end, 0)
    return bytes(changed)


def _entries(block: bytes | None, at: int | None = None) -> Iterator[tuple[_Entry, str]]:
    """The rows of the directory at `at`, else of the first one, each with the byte order."""
    found = _directory(block or b"", at)
    if found:
        order, start, end = found
        for place in range(start, end, 12):
            tag, kind, count = struct.unpack_from(order + "HHI", block or b"", place)
            size = _SIZES.get(kind, 1) * count
            offset = struct.unpack_from(order + "I", block or b"", place + 8)[0]
            yield _Entry(tag, kind, place + 8 if size <= 4 else offset), order


def _directory(block: bytes, at: int | None = None) -> tuple[str, int, int] | tuple[()]:
    """Byte order, start and end of the rows of a directory; () if anything lies outside."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(block[:4])
    if order is None or len(block) < 8:
        return ()
    at = struct.unpack_from(order + "I", block, 4)[0] if at is None else at
    if at < 8 or at + 2 > len(block):
        return ()
    count = struct.unpack_from(order + "H", block, at)[0]
    start, end = at + 2, at + 2 + 12 * count
    if count > _MOST_ENTRIES or end > len(block):
        return ()
    for place in range(start, end, 12):
        kind, number, offset = struct.unpack_from(order + "HII", block, place + 2)
        size = _SIZES.get(kind, 1) * number
        if size > 4 and offset + size > len(block):
            return ()
    return order, start, end
