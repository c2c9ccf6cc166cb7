"""Recomposition: a picture from overlapping patches copied out of the exemplar."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .extraction import Grid, add_at, coverage, offsets, take_at

WEIGHTINGS = ("mean", "gaussian", "robust")
SOFTEST = 1e-3  # squared colour distance under which robust weights stop growing
EXPONENT = 0.8  # Kwatra 2005: the norm r of the robust energy


def recompose(
    source: np.ndarray,
    corners: np.ndarray,
    grid: Grid,
    *,
    weighting: str = "mean",
    importance: np.ndarray | None = None,
) -> np.ndarray:
    """The picture (H, W, C) whose pixels average what the patches covering them say.

    `V(a) = sum_b k(b) u(C(a - b) + b) / sum_b k(b)` (poster, section 6), where patch p of `grid`
    is the w x w block of `source` at `corners[p]`, (n, 2) of (row, column). The window k is
    flat for "mean" and a Gaussian fall-off for "gaussian"; "robust" weighs each patch's pixel
    by its colour distance to the plain mean, |v - V|^(r - 2) (Kwatra 2005's IRLS step, per
    pixel), so that outliers do not blur an edge. A flat window ends in a step: where patches
    disagree it leaves lines along their grid, of which a finishing pass makes a screen.
    `importance` (n,), > 0, weighs whole patches on top of that.
    Cost: n w w C additions, no patch is ever materialised.
    """
    window = _window(grid.patch_size, weighting)
    if importance is not None:
        importance = np.asarray(importance, np.float32)
        mean = _weighted(source, corners, grid, importance, lambda i, j: window[i] * window[j])
    else:
        mean = _average(source, corners, grid, window)
    if weighting != "robust":
        return mean
    return _reweighted(source, corners, grid, mean, importance)


def recompose_finer(
    finer: np.ndarray,
    corners: np.ndarray,
    grid: Grid,
    shape: tuple[int, int],
    *,
    periodic: tuple[bool, bool] = (False, False),
    weighting: str = "mean",
    importance: np.ndarray | None = None,
) -> np.ndarray:
    """The same correspondence on the next finer level: a picture of `shape` (poster, section 6).

    `finer` (2H or more, 2W or more, C) is the exemplar's finer level; `shape` is at most twice
    `grid.shape`, and twice less one on a periodic axis of odd length.
    """
    # Round a periodic axis of odd size patches overlap; a cut would leave a seam.
    height, width = (
        fine if wraps else 2 * coarse
        for fine, coarse, wraps in zip(shape, grid.shape, periodic, strict=True)
    )
    spots = grid.scaled(2, (height, width))
    picture = recompose(finer, 2 * corners, spots, weighting=weighting, importance=importance)
    return np.ascontiguousarray(picture[: shape[0], : shape[1]])


def squared_distances(
    image: np.ndarray,
    source: np.ndarray,
    corners: np.ndarray,
    grid: Grid,
    *,
    weighting: str = "mean",
) -> np.ndarray:
    """(n,) float32: sum_b k(b) |x_p(b) - z_p(b)|^2 for each patch p, x of `image`, z of `source`.

    The distances that `recompose` with the same arguments makes least in the sum. Cost: as there.
    """
    window = _window(grid.patch_size, weighting)
    total = np.zeros(len(grid), np.float32)
    for part, i, j, rows, columns, values in _pixels(source, corners, grid):
        values -= take_at(image, rows, columns)
        values *= values
        total[part] += (window[i] * window[j]) * values.sum(axis=2).ravel()
    return total


def _average(source: np.ndarray, corners: np.ndarray, grid: Grid, window: np.ndarray) -> np.ndarray:
    """The average with the separable weights window(i) window(j)."""
    total = np.zeros((*grid.shape, source.shape[2]), np.float32)
    for _, i, j, rows, columns, values in _pixels(source, corners, grid):
        values *= window[i] * window[j]
        add_at(total, rows, columns, values)
    total /= coverage(grid, window)[:, :, None]
    return total


def _weighted(
    source: np.ndarray,
    corners: np.ndarray,
    grid: Grid,
    importance: np.ndarray,
    weight_at: Callable,
) -> np.ndarray:
    """The average with the weights importance_p weight(i, j)."""
    total = np.zeros((*grid.shape, source.shape[2] + 1), np.float32)
    # The scale drops out; near one, no sum of float32 is lost.
    importance = importance / importance.max()
    for part, i, j, rows, columns, values in _pixels(source, corners, grid):
        weight = (importance[part] * weight_at(i, j)).reshape(*values.shape[:2], 1)
        add_at(total, rows, columns, np.concatenate([values * weight, weight], axis=2))
    return total[:, :, :-1] / total[:, :, -1:]


def _window(size: int, weighting: str) -> np.ndarray:
    window = falloff(size) if weighting == "gaussian" else np.ones(size)
    return window.astype(np.float32)


def falloff(size: int, deviation: float = 0.25) -> np.ndarray:
    """A Gaussian window (size,) whose `deviation` is a share of its width."""
    offsets = (np.arange(size) - (size - 1) / 2) / (deviation * size)
    return np.exp(-0.5 * offsets**2)


def _reweighted(
    source: np.ndarray,
    corners: np.ndarray,
    grid: Grid,
    mean: np.ndarray,
    importance: np.ndarray | None,
) -> np.ndarray:
    """One step of iteratively re-weighted least squares around `mean`."""
    total = np.zeros((*grid.shape, source.shape[2] + 1), np.float32)
    for part, _, _, rows, columns, values in _pixels(source, corners, grid):
        squares = np.square(values - take_at(mean, rows, columns)).sum(axis=2, keepdims=True)
        weight = (squares + SOFTEST) ** (EXPONENT / 2 - 1)
        if importance is not None:
            weight *= importance[part].reshape(weight.shape)
        add_at(total, rows, columns, np.concatenate([values * weight, weight], axis=2))
    return total[:, :, :-1] / total[:, :, -1:]


def _pixels(source: np.ndarray, corners: np.ndarray, grid: Grid):
    """For each band of patches and offset (i, j) in them: the pixels hit and their values.

    Yields the band's slice of patch numbers, i, j, rows, columns and values (R, S, C); bands
    keep the working set in the cache.
    """
    width, channels = source.shape[1:]
    flat = source.reshape(-1, channels)
    for band, part in grid.blocks(channels):
        first = corners[part, 0].astype(np.int64) * width + corners[part, 1]
        first = first.reshape(len(band.rows), len(band.columns))
        for i, j, rows, columns in offsets(band):
            yield part, i, j, rows, columns, np.take(flat, first + (i * width + j), axis=0)
