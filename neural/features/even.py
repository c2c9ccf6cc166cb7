"""Feature maps whose gradients count the same from layer to layer."""

from __future__ import annotations

import torch

from .kinds import Features


class EvenSlopes:
    """`features` with the gradient that comes back to each layer's maps divided by its L1 norm.

    So no layer's loss outweighs another's (Ulyanov et al. 2016). It is no longer the gradient of
    the sum of losses, only a direction down each of them.
    """

    def __init__(self, features: Features):
        self.features = features

    def __call__(self, pictures: torch.Tensor) -> dict[str, torch.Tensor]:
        """The maps (n, channels, h, w) by layer of `pictures` (n, C, H, W), with gradients."""
        return {layer: _Even.apply(maps) for layer, maps in self.features(pictures).items()}

    @property
    def layers(self) -> tuple[str, ...]:
        """Those of `features`."""
        return self.features.layers


class _Even(torch.autograd.Function):
    """The identity, but for the gradient."""

    @staticmethod
    def forward(context, maps):
        return maps.view_as(maps)

    @staticmethod
    def backward(context, outer):
        return outer / outer.abs().sum().clamp(min=torch.finfo(outer.dtype).tiny)
