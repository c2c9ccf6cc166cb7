"""The coarse-to-fine sweep that every nearest-neighbour patch method makes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np

from ..core.types import Progress, Step
from ..patches.extraction import Grid, grid
from ..patches.recompose import recompose, recompose_finer
from .sliced_flow import PATCH_SIZE, sliced_transport

T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)

START_STEPS = 6  # times as many sliced steps on the start as between passes


class Database(Protocol[T_contra]):
    """One level of the exemplar, `picture` (H, W, C), that can tell where patches come from.

    T : what it takes as a transport, a map of patches in most methods.
    """

    @property
    def picture(self) -> np.ndarray: ...

    @property
    def patch_size(self) -> int: ...

    def assign(
        self, synthesis: np.ndarray, spots: Grid, transport: T_contra, device: str
    ) -> np.ndarray:
        """Corners (n, 2) in `picture` for the patches of `synthesis` at `spots`, transported."""
        ...


@dataclass(frozen=True, eq=False)
class Sweep(Generic[T]):
    """What a sweep needs beside its start and its maps; lists go from fine to coarse.

    At each level, `passes` times: transport the patches of the synthesis, project them on the
    exemplar's patches, average; between passes, `n_iter_sliced` steps of sliced transport. The
    last correspondence of a level also builds the synthesis on the next finer grid, from the
    exemplar's finer pixels (poster, section 6).
    """

    databases: Sequence[Database[T]]
    sizes: Sequence[tuple[int, int]]
    passes: Sequence[int]
    stride: int
    recomposition: str
    device: str
    n_iter_sliced: int
    periodic: tuple[bool, bool]
    stage: str
    progress: Progress

    def run(
        self,
        synthesis: np.ndarray,
        transport_for: Callable[[int, int, np.ndarray], T],
        *,
        rng: np.random.Generator,
    ) -> np.ndarray:
        """V_0 (height, width, C), from a `synthesis` at the coarsest level.

        `transport_for(level, number, synthesis)` gives the map of the level's pass `number`.
        Cost: the searches; memory is that of about three pictures of the finest size.
        """
        done = 0
        synthesis = synthesis.copy()
        self.flow(synthesis, len(self.databases) - 1, START_STEPS * self.n_iter_sliced, rng)
        for level in reversed(range(len(self.databases))):
            database, size = self.databases[level], self.sizes[level]
            spots = grid(size, database.patch_size, self.stride, self.periodic)
            for number in range(self.passes[level]):
                transport = transport_for(level, number, synthesis)
                found = database.assign(synthesis, spots, transport, self.device)
                done += 1
                self.progress(Step(self.stage, level, done, sum(self.passes)))
                if level == 0 or number + 1 < self.passes[level]:
                    synthesis = recompose(
                        database.picture, found, spots, weighting=self.recomposition
                    )
                if number + 1 < self.passes[level]:
                    self.flow(synthesis, level, self.n_iter_sliced, rng)
            if level:
                synthesis = recompose_finer(
                    self.databases[level - 1].picture,
                    found,
                    spots,
                    self.sizes[level - 1],
                    periodic=self.periodic,
                    weighting=self.recomposition,
                )
        return synthesis

    def flow(self, synthesis: np.ndarray, level: int, steps: int, rng: np.random.Generator) -> None:
        """Sliced-transport steps towards the exemplar, in place, where patches fit at all.

        A single sample of a coarse Gaussian field is far from the mean statistics that the
        maps were learnt for, and averaging takes contrast away with every pass.
        """
        exemplar = self.databases[level].picture
        if steps and min(*synthesis.shape[:2], *exemplar.shape[:2]) >= PATCH_SIZE:
            flow = sliced_transport(exemplar, rng=rng)
            for _ in range(steps):
                flow.step(synthesis, rng=rng, stride=2, periodic=self.periodic)
