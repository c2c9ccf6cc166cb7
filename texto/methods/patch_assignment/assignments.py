"""The algorithm of PatchAssignment: assign and average in turns, coarse to fine."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...core.settings import PERIODIC
from ...core.types import Progress, Step
from ...patches.database import PatchLevel, leading_patch_level
from ...patches.extraction import Grid, extract_at, grid
from ...patches.noise import field_like
from ...patches.pyramid import fitting_sizes, pyramid
from ...patches.recompose import recompose, recompose_finer
from ...patches.search import resolve_device
from ...transport.plan import (
    entropic_potentials,
    extended_potential,
    optimal_assignment,
    squared_costs,
)
from .settings import PatchAssignmentSettings

KEPT_VARIANCE = 0.99  # share of the patches' variance that the patch space keeps


class Assignments:
    """One run of the algorithm, for an exemplar (H, W, C) and an output shape."""

    def __init__(
        self,
        method: PatchAssignmentSettings,
        exemplar: np.ndarray,
        shape: tuple[int, int],
        rng: np.random.Generator,
        progress: Progress,
    ):
        self._method, self._rng, self._progress = method, rng, progress
        self._periodic, self._device = PERIODIC[method.tileable], resolve_device(method.device)
        self._stride = method.spacing
        self._pictures = pyramid(exemplar, method.count_levels(exemplar.shape))
        self._sizes = fitting_sizes(shape, len(self._pictures), method.patch_size, self._periodic)
        self._passes = method.passes(len(self._pictures))
        self._done = 0

    def run(self) -> np.ndarray:
        """The texture, (height, width, C) or more."""
        coarsest = self._pictures[-1]
        synthesis = field_like(coarsest, self._sizes[-1], self._rng, periodic=self._periodic)
        for level in reversed(range(len(self._pictures))):
            database = self._database(self._pictures[level])
            for _ in range(self._passes[level] - 1):
                self._shifted_pass(synthesis, database)
                self._report(level)
            # The last grid covers every pixel, also at open borders.
            spots = grid(self._sizes[level], self._method.patch_size, self._stride, self._periodic)
            found = self._assign(synthesis, spots, database)
            self._report(level)
            synthesis = self._built(level, found, spots)
        return synthesis

    def _built(self, level: int, found: np.ndarray, spots: Grid) -> np.ndarray:
        """The picture of a level's last correspondence: on the next finer grid, if there is one."""
        if level == 0:
            return recompose(self._pictures[0], found, spots)
        finer, size = self._pictures[level - 1], self._sizes[level - 1]
        return recompose_finer(finer, found, spots, size, periodic=self._periodic)

    def _shifted_pass(self, synthesis: np.ndarray, database: PatchLevel) -> None:
        """Assign and average on a grid with a random offset, in place.

        A torus is rolled; on an open axis less than `stride` pixels at the borders stay.
        """
        shifts, view = [], synthesis
        for axis, wraps in enumerate(self._periodic):
            spare = synthesis.shape[axis] - self._method.patch_size
            count = self._stride if wraps else min(self._stride, spare + 1)
            shift = int(self._rng.integers(count))
            if wraps:
                view = np.roll(view, -shift, axis)
                shifts.append(slice(None))
            else:
                end = synthesis.shape[axis] - (spare - shift) % self._stride
                shifts.append(slice(shift, end))
        part = view[tuple(shifts)]
        spots = grid(part.shape[:2], self._method.patch_size, self._stride, self._periodic)
        found = self._assign(part, spots, database)
        part[:] = recompose(database.picture, found, spots)
        if view is not synthesis:  # where the origin of a torus lies does not matter
            synthesis[:] = view

    def _assign(self, picture: np.ndarray, spots: Grid, database: PatchLevel) -> np.ndarray:
        """The correspondence (n, 2) of the patches of `picture` at `spots`."""
        corners = self._targets(database)
        if len(spots) <= self._method.n_exact:
            chosen = _balanced(len(corners), len(spots), self._rng)
            targets = replace(database, corners=corners[chosen])
            points = database.space.project(_patches_at(picture, spots, slice(None)))
            return targets.corners[optimal_assignment(squared_costs(points, targets.points))]
        biased = self._balance(picture, spots, replace(database, corners=corners))
        return biased.assign(picture, spots, lambda points: points, self._device)

    def _balance(self, picture: np.ndarray, spots: Grid, targets: PatchLevel) -> PatchLevel:
        """`targets` with the dual potential that makes the patches of `picture` use all of them."""
        sample = self._rng.choice(len(spots), self._method.n_exact, replace=False)
        sources = targets.space.project(_patches_at(picture, spots, np.sort(sample)))
        points = targets.points
        count = min(self._method.n_exact, len(points))
        some = points[np.sort(self._rng.choice(len(points), count, replace=False))]
        cost = squared_costs(sources, some)
        median = float(np.median(cost))
        if median <= 0:  # a constant picture: any assignment is optimal
            return targets
        reg = self._method.regularization * median
        phi, _ = entropic_potentials(cost, reg=reg, n_iter=self._method.n_iter_dual)
        return replace(targets, bias=extended_potential(points, sources, phi, reg=reg))

    def _targets(self, database: PatchLevel) -> np.ndarray:
        """Corners (m, 2) of exemplar patches on the same coarse grid, with a random offset.

        So a patch's neighbours in the exemplar are on offer to its neighbours in the result.
        """
        axes = []
        for side in database.picture.shape[:2]:
            end = side - self._method.patch_size + 1
            axes.append(
                np.arange(int(self._rng.integers(min(self._stride, end))), end, self._stride)
            )
        corners = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
        if len(corners) > self._method.n_patches:
            chosen = self._rng.choice(len(corners), self._method.n_patches, replace=False)
            corners = corners[np.sort(chosen)]
        return corners

    def _database(self, picture: np.ndarray) -> PatchLevel:
        return leading_patch_level(
            picture,
            self._method.patch_size,
            n_patches=self._method.n_patches,
            n_dims=self._method.n_dims,
            kept_variance=KEPT_VARIANCE,
            rng=self._rng,
        )

    def _report(self, level: int) -> None:
        self._done += 1
        self._progress(Step("synthesize", level, self._done, sum(self._passes)))


def _balanced(available: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """`count` numbers below `available`, each as often as any other or once more."""
    rounds, rest = divmod(count, available)
    drawn = np.sort(rng.choice(available, rest, replace=False))
    return np.concatenate([np.tile(np.arange(available), rounds), drawn])


def _patches_at(picture: np.ndarray, spots: Grid, numbers: np.ndarray | slice) -> np.ndarray:
    """The patches (n, w w C) of `picture` at the spots with these numbers; they may wrap."""
    reach = [
        max(0, int(starts[-1]) + spots.patch_size - side)
        for starts, side in zip((spots.rows, spots.columns), spots.shape, strict=True)
    ]
    padded = np.pad(picture, ((0, reach[0]), (0, reach[1]), (0, 0)), mode="wrap")
    corners = np.stack(np.meshgrid(spots.rows, spots.columns, indexing="ij"), axis=-1)
    return extract_at(padded, corners.reshape(-1, 2)[numbers], spots.patch_size)
