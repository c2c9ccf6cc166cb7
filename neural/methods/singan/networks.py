"""The generators of all scales, and a critic: five 3 x 3 convolutions each."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ...generators.folding import Direct, channels_last
from ...training.adversarial import gaussian, seeded

N_NORMED = 4  # of the five convolutions: batch norm and a leaky ReLU follow
SLOPE, DEVIATION = 0.2, 0.02  # of the ReLU below 0, of first weights


class Generator(nn.Sequential):
    """What one scale adds to a picture: (n, C, h + 10, w + 10) to (n, C, h, w) in [-1, 1]."""

    def __init__(self, channels: int, width: int):
        super().__init__(*_normed(channels, width), nn.Conv2d(width, channels, 3), nn.Tanh())
        _start(self)


class Critic(nn.Sequential):
    """How real every 11 x 11 patch looks: (n, C, h, w) to (n, 1, h - 10, w - 10).

    No convolution has a bias: batch norm, or the difference of two values, takes it out again.
    """

    def __init__(self, channels: int, width: int):
        super().__init__(*_normed(channels, width), nn.Conv2d(width, 1, 3, bias=False))
        _start(self)


class Pyramid(nn.Module):
    """A generator a scale, coarsest first, and what they share.

    `channels` : of pictures. `widths` : feature maps of each scale. `size` : (height, width) of
    the exemplar at the coarsest. Beside the generators a pyramid has `amplitudes` (scales,), of
    the noise at each scale, and `anchor` (1, 1, height, width), the noise from which, with none
    at other scales, it makes the exemplar itself again.
    """

    amplitudes: torch.Tensor
    anchor: torch.Tensor

    def __init__(
        self,
        channels: int,
        widths: Sequence[int],
        size: tuple[int, int],
        *,
        rng: np.random.Generator,
    ):
        super().__init__()
        self.channels, self.widths = channels, list(widths)
        with seeded(rng):
            self.generators = nn.ModuleList(Generator(channels, width) for width in widths)
        amplitudes = torch.zeros(len(self.widths))
        amplitudes[0] = 1
        self.register_buffer("amplitudes", amplitudes)
        self.register_buffer("anchor", gaussian((1, 1, *size), rng, "cpu"))

    @property
    def device(self) -> torch.device:
        return self.amplitudes.device

    def generator(self, scale: int) -> Generator:
        """That of `scale`, 0 the coarsest."""
        found = self.generators[scale]
        assert isinstance(found, Generator)
        return found


def frozen(generator: nn.Sequential) -> nn.Sequential:
    """A copy that does the same as `generator` in evaluation mode, with norms folded in.

    The convolutions' results do not depend on the size of their input: see `Direct`.
    """
    device = next(generator.parameters()).device
    exact = copy.deepcopy(generator).cpu().double().eval().requires_grad_(False)
    layers: list[nn.Module] = []
    for place in range(0, 3 * N_NORMED, 3):
        convolution, norm, relu = [*exact][place : place + 3]
        assert isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d)
        layers += [fuse_conv_bn_eval(convolution, norm), relu]
    layers += [*exact][3 * N_NORMED :]
    folded = channels_last(nn.Sequential(*layers).float(), device)
    for place, layer in enumerate(folded):
        if isinstance(layer, nn.Conv2d):
            folded[place] = Direct(layer)
    return folded


def _normed(channels: int, width: int) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for found in (channels, *[width] * (N_NORMED - 1)):
        layers += [nn.Conv2d(found, width, 3, bias=False), nn.BatchNorm2d(width)]
        layers.append(nn.LeakyReLU(SLOPE, inplace=True))
    return layers


def _start(network: nn.Sequential) -> None:
    """First weights as published."""
    for layer in network:
        if isinstance(layer, nn.Conv2d):
            nn.init.normal_(layer.weight, 0, DEVIATION)
        elif isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.weight, 1, DEVIATION)
