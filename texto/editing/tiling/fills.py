"""Bands filled by a method that inpaints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...core.contract import Inpaints
from ...core.errors import TextoError
from ...core.types import Progress
from ...steps.inpainting.ends import Band


@dataclass(frozen=True, eq=False)
class Fill:
    """One inpainting: of `mask` (H, W), in the picture rolled by `shift` (rows, columns).

    `ends` : the bands along whose edges new pixels meet older ones.
    """

    mask: np.ndarray
    shift: tuple[int, int]
    ends: Sequence[Band]


def planned_fills(shape: tuple[int, ...], seams: Sequence[Band]) -> list[Fill]:
    """The inpaintings that a picture of `shape` needs for its `seams`, in turn.

    An inpainting knows no wrap-around. Rolled by half, the picture has its seams in the middle,
    but where a band meets its own end there is a new, short one: for both axes a second fill
    renews these two spots, halfway between the seams. It is rolled so that they lie inside.
    """
    halves = [side // 2 for side in shape[:2]]
    axes = {band.axis for band in seams}
    mask = np.any([band.mask(shape) for band in seams], axis=0)
    rows, columns = (half * (axis in axes) for axis, half in enumerate(halves))
    first = Fill(mask, (rows, columns), seams)
    if len(seams) == 1:
        return [first]
    ends = [
        Band(1 - band.axis, shape[1 - band.axis] - halves[1 - band.axis], band.width)
        for band in seams
    ]
    spots = [end.mask(shape) & band.mask(shape) for end, band in zip(ends, seams, strict=True)]
    return [first, Fill(spots[0] | spots[1], (shape[0] // 4, shape[1] // 4), ends)]


def filled(
    picture: np.ndarray,
    fill: Fill,
    method: Inpaints,
    rng: np.random.Generator,
    progress: Progress,
) -> np.ndarray:
    """`picture` (H, W, C) with the mask of `fill` filled by `method`, the rest bit for bit."""
    rolled, holes = (np.roll(each, fill.shift, (0, 1)) for each in (picture, fill.mask))
    try:
        made = method.inpaint(rolled, holes, rng=rng, progress=progress)
    except TextoError as error:
        if error.what != "mask":
            raise
        raise TextoError("image", f"the band {error.why}", "lower patch_size or width") from error
    made = np.roll(made, [-step for step in fill.shift], (0, 1))
    return np.where(fill.mask[:, :, None], made, picture)
