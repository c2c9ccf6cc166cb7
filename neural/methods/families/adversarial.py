"""What the methods share that train a generator against a discriminator on one exemplar.

Importing this loads no torch: their settings can be shown and stored without.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from texto.core import registry
from texto.core.settings import setting
from texto.core.types import Progress, Rng, as_image, as_shape, generator, silent

from ...runtime.pictures import is_grey
from .picture import absent
from .trained import EVERY, stored_exemplar, stored_network, stored_state

if TYPE_CHECKING:
    from torch import nn

    from ...training.adversarial import AdversarialTask


@dataclass(frozen=True)
class AdversarialMethod(ABC):
    """Texture by a generator that was trained against a discriminator.

    A method of this kind adds settings and says: `check`, what exemplars it takes; `n_steps`, how
    long it trains; `network`, all that a trained model keeps, as one module; `task`, how it is
    trained; `paint`, how a picture is made. In all of them an exemplar (H, W, C) is float32 in
    [0, 1] and has one channel where its channels are equal, so that grey stays grey.
    """

    device: str = setting(
        "auto", "where the networks run: auto, cpu, cuda, cuda:i or mps", stage="synthesis"
    )

    @abstractmethod
    def check(self, exemplar: np.ndarray) -> None:
        """TextoError where `exemplar` does not suit the settings. Quick, and without torch."""

    @abstractmethod
    def n_steps(self, exemplar: np.ndarray) -> int:
        """The steps of the whole training."""

    @abstractmethod
    def network(self, exemplar: np.ndarray, rng: np.random.Generator) -> nn.Module:
        """The generator, untrained, on the CPU.

        The floating-point tensors of its `state_dict`, buffers too, are what a model file holds.
        Their names and shapes must follow from the settings and `exemplar` alone.
        """

    @abstractmethod
    def task(
        self, exemplar: np.ndarray, network: nn.Module, rng: np.random.Generator
    ) -> AdversarialTask:
        """The training of `network`, which is on its device already, for `neural.training.loop.train`.

        A discriminator is made here, after `network` and from the same `rng`.
        """

    @abstractmethod
    def paint(
        self,
        network: nn.Module,
        exemplar: np.ndarray,
        shape: tuple[int, int],
        *,
        rng: np.random.Generator,
        progress: Progress,
    ) -> np.ndarray:
        """A picture (*shape, C) float32 in [0, 1] by a trained `network` in evaluation mode.

        `progress` gets steps of the stage "synthesize". What it draws from `rng` must not depend
        on the device.
        """

    def fit(
        self, exemplar: np.ndarray, *, rng: Rng = None, progress: Progress = silent
    ) -> AdversarialModel:
        """Train on `exemplar` (H, W, C) in [0, 1]; `progress` gets the loss of every step.

        Raises TextoError where it is too small, where PyTorch is missing, and where the training
        diverges or collapses. Cost: see `texto methods NAME`; hours without a GPU.
        """
        return self.train(exemplar, rng=rng, progress=progress)

    def train(
        self,
        exemplar: np.ndarray,
        *,
        rng: Rng = None,
        progress: Progress = silent,
        checkpoint: str | os.PathLike | None = None,
        every: int = EVERY,
        preview: str | os.PathLike | None = None,
    ) -> AdversarialModel:
        """`fit`, kept on its way in the file `checkpoint`, with pictures of it in `preview`.

        The checkpoint is written `every` so many steps, when interrupted and at the end. One
        that is there is gone on with, and on the same machine and threads the model is the same
        to the bit as without the interruption. TextoError where it is damaged or of another
        exemplar, seed or settings. The preview shows the newest sample, every few seconds.
        """
        seed, rng = rng, generator(rng)
        exemplar = as_image(exemplar, "exemplar").copy()
        seen = seen_part(exemplar)
        self.check(seen)
        registry.require_torch(registry.name_of(self))
        from .adversarial_runs import trained_network

        kept = {"checkpoint": checkpoint, "every": every, "preview": preview}
        network, losses = trained_network(self, seen, rng, progress, seed=seed, **kept)
        return AdversarialModel(self, exemplar, network, losses)

    def restore(self, state: Mapping[str, Any]) -> AdversarialModel:
        """The model whose `state()` is `state`; TextoError where the arrays make no sense."""
        exemplar = stored_exemplar(state)
        seen = seen_part(exemplar)
        self.check(seen)
        registry.require_torch(registry.name_of(self))
        from .adversarial_runs import shapes_of

        network, losses = stored_network(state, shapes_of(self, seen), self.n_steps(seen))
        return AdversarialModel(self, exemplar, network, losses)

    def absent(self) -> str | None:
        """Why this cannot run here, in a line; None where it can."""
        return absent()


@dataclass(frozen=True, eq=False)
class AdversarialModel:
    """A generator that was trained against a discriminator, which is not kept.

    `network` : its tensors by name, float32. `losses` (n,) float32 : the generator's.
    """

    method: AdversarialMethod
    exemplar: np.ndarray
    network: Mapping[str, np.ndarray]
    losses: np.ndarray

    def synthesize(
        self, shape: tuple[int, int], *, rng: Rng = None, progress: Progress = silent
    ) -> np.ndarray:
        """New texture (height, width, C) float32, of any size.

        No channel leaves the exemplar's range. TextoError where memory is short.
        """
        from .adversarial_runs import painted

        rng, shape = generator(rng), as_shape(shape)
        seen = seen_part(self.exemplar)
        picture = painted(self.method, self._network, seen, shape, rng=rng, progress=progress)
        np.clip(picture, seen.min(axis=(0, 1)), seen.max(axis=(0, 1)), out=picture)
        return np.repeat(picture, self.exemplar.shape[2] // picture.shape[2], axis=2)

    def state(self) -> dict[str, np.ndarray]:
        """The exemplar, the network's tensors and the losses."""
        return stored_state(self.exemplar, self.network, self.losses)

    @cached_property
    def _network(self) -> Any:
        """The network ready to paint, built when first asked for."""
        from .adversarial_runs import loaded_network

        return loaded_network(self.method, seen_part(self.exemplar), self.network)


def seen_part(exemplar: np.ndarray) -> np.ndarray:
    """The channels of `exemplar` (H, W, C) that networks see: one where all are equal."""
    return np.ascontiguousarray(exemplar[:, :, :1] if is_grey(exemplar) else exemplar)
