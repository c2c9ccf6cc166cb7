"""What the methods share that train a network on one exemplar, which then paints.

Importing this loads no torch: their settings can be shown and stored without.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar

import numpy as np

from texto.core import registry
from texto.core.errors import TextoError
from texto.core.settings import setting
from texto.core.state import only, take
from texto.core.types import Progress, Rng, as_image, as_shape, generator, silent

from ...runtime.pictures import is_grey
from .picture import absent

if TYPE_CHECKING:
    from torch import nn

    from ...training.loop import NetworkTask

NETWORK = "network."  # before the names of its tensors in a state
EVERY = 100  # steps between checkpoints

Arrays = dict[str, np.ndarray]
Network = TypeVar("Network", bound="nn.Module")


def precision_setting() -> Any:
    """The setting `precision` of a method, see `neural.runtime.devices.takes_bfloat16`."""
    return setting(
        "auto",
        "numbers of networks in training; auto: bfloat16 on processors that compute in it",
        choices=("auto", "float32", "bfloat16"),
    )


class TrainedMethod(ABC, Generic[Network]):
    """Texture by a `Network` that was trained on the exemplar.

    A method of this kind adds settings and says: `checked`, what exemplars it takes; `n_steps`,
    how long it trains; `network`, all that a trained model keeps, as one module; `task`, how it
    is trained; `paint`, how a picture is made. In the last four an exemplar (H, W, C) has one
    channel where its channels are equal, so that grey stays grey.
    """

    summary: ClassVar[str]
    good_for: ClassVar[str]
    quick: ClassVar[Mapping[str, Any]]
    unread: ClassVar[tuple[str, ...]] = ()  # settings of the fit that do not change the training

    device: str

    def checked(self, exemplar: np.ndarray, what: str) -> np.ndarray:
        """`exemplar` as `texto.core.types.as_image`; TextoError where the settings do not suit.

        Quick, and without torch.
        """
        return as_image(exemplar, what)

    def check(self, exemplar: np.ndarray) -> None:
        """TextoError where what the training needs besides is missing; loads it."""

    def adapted(self, exemplar: np.ndarray) -> Self:
        """This method with each automatic setting set as `exemplar` (H, W, C) asks for."""
        return self

    @abstractmethod
    def n_steps(self, exemplar: np.ndarray) -> int:
        """The steps of the whole training."""

    @abstractmethod
    def network(self, exemplar: np.ndarray, rng: np.random.Generator) -> Network:
        """The generator, untrained, on the CPU.

        The floating-point tensors of its `state_dict`, buffers too, are what a model file holds.
        Their names and shapes must follow from the settings and `exemplar` alone.
        """

    @abstractmethod
    def task(self, exemplar: np.ndarray, network: Network, rng: np.random.Generator) -> NetworkTask:
        """The training of `network`, which is on its device already.

        What else is trained is made here, after `network` and from the same `rng`.
        """

    @abstractmethod
    def paint(
        self,
        network: Network,
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
    ) -> TrainedModel:
        """Train on `exemplar` (H, W, C) in [0, 1]; `progress` gets the loss of every step.

        Raises TextoError where it is too small or has other channels than the networks take,
        where weights or PyTorch are missing, and where the training diverges or collapses; a
        TextoWarning tells of random weights. Cost: see `texto methods NAME`; minutes to hours.
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
    ) -> TrainedModel:
        """`fit`, kept on its way in the file `checkpoint`, with pictures of it in `preview`.

        The checkpoint is written `every` so many steps, when interrupted and at the end. One
        that is there is gone on with, and on the same machine and threads the model is the same
        to the bit as without the interruption. TextoError where it is damaged or of another
        exemplar, seed or settings. The preview shows the newest sample, every few seconds.
        """
        seed, rng = rng, generator(rng)
        exemplar = self.checked(exemplar, "exemplar").copy()
        registry.require_torch(registry.name_of(self))
        self.check(exemplar)
        from ...training.fitting import keeping, trained_network

        method, kept = self.adapted(exemplar), keeping(checkpoint, every, preview)
        network, losses = trained_network(
            method, seen_part(exemplar), rng, seed=seed, keeping=kept, progress=progress
        )
        return TrainedModel(method, exemplar, network, losses)

    def restore(self, state: Mapping[str, np.ndarray]) -> TrainedModel:
        """The model whose `state()` is `state`; TextoError where the arrays make no sense."""
        exemplar = take(state, "exemplar", shape=(None, None, None), dtype=np.float32)
        exemplar = self.checked(exemplar, "tensor 'exemplar'")
        registry.require_torch(registry.name_of(self))
        from ...training.fitting import shapes_of

        method, seen = self.adapted(exemplar), seen_part(exemplar)
        network, losses = _stored(state, shapes_of(method, seen), method.n_steps(seen))
        return TrainedModel(method, exemplar, network, losses)

    def absent(self) -> str | None:
        """Why this cannot run here, in a line; None where it can."""
        return absent()


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """A trained generator.

    `network` : its tensors by name, float32. `losses` (n,) float32 : of its training, a
    generator's where there was a discriminator, which is not kept.
    """

    method: TrainedMethod[Any]
    exemplar: np.ndarray
    network: Mapping[str, np.ndarray]
    losses: np.ndarray

    def synthesize(
        self, shape: tuple[int, int], *, rng: Rng = None, progress: Progress = silent
    ) -> np.ndarray:
        """New texture (height, width, C) float32 in [0, 1], of any size, without more training.

        Large pictures are painted in tiles without seams, with memory for the picture and one
        tile. No channel leaves the exemplar's range. TextoError where memory is short.
        """
        from ...training.fitting import painted

        rng, shape = generator(rng), as_shape(shape)
        seen, channels = seen_part(self.exemplar), self.exemplar.shape[2]
        np.empty((*shape, channels), np.float32)  # where there is no room, before anything else
        picture = painted(self.method, self._network, seen, shape, rng=rng, progress=progress)
        np.clip(picture, seen.min(axis=(0, 1)), seen.max(axis=(0, 1)), out=picture)
        return np.repeat(picture, channels // picture.shape[2], axis=2)

    def state(self) -> Arrays:
        """The exemplar, the network's tensors and the losses."""
        named = {NETWORK + name: array for name, array in self.network.items()}
        return {"exemplar": self.exemplar, "losses": self.losses, **named}

    @cached_property
    def _network(self) -> nn.Module:
        """The network ready to paint, built when first asked for."""
        from ...training.fitting import loaded_network

        return loaded_network(self.method, seen_part(self.exemplar), self.network)


def seen_part(exemplar: np.ndarray) -> np.ndarray:
    """The channels of `exemplar` (H, W, C) that networks see: one where all are equal."""
    return np.ascontiguousarray(exemplar[:, :, :1] if is_grey(exemplar) else exemplar)


def _stored(
    state: Mapping[str, np.ndarray], shapes: Mapping[str, tuple[int, ...]], n_steps: int
) -> tuple[Arrays, np.ndarray]:
    """The network's tensors of these `shapes`, and the losses (n_steps,), in a `state`.

    TextoError where they are others or make no sense.
    """
    only(state, ["exemplar", "losses", *(NETWORK + name for name in shapes)])
    network = {
        name: take(state, NETWORK + name, shape=shape, dtype=np.float32)
        for name, shape in shapes.items()
    }
    for name, array in network.items():
        if name.endswith("running_var") and array.min() < 0:
            raise TextoError(f"tensor {NETWORK + name!r}", "is negative", "fit the model again")
    return network, take(state, "losses", shape=(n_steps,), dtype=np.float32)
