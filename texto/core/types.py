"""The few types that all modules pass around, and the checks of what users give for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .choices import MAX_SEED
from .errors import TextoError

Rng = int | np.random.Generator | None


@dataclass(frozen=True)
class Step:
    """One step of progress: `iteration` of `total` in `stage`, at pyramid `level` (0 = finest)."""

    stage: str
    level: int
    iteration: int
    total: int
    loss: float | None = None


Progress = Callable[[Step], None]


def silent(step: Step) -> None:
    """The progress callback that reports nothing."""


def generator(rng: Rng) -> np.random.Generator:
    """A `numpy.random.Generator` from an int seed, a generator (returned as it is) or None."""
    if rng is None or isinstance(rng, np.random.Generator):
        return np.random.default_rng(rng)
    if isinstance(rng, bool) or not isinstance(rng, (int, np.integer)):
        remedy = "give a whole number or a numpy.random.Generator"
        raise TextoError("seed", f"is {rng!r}", remedy)
    if not 0 <= rng <= MAX_SEED:
        raise TextoError("seed", f"must be from 0 to {MAX_SEED}, got {rng}", "choose another seed")
    return np.random.default_rng(rng)


def as_image(image: np.ndarray, what: str = "exemplar", *, smallest: int = 1) -> np.ndarray:
    """`image` as a contiguous (H, W, C) float32 array in [0, 1]; (H, W) becomes (H, W, 1).

    A PIL image and a torch tensor (C, H, W), which may have a batch of one, are taken too, of
    whole numbers as they are in files. Raises TextoError for other shapes, values that are not
    finite or not in [0, 1], and sides shorter than `smallest` pixels.
    """
    if np.ma.is_masked(image):
        raise TextoError(what, "has masked pixels", "fill them first, as texto.inpaint does")
    pixels = _as_array(image, what)
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]
    if pixels.ndim != 3 or pixels.shape[2] < 1:
        raise TextoError(what, f"has shape {pixels.shape}", "give an array (H, W, C)")
    if not np.issubdtype(pixels.dtype, np.floating):
        raise TextoError(what, f"holds {pixels.dtype} values", "scale it to float32 in [0, 1]")
    if min(pixels.shape[:2]) < smallest:
        size = f"{pixels.shape[1]}x{pixels.shape[0]}"
        raise TextoError(
            what,
            f"is {size}, smaller than the {smallest} pixels a side that these settings need",
            "give a larger picture, or lower patch_size or n_levels",
        )
    if not np.isfinite(pixels).all() or pixels.min() < 0 or pixels.max() > 1:
        raise TextoError(what, "has values outside [0, 1]", "scale it to [0, 1]")
    return np.ascontiguousarray(pixels, dtype=np.float32)


def as_shape(shape: tuple[int, int]) -> tuple[int, int]:
    """`shape` as (height, width) in whole pixels; TextoError unless both are at least 1."""
    try:
        height, width = (int(side) for side in shape)
        right = min(height, width) >= 1 and (height, width) == tuple(shape)
    except (TypeError, ValueError, OverflowError):
        right = False
    if not right:
        remedy = "give (height, width), two whole numbers of at least 1 pixel"
        raise TextoError("size", f"is {shape!r}", remedy)
    return height, width


def _as_array(image: Any, what: str) -> np.ndarray:
    """`image` as an array; of PIL and torch, which are not imported, in [0, 1] and (H, W, C)."""
    origin = type(image).__module__.partition(".")[0]
    if origin not in ("PIL", "torch"):
        return np.asarray(image)
    if origin == "torch":
        values = image.detach().cpu().numpy()
        values = values[0] if values.ndim == 4 and len(values) == 1 else values
        values = np.moveaxis(values, 0, -1) if values.ndim == 3 else values
    else:
        values = np.asarray(image.convert("RGB") if image.mode in ("P", "CMYK", "YCbCr") else image)
        if image.mode in ("LA", "PA", "RGBA", "La", "RGBa"):
            raise TextoError(what, "has an alpha channel", 'convert it with .convert("RGB")')
    if values.dtype.kind == "u":
        return values.astype(np.float32) / np.iinfo(values.dtype).max
    return values
