"""Trains and runs the generators of `neural.methods.families.generators`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np
import torch
from torch import nn

from texto.core import registry
from texto.core.settings import PERIODIC, settings_of
from texto.core.types import Progress, Rng, silent
from texto.io.checkpoints import generator_hash
from texto.io.model_files import exemplar_hash, stored_settings

from ...generators.calibration import BATCH, SIDE, calibrate, match_mean
from ...generators.network import TextureGenerator
from ...generators.painting import paint
from ...generators.task import GeneratorTask, begin_like
from ...runtime import processes
from ...runtime.attempts import attempted
from ...runtime.devices import takes_bfloat16
from ...runtime.pictures import is_grey
from ...steps.synthesis import Work
from ...training.loop import Keeping, train
from ...training.resuming import Checkpoint

Network = TypeVar("Network", bound=nn.Module)

LEAST_SAMPLE, MOST_SAMPLE = 64, 256  # pixels a side, where the setting is None
COARSEST = 8  # pixels: an automatic coarsest scale of a sample is no smaller


def trained_painter(
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
    """The tensors of a generator trained by `method`, and the losses of its training.

    Where a GPU chosen by "auto" has not enough memory, the CPU starts anew, with a note. Where
    `torchrun` started several processes, they train one generator, each on a device of its own.
    """
    keeping = Keeping(Checkpoint(checkpoint, every) if checkpoint else None, preview)

    def on(device: str, seen: Progress) -> tuple[dict[str, np.ndarray], np.ndarray]:
        task = task_of(method, exemplar, device, rng)
        n_iter = method.chosen("n_iter")
        losses = train(task, n_iter, run=run, keeping=keeping, progress=seen)
        _calibrate(method, exemplar, task)
        return arrays_of(task.average), losses

    height, width = exemplar.shape[:2]
    what = f"training on {width}x{height}"
    with processes.joined(method.device) as device:
        seed, rng.bit_generator.state = processes.of_leader((seed, rng.bit_generator.state))
        run = run_of(method, exemplar, rng, seed, unread=["n_calibration"])
        told = progress if processes.leads() else silent
        return attempted(device, on, what, rng=rng, progress=told)


def painted(
    network: TextureGenerator,
    method: Any,
    shape: tuple[int, int],
    channels: int,
    *,
    rng: np.random.Generator,
    progress: Progress,
) -> np.ndarray:
    """A picture (*shape, channels) float32 in [0, 1] by a trained `network`."""
    np.empty((*shape, channels), np.float32)  # where there is no room, before anything else

    def on(device: str, seen: Progress) -> np.ndarray:
        own = network.to(device)
        return paint(own, shape, rng=rng, periodic=PERIODIC[method.tileable], progress=seen)

    height, width = shape
    picture = attempted(method.device, on, f"{width}x{height}", rng=rng, progress=progress)
    return np.repeat(picture, channels // picture.shape[2], axis=2)


def new_network(method: Any, exemplar: np.ndarray, rng: Rng = None) -> TextureGenerator:
    """The generator of `method` for an `exemplar` (H, W, C), untrained: grey stays grey."""
    channels, options = _plan(method, exemplar)
    return TextureGenerator(channels, rng=rng, **options)


def shapes_of(method: Any, exemplar: np.ndarray) -> dict[str, tuple[int, ...]]:
    """The shapes of `arrays_of` such a generator."""
    channels, options = _plan(method, exemplar)
    return _shapes(channels, **options)


@lru_cache(maxsize=8)
def _shapes(channels: int, **options: int) -> dict[str, tuple[int, ...]]:
    arrays = arrays_of(TextureGenerator(channels, rng=0, **options))
    return {name: array.shape for name, array in arrays.items()}


def _plan(method: Any, exemplar: np.ndarray) -> tuple[int, dict[str, int]]:
    """The channels of the generator for an `exemplar`, and its other options."""
    n_scales = method.n_scales or method.chosen("n_scales")
    side = sample_side(method, exemplar.shape)
    while method.n_scales is None and n_scales > 1 and side >> (n_scales - 1) < COARSEST:
        n_scales -= 1
    options = {"n_scales": n_scales, "width": method.chosen("width"), "bias": method.chosen("bias")}
    return seen_channels(exemplar), options


def loaded_network(
    method: Any, exemplar: np.ndarray, arrays: Mapping[str, np.ndarray]
) -> TextureGenerator:
    """The generator whose `arrays_of` are `arrays`."""
    return filled(new_network(method, exemplar, rng=0), arrays)


def filled(network: Network, arrays: Mapping[str, np.ndarray]) -> Network:
    """`network` with `arrays`, its `arrays_of`, in evaluation mode."""
    tensors = {name: torch.tensor(array) for name, array in arrays.items()}
    network.load_state_dict(tensors, strict=False)  # without the counters
    return network.eval()


def arrays_of(network: nn.Module) -> dict[str, np.ndarray]:
    """The tensors of `network` by name, float32; counters of batches are left out."""
    return {
        name: tensor.detach().cpu().numpy().copy()
        for name, tensor in network.state_dict().items()
        if tensor.is_floating_point()
    }


def seen_channels(exemplar: np.ndarray) -> int:
    """The channels of `exemplar` (H, W, C) that the generator makes: one where all are equal."""
    return 1 if is_grey(exemplar) else exemplar.shape[2]


def sample_side(method: Any, shape: tuple[int, ...]) -> int:
    """Pixels a side of the samples in training on an exemplar of `shape`."""
    if method.sample_size is not None:
        return method.sample_size
    unit = LEAST_SAMPLE // 2
    return min(max(LEAST_SAMPLE, round(max(shape[:2]) / unit) * unit), MOST_SAMPLE)


def run_of(
    method: Any,
    exemplar: np.ndarray,
    rng: np.random.Generator,
    seed: Rng,
    *,
    unread: Sequence[str] = (),
) -> dict[str, Any]:
    """What tells this training from others: not the settings that the training leaves `unread`.

    Those of the synthesis, like the device, never count: any may go on.
    """
    known, settings = settings_of(method), stored_settings(method)
    read = [name for name in settings if known[name].stage == "fit" and name not in unread]
    return {
        "method": registry.name_of(method),
        "exemplar": exemplar_hash(exemplar),
        "seed": int(seed) if isinstance(seed, int | np.integer) else generator_hash(rng),
        **{name: settings[name] for name in read},
    }


def task_of(
    method: Any, exemplar: np.ndarray, device: str, rng: np.random.Generator
) -> GeneratorTask:
    network = new_network(method, exemplar, rng=rng)
    if method.chosen("begin_like"):
        begin_like(network, exemplar[:, :, : network.channels], rng)
    side = sample_side(method, exemplar.shape)
    seen = np.ascontiguousarray(exemplar[:, :, : network.channels])
    return GeneratorTask(
        network.to(device),
        method.loss(Work(seen, exemplar.shape, 0, (side, side), device, rng)),
        sides=(side, side),
        rates=method.rates(),
        batch_size=method.chosen("batch_size"),
        n_iter_dual=method.chosen("n_iter_dual"),
        n_first_dual=method.chosen("n_first_dual"),
        coarse_first=method.chosen("coarse_first"),
        memory=method.chosen("memory"),
        bfloat16=takes_bfloat16(method.precision, device),
        rng=rng,
    )


def _calibrate(method: Any, exemplar: np.ndarray, task: GeneratorTask) -> None:
    """Measure the statistics of batch norm, and set the mean colour right, but not `as_published`.

    Drawn after the training, as if that had never been interrupted.
    """
    network, (side, _), count = task.average, task.sides, method.n_calibration
    batch = min(BATCH, count)
    options = {"side": min(side, SIDE), "batch": batch, "rounds": -(-count // batch)}
    calibrate(network, rng=task.rng, **options)
    if not method.as_published:
        seen = exemplar[:, :, : network.channels]
        match_mean(network.eval(), seen, rng=task.rng, **options)
