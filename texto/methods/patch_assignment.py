"""Texture by optimal patch assignment: patches permuted, so that all statistics are kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..core.errors import TextoError
from ..core.settings import (
    PERIODIC,
    check_settings,
    device_setting,
    finish_setting,
    setting,
    tileable_setting,
)
from ..core.state import only, take
from ..core.threads import single_blas
from ..core.types import Progress, Rng, Step, as_image, as_shape, generator, silent
from ..patches.database import PatchLevel, leading_patch_level
from ..patches.extraction import Grid, extract_at, grid
from ..patches.noise import field_like
from ..patches.pyramid import fitting_sizes, pyramid
from ..patches.recompose import recompose, recompose_finer
from ..patches.search import resolve_device
from ..steps.finish import finish
from ..transport.plan import (
    entropic_potentials,
    extended_potential,
    optimal_assignment,
    squared_costs,
)

COARSEST = 32  # pixels: the shortest side that an automatic coarsest level may have
KEPT_VARIANCE = 0.99  # share of the patches' variance that the patch space keeps


@dataclass(frozen=True)
class PatchAssignment:
    """Texture whose patches are, as nearly as they can, a permutation of the exemplar's.

    Gutierrez, Galerne, Rabin, Hurtut 2017. Coarse to fine, in turns: match the patches of the
    result on a coarse grid with random offset to equally many exemplar patches by the optimal
    assignment, then average the matched patches where they overlap. No part of the exemplar is
    left out and none is favoured, unlike with nearest neighbours. The assignment is exact for
    up to `n_exact` patches; above, each patch takes its nearest neighbour biased by the dual
    potential of entropic transport between random samples, which balances the use in the mean.
    """

    patch_size: int = setting(8, "side of a patch in pixels, at every level", low=2, high=64)
    n_levels: int | None = setting(
        None, "pyramid levels; none: until the coarsest is 32 pixels or more", low=1, high=12
    )
    stride: int | None = setting(
        None, "pixels between neighbouring patches; none: patch_size / 4", low=1, high=64
    )
    n_iter: int = setting(
        12,
        "passes at the coarsest level, two fewer at each finer one, down to two",
        low=1,
        high=1000,
    )
    n_exact: int = setting(
        1000, "patches up to which the assignment is exact; time grows as n^3", low=2, high=4000
    )
    n_iter_dual: int = setting(
        50, "Sinkhorn iterations at most, where it is not exact", low=1, high=10_000
    )
    regularization: float = setting(
        0.03, "entropy of the transport, where not exact, by the median cost", low=0.001, high=10
    )
    n_patches: int = setting(
        20_000, "patches of the exemplar in a pass, at most", low=1, high=1_000_000
    )
    n_dims: int = setting(48, "largest dimension of the patch space", low=1, high=256)
    finish: str = finish_setting()
    tileable: str = tileable_setting()
    device: str = device_setting()

    def __post_init__(self):
        check_settings(self)
        if self.stride is not None and self.stride > self.patch_size:
            raise TextoError(
                "stride", f"is {self.stride}, patch_size is {self.patch_size}", "patches must touch"
            )

    def fit(
        self, exemplar: np.ndarray, *, rng: Rng = None, progress: Progress = silent
    ) -> PatchAssignmentModel:
        """Keep `exemplar` (H, W, C) in [0, 1]: the work is all in `synthesize`."""
        generator(rng)  # nothing is drawn, but a bad seed is told
        model = self._model(as_image(exemplar, smallest=self.patch_size).copy())
        progress(Step("fit", 0, 1, 1))
        return model

    def restore(self, state: Mapping[str, Any]) -> PatchAssignmentModel:
        """The model whose `state()` is `state`; TextoError where it makes no sense."""
        only(state, ["exemplar"])
        exemplar = take(state, "exemplar", shape=(None, None, None), dtype=np.float32)
        return self._model(as_image(exemplar, "tensor 'exemplar'", smallest=self.patch_size))

    def count_levels(self, shape: tuple[int, ...]) -> int:
        """The number of levels for an exemplar of this shape; TextoError if too many."""
        sides = [min(shape[:2]) >> level for level in range(16)]
        if self.n_levels is None:
            return max(1, sum(side >= max(COARSEST, 2 * self.patch_size) for side in sides))
        fitting = sum(side >= self.patch_size for side in sides)
        if self.n_levels > fitting:
            raise TextoError(
                "n_levels",
                f"is {self.n_levels}, at most {fitting} suit an exemplar of "
                f"{shape[1]}x{shape[0]} with patch_size={self.patch_size}",
                "lower n_levels or patch_size",
            )
        return self.n_levels

    def passes(self, n_levels: int) -> list[int]:
        """The passes of each level, finest first: structure is made at the coarse ones."""
        least = min(2, self.n_iter)
        return [max(least, self.n_iter - 2 * (n_levels - 1 - level)) for level in range(n_levels)]

    def _model(self, exemplar: np.ndarray) -> PatchAssignmentModel:
        self.count_levels(exemplar.shape)
        return PatchAssignmentModel(self, exemplar)


@dataclass(frozen=True, eq=False)
class PatchAssignmentModel:
    """An exemplar whose patches are to be rearranged."""

    method: PatchAssignment
    exemplar: np.ndarray

    @single_blas()
    def synthesize(
        self, shape: tuple[int, int], *, rng: Rng = None, progress: Progress = silent
    ) -> np.ndarray:
        """New texture (height, width, C) float32 in [0, 1], of any size.

        Cost: n_exact^3 a pass at most, and the search; memory is about 50 n_exact^2 bytes and
        a few pictures.
        """
        height, width = as_shape(shape)
        periodic = PERIODIC[self.method.tileable]
        rng, last = generator(rng).spawn(2)
        result = _Assignments(self, (height, width), rng, progress).run()[:height, :width]
        if self.method.finish == "sliced":
            result = finish(result, self.exemplar, rng=last, periodic=periodic, progress=progress)
        return np.ascontiguousarray(np.clip(result, 0, 1))

    def state(self) -> dict[str, np.ndarray]:
        """The exemplar: everything else follows from it."""
        return {"exemplar": self.exemplar}


class _Assignments:
    """One run of the algorithm, for a model and an output shape."""

    def __init__(
        self,
        model: PatchAssignmentModel,
        shape: tuple[int, int],
        rng: np.random.Generator,
        progress: Progress,
    ):
        method = model.method
        self._method, self._rng, self._progress = method, rng, progress
        self._periodic, self._device = PERIODIC[method.tileable], resolve_device(method.device)
        self._stride = method.stride or max(1, method.patch_size // 4)
        self._pictures = pyramid(model.exemplar, method.count_levels(model.exemplar.shape))
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
        targets = self._targets(database)
        if len(spots) <= self._method.n_exact:
            chosen = _balanced(len(targets), len(spots), self._rng)
            targets = replace(database, corners=targets[chosen])
            points = database.space.project(_patches_at(picture, spots, slice(None)))
            return targets.corners[optimal_assignment(squared_costs(points, targets.points))]
        biased = self._balance(picture, spots, replace(database, corners=targets))
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
