"""Patches that touch a hole: taken out, matched and averaged as a list, at any places."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from ...patches.database import PatchLevel, Transport
from ...patches.extraction import BLOCK, extract_at, grid
from ...patches.recompose import EXPONENT, SOFTEST, falloff
from .levels import HoleLevel


@dataclass(frozen=True, eq=False)
class HolePatches:
    """The patches of `level` at `corners` (n, 2): `patch_size` a side, each touching a hole."""

    level: HoleLevel
    corners: np.ndarray
    patch_size: int

    def __len__(self) -> int:
        return len(self.corners)

    def blocks(self, channels: int) -> Iterator[tuple[HolePatches, slice]]:
        """Runs of patches that fit the memory, each with the slice of their numbers."""
        step = max(1, BLOCK // (self.patch_size**2 * channels))
        for start in range(0, len(self), step):
            part = slice(start, min(start + step, len(self)))
            yield HolePatches(self.level, self.corners[part], self.patch_size), part

    def scaled(self, finer: HoleLevel) -> HolePatches:
        """The same patches on the grid of `finer`, twice as fine."""
        return HolePatches(finer, 2 * self.corners, 2 * self.patch_size)

    def extract(self, canvas: np.ndarray) -> np.ndarray:
        """The patches of `canvas` (H, W, C): (n, w w C)."""
        return extract_at(canvas, self.corners, self.patch_size)

    @property
    def places(self) -> np.ndarray:
        """(n, w w): which of the K hole pixels each pixel of a patch is; K where it is known."""
        return self.extract(self.level.order)

    @property
    def unknown(self) -> np.ndarray:
        """(n,) float32: the share of each patch that lies in a hole."""
        parts = [part.places < len(self.level.pixels) for part, _ in self.blocks(1)]
        return np.concatenate([part.mean(axis=1, dtype=np.float32) for part in parts])

    def fold(self, total: np.ndarray, patches: np.ndarray) -> None:
        """Add what `patches` (n, w w C) say of the hole pixels to `total` (K, C), in place."""
        places, count = self.places.ravel(), len(total)
        values = patches.reshape(len(places), -1)
        for channel in range(total.shape[1]):
            sums = np.bincount(places, values[:, channel], minlength=count + 1)
            total[:, channel] += sums[:count]

    def match(
        self, canvas: np.ndarray, database: PatchLevel, transport: Transport | None, device: str
    ) -> np.ndarray:
        """The correspondence (n, 2): for each patch the corner of its match in the database.

        `transport` moves the patches' coordinates (n, d) first. Cost: O(n m d).
        """
        points = np.concatenate(
            [database.space.project(part.extract(canvas)) for part, _ in self.blocks(3)]
        )
        points = points if transport is None else transport(points)
        return database.corners[database.neighbors(device).search(points)]

    def average(
        self,
        source: np.ndarray,
        found: np.ndarray,
        *,
        weighting: str = "mean",
        importance: np.ndarray | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """As `recompose`, for the hole pixels: values (K, C) and which (K,) any patch covers.

        Patch p is the block of `source` at `found[p]`; `importance` (n,), > 0, weighs patches.
        """
        window = _window(self.patch_size, weighting)
        weights = np.ones(len(self)) if importance is None else importance / importance.max()
        mean, covered = self._weighted(
            source, found, lambda part, _values, _places: weights[part, None] * window
        )
        if weighting != "robust":
            return mean, covered
        known = np.concatenate([mean, np.zeros((1, mean.shape[1]), np.float32)])

        def robust(part: slice, values: np.ndarray, places: np.ndarray) -> np.ndarray:
            squares = np.square(values - known[places]).sum(axis=2)
            return weights[part, None] * (squares + SOFTEST) ** (EXPONENT / 2 - 1)

        return self._weighted(source, found, robust)

    def squared_distances(
        self, canvas: np.ndarray, source: np.ndarray, found: np.ndarray, *, weighting: str = "mean"
    ) -> np.ndarray:
        """(n,) float32: sum_b k(b) |x_p(b) - z_p(b)|^2, as `recompose.squared_distances`."""
        window, channels = _window(self.patch_size, weighting), canvas.shape[2]
        total = np.empty(len(self), np.float32)
        for spots, part in self.blocks(channels):
            values = spots.extract(canvas) - extract_at(source, found[part], self.patch_size)
            squares = np.square(values).reshape(len(spots), -1, channels).sum(axis=2)
            total[part] = squares @ window
        return total

    def _weighted(
        self, source: np.ndarray, found: np.ndarray, weigh: Callable
    ) -> tuple[np.ndarray, np.ndarray]:
        channels = source.shape[2]
        total = np.zeros((len(self.level.pixels), channels + 1))
        for spots, part in self.blocks(channels + 1):
            values = extract_at(source, found[part], self.patch_size)
            values = values.reshape(len(spots), -1, channels)
            weight = weigh(part, values, spots.places)[:, :, None]
            spots.fold(total, np.concatenate([values * weight, weight], axis=2))
        covered = total[:, -1] > 0
        mean = total[:, :-1] / np.where(covered, total[:, -1], 1)[:, None]
        return mean.astype(np.float32), covered


def touching(level: HoleLevel, patch_size: int, stride: int = 1) -> HolePatches:
    """The patches on the grid of `stride` that touch a hole of `level`: they cover the holes.

    Cost: O(H W) additions.
    """
    spots = grid(level.holes.shape, patch_size, stride)
    counts = np.zeros([side + 1 for side in level.holes.shape], np.int32)
    counts[1:, 1:] = level.holes.cumsum(axis=0, dtype=np.int32).cumsum(axis=1)
    strips = counts[spots.rows + patch_size] - counts[spots.rows]
    inside = strips[:, spots.columns + patch_size] - strips[:, spots.columns]
    rows, columns = np.nonzero(inside)
    corners = np.column_stack([spots.rows[rows], spots.columns[columns]])
    return HolePatches(level, corners, patch_size)


def _window(size: int, weighting: str) -> np.ndarray:
    """(w w,) float32: flat, or a Gaussian fall-off, as in `recompose`."""
    if weighting != "gaussian":
        return np.ones(size * size, np.float32)
    axis = falloff(size)
    return np.outer(axis, axis).ravel().astype(np.float32)
