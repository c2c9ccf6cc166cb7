"""Training of a generator against a discriminator, which ends where it collapses."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn

from texto.core.errors import TextoError
from texto.core.threads import single_blas
from texto.core.types import Rng

from ..runtime.devices import exact_float32, to_picture
from .resuming import joined, load_module, load_optimizer, optimizer_state, parted

FLAT = 0.01  # share of the exemplar's variance below which a sample counts as flat
PATIENCE = 100  # steps of flat samples in a row that end a training

Tensors = Mapping[str, torch.Tensor]


class AdversarialTask(ABC):
    """A `neural.training.loop.Task` of a generator and a discriminator.

    `network` : the module that the model keeps. `modules` and `optimizers` : all that `step`
    changes, by names without dots. `exemplar` : (1, C, H, W) in the values that the generator
    makes. A subclass gives `advance`, and where need be `rendered` and `finish`.
    """

    def __init__(
        self,
        network: nn.Module,
        exemplar: torch.Tensor,
        *,
        modules: Mapping[str, nn.Module],
        optimizers: Mapping[str, torch.optim.Optimizer],
        rng: np.random.Generator,
    ):
        self.rng, self.network = rng, network
        self.modules, self.optimizers = dict(modules), dict(optimizers)
        self.collapse = Collapse(exemplar)
        self.latest: torch.Tensor | None = None

    @abstractmethod
    def advance(self, number: int) -> tuple[float, float, torch.Tensor]:
        """One step of both: the generator's and the discriminator's loss, and its samples.

        The samples (n, C, h, w) are detached, in the values of `exemplar`. All that is random
        comes from `rng`.
        """

    def step(self, number: int) -> float:
        """The generator's loss. TextoError where a loss is not finite or the samples are flat."""
        with exact_float32(), single_blas():
            loss, critic, samples = self.advance(number)
        if not np.isfinite([loss, critic]).all():
            raise collapsed(f"its losses are {loss:g} and {critic:g} at step {number + 1}")
        self.collapse.see(samples)
        self.latest = samples
        return loss

    def state(self) -> dict[str, torch.Tensor]:
        """The modules, what the optimisers keep, and how long samples have been flat."""
        modules = {name: module.state_dict() for name, module in self.modules.items()}
        kept = {name: optimizer_state(each) for name, each in self.optimizers.items()}
        parts = {**modules, **{f"optimizer_{name}": each for name, each in kept.items()}}
        return joined({**parts, "collapse": self.collapse.state()})

    def load(self, state: Tensors) -> None:
        """Go back to a `state()`. TextoError where it is of other networks."""
        parts = parted(state)
        for name, module in self.modules.items():
            load_module(module, parts.get(name, {}))
        for name, optimizer in self.optimizers.items():
            load_optimizer(optimizer, parts.get(f"optimizer_{name}", {}))
        self.collapse.load(parts.get("collapse", {}))

    @property
    def result(self) -> nn.Module:
        """What is kept: `network`."""
        return self.network

    def preview(self) -> np.ndarray:
        """The first sample of the latest step (H, W, C)."""
        if self.latest is None:
            raise RuntimeError("no step has been made")
        return to_picture(self.rendered(self.latest[:1]))

    def rendered(self, samples: torch.Tensor) -> torch.Tensor:
        """`samples` as pictures in [0, 1]; here of values in [-1, 1]."""
        return samples / 2 + 0.5

    def finish(self) -> None:
        """What is left to do after the last step, like measuring statistics. Then `rng` is free.

        TextoError where the latest samples are flat.
        """
        self.collapse.end(self.latest)


class Collapse:
    """Sees a generator collapse: samples (n, C, h, w) that have almost no variance of their own.

    `exemplar` : (1, C, H, W), in the same values. Where it is of one colour nothing counts.
    Samples are flat below `FLAT` of its variance; `PATIENCE` steps of them in a row are too many.
    """

    def __init__(self, exemplar: torch.Tensor):
        self._least, self._flat = FLAT * _variance(exemplar), 0

    def see(self, samples: torch.Tensor) -> None:
        """One more step; TextoError where it was one too many."""
        self._flat = self._flat + 1 if self._is_flat(samples) else 0
        if self._flat >= PATIENCE:
            raise collapsed(f"its pictures have been of one colour for {PATIENCE} steps")

    def end(self, samples: torch.Tensor | None) -> None:
        """The last samples, where no more steps will follow; TextoError where they are flat."""
        if samples is not None and self._is_flat(samples):
            raise collapsed("its last pictures are of one colour")

    def state(self) -> dict[str, torch.Tensor]:
        return {"flat": torch.tensor([self._flat])}

    def load(self, state: Tensors) -> None:
        self._flat = int(state["flat"][0]) if "flat" in state else 0

    def _is_flat(self, samples: torch.Tensor) -> bool:
        return _variance(samples) < self._least


def collapsed(why: str) -> TextoError:
    """What to say about a training whose model would be of no use."""
    return TextoError("training", f"has collapsed: {why}", "try another seed or learning_rate")


def _variance(pictures: torch.Tensor) -> float:
    """Over the positions of a picture, summed over channels; the mean of all pictures."""
    return float(pictures.detach().float().var(dim=(2, 3), correction=0).sum(1).mean())


# -- chance -----------------------------------------------------------------------------------


@contextmanager
def seeded(rng: Rng) -> Iterator[None]:
    """torch's generator on the CPU seeded from `rng`, and put back afterwards.

    For first weights, which modules draw by themselves when they are made.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(rng.integers(2**63)))
        yield


def gaussian(
    shape: tuple[int, ...], rng: np.random.Generator, device: torch.device | str
) -> torch.Tensor:
    """Standard normal noise of `shape`, float32, the same on every device."""
    return torch.from_numpy(rng.standard_normal(shape, dtype=np.float32)).to(device)


def to_planes(picture: np.ndarray, device: torch.device | str) -> torch.Tensor:
    """`picture` (H, W, C) in [0, 1] as (1, C, H, W) in [-1, 1]."""
    planes = torch.from_numpy(np.ascontiguousarray(np.moveaxis(picture, 2, 0)))
    return (planes[None] * 2 - 1).to(device)
