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
from . import avif, by_pillow, dds, exr, hdr, jpeg2000, jpegxl, png, pnm, tiff
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
    "OpenEXR": exr.decode,
    "HDR": hdr.decode,
    "PNM": pnm.decode,
    "JPEG 2000": jpeg2000.decode,
    "JPEG XL": jpegxl.decode,
    "AVIF": avif.decode,
    "DDS": dds.decode,
    "TGA": by_pillow.decoder("TGA"),
}
_MAGIC = {
    png.SIGNATURE: "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
    b"BM": "BMP",
    **dict.fromkeys((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), "TIFF"),
    exr.SIGNATURE: "OpenEXR",
    **dict.fromkeys(hdr.SIGNATURES, "HDR"),
    **dict.fromkeys(pnm.SIGNATURES, "PNM"),
    **dict.fromkeys((jpeg2000.SIGNATURE, jpeg2000.CODESTREAM), "JPEG 2000"),
    **dict.fromkeys((jpegxl.SIGNATURE, jpegxl.CODESTREAM), "JPEG XL"),
    b"DDS ": "DDS",
}


def kind_of(source: Source) -> str | None:
    """The format of a file by its first bytes, None if unknown."""
    start = source.data[:12]
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "WebP"
    if start[4:8] == b"ftyp" and start[8:12] in avif.BRANDS:
        return "AVIF"
    kind = next((kind for magic, kind in _MAGIC.items() if start.startswith(magic)), None)
    return "TGA" if kind is None and _is_tga(source) else kind


def _is_tga(source: Source) -> bool:
    """Whether it says so at its end, or has both the suffix and a header that makes sense."""
    if source.data.endswith(b"TRUEVISION-XFILE.\0"):
        return True
    if source.suffix != ".tga" or len(source.data) < 18:
        return False
    has_map, kind, depth = source.data[1], source.data[2], source.data[16]
    return has_map < 2 and kind in (1, 2, 3, 9, 10, 11) and depth in (8, 15, 16, 24, 32)


def decode(source: Source) -> Samples:
    """The samples of the first frame of `source`; TextoError for anything wrong with it."""
    kind = kind_of(source)
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
