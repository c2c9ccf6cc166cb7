"""Picture file <-> float32 (H, W, C) in [0, 1]; the only module that opens an image file.

Reads PNG, JPEG, WebP, BMP, TIFF and GIF of 8 bits, 16 bits or float; writes the same but GIF.
A picture comes back upright (EXIF) and in sRGB; no metadata goes from an input to an output.
"""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np

from ..core.choices import ALPHAS
from ..core.errors import TextoError, TextoWarning
from . import files
from .codecs import decode, encode, png
from .codecs.samples import Metadata, Samples, Source

Alpha = Literal["refuse", "ignore", "white"]
PathLike = str | os.PathLike

MAX_PIXELS = 100_000_000
MAX_BYTES = 512 << 20
SUFFIXES = tuple(encode.FORMATS)


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture read from a file.

    pixels : (H, W, C) float32 in [0, 1], C-contiguous, C = 1 for grey and 3 for colour
    bits   : the depth it was read at: 8, 16, or 32 for float
    """

    pixels: np.ndarray
    bits: int


def open_image(
    path: PathLike,
    *,
    alpha: Alpha = "refuse",
    max_pixels: int = MAX_PIXELS,
    max_bytes: int = MAX_BYTES,
) -> Picture:
    """The picture in the file `path`: its first frame, upright, in sRGB.

    An alpha channel that is opaque everywhere is dropped. For any other, `alpha` decides:
    "refuse" it, "ignore" it (keep the colours behind it) or lay the picture on "white".
    Raises TextoError for a file that is missing, not a regular file, larger than `max_bytes`,
    no picture, damaged, of more than `max_pixels` pixels (checked before decoding), or whose
    floating-point values are not finite or not in [0, 1]. Memory: about 8 bytes a sample.
    """
    picture, notes = _open(path, alpha, max_pixels, max_bytes)
    for note in notes:
        warnings.warn(note, TextoWarning, stacklevel=2)
    return picture


def read_image(
    path: PathLike,
    *,
    alpha: Alpha = "refuse",
    max_pixels: int = MAX_PIXELS,
    max_bytes: int = MAX_BYTES,
) -> np.ndarray:
    """The pixels of `open_image`: (H, W, C) float32 in [0, 1]."""
    picture, notes = _open(path, alpha, max_pixels, max_bytes)
    for note in notes:
        warnings.warn(note, TextoWarning, stacklevel=2)
    return picture.pixels


def read_text(path: PathLike) -> dict[str, str]:
    """The text chunks of a PNG by keyword, without decoding its pixels; {} for other formats.

    Texts beyond 4 MiB in all are left out with a note. Raises TextoError for a file that cannot
    be opened or whose chunks are damaged. Memory: the file.
    """
    what = _name(path)
    with _opened(path) as file:
        data = file.read(len(png.SIGNATURE))
        if data != png.SIGNATURE:
            return {}
        found, skipped = png.texts(data + file.read(MAX_BYTES), what)
    if skipped:
        note = f"{what}: {skipped} text chunks are damaged or too long and left out"
        warnings.warn(note, TextoWarning, stacklevel=2)
    return found


def write_image(
    path: PathLike,
    image: np.ndarray,
    *,
    bits: int = 8,
    text: Mapping[str, str] | None = None,
    force: bool = True,
) -> None:
    """Write `image`, (H, W), (H, W, 1) or (H, W, 3) in [0, 1], in the format of `path`'s suffix.

    `bits` is 8; 16 for PNG and TIFF; 32 (float) for TIFF. Values are clipped to [0, 1] and
    rounded to the nearest step. Only JPEG loses anything (quality 95, 4:4:4). `text` goes into
    PNG files, and nowhere else. The same pixels and text give the same bytes. The file replaces
    an old one in one step, or, with `force` false, refuses to. Raises TextoError for other
    shapes, depths and suffixes, values that are not finite, and where the disk refuses.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in encode.FORMATS:
        raise TextoError(_name(path), f"has the suffix {suffix!r}", f"use {', '.join(SUFFIXES)}")
    form = encode.FORMATS[suffix]
    if bits not in form.depths:
        remedy = f"choose from {', '.join(map(str, form.depths))}, or another format"
        raise TextoError("bits", f"is {bits!r}, which {suffix} cannot hold", remedy)
    files.check_writable(path, force=force)
    values = encode.quantised(image, bits)
    data = encode.encoded(_name(path), form.encode, values, Metadata(text=text or {}))
    with files.replacing(path) as file:
        file.write(data)


def encode_png(image: np.ndarray, *, bits: int = 8, text: Mapping[str, str] | None = None) -> bytes:
    """The bytes that `write_image` writes for a PNG of 8 or 16 `bits`."""
    if bits not in (8, 16):
        raise TextoError("bits", f"is {bits!r}, which PNG cannot hold", "choose from 8, 16")
    values = encode.quantised(image, bits)
    return encode.encoded("PNG", encode.FORMATS[".png"].encode, values, Metadata(text=text or {}))


# Reading


def _open(path: PathLike, alpha: str, max_pixels: int, max_bytes: int) -> tuple[Picture, list[str]]:
    """The picture, and notes for the caller to give."""
    if alpha not in ALPHAS:
        raise TextoError("alpha", f"is {alpha!r}", f"choose from {', '.join(ALPHAS)}")
    what = _name(path)
    suffix = Path(path).suffix.lower()
    source = Source(what, _contents(path, max_bytes), max_pixels, suffix)
    samples = decode.decode(source)
    del source  # the pixels may need its place
    notes = list(samples.notes)
    try:
        pixels = _finished(what, samples, alpha, notes)
    except MemoryError as error:
        raise TextoError(what, "does not fit in memory", "scale it down") from error
    return Picture(pixels, samples.bits), [f"{what}: {note}" for note in notes]


def _name(path: PathLike) -> str:
    return f"image {os.fspath(path)!r}"  # repr: a file name may hold control characters


def _contents(path: PathLike, max_bytes: int) -> bytes:
    """All bytes of the regular file `path`; TextoError if there are none or too many."""
    what = _name(path)
    with _opened(path) as file:
        data = file.read(max_bytes + 1)
    if not data:
        raise TextoError(what, "is an empty file", "give a picture")
    if len(data) > max_bytes:
        why = f"is over the limit of {max_bytes / 2**20:.4g} MiB"
        raise TextoError(what, why, "give a smaller file, or raise max_bytes")
    return data


@contextlib.contextmanager
def _opened(path: PathLike) -> Iterator[BinaryIO]:
    """`path` open for reading; TextoError where it cannot be opened, or read inside the block."""
    what = _name(path)
    try:
        with files.opened(path, "picture file") as (file, _):
            yield file
    except files.Refused as refused:
        raise TextoError(what, refused.why, refused.remedy) from refused
    except MemoryError as error:
        raise TextoError(what, "does not fit in memory", "give a smaller file") from error


def _finished(what: str, samples: Samples, alpha: str, notes: list[str]) -> np.ndarray:
    """(H, W, C) float32 in [0, 1], contiguous: scaled, turned, in sRGB, without alpha."""
    for values in (samples.values, samples.alpha):
        if values is not None and values.dtype.kind == "f":
            _check_floats(what, values)
    pixels = np.divide(samples.values, samples.top, dtype=np.float32)
    opacity = None
    if samples.alpha is not None and samples.alpha.min() < samples.top:
        if alpha == "refuse":
            remedy = 'choose alpha "ignore" (drop it) or "white" (lay it on white)'
            raise TextoError(what, "has transparent pixels", remedy)
        opacity = np.divide(samples.alpha, samples.top, dtype=np.float32)[:, :, None]
    if opacity is not None and samples.premultiplied:
        pixels = np.divide(pixels, opacity, out=np.zeros_like(pixels), where=opacity > 0)
        pixels.clip(0, 1, out=pixels)
    if samples.metadata.profile and pixels.shape[2] == 3:
        pixels = _in_srgb(pixels, samples.metadata.profile, notes)
    if opacity is not None and alpha == "white":
        pixels = (1 - (1 - pixels) * opacity).clip(0, 1)
    return np.ascontiguousarray(_TURNS[samples.orientation](pixels))


def _check_floats(what: str, values: np.ndarray) -> None:
    bad = ~np.isfinite(values)
    if bad.any():
        rows, columns = np.nonzero(bad.any(axis=2) if bad.ndim == 3 else bad)
        pixels = "1 pixel" if len(rows) == 1 else f"{len(rows)} pixels"
        why = f"is non-finite at {pixels}, first at row {rows[0]}, column {columns[0]}"
        raise TextoError(what, why, "replace NaN and infinity in it")
    low, high = float(values.min()), float(values.max())
    if low < 0 or high > 1:
        why = f"has values in the range {low:.6g} to {high:.6g}, outside [0, 1]"
        raise TextoError(what, why, "scale its values to [0, 1]")


_TURNS: dict[int, Callable[[np.ndarray], np.ndarray]] = {  # by EXIF orientation
    1: lambda image: image,
    2: lambda image: image[:, ::-1],
    3: lambda image: image[::-1, ::-1],
    4: lambda image: image[::-1],
    5: lambda image: image.swapaxes(0, 1),
    6: lambda image: np.rot90(image, -1),
    7: lambda image: image[::-1, ::-1].swapaxes(0, 1),
    8: lambda image: np.rot90(image),
}


def _in_srgb(pixels: np.ndarray, profile: bytes, notes: list[str]) -> np.ndarray:
    """`pixels` converted from an RGB `profile` to sRGB, relative colorimetric.

    In floats, because the integer transforms of Little CMS are off by up to 19 levels of 255 at
    16 bits. Profiles of other colour spaces are left alone, broken ones with a note.
    """
    if profile[16:20] != b"RGB ":
        return pixels
    grid = np.stack(np.meshgrid(*[np.linspace(0, 1, 5, dtype=np.float32)] * 3), axis=-1)
    try:
        grid = grid.reshape(-1, 5, 3)
        if np.abs(_transformed(grid, profile) - grid).max() < 0.5 / 255:
            return pixels  # it is sRGB, by whatever name
        return _transformed(pixels, profile)
    except Exception:  # whatever a broken profile does to the library
        notes.append("has a broken colour profile, which is ignored")
        return pixels


def _transformed(pixels: np.ndarray, profile: bytes) -> np.ndarray:
    import imagecodecs

    srgb = imagecodecs.cms_profile("srgb")
    values = imagecodecs.cms_transform(
        pixels, profile, srgb, intent=1, colorspace="rgb", outcolorspace="rgb"
    )
    if not np.isfinite(values).all():
        raise ValueError("the profile leads to values that are not finite")
    return values.clip(0, 1)
