"""Trains and runs the one network of a method: see `neural.methods.families.trained`."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from typing import Any, ClassVar, Protocol, TypeVar

import numpy as np
import torch
from torch import nn

from texto.core import registry
from texto.core.contract import TrainsTogether
from texto.core.settings import settings_of
from texto.core.threads import single_blas
from texto.core.types import Progress, Rng, silent
from texto.io.checkpoints import generator_hash
from texto.io.model_files import exemplar_hash
from texto.io.stored_settings import as_stored

from ..runtime import processes
from ..runtime.attempts import attempted
from ..runtime.devices import exact_float32
from .loop import Keeping, NetworkTask, train
from .resuming import Checkpoint

Arrays = dict[str, np.ndarray]
Network = TypeVar("Network", bound=nn.Module)


class Trained(Protocol[Network]):
    """A method that trains a `Network` on an exemplar (H, W, C), grey ones with one channel."""

    @property
    def device(self) -> str: ...

    unread: ClassVar[tuple[str, ...]]

    def n_steps(self, exemplar: np.ndarray) -> int: ...

    def network(self, exemplar: np.ndarray, rng: np.random.Generator) -> Network: ...

    def task(
        self, exemplar: np.ndarray, network: Network, rng: np.random.Generator
    ) -> NetworkTask: ...

    def paint(
        self,
        network: Network,
        exemplar: np.ndarray,
        shape: tuple[int, int],
        *,
        rng: np.random.Generator,
        progress: Progress,
    ) -> np.ndarray: ...


def keeping(
    checkpoint: str | os.PathLike | None, every: int, preview: str | os.PathLike | None
) -> Keeping:
    """What a training writes on its way."""
    return Keeping(Checkpoint(checkpoint, every) if checkpoint else None, preview)


def trained_network(
    method: Trained[Network],
    exemplar: np.ndarray,
    rng: np.random.Generator,
    *,
    seed: Rng,
    keeping: Keeping,
    progress: Progress,
) -> tuple[Arrays, np.ndarray]:
    """The tensors of a network trained by `method`, adapted to `exemplar`, and the losses.

    Where a GPU chosen by "auto" has not enough memory, the CPU starts anew, with a note. Where
    `torchrun` started several processes, they train one generator, each on a device of its own.
    """

    def on(device: str, seen: Progress) -> tuple[Arrays, np.ndarray]:
        network = method.network(exemplar, rng).to(device).train()
        task = method.task(exemplar, network, rng)
        losses = train(task, method.n_steps(exemplar), run=run, keeping=keeping, progress=seen)
        task.finish()
        return arrays_of(task.result), losses

    height, width = exemplar.shape[:2]
    what = f"training on {width}x{height}"
    with _joined(method) as device:
        seed, rng.bit_generator.state = processes.of_leader((seed, rng.bit_generator.state))
        run = run_of(method, exemplar, rng, seed)
        told = progress if processes.leads() else silent
        return attempted(device, on, what, rng=rng, progress=told)


def _joined(method: Trained[Any]) -> contextlib.AbstractContextManager[str]:
    """The device to train on, with a group of the processes around it where there are several."""
    if isinstance(method, TrainsTogether):
        return processes.joined(method.device)
    return contextlib.nullcontext(method.device)


def painted(
    method: Trained[Network],
    network: Network,
    exemplar: np.ndarray,
    shape: tuple[int, int],
    *,
    rng: np.random.Generator,
    progress: Progress,
) -> np.ndarray:
    """A picture (*shape, c) float32 in [0, 1] by a trained `network`."""

    def on(device: str, seen: Progress) -> np.ndarray:
        own = network.to(device)
        with torch.inference_mode(), exact_float32(), single_blas():
            return method.paint(own, exemplar, shape, rng=rng, progress=seen)

    height, width = shape
    return attempted(method.device, on, f"{width}x{height}", rng=rng, progress=progress)


def shapes_of(method: Trained[Any], exemplar: np.ndarray) -> dict[str, tuple[int, ...]]:
    """The shapes of `arrays_of` a network of `method` for `exemplar`, without its memory."""
    with torch.device("meta"):
        network = method.network(exemplar, np.random.default_rng(0))
    return {
        name: tuple(tensor.shape)
        for name, tensor in network.state_dict().items()
        if tensor.is_floating_point()
    }


def loaded_network(
    method: Trained[Network], exemplar: np.ndarray, arrays: Mapping[str, np.ndarray]
) -> Network:
    """The network whose `arrays_of` are `arrays`, in evaluation mode, on the CPU."""
    network = method.network(exemplar, np.random.default_rng(0))
    tensors = {name: torch.tensor(array) for name, array in arrays.items()}
    network.load_state_dict(tensors, strict=False)  # without the counters
    return network.eval()


def arrays_of(network: nn.Module) -> Arrays:
    """The tensors of `network` by name, float32; counters of batches are left out."""
    return {
        name: tensor.detach().cpu().numpy().copy()
        for name, tensor in network.state_dict().items()
        if tensor.is_floating_point()
    }


def run_of(
    method: Trained[Any], exemplar: np.ndarray, rng: np.random.Generator, seed: Rng
) -> dict[str, Any]:
    """What tells this training from others.

    The settings of the synthesis, like the device, never count, nor those that are `unread`: any
    may go on.
    """
    known, settings = settings_of(method), as_stored(method)
    read = [name for name in settings if known[name].stage == "fit" and name not in method.unread]
    return {
        "method": registry.name_of(method),
        "exemplar": exemplar_hash(exemplar),
        "seed": int(seed) if isinstance(seed, int | np.integer) else generator_hash(rng),
        **{name: settings[name] for name in read},
    }
