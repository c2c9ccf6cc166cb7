"""What losses and methods ask of features."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
import torch


class Features(Protocol):
    """A picture in, named maps out."""

    @property
    def layers(self) -> tuple[str, ...]:
        """The names of the maps."""
        ...

    def __call__(self, pictures: torch.Tensor) -> dict[str, torch.Tensor]:
        """The maps (n, channels, h, w) by layer of `pictures` (n, C, H, W), with gradients."""
        ...


class Strided(Features, Protocol):
    """Features whose positions lie so many pixels apart."""

    @property
    def strides(self) -> Mapping[str, int]:
        """By layer, pixels from one position to the next."""
        ...


class NetworkView(Strided, Protocol):
    """How a network sees pictures."""

    @property
    def smallest(self) -> int:
        """The shortest side of a picture that has a position in every layer."""
        ...

    @property
    def weights_name(self) -> str:
        """What results should state."""
        ...

    @property
    def random_layers(self) -> tuple[str, ...]:
        """The layers that have random weights."""
        ...


class ExemplarView(NetworkView, Protocol):
    """One that sees pictures as they are."""

    def of(self, picture: np.ndarray) -> dict[str, torch.Tensor]:
        """The maps (channels, h, w) by layer of `picture` (H, W, C) in [0, 1], no gradients."""
        ...


class Through:
    """Features of pictures that another view, `features`, sees after some change."""

    def __init__(self, features: NetworkView):
        self.features = features

    @property
    def layers(self) -> tuple[str, ...]:
        """Those of `features`."""
        return self.features.layers

    @property
    def strides(self) -> Mapping[str, int]:
        """Those of `features`."""
        return self.features.strides

    @property
    def smallest(self) -> int:
        """That of `features`."""
        return self.features.smallest

    @property
    def weights_name(self) -> str:
        """That of `features`."""
        return self.features.weights_name

    @property
    def random_layers(self) -> tuple[str, ...]:
        """Those of `features`."""
        return self.features.random_layers
