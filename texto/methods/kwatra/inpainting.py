"""Holes filled by texture optimisation (Kwatra 2005): large patches first, robust averages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...core.types import Progress, Rng
from ...patches.search import resolve_device
from ...steps.inpainting.filling import SETTLED, Count, Match, inpaint, useful_sizes
from ...steps.inpainting.levels import HoleLevel
from ...steps.inpainting.spots import touching
from ...steps.inpainting.trust import trust
from .settings import KEPT_VARIANCE, KwatraSettings


@dataclass(frozen=True, eq=False)
class RobustFiller:
    """Passes over the holes of `level` with patches of each of `sizes`, for a `Kwatra`."""

    method: KwatraSettings
    level: HoleLevel
    sizes: Sequence[int]
    device: str

    @property
    def steps(self) -> int:
        """Passes, were none saved."""
        return self.method.n_iter * len(self.sizes)

    def fill(self, canvas: np.ndarray, rng: np.random.Generator, count: Count) -> Match:
        """See `Filler`."""
        for size in self.sizes:
            last = self.level.number == 0 and size == self.sizes[-1]
            match = self._descend(canvas, size, "robust" if last else "gaussian", rng, count)
        return Match(match.patches, match.found, "robust", match.importance)

    def _descend(
        self,
        canvas: np.ndarray,
        size: int,
        weighting: str,
        rng: np.random.Generator,
        count: Count,
    ) -> Match:
        """Search and average in turns, n_iter times or until hardly a patch changes its source."""
        method, level, before = self.method, self.level, None
        database = level.database(
            size,
            n_patches=method.n_patches,
            n_dims=method.n_dims,
            kept_variance=KEPT_VARIANCE,
            rng=rng,
        )
        spots = touching(level, size, max(1, size // 4))
        left = method.n_iter
        while left:
            found = spots.match(canvas, database, None, self.device)
            squares = spots.squared_distances(canvas, level.picture, found, weighting=weighting)
            match = Match(spots, found, weighting, trust(spots, squares, method.exponent))
            match.fill(canvas)
            changed = 1.0 if before is None else float((found != before).any(axis=1).mean())
            steps = left if changed <= SETTLED else 1
            count(level.number, float((squares ** (method.exponent / 2)).mean()), steps=steps)
            left, before = left - steps, found
        return match


def fill_holes(
    method: KwatraSettings,
    image: np.ndarray,
    mask: np.ndarray,
    *,
    sources: np.ndarray | None,
    rng: Rng,
    progress: Progress,
) -> np.ndarray:
    """`image` inpainted by a `Kwatra`: see `texto.steps.inpainting.filling.inpaint`."""
    device = resolve_device(method.device)

    def fillers(levels: Sequence[HoleLevel]) -> list[RobustFiller]:
        sizes = [useful_sizes(level, method.patch_sizes(level.holes.shape)) for level in levels]
        return [RobustFiller(method, *each, device) for each in zip(levels, sizes, strict=True)]

    return inpaint(
        image,
        mask,
        smallest=method.smallest_patch_size,
        least_size=lambda shape: method.patch_sizes(shape)[-1],
        count_levels=method.count_levels,
        fillers=fillers,
        sources=sources,
        rng=rng,
        progress=progress,
    )
