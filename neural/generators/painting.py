"""Pictures of any size from a trained generator, tile by tile from one noise field."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from texto.core.errors import TextoError
from texto.core.types import Progress, Rng, as_shape, silent

from ..runtime.devices import exact_float32
from .folding import folded
from .network import TextureGenerator
from .noise_field import NoiseField
from .tiles import Corner, laid, side_for
from .windows import periods_of, window


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
    picture = np.empty((*shape, network.channels), np.float32)
    # Tiles begin at multiples of the factor, so that most have the same sizes at all scales: new
    # sizes cost time, the convolutions are compiled for each.
    step = -(-(tile or side_for(network.device)) // network.factor) * network.factor
    with exact_float32():
        return laid(painter.pixels, picture, step, device=network.device, progress=progress)


@dataclass(frozen=True, eq=False)
class _Painter:
    """Tiles of one infinite picture."""

    network: TextureGenerator
    field: NoiseField
    periods: tuple[int | None, int | None]

    def pixels(self, corner: Corner) -> np.ndarray:
        """(h, w, channels) at `corner`."""
        rows, columns = ((each.start, each.stop) for each in corner)
        view = window(rows, columns, n_scales=self.network.n_scales, periods=self.periods)
        noise = self.field.of(view, self.network.device)
        pixels = self.network.part(noise, view)[0].clamp_(0, 1)
        return pixels.permute(1, 2, 0).cpu().numpy()
