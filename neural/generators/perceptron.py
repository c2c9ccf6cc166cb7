"""A multilayer perceptron that makes points of Gaussian noise."""

from __future__ import annotations

import itertools

import numpy as np
import torch
from torch import nn

from texto.core.errors import TextoError
from texto.core.threads import single_blas
from texto.core.types import Rng, generator

from ..runtime.devices import exact_float32

SLOPE = 0.2  # of the leaky ReLUs
MEASURED = 2000  # points that a beginning is measured on
BLOCK = 4096  # points sampled at a time


def begun(
    rows: np.ndarray, *, n_noise: int, width: int, n_layers: int, rng: np.random.Generator
) -> nn.Sequential:
    """A network whose samples have the mean and the strongest principal axes of `rows` (m, d)."""
    widths = [n_noise, *[width] * n_layers]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(rng.integers(2**63)))
        layers: list[nn.Module] = []
        for found, made in itertools.pairwise(widths):
            linear = nn.Linear(found, made)
            layers += [linear, nn.LeakyReLU(SLOPE)]
            nn.init.kaiming_normal_(linear.weight, a=SLOPE)
            nn.init.zeros_(linear.bias)
        last = nn.Linear(widths[-1], rows.shape[1])
    body = nn.Sequential(*layers)
    with torch.no_grad():
        hidden = body(noise_for(body, MEASURED, rng)).numpy()
    part = rows[rng.choice(len(rows), min(len(rows), MEASURED), replace=False)]
    spread, axes = _axes(part)
    variances, directions = _axes(hidden)
    count = min(n_noise, len(spread), len(variances))
    gains = np.sqrt(spread[:count] / variances[:count].clip(1e-12))
    weight = axes[:count].T * gains @ directions[:count]  # (d, width)
    bias = part.mean(axis=0) - weight @ hidden.mean(axis=0)
    with torch.no_grad():
        last.weight.copy_(torch.from_numpy(weight))
        last.bias.copy_(torch.from_numpy(bias))
    return nn.Sequential(*layers, last)


def sampled(network: nn.Module, count: int, rng: Rng = None) -> np.ndarray:
    """(count, d) float32 in [0, 1]: samples of a `network` that was `begun`."""
    if count < 1:
        raise TextoError("count", f"is {count}", "give 1 or more")
    rng = generator(rng)
    with torch.inference_mode(), exact_float32(), single_blas():
        sizes = [min(BLOCK, count - start) for start in range(0, count, BLOCK)]
        parts = [network(noise_for(network, size, rng)).clamp_(0, 1).cpu() for size in sizes]
    return torch.cat(parts).numpy()


def _axes(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Variances (k,), falling, and principal axes (k, d) of `points` (n, d), float64."""
    centred = points - points.mean(axis=0, dtype=np.float64)
    _, scales, axes = np.linalg.svd(centred, full_matrices=False)
    return scales**2 / len(points), axes


def noise_for(network: nn.Module, count: int, rng: np.random.Generator) -> torch.Tensor:
    """(count, n_noise) standard normal, the same on every device."""
    weight = next(network.parameters())
    noise = rng.standard_normal((count, weight.shape[1]), dtype=np.float32)
    return torch.from_numpy(noise).to(weight.device)
