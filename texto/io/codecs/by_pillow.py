"""Formats that Pillow reads and writes as they are: JPEG, WebP, BMP, GIF, TGA and DDS."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from PIL import Image

from ...core.errors import TextoError
from .extras import decoded, gathered, per_inch
from .samples import CMYK, SEVERAL, Metadata, Samples, Source, split

CONVERT = "convert it to an RGB or grey PNG first"

# Pillow mode -> the mode to convert to, without and with transparency. Modes that are not listed
# are refused: convert() would saturate or blacken them.
_MODES = {
    "1": ("L", "LA"),
    "L": ("L", "LA"),
    "LA": ("LA", "LA"),
    "La": ("LA", "LA"),
    "P": ("RGB", "RGBA"),
    "PA": ("RGBA", "RGBA"),
    "RGB": ("RGB", "RGBA"),
    "RGBA": ("RGBA", "RGBA"),
    "RGBa": ("RGBA", "RGBA"),
    "RGBX": ("RGB", "RGB"),
    "YCbCr": ("RGB", "RGB"),
    "CMYK": ("RGB", "RGB"),
}


def decoder(kind: str) -> Callable[[Source], Samples]:
    """The decoder of what Pillow calls `kind`."""

    def decode(source: Source) -> Samples:
        with Image.open(io.BytesIO(source.data), formats=[kind]) as image:
            source.check_size(*image.size)
            mode = image.mode
            if mode not in _MODES:
                raise TextoError(source.what, f"has the colour mode {mode}", CONVERT)
            image.load()
            target = _MODES[mode]["transparency" in image.info]
            samples = split(np.asarray(image.convert(target)), 255.0)
            notes = [CMYK] * (mode == "CMYK")
            orientation = _orientation(image)
            metadata = _metadata(image, notes)
            if _is_animated(image):  # last: looking for a second frame moves the decoder
                notes.append(SEVERAL)
        return replace(samples, orientation=orientation, metadata=metadata, notes=tuple(notes))

    return decode


def encoder(kind: str, **options: Any) -> Callable[[np.ndarray, Metadata], bytes]:
    """The encoder of what Pillow calls `kind`, with its `options`."""

    def encode(values: np.ndarray, metadata: Metadata) -> bytes:
        extra: dict[str, Any] = {}
        if metadata.profile is not None:
            extra["icc_profile"] = metadata.profile
        if metadata.exif is not None:
            extra["exif"] = b"Exif\0\0" + metadata.exif
        if metadata.dpi is not None:
            extra["dpi"] = metadata.dpi
        if "Comment" in metadata.text:
            extra["comment"] = metadata.text["Comment"].encode("utf-8", "backslashreplace")
        buffer = io.BytesIO()
        Image.fromarray(values).save(buffer, kind, **{**options, **extra})
        return buffer.getvalue()

    return encode


def _metadata(image: Image.Image, notes: list[str]) -> Metadata:
    info = image.info
    comment = info.get("comment")
    return gathered(
        notes,
        profile=info.get("icc_profile"),
        block=info.get("exif"),
        dpi=_dpi(info, image.format or ""),
        text=[("Comment", decoded(comment))] if isinstance(comment, bytes) else [],
    )


def _dpi(info: dict[str | tuple[int, int], Any], kind: str) -> tuple[float, float] | None:
    if kind == "JPEG":  # Pillow's own figure is 72 where EXIF names none
        across, down = info.get("jfif_density", (0, 0))
        factor = {1: 1.0, 2: 2.54}.get(info.get("jfif_unit", 0), 0.0)
        return across * factor, down * factor
    if kind == "BMP" and "dpi" in info:  # what Pillow makes of whole pixels a metre
        across, down = (per_inch(round(value * 39.3701)) for value in info["dpi"])
        return across, down
    return None


def _orientation(image: Image.Image) -> int:
    with contextlib.suppress(Exception):  # broken metadata says nothing about the pixels
        value = image.getexif().get(0x0112, 1)
        return value if isinstance(value, int) and 1 <= value <= 8 else 1
    return 1


def _is_animated(image: Image.Image) -> bool:
    with contextlib.suppress(Exception):
        return bool(getattr(image, "is_animated", False))
    return False
