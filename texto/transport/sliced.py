"""Sliced transport in arrays: monotone maps along directions, and a frame to draw these in.

Rabin, Peyre, Delon, Bernot 2011.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..core.threads import mapped

KNOTS = 1 << 10  # entries of the table of a one-dimensional map
WHITENING = 0.15  # 0: plain directions; 1: all of unit variance, where noise takes over
RIDGE = 1e-4  # of the mean variance
NULL = 1e-10  # variance of the rounding of values in [0, 1]


def frame(covariance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`analysis` and `synthesis` (D, r) of patches with this `covariance` (D, D)."""
    variances, axes = np.linalg.eigh(covariance)
    mean = max(float(variances.mean()), NULL)
    # Directions without variance are left out, so that a grey picture in RGB stays grey.
    kept = variances > NULL * max(1.0, float(variances.max()))
    variances, axes = variances[kept], axes[:, kept]
    powers = (variances / mean + RIDGE) ** (WHITENING / 2)
    analysis, synthesis = (axes / powers).astype(np.float32), (axes * powers).astype(np.float32)
    return analysis, synthesis


def barycentre(quantiles: Sequence[np.ndarray], weights: np.ndarray) -> np.ndarray:
    """(n, k): the barycentre at `weights` (r,) of r `quantiles` (n, k), each column sorted.

    In one dimension it is the weighted mean of the quantiles.
    """
    total = np.zeros_like(quantiles[0])
    for weight, values in zip(weights, quantiles, strict=True):
        if weight:
            total += np.float32(weight) * values
    return total


def displacement(source: np.ndarray, target: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """The monotone maps from the columns of `source` to those of `target`, minus the identity.

    source : (n, k), target : (m, k); the result takes values (N, k) to displacements (N, k).
    Each map is a table over evenly spaced values, so applying it needs no sort and no search,
    and large pictures cost no more per pixel than small ones.
    """
    source, target = mapped(lambda values: np.sort(values, axis=0), (source, target))
    low, high = source[0], source[-1]
    scale = (KNOTS - 1) / np.maximum(high - low, 1e-6)
    table = np.empty((source.shape[1], KNOTS + 1), np.float32)
    ranks_of_target = np.arange(len(target))
    for k in range(source.shape[1]):
        knots = low[k] + np.arange(KNOTS) / scale[k]
        ranks = np.searchsorted(source[:, k], knots) * ((len(target) - 1) / len(source))
        table[k, :KNOTS] = np.interp(ranks, ranks_of_target, target[:, k]) - knots
    table[:, KNOTS] = table[:, KNOTS - 1]
    flat, first = table.ravel(), np.arange(source.shape[1], dtype=np.int32) * (KNOTS + 1)

    def displace(values: np.ndarray) -> np.ndarray:
        position = (values - low) * scale
        np.clip(position, 0, KNOTS - 1, out=position)
        cell = position.astype(np.int32)
        position -= cell
        cell += first
        left = flat.take(cell)
        cell += 1
        position *= flat.take(cell) - left
        return left + position

    return displace
