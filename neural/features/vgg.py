"""Feature maps of VGG-19 (Simonyan and Zisserman 2014)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import nn

from texto.core.errors import TextoError

from ..runtime.weights import network
from .base import NetworkFeatures

POOLINGS = ("max", "average")
PADDINGS = ("zero", "valid", "periodic", "reflect")
PREPROCESSINGS = ("imagenet", "caffe")
_MODES = {"periodic": "circular", "reflect": "reflect"}
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_CAFFE_MEAN = (104.0, 117.0, 124.0)  # blue, green, red
_DEPTHS = (64, 128, 256, 512, 512)


def _names() -> tuple[str, ...]:
    """conv1_1, relu1_1, ..., pool5, in the order of torchvision's `features`."""
    found, block = [], "1"
    for convolution in network("vgg19").layers:
        if convolution[4] != block:
            found.append(f"pool{block}")
            block = convolution[4]
        found += [convolution, convolution.replace("conv", "relu")]
    return (*found, f"pool{block}")


class VGG19Features(NetworkFeatures):
    """Maps of VGG-19 at `layers`: conv1_1, relu1_1, ..., relu5_4 and pool1 ... pool5.

    `pooling` is "max", as trained, or "average", which Gatys 2015 and GOTEX use. `padding` of
    each convolution: "zero" as trained; "valid" none; "periodic" for pictures that repeat, whose
    maps then repeat too if the sides are multiples of the deepest stride; "reflect".
    `preprocessing`: "imagenet" is torchvision's mean and deviation of red, green, blue; "caffe"
    is blue, green, red in 0..255 less their mean, for the weights published by Gatys.
    `weights` : see `neural.runtime.weights.find`; a file cut after some layer serves up to there,
    and `fill_missing` puts random weights, named in `weights_name`, in the layers it lacks.

    TextoError for unknown options, and for weights that lack a layer or are of another network.
    Cost: 256 x 256 up to relu1_1 takes 0.2 GFLOP, up to relu5_1 47 and 0.7 s on two cores.
    """

    network_name = "vgg19"
    known = _names()
    depths = {name: _DEPTHS[int(name[4]) - 1] for name in known}  # noqa: RUF012

    def __init__(
        self,
        layers: Sequence[str] = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"),
        *,
        weights: str | os.PathLike | None = None,
        pooling: Literal["max", "average"] = "max",
        padding: Literal["zero", "valid", "periodic", "reflect"] = "zero",
        preprocessing: Literal["imagenet", "caffe"] = "imagenet",
        fill_missing: bool = False,
        device: str = "auto",
    ):
        self.pooling = _one_of("pooling", pooling, POOLINGS)
        self.padding = _one_of("padding", padding, PADDINGS)
        self.preprocessing = _one_of("preprocessing", preprocessing, PREPROCESSINGS)
        super().__init__(layers, weights=weights, fill_missing=fill_missing, device=device)

    def _bare_network(self) -> nn.Module:
        from torchvision.models import vgg19

        with torch.device("meta"):
            whole = vgg19(weights=None, init_weights=False)
        cut = nn.Module()  # keeps torchvision's names of the tensors
        cut.features = whole.features[: self.known.index(self.layers[-1]) + 1]
        return cut

    def _needs(self, tensor: str) -> bool:
        return True

    def _preprocessed(self, pictures: torch.Tensor) -> torch.Tensor:
        if self.preprocessing == "caffe":
            return pictures.flip(1) * 255 - _column(_CAFFE_MEAN, pictures)
        return (pictures - _column(_MEAN, pictures)) / _column(_DEVIATION, pictures)

    def _maps(self, inputs: torch.Tensor) -> dict[str, torch.Tensor]:
        maps, current = {}, inputs
        parts = self.network.get_submodule("features").children()
        for name, part in zip(self.known, parts, strict=False):
            if isinstance(part, nn.Conv2d):
                current = self._convolved(current, part)
            elif isinstance(part, nn.ReLU):
                current = F.relu(current)
            else:
                current = (F.max_pool2d if self.pooling == "max" else F.avg_pool2d)(current, 2)
            if name in self.channels:
                maps[name] = current
        return maps

    def _convolved(self, maps: torch.Tensor, part: nn.Conv2d) -> torch.Tensor:
        if self.padding in ("zero", "valid"):
            return F.conv2d(maps, part.weight, part.bias, padding=int(self.padding == "zero"))
        padded = F.pad(maps, (1, 1, 1, 1), mode=_MODES[self.padding])
        return F.conv2d(padded, part.weight, part.bias)

    def _stride(self, layer: str) -> int:
        return 2 ** (int(layer[4]) - (not layer.startswith("pool")))

    def _smallest(self, layer: str) -> int:
        side = 1
        for name in reversed(self.known[: self.known.index(layer) + 1]):
            if name.startswith("pool"):
                side *= 2
            elif name.startswith("conv"):
                side = max(side, 2) if self.padding == "reflect" else side
                side += 2 * (self.padding == "valid")
        return side


def _column(values: Sequence[float], like: torch.Tensor) -> torch.Tensor:
    return torch.tensor(values, dtype=like.dtype, device=like.device)[:, None, None]


def _one_of(what: str, given: str, allowed: Sequence[str]) -> str:
    if given not in allowed:
        raise TextoError(what, f"is {given!r}", f"use {', '.join(allowed)}")
    return given
