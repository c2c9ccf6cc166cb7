"""Votes: a picture from overlapping patches with several weighted sources each."""

from __future__ import annotations

from functools import partial

import numpy as np

from ..core.compiled import compiled
from ..core.threads import mapped
from .extraction import Grid

BAND = 16  # rows of pixels that a thread works on at a time
NONE = -1  # number of a patch that is not there


def vote(
    picture: np.ndarray, found: np.ndarray, weights: np.ndarray, spots: Grid, window: np.ndarray
) -> np.ndarray:
    """The weighted mean of what the patches over each pixel say, (h, w, C) float32.

        V(a) = sum_p k(a - p) sum_q w_pq u(y_pq + a - p) / sum_p k(a - p) sum_q w_pq

    picture : u, (H, W, C) float32, whose patches at `found` (R, S, k, 2) int32 speak with the
    `weights` (R, S, k) float32, >= 0, for the R x S patches of the grid `spots`. window : (size,)
    float32, k along each axis. Each row of pixels is summed in a fixed order. Cost:
    O(R S k size^2 C).
    """
    height, width = spots.shape
    result = np.empty((height, width, picture.shape[2]), np.float32)
    over = _covering(spots.rows, spots.patch_size, height)

    def rows(first: int) -> None:
        last = min(first + BAND, height)
        _mean(first, last, picture, found, weights, over, spots.columns, window, result)

    for _ in mapped(rows, range(0, height, BAND)):
        pass
    return result


def sharp_vote(
    picture: np.ndarray,
    found: np.ndarray,
    spots: Grid,
    window: np.ndarray,
    power: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Each pixel from the source that most patches over it agree on, (h, w, C) float32.

    As `vote`, with `found` (R, S, 2), one source a patch; but patches that would copy the same
    source pixel add up their weights first, and these count by their `power`: 1 is the mean,
    and the larger it is the more the strongest source decides alone. A mean of sources that
    disagree is a blur; so pieces keep their pixels, and joints are as wide as one over the
    power. Returns with the picture the strongest source pixel of each, (h, w, 2) int32.
    Cost: O(h w n^2) for n patches over a pixel.
    """
    height, width = spots.shape
    result = np.empty((height, width, picture.shape[2]), np.float32)
    sources = np.empty((height, width, 2), np.int32)
    over = [
        _covering(starts, spots.patch_size, side)
        for starts, side in zip((spots.rows, spots.columns), spots.shape, strict=True)
    ]

    def rows(first: int) -> None:
        last = min(first + BAND, height)
        _strongest(first, last, picture, found, *over, window, np.float32(power), result, sources)

    for _ in mapped(rows, range(0, height, BAND)):
        pass
    return result, sources


def _covering(starts: np.ndarray, size: int, side: int) -> np.ndarray:
    """(side, n, 2) int64: for each pixel of an axis the patches over it, and where in them it is.

    Rows end with `NONE` where a pixel has fewer patches than others.
    """
    patches = np.repeat(np.arange(len(starts)), size)
    offsets = np.tile(np.arange(size), len(starts))
    pixels = (starts[patches] + offsets) % side
    order = np.argsort(pixels, kind="stable")
    counts = np.bincount(pixels, minlength=side)
    number = np.arange(len(pixels)) - np.repeat(np.cumsum(counts) - counts, counts)
    table = np.full((side, int(counts.max()), 2), NONE, np.int64)
    table[pixels[order], number] = np.stack([patches, offsets], axis=1)[order]
    return table


@partial(compiled, flags={"contract"})  # each sum is as written, but for fused products
def _mean(first, last, picture, found, weights, over, columns, window, result):
    """Rows `first` to `last` of `vote`."""
    size, channels, width = len(window), picture.shape[2], result.shape[1]
    flat = picture.reshape(picture.shape[0], picture.shape[1] * channels)
    wide = np.empty(size * channels, np.float32)  # the window, for all values of a row
    for e in range(size * channels):
        wide[e] = window[e // channels]
    total = np.empty((width + size) * channels, np.float32)
    covered, share = np.empty(width + size, np.float32), np.empty(size, np.float32)
    for y in range(first, last):
        total[:] = 0
        covered[:] = 0
        for n in range(over.shape[1]):
            r, i = over[y, n, 0], over[y, n, 1]
            if r < 0:
                break
            for s in range(len(columns)):
                shares = covered[columns[s] : columns[s] + size]
                values = total[columns[s] * channels : (columns[s] + size) * channels]
                for q in range(weights.shape[2]):
                    weight = weights[r, s, q] * window[i]
                    if weight < 1e-7:
                        continue
                    left = found[r, s, q, 1] * channels
                    own = flat[found[r, s, q, 0] + i, left : left + len(wide)]
                    for j in range(size):  # stored, so that it is rounded as among the values
                        share[j] = weight * window[j]
                        shares[j] += share[j]
                    for e in range(len(wide)):
                        values[e] += weight * wide[e] * own[e]
        for x in range(width, width + size):  # what reaches round the border
            covered[x % width] += covered[x]
            for c in range(channels):
                total[x % width * channels + c] += total[x * channels + c]
        for x in range(width):
            for c in range(channels):
                result[y, x, c] = total[x * channels + c] / covered[x]


@compiled
def _strongest(
    first, last, picture, found, over_rows, over_columns, window, power, result, sources
):
    """Rows `first` to `last` of `sharp_vote`."""
    channels = picture.shape[2]
    places = np.empty((over_rows.shape[1] * over_columns.shape[1], 2), np.int64)
    votes = np.empty(len(places), np.float32)
    for y in range(first, last):
        for x in range(result.shape[1]):
            m = 0
            for a in range(over_rows.shape[1]):
                r, i = over_rows[y, a, 0], over_rows[y, a, 1]
                if r < 0:
                    break
                for b in range(over_columns.shape[1]):
                    s, j = over_columns[x, b, 0], over_columns[x, b, 1]
                    if s < 0:
                        break
                    row, column = found[r, s, 0] + i, found[r, s, 1] + j
                    e = 0
                    while e < m and (places[e, 0] != row or places[e, 1] != column):
                        e += 1
                    if e == m:
                        places[e, 0], places[e, 1], votes[e] = row, column, 0
                        m += 1
                    votes[e] += window[i] * window[j]
            best = 0
            for e in range(1, m):
                if votes[e] > votes[best]:
                    best = e
            sources[y, x, 0], sources[y, x, 1] = places[best, 0], places[best, 1]
            for c in range(channels):
                result[y, x, c] = 0
            total = np.float32(0)
            for e in range(m):
                share = (votes[e] / votes[best]) ** power
                total += share
                for c in range(channels):
                    result[y, x, c] += share * picture[places[e, 0], places[e, 1], c]
            for c in range(channels):
                result[y, x, c] /= total
