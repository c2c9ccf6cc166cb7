"""Optimal plans between weighted points: the only module that imports POT."""

from __future__ import annotations

import warnings

import numpy as np

ITERATIONS = 2_000_000


def exact_plan(source: np.ndarray, target: np.ndarray, cost: np.ndarray) -> np.ndarray:
    """The plan w (n, m) >= 0 that minimises sum w cost with marginals `source` and `target`.

    source : (n,), target : (m,), weights >= 0 with equal sums; cost : (n, m), finite.
    Raises ValueError otherwise: POT's solver crashes on empty input and answers a NaN cost with
    a plan of zeros. Cost: network simplex, about O(n^3) for n = m.
    """
    source, target = _marginal(source, cost.shape[0]), _marginal(target, cost.shape[1])
    if not np.isfinite(cost).all():
        raise ValueError("the cost matrix has values that are not finite")
    import ot

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plan = ot.emd(source, target, _unit(cost), numItermax=ITERATIONS)
    if not np.isclose(plan.sum(), 1, atol=1e-6):
        raise ValueError("the solver found no plan with these marginals")
    return plan


def _unit(cost: np.ndarray) -> np.ndarray:
    """`cost` moved to [0, 1]: the solver's tolerances are absolute, the plan stays the same."""
    shifted = np.asarray(cost, np.float64) - cost.min()
    return shifted / max(shifted.max(), np.finfo(np.float64).tiny)


def _marginal(weights: np.ndarray, size: int) -> np.ndarray:
    """`weights` as float64 that sum to one."""
    weights = np.asarray(weights, np.float64)
    if weights.shape != (size,) or size == 0:
        raise ValueError(f"weights have shape {weights.shape}, the cost has {size} of them")
    if not np.isfinite(weights).all() or weights.min() < 0 or weights.sum() <= 0:
        raise ValueError("weights must be finite, >= 0 and not all zero")
    return weights / weights.sum()
