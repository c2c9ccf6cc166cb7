"""Guided synthesis by TextoGMM: transport between mixtures of joint patches, learnt on the run."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...core.threads import single_blas
from ...core.types import Progress, Rng, generator, silent
from ...patches.database import PatchLevel, Transport
from ...patches.pyramid import fitting_sizes
from ...steps.finish import finish
from ...steps.guiding.guidance import WEIGHT, Guidance, GuidedLevel, checked, guidances
from .level_fit import LevelFit
from .settings import TextoGMMSettings

OPEN = (False, False)


@single_blas()
def guide(
    method: TextoGMMSettings,
    exemplar: np.ndarray,
    picture: np.ndarray,
    shape: tuple[int, int] | None = None,
    *,
    weight: float = WEIGHT,
    rng: Rng = None,
    progress: Progress = silent,
) -> np.ndarray:
    """The texture of `exemplar` along `picture`, by a `TextoGMM`: see `Guides`.

    Sliced steps and the finishing pass see colours only: in joint patches they tear at the
    texture where the guide has an edge, and follow the guide no better.
    """
    exemplar, channel = checked(
        method, exemplar, picture, shape, weight, smallest=method.patch_size
    )
    levels = guidances(exemplar, channel, method.count_levels(exemplar.shape), weight)
    *rngs, last = generator(rng).spawn(len(levels) + 1)
    joints = [method.database(level.joint, each) for level, each in zip(levels, rngs, strict=True)]
    fits = [LevelFit(method, *pair) for pair in zip(joints, rngs, strict=True)]
    result = _swept(
        method, (channel.shape[0], channel.shape[1]), levels, joints, fits, last, progress
    )
    if method.finish == "sliced":
        result = finish(result, exemplar, rng=last, progress=progress)
    return np.clip(result, 0, 1)


def _swept(
    method: TextoGMMSettings,
    shape: tuple[int, int],
    levels: Sequence[Guidance],
    joints: Sequence[PatchLevel],
    fits: Sequence[LevelFit],
    rng: np.random.Generator,
    progress: Progress,
) -> np.ndarray:
    """The picture (*shape, C) that the sweep of all levels ends with."""
    sizes = fitting_sizes(shape, len(levels), method.patch_size, OPEN)
    databases = [GuidedLevel(*pair) for pair in zip(levels, joints, strict=True)]

    def learnt(level: int, _: int, synthesis: np.ndarray) -> Transport:
        return fits[level].learn(levels[level].along(synthesis))

    sweep = method.sweep(databases, sizes, "synthesize", progress, OPEN)
    result = sweep.run(levels[-1].start(sizes[-1], rng), learnt, rng=rng)
    return np.ascontiguousarray(result[: shape[0], : shape[1]])
