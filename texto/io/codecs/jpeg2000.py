"""JPEG 2000: the boxes of a JP2 file, or a bare codestream, through imagecodecs."""

from __future__ import annotations

import struct
from dataclasses import replace
from fractions import Fraction

import numpy as np

from ...core.errors import TextoError
from . import exif
from .boxes import box, boxes, first
from .extras import gathered
from .samples import NOTHING, RESAVE, Metadata, Samples, Source, split

SIGNATURE = b"\0\0\0\x0cjP  \r\n\x87\n"
CODESTREAM = b"\xff\x4f\xff\x51"  # the markers that start one, and its sizes
_END = b"\xff\xd9"
_EXIF = b"JpgTiffExif->JP2"
_SRGB, _GREY = 16, 17
_MAX_TILES = 1 << 14
_UNIT = Fraction(5000, 127)  # pixels a metre in one an inch


def decode(source: Source) -> Samples:
    """The samples of a picture of up to 16 bits, all channels of one size."""
    import imagecodecs

    notes: list[str] = []
    is_bare = source.data.startswith(CODESTREAM)
    stream = source.data if is_bare else first(source.data, b"jp2c")
    if not stream or not stream.startswith(CODESTREAM) or not stream.endswith(_END):
        raise TextoError(source.what, "is truncated or damaged", RESAVE)  # decoders fill the gap
    bits = _checked_bits(source, stream)
    metadata = NOTHING if is_bare else _metadata(source, notes)
    values = imagecodecs.jpeg2k_decode(stream, numthreads=1)  # alone: a profile would be applied
    return replace(
        split(values, float(2**bits - 1)),
        orientation=exif.orientation(metadata.exif),
        metadata=metadata,
        notes=tuple(notes),
    )


def encode(values: np.ndarray, metadata: Metadata) -> bytes:
    """A lossless JP2 file."""
    import imagecodecs

    packed = imagecodecs.jpeg2k_encode(values, level=0, codecformat="jp2", reversible=True)
    pieces = []
    for kind, content in boxes(bytes(packed)):
        if kind == b"jp2h":
            content = _header(content, metadata)
        if kind == b"jp2c" and metadata.exif is not None:
            pieces.append(box(b"uuid", _EXIF + metadata.exif))
        pieces.append(box(kind, content))
    return b"".join(pieces)


def _checked_bits(source: Source, stream: bytes) -> int:
    """The bits of a sample; TextoError for sizes and layouts that are not to be decoded."""
    _, right, bottom, left, top, width, height, x, y, n = struct.unpack_from(">H8IH", stream, 6)
    source.check_size(right - left, bottom - top)
    if min(width, height) < 1 or x > left or y > top:
        raise TextoError(source.what, "is divided into absurd tiles", RESAVE)
    tiles = -(-(right - x) // width) * -(-(bottom - y) // height)
    if tiles > _MAX_TILES:
        raise TextoError(source.what, "is divided into absurd tiles", RESAVE)
    parts = {stream[42 + 3 * i : 45 + 3 * i] for i in range(min(n, 5))}
    depth, *steps = next(iter(parts)) if len(parts) == 1 else (255, 0, 0)
    if not 1 <= n <= 4 or steps != [1, 1] or depth > 15:
        why = f"has {n} channels, or some that are signed, reduced or over 16 bits"
        raise TextoError(source.what, why, "save it as RGB or grey, 8 or 16 bits")
    return depth + 1


def _metadata(source: Source, notes: list[str]) -> Metadata:
    profile = block = dpi = None
    header = first(source.data, b"jp2h") or b""
    for kind, content in boxes(header):
        if kind == b"colr" and content[:1] in (b"\2", b"\3"):
            profile = profile or content[3:]
        elif kind == b"colr" and int.from_bytes(content[3:7], "big") not in (_SRGB, _GREY):
            raise TextoError(source.what, "is neither RGB nor grey", "save it as one of them")
        elif kind == b"pclr":
            raise TextoError(source.what, "has a palette", "save it as RGB or grey")
        elif kind == b"res ":
            dpi = _dpi(first(content, b"resd") or first(content, b"resc") or b"")
    for kind, content in boxes(source.data):
        if kind == b"uuid" and content.startswith(_EXIF):
            block = block or content[len(_EXIF) :]
    return gathered(notes, profile=profile, block=block, dpi=dpi)


def _header(content: bytes, metadata: Metadata) -> bytes:
    """The content of a header box, with a profile in place of the name of a colour space."""
    found = dict(boxes(content))
    if metadata.profile is not None:
        found[b"colr"] = b"\2\0\0" + metadata.profile
    if metadata.dpi is not None:
        found[b"res "] = box(b"resd", _resolution(metadata.dpi))
    return b"".join(box(kind, value) for kind, value in found.items())


def _resolution(dpi: tuple[float, float]) -> bytes:
    """Down before across, each as a fraction of 16-bit numbers and a power of ten."""
    fractions, powers = b"", b""
    for value in reversed(dpi):
        per_metre = Fraction(value) * _UNIT
        power = next(power for power in range(9) if per_metre * 127 < 65535 * 10**power)
        fractions += struct.pack(">HH", round(per_metre * 127 / 10**power), 127)
        powers += struct.pack(">b", power)
    return fractions + powers


def _dpi(content: bytes) -> tuple[float, float] | None:
    if len(content) != 10:
        return None
    down, of_down, across, of_across, power_down, power_across = struct.unpack(">4H2b", content)
    if not of_down or not of_across:
        return None
    return (
        float(Fraction(across, of_across) * Fraction(10) ** power_across / _UNIT),
        float(Fraction(down, of_down) * Fraction(10) ** power_down / _UNIT),
    )
