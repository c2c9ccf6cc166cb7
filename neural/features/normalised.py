"""Feature maps in units of the exemplar's."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from .kinds import Features


class Normalised:
    """`features` with each layer divided by its root mean squared norm on an exemplar.

    So every layer's features have a mean squared norm of 1 there, and costs compare (GOTEX;
    Houdard et al. 2023). `norms` : by layer, see `rms_norms`. The exemplar's own maps, maybe
    found by features of another padding, are brought to the same units by `scaled`.
    """

    def __init__(self, features: Features, norms: Mapping[str, float]):
        self.features = features
        self.norms = {layer: norms[layer] for layer in features.layers}

    def __call__(self, pictures: torch.Tensor) -> dict[str, torch.Tensor]:
        """The maps (n, channels, h, w) by layer of `pictures` (n, C, H, W), with gradients."""
        return self.scaled(self.features(pictures))

    def scaled(self, maps: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """`maps` in these units."""
        return {layer: found / self.norms[layer] for layer, found in maps.items()}

    @property
    def layers(self) -> tuple[str, ...]:
        """Those of `features`."""
        return self.features.layers


def normalised(features: Features, exemplar_maps: Mapping[str, torch.Tensor]) -> Normalised:
    """`features` in units of `exemplar_maps` (..., channels, h, w) by layer."""
    return Normalised(features, rms_norms(exemplar_maps))


def rms_norms(maps: Mapping[str, torch.Tensor]) -> dict[str, float]:
    """By layer, sqrt(mean over positions of |f|^2); 1 where all is 0."""
    norms = {}
    for layer, found in maps.items():
        square = found.detach().square().sum(dim=-3).mean()  # channels, then positions
        norms[layer] = float(square) ** 0.5 or 1.0
    return norms
