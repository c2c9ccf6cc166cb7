"""Texture optimisation: every patch near some patch of the exemplar, in a robust norm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
from ..patches.extraction import Grid, grid
from ..patches.pyramid import pyramid
from ..patches.recompose import recompose, recompose_finer, squared_distances
from ..patches.search import resolve_device
from ..steps.finish import finish
from ..steps.inpainting.robust import fill_holes

LEVELS = 3  # of the paper: a quarter, a half, and the whole
COARSEST = 32  # pixels: the shortest side that an automatic coarsest level may have
KEPT_VARIANCE = 0.99  # share of the patches' variance that the patch space keeps
SOFTEST = 1e-4  # squared difference per value under which a patch's weight stops growing
SETTLED = 0.02  # share of patches under which changes stop a run (the paper: none)


@dataclass(frozen=True)
class Kwatra:
    """Texture optimisation, coarse to fine and from large patches to small ones.

    Kwatra, Essa, Bobick, Kwatra 2005. The energy `sum_p |x_p - z_p|^r` over patches x_p of the
    result, each with its nearest exemplar patch z_p, is lowered in turns: search all z_p, then
    average them with the weights |x_p - z_p|^(r-2) of iteratively re-weighted least squares.
    It keeps structures that repeat and has no control of statistics: how often a part of the
    exemplar is used is left to chance. Here the search is exact in the patches' principal
    components (the paper: a tree of k-means clusters), and the correspondence itself is carried
    up to the next level (the paper: the upsampled result), which keeps fine detail sharp. There,
    and in the last passes of all, pixels are weighed as patches are, by their distance to the
    mean: where patches disagree, a plain mean is a smear that the next search takes for flat.
    """

    patch_size: int = setting(
        32,
        "side of the largest patches in pixels; each level ends with smaller ones",
        low=2,
        high=64,
    )
    smallest_patch_size: int = setting(
        8, "patch_size is halved down to no less than this", low=2, high=64
    )
    n_levels: int | None = setting(
        None, "pyramid levels; none: up to 3, the coarsest 32 pixels or more", low=1, high=12
    )
    n_iter: int = setting(
        8, "passes a level and patch size at most; it stops where nothing changes", low=1, high=1000
    )
    exponent: float = setting(
        0.8, "the norm r of the energy; 2: a plain mean, lower: sharper", low=0.01, high=2
    )
    n_patches: int = setting(
        100_000, "random patches in the search, all where there are fewer", low=1, high=10_000_000
    )
    n_dims: int = setting(48, "largest dimension of the patch space", low=1, high=256)
    finish: str = finish_setting()
    tileable: str = tileable_setting()
    device: str = device_setting()

    def __post_init__(self):
        check_settings(self)
        if self.smallest_patch_size > self.patch_size:
            raise TextoError(
                "smallest_patch_size",
                f"is {self.smallest_patch_size}, patch_size is {self.patch_size}",
                "lower it or raise patch_size",
            )

    def fit(
        self, exemplar: np.ndarray, *, rng: Rng = None, progress: Progress = silent
    ) -> KwatraModel:
        """Keep `exemplar` (H, W, C) in [0, 1]: the work is all in `synthesize`."""
        generator(rng)  # nothing is drawn, but a bad seed is told
        exemplar = as_image(exemplar, smallest=self.smallest_patch_size).copy()
        self.count_levels(exemplar.shape)
        progress(Step("fit", 0, 1, 1))
        return KwatraModel(self, exemplar)

    def inpaint(
        self,
        image: np.ndarray,
        mask: np.ndarray,
        *,
        sources: np.ndarray | None = None,
        rng: Rng = None,
        progress: Progress = silent,
    ) -> np.ndarray:
        """`image` (H, W, C) with new pixels where `mask` (H, W) is True, see `Inpaints`.

        Raises TextoError where too few patches of the smallest size touch no hole; larger sizes
        that leave too few are left out. `finish` and `tileable` are for syntheses. A 64 x 64
        hole in 256 x 256 takes about 2 s on two cores.
        """
        return fill_holes(self, image, mask, sources=sources, rng=rng, progress=progress)

    def restore(self, state: Mapping[str, Any]) -> KwatraModel:
        """The model whose `state()` is `state`; TextoError where it makes no sense."""
        only(state, ["exemplar"])
        exemplar = take(state, "exemplar", shape=(None, None, None), dtype=np.float32)
        exemplar = as_image(exemplar, "tensor 'exemplar'", smallest=self.smallest_patch_size)
        self.count_levels(exemplar.shape)
        return KwatraModel(self, exemplar)

    def count_levels(self, shape: tuple[int, ...]) -> int:
        """The number of levels for an exemplar of this shape; TextoError if too many."""
        sides = [min(shape[:2]) >> level for level in range(16)]
        if self.n_levels is None:
            least = max(COARSEST, 2 * self.smallest_patch_size)
            return max(1, sum(side >= least for side in sides[:LEVELS]))
        fitting = sum(side >= self.smallest_patch_size for side in sides)
        if self.n_levels > fitting:
            raise TextoError(
                "n_levels",
                f"is {self.n_levels}, at most {fitting} suit an exemplar of "
                f"{shape[1]}x{shape[0]} with smallest_patch_size={self.smallest_patch_size}",
                "lower n_levels or smallest_patch_size",
            )
        return self.n_levels

    def patch_sizes(self, shape: tuple[int, ...]) -> list[int]:
        """The patch sizes, largest first, for a level of the exemplar of this shape.

        At most half its shorter side: larger ones leave little to choose from.
        """
        size, sizes = self.patch_size, []
        while size >= self.smallest_patch_size:
            sizes.append(size)
            size //= 2
        fitting = [size for size in sizes if size <= min(shape[:2]) // 2]
        return fitting or [min(sizes[-1], *shape[:2])]


@dataclass(frozen=True, eq=False)
class KwatraModel:
    """An exemplar to optimise textures towards."""

    method: Kwatra
    exemplar: np.ndarray

    @single_blas()
    def synthesize(
        self, shape: tuple[int, int], *, rng: Rng = None, progress: Progress = silent
    ) -> np.ndarray:
        """New texture (height, width, C) float32 in [0, 1], of any size.

        Cost: O(16 h w m d / w_min^2) a pass for the search among m patches in d dimensions;
        memory is that of the m points and a few pictures.
        """
        height, width = as_shape(shape)
        periodic = PERIODIC[self.method.tileable]
        *rngs, last = generator(rng).spawn(self.method.count_levels(self.exemplar.shape) + 1)
        optimisation = _Optimisation(self, (height, width), progress)
        result = optimisation.run(rngs)[:height, :width]
        if self.method.finish == "sliced":
            result = finish(result, self.exemplar, rng=last, periodic=periodic, progress=progress)
        return np.ascontiguousarray(np.clip(result, 0, 1))

    def state(self) -> dict[str, np.ndarray]:
        """The exemplar: everything else follows from it."""
        return {"exemplar": self.exemplar}


class _Optimisation:
    """One run of the paper's algorithm, for a model and an output shape."""

    def __init__(self, model: KwatraModel, shape: tuple[int, int], progress: Progress):
        method = model.method
        self._method, self._progress = method, progress
        self._periodic, self._device = PERIODIC[method.tileable], resolve_device(method.device)
        self.pictures = pyramid(model.exemplar, method.count_levels(model.exemplar.shape))
        self._patch_sizes = [method.patch_sizes(picture.shape) for picture in self.pictures]
        self.sizes = _level_sizes(shape, self._patch_sizes, self._periodic)
        self._done, self._total = 0, method.n_iter * sum(map(len, self._patch_sizes))

    def run(self, rngs: Sequence[np.random.Generator]) -> np.ndarray:
        """The optimised texture, (height, width, C) or more; one generator a level."""
        synthesis = self._start(rngs[-1])
        for level in reversed(range(len(self.pictures))):
            for patch_size in self._patch_sizes[level]:
                database = self._database(level, patch_size, rngs[level])
                spots = self._spots(level, patch_size)
                last = level == 0 and patch_size == self._patch_sizes[0][-1]
                weighting = "robust" if last else "gaussian"
                synthesis, found, weights = self._descend(
                    synthesis, database, spots, level, weighting
                )
            if level:
                synthesis = recompose_finer(
                    self.pictures[level - 1],
                    found,
                    spots,
                    self.sizes[level - 1],
                    periodic=self._periodic,
                    weighting="robust",
                    importance=weights,
                )
        return synthesis

    def _start(self, rng: np.random.Generator) -> np.ndarray:
        """Random patches of the coarsest level, the largest that fit, side by side.

        On the grid of the search (spaced w / 4, as in the paper) their averages are so flat that
        the search finds flat patches, and a picture with a plain ground drifts to it.
        """
        picture, patch_size = self.pictures[-1], self._patch_sizes[-1][0]
        tiles = grid(self.sizes[-1], patch_size, patch_size, self._periodic)
        limits = [side - patch_size + 1 for side in picture.shape[:2]]
        corners = rng.integers(0, limits, (len(tiles), 2))
        return recompose(picture, corners, tiles)

    def _descend(
        self,
        synthesis: np.ndarray,
        database: PatchLevel,
        spots: Grid,
        level: int,
        weighting: str,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Search and average in turns, n_iter times or until hardly a patch changes its source.

        Returns the picture, the correspondence (n, 2) and the patches' weights (n,).
        """
        picture, before = database.picture, None
        end = self._done + self._method.n_iter
        while self._done < end:
            found = database.assign(synthesis, spots, _unmoved, self._device)
            squares = squared_distances(synthesis, picture, found, spots, weighting=weighting)
            weights = irls_weights(squares, spots.patch_size, picture, self._method.exponent)
            changed = 1.0 if before is None else float((found != before).any(axis=1).mean())
            synthesis = recompose(picture, found, spots, weighting=weighting, importance=weights)
            self._done = end if changed <= SETTLED else self._done + 1
            energy = float((squares ** (self._method.exponent / 2)).mean())
            self._progress(Step("synthesize", level, self._done, self._total, energy))
            before = found
        return synthesis, found, weights

    def _database(self, level: int, patch_size: int, rng: np.random.Generator) -> PatchLevel:
        return leading_patch_level(
            self.pictures[level],
            patch_size,
            n_patches=self._method.n_patches,
            n_dims=self._method.n_dims,
            kept_variance=KEPT_VARIANCE,
            rng=rng,
        )

    def _spots(self, level: int, patch_size: int) -> Grid:
        return grid(self.sizes[level], patch_size, max(1, patch_size // 4), self._periodic)


def irls_weights(
    squares: np.ndarray, patch_size: int, picture: np.ndarray, exponent: float
) -> np.ndarray:
    """omega_p = |x_p - z_p|^(r - 2) for squared distances (n,), bounded at exact copies."""
    floor = SOFTEST * patch_size**2 * picture.shape[2]
    # Divided by the floor's own weight: nothing overflows, and a common factor drops out.
    return np.maximum(squares / floor, 1) ** (exponent / 2 - 1)


def _level_sizes(
    shape: tuple[int, int], patch_sizes: Sequence[Sequence[int]], periodic: tuple[bool, bool]
) -> list[tuple[int, int]]:
    """Sizes of the synthesis, finest first: the largest patch of each level fits an open axis."""
    sizes, size = [], shape
    for level, (largest, *_) in enumerate(patch_sizes):
        size = tuple(-(-side // 2) for side in size) if level else size
        size = tuple(
            side if wraps else max(side, largest)
            for side, wraps in zip(size, periodic, strict=True)
        )
        sizes.append(size)
    return sizes


def _unmoved(points: np.ndarray) -> np.ndarray:
    return points
