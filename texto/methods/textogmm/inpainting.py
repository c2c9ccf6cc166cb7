"""Holes filled by TextoGMM: transport between mixtures, nearest known patches, averages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from ...core.types import Progress, Rng
from ...patches.database import PatchLevel, Transport
from ...patches.extraction import extract_at
from ...patches.recompose import EXPONENT
from ...patches.search import resolve_device
from ...steps.inpainting.filling import Count, Match, inpaint
from ...steps.inpainting.hole_flow import HoleFlow
from ...steps.inpainting.levels import HoleLevel, chosen
from ...steps.inpainting.spots import HolePatches, touching
from ...steps.inpainting.trust import trust
from ...transport.gmm_map import GmmPlan, barycentric_map, gmm_plan, random_map
from ...transport.mixture import GaussianMixture
from .settings import TextoGMMSettings

SETTLING = 6  # passes without transport that let neighbouring patches agree
STARTING = 12  # sliced steps on what a level starts from, below full size: averages are too flat
FINISHING = 3  # sliced steps at the end, with `finish="sliced"`
SEARCHED = 100_000  # known patches in the search, at most


@dataclass(frozen=True, eq=False)
class MixtureFiller:
    """`passes` transports and SETTLING searches over the holes of `level`, for a `TextoGMM`.

    Unlike in a synthesis the search sees all patches: the rim asks for the very ones that fit.
    """

    method: TextoGMMSettings
    level: HoleLevel
    passes: int
    device: str

    @property
    def steps(self) -> int:
        """Passes in all."""
        return self.passes + SETTLING

    def fill(self, canvas: np.ndarray, rng: np.random.Generator, count: Count) -> Match:
        """See `Filler`. Mixtures are fitted to the known patches and to those at the holes."""
        method, level = self.method, self.level
        database = level.database(
            method.patch_size,
            n_patches=SEARCHED,
            n_dims=method.n_dims,
            kept_variance=method.kept_variance,
            rng=rng,
        )
        spots = touching(level, method.patch_size, method.spacing)
        flow = HoleFlow(level, rng) if method.n_iter_sliced else None
        if flow is not None and level.number:
            for _ in range(STARTING):
                flow.step(canvas, rng)
        for transport in self._transports(canvas, database, spots, rng):
            found = spots.match(canvas, database, transport, self.device)
            squares = spots.squared_distances(canvas, level.picture, found)
            match = Match(spots, found, "robust", trust(spots, squares, EXPONENT))
            match.fill(canvas)
            count(level.number)
            if flow is not None:
                flow.step(canvas, rng)
        match.fill(canvas)
        if level.number == 0 and method.finish == "sliced":
            finishing = flow or HoleFlow(level, rng)
            for _ in range(FINISHING):
                finishing.step(canvas, rng)
        return match

    def _transports(
        self,
        canvas: np.ndarray,
        database: PatchLevel,
        spots: HolePatches,
        rng: np.random.Generator,
    ) -> Iterator[Transport | None]:
        """The transport of each pass, for `canvas` as it is by then; None: stay in place."""
        method, level = self.method, self.level
        if method.map == "identity":
            yield from [None] * self.steps
            return
        target = self._mixture(level.picture, level.known(method.patch_size), database, rng)
        near, shares = touching(level, method.patch_size).corners, spots.unknown[:, None]
        for _ in range(self.passes):
            source = self._mixture(canvas, near, database, rng)
            yield self._transport(gmm_plan(source, target), shares, rng)
        yield from [None] * SETTLING

    def _transport(self, plan: GmmPlan, shares: np.ndarray, rng: np.random.Generator) -> Transport:
        """The map of `plan`, followed by each patch as far as it is unknown."""
        moved = partial(barycentric_map, plan)
        if self.method.map == "random":
            moved = partial(random_map, plan, rng=rng)
        return lambda points: points + shares * (moved(points) - points)

    def _mixture(
        self,
        picture: np.ndarray,
        corners: np.ndarray,
        database: PatchLevel,
        rng: np.random.Generator,
    ) -> GaussianMixture:
        method = self.method
        corners = chosen(corners, method.n_patches, rng)
        points = database.space.project(extract_at(picture, corners, method.patch_size))
        return method.mixture(points, rng).mixture


def fill_holes(
    method: TextoGMMSettings,
    image: np.ndarray,
    mask: np.ndarray,
    *,
    sources: np.ndarray | None,
    rng: Rng,
    progress: Progress,
) -> np.ndarray:
    """`image` inpainted by a `TextoGMM`: see `texto.steps.inpainting.filling.inpaint`."""
    device = resolve_device(method.device)

    def fillers(levels: Sequence[HoleLevel]) -> list[MixtureFiller]:
        passes = method.passes(len(levels))
        return [MixtureFiller(method, *each, device) for each in zip(levels, passes, strict=True)]

    return inpaint(
        image,
        mask,
        smallest=method.patch_size,
        least_size=lambda shape: method.patch_size,
        count_levels=method.count_levels,
        fillers=fillers,
        sources=sources,
        rng=rng,
        progress=progress,
    )
