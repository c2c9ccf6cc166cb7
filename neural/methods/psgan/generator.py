"""PSGAN's generator (Bergmann, Jetchev, Vollgraf 2017): a field of noise in, a picture out."""

from __future__ import annotations

import copy
import dataclasses
import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from texto.core.types import Progress

from ...generators.folding import Direct
from ...generators.network import enlarged
from ...generators.noise_field import NoiseField, positions
from ...generators.tiles import Corner, laid, side_for
from ...generators.windows import Span, Window, periods_of, window
from ...training.adversarial import seeded

KERNEL = 5  # pixels, of which a unit sees `windows.REACH` on each side
HIDDEN = 50  # units between the global noise and the wave vectors
GAIN = 5.0  # of the learned part of the wave vectors, as in the authors' second code


@dataclass(frozen=True, eq=False)
class Noise:
    """What `n` pictures are made of, all in [-1, 1] but the phases.

    `local` (n, c, h, w), independent at every position; `overall` (n, g), one vector a picture;
    `phases` (n, w) of the waves, in radians.
    """

    local: torch.Tensor
    overall: torch.Tensor
    phases: torch.Tensor


class Waves(nn.Module):
    """Wave vectors, learned, which follow the global noise where there is some."""

    first: torch.Tensor

    def __init__(self, n_periodic: int, n_global: int):
        super().__init__()
        self.n_waves = 2 * n_periodic
        self.register_buffer("first", _first(n_periodic), persistent=False)
        self.follows = bool(n_global and n_periodic)
        if self.follows:
            self.learned = nn.Sequential(
                nn.Linear(n_global, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 2 * self.n_waves)
            )
        elif n_periodic:
            self.offsets = nn.Parameter(torch.empty(2 * self.n_waves).uniform_(-0.2, 0.2))

    def forward(self, overall: torch.Tensor) -> torch.Tensor:
        """(n, waves, 2) radians a position down and across, for `overall` (n, g)."""
        start = self.first.expand(len(overall), -1, -1)
        if not self.n_waves:
            return start
        if self.follows:
            return start + GAIN * self.learned(overall).view(len(overall), -1, 2)
        return start + self.offsets.view(-1, 2)


class SpatialGenerator(nn.Module):
    """Noise, a position for 2^`n_doublings` pixels, doubled and convolved up to a picture.

    `width` : feature maps before the last doubling, twice as many before each earlier one.
    `n_global`, `n_local`, `n_periodic` : channels of noise of each kind; of the last each makes
    two waves. `rng` : what the first weights are drawn from.

    No convolution pads, unlike the published ones, so that a window of an infinite picture is
    well defined: pictures have no borders, and large ones can be made in tiles.
    """

    def __init__(
        self,
        channels: int,
        *,
        n_doublings: int,
        width: int,
        n_global: int,
        n_local: int,
        n_periodic: int,
        rng: np.random.Generator,
    ):
        super().__init__()
        self.n_doublings, self.channels = n_doublings, channels
        self.n_global, self.n_local = n_global, n_local
        widths = [width * 2**halvings for halvings in reversed(range(n_doublings - 1))]
        ins = [n_global + n_local + 2 * n_periodic, *widths]
        with seeded(rng):
            self.waves = Waves(n_periodic, n_global)
            self.norms = nn.ModuleList(nn.BatchNorm2d(each) for each in widths)
            self.convolutions = nn.ModuleList(
                nn.Conv2d(found, made, KERNEL, bias=scale == n_doublings)
                for scale, (found, made) in enumerate(zip(ins, [*widths, channels], strict=True), 1)
            )
            initialise(self)

    @property
    def device(self) -> torch.device:
        """Where it is."""
        return next(self.parameters()).device

    def view(
        self,
        rows: tuple[int, int],
        columns: tuple[int, int],
        periods: tuple[int | None, int | None] = (None, None),
    ) -> Window:
        """The window of `rows` and `columns`, first and last + 1, of an infinite picture."""
        return window(rows, columns, n_scales=self.n_doublings + 1, periods=periods)

    def drawn(self, view: Window, batch: int, rng: np.random.Generator) -> Noise:
        """Noise for `batch` pictures of `view`, of no torus, each of its own."""
        sides = [span.stop - span.start for span in (view.rows[0], view.columns[0])]
        local = rng.random((batch, self.n_local, *sides), dtype=np.float32)
        return Noise(self._sent(2 * local - 1), *self.common(batch, rng))

    def common(self, batch: int, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """Global noise and phases of `batch` pictures."""
        overall = rng.uniform(-1, 1, (batch, self.n_global)).astype(np.float32)
        phases = rng.uniform(0, math.tau, (batch, self.waves.n_waves)).astype(np.float32)
        return self._sent(overall), self._sent(phases)

    def forward(self, noise: Noise, view: Window) -> torch.Tensor:
        """The pictures (n, channels, height, width) of `view`, in [-1, 1].

        Cost: some 4,000 `width` multiplications a pixel for 4 doublings; memory: `width` maps.
        """
        with torch.autocast(noise.local.device.type, enabled=False):  # phases grow with places
            features = self._entered(noise, view.rows[0], view.columns[0])
        features = features.contiguous(memory_format=torch.channels_last)
        for scale, convolution in enumerate(self.convolutions, 1):
            features = convolution(enlarged(features, view.rows[scale], view.columns[scale]))
            if scale <= len(self.norms):
                features = torch.relu_(self.norms[scale - 1](features))
        return torch.tanh(features.float())

    def _entered(self, noise: Noise, rows: Span, columns: Span) -> torch.Tensor:
        """(n, kinds, h, w): the noise of all kinds side by side."""
        height, width = noise.local.shape[2:]
        overall = noise.overall[:, :, None, None].expand(-1, -1, height, width)
        vectors = self.waves(noise.overall)
        (down, i), (across, j) = (
            _turning(vectors[:, :, axis], span) for axis, span in enumerate((rows, columns))
        )
        angles = (down[:, :, None] * i)[:, :, :, None] + (across[:, :, None] * j)[:, :, None, :]
        return torch.cat([overall, noise.local, (angles + noise.phases[:, :, None, None]).sin()], 1)

    def _sent(self, array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(array).to(self.device)


def paint(
    network: SpatialGenerator,
    shape: tuple[int, int],
    *,
    rng: np.random.Generator,
    periodic: tuple[bool, bool] = (False, False),
    tile: int | None = None,
    progress: Progress,
) -> np.ndarray:
    """A picture (height, width, channels) float32 in [0, 1] for shape = (height, width).

    Pictures of one seed and any sizes are windows of one infinite picture, unless they wrap
    round the axes in `periodic` (down, across): there local noise repeats, and waves are bent to
    the nearest that fit. `tile` : pixels a side at a time, None for what suits the device; it
    changes results by rounding only. Memory: the picture and one tile.
    """
    common = network.common(1, rng)
    field = NoiseField(1, network.n_local, rng=rng)
    painter = _Painter(_direct(network), common, field, periods_of(shape, periodic))
    picture = np.empty((*shape, network.channels), np.float32)
    step = tile or side_for(network.device)
    return laid(painter.pixels, picture, step, device=network.device, progress=progress)


@dataclass(frozen=True, eq=False)
class _Painter:
    """Tiles of one infinite picture."""

    network: SpatialGenerator
    common: tuple[torch.Tensor, torch.Tensor]
    field: NoiseField
    periods: tuple[int | None, int | None]

    def pixels(self, corner: Corner) -> np.ndarray:
        """(h, w, channels) in [0, 1] at `corner`."""
        rows, columns = ((each.start, each.stop) for each in corner)
        view = self.network.view(rows, columns, self.periods)
        (local,) = self.field.of(_entry(view), self.common[0].device)
        pixels = self.network(Noise(2 * local - 1, *self.common), view)[0]
        return (pixels / 2 + 0.5).permute(1, 2, 0).cpu().numpy()


def _direct(network: SpatialGenerator) -> SpatialGenerator:
    """A copy whose results do not depend on the size of what it is given."""
    network = copy.deepcopy(network)
    convolutions = [each for each in network.convolutions if isinstance(each, nn.Conv2d)]
    network.convolutions = nn.ModuleList(map(Direct, convolutions))
    return network


def initialise(network: nn.Module) -> None:
    """DCGAN's first weights (Radford et al. 2016): Gaussian, 0.02, norms about 1, offsets 0."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.normal_(module.weight, 0, 0.02)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1, 0.02)
        else:
            continue
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def _entry(view: Window) -> Window:
    """The coarsest scale of `view` alone, with the noise of its features and no more."""
    spans = (
        dataclasses.replace(each[0], noise=(each[0].start, each[0].stop))
        for each in (view.rows, view.columns)
    )
    return Window(*((span,) for span in spans))


def _first(n_periodic: int) -> torch.Tensor:
    """(2 n_periodic, 2): a wave down and a wave across for each of n_periodic wave numbers."""
    numbers = [math.pi * (0.5 + 0.5 * i / n_periodic) for i in range(1, n_periodic + 1)]
    vectors = [pair for number in numbers for pair in ((number, 0.0), (0.0, number))]
    return torch.tensor(vectors).view(-1, 2)


def _turning(numbers: torch.Tensor, span: Span) -> tuple[torch.Tensor, torch.Tensor]:
    """Wave numbers (n, waves) along an axis, and the positions (h,) that they multiply.

    On a torus the numbers are the nearest that make whole turns.
    """
    where = positions(dataclasses.replace(span, noise=(span.start, span.stop)))
    if span.period:
        numbers = torch.round(numbers * (span.period / math.tau)) * (math.tau / span.period)
    return numbers, torch.from_numpy(where).to(numbers)
