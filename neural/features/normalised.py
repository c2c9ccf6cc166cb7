"""Feature maps in units of the exemplar's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch


class Normalised:
    """`features` with each layer divided by its root mean squared norm on an exemplar.

    So every layer's features have a mean squared norm of 1 there, and costs compare (GOTEX;
    Houdard et al. 2023). `norms` : by layer, see `rms_norms`. The exemplar's own maps, maybe
    found by features of another padding, are brought to the same units by `scaled`.
    """

    def __init__(self, features: Any, norms: Mapping[str, float]):
        self.features = features
        self.norms = {layer: norms[layer] for layer in features.layers}

    def __call__(self, pictures: torch.Tensor) -> dict[str, torch.Tensor]:
        """The maps (n, channels, h, w) by layer of `pictures` (n, C, H, W), with gradients."""
        return self.scaled(self.features(pictures))

    def of(self, picture: np.ndarray) -> dict[str, torch.Tensor]:
        """The maps (channels, h, w) by layer of `picture` (H, W, C) in [0, 1], no gradients."""
        return self.scaled(self.features.of(picture))

    def scaled(self, maps: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """`maps` in these units."""
        return {layer: found / self.norms[layer] for layer, found in maps.items()}

    def to(self, device: str) -> Normalised:
        """Move to another device."""
        self.features.to(device)
        return self

    def __getattr__(self, name: str) -> Any:
        if name == "features":  # not there yet, as while it is being copied
            raise AttributeError(name)
        return getattr(self.features, name)


def normalised(features: Any, exemplar_maps: Mapping[str, torch.Tensor]) -> Normalised:
    """`features` in units of `exemplar_maps` (..., channels, h, w) by layer."""
    return Normalised(features, rms_norms(exemplar_maps))


def rms_norms(maps: Mapping[str, torch.Tensor]) -> dict[str, float]:
    """By layer, sqrt(mean over positions of |f|^2); 1 where all is 0."""
    norms = {}
    for layer, found in maps.items():
        square = found.detach().square().sum(dim=-3).mean()  # channels, then positions
        norms[layer] = float(square) ** 0.5 or 1.0
    return norms
