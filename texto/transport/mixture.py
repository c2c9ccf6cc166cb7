"""Gaussian mixtures as frozen arrays."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..core.threads import mapped


@dataclass(frozen=True, eq=False)
class GaussianMixture:
    """sum_k weights[k] N(means[k], covariances[k]).

    weights : (K,), >= 0, summing to 1; means : (K, d); covariances : (K, d, d) symmetric
    positive definite, or (K, d) for diagonal ones. All float64.
    """

    weights: np.ndarray
    means: np.ndarray
    covariances: np.ndarray

    @property
    def n_components(self) -> int:
        """K."""
        return len(self.weights)

    @property
    def diagonal(self) -> bool:
        """Whether the covariances are stored as diagonals."""
        return self.covariances.ndim == 2

    def restricted(self, keep: np.ndarray) -> GaussianMixture:
        """The mixture of the components where `keep` (K,) is True, weights scaled to 1."""
        weights = self.weights[keep]
        return GaussianMixture(weights / weights.sum(), self.means[keep], self.covariances[keep])

    def responsibilities(self, points: np.ndarray) -> np.ndarray:
        """(n, K) float32: the posterior probability of each component at `points` (n, d).

        By log-sum-exp, so far-away points get a finite answer. Cost: O(n K d^2).
        """
        scores = self.log_joint(points)
        scores -= scores.max(axis=1, keepdims=True)
        np.exp(scores, out=scores)
        scores /= scores.sum(axis=1, keepdims=True)
        return scores

    def log_joint(self, points: np.ndarray) -> np.ndarray:
        """(n, K) float32: log weights[k] + log N(points[i]; means[k], covariances[k])."""
        whitening, offsets, constants = self._whitened
        scores = np.empty((len(points), self.n_components), np.float32)

        def score(k: int) -> None:
            white = points * whitening[k] if self.diagonal else points @ whitening[k]
            white -= offsets[k]
            scores[:, k] = constants[k] - 0.5 * np.einsum("nd,nd->n", white, white)

        for _ in mapped(score, range(self.n_components)):
            pass
        return scores

    @cached_property
    def _whitened(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Per component: whitening matrix, whitened mean, log of weight over volume."""
        dimension = self.means.shape[1]
        if self.diagonal:
            whitening = 1 / np.sqrt(self.covariances)  # (K, d)
            offsets = self.means * whitening
            log_volumes = -np.log(whitening).sum(axis=1)
        else:
            factors = np.linalg.cholesky(self.covariances)
            whitening = np.linalg.inv(factors).transpose(
                0, 2, 1
            )  # (K, d, d), to act from the right
            offsets = np.einsum("kd,kde->ke", self.means, whitening)
            log_volumes = np.log(np.diagonal(factors, axis1=1, axis2=2)).sum(axis=1)
        with np.errstate(divide="ignore"):  # an empty component has log weight -inf
            constants = np.log(self.weights) - log_volumes - 0.5 * dimension * np.log(2 * np.pi)
        return whitening.astype(np.float32), offsets.astype(np.float32), constants
