"""Gaussian mixtures fitted to points by expectation maximisation.

The seeding is scikit-learn's k-means++. The EM steps are our own: scikit-learn's solve a
triangular system per component and step in one thread and visit all points for every
component, and take most of the time of a whole fit. `make bench` measures both.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..core.threads import mapped
from .mixture import GaussianMixture

REGULARISATION = 1e-3  # share of the mean variance added to every covariance
FLOOR = 1e-8  # variance below one grey level of 8 bits, so that constant pictures work
NEGLIGIBLE = 1e-5  # responsibilities below this take no part in a covariance


@dataclass(frozen=True, eq=False)
class MixtureFit:
    """What EM found: the mixture, and whether the likelihood had stopped rising."""

    mixture: GaussianMixture
    converged: bool
    n_iter: int
    log_likelihood: float


def fit_mixture(
    points: np.ndarray,
    n_components: int,
    *,
    rng: np.random.Generator,
    covariance: str = "full",
    n_iter: int = 20,
    tolerance: float = 1e-2,
    regularisation: float = REGULARISATION,
) -> MixtureFit:
    """The mixture of `n_components` Gaussians that EM finds for `points` (n, d) float32.

    covariance : "full" or "diag"; the regularisation is relative to the mean variance, so the
    fit does not depend on the scale of the data. It ends when the mean log-likelihood rises by
    less than `tolerance` nats, or after `n_iter` steps. Components without points keep a weight
    of zero. Cost per step: O(n K d^2) operations in float32, O(n d^2) in float64.
    """
    centre = points.mean(axis=0, dtype=np.float64)
    centred = (points - centre).astype(np.float32)
    ridge = regularisation * float(np.square(centred).mean(dtype=np.float64)) + FLOOR
    diagonal = covariance == "diag"
    shares = _seeded(centred, min(n_components, len(points)), rng)
    mixture = _maximise(centred, shares, ridge, diagonal)
    last, converged, step = -np.inf, False, 0
    while step < n_iter and not converged:
        step += 1
        shares, log_likelihood = _expect(centred, mixture)
        mixture = _maximise(centred, shares, ridge, diagonal)
        converged = log_likelihood - last < tolerance
        last = log_likelihood
    moved = GaussianMixture(mixture.weights, mixture.means + centre, mixture.covariances)
    return MixtureFit(moved, converged, step, last)


def _seeded(points: np.ndarray, n_components: int, rng: np.random.Generator) -> np.ndarray:
    """One-hot responsibilities (n, K) of the nearest of K seeds spread by k-means++."""
    from sklearn.cluster import kmeans_plusplus

    if not points.any():  # all points are equal, and k-means++ would divide by zero
        return np.eye(1, n_components, dtype=np.float32).repeat(len(points), axis=0)
    state = int(rng.integers(2**32))
    seeds, _ = kmeans_plusplus(points, n_components, random_state=state)
    scores = points @ seeds.T - 0.5 * np.square(seeds).sum(axis=1)
    return (scores.argmax(axis=1)[:, None] == np.arange(n_components)).astype(np.float32)


def _expect(points: np.ndarray, mixture: GaussianMixture) -> tuple[np.ndarray, float]:
    """Responsibilities (n, K) and the mean log-likelihood."""
    scores = mixture.log_joint(points)
    highest = scores.max(axis=1, keepdims=True)
    shares = np.exp(scores - highest)
    totals = shares.sum(axis=1, keepdims=True)
    log_likelihood = float((np.log(totals) + highest).mean(dtype=np.float64))
    return shares / totals, log_likelihood


def _maximise(
    points: np.ndarray, shares: np.ndarray, ridge: float, diagonal: bool
) -> GaussianMixture:
    """The mixture that maximises the expected likelihood under `shares` (n, K)."""
    dimension = points.shape[1]
    counts = shares.sum(axis=0, dtype=np.float64)
    means = np.zeros((shares.shape[1], dimension))
    covariances = np.empty((shares.shape[1], *([dimension] if diagonal else [dimension] * 2)))

    def moments(k: int) -> None:
        # In tens of dimensions nearly every point belongs to one component only.
        members = np.flatnonzero(shares[:, k] > NEGLIGIBLE)
        share = shares[members, k].astype(np.float64)
        own = points[members].astype(np.float64)
        total = share.sum() or 1.0
        means[k] = share @ own / total
        own -= means[k]
        if diagonal:
            covariances[k] = share @ np.square(own) / total + ridge
        else:
            own *= np.sqrt(share)[:, None]
            covariances[k] = own.T @ own / total + ridge * np.eye(dimension)

    for _ in mapped(moments, range(len(counts))):
        pass
    return GaussianMixture(counts / counts.sum(), means, covariances)
