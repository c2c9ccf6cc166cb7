"""The potential of the optimal transport between the Gaussian laws of two clouds."""

from __future__ import annotations

import numpy as np

from .gaussian import monge_matrices

RIDGE = 1e-3  # of the mean variance: a map of a small sample does not stretch noise


def gaussian_potential(points: np.ndarray, samples: np.ndarray) -> np.ndarray:
    """(m,) float64, mean zero: the potential of targets `points` (m, d) for `samples` (n, d).

    With means m, m' and covariances S, S' of samples and points, A the linear part of the
    optimal map from N(m, S) to N(m', S'), and z = y - m',

        psi(y) = |y|^2 - 2 <m, y> - <z, A^-1 z>,

    less its mean: argmin_y |x - y|^2 - psi(y) over all y is the map m' + A (x - m). An ascent
    that starts from here has to find only what is not Gaussian.
    Cost: (n + m) d^2.
    """
    means = [cloud.mean(axis=0, dtype=np.float64) for cloud in (samples, points)]
    covariances = [_covariance(*pair) for pair in zip((samples, points), means, strict=True)]
    inverse = monge_matrices(covariances[1][None], covariances[0][None])[0, 0]
    centred = points - means[1]
    potential = np.square(points, dtype=np.float64).sum(axis=1) - 2 * points @ means[0]
    potential -= np.einsum("ij,ij->i", centred @ inverse, centred)
    return potential - potential.mean()


def _covariance(cloud: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """(d, d), with a ridge."""
    centred = (cloud - mean).astype(np.float64)
    covariance = centred.T @ centred / len(cloud)
    d = len(mean)
    ridge = RIDGE * np.trace(covariance) / d + np.finfo(np.float32).tiny
    return covariance + ridge * np.eye(d)
