"""The posterior of a flow from noise to samples, with and without a second marginal.

Along x_t = t x_1 + (1 - t) x_0 from noise x_0 ~ N(0, I) to x_1 uniform on {x_j}, what x_t = p
says of x_1 is p(x_1 = x_j | p) = w_j ∝ exp(-|p - t x_j|^2 / (2 (1 - t)^2)). That is an entropic
plan with epsilon = 2 (1 - t)^2 whose second marginal is free; dual potentials hold it fixed.
"""

from __future__ import annotations

import numpy as np

from ..core.compiled import compiled

TINY = 1e-12


def posterior(costs: np.ndarray, epsilon: float) -> np.ndarray:
    """(n, m) float32: rows proportional to exp(-costs / epsilon), summing to one.

    costs : (n, m) float32, finite or +inf, at least one of each row finite.
    """
    weights = costs.min(axis=1, keepdims=True) - costs
    weights /= np.float32(epsilon)
    np.exp(weights, out=weights)
    weights /= weights.sum(axis=1, keepdims=True)
    return weights


def balance(
    costs: np.ndarray, potentials: np.ndarray, masses: np.ndarray, epsilon: float, n_iter: int
) -> np.ndarray:
    """Potentials (m,) after `n_iter` steps of ascent in the dual of the entropic plan.

        psi_j <- psi_j - (epsilon / 2) log(mean_p w_pj / masses_j),   then centred,

    w the posterior of `costs` (n, m) - psi. Sample j is then used by the share `masses` (m,) of
    the queries, > 0 and summing to one. Half of Sinkhorn's step: queries are a sample of what
    there will be. Cost: O(n m) exponentials a step.
    """
    logarithms = np.log(masses)
    for _ in range(n_iter):
        used = np.zeros(len(masses), np.float32)
        _use(costs, potentials, np.float32(1 / epsilon), used)
        potentials = potentials - (epsilon / 2) * (np.log(used / len(costs) + TINY) - logarithms)
        potentials = (potentials - potentials.mean()).astype(np.float32)
    return potentials


@compiled
def _use(costs, potentials, rate, used):
    """Add to `used` (m,) the sums over queries of the posterior of `costs` (n, m) - potentials.

    The exponential of x <= 0 is (1 + x / 4096)^4096, which vectors compute by twelve squarings:
    within 1 % wherever it is above e^-9, and 0 where that makes no difference.
    """
    queries, samples = costs.shape
    weights = np.empty(samples, np.float32)
    for p in range(queries):
        least = np.float32(np.inf)
        for j in range(samples):
            weights[j] = costs[p, j] - potentials[j]
            least = min(least, weights[j])
        total = np.float32(0)
        for j in range(samples):
            root = np.float32(1) + (least - weights[j]) * rate * np.float32(1 / 4096)
            weight = max(root, np.float32(0))
            for _ in range(12):
                weight *= weight
            weights[j] = weight
            total += weight
        share = np.float32(1) / total
        for j in range(samples):
            used[j] += weights[j] * share
