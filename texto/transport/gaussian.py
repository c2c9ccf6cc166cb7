"""Optimal transport between Gaussians, for all pairs of two mixtures at once."""

from __future__ import annotations

import numpy as np


def bures_cost(
    means_0: np.ndarray, covariances_0: np.ndarray, means_1: np.ndarray, covariances_1: np.ndarray
) -> np.ndarray:
    """W2^2 between all pairs of Gaussians: (K0, K1).

    `|m0 - m1|^2 + tr(S0 + S1 - 2 (S0^1/2 S1 S0^1/2)^1/2)` (poster, section 3). means : (K, d);
    covariances : (K, d, d), or (K, d) when diagonal. Cost: K0 K1 eigenvalue problems of size d,
    K1 of them in memory at a time.
    """
    shift = np.square(means_0[:, None] - means_1[None]).sum(axis=2)
    if covariances_0.ndim == 2:
        roots = np.sqrt(covariances_0)[:, None] - np.sqrt(covariances_1)[None]
        return shift + np.square(roots).sum(axis=2)
    roots = matrix_power(covariances_0, 0.5)
    cross = [np.linalg.eigvalsh(_between(root, covariances_1)) for root in roots]
    fidelity = np.sqrt(np.maximum(cross, 0)).sum(axis=2)
    traces = [np.trace(c, axis1=1, axis2=2) for c in (covariances_0, covariances_1)]
    return np.maximum(shift + traces[0][:, None] + traces[1][None] - 2 * fidelity, 0)


def monge_matrices(
    covariances_0: np.ndarray, covariances_1: np.ndarray, pairs: np.ndarray | None = None
) -> np.ndarray:
    """The linear parts of the optimal maps from each Gaussian to each: (K0, K1, d, d).

    `A = S0^-1/2 (S0^1/2 S1 S0^1/2)^1/2 S0^-1/2`, symmetric, so that
    `T(x) = m1 + A (x - m0)` (poster, section 3). S0 must be positive definite; diagonal
    covariances (K, d) give (K0, K1, d). With `pairs` (P, 2), only those: (P, d, d) or (P, d).
    """
    if pairs is None:
        counts = (len(covariances_0), len(covariances_1))
        every = monge_matrices(covariances_0, covariances_1, np.argwhere(np.ones(counts)))
        return every.reshape(*counts, *every.shape[1:])
    first, second = pairs.T
    if covariances_0.ndim == 2:
        return np.sqrt(covariances_1[second] / covariances_0[first])
    roots = matrix_power(covariances_0, 0.5)[first]
    inverses = matrix_power(covariances_0, -0.5)[first]
    middle = matrix_power(_between(roots, covariances_1[second]), 0.5)
    return inverses @ middle @ inverses


def matrix_power(matrices: np.ndarray, power: float) -> np.ndarray:
    """Powers of symmetric positive semi-definite `matrices` (..., d, d), batched."""
    values, vectors = np.linalg.eigh(matrices)
    floor = np.finfo(np.float64).eps * np.maximum(values[..., -1:], np.finfo(np.float64).tiny)
    powers = np.maximum(values, floor) ** power
    return (vectors * powers[..., None, :]) @ np.swapaxes(vectors, -1, -2)


def _between(roots: np.ndarray, covariances: np.ndarray) -> np.ndarray:
    """S0^1/2 S1 S0^1/2, (..., d, d), exactly symmetric."""
    product = roots @ covariances @ roots
    return (product + np.swapaxes(product, -1, -2)) / 2
