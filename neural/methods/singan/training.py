"""Trains a pyramid of generators, scale by scale: each against a critic of its own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from texto.core.threads import single_blas
from texto.core.types import silent

from ...losses.ctransform import single_thread
from ...runtime.devices import exact_float32
from ...training.adversarial import AdversarialTask, Collapse, seeded
from .networks import Critic, Generator, Pyramid, frozen
from .sampling import drawn, noisy, padded, paint, rebuilt

BETAS = (0.5, 0.999)  # of Adam
LATE, FALL = 0.8, 0.1  # after this share of a scale's steps rates are a tenth
MOMENTUM = 0.1  # of batch norm's running statistics
SMALL = 50_000_000  # multiplications in a convolution, a millisecond: not worth sharing


@dataclass(frozen=True)
class Schedule:
    """How each scale is trained.

    `n_iter` : steps, each of `n_critic` steps of the critic and `n_generator` of the generator.
    `rate` : Adam's. `penalty`, `reconstruction` : weights in the loss. `noise` : amplitude of
    the noise, in units of what the coarser scales leave of the exemplar (RMSE).
    """

    n_iter: int
    rate: float
    n_critic: int
    n_generator: int
    penalty: float
    reconstruction: float
    noise: float


class PyramidTask(AdversarialTask):
    """A `neural.training.loop.Task` over all scales: step k is of scale k // n_iter.

    min over G, max over D of  mean D(x) - mean D(G(z)) - penalty + reconstruction |G(z*) - x|^2,
    Shaham 2019, equations 3 to 5. `reals` : the exemplar (1, C, h, w) in [-1, 1] at each scale,
    coarsest first. A scale starts from the weights of the one before where it is as wide.

    Unlike the published code, and as the paper has it, z* is drawn once. And each step of the
    critic has noise of its own, each of the generator the gradient of its own picture.
    """

    network: Pyramid
    _before: list[nn.Module]  # the generators of coarser scales, frozen
    _rebuilt: torch.Tensor  # the exemplar by them
    _made: torch.Tensor  # the latest random picture

    def __init__(
        self,
        pyramid: Pyramid,
        reals: list[torch.Tensor],
        schedule: Schedule,
        *,
        rng: np.random.Generator,
    ):
        super().__init__(pyramid, reals[-1], modules={"network": pyramid}, optimizers={}, rng=rng)
        self._reals, self._schedule, self.scale = reals, schedule, -1

    def advance(self, number: int) -> tuple[float, float, torch.Tensor]:
        """One step at its scale: the generator's loss, the critic's, and the random picture."""
        scale, at = divmod(number, self._schedule.n_iter)
        with single_thread() if self._is_small(scale) else contextlib.nullcontext():
            if scale != self.scale:
                self._begin(scale)
            self._set_rates(at)
            self._set_momentum(at)
            return self._step()

    def state(self) -> dict[str, torch.Tensor]:
        """That of all modules and optimisers, and the scale they are at."""
        return {**super().state(), "scale.number": torch.tensor([self.scale])}

    def load(self, state: Mapping[str, torch.Tensor]) -> None:
        """Go back to a `state()`. TextoError where it is of other networks."""
        scale = int(state["scale.number"][0]) if "scale.number" in state else 0
        self._enter(min(max(scale, 0), len(self._reals) - 1), np.random.default_rng(0))
        super().load(state)
        self._look_back()

    def finish(self) -> None:
        """TextoError where a picture by the trained pyramid is flat, as sampling makes it."""
        with torch.inference_mode(), exact_float32(), single_blas():
            picture = paint(self.network, self._sizes, rng=self.rng, progress=silent)
        self.collapse.end(picture)

    # -- scales -------------------------------------------------------------------------------

    def _begin(self, scale: int) -> None:
        """Go on to the next scale, whose networks start from those of the last where they fit."""
        self._enter(scale, self.rng)
        if scale == 0:
            self._look_back()
            return
        if self.network.widths[scale] == self.network.widths[scale - 1]:
            before = self.network.generator(scale - 1)
            self._generator.load_state_dict(before.state_dict())
        self._look_back()
        left = (self._reals[scale] - self._rebuilt).square().mean().sqrt()
        self.network.amplitudes[scale] = self._schedule.noise * left

    def _enter(self, scale: int, rng: np.random.Generator) -> None:
        """Make what is trained at `scale`: a critic, unless there is one that fits, and Adams."""
        pyramid, widths = self.network, self.network.widths
        if self.scale < 0 or widths[scale] != widths[self.scale]:
            with seeded(rng):
                critic = Critic(pyramid.channels, widths[scale]).to(pyramid.device)
            self.modules["critic"] = critic
        self.scale, real = scale, self._reals[scale]
        for name, module in (("generator", self._generator), ("critic", self._critic)):
            adam = torch.optim.Adam(module.parameters(), lr=self._schedule.rate, betas=BETAS)
            self.optimizers[name] = adam
        self.collapse = Collapse(real)

    def _look_back(self) -> None:
        """What the scales before have to give, which this one does not change."""
        self._before = [frozen(self.network.generator(each)) for each in range(self.scale)]
        with torch.no_grad():
            self._rebuilt = rebuilt(self.network, self._before, self._sizes)

    @property
    def _generator(self) -> Generator:
        return self.network.generator(self.scale)

    @property
    def _critic(self) -> nn.Module:
        return self.modules["critic"]

    @property
    def _sizes(self) -> list[tuple[int, int]]:
        shapes = (real.shape[2:] for real in self._reals[: self.scale + 1])
        return [(height, width) for height, width in shapes]

    def _is_small(self, scale: int) -> bool:
        """Whether a convolution here is so quick that torch should use one thread."""
        width, real = self.network.widths[scale], self._reals[scale]
        return real.device.type == "cpu" and 9 * width**2 * real[0, 0].numel() < SMALL

    def _set_rates(self, at: int) -> None:
        late = at >= LATE * self._schedule.n_iter
        for adam in self.optimizers.values():
            for group in adam.param_groups:
                group["lr"] = self._schedule.rate * (FALL if late else 1)

    def _set_momentum(self, at: int) -> None:
        """Let batch norm's running statistics begin with what comes, not with 0 and 1."""
        for layer in self._generator:
            if isinstance(layer, nn.BatchNorm2d):
                layer.momentum = max(MOMENTUM, 1 / (at + 1))

    # -- one step -----------------------------------------------------------------------------

    def _step(self) -> tuple[float, float, torch.Tensor]:
        for _ in range(self._schedule.n_critic):
            with torch.no_grad():
                coarse = drawn(self.network, self._before, self._sizes, self.rng)
                inputs = padded(noisy(self.network, self.scale, coarse, self.rng))
                made = coarse + self._generator(inputs)
            critic_loss = self._descend("critic", self._critic_losses(made))
        self._critic.requires_grad_(False)
        for _ in range(self._schedule.n_generator):
            loss = self._descend("generator", self._generator_losses(coarse, inputs))
        self._critic.requires_grad_(True)
        return loss, critic_loss, self._made

    def _descend(self, name: str, losses: Iterable[torch.Tensor]) -> float:
        """One step of an optimiser down the sum of `losses`, made one at a time. Their sum."""
        self.optimizers[name].zero_grad(set_to_none=True)
        total = 0.0
        for loss in losses:
            loss.backward()
            total += float(loss.detach())
        self.optimizers[name].step()
        return total

    def _critic_losses(self, made: torch.Tensor) -> Iterator[torch.Tensor]:
        real, share = self._reals[self.scale], float(self.rng.random())
        yield -self._critic(real).mean()
        yield self._critic(made).mean()
        yield self._schedule.penalty * gradient_penalty(self._critic, real, made, share)

    def _generator_losses(
        self, coarse: torch.Tensor, inputs: torch.Tensor
    ) -> Iterator[torch.Tensor]:
        made = coarse + self._generator(inputs)
        self._made = made.detach()
        yield -self._critic(made).mean()
        misses = (self.reconstruction() - self._reals[self.scale]).square().mean()
        yield self._schedule.reconstruction * misses

    def reconstruction(self) -> torch.Tensor:
        """The exemplar at this scale as the pyramid makes it from its anchor."""
        noise = self.network.anchor * self.network.amplitudes[0] if self.scale == 0 else 0
        return self._rebuilt + self._generator(padded(self._rebuilt + noise))


def gradient_penalty(
    critic: nn.Module, real: torch.Tensor, made: torch.Tensor, share: float
) -> torch.Tensor:
    """Mean of (|g| - 1)^2, of the gradient g of the critic at share * real + (1 - share) * made.

    As published for SinGAN g is the gradient of the sum of all the critic's values, and |g| its
    norm over the channels of one pixel. (Gulrajani 2017: the norm over the whole picture.)
    """
    between = (share * real + (1 - share) * made).requires_grad_(True)
    (slopes,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    return (slopes.norm(dim=1) - 1).square().mean()
