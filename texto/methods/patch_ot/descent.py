"""Descent of a picture on the transport cost of its patches, level by level or all at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import numpy as np

from ...core.settings import PERIODIC
from ...core.types import Progress, Step
from ...patches.database import PatchLevel, patch_level
from ...patches.extraction import Grid
from ...patches.pyramid import level_sizes, pyramid
from ...patches.search import resolve_device
from ...steps.adam import Adam, Plateau
from .energy import Energy, LevelEnergy, Places, Spots, Torus, gradient
from .settings import PatchOTSettings

P = TypeVar("P")
S = TypeVar("S", bound=Spots)


def run(
    method: PatchOTSettings,
    n_levels: int,
    make: Callable[[Sequence[tuple[int, int]]], Sequence[Energy[P]]],
    shape: tuple[int, int],
    *,
    rng: np.random.Generator,
    progress: Progress,
) -> np.ndarray:
    """A picture (*shape, C) float32 in [0, 1] of least cost, by Algorithm 1 of a `PatchOT`.

    `make` gives the energies, finest first, for pictures of these sizes. It is asked for fewer
    than `n_levels` where the picture is a tile smaller than the coarsest patches.
    """
    periodic = PERIODIC[method.tileable]
    canvas = _canvas(shape, periodic, method.patch_size, n_levels)
    while n_levels > 1 and min(canvas) >> (n_levels - 1) < method.patch_size:
        n_levels -= 1
    sizes = level_sizes(canvas, n_levels)
    result = Descent(method, make(sizes), sizes, rng, progress).run()
    return np.ascontiguousarray(result[: shape[0], : shape[1]])


def energies(
    method: PatchOTSettings, exemplar: np.ndarray, n_levels: int, rng: np.random.Generator
) -> list[LevelEnergy[Grid]]:
    """The cost of each level of `exemplar` (H, W, C), finest first."""
    return [
        level_energy(method, database(method, picture, rng), Torus(method.patch_size))
        for picture in pyramid(exemplar, n_levels)
    ]


def database(method: PatchOTSettings, picture: np.ndarray, rng: np.random.Generator) -> PatchLevel:
    """The targets of a level, `picture` (H, W, C), as the settings of `method` say."""
    windows = int(np.prod([side - method.patch_size + 1 for side in picture.shape[:2]]))
    return patch_level(
        picture,
        method.patch_size,
        n_patches=method.n_patches or windows,
        n_dims=None,
        kept_variance=method.kept_variance,
        rng=rng,
    )


def level_energy(method: PatchOTSettings, targets: PatchLevel, places: Places[S]) -> LevelEnergy[S]:
    """The cost of the transport from `places` onto `targets`, as the settings of `method` say."""
    return LevelEnergy(
        targets,
        n_queries=method.n_queries,
        rate=method.dual_rate,
        device=resolve_device(method.device),
        places=places,
    )


def _canvas(
    shape: tuple[int, int], periodic: tuple[bool, bool], patch_size: int, n_levels: int
) -> tuple[int, int]:
    """The torus to work on: a tile is one as it is, another picture is cut out of a larger one."""
    unit = 2 ** (n_levels - 1)
    height, width = (
        side if wraps else max(-(-side // unit), patch_size) * unit
        for side, wraps in zip(shape, periodic, strict=True)
    )
    return height, width


class Descent(Generic[P]):
    """One run of Algorithm 1 on pictures of `sizes`, with the energy of each level."""

    def __init__(
        self,
        method: PatchOTSettings,
        levels: Sequence[Energy[P]],
        sizes: Sequence[tuple[int, int]],
        rng: np.random.Generator,
        progress: Progress,
    ):
        self._method, self._levels, self._rng = method, levels, rng
        self._sizes = sizes
        self._progress, self._done = progress, 0
        # Stages, first to last: the level that the picture lives on, and its image steps.
        coarse = method.start == "coarse"
        first = len(levels) - 1 if coarse else 0
        self._stages = {level: method.image_steps(level) for level in range(first, -1, -1)}
        self._total = sum(self._stages.values()) + len(levels) * method.n_iter_dual

    def run(self) -> np.ndarray:
        """The picture (H, W, C) in [0, 1] at full size."""
        picture = self._start()
        for level, n_iter in self._stages.items():
            if picture.shape[:2] != self._sizes[level]:
                finer = self._levels[level].source
                picture = self._levels[level + 1].enlarged(picture, finer, self._sizes[level])
            picture = self._optimised(picture, level, n_iter)
        return picture

    def _start(self) -> np.ndarray:
        """A Gaussian field at the coarsest level, or uniform noise at full size."""
        if self._method.start == "noise":
            shape = *self._sizes[0], self._levels[0].channels
            return self._rng.random(shape, dtype=np.float32)
        field = self._levels[-1].field(self._sizes[-1], self._rng)
        return np.clip(field, 0, 1, out=field)

    def _optimised(self, picture: np.ndarray, level: int, n_iter: int) -> np.ndarray:
        """`picture` after the steps of its stage, in [0, 1]."""
        method, levels = self._method, self._levels[level:]
        for number, energy in enumerate(levels if method.start == "noise" else levels[:1]):
            self._ascend(energy, pyramid(picture, number + 1)[-1], level + number)
        adam, plateau = Adam(picture, method.learning_rate), Plateau(method.tolerance)
        end = self._done + n_iter
        while self._done < end:
            loss, slope = gradient(picture, levels, self._rng, ascend=method.n_iter_dual > 0)
            picture = adam.step(picture, slope)
            self._done = end if plateau.reached(loss) else self._done + 1
            self._progress(Step("synthesize", level, self._done, self._total, loss))
        return picture

    def _ascend(self, energy: Energy, picture: np.ndarray, level: int) -> None:
        """The ascent of a level that joins, before the picture moves."""
        for _ in range(self._method.n_iter_dual):
            energy.ascend(picture, self._rng)
            self._done += 1
            self._progress(Step("synthesize", level, self._done, self._total))
        energy.settle()
