"""Distances of Gram matrices (Gatys, Ecker, Bethge 2015)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from texto.core.errors import TextoError

from ..features.kinds import Features
from ..runtime.devices import exact_float32
from .base import Maps, Term, columns, total

SCALES = ("published", "relative")


class Gram(Term):
    """Squared distances of Gram matrices G = F F^T / n, of maps F (N, n).

    `scale` "published": |G - G*|^2 / (4 N^2), as Gatys 2015 has it, where the sum over layers
    is `weights=1`. "relative": |G - G*|^2 / |G*|^2, whose mean over layers is texto's score
    `gram` where the features are those of the score. `weights` of the layers: None for their
    mean, one number for all, or one by name. Cost: 2 N^2 n, memory N^2 beside the maps.
    """

    def __init__(
        self,
        features: Features,
        target_maps: Maps,
        *,
        layers: Sequence[str] | None = None,
        weights: float | Mapping[str, float] | None = None,
        scale: str = "published",
    ):
        super().__init__(features, target_maps, layers=layers, weights=weights)
        if scale not in SCALES:
            raise TextoError("scale", f"is {scale!r}", f"use {', '.join(SCALES)}")
        with torch.no_grad(), exact_float32():
            self._targets = {layer: gram_matrix(target_maps[layer]) for layer in self.layers}
        self._scales = {
            layer: 1 / (4 * len(target) ** 2) if scale == "published" else _inverse_square(target)
            for layer, target in self._targets.items()
        }

    def value(self, maps: Maps) -> torch.Tensor:
        """The distance of `maps` (1, N, h, w) by layer, a scalar."""
        return total(
            self.weights[layer]
            * self._scales[layer]
            * torch.sum((gram_matrix(maps[layer]) - target) ** 2)
            for layer, target in self._targets.items()
        )


def gram_matrix(maps: torch.Tensor) -> torch.Tensor:
    """(N, N): the mean over positions of the products of features, `maps` (1, N, h, w)."""
    flat = columns(maps)
    return flat @ flat.T / flat.shape[1]


def _inverse_square(target: torch.Tensor) -> float:
    """1 / |G|^2; 1 where all is 0."""
    return 1 / (float(target.cpu().double().square().sum()) or 1.0)
