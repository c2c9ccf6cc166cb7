"""A picture that grows pixel by pixel from a seed: its frontier, and in which order to fill it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

SEED = 3  # pixels: side of the piece of exemplar that the growth starts from


class Growth:
    """The picture while it grows: which exemplar pixel each pixel shows.

    Kept on a torus: an open axis has a margin of `reach` pixels that stay unknown, so that
    windows may wrap everywhere.
    """

    def __init__(self, shape: tuple[int, int], reach: int, periodic: tuple[bool, bool]):
        self._shape, self._reach = shape, reach
        sides = [side + reach * (not wraps) for side, wraps in zip(shape, periodic, strict=True)]
        self._sides = np.array(sides)
        self._sources = np.full(sides, -1, np.int64)
        self.count, self.total = 0, shape[0] * shape[1]

    @property
    def picture(self) -> np.ndarray:
        """(height, width): the exemplar pixel that each pixel shows."""
        return self._sources[: self._shape[0], : self._shape[1]]

    def plant(self, exemplar_shape: tuple[int, ...], rng: np.random.Generator) -> None:
        """A square of the exemplar, at random, in the middle."""
        sides = [min(SEED, side) for side in self._shape]
        corner = [rng.integers(s - SEED + 1) for s in exemplar_shape[:2]]
        rows, columns = (start + np.arange(side) for start, side in zip(corner, sides, strict=True))
        top, left = ((n - side) // 2 for n, side in zip(self._shape, sides, strict=True))
        square = rows[:, None] * exemplar_shape[1] + columns
        self._sources[top : top + sides[0], left : left + sides[1]] = square
        self.count = square.size

    def batches(self, rng: np.random.Generator) -> Iterator[np.ndarray]:
        """The unknown pixels (n, 2) beside known ones, most known neighbours first.

        In batches of pixels that do not lie in each other's windows: the result is that of
        one pixel after the other in this order, as in the paper.
        """
        from scipy.ndimage import convolve

        known = (self._sources >= 0).astype(np.uint8)
        counts = convolve(known, np.ones((3, 3), np.uint8), mode="wrap")
        counts = counts[: self._shape[0], : self._shape[1]]
        spots = np.argwhere((counts > 0) & (self.picture < 0))
        # Equals are taken every `reach + 1` pixels along the border, which makes large batches.
        classes = rng.permutation(self._reach + 1)[spots.sum(axis=1) % (self._reach + 1)]
        order = np.lexsort((rng.random(len(spots)), classes, -counts[tuple(spots.T)].astype(int)))
        yield from independent_batches(spots[order], self._reach, self._sides)

    def windows(self, spots: np.ndarray) -> np.ndarray:
        """(n, w, w): the exemplar pixels shown around `spots` (n, 2), -1 where unknown."""
        around = spots[:, :, None] + np.arange(-self._reach, self._reach + 1)  # (n, 2, w)
        rows, columns = np.moveaxis(around % self._sides[:, None], 1, 0)
        return self._sources[rows[:, :, None], columns[:, None, :]]

    def fill(self, spots: np.ndarray, pixels: np.ndarray) -> None:
        """Let `spots` (n, 2) show the exemplar's `pixels` (n,)."""
        self._sources[tuple(spots.T)] = pixels
        self.count += len(spots)


def independent_batches(spots: np.ndarray, reach: int, sides: np.ndarray) -> Iterator[np.ndarray]:
    """`spots` (n, 2) on a torus of `sides` in batches, each as early as the order allows.

    Two spots conflict where they are at most `reach` apart on both axes. No two of a batch
    conflict, and of two that do the first one in `spots` comes in the earlier batch.
    """
    from scipy.spatial import cKDTree

    tree = cKDTree(spots, boxsize=sides)
    pairs = tree.query_pairs(reach + 0.5, p=np.inf, output_type="ndarray")
    first, second = pairs.min(axis=1), pairs.max(axis=1)
    waiting = np.ones(len(spots), bool)
    while waiting.any():
        blocked = np.zeros(len(spots), bool)
        blocked[second[waiting[first]]] = True
        ready = waiting & ~blocked
        waiting &= blocked
        yield spots[ready]
