"""What the networks' features have in common."""

from __future__ import annotations

import difflib
import os
import warnings
from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from texto.core.errors import TextoError, TextoWarning
from texto.core.types import as_image

from ..runtime import weight_files
from ..runtime.devices import (
    ShortMemory,
    exact_float32,
    is_short,
    on_device,
    resolve_device,
    to_tensor,
)
from ..runtime.weights import RANDOM, Weights, find


class NetworkFeatures(ABC):
    """Feature maps of a fixed network at some layers.

    `layers` : the names asked for, which `maps` come under, in that order. `channels` and
    `strides` : the depth of each layer's maps, and how many pixels apart their positions are.
    `smallest` : the shortest side of a picture that has a position in every layer. `weights` :
    where the weights came from; `random_layers` : the layers that have random ones. `device` :
    where it runs. The network is in evaluation mode and takes no gradients itself.
    """

    known: tuple[str, ...]  # all layers, shallow to deep
    network_name: str
    depths: dict[str, int]

    def __init__(
        self,
        layers: Sequence[str],
        *,
        weights: str | os.PathLike | None,
        fill_missing: bool,
        device: str,
    ):
        self.layers = self._checked_layers(layers)
        self.weights: Weights = find(self.network_name, weights)
        self.device = resolve_device(device)  # told before files are read
        self._may_move = device == "auto"
        bare = self._bare_network()
        expected = {
            name: tuple(tensor.shape)
            for name, tensor in bare.state_dict().items()
            if self._needs(name)
        }
        counters = {name for name in expected if name.endswith("num_batches_tracked")}
        wanted = {name: shape for name, shape in expected.items() if name not in counters}
        state, self.random_layers = weight_files.load(
            self.weights, wanted, fill_missing=fill_missing
        )
        state |= {name: torch.tensor(0) for name in counters}
        bare.load_state_dict(state, strict=False, assign=True)
        self.network = self._ready(bare).eval().requires_grad_(False)
        on_device(device, self.to, f"the network {self.network_name}")
        self.channels = {layer: self.depths[layer] for layer in self.layers}
        self.strides = {layer: self._stride(layer) for layer in self.layers}
        self.smallest = max(self._smallest(layer) for layer in self.layers)

    @property
    def weights_name(self) -> str:
        """What results should state: the file's name, "random", or which layers are random."""
        if self.weights.path is None or not self.random_layers:
            return self.weights.name
        return f"{self.weights.name}, {RANDOM} in {', '.join(self.random_layers)}"

    def __call__(self, pictures: torch.Tensor) -> dict[str, torch.Tensor]:
        """The maps (n, channels, h, w) by layer of `pictures` (n, 3, H, W) in [0, 1].

        Differentiable in `pictures`, which are on this device. Wrap it and the backward pass in
        `exact_float32` where nearest neighbours are searched.
        """
        self._check_size(pictures.shape[-2], pictures.shape[-1])
        maps = self._maps(self._preprocessed(pictures))
        return {layer: maps[layer] for layer in self.layers}

    def of(self, picture: np.ndarray) -> dict[str, torch.Tensor]:
        """The maps (channels, h, w) by layer of `picture` (H, W, C) in [0, 1], no gradients.

        C is 3, or 1, which fills all three. Falls back to the CPU with a note where a GPU that
        was chosen by "auto" has not enough memory. TextoError for a picture below `smallest`.
        """
        picture = as_image(picture, "picture")
        try:
            return self._of(picture)
        except Exception as error:
            if not is_short(error):
                raise
            height, width = picture.shape[:2]
            if not self._may_move or self.device.type == "cpu":
                raise ShortMemory(
                    f"memory of {self.device}",
                    f"is too small for the features of {width}x{height}",
                    "use a smaller picture, or --device cpu",
                ) from error
        warnings.warn(
            f"{self.device} has too little memory for {width}x{height}: the CPU goes on",
            TextoWarning,
            stacklevel=2,
        )
        self.to("cpu")
        return self._of(picture)

    def to(self, device: str) -> NetworkFeatures:
        """Move to another device."""
        self.device = resolve_device(device)
        self.network.to(self.device)
        return self

    def _of(self, picture: np.ndarray) -> dict[str, torch.Tensor]:
        with torch.no_grad(), exact_float32():
            maps = self(to_tensor(picture, self.device))
        return {layer: found[0] for layer, found in maps.items()}

    def _check_size(self, height: int, width: int) -> None:
        if min(height, width) < self.smallest:
            raise TextoError(
                "picture",
                f"is {width}x{height}, and {self.layers[-1]} needs {self.smallest} pixels a side",
                "give a larger picture, or choose earlier layers",
            )

    def _checked_layers(self, layers: Sequence[str]) -> tuple[str, ...]:
        if isinstance(layers, str) or not layers:
            raise TextoError("layers", f"are {layers!r}", "give a list of names")
        names = tuple(dict.fromkeys(self._full_name(name) for name in layers))
        for name in names:
            if name not in self.known:
                near = difflib.get_close_matches(name, self.known, n=3)
                remedy = f"did you mean {', '.join(near)}?" if near else "see the class's `known`"
                raise TextoError(f"layer {name!r}", "is not known", remedy)
        return tuple(sorted(names, key=self.known.index))

    def _full_name(self, name: str) -> str:
        return name

    @abstractmethod
    def _bare_network(self) -> nn.Module:
        """The network on the meta device, cut after the last layer where that is simple."""

    @abstractmethod
    def _needs(self, tensor: str) -> bool:
        """Whether the layers need the tensor of this name."""

    def _ready(self, network: nn.Module) -> nn.Module:
        """`network`, with its weights, as `_maps` runs it."""
        return network

    @abstractmethod
    def _preprocessed(self, pictures: torch.Tensor) -> torch.Tensor:
        """`pictures` as the network saw them in training."""

    @abstractmethod
    def _maps(self, inputs: torch.Tensor) -> dict[str, torch.Tensor]:
        """The maps of all layers asked for."""

    @abstractmethod
    def _stride(self, layer: str) -> int:
        """Pixels from one position of the layer to the next."""

    @abstractmethod
    def _smallest(self, layer: str) -> int:
        """The shortest side of a picture with one position in the layer."""
