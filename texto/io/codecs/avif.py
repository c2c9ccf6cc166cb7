"""AVIF through imagecodecs, since Pillow reduces 10 and 12 bits to 8; sizes, depth, profile, EXIF
and orientation are read from its boxes."""

from __future__ import annotations

import contextlib
import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from ...core.errors import TextoError
from .boxes import boxes, first
from .extras import gathered
from .samples import RESAVE, SEVERAL, Metadata, Samples, Source, split

BRANDS = (b"avif", b"avis")
_WIDE = "names primaries or a transfer curve other than those of sRGB; its values are used as sRGB"
_SRGB_LIKE = ((1, 2), (1, 2, 6, 13))  # primaries and transfer curves by their numbers in H.273
# Quarter turns anticlockwise, then whether it is mirrored, and how -> EXIF's orientation
_TURNED: dict[tuple[int, int | None], int] = {
    (0, None): 1,
    (1, None): 8,
    (2, None): 3,
    (3, None): 6,
}
_MIRRORED: dict[tuple[int, int | None], int] = {
    (0, 1): 2,
    (0, 0): 4,
    (1, 1): 7,
    (1, 0): 5,
    (2, 1): 4,
    (2, 0): 2,
    (3, 1): 5,
    (3, 0): 7,
}
_ORIENTATIONS = _TURNED | _MIRRORED


def decode(source: Source) -> Samples:
    """The samples of the primary picture, of 8, 10 or 12 bits."""
    import imagecodecs

    notes: list[str] = []
    meta = first(source.data, b"meta")
    if meta is None:
        raise TextoError(source.what, "is damaged", RESAVE)
    items = _Items.read(meta[4:])
    for kind, content in items.every_property:  # also of the parts that it may be put together from
        if kind == b"ispe":
            source.check_size(*struct.unpack_from(">II", content, 4))
    found = dict(reversed(items.properties))
    bits = found[b"pixi"][5] if b"pixi" in found else 8
    values = imagecodecs.avif_decode(source.data, index=0, numthreads=1)
    height, width = values.shape[:2]
    source.check_size(width, height)
    profiles = [content for kind, content in items.properties if kind == b"colr"]
    profile = next((one[4:] for one in profiles if one[:4] in (b"prof", b"rICC")), None)
    for one in profiles:
        numbers = struct.unpack_from(">HH", one, 4) if one.startswith(b"nclx") else None
        if profile is None and numbers and not all(map(tuple.__contains__, _SRGB_LIKE, numbers)):
            notes.append(_WIDE)
    metadata = gathered(notes, profile=profile, block=_exif(source.data, meta[4:]))
    mirror = found[b"imir"][0] & 1 if b"imir" in found else None
    turns = found[b"irot"][0] & 3 if b"irot" in found else 0
    notes += [SEVERAL] * (source.data[8:12] == b"avis")
    return replace(
        split(values, float(2**bits - 1)),
        orientation=_ORIENTATIONS[turns, mirror],
        metadata=metadata,
        notes=tuple(notes),
    )


def encode(values: np.ndarray, metadata: Metadata) -> bytes:
    """A lossless file of 8 bits."""
    import imagecodecs

    return bytes(imagecodecs.avif_encode(values, level=100, speed=8, numthreads=1))


@dataclass(frozen=True)
class _Items:
    """The properties of the primary picture in the order of the file, and those of all pictures."""

    properties: list[tuple[bytes, bytes]]
    every_property: list[tuple[bytes, bytes]]

    @classmethod
    def read(cls, meta: bytes) -> _Items:
        primary = _primary(meta)
        tables = list(boxes(first(meta, b"iprp") or b""))
        everything = [one for kind, content in tables if kind == b"ipco" for one in boxes(content)]
        indices = [
            index
            for kind, content in tables
            if kind == b"ipma"
            for item, indices in _associations(content)
            if item == primary
            for index in indices
        ]
        if max(indices, default=0) > len(everything):
            raise ValueError("a property is missing")
        return cls([everything[index - 1] for index in indices if index], everything)


def _primary(meta: bytes) -> int:
    content = first(meta, b"pitm") or b""
    return struct.unpack_from(">H" if content[:1] == b"\0" else ">I", content, 4)[0]


def _associations(content: bytes) -> Iterator[tuple[int, list[int]]]:
    """Item and the numbers, from 1 on, of its properties."""
    version, is_wide = content[0], content[3] & 1
    at = 8
    for _ in range(struct.unpack_from(">I", content, 4)[0]):
        item, n = struct.unpack_from(">IB" if version else ">HB", content, at)
        at += 5 if version else 3
        codes = struct.unpack_from(f">{n}{'H' if is_wide else 'B'}", content, at)
        at += n * (2 if is_wide else 1)
        yield item, [code & (0x7FFF if is_wide else 0x7F) for code in codes]


def _exif(data: bytes, meta: bytes) -> bytes | None:
    """The EXIF block, where it lies in one piece of the file; None for anything unusual."""
    with contextlib.suppress(struct.error, IndexError, KeyError, ValueError):
        listed = first(meta, b"iinf") or b""
        for _, content in boxes(listed[8 if listed[0] else 6 :]):
            item, kind = struct.unpack_from(">I2x4s" if content[0] == 3 else ">H2x4s", content, 4)
            if kind == b"Exif":
                start, length = _places(first(meta, b"iloc") or b"")[item]
                piece = data[start : start + length]
                return piece[4 + int.from_bytes(piece[:4], "big") :]
    return None


def _places(content: bytes) -> dict[int, tuple[int, int]]:
    """Start and length of the items that are single pieces of the file, by item."""
    version, sizes, base_size = content[0], content[4], content[5] >> 4
    fields = io.BytesIO(content[6:])

    def number(n_bytes: int) -> int:
        return int.from_bytes(fields.read(n_bytes), "big")

    item_size = 4 if version == 2 else 2
    found = {}
    for _ in range(number(item_size)):
        item = number(item_size)
        method = number(2) & 15 if version else 0
        number(2)
        base, n_pieces = number(base_size), number(2)
        for _ in range(n_pieces):
            if version and content[5] & 15:
                number(content[5] & 15)
            place = base + number(sizes >> 4), number(sizes & 15)
        if n_pieces == 1 and not method:
            found[item] = place
    return found
