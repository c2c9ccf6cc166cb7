"""Patches of a picture on a grid, and their overlap-averaged recomposition (the adjoint)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from ..core.compiled import EXACT, compiled

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
    """Add `patches` (n, w w C) to `total` (H, W, C) in place: the adjoint of `extract`.

    In a fixed order: for each offset (i, j) in a patch, last row first, all patches. So sums over
    an open grid add up in the order of the patch rows, and bands of any size give the same bytes.
    """
    shape = len(grid.rows), len(grid.columns), grid.patch_size, -1
    _fold(total, np.ascontiguousarray(patches).reshape(shape), grid.rows, grid.columns)


def coverage(grid: Grid, window: np.ndarray | None = None) -> np.ndarray:
    """(H, W) float32: the summed weights window(i) window(j) of the patches over each pixel."""
    window = np.ones(grid.patch_size) if window is None else window
    axes = []
    for starts, size in zip((grid.rows, grid.columns), grid.shape, strict=True):
        pixels = (starts[:, None] + np.arange(len(window))) % size
        weights = np.broadcast_to(window, pixels.shape)
        axes.append(np.bincount(pixels.ravel(), weights.ravel(), minlength=size))
    return np.outer(*(axis.astype(np.float32) for axis in axes))


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


@partial(compiled, flags=EXACT)
def _fold(total, patches, rows, columns):
    """`fold` of `patches` (R, S, w, w C)."""
    height, width, channels = total.shape
    size = patches.shape[2]
    flat = total.reshape(height, width * channels)
    turns = (columns[-1] + size - 1) // width + 1  # round a periodic axis
    for i in range(size - 1, -1, -1):
        for r in range(len(rows)):
            y = (rows[r] + i) % height
            # From right to left within a turn: at each pixel in the order of j.
            for turn in range(turns):
                for s in range(len(columns) - 1, -1, -1):
                    left = columns[s] - turn * width
                    first, last = max(0, -left), min(size, width - left)
                    own = patches[r, s, i, first * channels : last * channels]
                    place = flat[y, (left + first) * channels : (left + last) * channels]
                    for e in range(len(own)):
                        place[e] += own[e]
