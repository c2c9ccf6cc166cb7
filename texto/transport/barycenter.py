"""Barycentres of Gaussian mixtures: what lies between textures (mixing).

Delon, Desolneux 2020: the barycentre of mixtures for MW2 is a mixture whose components are
barycentres of one component of each, joined by an optimal multi-marginal plan. Between two
mixtures it is the displacement interpolation along the plan w*, and exact here.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from .gaussian import matrix_power, monge_matrices
from .gmm_map import GmmPlan, gmm_plan
from .mixture import GaussianMixture

FIXED_POINT = 50  # steps at most; far fewer are needed
CLOSE = 1e-9  # relative change at which the fixed point has been reached
GAIN = 1e-6  # relative fall of the objective below which the support stays as it is


def bures_geodesic(
    covariances_0: np.ndarray, covariances_1: np.ndarray, pairs: np.ndarray, time: float
) -> np.ndarray:
    """The covariances at `time` in [0, 1] on the W2 geodesics between `pairs` (P, 2).

    `S_t = ((1 - t) I + t A) S0 ((1 - t) I + t A)`, A the linear part of the optimal map (McCann
    1997). covariances : (K, d, d), S0 positive definite, or (K, d) when diagonal; the result is
    (P, d, d) or (P, d). Cost: O(P d^3), batched.
    """
    first = covariances_0[pairs[:, 0]]
    linear = monge_matrices(covariances_0, covariances_1, pairs)
    if covariances_0.ndim == 2:
        return np.square((1 - time) + time * linear) * first
    moved = (1 - time) * np.eye(first.shape[1]) + time * linear
    return _symmetric(moved @ first @ moved)


def gaussian_barycenters(covariances: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The covariances of the W2 barycentres of P families of r Gaussians, at `weights` (r,).

    covariances : (P, r, d, d) positive definite -> (P, d, d), or (P, r, d) -> (P, d) when
    diagonal. The fixed point of Alvarez-Esteban, del Barrio, Cuesta-Albertos, Matran 2016,
    `S <- S^-1/2 (sum_i w_i (S^1/2 S_i S^1/2)^1/2)^2 S^-1/2`, which converges from any start.
    Cost: P (r + 1) eigenvalue problems of size d a step, some ten steps.
    """
    if covariances.ndim == 3:
        return np.square(np.einsum("r,prd->pd", weights, np.sqrt(covariances)))
    found = np.einsum("r,prde->pde", weights, covariances)
    for _ in range(FIXED_POINT):
        root, inverse = matrix_power(found, 0.5), matrix_power(found, -0.5)
        between = _symmetric(root[:, None] @ covariances @ root[:, None])
        mean = np.einsum("r,prde->pde", weights, matrix_power(between, 0.5))
        last, found = found, _symmetric(inverse @ mean @ mean @ inverse)
        if np.abs(found - last).max() <= CLOSE * np.abs(found).max():
            break
    return found


def interpolated(plan: GmmPlan, time: float) -> GaussianMixture:
    """The mixture at `time` in [0, 1] on the MW2 geodesic of `plan`: 0 its source, 1 its target.

    Components are those of the pairs (k, l) that the plan uses, K0 + K1 - 1 at most, with its
    weights w*_kl, moved along the geodesic between the two Gaussians.
    """
    source, target = plan.source, plan.target
    if time in (0, 1):
        return target if time else source
    first, second = plan.pairs.T
    weights = plan.matrix[first, second]
    means = (1 - time) * source.means[first] + time * target.means[second]
    covariances = bures_geodesic(source.covariances, target.covariances, plan.pairs, time)
    return GaussianMixture(weights / weights.sum(), means, covariances)


def gmm_barycenter(
    mixtures: Sequence[GaussianMixture], weights: Sequence[float], *, n_iter: int = 5
) -> GaussianMixture:
    """The mixture that minimises `sum_i weights[i] MW2^2(., mixtures[i])`.

    weights : (r,) >= 0, summing to 1; mixtures without weight take no part. Of two mixtures this
    is exact. Of more it is a local minimum: the plans from the heaviest mixture to all others
    are joined into tuples of components, the Gaussian barycentres of the tuples become the
    support, and again, at most `n_iter` times while the objective falls. All mixtures are
    diagonal, or none. Cost: plans, and Gaussian barycentres of about r K tuples.
    """
    kept = [(float(w), m) for w, m in zip(weights, mixtures, strict=True) if w > 0]
    shares = np.array([weight for weight, _ in kept])
    parts = [part.restricted(part.weights > 0) for _, part in kept]
    if len(parts) == 1:
        return parts[0]
    if len(parts) == 2:
        return interpolated(gmm_plan(*parts), float(shares[1] / shares.sum()))
    shares /= shares.sum()
    best, cost = parts[int(shares.argmax())], np.inf
    for _ in range(n_iter):
        plans = [gmm_plan(best, part) for part in parts]
        found = _joined(*glued([plan.matrix for plan in plans]), parts, shares)
        reached = barycenter_cost(found, parts, shares)
        if reached >= cost * (1 - GAIN):
            break
        best, cost = found, reached
    return best


def barycenter_cost(
    mixture: GaussianMixture,
    mixtures: Sequence[GaussianMixture],
    weights: Sequence[float] | np.ndarray,
) -> float:
    """`sum_i weights[i] MW2^2(mixture, mixtures[i])`, what the barycentre makes least."""
    costs = [gmm_plan(mixture, other).cost for other in mixtures]
    return float(np.dot(weights, costs))


def glued(matrices: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """One plan between r supports, from `matrices` (T, K_i) with equal sums over rows.

    Returns the tuples (N, r) of components, none twice, and their masses (N,), whose marginals
    are the columns' sums. Within a row the pieces of the r plans are laid side by side.
    """
    rows = [_pieces([matrix[row] for matrix in matrices]) for row in range(len(matrices[0]))]
    tuples = np.concatenate([found for found, _ in rows])
    masses = np.concatenate([mass for _, mass in rows])
    unique, numbers = np.unique(tuples, axis=0, return_inverse=True)
    return unique, np.bincount(numbers.ravel(), masses)


def _pieces(parts: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The common refinement of one row's pieces: tuples (n, r), masses (n,) > 0."""
    columns = [np.flatnonzero(part > 0) for part in parts]
    total = float(parts[0].sum())
    ends = [np.cumsum(part[column]) for part, column in zip(parts, columns, strict=True)]
    # Sums of different plans differ by rounding, so the last pieces end together by decree.
    cuts = np.unique(np.concatenate([[0.0, total], *(end[:-1] for end in ends)]))
    cuts = cuts[cuts <= total]
    middles = np.array([(low + high) / 2 for low, high in pairwise(cuts)])
    places = [
        column[np.minimum(np.searchsorted(end, middles), len(column) - 1)]
        for column, end in zip(columns, ends, strict=True)
    ]
    return np.stack(places, axis=1), np.diff(cuts)


def _joined(
    tuples: np.ndarray, masses: np.ndarray, parts: Sequence[GaussianMixture], weights: np.ndarray
) -> GaussianMixture:
    """The mixture of the Gaussian barycentres of `tuples` (N, r)."""
    means = sum(w * part.means[k] for w, part, k in zip(weights, parts, tuples.T, strict=True))
    chosen = [part.covariances[k] for part, k in zip(parts, tuples.T, strict=True)]
    covariances = gaussian_barycenters(np.stack(chosen, axis=1), weights)
    return GaussianMixture(masses / masses.sum(), means, covariances)


def _symmetric(matrices: np.ndarray) -> np.ndarray:
    return (matrices + np.swapaxes(matrices, -1, -2)) / 2
