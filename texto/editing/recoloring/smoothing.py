"""Smoothing of a colour map along the picture, so that it does not amplify noise.

Where a map is steep, it stretches the noise of smooth regions with their colours. The guided
filter (He, Sun, Tang 2013) replaces what the map adds to each pixel by local affine functions of
the picture's own colour, whose slopes vanish where the picture hardly varies. Such functions
change slowly, so they are computed on every step-th pixel only (He, Sun 2015).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from ...core.threads import mapped

ColourMap = Callable[[np.ndarray], np.ndarray]

SAMPLES = 1 << 20  # pixels that the filter works on at a time, and skips pixels above
LEAST_VARIANCE = 1e-6  # a quarter of a grey level, squared: rounding stays far below it
BAND = 1 << 17  # pixels of full size in one piece of work


@dataclass(frozen=True)
class Grid:
    """Every step-th pixel of an axis of `size` pixels: `offset`, `offset` + `step`, ..."""

    size: int
    step: int

    @property
    def offset(self) -> int:
        """The first pixel: as far from its border as the last one, about."""
        return min(self.step // 2, (self.size - 1) % self.step if self.size > self.step else 0)

    @property
    def count(self) -> int:
        """How many pixels there are."""
        return len(range(self.offset, self.size, self.step))

    def places(self, first: int, last: int) -> tuple[np.ndarray, np.ndarray]:
        """For the pixels from `first` to `last` the grid point before, and the share of the next.

        Both (last - first,): int, and float32 in [0, 1]. Beyond the ends the nearest point.
        """
        place = (np.arange(first, last, dtype=np.float32) - self.offset) / self.step
        place = place.clip(0, self.count - 1)
        before = np.minimum(place.astype(np.intp), max(self.count - 2, 0))
        return before, place - before


def smoothly_mapped(
    image: np.ndarray, colour_map: ColourMap, radius: int, smooth: float
) -> Iterator[tuple[slice, np.ndarray]]:
    """`image` (H, W, C) under `colour_map`, smoothed: rows, and their new colours, from the top.

    The new colours (rows, W, C) float32 may lie outside [0, 1]. A contrast within windows of 2
    `radius` + 1 pixels of standard deviation `smooth` is mapped with half the slope, one far
    below it keeps its slope, one far above it has that of the map. The filter works on every
    pixel where `radius` is below 8 or the picture small, else on about a million of them; for
    each it evaluates the map and solves a C x C system. Memory: 0.6 GB at most for three channels.
    """
    step = _step(image.shape, radius)
    rows, columns = (Grid(side, min(step, side)) for side in image.shape[:2])
    reach = max(1, round(radius / step))
    margin = 2 * reach + 1  # the filter averages twice, and interpolation takes the next row
    height = max(SAMPLES // columns.count, margin)
    for first in range(0, rows.count, height):
        last = min(first + height, rows.count)
        low, high = max(0, first - margin), min(rows.count, last + margin)
        part = image[rows.offset + low * rows.step : rows.offset + high * rows.step : rows.step]
        part = part[: high - low, columns.offset :: columns.step]
        fields = _fields(part, colour_map(part) - part, reach, smooth)
        top = 0 if first == 0 else rows.offset + first * rows.step
        bottom = image.shape[0] if last == rows.count else rows.offset + last * rows.step
        yield from _applied(image, fields, low, (rows, columns), (top, bottom))


def _step(shape: tuple[int, ...], radius: int) -> int:
    """The smallest step that leaves few enough pixels, at most a quarter of the radius."""
    needed = int(np.ceil(np.sqrt(shape[0] * shape[1] / SAMPLES)))
    return max(1, min(needed, radius // 4))


def _fields(guide: np.ndarray, added: np.ndarray, reach: int, smooth: float) -> np.ndarray:
    """Slopes and offsets (C + 1, C, h, w) of the affine functions that `added` is replaced by.

    guide, added : (h, w, C). He, Sun, Tang 2013, equations 19 and 20, then the mean over windows.
    """
    channels = guide.shape[2]
    centre = guide.mean(axis=(0, 1))  # squares of large values would drown small variances
    guide, added = (np.moveaxis(each, 2, 0).copy() for each in (guide - centre, added))
    pairs = [(i, j) for i in range(channels) for j in range(i, channels)]
    crossed = [(i, j) for i in range(channels) for j in range(channels)]
    mean, value = _boxed(list(guide), reach), _boxed(list(added), reach)
    square = _boxed((guide[i] * guide[j] for i, j in pairs), reach)
    cross = _boxed((guide[i] * added[j] for i, j in crossed), reach)
    covariance = np.empty((*guide.shape[1:], channels, channels), np.float32)
    joint = np.empty_like(covariance)
    for (i, j), plane in zip(pairs, square, strict=True):
        covariance[..., i, j] = covariance[..., j, i] = plane - mean[i] * mean[j]
    for (i, j), plane in zip(crossed, cross, strict=True):
        joint[..., i, j] = plane - mean[i] * value[j]
    covariance += max(smooth**2, LEAST_VARIANCE) * np.eye(channels, dtype=np.float32)
    solved = mapped(lambda row: np.linalg.solve(covariance[row], joint[row]), range(len(joint)))
    for row, slopes in enumerate(solved):
        joint[row] = slopes
    slopes = np.ascontiguousarray(np.moveaxis(joint, (2, 3), (0, 1)))
    offsets = value - np.einsum("ij...,i...->j...", slopes, mean)
    planes = [*slopes.reshape(-1, *guide.shape[1:]), *offsets]
    fields = _boxed(planes, reach).reshape(channels + 1, channels, *guide.shape[1:])
    fields[channels] -= np.einsum("ij...,i->j...", fields[:channels], centre)
    return fields


def _boxed(planes: Iterator[np.ndarray] | list[np.ndarray], reach: int) -> np.ndarray:
    """The means (n, h, w) over windows of 2 `reach` + 1 pixels, of pictures that are mirrored."""
    from scipy.ndimage import uniform_filter

    return np.stack(
        list(mapped(lambda p: uniform_filter(p, 2 * reach + 1, mode="reflect"), planes))
    )


def _applied(
    image: np.ndarray,
    fields: np.ndarray,
    low: int,
    grids: tuple[Grid, Grid],
    ends: tuple[int, int],
) -> Iterator[tuple[slice, np.ndarray]]:
    """The rows `ends` of `image` plus the affine functions `fields`, whose first row is `low`."""
    rows, columns = grids
    left, right_share = columns.places(0, image.shape[1])
    right = np.minimum(left + 1, columns.count - 1)
    height = max(1, BAND // image.shape[1])

    def work(first: int) -> tuple[slice, np.ndarray]:
        last = min(first + height, ends[1])
        above, share = rows.places(first, last)
        below, share = np.minimum(above + 1, rows.count - 1) - low, share[:, None]
        above = above - low
        part = image[first:last]
        moved = part.copy()
        for i in range(fields.shape[0]):
            for j in range(fields.shape[1]):
                plane = fields[i, j]
                plane = plane[above] + share * (plane[below] - plane[above])
                start = plane[:, left]
                plane = start + right_share * (plane[:, right] - start)
                moved[..., j] += plane * part[..., i] if i < fields.shape[1] else plane
        return slice(first, last), moved

    yield from mapped(work, range(*ends, height))
