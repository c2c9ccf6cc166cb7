"""Bytes of a picture file -> samples as they are stored, by decoders kept on a short leash.

Each format is recognised by its first bytes and handed to one decoder: tifffile for TIFF,
imagecodecs for PNG, Pillow for all others. Sizes are checked from the header first.
Whatever a decoder raises becomes one TextoError; what it warns or logs is dropped.
"""

from __future__ import annotations

import contextlib
import io
import logging
import threading
import warnings
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from PIL import Image, ImageFile

from ...core.errors import TextoError
from . import png, tiff
from .samples import CMYK, RESAVE, SEVERAL, Metadata, Samples, Source, split

CONVERT = "convert it to an RGB or grey PNG first"
_LOCK = threading.RLock()
_LOGGERS = ("tifffile", "imagecodecs", "PIL.ImageFile", "PIL.TiffImagePlugin")

_MAGIC = {
    png.SIGNATURE: "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
    b"BM": "BMP",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",
    b"MM\0+": "TIFF",
}

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


def kind_of(data: bytes) -> str | None:
    """The format of a file that starts with `data` (12 bytes are enough), None if unknown."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    return next((kind for magic, kind in _MAGIC.items() if data.startswith(magic)), None)


def decode(source: Source) -> Samples:
    """The samples of the first frame of `source`; TextoError for anything wrong with it."""
    kind = kind_of(source.data[:12])
    if kind is None:
        raise TextoError(
            source.what, "is not a supported image", "give a PNG, JPEG, WebP, BMP, TIFF or GIF"
        )
    decoder = {"PNG": _decode_png, "TIFF": tiff.decode}.get(kind, _decode_pillow)
    try:
        with _leash():
            return decoder(source)
    except TextoError:
        raise
    except MemoryError as error:
        raise TextoError(source.what, "does not fit in memory", "scale it down") from error
    except Exception as error:  # decoders raise anything at all on damaged files
        raise TextoError(source.what, "is truncated or damaged", RESAVE) from error


@contextlib.contextmanager
def _leash() -> Iterator[None]:
    """Decoders are strict and silent inside, whatever the process's settings; one at a time.

    Pillow reads two globals: one to let truncated files pass, one to warn about large pictures.
    Both are put back on the way out.
    """
    with _LOCK, warnings.catch_warnings(), contextlib.ExitStack() as undo:
        warnings.simplefilter("ignore")
        switches: list[tuple[Any, str, Any]] = [
            (ImageFile, "LOAD_TRUNCATED_IMAGES", False),
            (Image, "MAX_IMAGE_PIXELS", None),
            *((logging.getLogger(name), "disabled", True) for name in _LOGGERS),
        ]
        for owner, name, value in switches:
            undo.callback(setattr, owner, name, getattr(owner, name))
            setattr(owner, name, value)
        yield


def _decode_png(source: Source) -> Samples:
    import imagecodecs

    source.check_size(*png.size(source.data, source.what))
    parts = png.parts(source.data, source.what)
    values = imagecodecs.png_decode(parts.essential)  # Pillow reduces 16 bits to 8
    return replace(
        split(values, float(np.iinfo(values.dtype).max)),
        orientation=_exif_orientation(parts.exif),
        metadata=Metadata(profile=parts.profile, exif=parts.exif),
        notes=(*parts.notes, *[SEVERAL] * parts.animated),
    )


def _decode_pillow(source: Source) -> Samples:
    kind = kind_of(source.data[:12]) or ""
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
        metadata = Metadata(profile=image.info.get("icc_profile"))
        if _is_animated(image):  # last: looking for a second frame moves the decoder
            notes.append(SEVERAL)
    return replace(samples, orientation=orientation, metadata=metadata, notes=tuple(notes))


def _orientation(image: Image.Image) -> int:
    with contextlib.suppress(Exception):  # broken metadata says nothing about the pixels
        value = image.getexif().get(0x0112, 1)
        return value if isinstance(value, int) and 1 <= value <= 8 else 1
    return 1


def _exif_orientation(data: bytes | None) -> int:
    image = Image.new("1", (1, 1))
    image.info["exif"] = data or b""
    return _orientation(image)


def _is_animated(image: Image.Image) -> bool:
    with contextlib.suppress(Exception):
        return bool(getattr(image, "is_animated", False))
    return False
