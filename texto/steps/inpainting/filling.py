"""The coarse-to-fine loop over the holes of a picture: each method brings what it does a level."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ...core.errors import TextoError
from ...core.threads import single_blas
from ...core.types import Progress, Rng, Step, generator, silent
from ..conditional import conditional_fill
from .levels import HoleLevel, as_holed, hole_levels
from .spots import HolePatches

SETTLED = 0.02  # share of patches under which changes may stop a run of searches and averages
LEAST_PATCHES = 16  # a level with fewer patches to copy from has nothing to say


@dataclass(frozen=True, eq=False)
class Match:
    """A correspondence: patches that touch a hole, and for each the corner of its source."""

    patches: HolePatches
    found: np.ndarray
    weighting: str = "mean"
    importance: np.ndarray | None = None

    def fill(self, canvas: np.ndarray) -> None:
        """Average the sources in the holes of `canvas` (H, W, C), this level's, in place."""
        level = self.patches.level
        values, _ = self._average(self.patches, level.picture, self.found)
        level.put(canvas, values)

    def enlarged(self, finer: HoleLevel) -> np.ndarray:
        """A new canvas (H, W, C): the holes of `finer` from the same correspondence there."""
        spots = self.patches.scaled(finer)
        values, covered = self._average(spots, finer.picture, 2 * self.found)
        canvas = finer.picture.copy()
        finer.put(canvas, values)
        if not covered.all():  # an odd last row or column, which follows its neighbour
            rows, columns = np.divmod(finer.pixels[~covered], canvas.shape[1])
            limits = [2 * side - 1 for side in self.patches.level.holes.shape]
            near = canvas[np.minimum(rows, limits[0]), np.minimum(columns, limits[1])]
            canvas[rows, columns] = near
        return canvas

    def _average(self, spots: HolePatches, source: np.ndarray, found: np.ndarray):
        return spots.average(source, found, weighting=self.weighting, importance=self.importance)


class Count:
    """Steps of the whole run, told one by one."""

    def __init__(self, total: int, progress: Progress):
        self._total, self._progress, self._done = total, progress, 0

    def __call__(self, level: int, loss: float | None = None, *, steps: int = 1) -> None:
        """One step at `level` is done; `steps` more than one where an early stop leaves some."""
        self._done += steps
        self._progress(Step("inpaint", level, self._done, self._total, loss))


class Filler(Protocol):
    """What a method does with the holes at one level."""

    @property
    def steps(self) -> int:
        """How many steps it counts, early stops included."""
        ...

    def fill(self, canvas: np.ndarray, rng: np.random.Generator, count: Count) -> Match:
        """Change the holes of `canvas` (H, W, C) in place; the correspondence goes up a level."""
        ...


@single_blas()
def inpaint(
    image: np.ndarray,
    mask: np.ndarray,
    *,
    smallest: int,
    least_size: Callable[[tuple[int, ...]], int],
    count_levels: Callable[[tuple[int, ...]], int],
    fillers: Callable[[Sequence[HoleLevel]], Sequence[Filler]],
    sources: np.ndarray | None = None,
    rng: Rng = None,
    progress: Progress = silent,
) -> np.ndarray:
    """`image` (H, W, C) with the pixels where `mask` (H, W) is True made anew.

    The coarsest level starts from the Gaussian model given the pixels around the holes; each
    level is filled by its one of `fillers`, and its correspondence builds the next finer one. Only
    patches that touch a hole are matched, with patches that touch none and lie in `sources`,
    and only hole pixels ever change. Levels with less than LEAST_PATCHES such patches, of the
    least size that the method takes at a level's shape, are left out; where the finest has less,
    TextoError tells so, as it does for pictures with a side shorter than `smallest`.
    """
    picture, holes = as_holed(image, mask, smallest=smallest)
    levels = hole_levels(picture, holes, sources, count_levels(picture.shape))
    levels = levels[: _count_useful(levels, least_size)]
    each = fillers(levels)
    count = Count(sum(filler.steps for filler in each), progress)
    *rngs, first = generator(rng).spawn(len(levels) + 1)
    canvas = _start(levels[-1], first)
    for level in reversed(levels):
        match = each[level.number].fill(canvas, rngs[level.number], count)
        if level.number:
            canvas = match.enlarged(levels[level.number - 1])
    result = np.clip(canvas, 0, 1)
    result[~holes] = picture[~holes]
    return result


def useful_sizes(level: HoleLevel, sizes: Sequence[int]) -> list[int]:
    """Those of `sizes`, largest first, with patches to copy from; the last one in any case."""
    return [size for size in sizes[:-1] if len(level.known(size)) >= LEAST_PATCHES] + [sizes[-1]]


def _start(level: HoleLevel, rng: np.random.Generator) -> np.ndarray:
    """The canvas (H, W, C) of the coarsest level: a Gaussian texture that meets what is known."""
    return conditional_fill(level.picture, level.holes, rng, sources=~level.barred)


def _count_useful(levels: Sequence[HoleLevel], least_size: Callable[[tuple[int, ...]], int]) -> int:
    """How many levels, from the finest, have a hole and patches to copy into it."""
    for number, level in enumerate(levels):
        size = least_size(level.holes.shape)
        count = len(level.known(size)) if level.holes.any() else 0
        if count < LEAST_PATCHES and number == 0:
            raise TextoError(
                "mask",
                f"leaves {count} patches of {size} x {size} pixels to copy from, "
                f"{LEAST_PATCHES} are needed",
                "lower patch_size, shrink the hole or widen the source mask",
            )
        if count < LEAST_PATCHES:
            return number
    return len(levels)
