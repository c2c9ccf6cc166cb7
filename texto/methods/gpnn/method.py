"""Generative patch nearest neighbours: coarse to fine, each patch to a sharper one like it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np

from ...core.settings import (
    PERIODIC,
    check_settings,
    device_setting,
    finish_setting,
    setting,
    tileable_setting,
)
from ...core.state import kept_exemplar, only
from ...core.threads import single_blas
from ...core.types import Progress, Rng, Step, as_image, as_shape, generator, silent
from ...patches.database import PatchLevel, leading_patch_level
from ...patches.extraction import Grid, extract, grid
from ...patches.pyramid import count_levels, fitting
from ...patches.recompose import recompose
from ...patches.resample import enlarged, shrunk
from ...patches.search import resolve_device
from ...patches.space import PatchSpace
from ...steps.finish import finish
from .completeness import completeness_search

COARSEST = 2  # patches: the shortest side of an automatic coarsest level (the paper: 14 pixels)
MOST_LEVELS = 64
SPAN = 2  # the published values of `noise` and `alpha` are for pictures in [-1, 1], ours in [0, 1]
KEPT_VARIANCE = 0.99  # share of the patches' variance that the patch space keeps
SETTLED = 0.1  # share of patches under which changes end a level (the paper: none)
NEGLIGIBLE = 1e-7  # mean squared difference of a copy: a twelfth of a grey level of 8 bits


@dataclass(frozen=True)
class GPNN:
    """Patches replaced by nearest neighbours, from a coarse picture under noise to fine ones.

    Granot, Feinstein, Shocher, Bagon, Irani 2022. At each level, in turns: every patch takes
    the exemplar patch with the lowest completeness score, the squared distance divided by
    `alpha` plus the least distance of that exemplar patch to any, then patches are averaged
    where they overlap, with a Gaussian window. A level's first search is among patches of the
    exemplar as blurred as the picture, which is enlarged from the level before; what is taken is
    sharp. Nothing is trained and no statistics are kept but that all of the exemplar is used: it
    looks like the exemplar because it copies pieces of it, as the score `originality` tells,
    and is smooth where copies that do not fit meet.
    Here patches are compared in their principal components, a level ends when hardly a patch
    changes its source, and a result of any size starts from the coarsest exemplar continued by
    reflection from a random place (the paper: the exemplar itself, or stretched).
    """

    summary = (
        "patches replaced by nearest neighbours that together use the whole exemplar, coarse to "
        "fine (Granot 2022)"
    )
    good_for = "sharp large structure; copies large pieces, smooth where they do not fit"
    quick: ClassVar[Mapping[str, Any]] = {"n_levels": 4, "n_iter": 3, "device": "cpu"}

    patch_size: int = setting(7, "side of a patch in pixels, at every level", low=2, high=64)
    n_levels: int | None = setting(
        None,
        "pyramid levels; none: until the coarsest is 2 patches, 14 pixels",
        low=1,
        high=MOST_LEVELS,
        automatic=True,
    )
    ratio: float = setting(0.75, "size of a level, by the next finer one's", low=0.25, high=0.9)
    noise: float = setting(
        0.75,
        "deviation of the grey noise on the coarse start, for values in [-1, 1]; 0: none",
        low=0,
        high=100,
    )
    n_iter: int = setting(
        10,
        "passes a level at most, one at the coarsest; it stops where nothing changes",
        low=1,
        high=1000,
    )
    alpha: float = setting(
        0.005,
        "mean squared difference, for values in [-1, 1], within which an exemplar patch counts as "
        "used; lower: all are used, higher: plain nearest neighbours",
        low=1e-6,
        high=1e6,
    )
    n_patches: int = setting(
        100_000, "random patches in the search, all where there are fewer", low=1, high=10_000_000
    )
    n_dims: int = setting(24, "largest dimension of the patch space", low=1, high=256)
    finish: str = finish_setting()
    tileable: str = tileable_setting()
    device: str = device_setting()

    def __post_init__(self):
        check_settings(self)

    def fit(
        self, exemplar: np.ndarray, *, rng: Rng = None, progress: Progress = silent
    ) -> GPNNModel:
        """Keep `exemplar` (H, W, C) in [0, 1]: the work is all in `synthesize`."""
        generator(rng)  # nothing is drawn, but a bad seed is told
        exemplar = as_image(exemplar, smallest=self.patch_size).copy()
        model = GPNNModel(self.adapted(exemplar), exemplar)
        progress(Step("fit", 0, 1, 1))
        return model

    def restore(self, state: Mapping[str, np.ndarray]) -> GPNNModel:
        """The model whose `state()` is `state`; TextoError where it makes no sense."""
        only(state, ["exemplar"])
        exemplar = kept_exemplar(state, smallest=self.patch_size)
        return GPNNModel(self.adapted(exemplar), exemplar)

    def adapted(self, exemplar: np.ndarray) -> Self:
        """This method with `n_levels` as `exemplar` (H, W, C) asks for."""
        return replace(self, n_levels=self.count_levels(exemplar.shape))

    def count_levels(self, shape: tuple[int, ...]) -> int:
        """The number of levels for an exemplar of this shape; TextoError if too many."""
        shortest = [min(self.size(shape, level)) for level in range(MOST_LEVELS)]
        return count_levels(
            self.n_levels,
            usual=sum(side >= COARSEST * self.patch_size for side in shortest),
            most=sum(side >= self.patch_size for side in shortest),
            shape=shape,
            given=f"patch_size={self.patch_size}, ratio={self.ratio:g}",
        )

    def size(self, shape: tuple[int, ...], level: int) -> tuple[int, int]:
        """The size of a picture of this shape at `level`, 0 = finest."""
        height, width = (max(1, round(side * self.ratio**level)) for side in shape[:2])
        return height, width


@dataclass(frozen=True, eq=False)
class GPNNModel:
    """An exemplar to take patches from."""

    method: GPNN
    exemplar: np.ndarray

    @single_blas()
    def synthesize(
        self, shape: tuple[int, int], *, rng: Rng = None, progress: Progress = silent
    ) -> np.ndarray:
        """New texture (height, width, C) float32 in [0, 1], of any size.

        Cost: O(h w m d) a pass for two searches in d dimensions among m exemplar patches;
        memory is that of (h w + m) d floats and a few pictures.
        """
        height, width = as_shape(shape)
        periodic = PERIODIC[self.method.tileable]
        rng, last = generator(rng).spawn(2)
        result = _Synthesis(self, (height, width), rng, progress).run()[:height, :width]
        if self.method.finish == "sliced":
            result = finish(result, self.exemplar, rng=last, periodic=periodic, progress=progress)
        return np.ascontiguousarray(np.clip(result, 0, 1))

    def state(self) -> dict[str, np.ndarray]:
        """The exemplar: everything else follows from it."""
        return {"exemplar": self.exemplar}


class _Synthesis:
    """One run of the algorithm, for a model and an output shape."""

    def __init__(
        self,
        model: GPNNModel,
        shape: tuple[int, int],
        rng: np.random.Generator,
        progress: Progress,
    ):
        method = model.method
        self._method, self._progress = method, progress
        self._periodic, self._device = PERIODIC[method.tileable], resolve_device(method.device)
        exemplar, levels = model.exemplar, range(method.count_levels(model.exemplar.shape))
        self._pictures = [shrunk(exemplar, method.size(exemplar.shape, level)) for level in levels]
        self._sizes = [
            fitting(method.size(shape, level), method.patch_size, self._periodic)
            for level in levels
        ]
        self._passes = [method.n_iter] * (len(levels) - 1) + [1]  # as published
        *self._rngs, self._start_rng = rng.spawn(len(levels) + 1)
        self._done = 0

    def run(self) -> np.ndarray:
        """The texture, (height, width, C) or more."""
        synthesis, blurred = self._start(), self._pictures[-1]
        for level in reversed(range(len(self._pictures))):
            picture = self._pictures[level]
            synthesis = enlarged(synthesis, self._sizes[level], self._periodic)
            blurred = enlarged(blurred, picture.shape[:2])
            synthesis = self._replace(synthesis, blurred, level)
            blurred = picture
        return synthesis

    def _start(self) -> np.ndarray:
        """The coarsest exemplar, continued by reflection from a random place, under noise."""
        picture, size, rng = self._pictures[-1], self._sizes[-1], self._start_rng
        for axis, side in enumerate(size):
            period = 2 * picture.shape[axis]
            places = (rng.integers(period) + np.arange(side)) % period
            picture = picture.take(np.minimum(places, period - 1 - places), axis)
        noise = rng.standard_normal((*size, 1), dtype=np.float32)
        return picture + np.float32(self._method.noise / SPAN) * noise

    def _replace(self, synthesis: np.ndarray, blurred: np.ndarray, level: int) -> np.ndarray:
        """The passes of a level, until hardly a patch changes its source."""
        database = self._database(level)
        spots = grid(self._sizes[level], self._method.patch_size, 1, self._periodic)
        keys, found = replace(database, picture=blurred).points, None
        end = self._done + self._passes[level]
        while self._done < end:
            before, found = found, self._search(synthesis, spots, database.space, keys, found)
            corners = database.corners[found]
            synthesis = recompose(database.picture, corners, spots, weighting="gaussian")
            changed = 1.0 if before is None else float((found != before).mean())
            self._done = end if changed <= SETTLED else self._done + 1
            self._progress(Step("synthesize", level, self._done, sum(self._passes)))
            if before is None and self._done < end:
                keys = database.points
        return synthesis

    def _search(
        self,
        synthesis: np.ndarray,
        spots: Grid,
        space: PatchSpace,
        keys: np.ndarray,
        guesses: np.ndarray | None,
    ) -> np.ndarray:
        """(n,): the numbers of the exemplar patches for the patches of `synthesis` at `spots`."""
        values = self._method.patch_size**2 * synthesis.shape[2]
        return completeness_search(
            _points(synthesis, spots, space),
            keys,
            alpha=self._method.alpha * values / SPAN**2,
            guesses=guesses,
            negligible=NEGLIGIBLE * values,
            device=self._device,
        )

    def _database(self, level: int) -> PatchLevel:
        return leading_patch_level(
            self._pictures[level],
            self._method.patch_size,
            n_patches=self._method.n_patches,
            n_dims=self._method.n_dims,
            kept_variance=KEPT_VARIANCE,
            rng=self._rngs[level],
        )


def _points(picture: np.ndarray, spots: Grid, space: PatchSpace) -> np.ndarray:
    """(n, d): the patches of `picture` at `spots` in the coordinates of `space`."""
    points = np.empty((len(spots), space.dimension), np.float32)
    for band, part in spots.blocks(picture.shape[2]):
        points[part] = space.project(extract(picture, band))
    return points
