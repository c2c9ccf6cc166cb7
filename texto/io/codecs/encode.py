"""float32 pictures -> the bytes of a picture file; the same pixels and text, the same bytes."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping

import numpy as np

from ...core.errors import TextoError
from .png import with_text


def quantised(image: np.ndarray, bits: int) -> np.ndarray:
    """`image` clipped to [0, 1], as (H, W) or (H, W, 3) uint8, uint16 or float32."""
    values = np.asarray(image)
    if values.ndim == 3 and values.shape[2] == 1:
        values = values[:, :, 0]
    if (values.ndim != 2 and values.shape[2:] != (3,)) or 0 in values.shape:
        why = f"has shape {np.shape(image)}"
        raise TextoError("picture", why, "give (H, W), (H, W, 1) or (H, W, 3)")
    if values.dtype.kind not in "fb":
        why = f"holds {values.dtype} values"
        raise TextoError("picture", why, "scale it to float32 in [0, 1]")
    if not np.isfinite(values).all():
        raise TextoError("picture", "has values that are not finite", "replace NaN and infinity")
    values = np.clip(values, 0, 1).astype(np.float32)
    if bits == 32:
        return values
    values *= 2**bits - 1
    return np.rint(values, out=values).astype(np.uint8 if bits == 8 else np.uint16)


Encoder = Callable[[np.ndarray, Mapping[str, str]], bytes]


def encoded(
    what: str, encoder: Encoder, values: np.ndarray, text: Mapping[str, str] | None
) -> bytes:
    """The file of `values` by `encoder`; TextoError where the format has no room for them."""
    try:
        return encoder(np.ascontiguousarray(values), text or {})
    except TextoError:
        raise
    except MemoryError as error:
        raise TextoError(what, "does not fit in memory", "make the picture smaller") from error
    except Exception as error:  # WebP ends at 16383 pixels a side, JPEG at 65500
        size = f"{values.shape[1]}x{values.shape[0]}"
        raise TextoError(
            what, f"cannot hold {size} pixels", "write a smaller one or TIFF"
        ) from error


def png(values: np.ndarray, text: Mapping[str, str]) -> bytes:
    """A PNG of `values`, uint8 or uint16, with `text` as chunks."""
    import imagecodecs

    return with_text(bytes(imagecodecs.png_encode(values)), text)


def _tiff(values: np.ndarray, text: Mapping[str, str]) -> bytes:
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
    def encode(values: np.ndarray, text: Mapping[str, str]) -> bytes:
        from PIL import Image

        buffer = io.BytesIO()
        Image.fromarray(values).save(buffer, kind, **options)
        return buffer.getvalue()

    return encode


_JPEG = _by_pillow("JPEG", quality=95, subsampling="4:4:4")
ENCODERS: dict[str, tuple[Encoder, tuple[int, ...]]] = {
    ".png": (png, (8, 16)),
    ".jpg": (_JPEG, (8,)),
    ".jpeg": (_JPEG, (8,)),
    ".webp": (_by_pillow("WEBP", lossless=True), (8,)),
    ".bmp": (_by_pillow("BMP"), (8,)),
    ".tif": (_tiff, (8, 16, 32)),
    ".tiff": (_tiff, (8, 16, 32)),
}
