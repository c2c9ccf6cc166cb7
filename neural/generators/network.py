"""The fully convolutional texture generator: noise at every scale in, a picture out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from texto.core.types import Rng, as_shape, generator

from . import windows
from .noise_field import positions

PAPER = {"n_scales": 6, "width": 2}  # 7,968 parameters
TEXNET = {"n_scales": 6, "width": 8, "bias": True}  # 116,835 parameters


class Block(nn.Sequential):
    """3 x 3, 3 x 3 and 1 x 1 convolutions, each with batch norm and a leaky ReLU.

    Takes (n, channels_in, h, w) to (n, channels, h - 4, w - 4).
    """

    def __init__(self, channels_in: int, channels: int):
        layers: list[nn.Module] = []
        for side, found in ((3, channels_in), (3, channels), (1, channels)):
            layers += [nn.Conv2d(found, channels, side), nn.BatchNorm2d(channels)]
            layers.append(nn.LeakyReLU(inplace=True))
        super().__init__(*layers)


class TextureGenerator(nn.Module):
    """Ulyanov et al. 2016's generator without padding, as in the patch paper's Algorithm 2.

    `channels` : of the picture. `n_scales` : of noise, each twice as fine as the one before; the
    published ones have 6, that is 5 doublings. `width` : feature maps a scale adds. `bias` :
    whether the last convolution has one. Size: width 2 makes 7,968 parameters (`PAPER`), width 8
    with the bias 116,835 (`TEXNET`). `rng` : what the first weights are drawn from; torch's own
    generators are neither used nor moved.

    No convolution pads, so the infinite picture of an infinite noise field is well defined, and
    a window of one is that of the other. In training mode batch norm takes the statistics of
    the batch at hand; in evaluation mode those that `calibrate` measured.
    """

    def __init__(
        self,
        channels: int = 3,
        *,
        n_scales: int = 6,
        width: int = 2,
        noise_channels: int = 3,
        bias: bool = False,
        rng: Rng = None,
    ):
        super().__init__()
        self.channels, self.n_scales = channels, n_scales
        self.width, self.noise_channels = width, noise_channels
        self.factor = 2 ** (n_scales - 1)
        joint = [(scale + 1) * width for scale in range(n_scales)]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(generator(rng).integers(2**63)))
            self.entries = nn.ModuleList(Block(noise_channels, width) for _ in joint)
            # Before the doubling, where it does the same at a quarter of the cost.
            self.norms = nn.ModuleList(nn.BatchNorm2d(found) for found in joint[:-1])
            self.blocks = nn.ModuleList(Block(found, found) for found in joint[1:])
            self.last = nn.Conv2d(joint[-1], channels, 1, bias=bias)

    @property
    def device(self) -> torch.device:
        """Where it is."""
        return self.last.weight.device

    def noise(
        self,
        shape: tuple[int, int],
        *,
        rng: Rng,
        batch: int = 1,
        periodic: tuple[bool, bool] = (False, False),
    ) -> list[torch.Tensor]:
        """Uniform noise on [0, 1) for `batch` pictures of `shape` = (height, width).

        One tensor (batch, noise_channels, h, w) float32 a scale, coarsest first, on the
        network's device. Around the axes in `periodic` (down, across) it repeats as the picture
        does.
        """
        view = windows.whole(as_shape(shape), n_scales=self.n_scales, periodic=periodic)
        return self.noise_of(view, rng=generator(rng), batch=batch)

    def noise_of(
        self, view: windows.Window, *, rng: np.random.Generator, batch: int = 1
    ) -> list[torch.Tensor]:
        """The same for a window, which may end at a coarser scale."""
        spans = zip(view.rows, view.columns, strict=True)
        device = self.device
        # Convolutions of few channels run up to twice as fast where channels lie together.
        return [
            torch.from_numpy(self._drawn(rows, columns, batch, rng)).to(
                device, memory_format=torch.channels_last
            )
            for rows, columns in spans
        ]

    def _drawn(
        self, rows: windows.Span, columns: windows.Span, batch: int, rng: np.random.Generator
    ) -> np.ndarray:
        """(batch, noise_channels, h, w): a torus's noise is drawn once round, and repeated."""
        sides = [each.period or each.noise[1] - each.noise[0] for each in (rows, columns)]
        noise = rng.random((batch, self.noise_channels, *sides), dtype=np.float32)
        for axis, span in ((2, rows), (3, columns)):
            if span.period:
                noise = noise.take(positions(span), axis)
        return noise

    def forward(
        self, noise: Sequence[torch.Tensor], *, periodic: tuple[bool, bool] = (False, False)
    ) -> torch.Tensor:
        """The pictures (batch, channels, height, width) of `noise`, of the size it was made for.

        Values are not limited to [0, 1]. `periodic` as given to `noise`. ValueError for noise of
        other sizes. Cost: for width 2, 3,500 multiplications a pixel.
        """
        margin = 2 * windows.margin(self.n_scales - 1)
        shape = tuple(side - margin for side in noise[-1].shape[-2:])
        return self.part(noise, windows.whole(shape, n_scales=self.n_scales, periodic=periodic))

    def part(self, noise: Sequence[torch.Tensor], view: windows.Window) -> torch.Tensor:
        """The window `view` of the infinite picture, from the noise that it depends on."""
        features = self.features(noise, view)
        with torch.autocast(features.device.type, enabled=False):  # bfloat16 ends before pixels
            return self.last(features.to(self.last.weight))

    def features(self, noise: Sequence[torch.Tensor], view: windows.Window) -> torch.Tensor:
        """The features of the finest scale of `view`, the network's own or a coarser one."""
        self._check(noise, view)
        features = self.entries[0](noise[0])
        for scale in range(1, len(noise)):
            features = self.norms[scale - 1](features)
            coarse = enlarged(features, view.rows[scale], view.columns[scale])
            fine = self.entries[scale](noise[scale])
            features = self.blocks[scale - 1](torch.cat([coarse, fine], dim=1))
        return features

    def _check(self, noise: Sequence[torch.Tensor], view: windows.Window) -> None:
        wanted = [view.noise_shape(scale) for scale in range(len(view))]
        given = [tuple(each.shape[-2:]) for each in noise]
        if given != wanted:
            raise ValueError(f"noise has sizes {given}, not {wanted}")


def enlarged(features: torch.Tensor, rows: windows.Span, columns: windows.Span) -> torch.Tensor:
    """`features` (n, c, h, w) repeated to the positions around the finer `rows`, `columns`."""
    if rows.offset is not None and columns.offset is not None:  # twice as fast as gathering
        top, left = rows.offset, columns.offset
        doubled = functional.interpolate(features, scale_factor=2.0, mode="nearest")
        return doubled[:, :, top : top + len(rows.parents), left : left + len(columns.parents)]
    for axis, span in ((2, rows), (3, columns)):
        features = features.index_select(axis, torch.from_numpy(span.parents).to(features.device))
    return features
