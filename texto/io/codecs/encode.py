"""float32 pictures -> the bytes of a picture file; the same pixels and text, the same bytes."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ...core.errors import TextoError
from .png import with_text
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
    """

    encode: Encoder
    depths: tuple[int, ...] = (8,)
    alpha: bool = False
    keeps: frozenset[str] = frozenset()
    lossless: bool = True


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


def _png(values: np.ndarray, metadata: Metadata) -> bytes:
    import imagecodecs

    return with_text(bytes(imagecodecs.png_encode(values)), metadata.text)


def _tiff(values: np.ndarray, metadata: Metadata) -> bytes:
    import tifffile

    buffer = io.BytesIO()
    photometric = "rgb" if values.ndim == 3 else "minisblack"
    tifffile.imwrite(
        buffer,
        values,
        photometric=photometric,
        compression="zlib",
        # No software, date or shape tags, so that the bytes depend on the pixels alone.
        software=False,
        metadata=None,
    )
    return buffer.getvalue()


def _by_pillow(kind: str, **options) -> Encoder:
    def encode(values: np.ndarray, metadata: Metadata) -> bytes:
        from PIL import Image

        buffer = io.BytesIO()
        Image.fromarray(values).save(buffer, kind, **options)
        return buffer.getvalue()

    return encode


_JPEG = Format(_by_pillow("JPEG", quality=95, subsampling="4:4:4"), lossless=False)
_TIFF = Format(_tiff, (8, 16, 32))
FORMATS: dict[str, Format] = {
    ".png": Format(_png, (8, 16), keeps=frozenset({"text"})),
    ".jpg": _JPEG,
    ".jpeg": _JPEG,
    ".webp": Format(_by_pillow("WEBP", lossless=True)),
    ".bmp": Format(_by_pillow("BMP")),
    ".tif": _TIFF,
    ".tiff": _TIFF,
}
