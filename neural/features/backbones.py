"""Networks in pairs: one sees the exemplar, one the synthesis, with the same weights."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import torch

from texto.core.errors import TextoError

from ..runtime.weights import RANDOM, find
from . import InceptionV3Features, RandomFeatures, VGG19Features
from .patches import wrapped
from .random import SIZES

LEAST_POSITIONS = 9  # with fewer, a layer has nothing to say about a small exemplar
FRAME = 32  # pixels of a mirrored border that Inception sees, and whose features are left out
KEPT = 8  # pairs of networks kept for the next call

_CLASSES = {"vgg19": VGG19Features, "inception_v3": InceptionV3Features}


class Torus:
    """`features` of pictures on a torus of any size, grey or coloured.

    The picture is continued round the torus to sides that are multiples of `multiple`, and at
    least the features' `smallest`: where it is not of such a size itself, features at one line
    a direction see a false neighbour.
    """

    def __init__(self, features: Any, *, multiple: int = 1, channels: int | None = None):
        self.features, self._multiple, self._channels = features, multiple, channels

    def __call__(self, pictures: torch.Tensor) -> dict[str, torch.Tensor]:
        """The maps of `pictures` (n, C, H, W) by layer, with gradients."""
        if self._channels not in (None, pictures.shape[1]):
            pictures = pictures.expand(-1, self._channels, -1, -1)
        for axis in (2, 3):
            side, multiple = pictures.shape[axis], self._multiple
            wanted = -(-max(side, self.features.smallest) // multiple) * multiple
            pictures = wrapped(pictures, axis, wanted - side)
        return self.features(pictures)

    def __getattr__(self, name: str) -> Any:
        if name == "features":  # not there yet, as while it is being copied
            raise AttributeError(name)
        return getattr(self.features, name)


class Raw:
    """`features` of networks that see grey values in [0, 1] where [-1, 1] is due."""

    def __init__(self, features: Any):
        self.features = features

    def __call__(self, pictures: torch.Tensor) -> dict[str, torch.Tensor]:
        """The maps of `pictures` (n, 3, H, W) by layer, with gradients."""
        return self.features((pictures + 1) / 2)

    def __getattr__(self, name: str) -> Any:
        if name == "features":
            raise AttributeError(name)
        return getattr(self.features, name)


@dataclass(frozen=True, eq=False)
class Views:
    """The features `exemplar` and `synthesis`; `frame` : pixels to mirror and leave out."""

    exemplar: Any
    synthesis: Any
    frame: int = 0

    @property
    def weights_name(self) -> str:
        """What results should state."""
        return self.synthesis.weights_name

    @property
    def untrained(self) -> bool:
        """Whether any layer has random weights."""
        return self.weights_name == RANDOM or bool(self.synthesis.random_layers)

    def targets(self, picture: np.ndarray) -> dict[str, torch.Tensor]:
        """The maps (channels, h, w) by layer of the exemplar `picture` (H, W, C)."""
        if self.frame == 0:
            return self.exemplar.of(picture)
        frame = ((self.frame, self.frame), (self.frame, self.frame), (0, 0))
        maps = self.exemplar.of(np.pad(picture, frame, mode="symmetric"))
        return {layer: _inside(found, self._edge(layer)) for layer, found in maps.items()}

    def _edge(self, layer: str) -> int:
        return self.frame // self.exemplar.strides[layer]


@dataclass(frozen=True)
class Backbone:
    """A network at `layers`, and how its two views pad.

    `network` : "vgg19" or "inception_v3". `weights` : see `neural.runtime.weights.find`; "random"
    takes random filters of many sizes in its place. `padding` : of the view of the exemplar, and
    "periodic" or not that of the synthesis. `options` : more for the features class.
    """

    network: str
    layers: tuple[str, ...]
    weights: str | None
    fill_missing: bool
    device: str
    padding: str
    synthesis_padding: str
    options: tuple[tuple[str, str], ...] = ()
    raw: bool = False

    def views(self, picture: np.ndarray, *, whole: bool = True) -> Views:
        """The two views for the exemplar `picture` (H, W, C).

        TextoError where weights are missing or do not suit, and where the exemplar is too small
        for a layer; unless `whole`, such layers are left out as long as one is left. Networks
        are kept between calls.
        """
        if self.weights == RANDOM:
            return self._random(picture)
        here, changed = self._here()
        views = _networks(here, changed)
        side, strides = min(picture.shape[:2]), views.synthesis.strides
        if whole:
            self._check_size(picture, views)
            return views
        fitting = tuple(x for x in strides if (side // strides[x]) ** 2 >= LEAST_POSITIONS)
        if len(fitting) < len(strides):
            views = _networks(replace(here, layers=fitting or tuple(strides)[:1]), changed)
        return views

    def loaded(self) -> Views:
        """The two views, whatever the exemplar, from a file of weights. TextoError as `views`."""
        return _networks(*self._here())

    def _here(self) -> tuple[Backbone, int]:
        """Itself with the file of weights that is found, and when that was changed."""
        place = find(self.network, self.weights)
        return replace(self, weights=str(place.path)), place.path.stat().st_mtime_ns

    def _check_size(self, picture: np.ndarray, views: Views) -> None:
        side, least = min(picture.shape[:2]), views.exemplar.smallest
        if side + 2 * views.frame < least:
            height, width = picture.shape[:2]
            raise TextoError(
                "exemplar",
                f"is {width}x{height}, and {views.exemplar.layers[-1]} needs "
                f"{least - 2 * views.frame} pixels a side",
                "give a larger picture, or choose earlier layers",
            )

    def _random(self, picture: np.ndarray) -> Views:
        names = self.layers or tuple(f"random{size}" for size in SIZES)
        for name in names:
            if name not in (f"random{size}" for size in range(1, 100)):
                raise TextoError(
                    f"layer {name!r}",
                    "is not among the random filters",
                    f"with weights={RANDOM} use random3, random5, random7 and so on",
                )
        sizes = tuple(dict.fromkeys(int(name[6:]) for name in names))
        side = min(picture.shape[:2])
        fitting = tuple(size for size in sizes if 2 * size <= side) or (min(min(sizes), side),)
        return _random_filters(fitting, picture.shape[2], self.device)


@lru_cache(maxsize=KEPT)
def _networks(backbone: Backbone, changed: int) -> Views:
    """`changed` : when the file was, so that another under its name is not missed."""
    periodic = backbone.synthesis_padding == "periodic"
    make = _CLASSES[backbone.network]
    same = {
        "weights": backbone.weights,
        "fill_missing": backbone.fill_missing,
        "device": backbone.device,
        **dict(backbone.options),
    }
    layers = {"layers": backbone.layers} if backbone.layers else {}
    exemplar, synthesis = (
        make(**layers, padding=padding, **same)
        for padding in (backbone.padding, backbone.synthesis_padding)
    )
    multiple = max(synthesis.strides.values()) if periodic else 1
    framed = periodic and backbone.padding == "zero"
    if backbone.raw:
        exemplar, synthesis = _RawOf(exemplar), Raw(synthesis)
    return Views(exemplar, Torus(synthesis, multiple=multiple, channels=3), FRAME * framed)


class _RawOf(Raw):
    """The same for pictures as arrays."""

    def of(self, picture: np.ndarray) -> dict[str, torch.Tensor]:
        """The maps (channels, h, w) by layer of `picture` (H, W, C) in [0, 1]."""
        return self.features.of((picture + 1) / 2)


@lru_cache(maxsize=KEPT)
def _random_filters(sizes: tuple[int, ...], channels: int, device: str) -> Views:
    same = {"channels_in": channels, "device": device}
    exemplar = RandomFeatures(sizes, padding="valid", **same)
    return Views(exemplar, Torus(RandomFeatures(sizes, padding="periodic", **same)))


def _inside(maps: torch.Tensor, edge: int) -> torch.Tensor:
    """`maps` (C, h, w) without the `edge` outermost positions."""
    height, width = maps.shape[1:]
    return maps[:, edge : height - edge, edge : width - edge]


def forget() -> None:
    """Let go of the networks that are kept."""
    _networks.cache_clear()
    _random_filters.cache_clear()
