"""Feature maps of Inception-v3 (Szegedy et al. 2016)."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Literal

import torch
import torch.fx
import torch.nn.functional as F
from torch import nn

from texto.core.errors import TextoError

from ..runtime.weights import Weights, network
from .base import NetworkFeatures

PADDINGS = ("zero", "periodic")
VARIANTS = ("auto", "imagenet", "fid2015")
_POOLING_BLOCKS = 9  # blocks with an average pooling inside: Mixed_5b ... 6e without 6a, 7b, 7c

# The way from the input to each layer: kernel, stride, padding, channels out.
_WAY = {
    "Conv2d_1a_3x3": (3, 2, 0, 32),
    "Conv2d_2a_3x3": (3, 1, 0, 32),
    "Conv2d_2b_3x3": (3, 1, 1, 64),
    "maxpool1": (3, 2, 0, 64),
    "Conv2d_3b_1x1": (1, 1, 0, 80),
    "Conv2d_4a_3x3": (3, 1, 0, 192),
    "maxpool2": (3, 2, 0, 192),
    "Mixed_5b": (1, 1, 0, 256),
    "Mixed_5c": (1, 1, 0, 288),
    "Mixed_5d": (1, 1, 0, 288),
    "Mixed_6a": (3, 2, 0, 768),
    "Mixed_6b": (1, 1, 0, 768),
    "Mixed_6c": (1, 1, 0, 768),
    "Mixed_6d": (1, 1, 0, 768),
    "Mixed_6e": (1, 1, 0, 768),
    "Mixed_7a": (3, 2, 0, 1280),
    "Mixed_7b": (1, 1, 0, 2048),
    "Mixed_7c": (1, 1, 0, 2048),
}


class InceptionV3Features(NetworkFeatures):
    """Maps of Inception-v3 at `layers`, as torchvision names them: Conv2d_1a_3x3 ... Mixed_7c.

    maxpool1 and maxpool2 are layers too, and "Conv2d_4a" is short for "Conv2d_4a_3x3". Inputs
    are scaled to [-1, 1] without any resizing. `padding` is "zero", as trained, or "periodic"
    for pictures that repeat: every convolution and pooling wraps around, and the sides must be
    multiples of the deepest stride. `variant` "fid2015" is the network that Frechet distances
    are computed with, whose blocks average over fewer pixels at the border; "auto" takes it
    where the file or its metadata is called so. `weights` and `fill_missing` as in
    `VGG19Features`. TextoError likewise, and for periodic pictures of other sides.

    Cost: 256 x 256 up to Conv2d_4a takes 1.9 GFLOP and 0.05 s on two cores, up to Mixed_6e 6.5.
    """

    network_name = "inception_v3"
    known = tuple(_WAY)
    depths = {name: step[3] for name, step in _WAY.items()}  # noqa: RUF012

    def __init__(
        self,
        layers: Sequence[str] = ("Conv2d_4a_3x3", "Mixed_5d", "Mixed_6e"),
        *,
        weights: str | os.PathLike | None = None,
        padding: Literal["zero", "periodic"] = "zero",
        variant: Literal["auto", "imagenet", "fid2015"] = "auto",
        fill_missing: bool = False,
        device: str = "auto",
    ):
        for what, given, allowed in (
            ("padding", padding, PADDINGS),
            ("variant", variant, VARIANTS),
        ):
            if given not in allowed:
                raise TextoError(what, f"is {given!r}", f"use {', '.join(allowed)}")
        self.padding, self.variant = padding, variant
        super().__init__(layers, weights=weights, fill_missing=fill_missing, device=device)

    def _full_name(self, name: str) -> str:
        longer = [known for known in self.known if known.startswith(f"{name}_")]
        return longer[0] if len(longer) == 1 else name

    def _bare_network(self) -> nn.Module:
        from torchvision.models import inception_v3

        if self.variant == "auto":
            self.variant = "fid2015" if is_fid2015(self.weights) else "imagenet"
        with torch.device("meta"):
            whole = inception_v3(weights=None, init_weights=False, aux_logits=False)
        return whole

    def _needs(self, tensor: str) -> bool:
        part = tensor.partition(".")[0]
        last = self.known.index(self.layers[-1])
        return part in self.known and self.known.index(part) <= last

    def _ready(self, network: nn.Module) -> nn.Module:
        from torchvision.models.feature_extraction import create_feature_extractor

        cut = create_feature_extractor(
            network.eval(), list(self.layers), suppress_diff_warning=True
        )
        if self.variant == "fid2015":
            _as_of_2015(cut)
        if self.padding == "periodic":
            _wrap_around(cut)
        cut.recompile()
        return cut

    def _preprocessed(self, pictures: torch.Tensor) -> torch.Tensor:
        return 2 * pictures - 1

    def _maps(self, inputs: torch.Tensor) -> dict[str, torch.Tensor]:
        return self.network(inputs)

    def _check_size(self, height: int, width: int) -> None:
        super()._check_size(height, width)
        stride = self._stride(self.layers[-1])
        if self.padding == "periodic" and (height % stride or width % stride):
            raise TextoError(
                "picture",
                f"is {width}x{height}, and periodic features at {self.layers[-1]} need "
                f"multiples of {stride}",
                "choose another size",
            )

    def _stride(self, layer: str) -> int:
        stride = 1
        for _, step, _, _ in self._way_to(layer):
            stride *= step
        return stride

    def _smallest(self, layer: str) -> int:
        if self.padding == "periodic":  # nothing can wrap around more than once
            return 3 * self._stride(layer)
        side = 1
        for kernel, stride, padding, _ in reversed(self._way_to(layer)):
            side = max((side - 1) * stride + kernel - 2 * padding, 1)
        return side

    def _way_to(self, layer: str) -> list[tuple[int, int, int, int]]:
        return list(_WAY.values())[: self.known.index(layer) + 1]


def is_fid2015(weights: Weights) -> bool:
    """Whether a file of weights is called, or calls itself, the FID network of 2015."""
    if weights.path is None or weights.path.name == network("inception_v3").file_name:
        return False
    return "fid" in weights.path.name.lower() or "fid" in _metadata(weights.path).lower()


def _metadata(path: Path) -> str:
    if path.suffix.lower() != ".safetensors":
        return ""
    try:
        with open(path, "rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            return str(json.loads(file.read(min(length, 2**27))).get("__metadata__", ""))
    except (OSError, ValueError, struct.error, AttributeError):
        return ""  # reading the tensors tells what is wrong


def _as_of_2015(cut: torch.fx.GraphModule) -> None:
    """Let the blocks' poolings be those of the FID network.

    Its averages leave out what is beyond the border, and its last block takes maxima.
    """
    poolings = [node for node in cut.graph.nodes if node.target is F.avg_pool2d]
    for number, node in enumerate(poolings, 1):
        if number < _POOLING_BLOCKS:
            node.update_kwarg("count_include_pad", False)
        else:
            node.target = F.max_pool2d


def _wrap_around(cut: torch.fx.GraphModule) -> None:
    """Let every convolution and pooling see the picture repeated, and lose no position."""
    for part in cut.modules():
        if isinstance(part, nn.Conv2d | nn.MaxPool2d):
            margins = _margins(part.kernel_size, part.stride, part.padding)
            part.padding = tuple(0 for _ in _pair(part.padding))
            part.register_forward_pre_hook(partial(_wrapped_input, margins))
    for node in list(cut.graph.nodes):
        if node.target in (F.avg_pool2d, F.max_pool2d):
            kernel = node.kwargs.get("kernel_size", *node.args[1:2])
            margins = _margins(kernel, node.kwargs["stride"], node.kwargs["padding"])
            with cut.graph.inserting_before(node):
                wrapped = cut.graph.call_function(F.pad, (node.args[0], margins, "circular"))
            node.update_arg(0, wrapped)
            node.update_kwarg("padding", 0)


def _margins(kernel, stride, padding) -> tuple[int, int, int, int]:
    """What to add left, right, above and below so that a size n gives n / stride positions."""
    sides = zip(*map(_pair, (kernel, stride, padding)), strict=True)
    above, beside = ((before, size - step - before) for size, step, before in sides)
    return tuple(max(0, side) for side in (*beside, *above))


def _wrapped_input(margins, part: nn.Module, inputs: tuple[torch.Tensor]) -> tuple[torch.Tensor]:
    return (F.pad(inputs[0], margins, mode="circular"),)


def _pair(value) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else tuple(value)
