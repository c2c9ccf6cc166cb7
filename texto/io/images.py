"""Picture file <-> float32 (H, W, C) in [0, 1]; the only module that opens an image file.

Which formats, depths and metadata: see `codecs`. A picture comes back upright (EXIF). Colour is
converted to sRGB or, for commands that change a part of a picture, left in the file's own
colours; normals, data and labels are never converted.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ..core.choices import ALPHAS, KINDS, Alpha, Kind
from ..core.errors import TextoError, TextoWarning
from ..core.kinds import Meaning, kind_in_name
from . import colours, files
from .codecs import decode, encode, png
from .codecs.samples import NOTHING, Metadata, Samples, Source

PathLike = str | os.PathLike

MAX_PIXELS = 100_000_000
MAX_BYTES = 512 << 20
SUFFIXES = tuple(encode.FORMATS)
_READ_ONLY = ".gif .pgm .pbm .pam .pfm .j2k .j2c .jpf .jpx .jpe .jfif .apng"
READABLE = (*SUFFIXES, *_READ_ONLY.split())


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture read from a file.

    pixels   : (H, W, C) float32 in [0, 1], C-contiguous, C = 1 for grey and 3 for colour; one
               more where opacity is kept, by which colours are then multiplied
    bits     : the depth it was read at: 8, 16, or 32 for float
    stored   : (H, W, C) float32, the values of the file: upright, not multiplied by any opacity
    meaning  : how `pixels` follow from `stored`
    metadata : what the file says besides
    facts    : what was done on the way, for those who want to know
    """

    pixels: np.ndarray
    bits: int
    stored: np.ndarray
    meaning: Meaning
    metadata: Metadata = NOTHING
    facts: tuple[str, ...] = ()


def open_image(
    path: PathLike,
    *,
    alpha: Alpha = "refuse",
    kind: Kind | None = None,
    own: bool = False,
    max_pixels: int = MAX_PIXELS,
    max_bytes: int = MAX_BYTES,
    data: bytes | None = None,
) -> Picture:
    """The picture in the file `path`: its first frame, upright, in sRGB.

    `data` : the bytes of the file, where they are here already; `path` is then what it is called.

    An alpha channel that is opaque everywhere is dropped. For any other, `alpha` decides:
    "refuse" it, "ignore" it (keep the colours behind it), lay the picture on "white", or "keep"
    it as one more channel. `kind` : what the values mean; None: what the record of texto in the
    file says, or its name, see `kind_in_name`, or colour. Only colour is converted to sRGB, and
    only with `own` false. Floats of any size are brought to [0, 1], see `Meaning`.
    Raises TextoError for a file that is missing, not a regular file, larger than `max_bytes`,
    no picture, damaged, of more than `max_pixels` pixels (checked before decoding), or whose
    floating-point values are not finite. Memory: about 8 bytes a sample.
    """
    picture, notes = _open(path, alpha, kind, own, max_pixels, max_bytes, data)
    for note in notes:
        warnings.warn(note, TextoWarning, stacklevel=2)
    return picture


def read_image(
    path: PathLike,
    *,
    alpha: Alpha = "refuse",
    kind: Kind | None = None,
    max_pixels: int = MAX_PIXELS,
    max_bytes: int = MAX_BYTES,
) -> np.ndarray:
    """The pixels of `open_image`: (H, W, C) float32 in [0, 1].

    A TextoWarning tells which range of values became [0, 1] where the file has another.
    """
    picture, notes = _open(path, alpha, kind, False, max_pixels, max_bytes)
    if not picture.meaning.in_range:
        notes.append(picture.facts[-1])
    for note in notes:
        warnings.warn(note, TextoWarning, stacklevel=2)
    return picture.pixels


def read_text(path: PathLike, data: bytes | None = None) -> dict[str, str]:
    """The text chunks of a PNG by keyword, without decoding its pixels; {} for other formats.

    Texts beyond 4 MiB in all are left out with a note. `data` : see `open_image`. Raises
    TextoError for a file that cannot be opened or whose chunks are damaged. Memory: the file.
    """
    what = _name(path)
    with _opened(path) if data is None else io.BytesIO(data) as file:
        start = file.read(len(png.SIGNATURE))
        if start != png.SIGNATURE:
            return {}
        found, skipped = png.texts(start + file.read(MAX_BYTES), what)
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
    metadata: Metadata = NOTHING,
    force: bool = True,
) -> None:
    """Write `image`, (H, W) or (H, W, 1 to 4), in the format of `path`'s suffix.

    Two and four channels are grey and colour with opacity. `bits` is 8, 16 or 32 for float, as
    the format has it. Values are clipped to [0, 1] and rounded to the nearest step, but for
    floats, which are written as they are. Only JPEG loses anything (quality 95, 4:4:4). `text`
    goes into PNG files, and nowhere else; `metadata` as far as the format has a place for it.
    The same arguments give the same bytes. The file replaces an old one in one step, or, with
    `force` false, refuses to. Raises TextoError for other shapes, depths and suffixes, values
    that are not finite, and where the disk refuses.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in encode.FORMATS:
        raise TextoError(_name(path), f"has the suffix {suffix!r}", f"use {', '.join(SUFFIXES)}")
    files.check_writable(path, force=force)
    data = encode_image(suffix, image, bits=bits, text=text, metadata=metadata, what=_name(path))
    with files.replacing(path) as file:
        file.write(data)


def encode_image(
    suffix: str,
    image: np.ndarray,
    *,
    bits: int = 8,
    text: Mapping[str, str] | None = None,
    metadata: Metadata = NOTHING,
    what: str = "picture",
) -> bytes:
    """The bytes that `write_image` writes into a file of this `suffix`."""
    form = encode.FORMATS[suffix]
    if bits not in form.depths:
        remedy = f"choose from {', '.join(map(str, form.depths))}, or another format"
        raise TextoError("bits", f"is {bits!r}, which {suffix} cannot hold", remedy)
    values = encode.quantised(image, bits)
    if values.shape[2:] in ((2,), (4,)) and not form.alpha:
        raise TextoError(what, f"has an alpha channel, which {suffix} cannot hold", "use .png")
    if "text" in form.keeps:
        metadata = replace(metadata, text={**metadata.text, **(text or {})})
    return encode.encoded(what, form.encode, values, metadata)


# Reading


def _open(
    path: PathLike,
    alpha: Alpha,
    kind: Kind | None,
    own: bool,
    max_pixels: int,
    max_bytes: int,
    data: bytes | None = None,
) -> tuple[Picture, list[str]]:
    """The picture, and notes for the caller to give."""
    if alpha not in ALPHAS:
        raise TextoError("alpha", f"is {alpha!r}", f"choose from {', '.join(ALPHAS)}")
    if kind is not None and kind not in KINDS:
        raise TextoError("kind", f"is {kind!r}", f"choose from {', '.join(KINDS)}")
    what = _name(path)
    suffix = Path(path).suffix.lower()
    source = Source(what, _contents(path, max_bytes, data), max_pixels, suffix)
    samples = decode.decode(source)
    del source  # the pixels may need its place
    named = kind_in_name(path) or _kind_told(samples.metadata.text)
    found = kind or named or "colour"
    try:
        picture, notes = _finished(what, samples, alpha, found, own)
    except MemoryError as error:
        raise TextoError(what, "does not fit in memory", "scale it down") from error
    told = "" if kind else ", by what it is called" if named else ", as nothing tells another"
    facts = (f"{what}: read as {found}{told}", *(f"{what}: {fact}" for fact in picture.facts))
    return replace(picture, facts=facts), [f"{what}: {note}" for note in notes]


def _kind_told(text: Mapping[str, str]) -> Kind | None:
    """The kind in the record of a picture that texto made of maps, see `io.records`."""
    try:
        record = json.loads(text["texto"])
        told = record["maps"].get(f"map{record['map']}.kind")
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError):
        return None
    return told if told in KINDS else None


def _name(path: PathLike) -> str:
    return f"image {os.fspath(path)!r}"  # repr: a file name may hold control characters


def _contents(path: PathLike, max_bytes: int, data: bytes | None) -> bytes:
    """`data`, or the bytes of the regular file `path`; TextoError if there are none or too many."""
    what = _name(path)
    if data is None:
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


def _finished(
    what: str, samples: Samples, alpha: Alpha, kind: Kind, own: bool
) -> tuple[Picture, list[str]]:
    """The picture, scaled, turned, and in sRGB unless `own`; and notes."""
    notes, facts = list(samples.notes), []
    for values in (samples.values, samples.alpha):
        if values is not None and values.dtype.kind == "f":
            _check_floats(what, values)
    stored = np.divide(samples.values, samples.top, dtype=np.float32)
    opacity = None
    if samples.alpha is not None and samples.alpha.min() < samples.top:
        if alpha == "refuse":
            remedy = 'choose alpha "ignore" (drop it) or "white" (lay it on white)'
            raise TextoError(what, "has transparent pixels", remedy)
        opacity = np.divide(samples.alpha, samples.top, dtype=np.float32)[:, :, None].clip(0, 1)
    if opacity is not None and samples.premultiplied:
        stored = np.divide(stored, opacity, out=np.zeros_like(stored), where=opacity > 0)
        if samples.values.dtype.kind != "f":
            stored.clip(0, 1, out=stored)
    linear, metadata = samples.linear and kind == "colour", samples.metadata
    if kind == "colour" and not own and not linear:
        stored, done = colours.in_srgb(stored, metadata, notes)
        metadata = Metadata(srgb=bool(done) or metadata.srgb)
        facts += done
    elif own:
        notes += metadata.lost  # it is to be kept
        facts += ["its own colours and profile are kept"] * bool(metadata.profile)
    if opacity is not None and alpha == "white":
        stored = 1 - (1 - stored) * opacity
    kept = opacity is not None and alpha == "keep"
    if opacity is not None and kept:
        stored = np.concatenate([stored, opacity], axis=2)
    stored = np.ascontiguousarray(samples.upright(stored))
    meaning = Meaning.of(stored, kind, linear=linear, opacity=kept)
    if not meaning.in_range:
        light = "light, under the curve of sRGB, " if linear else ""
        facts.append(f"{light}from {meaning.low:.6g} to {meaning.high:.6g} as 0 to 1")
    pixels = np.ascontiguousarray(meaning.worked(stored))
    return Picture(pixels, samples.bits, stored, meaning, metadata, tuple(facts)), notes


def _check_floats(what: str, values: np.ndarray) -> None:
    bad = ~np.isfinite(values)
    if bad.any():
        rows, columns = np.nonzero(bad.any(axis=2) if bad.ndim == 3 else bad)
        pixels = "1 pixel" if len(rows) == 1 else f"{len(rows)} pixels"
        why = f"is non-finite at {pixels}, first at row {rows[0]}, column {columns[0]}"
        raise TextoError(what, why, "replace NaN and infinity in it")
