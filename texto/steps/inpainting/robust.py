"""Holes by searches and robust averages in turns (Kwatra 2005), large patches first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .filling import SETTLED, Count, Match
from .levels import HoleLevel
from .spots import touching
from .trust import trust


@dataclass(frozen=True, eq=False)
class RobustFiller:
    """`n_iter` passes over the holes of `level` with patches of each of `sizes`.

    Matches come from `n_patches` of the known patches (None: all), compared in `n_dims` dimensions
    at most, and count by their distance to the power of `exponent` - 2.
    """

    level: HoleLevel
    sizes: Sequence[int]
    n_iter: int
    n_patches: int | None
    n_dims: int | None
    kept_variance: float
    exponent: float
    device: str

    @property
    def steps(self) -> int:
        """Passes, were none saved."""
        return self.n_iter * len(self.sizes)

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
        level, before = self.level, None
        database = level.database(
            size,
            n_patches=self.n_patches,
            n_dims=self.n_dims,
            kept_variance=self.kept_variance,
            rng=rng,
        )
        spots = touching(level, size, max(1, size // 4))
        left = self.n_iter
        while left:
            found = spots.match(canvas, database, None, self.device)
            squares = spots.squared_distances(canvas, level.picture, found, weighting=weighting)
            match = Match(spots, found, weighting, trust(spots, squares, self.exponent))
            match.fill(canvas)
            changed = 1.0 if before is None else float((found != before).any(axis=1).mean())
            steps = left if changed <= SETTLED else 1
            count(level.number, float((squares ** (self.exponent / 2)).mean()), steps=steps)
            left, before = left - steps, found
        return match
