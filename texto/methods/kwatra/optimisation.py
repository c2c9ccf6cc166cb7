"""The algorithm of Kwatra: search and average in turns, from large patches to small ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...core.settings import PERIODIC
from ...core.types import Progress, Step
from ...patches.database import PatchLevel, leading_patch_level
from ...patches.extraction import Grid, grid
from ...patches.pyramid import fitting, pyramid
from ...patches.recompose import recompose, recompose_finer, squared_distances
from ...patches.search import resolve_device
from ...steps.inpainting.filling import SETTLED
from .settings import KEPT_VARIANCE, KwatraSettings

SOFTEST = 1e-4  # squared difference per value under which a patch's weight stops growing


class Optimisation:
    """One run of the paper's algorithm, for an exemplar (H, W, C) and an output shape."""

    def __init__(
        self,
        method: KwatraSettings,
        exemplar: np.ndarray,
        shape: tuple[int, int],
        progress: Progress,
    ):
        self._method, self._progress = method, progress
        self._periodic, self._device = PERIODIC[method.tileable], resolve_device(method.device)
        self.pictures = pyramid(exemplar, method.count_levels(exemplar.shape))
        self._patch_sizes = [method.patch_sizes(picture.shape) for picture in self.pictures]
        self.sizes = _level_sizes(shape, self._patch_sizes, self._periodic)
        self._done, self._total = 0, method.n_iter * sum(map(len, self._patch_sizes))

    def run(self, rngs: Sequence[np.random.Generator]) -> np.ndarray:
        """The optimised texture, (height, width, C) or more; one generator a level."""
        synthesis = self._start(rngs[-1])
        for level in reversed(range(len(self.pictures))):
            for patch_size in self._patch_sizes[level]:
                database = self._database(level, patch_size, rngs[level])
                spots = self._spots(level, patch_size)
                last = level == 0 and patch_size == self._patch_sizes[0][-1]
                weighting = "robust" if last else "gaussian"
                synthesis, found, weights = self._descend(
                    synthesis, database, spots, level, weighting
                )
            if level:
                synthesis = recompose_finer(
                    self.pictures[level - 1],
                    found,
                    spots,
                    self.sizes[level - 1],
                    periodic=self._periodic,
                    weighting="robust",
                    importance=weights,
                )
        return synthesis

    def _start(self, rng: np.random.Generator) -> np.ndarray:
        """Random patches of the coarsest level, the largest that fit, side by side.

        On the grid of the search (spaced w / 4, as in the paper) their averages are so flat that
        the search finds flat patches, and a picture with a plain ground drifts to it.
        """
        picture, patch_size = self.pictures[-1], self._patch_sizes[-1][0]
        tiles = grid(self.sizes[-1], patch_size, patch_size, self._periodic)
        limits = [side - patch_size + 1 for side in picture.shape[:2]]
        corners = rng.integers(0, limits, (len(tiles), 2))
        return recompose(picture, corners, tiles)

    def _descend(
        self,
        synthesis: np.ndarray,
        database: PatchLevel,
        spots: Grid,
        level: int,
        weighting: str,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Search and average in turns, n_iter times or until hardly a patch changes its source.

        Returns the picture, the correspondence (n, 2) and the patches' weights (n,).
        """
        picture, before = database.picture, None
        end = self._done + self._method.n_iter
        while self._done < end:
            found = database.assign(synthesis, spots, _unmoved, self._device)
            squares = squared_distances(synthesis, picture, found, spots, weighting=weighting)
            weights = irls_weights(squares, spots.patch_size, picture, self._method.exponent)
            changed = 1.0 if before is None else float((found != before).any(axis=1).mean())
            synthesis = recompose(picture, found, spots, weighting=weighting, importance=weights)
            self._done = end if changed <= SETTLED else self._done + 1
            energy = float((squares ** (self._method.exponent / 2)).mean())
            self._progress(Step("synthesize", level, self._done, self._total, energy))
            before = found
        return synthesis, found, weights

    def _database(self, level: int, patch_size: int, rng: np.random.Generator) -> PatchLevel:
        return leading_patch_level(
            self.pictures[level],
            patch_size,
            n_patches=self._method.n_patches,
            n_dims=self._method.n_dims,
            kept_variance=KEPT_VARIANCE,
            rng=rng,
        )

    def _spots(self, level: int, patch_size: int) -> Grid:
        return grid(self.sizes[level], patch_size, max(1, patch_size // 4), self._periodic)


def irls_weights(
    squares: np.ndarray, patch_size: int, picture: np.ndarray, exponent: float
) -> np.ndarray:
    """omega_p = |x_p - z_p|^(r - 2) for squared distances (n,), bounded at exact copies."""
    floor = SOFTEST * patch_size**2 * picture.shape[2]
    # Divided by the floor's own weight: nothing overflows, and a common factor drops out.
    return np.maximum(squares / floor, 1) ** (exponent / 2 - 1)


def _level_sizes(
    shape: tuple[int, int], patch_sizes: Sequence[Sequence[int]], periodic: tuple[bool, bool]
) -> list[tuple[int, int]]:
    """Sizes of the synthesis, finest first: the largest patch of each level fits an open axis."""
    sizes, size = [], shape
    for level, (largest, *_) in enumerate(patch_sizes):
        size = (-(-size[0] // 2), -(-size[1] // 2)) if level else size
        size = fitting(size, largest, periodic)
        sizes.append(size)
    return sizes


def _unmoved(points: np.ndarray) -> np.ndarray:
    return points
