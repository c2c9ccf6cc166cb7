"""Patches of a picture on a grid, and their overlap-averaged recomposition (the adjoint)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

Run = tuple[slice, slice]

BLOCK = 1 << 20  # floats of patch data in memory at a time


@dataclass(frozen=True, eq=False)
class Grid:
    """Where patches sit: `rows` (R,) and `columns` (S,) of their top-left pixels.

    `shape` is the picture's (height, width). Patches that reach past a border wrap round it,
    which happens on periodic axes only. Patches are numbered row by row: n = R S.
    """

    shape: tuple[int, int]
    patch_size: int
    rows: np.ndarray
    columns: np.ndarray

    def __len__(self) -> int:
        return len(self.rows) * len(self.columns)

    def scaled(self, factor: int, shape: tuple[int, int]) -> Grid:
        """The same patches on a grid `factor` times finer."""
        return Grid(shape, self.patch_size * factor, self.rows * factor, self.columns * factor)

    def blocks(self, channels: int) -> Iterator[tuple[Grid, slice]]:
        """Bands of whole patch rows, each with the slice of patch numbers that it holds."""
        floats = self.patch_size**2 * channels * len(self.columns)
        step = max(1, BLOCK // floats)
        for start in range(0, len(self.rows), step):
            rows = self.rows[start : start + step]
            first = start * len(self.columns)
            band = Grid(self.shape, self.patch_size, rows, self.columns)
            yield band, slice(first, first + len(band))


def grid(
    shape: tuple[int, int],
    patch_size: int,
    stride: int = 1,
    periodic: tuple[bool, bool] = (False, False),
) -> Grid:
    """The grid of patches, `stride` pixels apart, that covers every pixel of `shape`.

    On an open axis, which must be at least `patch_size` long, the last patch is moved inwards
    to end at the border; on a periodic axis patches start all the way round.
    """
    axes = [
        _starts(size, patch_size, stride, wraps)
        for size, wraps in zip(shape, periodic, strict=True)
    ]
    return Grid((shape[0], shape[1]), patch_size, *axes)


def extract(image: np.ndarray, grid: Grid) -> np.ndarray:
    """The patches of `image` (H, W, C) on `grid`: (n, w w C), row major, channels last."""
    size, first = grid.patch_size, int(grid.rows[0])
    last, right = int(grid.rows[-1]) + size, int(grid.columns[-1]) + size
    height, width = grid.shape
    band = image[first:last] if last <= height else image[np.arange(first, last) % height]
    if right > width:
        band = np.concatenate([band, band[:, np.arange(width, right) % width]], axis=1)
    windows = np.lib.stride_tricks.sliding_window_view(band, (size, size), (0, 1))
    chosen = windows[grid.rows[:, None] - first, grid.columns]  # (R, S, C, w, w)
    return chosen.transpose(0, 1, 3, 4, 2).reshape(len(grid), -1)


def extract_at(image: np.ndarray, corners: np.ndarray, patch_size: int) -> np.ndarray:
    """The patches of `image` (H, W, C) at `corners` (n, 2) of (row, column): (n, w w C)."""
    windows = np.lib.stride_tricks.sliding_window_view(image, (patch_size, patch_size), (0, 1))
    chosen = windows[corners[:, 0], corners[:, 1]]  # (n, C, w, w)
    return chosen.transpose(0, 2, 3, 1).reshape(len(corners), -1)


def fold(total: np.ndarray, patches: np.ndarray, grid: Grid) -> None:
    """Add `patches` (n, w w C) to `total` (H, W, C) in place: the adjoint of `extract`."""
    size = grid.patch_size
    blocks = patches.reshape(len(grid.rows), len(grid.columns), size, size, -1)
    for i, j, rows, columns in offsets(grid):
        add_at(total, rows, columns, blocks[:, :, i, j])


def coverage(grid: Grid, window: np.ndarray | None = None) -> np.ndarray:
    """(H, W) float32: the summed weights window(i) window(j) of the patches over each pixel."""
    window = np.ones(grid.patch_size) if window is None else window
    axes = []
    for starts, size in zip((grid.rows, grid.columns), grid.shape, strict=True):
        pixels = (starts[:, None] + np.arange(len(window))) % size
        weights = np.broadcast_to(window, pixels.shape)
        axes.append(np.bincount(pixels.ravel(), weights.ravel(), minlength=size))
    return np.outer(*(axis.astype(np.float32) for axis in axes))


def offsets(grid: Grid) -> Iterator[tuple[int, int, list[Run], list[Run]]]:
    """For each offset (i, j) in a patch: the rows and columns that it falls on, over the grid.

    Last row first: sums over an open grid then add up in the order of the patch rows, and
    bands of any size give the same bytes.
    """
    columns = [_runs((grid.columns + j) % grid.shape[1]) for j in range(grid.patch_size)]
    for i in reversed(range(grid.patch_size)):
        rows = _runs((grid.rows + i) % grid.shape[0])
        for j in range(grid.patch_size):
            yield i, j, rows, columns[j]


def add_at(image: np.ndarray, rows: list[Run], columns: list[Run], values: np.ndarray) -> None:
    """Add `values` (R, S, C) to `image` at all pairs of rows and columns, none twice."""
    for place_rows, part_rows in rows:
        for place_columns, part_columns in columns:
            image[place_rows, place_columns] += values[part_rows, part_columns]


def take_at(image: np.ndarray, rows: list[Run], columns: list[Run]) -> np.ndarray:
    """The values (R, S, C) of `image` at all pairs of rows and columns: `add_at`'s adjoint."""
    taken = np.empty((rows[-1][1].stop, columns[-1][1].stop, image.shape[2]), image.dtype)
    for place_rows, part_rows in rows:
        for place_columns, part_columns in columns:
            taken[part_rows, part_columns] = image[place_rows, place_columns]
    return taken


def _runs(indices: np.ndarray) -> list[Run]:
    """`indices` cut into evenly spaced runs: pairs of slices, of places and of their numbers.

    A grid has one run, or two where it wraps round or its last patch is moved inwards. Slices
    add several times faster than index arrays.
    """
    steps = np.diff(indices)
    regular = steps[0] if len(steps) and steps[0] > 0 else 1
    starts = [0, *(np.flatnonzero(steps != regular) + 1), len(indices)]
    return [
        (slice(indices[start], indices[end - 1] + 1, regular), slice(start, end))
        for start, end in pairwise(starts)
    ]


def all_corners(shape: tuple[int, ...], patch_size: int) -> np.ndarray:
    """The corners (n, 2) of all patches that fit into `shape`, row by row."""
    counts = [size - patch_size + 1 for size in shape[:2]]
    return np.indices(counts, dtype=np.int32).reshape(2, -1).T


def _starts(size: int, patch_size: int, stride: int, wraps: bool) -> np.ndarray:
    if wraps:
        return np.arange(0, size, stride)
    starts = np.arange(0, size - patch_size + stride, stride)
    starts[-1] = size - patch_size
    return starts
