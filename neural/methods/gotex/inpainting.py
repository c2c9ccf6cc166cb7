"""Holes in a picture, filled by descent on the transport of the features at them.

A descent on features of a network, at a hole a few of its positions wide, finds the right
structure and the wrong pixels: grain of the poolings, and extreme colours at the rim, where what
is known cannot move. So at the end of every size the patches that touch a hole go to their
nearest known ones and are averaged, whatever the method compares, as `patch-ot` ends too. Where
networks compare, sliced transport of patches in between keeps the grain, as in `textogmm`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from texto.core.errors import TextoError
from texto.core.settings import settings_of
from texto.core.threads import single_blas
from texto.core.types import Progress, Rng, Step, generator
from texto.patches.database import PatchLevel
from texto.patches.recompose import EXPONENT
from texto.steps.conditional import conditional_fill
from texto.steps.inpainting.filling import LEAST_PATCHES, SETTLED, Match, useful_sizes
from texto.steps.inpainting.hole_flow import HoleFlow
from texto.steps.inpainting.levels import HoleLevel, as_holed, hole_levels
from texto.steps.inpainting.spots import HolePatches, touching
from texto.steps.inpainting.trust import trust

from ...runtime.attempts import attempted
from ...runtime.devices import to_picture
from ...runtime.pictures import is_grey
from ...steps.synthesis import descended
from .hole_sights import HoleWork
from .transported import Transported

CAUTION = 1 / 3  # of the usual learning rate, where networks see a hole: else it fills with speckle
SHORTER = 0.4  # of the usual steps: every size starts from known patches and ends with them
TARGETS = 4096  # features a layer that those at the holes are transported onto, at most
SETTLING = 6  # averages of known patches at the end of a size, at most
FLOWING = 2  # sliced steps between these, where networks see the holes, and STARTING at first
STARTING = 12  # below full size: without, what has fine grain becomes flat
PATCH_SIZES = (8, 4)  # of these patches where networks see the holes: larger ones keep the grain,
SMALL = 64  # but in pictures with a shorter side than this they are most of a hole
KEPT_VARIANCE, N_DIMS = 0.97, 64  # of these patches, in the search,
SEARCHED = 100_000  # and how many of them there are at most


def inpaint(
    method: Transported,
    image: np.ndarray,
    mask: np.ndarray,
    *,
    sources: np.ndarray | None,
    rng: Rng,
    progress: Progress,
) -> np.ndarray:
    """`image` (H, W, C) with the pixels where `mask` (H, W) is True made anew, by `method`.

    The coarsest size starts from the Gaussian model given the pixels around the holes, and each
    finer one from the known patches that match those of the one before; whatever `start` is.
    After its steps, all patches that touch a hole go to their nearest known ones, whose overlaps
    are averaged, SETTLING times, with networks after sliced transport of patches. At every size
    all pixels but those of the holes are the picture's own. Settings not given are those of
    `for_holes`. TextoError where too little is left to copy from, and for pictures that `method`
    does not take. Cost: beside the descent, a few searches of the patches at the holes among
    the known ones.
    """
    method, rng = for_holes(method), generator(rng)
    picture, holes = as_holed(image, mask, smallest=method.smallest_exemplar)
    method.checked(picture, "image")
    method.check(picture)
    channels = picture.shape[2]
    seen = picture[:, :, :1] if _is_grey(method, picture) else picture
    levels = hole_levels(seen, holes, sources, method.count_sizes(picture.shape))
    levels = levels[: _count_useful(method, levels)]

    def run(device: str, seen: Progress) -> np.ndarray:
        return _Inpainting(method, levels, rng, seen, device).run()

    what = f"{picture.shape[1]}x{picture.shape[0]}"
    result = attempted(method.device, run, what, rng=rng, progress=progress)
    result = np.repeat(result, channels // result.shape[2], axis=2)
    result[~holes] = picture[~holes]
    return result


def for_holes(method: Transported) -> Any:
    """`method` with what suits holes where nothing is given, or what is the usual anyway.

    SHORTER steps, TARGETS targets and CAUTION in the learning rate of networks; the steps and
    targets of the published code where `as_published`.
    """
    found: dict[str, Any] = {"start": "coarse"}
    if method.takes_channels and method.is_usual("learning_rate"):
        found["learning_rate"] = method.learning_rate * CAUTION
    if not method.as_published:
        counts = {"n_patches": TARGETS, "n_targets": TARGETS}
        counts["n_iter"] = max(1, round(SHORTER * method.n_iter))
        known = settings_of(method)
        found |= {name: n for name, n in counts.items() if name in known and method.is_usual(name)}
    return replace(method, **found)


class _Inpainting:
    """One run on one device."""

    def __init__(
        self,
        method: Transported,
        levels: list[HoleLevel],
        rng: np.random.Generator,
        progress: Progress,
        device: str,
    ):
        self._method, self._levels, self._rng, self._device = method, levels, rng, device
        known = levels[0].picture[~levels[0].barred]
        self._range = known.min(axis=0), known.max(axis=0)
        self._progress, self._done = progress, 0
        self._total = sum(method.image_steps(level.number) + SETTLING for level in levels)

    def run(self) -> np.ndarray:
        """The picture, filled."""
        last = self._levels[-1]
        canvas = conditional_fill(last.picture, last.holes, self._rng, sources=~last.barred)
        for level in reversed(self._levels):
            canvas = self._filled(canvas, level)
            match = self._settled(canvas, level)
            if level.number:
                finer = self._levels[level.number - 1]
                canvas = match.enlarged(finer) if match else enlarged(canvas, finer)
        return canvas

    @single_blas()
    def _settled(self, canvas: np.ndarray, level: HoleLevel) -> Match | None:
        """Let `canvas` (H, W, C) settle, in place; the last correspondence, if there is any."""
        base, match = self._done, None
        self._done += SETTLING
        size = useful_sizes(level, self._patch_sizes(level))[0]
        if len(level.known(size)) >= LEAST_PATCHES:
            spots = touching(level, size, max(1, size // 4))
            options = {"n_patches": SEARCHED, "n_dims": N_DIMS, "kept_variance": KEPT_VARIANCE}
            database = level.database(size, **options, rng=self._rng)
            flow = HoleFlow(level, self._rng) if self._method.takes_channels else None
            self._flow(flow, canvas, STARTING if level.number else 0)
            for number in range(1, SETTLING + 1):
                before, match = match, _matched(canvas, spots, database)
                match.fill(canvas)
                self._tell(level, base + number)
                if before and (before.found != match.found).any(axis=1).mean() <= SETTLED:
                    break
                self._flow(flow, canvas, FLOWING if number < SETTLING else 0)
        self._tell(level, base + SETTLING)
        return match

    def _flow(self, flow: HoleFlow | None, canvas: np.ndarray, count: int) -> None:
        """`count` sliced steps against the blur of averages."""
        for _ in range(count if flow is not None else 0):
            flow.step(canvas, self._rng)

    def _patch_sizes(self, level: HoleLevel) -> Sequence[int]:
        """Sides of the patches to settle with, the best one first."""
        if not self._method.takes_channels:
            return [self._method.smallest_exemplar]  # the patches that it compares
        return PATCH_SIZES if min(level.holes.shape) >= SMALL else PATCH_SIZES[1:]

    def _tell(self, level: HoleLevel, done: int, loss: float | None = None) -> None:
        self._progress(Step("inpaint", level.number, done, self._total, loss))

    def _filled(self, canvas: np.ndarray, level: HoleLevel) -> np.ndarray:
        """`canvas` (H, W, C) after the steps of its size."""
        base, steps = self._done, self._method.image_steps(level.number)
        self._done += steps

        def tell(step: Step) -> None:
            self._tell(level, base + step.iteration, step.loss)

        loss = self._method.loss(self._work(canvas, level))
        if not loss.terms:  # no layer has enough to copy from at so small a size
            self._tell(level, base + steps)
            return canvas
        planes = np.ascontiguousarray(np.moveaxis(canvas, 2, 0))
        picture = descended(
            self._method,
            torch.tensor(planes, device=self._device)[None],
            loss,
            level.number,
            limits=self._range,
            mask=torch.tensor(level.holes, device=self._device),
            rng=self._rng,
            progress=tell,
        )
        return to_picture(picture)

    def _work(self, canvas: np.ndarray, level: HoleLevel) -> HoleWork:
        return HoleWork(
            canvas,
            self._levels[0].picture.shape,
            level.number,
            canvas.shape[:2],
            self._device,
            self._rng,
            holes=level.holes,
            barred=level.barred,
        )


def _matched(canvas: np.ndarray, spots: HolePatches, database: PatchLevel) -> Match:
    """For all patches of `canvas` at `spots` their nearest of `database`."""
    found = spots.match(canvas, database, None, "cpu")
    squares = spots.squared_distances(canvas, spots.level.picture, found)
    return Match(spots, found, "robust", trust(spots, squares, EXPONENT))


def enlarged(canvas: np.ndarray, finer: HoleLevel) -> np.ndarray:
    """The picture of `finer`, its holes filled from `canvas`, linearly between its pixels."""
    values = canvas
    for axis, side in enumerate(finer.holes.shape):
        places = np.clip((np.arange(side) - 0.5) / 2, 0, canvas.shape[axis] - 1)
        below = places.astype(int)
        above = np.minimum(below + 1, canvas.shape[axis] - 1)
        share = (places - below).astype(np.float32)
        share = share[:, None, None] if axis == 0 else share[:, None]
        one, other = (np.take(values, index, axis=axis) for index in (below, above))
        values = one + share * (other - one)
    result = finer.picture.copy()
    result[finer.holes] = values[finer.holes]
    return result


def _is_grey(method: Transported, picture: np.ndarray) -> bool:
    """Whether a network sees a grey picture, whose holes are 0 in all channels."""
    return bool(method.takes_channels and is_grey(picture))


def _count_useful(method: Transported, levels: list[HoleLevel]) -> int:
    """How many levels, from the finest, have a hole and enough to copy into it."""
    for number, level in enumerate(levels):
        count, what, remedy = method.copyable(level)
        if count < LEAST_PATCHES and number == 0:
            raise TextoError(
                "mask",
                f"leaves {count} {what} to copy from, {LEAST_PATCHES} are needed",
                f"{remedy}, shrink the hole or widen the source mask",
            )
        if count < LEAST_PATCHES or not level.holes.any():
            return number
    return len(levels)
