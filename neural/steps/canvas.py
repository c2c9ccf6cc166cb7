"""The torus that a picture is worked on, at all its sizes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from texto.core.settings import PERIODIC

from .work import Descends


def enlarged(picture: torch.Tensor, sides: Sequence[int]) -> torch.Tensor:
    """`picture` (1, C, h, w) on a torus, stretched to `sides`, linearly between its pixels."""
    for axis, side in zip((2, 3), sides, strict=True):
        own = picture.shape[axis]
        places = (np.arange(side) + 0.5) * (own / side) - 0.5
        below = np.floor(places)
        share = torch.tensor((places - below).astype(np.float32), device=picture.device)
        before, after = (
            picture.index_select(axis, torch.tensor(index.astype(int) % own).to(picture.device))
            for index in (below, below + 1)
        )
        picture = torch.lerp(before, after, share[:, None] if axis == 2 else share)
    return picture.contiguous()


def canvas_of(
    method: Descends,
    exemplar_shapes: Sequence[tuple[int, ...]],
    shape: tuple[int, int],
    n_sizes: int,
    *,
    margin: int,
) -> tuple[int, int]:
    """The torus to work on: a tile is one as it is, another picture is cut out of a larger one.

    `margin` : by how many units it is larger at least.
    """
    unit = max(method.stride, 2 ** (n_sizes - 1))
    least = max(map(method.least_side, exemplar_shapes))
    return tuple(
        side if wraps else -(-max(side + margin * unit, least) // unit) * unit
        for side, wraps in zip(shape, PERIODIC[method.tileable], strict=True)
    )


def on_canvas(weight_map: np.ndarray, sides: Sequence[int]) -> np.ndarray:
    """`weight_map` (h, w) on a torus of `sides`: it goes back to where it began in what is left."""
    for axis, side in enumerate(sides):
        room = side - weight_map.shape[axis]
        share = (np.arange(1, room + 1, dtype=np.float32) / (room + 1))[:, None]
        first, last = (np.take(weight_map, [place], axis=axis) for place in (0, -1))
        ramp = share if axis == 0 else share.T
        weight_map = np.concatenate([weight_map, last + ramp * (first - last)], axis=axis)
    return weight_map
