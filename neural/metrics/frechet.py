"""The Frechet distance between two sets of features, by their first two moments."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.linalg

from texto.core.threads import single_blas


@dataclass(frozen=True, eq=False)
class Moments:
    """The `mean` (d,) of samples, and a `factor` F (k, d) of their covariance F^T F, k <= d."""

    mean: np.ndarray
    factor: np.ndarray


def moments(samples: np.ndarray) -> Moments:
    """The moments of `samples` (n, d), n >= 2, with the covariance of `np.cov`. Any rank."""
    samples = np.asarray(samples, np.float64)
    mean = samples.mean(axis=0)
    centred = (samples - mean) / np.sqrt(len(samples) - 1)
    if len(samples) <= samples.shape[1]:
        return Moments(mean, centred)
    with single_blas():
        values, vectors = np.linalg.eigh(centred.T @ centred)
    return Moments(mean, (vectors * np.sqrt(np.maximum(values, 0))).T)


def frechet_distance(first: Moments, second: Moments) -> float:
    """|m - m'|^2 + tr(S + S' - 2 (S S')^(1/2)), the squared W2 distance of the two Gaussians.

    With S = F^T F and S' = F'^T F', the trace of (S S')^(1/2) is the sum of the singular values
    of F F'^T: real, without regularisation (epsilon I) for singular covariances, and the
    distance of a set to itself stays at rounding. Square roots of eigenvalues, as in scipy's
    sqrtm or POT's Bures distance, lose half of the digits there. Never negative. Cost: d^3.
    """
    with single_blas():
        cross = scipy.linalg.svdvals(first.factor @ second.factor.T).sum()
    spread = np.square(first.factor).sum() + np.square(second.factor).sum() - 2 * cross
    return float(np.square(first.mean - second.mean).sum() + max(spread, 0.0))
