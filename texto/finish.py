"""The finishing pass: sliced transport of small patches at the finest levels of a picture.

Averaging overlapping patches blurs. This pass moves the small patches of a result onto the
patch distribution of its exemplar, along random directions: project, match the sorted values,
move back. Sliced Wasserstein flow (Rabin, Peyre, Delon, Bernot 2011) on patches, with the
gradient in closed form. Any patch method can use it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .patches import Grid, coverage, extract, extract_at, fold
from .protocols import Progress, Step, silent
from .pyramid import halve

PATCH_SIZE = 7
SAMPLES = 1 << 14  # patches from which a one-dimensional distribution is estimated
BINS = 1024  # entries of the table of a one-dimensional map


@dataclass(frozen=True)
class Schedule:
    """How much a finishing pass does: `steps` at each of its levels, coarsest first."""

    steps: tuple[int, ...] = (60, 60)
    n_directions: int = 64
    stride: int = 3
    gain: float = 1.0


def finish(
    image: np.ndarray,
    exemplar: np.ndarray,
    *,
    rng: np.random.Generator,
    periodic: tuple[bool, bool] = (False, False),
    schedule: Schedule = Schedule(),
    progress: Progress = silent,
) -> np.ndarray:
    """`image` (H, W, C) with the small-patch statistics of `exemplar`, same shape, in [0, 1].

    Coarse to fine over `len(schedule.steps)` dyadic levels; what a coarse level changes is
    carried up as a difference, so finer detail stays. Cost per step and pixel: about
    2 (w / stride)^2 C n_directions operations; memory is that of two pictures.
    """
    smallest = min(*image.shape[:2], *exemplar.shape[:2])
    n_levels = sum(smallest >> level > 2 * PATCH_SIZE for level in range(len(schedule.steps)))
    result = image
    total, done = sum(schedule.steps[-n_levels:] if n_levels else ()), 0
    for level in reversed(range(n_levels)):
        picture, target = result, exemplar
        for _ in range(level):
            picture, target = halve(picture), halve(target)
        moved = picture.copy()
        for _ in range(schedule.steps[-1 - level]):
            sliced_step(moved, target, schedule, rng, periodic)
            done += 1
            progress(Step("finish", level, done, total))
        result = result + _enlarged(moved - picture, level, result.shape) if level else moved
    return np.clip(result, 0, 1)


def sliced_step(
    image: np.ndarray,
    exemplar: np.ndarray,
    schedule: Schedule,
    rng: np.random.Generator,
    periodic: tuple[bool, bool],
) -> None:
    """One step, in place: match the patches' projections on random orthonormal directions."""
    dimension = PATCH_SIZE**2 * image.shape[2]
    count = min(schedule.n_directions, dimension)
    gaussian = rng.standard_normal((dimension, count), dtype=np.float32)
    directions = np.linalg.qr(gaussian)[0]
    maps = _quantile_maps(
        _sample(image, rng, periodic) @ directions, _sample(exemplar, rng) @ directions
    )
    spots = _random_grid(image.shape[:2], schedule.stride, rng, periodic)
    total = np.zeros_like(image)
    for band, _ in spots.blocks(image.shape[2]):
        values = extract(image, band) @ directions
        fold(total, maps(values) @ directions.T, band)
    total *= (schedule.gain / np.maximum(coverage(spots), 1))[:, :, None]
    image += total


def _sample(image, rng, periodic=(False, False)) -> np.ndarray:
    """Random patches (n, D) of `image`; positions may repeat."""
    limits = [size - PATCH_SIZE + 1 for size in image.shape[:2]]
    corners = np.column_stack([rng.integers(0, limit, SAMPLES) for limit in limits])
    return extract_at(image, corners, PATCH_SIZE)


def _quantile_maps(source: np.ndarray, target: np.ndarray):
    """The monotone maps between the columns of two samples, minus the identity.

    Returns a function from values (n, k) to displacements (n, k). Each map is a table over
    evenly spaced values, so applying it needs neither a sort nor a search.
    """
    source, target = np.sort(source, axis=0), np.sort(target, axis=0)
    low, high = source[0], source[-1]
    scale = (BINS - 1) / np.maximum(high - low, 1e-6)
    table = np.empty((source.shape[1], BINS + 1), np.float32)
    for k in range(source.shape[1]):
        knots = np.linspace(low[k], low[k] + (BINS - 1) / scale[k], BINS)
        ranks = np.searchsorted(source[:, k], knots) * (len(target) - 1) / len(source)
        table[k, :BINS] = np.interp(ranks, np.arange(len(target)), target[:, k]) - knots
    table[:, BINS] = table[:, BINS - 1]
    offsets = np.arange(source.shape[1], dtype=np.int32) * (BINS + 1)
    flat = table.ravel()

    def displace(values: np.ndarray) -> np.ndarray:
        position = (values - low) * scale
        np.clip(position, 0, BINS - 1, out=position)
        cell = position.astype(np.int32)
        position -= cell
        cell += offsets
        left = flat.take(cell)
        cell += 1
        return left + position * (flat.take(cell) - left)

    return displace


def _random_grid(shape, stride, rng, periodic) -> Grid:
    """A grid with a random offset, so that in time every patch takes part."""
    axes = []
    for size, wraps in zip(shape, periodic, strict=True):
        first = int(rng.integers(stride))
        if wraps:
            axes.append(np.arange(first, size, stride))
        else:
            axes.append(np.unique(np.r_[0, np.arange(first, size - PATCH_SIZE, stride), size - PATCH_SIZE]))
    return Grid(tuple(shape), PATCH_SIZE, *axes)


def _enlarged(difference: np.ndarray, level: int, shape: tuple[int, ...]) -> np.ndarray:
    """A coarse difference on the fine grid, by bilinear interpolation."""
    from scipy.ndimage import zoom
    f=2**level
    out = np.repeat(np.repeat(difference,f,0),f,1)
    pad=[(0,shape[0]-out.shape[0]),(0,shape[1]-out.shape[1]),(0,0)]
    return np.pad(out,pad,mode='edge')
