"""The steps that the synthesis of a mix makes otherwise than that of a pure texture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ...core.settings import PERIODIC
from ...core.types import Progress, as_shape
from ...patches.database import PatchLevel, Transport
from ...patches.pyramid import fitting_sizes, pyramid
from ...patches.search import resolve_device
from ...steps.mixing.barycentre_flow import (
    MixedFlow,
    barycentre_flow,
    blended_flow,
    finished,
    smallest,
)
from ...steps.mixing.canvas import Canvas, canvases, toned_for
from ...steps.mixing.start import mixed_field
from ...steps.mixing.zones import Zones
from ...steps.sliced_flow import PATCH_SIZE
from ...steps.sweep import Sweep
from .settings import TextoGMMSettings
from .union import ZonedLevel, union_level

TransportsFor = Callable[[int, int, np.ndarray], Sequence[Transport | None]]


@dataclass(frozen=True, eq=False)
class Mixture:
    """Exemplars at the weights of `zones`, ready to be searched and to flow to.

    `pyramids` : for each level, finest first, the exemplars' pictures. `stages` : for each level
    the pictures that are searched, P exemplars toned for a zone each; `searched` (Z, P) tells
    which of them a zone uses.
    """

    method: TextoGMMSettings
    zones: Zones
    pyramids: Sequence[Sequence[np.ndarray]]
    stages: Sequence[Canvas]
    searched: np.ndarray

    def union(self, level: int, rng: np.random.Generator) -> PatchLevel:
        """The database of a level, drawn anew."""
        method = self.method
        return union_level(
            self.stages[level],
            method.patch_size,
            count_searched=method.count_searched,
            n_dims=method.n_dims,
            kept_variance=method.kept_variance,
            rng=rng,
        )

    def synthesized(
        self,
        databases: Sequence[PatchLevel],
        shape: tuple[int, int],
        transports_for: TransportsFor,
        *,
        start_rng: np.random.Generator,
        rng: np.random.Generator,
        progress: Progress,
    ) -> np.ndarray:
        """A picture (height, width, C) float32 in [0, 1], for shape = (height, width)."""
        height, width = as_shape(shape)
        periodic = PERIODIC[self.method.tileable]
        sizes = fitting_sizes((height, width), len(self.stages), self.method.patch_size, periodic)
        start = self.start(sizes[-1], start_rng, periodic)
        zoned = self.zoned(databases)
        sweep = self.sweep(zoned, sizes, "synthesize", progress, periodic)
        result = sweep.run(start, transports_for, rng=rng)
        if self.method.finish == "sliced":
            result = self._finished(result, zoned[0], rng, periodic, progress)
        return np.ascontiguousarray(np.clip(result[:height, :width], 0, 1))

    def start(
        self, shape: tuple[int, int], rng: np.random.Generator, periodic: tuple[bool, bool]
    ) -> np.ndarray:
        """A Gaussian field at the coarsest level."""
        return mixed_field(self.pyramids[-1], self.zones, shape, rng, periodic)

    def zoned(self, databases: Sequence[PatchLevel]) -> list[ZonedLevel]:
        """The databases of all levels with searches by zone."""
        return [
            ZonedLevel(database, canvas, self.searched, self.zones)
            for database, canvas in zip(databases, self.stages, strict=True)
        ]

    def sweep(
        self,
        databases: Sequence[ZonedLevel],
        sizes: Sequence[tuple[int, int]],
        stage: str,
        progress: Progress,
        periodic: tuple[bool, bool],
    ) -> MixedSweep:
        """The sweep of the method, with flows to the mix."""
        own = self.method.sweep(databases, sizes, stage, progress, periodic)
        return MixedSweep(**vars(own), pyramids=self.pyramids, zones=self.zones)

    def _finished(
        self,
        image: np.ndarray,
        database: ZonedLevel,
        rng: np.random.Generator,
        periodic: tuple[bool, bool],
        progress: Progress,
    ) -> np.ndarray:
        """The finishing pass of `texto.steps.finish`, towards the patches that `image` is made of.

        Towards the barycentre it would paint one texture's grain on the other's shapes.
        """
        pictures = self.stages[0].pictures

        def flow() -> MixedFlow:
            shares = database.shares_of(image, resolve_device(self.method.device), rng)
            return blended_flow(pictures, shares, self.zones, rng=rng)

        return finished(image, pictures, flow, rng=rng, periodic=periodic, progress=progress)


@dataclass(frozen=True, eq=False)
class MixedSweep(Sweep[Sequence[Transport | None]]):
    """A sweep whose sliced steps go to the barycentre of `pyramids`, zone by zone."""

    pyramids: Sequence[Sequence[np.ndarray]]
    zones: Zones

    def flow(self, synthesis: np.ndarray, level: int, steps: int, rng: np.random.Generator) -> None:
        """Sliced-transport steps in place, where patches fit at all."""
        pictures = self.pyramids[level]
        if steps and smallest(synthesis, *pictures) >= PATCH_SIZE:
            flow = barycentre_flow(pictures, self.zones, rng=rng)
            for _ in range(steps):
                flow.step(synthesis, rng=rng, stride=2, periodic=self.periodic)


def mixture(method: TextoGMMSettings, exemplars: Sequence[np.ndarray], zones: Zones) -> Mixture:
    """The mixture of `exemplars` (H_i, W_i, C) by `method`, which it adapts; nothing is drawn."""
    method = method.adapted_to(exemplars)
    n_levels = method.count_levels(exemplars[0].shape)
    pyramids = list(zip(*(pyramid(exemplar, n_levels) for exemplar in exemplars), strict=True))
    material = toned_for(exemplars, zones)
    searched = np.arange(len(zones))[:, None] == np.array(material.zones)
    stages = canvases([pyramid(each, n_levels) for each in material.pictures], material.sources)
    return Mixture(method, zones, pyramids, stages, searched)
