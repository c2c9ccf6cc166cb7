"""The finishing pass: sliced transport of small patches at the finest levels of a picture.

Averaging overlapping patches blurs. This pass gives the result the small-patch statistics of
its exemplar back; any patch method can use it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..core.threads import single_blas
from ..core.types import Progress, Step, silent
from ..patches.pyramid import add_enlarged, halve
from .sliced_flow import PATCH_SIZE, sliced_transport


@dataclass(frozen=True)
class Schedule:
    """The strides of the steps at each level, coarsest level first, and their gain.

    A stride of 2 is four times as fast a step and leaves a dither; a gain of 2 diverges on grey
    pictures. One level is the default: steps at half size too gave the same spectra and more
    noise.
    """

    strides: tuple[tuple[int, ...], ...] = ((1,) * 14,)
    gain: float = 1.5


@single_blas()
def finish(
    image: np.ndarray,
    exemplar: np.ndarray,
    *,
    rng: np.random.Generator,
    periodic: tuple[bool, bool] = (False, False),
    schedule: Schedule = Schedule(),
    progress: Progress = silent,
) -> np.ndarray:
    """`image` (H, W, C) with the small-patch statistics of `exemplar`: a new array in [0, 1].

    Coarse to fine over dyadic levels; what a coarse level changes is carried up as a
    difference, so finer detail stays. Levels too small to have patches are left out.
    Cost: see `SlicedTransport.step`; memory is that of about three pictures.
    """
    smallest = min(*image.shape[:2], *exemplar.shape[:2])
    strides = [
        steps
        for level, steps in enumerate(reversed(schedule.strides))
        if smallest >> level >= 2 * PATCH_SIZE
    ]
    total, done = sum(map(len, strides)), 0
    result = image.astype(np.float32)
    for level in reversed(range(len(strides))):
        picture, target = result, exemplar
        for _ in range(level):
            picture, target = halve(picture), halve(target)
        flow = sliced_transport(target, rng=rng)
        moved = picture.copy() if level else picture
        for stride in strides[level]:
            flow.step(moved, rng=rng, stride=stride, gain=schedule.gain, periodic=periodic)
            done += 1
            progress(Step("finish", level, done, total))
        if level:
            moved -= picture
            add_enlarged(result, moved, 2**level)
    return np.clip(result, 0, 1, out=result)
