"""What is measured over many samples of a trained generator: statistics of batch norm, the mean.

In training batch norm takes the statistics of the one picture at hand. Published code samples so
too. But tiles of a large picture would then each be normalised by themselves, with seams, and
the same noise would give another texture at another size: with a generator trained on wicker,
pixels of 512 x 512 differ by 0.03 from those of the 256 x 256 of the same noise, and by 0.07 from
those of 64 x 64, of a range of 1. So sampling takes one set of statistics, of the infinite
picture. By eye pictures of either kind are alike at the size of the training: the same shapes,
sharpness and colours (means and deviations of the channels within 0.01), shifted here and there.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from texto.core.types import Rng, generator

from . import windows
from .network import TextureGenerator

SIDE, BATCH, ROUNDS = 128, 4, 16  # 1e6 positions a scale: statistics good to 1 %
PIECE = 8  # pixels a side


def calibrate(
    network: TextureGenerator,
    *,
    rng: Rng,
    side: int = SIDE,
    batch: int = BATCH,
    rounds: int = ROUNDS,
) -> None:
    """Measure the statistics that batch norm takes in evaluation mode; nothing else changes.

    From the coarsest scale to the finest, each with those before it at their final statistics,
    as when sampling: the mean and variance over as many positions as `rounds` samples of
    `batch` pictures of `side` pixels have. They are drawn in small windows far apart, which tell
    more of the coarse scales. Running means from training lag behind the weights, and those of
    single pictures miss how pictures differ. Cost: about that of the samples, twice.
    """
    rng = generator(rng)
    training = {module: module.training for module in network.modules()}
    network.eval()
    try:
        with torch.no_grad():
            for scale in range(network.n_scales):
                norms = _start(network, scale)
                for _ in range(rounds):
                    _measure(network, scale, side, batch, rng)
                for norm, momentum in norms.items():
                    norm.momentum = momentum
                    norm.eval()
    finally:
        for module, mode in training.items():
            module.training = mode


def match_mean(
    network: TextureGenerator,
    exemplar: np.ndarray,
    *,
    rng: Rng,
    side: int = SIDE,
    batch: int = BATCH,
    rounds: int = ROUNDS,
) -> None:
    """Give the pictures of a calibrated `network` the mean colour of `exemplar` (H, W, C).

    By the bias of the last convolution, from as many samples as in `calibrate`. A training that
    has not quite converged leaves pictures a little too bright or dark, which every patch pays
    for: a tenth of the transport cost on wicker after 600 steps. Their spread stays: it is less
    than the exemplar's where details are missing, and to stretch what there is costs more.
    """
    rng, means = generator(rng), []
    with torch.no_grad():
        for _ in range(rounds):
            view, noise = _pieces(network, network.n_scales - 1, side, batch, rng)
            means.append(network.part(noise, view).mean(dim=(0, 2, 3)))
        assert network.last.bias is not None
        wanted = torch.from_numpy(exemplar.mean(axis=(0, 1), dtype=np.float64)).to(means[0])
        network.last.bias += wanted - torch.stack(means).mean(dim=0)


def _start(network: TextureGenerator, scale: int) -> dict[nn.BatchNorm2d, float | None]:
    """The norms of one scale, made to average over what comes, and their momenta as they were."""
    parts = [network.entries[scale], *network.blocks[max(scale - 1, 0) : scale]]
    parts += network.norms[scale : scale + 1]
    norms = {}
    for part in parts:
        for module in part.modules():
            if isinstance(module, nn.BatchNorm2d):
                norms[module] = module.momentum
                module.reset_running_stats()
                module.momentum = None  # the plain average over all rounds
                module.train()
    return norms


def _measure(
    network: TextureGenerator, scale: int, side: int, batch: int, rng: np.random.Generator
) -> None:
    """Show one batch to the scales up to `scale`."""
    view, noise = _pieces(network, scale, side, batch, rng)
    features = network.features(noise, view)
    if scale < len(network.norms):
        network.norms[scale](features)


def _pieces(
    network: TextureGenerator, scale: int, side: int, batch: int, rng: np.random.Generator
) -> tuple[windows.Window, list[torch.Tensor]]:
    """A small window, and noise for as many of it as have the area of `batch` pictures."""
    piece = min(side, PIECE)
    view = windows.whole((piece, piece), n_scales=scale + 1)
    return view, network.noise_of(view, rng=rng, batch=-(-batch * side**2 // piece**2))
