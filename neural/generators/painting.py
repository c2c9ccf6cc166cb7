"""Pictures of any size from a trained generator, tile by tile from one noise field."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from texto.core.errors import TextoError
from texto.core.threads import mapped
from texto.core.types import Progress, Rng, Step, as_shape, silent

from ..losses.ctransform import single_thread
from ..runtime.devices import exact_float32
from .folding import folded
from .network import TextureGenerator
from .noise_field import NoiseField
from .windows import periods_of, window

TILE, GPU_TILE = 256, 1024  # pixels a side; maps of 256 stay in the processor's cache

Corner = tuple[slice, slice]


def paint(
    network: TextureGenerator,
    shape: tuple[int, int],
    *,
    rng: Rng,
    periodic: tuple[bool, bool] = (False, False),
    tile: int | None = None,
    progress: Progress = silent,
) -> np.ndarray:
    """A picture (height, width, channels) float32 in [0, 1] for shape = (height, width).

    Batch norm takes the statistics of `calibrate`. `rng` : decides the noise field; pictures of
    one seed and any sizes are windows of one infinite picture, unless they wrap. `periodic` :
    the axes (down, across) that wrap round. On sides that are no multiples of
    `network.factor` some coarse features there are narrower or wider by half. `tile` : pixels a
    side at a time, None for what suits the device; it changes results by rounding only. Memory:
    the picture and a few tiles. One step of progress a tile.
    """
    shape = as_shape(shape)
    if tile is not None and tile < 1:
        raise TextoError("tile", f"is {tile} pixels", "give 1 or more")
    field = NoiseField(network.n_scales, network.noise_channels, rng=rng)
    painter = _Painter(folded(network), field, periods_of(shape, periodic))
    corners = _corners(shape, tile or painter.tile, network.factor)
    picture = np.empty((*shape, network.channels), np.float32)
    with exact_float32(), single_thread():
        tiles = zip(corners, painter.tiles(corners), strict=True)
        for done, (corner, pixels) in enumerate(tiles, 1):
            picture[corner] = pixels
            progress(Step("synthesize", 0, done, len(corners)))
    return picture


@dataclass(frozen=True, eq=False)
class _Painter:
    """Tiles of one infinite picture."""

    network: TextureGenerator
    field: NoiseField
    periods: tuple[int | None, int | None]

    @property
    def device(self) -> torch.device:
        return self.network.last.weight.device

    @property
    def tile(self) -> int:
        return TILE if self.device.type == "cpu" else GPU_TILE

    def tiles(self, corners: list[Corner]) -> Iterator[np.ndarray]:
        """The tiles' pixels (h, w, channels), in order."""
        return (mapped if self.device.type == "cpu" else map)(self._pixels, corners)

    def _pixels(self, corner: Corner) -> np.ndarray:
        if torch.get_num_threads() > 1:
            torch.set_num_threads(1)  # of this thread: threads paint whole tiles
        rows, columns = ((each.start, each.stop) for each in corner)
        view = window(rows, columns, n_scales=self.network.n_scales, periods=self.periods)
        with torch.inference_mode():
            pixels = self.network.part(self.field.of(view, self.device), view)[0].clamp_(0, 1)
            return pixels.permute(1, 2, 0).cpu().numpy()


def _corners(shape: tuple[int, int], tile: int, factor: int) -> list[Corner]:
    """Tiles that begin at multiples of `factor`, so that most have the same sizes at all scales.

    New sizes cost time: the convolutions are compiled for each.
    """
    step = -(-tile // factor) * factor
    rows, columns = (
        [slice(start, min(start + step, side)) for start in range(0, side, step)] for side in shape
    )
    return [(down, across) for down in rows for across in columns]
