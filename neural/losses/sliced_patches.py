"""Sliced Wasserstein distance of patches, as convolutions (Elnekave, Weiss 2022)."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from ..features.patches import wrapped
from .base import Maps, Term
from .matching import Part, matched, summed

PIXELS = "pixels"  # the layer of the features below


class Pixels:
    """The picture itself as a feature map."""

    layers = (PIXELS,)
    weights_name = None

    def __call__(self, pictures: torch.Tensor) -> dict[str, torch.Tensor]:
        """`pictures` (n, C, H, W) under the name of the only layer."""
        return {PIXELS: pictures}


class SlicedPatches(Term):
    """Sliced 1-Wasserstein distance of patches: the mean of |p_(i) - a_(i)| over all directions.

    Elnekave, Weiss 2022, Equation 4: random unit vectors, new ones at every call of `value`, as
    filters of w x w pixels over the picture and over `exemplar` (C, h, w); both results are
    sorted and compared rank by rank, with interpolated quantiles of the exemplar's where the
    sizes differ. Patches wrap round on `periodic` (vertical, horizontal) axes of the picture,
    and lie inside it on others. Cost: 3 k w^2 C operations a pixel for k directions, and sorts;
    memory that of a block of projections.
    """

    def __init__(
        self,
        exemplar: torch.Tensor,
        *,
        patch_size: int = 7,
        n_directions: int = 64,
        periodic: tuple[bool, bool] = (False, False),
        rng: np.random.Generator,
    ):
        maps = {PIXELS: exemplar}
        super().__init__(Pixels(), maps, layers=None, weights=None)
        self._exemplar = exemplar.detach()[None].contiguous(memory_format=torch.channels_last)
        self._patch_size, self._n_directions = patch_size, n_directions
        self._periodic, self._rng = periodic, rng

    def value(self, maps: Maps) -> torch.Tensor:
        """The distance of the picture `maps["pixels"]` (1, C, H, W), a scalar."""
        picture = maps[PIXELS]
        for axis, wraps in zip((2, 3), self._periodic, strict=True):
            picture = wrapped(picture, axis, self._patch_size - 1) if wraps else picture
        return _Distance.apply(picture, self._exemplar, self._filters())

    def _filters(self) -> torch.Tensor:
        """(k, C, w, w): random unit vectors."""
        side, like = self._patch_size, self._exemplar
        shape = (self._n_directions, like.shape[1], side, side)
        vectors = self._rng.standard_normal(shape)
        vectors /= np.sqrt((vectors**2).sum(axis=(1, 2, 3), keepdims=True))
        return torch.tensor(vectors, dtype=like.dtype, device=like.device)


class _Distance(torch.autograd.Function):
    """The distance, whose gradient is made on the way: no graph keeps the projections."""

    @staticmethod
    def forward(context, picture, exemplar, filters):
        # Channels last: convolutions of three channels are five times as fast so.
        picture = picture.contiguous(memory_format=torch.channels_last)

        def part(some: torch.Tensor) -> Part:
            projections, aims = F.conv2d(picture, some), F.conv2d(exemplar, some)
            sides = projections.shape[2:]
            total, pull = matched(projections[0].flatten(1), aims[0].flatten(1), 1)
            return total, _adjoint(pull.unflatten(1, sides)[None], some)

        width = filters.shape[3]
        count = max(_positions(picture, width), _positions(exemplar, width))
        total, gradient = summed(part, filters, count)
        count = len(filters) * _positions(picture, width)
        context.save_for_backward(gradient.div_(count))
        return total / count

    @staticmethod
    def backward(context, outer):
        (gradient,) = context.saved_tensors
        return outer * gradient, None, None


def _positions(picture: torch.Tensor, width: int) -> int:
    height, length = (side - width + 1 for side in picture.shape[2:])
    return height * length


def _adjoint(maps: torch.Tensor, filters: torch.Tensor) -> torch.Tensor:
    """The adjoint of `F.conv2d(picture, filters)`: (1, C, H + w - 1, W + w - 1).

    A plain transposed convolution makes three channels where processors compute sixteen at a
    time. This makes 2 x 2 pixels of them at once, with filters of one pixel more.
    """
    count, channels, width, _ = filters.shape
    height, length = (side + width - 1 for side in maps.shape[2:])
    turned = filters.flip(2, 3).transpose(0, 1)  # (C, k, w, w)
    four = filters.new_zeros(2, 2, channels, count, width + 1, width + 1)
    for row in (0, 1):
        for column in (0, 1):
            four[row, column, :, :, row : row + width, column : column + width] = turned
    edge = width - 1
    maps = F.pad(maps, (edge, edge + length % 2, edge, edge + height % 2))
    maps = maps.contiguous(memory_format=torch.channels_last)
    found = F.conv2d(maps, four.flatten(0, 2), stride=2)
    found = found.unflatten(1, (2, 2, channels))[0].permute(2, 3, 0, 4, 1)  # (C, h, 2, l, 2)
    return found.reshape(1, channels, 2 * found.shape[1], -1)[:, :, :height, :length]
