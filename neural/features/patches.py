"""Patches of a pyramid of means as feature maps."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from texto.core.errors import TextoError
from texto.core.types import as_image

from ..runtime.devices import resolve_device


class PatchFeatures:
    """The patches of a picture at `n_levels` dyadic levels: layers level0 (finest), level1, ...

    A layer has w w C channels, w = `patch_size`, one position a patch: every pixel starts one on
    `periodic` (vertical, horizontal) axes, where patches wrap round; elsewhere those that fit.
    Levels are 2 x 2 means, as `texto.patches.pyramid`, where a last odd row or column is left out.
    Pictures may have any number of channels. Needs no weights.

    `smallest` : the shortest side of a picture with a patch at every level.
    Cost: w^2 times the picture in memory, and 4/3 of that in operations.
    """

    weights_name = None

    def __init__(
        self,
        patch_size: int = 4,
        n_levels: int = 4,
        *,
        periodic: tuple[bool, bool] = (True, True),
        device: str = "auto",
    ):
        if patch_size < 1 or n_levels < 1:
            raise TextoError(
                "patches", f"are {patch_size} pixels at {n_levels} levels", "give 1 at least"
            )
        self.patch_size, self.periodic = patch_size, tuple(periodic)
        self.layers = tuple(f"level{level}" for level in range(n_levels))
        self.strides = {layer: 2**level for level, layer in enumerate(self.layers)}
        self.device = resolve_device(device)
        self.smallest = max(self._least(wraps) for wraps in self.periodic)

    def __call__(self, pictures: torch.Tensor) -> dict[str, torch.Tensor]:
        """The maps (n, w w C, h, w) by layer of `pictures` (n, C, H, W), with gradients.

        TextoError for a picture that has no patch at some level.
        """
        self._check_size(*pictures.shape[-2:])
        maps, view = {}, pictures
        for level, layer in enumerate(self.layers):
            view = F.avg_pool2d(view, 2) if level else view
            maps[layer] = self._patches(view)
        return maps

    def of(self, picture: np.ndarray) -> dict[str, torch.Tensor]:
        """The maps (w w C, h, w) by layer of `picture` (H, W, C) in [0, 1], no gradients."""
        return picture_maps(self, picture)

    def to(self, device: str) -> PatchFeatures:
        """Move to another device."""
        self.device = resolve_device(device)
        return self

    def _patches(self, view: torch.Tensor) -> torch.Tensor:
        for axis, wraps in zip((2, 3), self.periodic, strict=True):
            view = wrapped(view, axis, self.patch_size - 1) if wraps else view
        height, width = (side - self.patch_size + 1 for side in view.shape[2:])
        return F.unfold(view, self.patch_size).unflatten(2, (height, width))

    def _least(self, wraps: bool) -> int:
        """The shortest side with a patch at the coarsest level."""
        return (1 if wraps else self.patch_size) * 2 ** (len(self.layers) - 1)

    def _check_size(self, height: int, width: int) -> None:
        for side, wraps in zip((height, width), self.periodic, strict=True):
            if side < self._least(wraps):
                raise TextoError(
                    "picture",
                    f"is {width}x{height}, and {self.layers[-1]} needs {self._least(wraps)} "
                    "pixels a side",
                    "give a larger picture, or lower n_levels or patch_size",
                )


def picture_maps(features, picture: np.ndarray) -> dict[str, torch.Tensor]:
    """The maps (channels, h, w) by layer of `picture` (H, W, C), on the device of `features`."""
    planes = np.ascontiguousarray(np.moveaxis(as_image(picture, "picture"), 2, 0))
    with torch.no_grad():
        maps = features(torch.tensor(planes, device=features.device)[None])
    return {layer: found[0] for layer, found in maps.items()}


def wrapped(maps: torch.Tensor, axis: int, after: int, before: int = 0) -> torch.Tensor:
    """`maps` (n, C, h, w) on a torus, with `before` and `after` more rows or columns on `axis`.

    Margins may be longer than the side. The backward pass repeats to the bit on GPUs.
    """
    side = maps.shape[axis]
    ahead = -(-before // side)
    copies = ahead + 1 + -(-after // side)
    if copies == 1:
        return maps
    whole = torch.cat([maps] * copies, dim=axis)
    return whole.narrow(axis, ahead * side - before, before + side + after)
