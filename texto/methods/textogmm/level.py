"""One fitted level of TextoGMM: a database of patches and the plans that lead to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from ...core.errors import TextoError
from ...core.state import check_covariances, check_probabilities, take
from ...patches.database import PatchLevel, Transport, restored_level
from ...transport.gmm_map import GmmPlan, barycentric_map, random_map
from ...transport.mixture import GaussianMixture

MARGINAL = 1e-4  # how far a stored plan's sums may be from its mixtures' weights


@dataclass(frozen=True, eq=False)
class GmmLevel:
    """`plans` : one a pass, all with the same target; none where patches are not transported.

    `converged` tells for each mixture, the target first, whether EM had stopped by itself.
    """

    database: PatchLevel
    plans: tuple[GmmPlan, ...]
    converged: tuple[bool, ...] = ()

    def transport(self, number: int, rng: np.random.Generator | None = None) -> Transport:
        """The map of pass `number`, barycentric, or random where an `rng` is given."""
        if not self.plans:
            return lambda points: points
        if rng is None:
            return partial(barycentric_map, self.plans[number])
        return partial(random_map, self.plans[number], rng=rng)

    def state(self, prefix: str) -> dict[str, np.ndarray]:
        """The arrays of this level, each name behind `prefix`."""
        arrays = {
            **self.database.state(),
        }
        if self.plans:
            arrays["converged"] = np.array(self.converged, np.uint8)
            arrays |= _mixture_state(self.plans[0].target, "target.")
        for number, plan in enumerate(self.plans):
            arrays |= _mixture_state(plan.source, f"pass{number}.")
            arrays[f"pass{number}.plan"] = plan.matrix
        return {prefix + name: array for name, array in arrays.items()}

    @classmethod
    def restore(
        cls,
        state: Mapping[str, np.ndarray],
        prefix: str,
        picture: np.ndarray,
        patch_size: int,
        passes: int,
    ) -> GmmLevel:
        """The level whose `state(prefix)` is in `state`, over its exemplar `picture`."""
        database = restored_level(state, prefix, picture, patch_size)
        if passes == 0:
            return cls(database, ())
        converged = take(state, prefix + "converged", shape=(passes + 1,), dtype=np.uint8)
        target = _restored_mixture(state, prefix + "target.", database.space.dimension)
        plans = tuple(
            _restored_plan(state, f"{prefix}pass{number}.", target) for number in range(passes)
        )
        return cls(database, plans, tuple(bool(flag) for flag in converged))


def _mixture_state(mixture: GaussianMixture, prefix: str) -> dict[str, np.ndarray]:
    return {
        prefix + "weights": mixture.weights,
        prefix + "means": mixture.means,
        prefix + "covariances": mixture.covariances,
    }


def _restored_mixture(
    state: Mapping[str, np.ndarray], prefix: str, dimension: int
) -> GaussianMixture:
    weights = take(state, prefix + "weights", shape=(None,), dtype=np.float64)
    check_probabilities(weights, prefix + "weights")
    means = take(state, prefix + "means", shape=(len(weights), dimension), dtype=np.float64)
    name = prefix + "covariances"
    full = name in state and np.ndim(state[name]) == 3
    shape = (len(weights), dimension, dimension) if full else (len(weights), dimension)
    covariances = take(state, name, shape=shape, dtype=np.float64)
    check_covariances(covariances, name)
    if full and np.linalg.eigvalsh(covariances).min() <= 0:
        raise TextoError(f"tensor '{name}'", "is not positive definite", "fit the model again")
    return GaussianMixture(weights, means, covariances)


def _restored_plan(
    state: Mapping[str, np.ndarray], prefix: str, target: GaussianMixture
) -> GmmPlan:
    source = _restored_mixture(state, prefix, target.means.shape[1])
    shape = (source.n_components, target.n_components)
    matrix = take(state, prefix + "plan", shape=shape, dtype=np.float64)
    fits = (
        matrix.min() >= 0
        and matrix.sum(axis=1).min() > 0
        and np.allclose(matrix.sum(axis=1), source.weights, atol=MARGINAL)
        and np.allclose(matrix.sum(axis=0), target.weights, atol=MARGINAL)
        and source.diagonal == target.diagonal
    )
    if not fits:
        raise TextoError(
            f"tensor '{prefix}plan'", "does not fit its mixtures' weights", "fit the model again"
        )
    return GmmPlan(source, target, matrix)
