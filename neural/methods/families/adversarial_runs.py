"""Trains and runs the networks of `neural.methods.families.adversarial`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from texto.core.threads import single_blas
from texto.core.types import Progress, Rng

from ...runtime.attempts import attempted
from ...runtime.devices import exact_float32
from ...training.loop import Keeping, train
from ...training.resuming import Checkpoint
from .generator_runs import arrays_of, filled, run_of


def trained_network(
    method: Any,
    exemplar: np.ndarray,
    rng: np.random.Generator,
    progress: Progress,
    *,
    seed: Rng,
    checkpoint: str | os.PathLike | None,
    every: int,
    preview: str | os.PathLike | None,
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """The tensors of a network trained by an `AdversarialMethod`, and the generator's losses.

    Where a GPU chosen by "auto" has not enough memory, the CPU starts anew, with a note.
    """
    keeping = Keeping(Checkpoint(checkpoint, every) if checkpoint else None, preview)
    run = run_of(method, exemplar, rng, seed)

    def on(device: str, seen: Progress) -> tuple[dict[str, np.ndarray], np.ndarray]:
        network = method.network(exemplar, rng).to(device).train()
        task, n_steps = method.task(exemplar, network, rng), method.n_steps(exemplar)
        losses = train(task, n_steps, run=run, keeping=keeping, progress=seen)
        task.finish()
        return arrays_of(task.network), losses

    height, width = exemplar.shape[:2]
    what = f"training on {width}x{height}"
    return attempted(method.device, on, what, rng=rng, progress=progress)


def painted(
    method: Any,
    network: nn.Module,
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


def shapes_of(method: Any, exemplar: np.ndarray) -> dict[str, tuple[int, ...]]:
    """The shapes of `arrays_of` a network of `method` for `exemplar`, without its memory."""
    with torch.device("meta"):
        network = method.network(exemplar, np.random.default_rng(0))
    return {
        name: tuple(tensor.shape)
        for name, tensor in network.state_dict().items()
        if tensor.is_floating_point()
    }


def loaded_network(
    method: Any, exemplar: np.ndarray, arrays: Mapping[str, np.ndarray]
) -> nn.Module:
    """The network whose `arrays_of` are `arrays`, in evaluation mode, on the CPU."""
    return filled(method.network(exemplar, np.random.default_rng(0)), arrays)
