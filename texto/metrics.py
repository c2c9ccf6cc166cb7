"""Scores of a result against its exemplar that need no network. Lower is better unless said.

Pictures are (H, W, C) float32 in [0, 1]. Each score is deterministic for a given `rng`.
"""

from __future__ import annotations

import numpy as np

from .neighbors import Neighbors
from .patches import all_corners, extract_at
from .protocols import Rng, TextoError, as_image, generator
from .pyramid import pyramid
from .transport.plan import exact_plan

DRAWS = 1500  # patches a picture and level
LEVELS = 4
BINS = 47  # radial frequencies of `spectrum`
POWER_FLOOR = 1e-8


def patch_ot(result: np.ndarray, exemplar: np.ndarray, *, rng: Rng = 0) -> float:
    """Exact transport cost between 4 x 4 patches, the mean over 4 dyadic levels.

    At each level 1500 patches are drawn from each picture; the squared distance is summed over
    a patch's values. The exemplar against itself (two different draws) gives the floor.
    Cost: 4 assignment problems of size 1500, about 1 s. Raises TextoError for pictures too
    small to have a patch at the coarsest level.
    """
    return _patch_ot(result, exemplar, 4, generator(rng))


def patch_ot_8(result: np.ndarray, exemplar: np.ndarray, *, rng: Rng = 0) -> float:
    """`patch_ot` with 8 x 8 patches, divided by 4 to be on the same scale."""
    return _patch_ot(result, exemplar, 8, generator(rng)) / 4


def spectrum(result: np.ndarray, exemplar: np.ndarray) -> float:
    """Mean absolute difference of the logarithms of the radial power spectra of grey values.

    0.7 means a factor of two in power at a typical frequency. Blur shows here first.
    """
    return float(np.abs(_log_spectrum(result) - _log_spectrum(exemplar)).mean())


def originality(result: np.ndarray, exemplar: np.ndarray, *, side: int = 136) -> float:
    """Share of neighbouring 8 x 8 patches of `result` whose sources are not neighbours.

    Each patch's source is its exact nearest patch in the exemplar. 0 for a crop of the
    exemplar, about 0.7 for white noise; higher is better. Only the corner of
    `side` x `side` pixels is looked at. After Gutierrez 2017, innovation capacity.
    """
    result, exemplar = as_image(result, "result", smallest=9), as_image(exemplar, smallest=9)
    _check_channels(result, exemplar)
    corner = result[:side, :side]
    corners = all_corners(exemplar.shape, 8)
    neighbors = Neighbors(extract_at(exemplar, corners, 8), device="cpu")
    positions = all_corners(corner.shape, 8)
    sources = corners[neighbors.search(extract_at(corner, positions, 8))]
    sources = sources.reshape(corner.shape[0] - 7, corner.shape[1] - 7, 2)
    neighbouring = (np.diff(sources, axis=1) == (0, 1)).all(axis=2)
    return float(1 - neighbouring.mean())


def _patch_ot(
    result: np.ndarray, exemplar: np.ndarray, size: int, rng: np.random.Generator
) -> float:
    pictures = [
        as_image(image, what, smallest=size << (LEVELS - 1))
        for image, what in ((result, "result"), (exemplar, "exemplar"))
    ]
    _check_channels(*pictures)
    levels = zip(*(pyramid(image, LEVELS) for image in pictures), strict=True)
    return float(np.mean([_level_ot(a, b, size, rng) for a, b in levels]))


def _check_channels(result: np.ndarray, exemplar: np.ndarray) -> None:
    if result.shape[2] != exemplar.shape[2]:
        raise TextoError(
            "result",
            f"has {result.shape[2]} channels, the exemplar {exemplar.shape[2]}",
            "compare pictures with equal channels",
        )


def _level_ot(a: np.ndarray, b: np.ndarray, size: int, rng: np.random.Generator) -> float:
    clouds = [_draw(image, size, rng).astype(np.float64) for image in (a, b)]
    norms = [np.square(cloud).sum(axis=1) for cloud in clouds]
    cost = norms[0][:, None] + norms[1] - 2 * clouds[0] @ clouds[1].T
    weights = [np.full(len(cloud), 1 / len(cloud)) for cloud in clouds]
    cost = np.maximum(cost, 0)
    return float((exact_plan(*weights, cost) * cost).sum())


def _draw(image: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    corners = all_corners(image.shape, size)
    chosen = rng.choice(len(corners), min(DRAWS, len(corners)), replace=False)
    return extract_at(image, corners[chosen], size)


def _log_spectrum(image: np.ndarray) -> np.ndarray:
    """(BINS,) logarithms of the radially averaged power of the windowed grey values."""
    grey = as_image(image, "picture", smallest=2 * BINS).mean(axis=2, dtype=np.float64)
    side = min(grey.shape)
    grey = grey[:side, :side] - grey[:side, :side].mean()
    window = np.outer(np.hanning(side), np.hanning(side))
    power = np.abs(np.fft.fft2(grey * window)) ** 2 / (window**2).sum()
    frequency = np.fft.fftfreq(side)
    radius = np.hypot(frequency[:, None], frequency)
    ring = np.minimum((radius / 0.5 * BINS).astype(int), BINS)
    inside = ring < BINS
    totals = np.bincount(ring[inside], power[inside], minlength=BINS)
    counts = np.bincount(ring[inside], minlength=BINS)
    return np.log(np.maximum(totals / np.maximum(counts, 1), POWER_FLOOR))
