"""A picture made seamless along one or both axes."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

from ...core.contract import Inpaints
from ...core.errors import TextoError, TextoWarning
from ...core.types import Progress, Rng, as_image, generator, silent
from ...steps.inpainting.ends import Band, Share, joined
from .bands import band_width, seam, seam_bands, seamless, visible
from .fills import filled, planned_fills
from .strips import cover


def tile(
    image: np.ndarray,
    method: Inpaints | None = None,
    *,
    axis: str = "xy",
    width: int | None = None,
    rng: Rng = None,
    progress: Progress = silent,
) -> np.ndarray:
    """`image` (H, W, C), float in [0, 1], made to repeat without a seam along `axis`.

    Only a band of `width` pixels round each seam changes (None: see `band_width`). Without a
    `method` a strip of the picture is laid over each seam: quick, sharp, and the best for
    pictures with structure. A `method` fills the bands with the texture of all the rest
    instead, which repeats no part of the picture as a whole. Either way the new pixels begin
    where they agree best with the old ones: a boundary of least cost is no straight line that
    the eye could follow. All other pixels, at least half of the picture, come back bit for bit.
    Along an axis that is not asked for the picture ends as before.

    Returns (H, W, C) float32. Raises TextoError for a width that is out of range, a picture
    too small for one, and where `method` cannot fill the bands. A TextoWarning tells if a seam
    is no stronger than the lines inside, and is renewed all the same, or may still be seen.
    Cost: see `strips.cover`; with a method, an inpainting, for both axes two.
    """
    if method is not None and not isinstance(method, Inpaints):
        raise TextoError("method", f"{type(method).__name__} fills no holes", "choose another")
    picture = as_image(image, "image")
    seams = seam_bands(axis, band_width(picture.shape, axis, width))
    random = generator(rng)
    _note_seamless(picture, seams)
    if method is None:
        result = _covered(picture, seams, random, progress)
    else:
        result = _inpainted(picture, seams, method, random, progress)
    _note_visible(result, seams)
    return result


def _covered(
    picture: np.ndarray, seams: Sequence[Band], rng: np.random.Generator, progress: Progress
) -> np.ndarray:
    for number, (band, child) in enumerate(zip(seams, rng.spawn(len(seams)), strict=True)):
        share = Share("tile", number / len(seams), (number + 1) / len(seams), progress)
        picture = cover(picture, band, child, share.reach, periodic=number > 0)
    return picture


def _inpainted(
    picture: np.ndarray,
    seams: Sequence[Band],
    method: Inpaints,
    rng: np.random.Generator,
    progress: Progress,
) -> np.ndarray:
    fills = planned_fills(picture.shape, seams)
    limits = np.cumsum([0, *(fill.mask.sum() for fill in fills)], dtype=float)
    limits /= limits[-1]
    result = picture
    for number, (fill, child) in enumerate(zip(fills, rng.spawn(len(fills)), strict=True)):
        share = Share("tile", limits[number], limits[number + 1], progress)
        made = filled(result, fill, method, child, share)
        share.reach(1.0)
        result = joined(result, made, fill.ends) if number else made
    return joined(picture, result, seams)


def _note_seamless(picture: np.ndarray, seams: Sequence[Band]) -> None:
    for band in seams:
        if seamless(picture, band.axis):
            note = f"along {'yx'[band.axis]} the picture may be seamless already: its seam is"
            warnings.warn(f"{note} no stronger than lines inside it", TextoWarning, stacklevel=3)


def _note_visible(result: np.ndarray, seams: Sequence[Band]) -> None:
    for name in ("yx"[band.axis] for band in seams):
        if visible(result, name):
            note = f"the seam along {name} may still be seen: it is {seam(result, name):.1f} times "
            note += "as strong as lines inside; try another width or seed, or a method"
            warnings.warn(note, TextoWarning, stacklevel=3)
