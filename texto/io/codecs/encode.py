"""float32 pictures -> the bytes of a picture file; the same pixels and text, the same bytes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ...core.errors import TextoError
from . import avif, by_pillow, exif, exr, hdr, jpeg2000, jpegxl, png, pnm, tiff
from .extras import MAX_EXTRA
from .samples import Metadata


def quantised(image: np.ndarray, bits: int) -> np.ndarray:
    """`image` as (H, W) or (H, W, 2 to 4) uint8 or uint16, clipped to [0, 1], or float32."""
    values = np.asarray(image)
    if values.ndim == 3 and values.shape[2] == 1:
        values = values[:, :, 0]
    if (values.ndim != 2 and values.shape[2:] not in ((2,), (3,), (4,))) or 0 in values.shape:
        why = f"has shape {np.shape(image)}"
        raise TextoError("picture", why, "give (H, W) or (H, W, 1 to 4)")
    if values.dtype.kind not in "fb":
        why = f"holds {values.dtype} values"
        raise TextoError("picture", why, "scale it to float32 in [0, 1]")
    if not np.isfinite(values).all():
        raise TextoError("picture", "has values that are not finite", "replace NaN and infinity")
    if bits == 32:
        return values.astype(np.float32)
    values = np.clip(values, 0, 1).astype(np.float32)
    values *= 2**bits - 1
    return np.rint(values, out=values).astype(np.uint8 if bits == 8 else np.uint16)


# (H, W), (H, W, 3), or with alpha last, not multiplied, (H, W, 2) and (H, W, 4) -> a file
Encoder = Callable[[np.ndarray, Metadata], bytes]


@dataclass(frozen=True)
class Format:
    """What files of a suffix can hold, and how they are written.

    depths : bits a sample, 32 is float. alpha : whether transparency has a place. keeps : the
    names of the fields of `Metadata` that have one. lossless : whether pixels come back.
    keywords : those of the texts that have a place, None for any. longest : bytes of an EXIF
    block or a text. linear : values are proportional to light.
    """

    write: Encoder
    depths: tuple[int, ...] = (8,)
    alpha: bool = False
    keeps: frozenset[str] = frozenset()
    lossless: bool = True
    keywords: frozenset[str] | None = None
    longest: int = MAX_EXTRA
    linear: bool = False

    def held(self, metadata: Metadata) -> Metadata:
        """The part of `metadata` that has a place here, its EXIF block for upright pixels."""
        found = {name: getattr(metadata, name) for name in self.keeps}
        if found.get("exif") is not None:
            block = exif.upright(found["exif"])
            found["exif"] = block if block and len(block) <= self.longest else None
        if "text" in found:
            found["text"] = {
                key: value
                for key, value in metadata.text.items()
                if (self.keywords is None or key in self.keywords)
                and len(value.encode("utf-8", "backslashreplace")) <= self.longest
            }
        return Metadata(**found)

    def encode(self, values: np.ndarray, metadata: Metadata) -> bytes:
        """The file of `values` with what it can hold of `metadata`."""
        return self.write(values, self.held(metadata))


def encoded(what: str, encoder: Encoder, values: np.ndarray, metadata: Metadata) -> bytes:
    """The file of `values` by `encoder`; TextoError where the format has no room for them."""
    try:
        return encoder(np.ascontiguousarray(values), metadata)
    except TextoError:
        raise
    except MemoryError as error:
        raise TextoError(what, "does not fit in memory", "make the picture smaller") from error
    except Exception as error:  # WebP ends at 16383 pixels a side, JPEG at 65500
        size = f"{values.shape[1]}x{values.shape[0]}"
        raise TextoError(
            what, f"cannot hold {size} pixels", "write a smaller one or TIFF"
        ) from error


_JPEG = Format(
    by_pillow.encoder("JPEG", quality=95, subsampling="4:4:4"),
    keeps=frozenset({"profile", "exif", "dpi", "text"}),
    lossless=False,
    keywords=frozenset({"Comment"}),
    longest=65_000,  # one segment
)
_TIFF = Format(
    tiff.encode,
    (8, 16, 32),
    alpha=True,
    keeps=frozenset({"profile", "dpi", "text", "half"}),
    keywords=frozenset(tiff.TEXTS.values()),
)
_PNM = Format(pnm.encode, (8, 16))
FORMATS: dict[str, Format] = {
    ".png": Format(
        png.encode,
        (8, 16),
        alpha=True,
        keeps=frozenset({"profile", "exif", "dpi", "text", "gamma", "chromaticities", "srgb"}),
    ),
    ".jpg": _JPEG,
    ".jpeg": _JPEG,
    ".webp": Format(by_pillow.encoder("WEBP", lossless=True), keeps=frozenset({"profile", "exif"})),
    ".bmp": Format(by_pillow.encoder("BMP", dpi=(0, 0)), keeps=frozenset({"dpi"})),
    ".tif": _TIFF,
    ".tiff": _TIFF,
    ".exr": Format(
        exr.encode,
        (32,),
        alpha=True,
        keeps=frozenset({"dpi", "text", "chromaticities", "half"}),
        linear=True,
    ),
    ".hdr": Format(hdr.encode, (32,), lossless=False, linear=True),
    ".jp2": Format(
        jpeg2000.encode, (8, 16), alpha=True, keeps=frozenset({"profile", "exif", "dpi"})
    ),
    ".jxl": Format(jpegxl.encode, (8, 16), alpha=True, keeps=frozenset({"exif"})),
    ".avif": Format(avif.encode, alpha=True),
    ".tga": Format(by_pillow.encoder("TGA", compression="tga_rle"), alpha=True),
    ".dds": Format(by_pillow.encoder("DDS"), alpha=True),
    ".ppm": _PNM,
    ".pnm": _PNM,
}
