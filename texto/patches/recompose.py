"""Recomposition: a picture from overlapping patches copied out of the exemplar."""

from __future__ import annotations

import numpy as np

from ..core.compiled import compiled
from ..core.threads import mapped
from .extraction import Grid
from .vote import BAND, _covering

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
    pixel), so that outliers do not blur an edge. `importance` (n,), > 0, weighs whole patches on
    top of that.
    Cost: n w w C additions, no patch is ever materialised.
    """
    window = _window(grid.patch_size, weighting)
    mean = _average(source, corners, grid, window, importance)
    if weighting != "robust":
        return mean
    return _average(source, corners, grid, window, importance, around=mean)


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
    squares = np.empty((len(grid.rows), len(grid.columns)), np.float32)
    places = np.asarray(corners, np.int32).reshape(*squares.shape, 2)

    def row(number: int) -> None:
        _squares(number, image, source, places, grid.rows, grid.columns, window, squares)

    for _ in mapped(row, range(len(grid.rows))):
        pass
    return squares.ravel()


def _average(
    source: np.ndarray,
    corners: np.ndarray,
    grid: Grid,
    window: np.ndarray,
    importance: np.ndarray | None,
    around: np.ndarray | None = None,
) -> np.ndarray:
    """The average with the weights importance_p window(i) window(j).

    With `around` (H, W, C) instead one step of iteratively re-weighted least squares from there.
    Each row of pixels is summed in a fixed order.
    """
    shape = (len(grid.rows), len(grid.columns))
    places = np.asarray(corners, np.int32).reshape(*shape, 2)
    if importance is None:
        importance = np.ones(shape, np.float32)
    else:  # the scale drops out; near one, no sum of float32 is lost
        importance = (importance / importance.max()).astype(np.float32).reshape(shape)
    height, width = grid.shape
    result = np.empty((height, width, source.shape[2]), np.float32)
    over = _covering(grid.rows, grid.patch_size, height)
    robust = around is not None
    around = result if around is None else around

    def rows(first: int) -> None:
        last = min(first + BAND, height)
        _mean(
            first, last, source, places, importance, over, grid.columns, window, robust, around,
            result,
        )  # fmt: skip

    for _ in mapped(rows, range(0, height, BAND)):
        pass
    return result


def _window(size: int, weighting: str) -> np.ndarray:
    window = falloff(size) if weighting == "gaussian" else np.ones(size)
    return window.astype(np.float32)


def falloff(size: int) -> np.ndarray:
    """A Gaussian window (size,) with a deviation of a quarter of its width."""
    offsets = (np.arange(size) - (size - 1) / 2) / (size / 4)
    return np.exp(-0.5 * offsets**2)


@compiled
def _mean(
    first, last, source, places, importance, over, columns, window, robust, around, result
):  # fmt: skip
    """Rows `first` to `last` of `_average`."""
    size, channels, width = len(window), source.shape[2], result.shape[1]
    power, softest = np.float32(EXPONENT / 2 - 1), np.float32(SOFTEST)
    # Summed as differences from the first patch over a pixel: where all agree, nothing changes.
    base = np.empty((width, channels), np.float32)
    total = np.empty((width, channels), np.float32)
    covered = np.empty(width, np.float32)
    for y in range(first, last):
        total[:] = 0
        covered[:] = 0
        for n in range(over.shape[1]):
            r, i = over[y, n, 0], over[y, n, 1]
            if r < 0:
                break
            for s in range(len(columns)):
                row, left, x = places[r, s, 0] + i, places[r, s, 1], columns[s] - 1
                weight = importance[r, s]
                for j in range(size):
                    x += 1
                    if x >= width:
                        x -= width
                    share = weight * window[i] * window[j]
                    if robust:
                        square = softest
                        for c in range(channels):
                            apart = source[row, left + j, c] - around[y, x, c]
                            square += apart * apart
                        share = weight * square**power
                    if covered[x] == 0:
                        for c in range(channels):
                            base[x, c] = source[row, left + j, c]
                    covered[x] += share
                    for c in range(channels):
                        total[x, c] += share * (source[row, left + j, c] - base[x, c])
        for x in range(width):
            for c in range(channels):
                result[y, x, c] = base[x, c] + total[x, c] / covered[x]


@compiled
def _squares(r, image, source, places, rows, columns, window, squares):
    """Row `r` of patches of `squared_distances`."""
    height, width, channels = image.shape
    for s in range(len(columns)):
        total = np.float32(0)
        for i in range(len(window)):
            y, row, left = (rows[r] + i) % height, places[r, s, 0] + i, places[r, s, 1]
            for j in range(len(window)):
                x, square = (columns[s] + j) % width, np.float32(0)
                for c in range(channels):
                    apart = image[y, x, c] - source[row, left + j, c]
                    square += apart * apart
                total += window[i] * window[j] * square
        squares[r, s] = total
