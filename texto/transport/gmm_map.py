"""Transport between Gaussian mixtures: the plan, and the maps that it yields.

Delon, Desolneux 2020; formulas in the poster, sections 4 and 5.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .gaussian import bures_cost, monge_matrices
from .mixture import GaussianMixture
from .plan import exact_plan


@dataclass(frozen=True, eq=False)
class GmmPlan:
    """An optimal plan between the components of two mixtures: `matrix` (K0, K1)."""

    source: GaussianMixture
    target: GaussianMixture
    matrix: np.ndarray

    @property
    def cost(self) -> float:
        """MW2^2, the squared mixture-Wasserstein distance."""
        costs = _costs(self.source, self.target)
        return float((self.matrix * costs).sum())

    @cached_property
    def shares(self) -> np.ndarray:
        """(K0, K1): the share of component k that goes to l; rows sum to one."""
        return self.matrix / self.matrix.sum(axis=1, keepdims=True)

    @cached_property
    def pairs(self) -> np.ndarray:
        """(P, 2): the pairs (k, l) that the plan uses; an exact plan has fewer than K0 + K1."""
        return np.argwhere(self.matrix > 0)

    @cached_property
    def pair_maps(self) -> tuple[np.ndarray, np.ndarray]:
        """Linear parts A (P, d, d) or (P, d), and offsets b (P, d): T_kl(x) = A x + b."""
        first, second = self.pairs.T
        linear = monge_matrices(self.source.covariances, self.target.covariances, self.pairs)
        means = self.source.means[first]
        moved = linear * means if self.source.diagonal else np.einsum("pde,pe->pd", linear, means)
        return linear, self.target.means[second] - moved

    @cached_property
    def component_maps(self) -> tuple[np.ndarray, np.ndarray]:
        """The K0 affine maps sum_l w_kl T_kl / pi_k that the barycentric map is made of."""
        first, second = self.pairs.T
        shares = self.shares[first, second]
        maps = []
        for part in self.pair_maps:
            total = np.zeros((self.source.n_components, *part.shape[1:]))
            np.add.at(total, first, part * shares.reshape(-1, *[1] * (part.ndim - 1)))
            maps.append(total.astype(np.float32))
        return maps[0], maps[1]


def gmm_plan(source: GaussianMixture, target: GaussianMixture) -> GmmPlan:
    """The plan that minimises `sum_kl w_kl W2^2(source_k, target_l)` (poster, Proposition 1).

    Components without weight are dropped first. Cost: K0 K1 Bures distances, O(K0 K1 d^3).
    """
    source = source.restricted(source.weights > 0)
    target = target.restricted(target.weights > 0)
    return GmmPlan(
        source, target, exact_plan(source.weights, target.weights, _costs(source, target))
    )


def barycentric_map(plan: GmmPlan, points: np.ndarray) -> np.ndarray:
    """T(x) = sum_kl w_kl g_k(x) T_kl(x) / sum_k pi_k g_k(x) (poster, section 5).

    points : (n, d) -> (n, d) float32. Cost: O(n K0 d^2), whatever K1.
    """
    linear, offsets = plan.component_maps
    shares = plan.source.responsibilities(points)
    moved = shares @ offsets
    for k, matrix in enumerate(linear):
        image = points * matrix if plan.source.diagonal else points @ matrix
        moved += shares[:, k, None] * image
    return moved


def random_map(plan: GmmPlan, points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """T_kl(x) with (k, l) drawn with probability w_kl g_k(x) / sum_k pi_k g_k(x).

    Unlike the barycentric map it does not shrink the result towards the components' mean.
    points : (n, d) -> (n, d) float32. Cost: O(n K0 d^2).
    """
    linear, offsets = plan.pair_maps
    sources = _draw(plan.source.responsibilities(points), rng)
    targets = _draw(plan.shares[sources], rng)
    moved = np.empty(points.shape, np.float32)
    for (k, l), matrix, offset in zip(plan.pairs, linear.astype(np.float32), offsets, strict=True):
        chosen = (sources == k) & (targets == l)
        part = points[chosen]
        moved[chosen] = (part * matrix if plan.source.diagonal else part @ matrix) + offset
    return moved


def _costs(source: GaussianMixture, target: GaussianMixture) -> np.ndarray:
    return bures_cost(source.means, source.covariances, target.means, target.covariances)


def _draw(probabilities: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One column number for each row of `probabilities` (n, K)."""
    levels = probabilities.cumsum(axis=1, dtype=np.float64)
    return (rng.random((len(levels), 1)) * levels[:, -1:] >= levels).sum(axis=1)
