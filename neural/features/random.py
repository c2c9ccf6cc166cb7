"""Random filters of many sizes (Ustyuzhaninov, Brendel, Gatys, Bethge 2017)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F

from texto.core.errors import TextoError

from ..runtime.devices import exact_float32, resolve_device
from ..runtime.weights import RANDOM
from .patches import picture_maps, wrapped

SIZES = (3, 5, 7, 11, 15, 23, 37, 55)
PADDINGS = ("valid", "periodic")


class RandomFeatures:
    """One layer of random filters for each size: layers random3, random5, ..., random55.

    `centre` : the colour taken off first, one value or one a channel; best the exemplar's mean,
    which otherwise drowns what varies. Filters are uniform after Glorot and Bengio 2010; a ReLU
    follows. The same `seed` gives the same filters on every device.
    `stride` : pixels from one position to the next; None for a quarter of the filter's side.
    Published are 128 filters of each of SIZES at stride 1, which is 1 kB a pixel and size.
    `padding` is "valid", or "periodic" for pictures that repeat, where every stride-th pixel
    has a position. `channels_in` : of the pictures.

    `weights_name` is "random". Cost: 2 C w^2 n_filters a position of a filter of side w.
    """

    weights_name: str = RANDOM

    def __init__(
        self,
        sizes: Sequence[int] = SIZES,
        *,
        n_filters: int = 128,
        stride: int | None = None,
        padding: str = "periodic",
        channels_in: int = 3,
        centre: float | Sequence[float] = 0.5,
        seed: int = 0,
        device: str = "auto",
    ):
        if padding not in PADDINGS:
            raise TextoError("padding", f"is {padding!r}", f"use {', '.join(PADDINGS)}")
        if np.shape(centre) not in ((), (channels_in,)):
            raise TextoError("centre", f"is {centre}", f"give one value, or {channels_in}")
        if not sizes or min(sizes) < 1 or len(set(sizes)) < len(sizes):
            raise TextoError("sizes", f"are {tuple(sizes)}", "give sides of filters, none twice")
        for name, count in (("n_filters", n_filters), ("stride", stride)):
            if count is not None and count < 1:
                raise TextoError(name, f"is {count}", "give a number from 1")
        self.padding, self.device = padding, resolve_device(device)
        sides = {f"random{size}": int(size) for size in sorted(sizes)}
        self.layers = self.random_layers = tuple(sides)
        self.channels = dict.fromkeys(self.layers, n_filters)
        self.strides = {layer: stride or max(1, side // 4) for layer, side in sides.items()}
        self.smallest = 1 if padding == "periodic" else max(sides.values())
        colour = np.broadcast_to(np.asarray(centre, np.float32), channels_in)
        self._centre = torch.tensor(colour[:, None, None], device=self.device)
        rng = np.random.default_rng(seed)
        self._filters = {
            layer: torch.tensor(_filters(rng, n_filters, channels_in, side), device=self.device)
            for layer, side in sides.items()
        }

    def __call__(self, pictures: torch.Tensor) -> dict[str, torch.Tensor]:
        """The maps (n, n_filters, h, w) by layer of `pictures` (n, C, H, W), with gradients.

        TextoError for pictures below `smallest` or with other channels.
        """
        self._check(*pictures.shape[1:])
        return {layer: self._map(pictures, layer) for layer in self.layers}

    def of(self, picture: np.ndarray) -> dict[str, torch.Tensor]:
        """The maps (n_filters, h, w) by layer of `picture` (H, W, C) in [0, 1], no gradients."""
        with exact_float32():
            return picture_maps(self, picture)

    def to(self, device: str) -> RandomFeatures:
        """Move to another device."""
        self.device = resolve_device(device)
        self._centre = self._centre.to(self.device)
        self._filters = {layer: each.to(self.device) for layer, each in self._filters.items()}
        return self

    def _map(self, pictures: torch.Tensor, layer: str) -> torch.Tensor:
        filters, pictures = self._filters[layer], pictures - self._centre
        if self.padding == "periodic":
            before, after = (filters.shape[-1] - 1) // 2, filters.shape[-1] // 2
            for axis in (2, 3):
                pictures = wrapped(pictures, axis, after, before)
        return F.relu(F.conv2d(pictures, filters.to(pictures.dtype), stride=self.strides[layer]))

    def _check(self, channels: int, height: int, width: int) -> None:
        expected = self._filters[self.layers[0]].shape[1]
        if channels != expected:
            raise TextoError(
                "picture", f"has {channels} channels, the filters {expected}", "give channels_in"
            )
        if min(height, width) < self.smallest:
            raise TextoError(
                "picture",
                f"is {width}x{height}, and {self.layers[-1]} needs {self.smallest} pixels a side",
                "give a larger picture, or smaller filters",
            )


def _filters(rng: np.random.Generator, count: int, channels: int, side: int) -> np.ndarray:
    """(count, channels, side, side) float32."""
    limit = np.sqrt(6 / ((channels + count) * side**2))
    return rng.uniform(-limit, limit, (count, channels, side, side)).astype(np.float32)
