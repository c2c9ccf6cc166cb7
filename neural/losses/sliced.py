"""Sliced Wasserstein distances of features (Heitz et al. 2021)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from ..features.kinds import Features
from .base import Maps, Term, columns, total
from .matching import Part, matched, summed


class Sliced(Term):
    """Squared sliced Wasserstein distance: E_theta mean_q (F_x^-1(q) - F_y^-1(q))^2.

    Features are projected on `n_directions` random unit vectors, new ones in every call of
    `value`, and the sorted projections compared. None: as many as the layer has channels, as
    Heitz et al. 2021 take. Where the numbers of positions differ, quantiles of the target are
    interpolated. `weights` of the layers: None for their mean, one number for all, or one by
    name; published is the sum, `weights=1`. Cost: 2 k C n + k n log n for k directions; memory
    the maps' and a block of projections.
    """

    def __init__(
        self,
        features: Features,
        target_maps: Maps,
        *,
        layers: Sequence[str] | None = None,
        weights: float | Mapping[str, float] | None = None,
        n_directions: int | None = None,
        rng: np.random.Generator,
    ):
        super().__init__(features, target_maps, layers=layers, weights=weights)
        self._targets = {layer: columns(target_maps[layer]).detach() for layer in self.layers}
        self._n_directions, self._rng = n_directions, rng

    def value(self, maps: Maps) -> torch.Tensor:
        """The distance of `maps` (1, C, h, w) by layer, a scalar."""
        return total(
            self.weights[layer]
            * _Distance.apply(columns(maps[layer]), target, self._directions(target))
            for layer, target in self._targets.items()
        )

    def _directions(self, target: torch.Tensor) -> torch.Tensor:
        """(k, C): random unit vectors."""
        channels = len(target)
        vectors = self._rng.standard_normal((self._n_directions or channels, channels))
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return torch.tensor(vectors, dtype=target.dtype, device=target.device)


class _Distance(torch.autograd.Function):
    """The distance, whose gradient is made on the way: no graph keeps the projections."""

    @staticmethod
    def forward(context, points, targets, directions):
        def part(some: torch.Tensor) -> Part:
            total, pull = matched(some @ points, some @ targets, 2)
            return total, some.T @ pull

        total, gradient = summed(part, directions, max(points.shape[1], targets.shape[1]))
        count = len(directions) * points.shape[1]
        context.save_for_backward(gradient.mul_(2 / count))
        return total / count

    @staticmethod
    def backward(context, outer):
        (gradient,) = context.saved_tensors
        return outer * gradient, None, None
