"""TIFF files through tifffile, as far as the tables below go."""

from __future__ import annotations

import contextlib
import io
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from PIL import Image

from ...core.errors import TextoError
from .extras import gathered
from .samples import CMYK, RESAVE, SEVERAL, Metadata, Samples, Source, split

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPage

# Colour models: what a sample means. YCbCr only as JPEG, which decodes to RGB.
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _CMYK, _YCBCR = 0, 1, 2, 3, 5, 6
_CHANNELS = {_WHITE_IS_ZERO: 1, _BLACK_IS_ZERO: 1, _RGB: 3, _PALETTE: 1, _CMYK: 4, _YCBCR: 3}
_EIGHT_BITS_ONLY = (_PALETTE, _CMYK, _YCBCR)
_TYPES = ("bool", "uint8", "uint16", "float16", "float32", "float64")

_JPEG = 7
_COMPRESSIONS = {
    1: "none",
    2: "CCITT RLE",
    3: "CCITT T.4",
    4: "CCITT T.6",
    5: "LZW",
    _JPEG: "JPEG",
    8: "deflate",
    32773: "PackBits",
    32946: "deflate, old number",
    34925: "LZMA",
    50000: "Zstandard",
}
_EXIF_TABLES, _MAKER_NOTE, _CAMERA = {0x8769, 0x8825}, 0x927C, (271, 272)
_UNSPECIFIED = "has a further sample of unspecified meaning, which is taken for alpha"
_MAX_SEGMENTS = 1 << 20
TEXTS = {  # tag -> what PNG calls such a text
    269: "Title",
    270: "Description",
    305: "Software",
    306: "Creation Time",
    315: "Author",
    33432: "Copyright",
}
_BASELINE = range(254, 348)  # tags of the format itself: sizes, offsets, layout
_ORDER: dict[str, Literal["little", "big"]] = {"<": "little", ">": "big"}


def decode(source: Source) -> Samples:
    """The samples of the first page; TextoError for what the tables above leave out."""
    import tifffile

    with tifffile.TiffFile(io.BytesIO(source.data)) as file:
        page = file.pages.first
        source.check_size(page.imagewidth, page.imagelength)
        _check_tags(source, file, page)
        _check_kind(source, page)
        _check_segments(source, page)
        samples = _samples(page)
        orientation = page.tags.valueof(274, default=1)
        notes = [*samples.notes, *[SEVERAL] * _has_second_page(file)]
        metadata = _metadata(source, page, notes)
    return replace(
        samples,
        orientation=int(orientation) if orientation in range(1, 9) else 1,
        metadata=metadata,
        notes=tuple(notes),
    )


def encode(values: np.ndarray, metadata: Metadata) -> bytes:
    """A deflated TIFF; its bytes depend on the arguments alone, not on time or program."""
    import tifffile

    tags = [
        (code, "s", 0, metadata.text[key].encode("utf-8", "backslashreplace"), True)
        for code, key in TEXTS.items()
        if key in metadata.text
    ]
    buffer = io.BytesIO()
    tifffile.imwrite(
        buffer,
        values.astype(np.float16) if metadata.half and values.dtype.kind == "f" else values,
        photometric="rgb" if values.shape[2:] in ((3,), (4,)) else "minisblack",
        extrasamples=["unassalpha"] if values.shape[2:] in ((2,), (4,)) else None,
        compression="zlib",
        iccprofile=metadata.profile,
        resolution=metadata.dpi,
        resolutionunit=None if metadata.dpi is None else "inch",
        extratags=tags,
        software=False,
        metadata=None,
    )
    return buffer.getvalue()


def _metadata(source: Source, page: TiffPage, notes: list[str]) -> Metadata:
    tags, texts = page.tags, []
    foreign = page.is_shaped or page.is_imagej or page.is_ome  # describes the file's own layout
    for code, key in TEXTS.items():
        value = tags.valueof(code)
        if isinstance(value, str) and value and not (foreign and key == "Description"):
            texts.append((key, value))
    profile = tags.valueof(34675)
    return gathered(
        notes,
        profile=profile if isinstance(profile, bytes) else None,
        block=_exif_block(source) if _EXIF_TABLES.intersection(tags.keys()) else None,
        dpi=_dpi(page),
        text=texts,
        half=page.dtype == np.float16,
    )


def _exif_block(source: Source) -> bytes:
    """The EXIF tables as a block of their own, without maker notes, which a new place breaks."""
    found, kept = Image.Exif(), Image.Exif()
    with contextlib.suppress(Exception):  # broken metadata says nothing about the pixels
        found.load_from_fp(io.BytesIO(source.data))
        kept.update({tag: found[tag] for tag in _CAMERA if tag in found})
        for table in _EXIF_TABLES:
            values = found.get_ifd(table)
            kept.get_ifd(table).update({tag: values[tag] for tag in values if tag != _MAKER_NOTE})
        return kept.tobytes()
    return b"damaged"


def _dpi(page: TiffPage) -> tuple[float, float] | None:
    factor = {2: 1.0, 3: 2.54}.get(page.tags.valueof(296, default=2))
    with contextlib.suppress(TypeError, ValueError, ZeroDivisionError):
        (across, parts_x), (down, parts_y) = page.tags.valueof(282), page.tags.valueof(283)
        return (across / parts_x * factor, down / parts_y * factor) if factor else None
    return None


def _check_tags(source: Source, file: TiffFile, page: TiffPage) -> None:
    """Raise TextoError where the page has tags that tifffile could not read.

    It leaves them out with a log message and falls back on defaults, such as 1 bit a sample.
    """
    form, start = file.tiff, page.offset + file.tiff.tagnosize
    count = int.from_bytes(source.data[page.offset : start], _ORDER[form.byteorder])
    table = source.data[start : start + count * form.tagsize]
    entries = range(0, len(table), form.tagsize)
    codes = {int.from_bytes(table[at : at + 2], _ORDER[form.byteorder]) for at in entries}
    lost = codes.intersection(_BASELINE).difference(tag.code for tag in page.tags)
    if lost or len(table) < count * form.tagsize:
        raise TextoError(source.what, "is truncated or damaged", RESAVE)


def _check_kind(source: Source, page: TiffPage) -> None:
    bits, model = page.bitspersample, page.photometric
    extra = page.samplesperpixel - _CHANNELS.get(model, 0)
    if str(page.dtype) not in _TYPES or not isinstance(bits, int):
        why = f"holds {page.dtype or 'unknown'} samples"
    elif model not in _CHANNELS or (model in _EIGHT_BITS_ONLY and bits > 8):
        why = f"has the colour model {int(model)} at {bits} bits"
    elif page.compression not in _COMPRESSIONS or (page.compression == _JPEG and bits != 8):
        why = f"has the compression {int(page.compression)} at {bits} bits"
    elif model == _YCBCR and page.compression != _JPEG:
        why = "is YCbCr without JPEG compression"
    elif extra not in (0, 1) or (extra and model == _PALETTE) or page.imagedepth != 1:
        why = f"has {page.samplesperpixel} samples a pixel"
    else:
        return
    raise TextoError(source.what, why, "save it as RGB or grey, 8 or 16 bits or float32")


def _check_segments(source: Source, page: TiffPage) -> None:
    """Raise TextoError where strips or tiles are missing, cut off or absurd.

    tifffile fills missing segments with zeros, which would pass for a picture.
    """
    offsets, counts = page.dataoffsets, page.databytecounts
    ends = [offset + count for offset, count in zip(offsets, counts, strict=False)]
    if not ends or min(offsets) < 1 or min(counts) < 1 or max(ends) > len(source.data):
        raise TextoError(source.what, "is truncated", RESAVE)
    width, height = page.imagewidth, page.imagelength
    if page.is_tiled:
        width, height = page.tilewidth, page.tilelength
    too_large = [len(ends) > _MAX_SEGMENTS, width * height > source.max_pixels]
    if page.compression == _JPEG:  # a JPEG has a size of its own, which the decoder trusts
        for offset, end in zip(offsets, ends, strict=False):
            with Image.open(io.BytesIO(source.data[offset:end]), formats=["JPEG"]) as image:
                too_large.append(image.width > width or image.height > height)
    if any(too_large):
        raise TextoError(source.what, "is divided into absurd strips or tiles", RESAVE)


def _samples(page: TiffPage) -> Samples:
    values = page.asarray(maxworkers=1)
    if page.axes.startswith("S"):  # one plane per channel
        values = np.moveaxis(values, 0, -1)
    values = values.reshape(page.imagelength, page.imagewidth, page.samplesperpixel)
    values = values.astype(np.uint8) if values.dtype == bool else values
    if page.photometric == _PALETTE:
        return split((np.asarray(page.colormap) >> 8).astype(np.uint8).T[values[:, :, 0]], 255.0)
    if page.photometric == _CMYK:
        inks = Image.frombytes("CMYK", values.shape[1::-1], values[:, :, :4].tobytes())
        return replace(split(np.asarray(inks.convert("RGB")), 255.0), notes=(CMYK,))
    top = float(2**page.bitspersample - 1) if values.dtype.kind == "u" else 1.0
    samples = split(values, top)
    if page.photometric == _WHITE_IS_ZERO:
        samples = replace(samples, values=values.dtype.type(top) - samples.values)
    kinds = [int(kind) for kind in page.extrasamples]
    if kinds == [0] and samples.alpha is not None and samples.alpha.min() < top:
        return replace(samples, notes=(_UNSPECIFIED,))
    return replace(samples, premultiplied=kinds == [1])


def _has_second_page(file: TiffFile) -> bool:
    with contextlib.suppress(Exception):
        return file.pages[1] is not None
    return False
