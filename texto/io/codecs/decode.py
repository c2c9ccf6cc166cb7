"""Bytes of a picture file -> samples as they are stored, by decoders kept on a short leash.

Each format is recognised by its first bytes and handed to one decoder. Sizes are checked from the
header first. Whatever a decoder raises becomes one TextoError; what it warns or logs is dropped.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from PIL import Image, ImageFile

from ...core.errors import TextoError
from . import by_pillow, png, tiff
from .samples import RESAVE, Samples, Source

_LOCK = threading.RLock()
_LOGGERS = ("tifffile", "imagecodecs", "PIL.ImageFile", "PIL.TiffImagePlugin")

_DECODERS: dict[str, Callable[[Source], Samples]] = {
    "PNG": png.decode,
    "JPEG": by_pillow.decoder("JPEG"),
    "WebP": by_pillow.decoder("WEBP"),
    "BMP": by_pillow.decoder("BMP"),
    "TIFF": tiff.decode,
    "GIF": by_pillow.decoder("GIF"),
}
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


def kind_of(data: bytes) -> str | None:
    """The format of a file that starts with `data` (12 bytes are enough), None if unknown."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WebP"
    return next((kind for magic, kind in _MAGIC.items() if data.startswith(magic)), None)


def decode(source: Source) -> Samples:
    """The samples of the first frame of `source`; TextoError for anything wrong with it."""
    kind = kind_of(source.data[:12])
    if kind is None:
        *names, last = _DECODERS
        remedy = f"give a {', '.join(names)} or {last}"
        raise TextoError(source.what, "is not a supported image", remedy)
    try:
        with _leash():
            return _DECODERS[kind](source)
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
