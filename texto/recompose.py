"""Recomposition: a picture from overlapping patches copied out of the exemplar."""

from __future__ import annotations

import numpy as np

from .patches import Grid, add_at, coverage, offsets, take_at

WEIGHTINGS = ("mean", "gaussian", "robust")
SOFTEST = 1e-3  # squared colour distance under which robust weights stop growing
EXPONENT = 0.8  # Kwatra 2005: the norm r of the robust energy


def recompose(
    source: np.ndarray, corners: np.ndarray, grid: Grid, *, weighting: str = "mean"
) -> np.ndarray:
    """The picture (H, W, C) whose pixels average what the patches covering them say.

    `V(a) = sum_b k(b) u(C(a - b) + b) / sum_b k(b)` (poster, section 6), where patch p of `grid`
    is the w x w block of `source` at `corners[p]`, (n, 2) of (row, column). The window k is
    flat for "mean" and a Gaussian fall-off for "gaussian"; "robust" weighs each patch's pixel
    by its colour distance to the plain mean, |v - V|^(r - 2) (Kwatra 2005's IRLS step, per
    pixel), so that outliers do not blur an edge.
    Cost: n w w C additions, no patch is ever materialised.
    """
    window = _falloff(grid.patch_size) if weighting == "gaussian" else np.ones(grid.patch_size)
    mean = _average(source, corners, grid, window.astype(np.float32))
    return _reweighted(source, corners, grid, mean) if weighting == "robust" else mean


def _average(source: np.ndarray, corners: np.ndarray, grid: Grid, window: np.ndarray) -> np.ndarray:
    """The average with the separable weights window(i) window(j)."""
    total = np.zeros((*grid.shape, source.shape[2]), np.float32)
    for i, j, rows, columns, values in _pixels(source, corners, grid):
        values *= window[i] * window[j]
        add_at(total, rows, columns, values)
    total /= coverage(grid, window)[:, :, None]
    return total


def _falloff(size: int) -> np.ndarray:
    """A Gaussian window (size,) with a deviation of a quarter of its width."""
    offsets = (np.arange(size) - (size - 1) / 2) / (size / 4)
    return np.exp(-0.5 * offsets**2)


def _reweighted(
    source: np.ndarray, corners: np.ndarray, grid: Grid, mean: np.ndarray
) -> np.ndarray:
    """One step of iteratively re-weighted least squares around `mean`."""
    total = np.zeros((*grid.shape, source.shape[2] + 1), np.float32)
    for _, _, rows, columns, values in _pixels(source, corners, grid):
        squares = np.square(values - take_at(mean, rows, columns)).sum(axis=2, keepdims=True)
        weight = (squares + SOFTEST) ** (EXPONENT / 2 - 1)
        add_at(total, rows, columns, np.concatenate([values * weight, weight], axis=2))
    return total[:, :, :-1] / total[:, :, -1:]


def _pixels(source: np.ndarray, corners: np.ndarray, grid: Grid):
    """For each band of patches and offset (i, j) in them: the pixels hit and their values.

    Yields i, j, rows, columns and values (R, S, C); bands keep the working set in the cache.
    """
    width, channels = source.shape[1:]
    flat = source.reshape(-1, channels)
    for band, part in grid.blocks(channels):
        first = corners[part, 0].astype(np.int64) * width + corners[part, 1]
        first = first.reshape(len(band.rows), len(band.columns))
        for i, j, rows, columns in offsets(band):
            yield i, j, rows, columns, np.take(flat, first + (i * width + j), axis=0)
