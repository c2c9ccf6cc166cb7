"""The training of a PSGAN (Bergmann, Jetchev, Vollgraf 2017): DCGAN's losses on crops."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from ...training.adversarial import AdversarialTask, seeded
from .generator import KERNEL, SpatialGenerator, initialise

BETAS = (0.5, 0.999)
SLOPE = 0.2  # of the leaky ReLUs


class Discriminator(nn.Sequential):
    """Strided convolutions that halve crops `n_halvings` times, to a map of logits.

    Takes (n, channels, h, w) to (n, 1, about h / 2^n_halvings, about w / 2^n_halvings). The
    published one ends in a sigmoid, which is left to the loss.
    """

    def __init__(self, channels: int, *, n_halvings: int, width: int, rng: np.random.Generator):
        widths = [width * 2**number for number in range(n_halvings - 1)]
        layers: list[nn.Module] = []
        with seeded(rng):
            for number, (found, made) in enumerate(
                zip([channels, *widths], [*widths, 1], strict=True)
            ):
                normed = 0 < number < n_halvings - 1
                layers.append(
                    nn.Conv2d(found, made, KERNEL, stride=2, padding=KERNEL // 2, bias=not normed)
                )
                layers += [nn.BatchNorm2d(made)] if normed else []
                layers += [nn.LeakyReLU(SLOPE, inplace=True)] if number < n_halvings - 1 else []
            super().__init__(*layers)
            initialise(self)


class SpatialTask(AdversarialTask):
    """Generator against discriminator on crops of `exemplar` (1, C, H, W) in [-1, 1].

    `side` : of crops and samples. `n_calibration` : samples that batch norm's statistics are
    measured on at last; the published running means lag behind the weights. `bfloat16` : both
    networks compute in it, but the losses do not.
    """

    network: SpatialGenerator

    def __init__(
        self,
        network: SpatialGenerator,
        critic: Discriminator,
        exemplar: torch.Tensor,
        *,
        side: int,
        batch_size: int,
        learning_rate: float,
        n_calibration: int,
        bfloat16: bool = False,
        rng: np.random.Generator,
    ):
        modules = {"generator": network, "discriminator": critic.train()}
        optimizers = {
            name: torch.optim.Adam(each.parameters(), lr=learning_rate, betas=BETAS)
            for name, each in modules.items()
        }
        super().__init__(network, exemplar, modules=modules, optimizers=optimizers, rng=rng)
        # Convolutions of few channels run faster where channels lie together.
        self._exemplar = exemplar.contiguous(memory_format=torch.channels_last)
        self._critic, self._side, self._bfloat16 = critic, side, bfloat16
        self._batch_size, self._n_calibration = batch_size, n_calibration
        self._view = network.view((0, side), (0, side))

    def advance(self, number: int) -> tuple[float, float, torch.Tensor]:
        """The discriminator learns first. Both see one batch of samples, as in DCGAN's code."""
        samples, critic = self._drawn(self._batch_size), self._critic
        loss = _cost(self._judged(self._crops()), real=True)
        loss = loss + _cost(self._judged(samples.detach()), real=False)
        self._follow("discriminator", loss)
        critic.requires_grad_(False)  # half of the work of the pass through it
        try:
            fooled = _cost(self._judged(samples), real=True)
            self._follow("generator", fooled)
        finally:
            critic.requires_grad_(True)
        return float(fooled.detach()), float(loss.detach()), samples.detach()

    def finish(self) -> None:
        """Measure the statistics of batch norm, and see whether samples are flat with them."""
        norms = [each for each in self.network.modules() if isinstance(each, nn.BatchNorm2d)]
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # the plain average
        batch = min(self._batch_size, self._n_calibration)
        with torch.no_grad():
            for _ in range(-(-self._n_calibration // batch)):
                self._drawn(batch)
            self.network.eval()
            self.collapse.end(self._drawn(1))

    def _drawn(self, batch: int) -> torch.Tensor:
        noise = self.network.drawn(self._view, batch, self.rng)
        with self._half():
            return self.network(noise, self._view).float()

    def _judged(self, pictures: torch.Tensor) -> torch.Tensor:
        with self._half():
            return self._critic(pictures).float()

    def _half(self) -> torch.autocast:
        return torch.autocast(self._exemplar.device.type, torch.bfloat16, enabled=self._bfloat16)

    def _crops(self) -> torch.Tensor:
        sides = [side - self._side + 1 for side in self._exemplar.shape[2:]]
        corners = self.rng.integers(sides, size=(self._batch_size, 2))
        return torch.cat(
            [
                self._exemplar[:, :, top : top + self._side, left : left + self._side]
                for top, left in corners
            ]
        )

    def _follow(self, name: str, loss: torch.Tensor) -> None:
        optimizer = self.optimizers[name]
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()


def _cost(logits: torch.Tensor, *, real: bool) -> torch.Tensor:
    """The mean cross-entropy of saying that all crops are `real`, or that none is."""
    return functional.softplus(-logits if real else logits).mean()
