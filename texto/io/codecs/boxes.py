"""The boxes (length, kind, content) that JPEG 2000, JPEG XL and AVIF files are made of."""

from __future__ import annotations

import struct
from collections.abc import Iterator

_MOST = 10_000


def boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and content of each box in `data`; ValueError where one ends beyond it."""
    at = 0
    for _ in range(_MOST):
        if at == len(data):
            return
        length, kind = struct.unpack_from(">I4s", data, at)
        start = at + 8
        if length == 1:
            length, start = struct.unpack_from(">Q", data, start)[0], at + 16
        end = at + length if length else len(data)
        if not start <= end <= len(data):
            raise ValueError(f"the box {kind!r} is cut off")
        yield kind, data[start:end]
        at = end
    raise ValueError("there are too many boxes")


def first(data: bytes, kind: bytes) -> bytes | None:
    """The content of the first box of this kind."""
    return next((content for name, content in boxes(data) if name == kind), None)


def box(kind: bytes, content: bytes) -> bytes:
    """A box as bytes."""
    if len(content) + 8 < 1 << 32:
        return struct.pack(">I4s", len(content) + 8, kind) + content
    return struct.pack(">I4sQ", 1, kind, len(content) + 16) + content
