"""Pictures from a pyramid of generators, of any size and on a torus where wanted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from texto.core.types import Progress, Step

from ...generators.tiles import Corner, corners_of, each_tile, side_for
from ...runtime.devices import to_picture
from ...training.adversarial import gaussian
from .networks import Pyramid, frozen
from .scales import MARGIN

Wraps = tuple[bool, bool]  # down, across: whether that axis of a picture wraps round
OPEN: Wraps = (False, False)


def paint(
    pyramid: Pyramid,
    sizes: Sequence[tuple[int, int]],
    *,
    rng: np.random.Generator,
    wraps: Wraps = OPEN,
    progress: Progress,
) -> torch.Tensor:
    """A picture (1, C, *sizes[-1]) in values of [-1, 1] and about, by all scales in turn.

    `sizes` : of the picture at each scale. Memory: some five pictures and a few tiles. One step
    of progress a tile.
    """
    torch.empty((1, pyramid.channels, *sizes[-1]), device=pyramid.device)  # or memory is short
    tile = side_for(pyramid.device)
    total, done = sum(len(corners_of(size, tile)) for size in sizes), 0
    picture = blank(pyramid, sizes[0])
    for scale, size in enumerate(sizes):
        picture = enlarged(picture, size, wraps)
        generator = frozen(pyramid.generator(scale))
        inputs = padded(noisy(pyramid, scale, picture, rng), wraps)
        corners = corners_of(size, tile)
        tiles = each_tile(_added(generator, inputs), corners, pyramid.device)
        for corner, added in zip(corners, tiles, strict=True):
            picture[:, :, *corner] += added
            done += 1
            progress(Step("synthesize", len(sizes) - 1 - scale, done, total))
    return picture


def finished(picture: torch.Tensor, shape: tuple[int, int], wraps: Wraps) -> np.ndarray:
    """`picture` (1, C, h, w) in [-1, 1] as (*shape, C) in [0, 1], enlarged where it is smaller."""
    return to_picture(enlarged(picture, shape, wraps) / 2 + 0.5)


def drawn(
    pyramid: Pyramid,
    generators: Sequence[nn.Module],
    sizes: Sequence[tuple[int, int]],
    rng: np.random.Generator,
) -> torch.Tensor:
    """A random picture (1, C, *sizes[-1]) that the first, frozen `generators` make.

    `sizes` has one more: the picture is enlarged to it. Without generators it is 0.
    """
    picture = blank(pyramid, sizes[0])
    for scale, (generator, (_, finer)) in enumerate(zip(generators, pairwise(sizes), strict=True)):
        picture = enlarged(picture + generator(padded(noisy(pyramid, scale, picture, rng))), finer)
    return picture


def rebuilt(
    pyramid: Pyramid, generators: Sequence[nn.Module], sizes: Sequence[tuple[int, int]]
) -> torch.Tensor:
    """The same from the anchor, without other noise: what comes nearest to the exemplar."""
    picture = blank(pyramid, sizes[0])
    noise: torch.Tensor | int = pyramid.anchor * pyramid.amplitudes[0]
    for generator, finer in zip(generators, sizes[1:], strict=True):
        picture = enlarged(picture + generator(padded(picture + noise)), finer)
        noise = 0
    return picture


def blank(pyramid: Pyramid, size: tuple[int, int]) -> torch.Tensor:
    """What the coarsest scale starts from: (1, C, *size)."""
    return torch.zeros((1, pyramid.channels, *size), device=pyramid.device)


def noisy(
    pyramid: Pyramid, scale: int, picture: torch.Tensor, rng: np.random.Generator
) -> torch.Tensor:
    """`picture` (1, C, h, w) with noise of the amplitude of `scale`, grey at the coarsest."""
    channels = pyramid.channels if scale else 1
    noise = gaussian((1, channels, *picture.shape[2:]), rng, pyramid.device)
    return picture + pyramid.amplitudes[scale] * noise


def padded(picture: torch.Tensor, wraps: Wraps = OPEN) -> torch.Tensor:
    """`picture` (n, C, h, w) with the margin that a generator takes off: 0, or wrapped round."""
    down, across = (0 if around else MARGIN for around in wraps)
    picture = functional.pad(picture, (across, across, down, down))
    for axis, around in zip((2, 3), wraps, strict=True):
        if around:
            side = picture.shape[axis]
            places = np.arange(-MARGIN, side + MARGIN) % side
            picture = picture.index_select(axis, torch.from_numpy(places).to(picture.device))
    return picture


def shrunk(picture: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """`picture` (n, C, h, w) in [-1, 1] at a smaller `size`, cubic, without aliasing."""
    smaller = functional.interpolate(picture, size, mode="bicubic", antialias=True)
    return smaller.clamp(-1, 1)


def enlarged(picture: torch.Tensor, size: Sequence[int], wraps: Wraps = OPEN) -> torch.Tensor:
    """`picture` (n, C, h, w) at a larger `size`, by Keys's cubic (a = -1/2) of four pixels."""
    for axis, side, around in zip((2, 3), size, wraps, strict=True):
        if picture.shape[axis] != side:
            picture = _stretched(picture, axis, side, around)
    return picture


def _stretched(picture: torch.Tensor, axis: int, side: int, around: bool) -> torch.Tensor:
    own = picture.shape[axis]
    places = (np.arange(side) + 0.5) * (own / side) - 0.5
    first = np.floor(places).astype(np.int64)
    t = places - first
    shares = (
        t * (t * (1 - t / 2) - 0.5),
        1 + t * t * (1.5 * t - 2.5),
        t * (t * (2 - 1.5 * t) + 0.5),
        t * t * (t - 1) / 2,
    )
    sums: torch.Tensor | int = 0
    for step, share in enumerate(shares, -1):
        index = (first + step) % own if around else np.clip(first + step, 0, own - 1)
        weights = torch.from_numpy(share.astype(np.float32)).to(picture.device)
        near = picture.index_select(axis, torch.from_numpy(index).to(picture.device))
        sums = near * (weights[:, None] if axis == 2 else weights) + sums
    return torch.as_tensor(sums)


def _added(generator: nn.Module, inputs: torch.Tensor) -> Callable[[Corner], torch.Tensor]:
    """What `generator` adds at a corner, from padded `inputs`."""

    def added(corner: Corner) -> torch.Tensor:
        rows, columns = (slice(each.start, each.stop + 2 * MARGIN) for each in corner)
        return generator(inputs[:, :, rows, columns])

    return added
