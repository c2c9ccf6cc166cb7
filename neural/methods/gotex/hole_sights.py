"""What a loss compares where a picture has holes: features at them with those in the sources.

A position of a layer is at a hole if its window has a pixel to fill: these are moved. Those whose
window lies in the sources are what they are transported onto. A patch's window is the patch, a
random filter's the filter. What a deep layer of a trained network sees is larger than most
holes, nearly all of it faintly: its window is three positions wide, that of a convolution, and
beyond that it sees the holes as they were filled at the size before. A position of a network
takes part in a step with a chance that is the share of its window to fill: what is known but for
a stroke cannot match, and a few pixels that try go to extremes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from texto.patches.masks import hole_pyramid
from texto.steps.inpainting.filling import LEAST_PATCHES

from ...features import PatchFeatures
from ...features.backbones import FRAME, Backbone
from ...features.kinds import ExemplarView, Strided
from ...losses.semidual import Where
from ...runtime.devices import exact_float32
from ...steps.sights import Sight
from ...steps.synthesis import Work

REACH = 5  # positions of the deepest layer that are computed around the holes,
NEAR = 16  # and pixels, at least
WINDOW = 3  # positions
CAUTION = 0.1  # of the usual ascent for networks: else all colours are wanted in every hole
SPARSER = 4  # a step at a hole sees so many times fewer features than one of a synthesis

Box = tuple[slice, slice]
Spans = tuple[np.ndarray, np.ndarray]  # first pixels (n,) of windows, and those after their last


@dataclass(frozen=True, eq=False, kw_only=True)
class HoleWork(Work):
    """What a loss is made for: the holes at one size.

    `exemplar` (H, W, C) : the picture, its holes filled for now. `holes`, `barred` : (H, W), as
    in `texto.steps.inpainting.levels.HoleLevel`.
    """

    holes: np.ndarray
    barred: np.ndarray

    def patches(self, patch_size: int, n_levels: int) -> Sight:
        """The patches that touch a hole, and those that lie in the sources."""
        features = PatchFeatures(patch_size, n_levels, periodic=(False, False), device=self.device)
        box = box_around(self.holes, patch_size << (n_levels - 1), 1 << (n_levels - 1))

        def touched(mask: np.ndarray) -> dict[str, np.ndarray]:
            levels = zip(features.layers, hole_pyramid(mask, n_levels), strict=True)
            return {layer: touches(level, *_patches(level, patch_size)) for layer, level in levels}

        barred, moved = touched(self.barred), touched(self.holes)
        maps = features.of(self.exemplar)
        here = touched(self.holes[box])
        return _sight(Part(features, box), maps, barred, moved, lambda layer, _sides: here[layer])

    def network(self, backbone: Backbone) -> Sight:
        """What a network sees at the holes, and in the sources."""
        features, frame = _plain_view(backbone, self.exemplar, whole=self.level == 0)
        channels = None if backbone.weights == "random" else 3
        deepest = max(features.strides.values())
        box = box_around(self.holes, max(NEAR, REACH * deepest), deepest)

        def touched(mask: np.ndarray, layer: str, sides: Sequence[int]) -> np.ndarray:
            return touches(mask, *_positions(mask, sides, layer, features.strides[layer]))

        with torch.no_grad(), exact_float32():
            maps = Part(features, EVERYWHERE, frame, channels)(self._tensor())
        maps = {layer: found[0] for layer, found in maps.items()}
        barred, moved = (
            {layer: touched(mask, layer, found.shape[1:]) for layer, found in maps.items()}
            for mask in (self.barred, self.holes)
        )

        def where(layer: str, sides: Sequence[int]) -> np.ndarray:
            holes, stride = self.holes[box], features.strides[layer]
            return shares(holes, *_positions(holes, sides, layer, stride))

        part = Part(features, box, frame, channels)
        return _sight(part, maps, barred, moved, where, rate=CAUTION)

    def _tensor(self) -> torch.Tensor:
        planes = np.ascontiguousarray(np.moveaxis(self.exemplar, 2, 0))
        return torch.tensor(planes, device=self.device)[None]


EVERYWHERE = (slice(None), slice(None))


class Part:
    """`features` of the part `box` of pictures, mirrored by `frame` pixels that are left out.

    `channels` : to which grey pictures are spread.
    """

    def __init__(self, features: Strided, box: Box, frame: int = 0, channels: int | None = None):
        self.features, self._box, self._frame, self._channels = features, box, frame, channels
        self.layers = tuple(features.layers)

    def at(self, layers: Sequence[str]) -> Part:
        """The same at some of the layers."""
        part = Part(self.features, self._box, self._frame, self._channels)
        part.layers = tuple(layers)
        return part

    def __call__(self, pictures: torch.Tensor) -> dict[str, torch.Tensor]:
        """The maps (n, channels, h, w) by layer of `pictures` (n, C, H, W), with gradients."""
        pictures = pictures[:, :, *self._box]
        if self._channels is not None:
            pictures = pictures.expand(-1, self._channels, -1, -1)
        if self._frame:
            pictures = _mirrored(pictures, self._frame)
        found = self.features(pictures)
        return {layer: self._inside(found[layer], layer) for layer in self.layers}

    def _inside(self, maps: torch.Tensor, layer: str) -> torch.Tensor:
        edge = self._frame // self.features.strides[layer]
        height, width = maps.shape[2:]
        return maps[:, :, edge : height - edge, edge : width - edge]


def known_features(backbone: Backbone, picture: np.ndarray, barred: np.ndarray) -> tuple[int, str]:
    """How many positions of a layer lie in the sources, and of which: that with the most."""
    strides = _plain_view(backbone, picture, whole=True)[0].strides
    counts = {}
    for layer, stride in strides.items():
        sides = [side // stride for side in barred.shape]
        counts[layer] = int((~touches(barred, *_positions(barred, sides, layer, stride))).sum())
    best = max(counts, key=lambda layer: counts[layer])
    return counts[best], best


def box_around(holes: np.ndarray, margin: int, unit: int) -> Box:
    """The rows and columns of the `holes` (H, W) and of `margin` pixels around them.

    Both begin at a multiple of `unit`, and end at one or with the picture.
    """
    rows, columns = (
        _span_around(np.flatnonzero(holes.any(axis=1 - axis)), side, margin, unit)
        for axis, side in enumerate(holes.shape)
    )
    return rows, columns


def _span_around(used: np.ndarray, side: int, margin: int, unit: int) -> slice:
    first, last = (int(used[0]), int(used[-1])) if len(used) else (0, 0)
    start = max(0, first - margin) // unit * unit
    return slice(start, min(side, -(-(last + 1 + margin) // unit) * unit))


def touches(mask: np.ndarray, rows: Spans, columns: Spans) -> np.ndarray:
    """(n, m) bool: whether `mask` (H, W) is True anywhere in a window of rows and columns."""
    return shares(mask, rows, columns) > 0


def shares(mask: np.ndarray, rows: Spans, columns: Spans) -> np.ndarray:
    """(n, m): the share of each window of rows and columns in which `mask` (H, W) is True."""
    counts = np.zeros([side + 1 for side in mask.shape], np.int64)
    counts[1:, 1:] = mask.cumsum(axis=0).cumsum(axis=1)
    strips = counts[rows[1]] - counts[rows[0]]
    sizes = np.outer(*(np.maximum(ends - starts, 1) for starts, ends in (rows, columns)))
    return (strips[:, columns[1]] - strips[:, columns[0]]) / sizes


def _patches(mask: np.ndarray, patch_size: int) -> tuple[Spans, Spans]:
    """The windows of all patches of a level of which `mask` (H, W) is."""
    rows, columns = (np.arange(max(0, side - patch_size + 1)) for side in mask.shape)
    return (rows, rows + patch_size), (columns, columns + patch_size)


def _positions(
    mask: np.ndarray, sides: Sequence[int], layer: str, stride: int
) -> tuple[Spans, Spans]:
    """The windows of the positions of a layer whose maps have `sides`, in pixels of `mask`.

    Positions lie `stride` pixels apart, with as much room before the first as after the last.
    """
    window = int(layer[6:]) if layer.startswith("random") else WINDOW * stride

    def spans(side: int, count: int) -> Spans:
        centres = (np.arange(count) + 0.5) * stride + (side - count * stride) / 2
        ends = np.floor(centres - window / 2), np.ceil(centres + window / 2)
        first, last = (np.clip(end.astype(int), 0, side) for end in ends)
        return first, last

    rows, columns = (spans(*each) for each in zip(mask.shape, sides, strict=True))
    return rows, columns


def _plain_view(
    backbone: Backbone, picture: np.ndarray, *, whole: bool
) -> tuple[ExemplarView, int]:
    """The features of a picture that does not repeat, and the frame that they need."""
    if backbone.weights == "random":
        return backbone.views(picture, whole=whole).exemplar, 0
    padding, frame = ("reflect", 0) if backbone.network == "vgg19" else ("zero", FRAME)
    plain = replace(backbone, padding=padding, synthesis_padding=padding)
    around = ((frame, frame), (frame, frame), (0, 0))
    return plain.views(np.pad(picture, around, mode="symmetric"), whole=whole).exemplar, frame


def _mirrored(pictures: torch.Tensor, frame: int) -> torch.Tensor:
    """`pictures` (n, C, H, W) continued by `frame` mirrored pixels, which may be more than are."""
    for axis in (2, 3):
        side = pictures.shape[axis]
        copies = 2 * -(-frame // side) + 1  # an odd number, the picture in the middle
        turned = [
            pictures.flip(axis) if abs(k - copies // 2) % 2 else pictures for k in range(copies)
        ]
        whole = torch.cat(turned, dim=axis)
        pictures = whole.narrow(axis, copies // 2 * side - frame, side + 2 * frame)
    return pictures


def _sight(
    features: Part,
    maps: Mapping[str, torch.Tensor],
    barred: Mapping,
    moved: Mapping,
    where: Where,
    *,
    rate: float = 1.0,
) -> Sight:
    """The layers that have positions to move and enough in the sources."""
    targets, rates = {}, {}
    for layer, found in maps.items():
        known, count = np.flatnonzero(~barred[layer]), moved[layer].sum()
        if len(known) < LEAST_PATCHES or not count:
            continue
        places = torch.from_numpy(known).to(found.device)
        targets[layer] = found.flatten(1).index_select(1, places)[:, :, None]
        # Fewer features than targets cannot use them all, and potentials must not ask for it.
        rates[layer] = rate * min(1.0, float(count / len(known)))
    return Sight(features.at([*targets]), targets, where, rates, sparser=SPARSER)
