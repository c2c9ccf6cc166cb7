"""Recomposition: a picture from overlapping patches copied out of the exemplar."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from ..core.compiled import EXACT, compiled
from ..core.threads import mapped
from .extraction import Grid, coverage
from .vote import BAND

WEIGHTINGS = ("mean", "gaussian", "robust")
SOFTEST = 1e-3  # squared colour distance under which robust weights stop growing
EXPONENT = 0.8  # Kwatra 2005: the norm r of the robust energy
LANES = 8  # partial sums that NumPy makes of so many values or more


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
    square = np.outer(window, window)[None, None]
    if importance is None:
        mean, _ = _summed(source, corners, grid, lambda _: square)
        mean /= coverage(grid, window)[:, :, None]
    else:
        importance = np.asarray(importance, np.float32).reshape(len(grid.rows), -1, 1, 1)
        # The scale drops out; near one, no sum of float32 is lost.
        scaled = importance / importance.max()
        mean, weight = _summed(source, corners, grid, lambda rows: scaled[rows] * square)
        mean /= weight
    if weighting != "robust":
        return mean

    def robust(rows: slice) -> np.ndarray:
        """One step of iteratively re-weighted least squares around the mean."""
        squares, _ = _measured(mean, source, corners, grid, rows, square[0, 0])
        weights = (squares + SOFTEST) ** (EXPONENT / 2 - 1)
        return weights if importance is None else weights * importance[rows]

    total, weight = _summed(source, corners, grid, robust)
    total /= weight
    return total


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
    square = np.outer(window, window)
    bands = _bands(grid, source.shape[2])
    parts = [_measured(image, source, corners, grid, rows, square)[1] for rows in bands]
    return np.concatenate(parts).ravel()


def _summed(
    source: np.ndarray, corners: np.ndarray, grid: Grid, weigh: Callable[[slice], np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """The sums over each pixel of weighted colours, (H, W, C), and of the weights, (H, W, 1).

    `weigh(rows)` gives the weights (R, S, w, w) of rows of patches, or (1, 1, w, w) for all. Each
    pixel is summed in a fixed order, that of `fold`, however many threads there are.
    """
    total = np.zeros((*grid.shape, source.shape[2]), np.float32)
    weight = np.zeros((*grid.shape, 1), np.float32)
    places = _placed(corners, grid)
    for rows in _bands(grid, source.shape[2]):
        weights = weigh(rows)

        def add(first: int, rows: slice = rows, weights: np.ndarray = weights) -> None:
            last = min(first + BAND, grid.shape[0])
            _add(
                first, last, source, places[rows], weights, grid.rows[rows], grid.columns,
                total, weight,
            )  # fmt: skip

        for _ in mapped(add, range(0, grid.shape[0], BAND)):
            pass
    return total, weight


def _measured(
    image: np.ndarray,
    source: np.ndarray,
    corners: np.ndarray,
    grid: Grid,
    rows: slice,
    window: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Squared distances of `image` and `source` in some rows of patches, and their sums.

    Those of pixels, (R, S, w, w), and of patches under the `window` (w, w), (R, S).
    """
    starts, places = grid.rows[rows], _placed(corners, grid)[rows]
    squares = np.empty((*places.shape[:2], *window.shape), np.float32)
    sums = np.empty(places.shape[:2], np.float32)

    def measure(row: int) -> None:
        _measure(row, image, source, places, starts, grid.columns, window, squares, sums)

    for _ in mapped(measure, range(len(starts))):
        pass
    return squares, sums


def _bands(grid: Grid, channels: int) -> Iterator[slice]:
    """The rows of patches of each of `Grid.blocks`."""
    for _, part in grid.blocks(channels):
        yield slice(part.start // len(grid.columns), part.stop // len(grid.columns))


def _placed(corners: np.ndarray, grid: Grid) -> np.ndarray:
    """(R, S, 2) int32: `corners` (n, 2) by rows and columns of the grid."""
    shape = len(grid.rows), len(grid.columns), 2
    return np.ascontiguousarray(corners, np.int32).reshape(shape)


def _window(size: int, weighting: str) -> np.ndarray:
    window = falloff(size) if weighting == "gaussian" else np.ones(size)
    return window.astype(np.float32)


def falloff(size: int, deviation: float = 0.25) -> np.ndarray:
    """A Gaussian window (size,) whose `deviation` is a share of its width."""
    offsets = (np.arange(size) - (size - 1) / 2) / (deviation * size)
    return np.exp(-0.5 * offsets**2)


@partial(compiled, flags=EXACT)
def _add(first, last, source, places, weights, rows, columns, total, weight):
    """Rows `first` to `last` of `_summed`."""
    height, width, channels = total.shape
    size = weights.shape[2]
    each_row, each_column = len(weights) > 1, weights.shape[1] > 1
    turns = (columns[-1] + size - 1) // width + 1  # round a periodic axis
    for i in range(size - 1, -1, -1):
        for r in range(len(rows)):
            y = (rows[r] + i) % height
            if y < first or y >= last:
                continue
            # From right to left within a turn: at each pixel in the order of j, as in `fold`.
            for turn in range(turns):
                for s in range(len(columns) - 1, -1, -1):
                    left = columns[s] - turn * width
                    j, end = max(0, -left), min(size, width - left)
                    own = weights[r * each_row, s * each_column, i, j:end]
                    row, column = places[r, s, 0] + i, places[r, s, 1] + j
                    colours = source[row, column : column + len(own)]
                    place, covered = total[y, left + j : left + end], weight[y, left + j :, 0]
                    for e in range(len(own)):
                        covered[e] += own[e]
                        for c in range(channels):
                            place[e, c] += colours[e, c] * own[e]


@partial(compiled, flags=EXACT)
def _measure(r, image, source, places, rows, columns, window, squares, sums):
    """Row `r` of `_measured`."""
    height, width, channels = image.shape
    size = len(window)
    lanes = np.empty(LANES, np.float32)
    for s in range(len(columns)):
        total = np.float32(0)
        for i in range(size - 1, -1, -1):
            y, row = (rows[r] + i) % height, places[r, s, 0] + i
            for j in range(size):
                x, column = (columns[s] + j) % width, places[r, s, 1] + j
                # Channels are summed as NumPy sums an axis of up to 128 values.
                square, c = np.float32(0), 0
                if channels >= LANES:
                    lanes[:] = 0
                    for c in range(channels - channels % LANES):
                        apart = source[row, column, c] - image[y, x, c]
                        lanes[c % LANES] += apart * apart
                    c = channels - channels % LANES
                    square = ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) + (
                        (lanes[4] + lanes[5]) + (lanes[6] + lanes[7])
                    )
                while c < channels:
                    apart = source[row, column, c] - image[y, x, c]
                    square += apart * apart
                    c += 1
                squares[r, s, i, j] = square
                total += window[i, j] * square
        sums[r, s] = total
