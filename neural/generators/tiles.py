"""Large pictures in tiles: made by as many threads as processors, or one by one on a GPU."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import numpy as np
import torch

from texto.core.threads import mapped
from texto.core.types import Progress, Step

from ..losses.ctransform import single_thread

TILE, GPU_TILE = 256, 1024  # pixels a side; maps of 256 stay in the processor's cache

Corner = tuple[slice, slice]
T = TypeVar("T")


def side_for(device: torch.device) -> int:
    """Pixels a side of the tiles that suit `device`."""
    return TILE if device.type == "cpu" else GPU_TILE


def corners_of(shape: tuple[int, int], step: int) -> list[Corner]:
    """Tiles of `step` pixels a side, row by row; smaller ones at the ends."""
    rows, columns = (
        [slice(start, min(start + step, side)) for start in range(0, side, step)] for side in shape
    )
    return [(down, across) for down in rows for across in columns]


def each_tile(
    made: Callable[[Corner], T], corners: Sequence[Corner], device: torch.device
) -> Iterator[T]:
    """`made` of all `corners`, in order, without gradients."""

    def own(corner: Corner) -> T:
        if torch.get_num_threads() > 1:
            torch.set_num_threads(1)  # of this thread: threads make whole tiles
        with torch.inference_mode():
            return made(corner)

    return mapped(own, corners) if device.type == "cpu" else map(own, corners)


def laid(
    made: Callable[[Corner], np.ndarray],
    picture: np.ndarray,
    step: int,
    *,
    device: torch.device,
    progress: Progress,
) -> np.ndarray:
    """`picture` (H, W, C), filled with the tiles (h, w, C) that `made` makes; a step for each."""
    height, width = picture.shape[:2]
    corners = corners_of((height, width), step)
    with single_thread():
        tiles = each_tile(made, corners, device)
        for done, (corner, pixels) in enumerate(zip(corners, tiles, strict=True), 1):
            picture[corner] = pixels
            progress(Step("synthesize", 0, done, len(corners)))
    return picture
