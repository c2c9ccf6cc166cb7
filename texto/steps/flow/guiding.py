"""Guided flows: one more channel, the guide's luminance, whose flow is known beforehand."""

from __future__ import annotations

import dataclasses

import numpy as np

from ...core.threads import single_blas
from ...core.types import Progress, Rng, generator
from ..guiding.guidance import Guidance, checked, guidances
from .bank import bank, principal_axes
from .flow import Flow, Pins
from .settings import FlowSettings, Scale, scale_of

START = 0.25  # time at which the coarsest octave starts from the guide


@single_blas()
def guide(
    method: FlowSettings,
    exemplar: np.ndarray,
    picture: np.ndarray,
    shape: tuple[int, int] | None,
    *,
    weight: float,
    rng: Rng,
    progress: Progress,
) -> np.ndarray:
    """The texture of `exemplar` along `picture`, by a flow's `method`: see `Guides`."""
    exemplar, channel = checked(
        method, exemplar, picture, shape, weight, smallest=method.patch_size
    )
    method, size = method.adapted(exemplar), method.patch_size
    levels = guidances(exemplar, channel, method.count_levels(exemplar.shape), weight)
    scale = scale_of(exemplar.reshape(-1, exemplar.shape[2]))
    pictures = method.pictures(scale.normal(exemplar), len(levels))
    sizes = method.canvas_sizes((channel.shape[0], channel.shape[1]), len(levels))
    *rngs, first, last = generator(rng).spawn(len(levels) + 2)
    banks, pins = [], []
    for level, own, around, child in zip(levels, pictures, sizes, rngs, strict=True):
        joint, guiding = _joint(level, own, around, scale)
        dimensions = method.dimensions
        axes = None if dimensions is None else principal_axes(joint, size, dimensions, child)
        banks.append(bank(joint, size, axes, stride=method.bank_stride))
        pins.append(guiding)
    octaves = method.octaves(len(levels))
    octaves[-1] = dataclasses.replace(octaves[-1], start=START)
    start = scale.normal(levels[-1].start(sizes[-1], first))
    flow = Flow(banks, octaves, sizes, pins=pins, begins=start, progress=progress)
    result = flow.run(last).picture[: channel.shape[0], : channel.shape[1], : exemplar.shape[2]]
    return scale.picture(result)


def _joint(
    level: Guidance, own: np.ndarray, shape: tuple[int, int], scale: Scale
) -> tuple[np.ndarray, Pins]:
    """The exemplar's channels `own` (H, W, C') with its luminance behind them, and the guide's.

    Both luminances are centred by the exemplar's mean; the guide's is given at `shape`.
    """
    luminance = level.joint[:, :, -1:]
    mean = luminance.mean()
    joint = np.concatenate([own, (luminance - mean) / scale.deviation], axis=2)
    channel = level.along(np.empty((*shape, 0), np.float32))
    values = np.zeros((*shape, joint.shape[2]), np.float32)
    values[:, :, -1:] = (channel - mean) / scale.deviation
    held = np.zeros(values.shape, bool)
    held[:, :, -1] = True
    return joint, Pins(values, held)
