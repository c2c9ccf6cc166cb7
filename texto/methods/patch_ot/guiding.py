"""Guided synthesis by PatchOT: descent on the transport cost of joint patches."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...core.threads import single_blas
from ...core.types import Progress, Rng, generator, silent
from ...patches.extraction import Grid
from ...steps.finish import finish
from ...steps.guiding.guidance import WEIGHT, Guidance, checked, guidances
from .descent import database, level_energy, run
from .energy import LevelEnergy, Torus
from .settings import PatchOTSettings


@dataclass(frozen=True, eq=False)
class GuidedEnergy:
    """An `Energy` of pictures of colours: that of the joint patches, whose guide stays put."""

    guidance: Guidance
    joint: LevelEnergy[Grid]

    @property
    def source(self) -> np.ndarray:
        """(H, W, C + 1)."""
        return self.joint.source

    @property
    def channels(self) -> int:
        """C."""
        return self.guidance.colours.shape[2]

    def field(self, shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
        """The guide in the exemplar's colours, (*shape, C)."""
        return self.guidance.start(shape, rng)

    def ascend(self, picture: np.ndarray, rng: np.random.Generator) -> None:
        """One step of ascent on the potentials: they share out the joint patches."""
        self.joint.ascend(self.guidance.along(picture), rng)

    def settle(self) -> None:
        """Go to the average of the steps that `ascend` has made."""
        self.joint.settle()

    def gradient(
        self, picture: np.ndarray, rng: np.random.Generator, *, ascend: bool = True
    ) -> tuple[float, np.ndarray]:
        """The cost of the joint patches, and its gradient (H, W, C) in the colours."""
        value, slope = self.joint.gradient(self.guidance.along(picture), rng, ascend=ascend)
        return value, np.ascontiguousarray(slope[:, :, :-1])

    def enlarged(
        self, picture: np.ndarray, finer: np.ndarray, shape: tuple[int, int]
    ) -> np.ndarray:
        """`picture` on the grid of `shape`, about twice as fine: (*shape, C)."""
        larger = self.joint.enlarged(self.guidance.along(picture), finer, shape)
        return np.ascontiguousarray(larger[:, :, :-1])


@single_blas()
def guide(
    method: PatchOTSettings,
    exemplar: np.ndarray,
    picture: np.ndarray,
    shape: tuple[int, int] | None = None,
    *,
    weight: float = WEIGHT,
    rng: Rng = None,
    progress: Progress = silent,
) -> np.ndarray:
    """The texture of `exemplar` along `picture`, by a `PatchOT`: see `Guides`.

    Level by level, whatever the setting `start` is: the guide is the start.
    """
    exemplar, channel = checked(
        method, exemplar, picture, shape, weight, smallest=method.patch_size
    )
    method, rng = dataclasses.replace(method, start="coarse"), generator(rng)
    n_levels, torus = method.count_levels(exemplar.shape), Torus(method.patch_size)

    def energies(sizes: Sequence[tuple[int, int]]) -> list[GuidedEnergy]:
        levels = guidances(exemplar, _on_torus(channel, sizes[0]), len(sizes), weight)
        return [
            GuidedEnergy(level, level_energy(method, database(method, level.joint, rng), torus))
            for level in levels
        ]

    # Patches wrap round the descent's torus, so a margin leads from one border to the other.
    margin = method.patch_size << (n_levels - 1)
    height, width = channel.shape[:2]
    larger = (height + margin, width + margin)
    result = run(method, n_levels, energies, larger, rng=rng, progress=progress)
    result = np.ascontiguousarray(result[:height, :width])
    if method.finish == "sliced":
        result = finish(result, exemplar, rng=rng, progress=progress)
    return result


def _on_torus(channel: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """`channel` (H, W, 1) at the top left of a torus of `shape`, continuous all round."""
    for axis, side in enumerate(shape):
        channel = np.moveaxis(channel, axis, 0)
        room = side - len(channel)
        ramp = (np.arange(room, dtype=np.float32) + 1)[:, None, None] / (room + 1)
        filled = channel[-1:] * (1 - ramp) + channel[:1] * ramp
        channel = np.moveaxis(np.concatenate([channel, filled]), 0, axis)
    return np.ascontiguousarray(channel)
