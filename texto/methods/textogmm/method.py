"""TextoGMM: multiscale patch transport between Gaussian mixtures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core.contract import Model
from ...core.errors import TextoError
from ...core.settings import (
    PERIODIC,
    check_settings,
    device_setting,
    finish_setting,
    setting,
    tileable_setting,
)
from ...core.state import only, take
from ...core.threads import single_blas
from ...core.types import Progress, Rng, as_image, as_shape, generator, silent
from ...patches.database import PatchLevel, draw_corners, patch_level
from ...patches.extraction import extract_at
from ...patches.noise import field_like
from ...patches.pyramid import fitting_sizes, pyramid
from ...patches.recompose import WEIGHTINGS
from ...patches.search import resolve_device
from ...steps.finish import finish
from ...steps.guiding.guidance import WEIGHT
from ...steps.sweep import Sweep
from ...transport.em import fit_mixture
from ...transport.gmm_map import GmmPlan, gmm_plan
from ...transport.mixture import GaussianMixture
from . import guiding as guided
from . import mixing as mixed
from .inpainting import fill_holes
from .level import GmmLevel

COARSEST = 32  # pixels: the shortest side that an automatic coarsest level may have
LEAST_SEARCHED = 64  # patches: with fewer the coarsest level has nothing to choose from
TRAINING = (128, 256)  # pixels: least and greatest side of the synthesis that `fit` learns from


@dataclass(frozen=True)
class TextoGMM:
    """Texture by optimal transport between Gaussian mixtures of patches, coarse to fine.

    Delon, Desolneux, Facq, Leclaire 2023. At each pyramid level the patches of the synthesis and
    of the exemplar are modelled by Gaussian mixtures; the map of the optimal plan between them
    corrects the synthesis, whose patches are then replaced by their nearest neighbours in the
    exemplar and averaged; the same correspondence on the next finer grid carries it up.
    Beyond the published form, sliced-transport steps keep the statistics between passes, the
    coarse levels are passed several times, the search sees a share of the patches, and a
    finishing pass takes the blur of averaging away. The published form is
    `n_iter=1, n_iter_sliced=0, search_share=1, finish="none"`.
    """

    patch_size: int = setting(8, "side of a patch in pixels, at every level", low=2, high=64)
    n_levels: int | None = setting(
        None, "pyramid levels; none: until the coarsest is 32 pixels or more", low=1, high=12
    )
    n_components: int = setting(10, "Gaussians in each mixture", low=1, high=200)
    stride: int | None = setting(
        None, "pixels between neighbouring patches; none: patch_size / 4", low=1, high=64
    )
    n_iter: int = setting(
        4, "transport passes at the coarsest level, one fewer at each finer one", low=1, high=100
    )
    n_iter_sliced: int = setting(
        5,
        "sliced-transport steps between passes, six times as many on the start; 0: none",
        low=0,
        high=50,
    )
    n_patches: int = setting(
        10_000, "random patches for EM and for the search", low=2, high=10_000_000
    )
    search_share: float = setting(
        0.2,
        "largest share of a level's patches in the search; near 1 the result copies the exemplar",
        low=0.001,
        high=1,
    )
    search_all: bool = setting(False, "search among all patches of the exemplar")
    n_dims: int | None = setting(
        48, "largest dimension of the patch space; none: no limit", low=1, high=100_000
    )
    kept_variance: float = setting(
        0.99, "share of the patches' variance that the patch space keeps", low=0.01, high=1
    )
    covariance: str = setting("full", "covariances of the mixtures", choices=("full", "diag"))
    n_iter_em: int = setting(15, "EM steps at most", low=1, high=10_000)
    map: str = setting(
        "barycentric",
        "how a patch follows the plan; identity: not at all, for comparison",
        choices=("barycentric", "random", "identity"),
    )
    recomposition: str = setting(
        "mean", "how overlapping patches are averaged", choices=WEIGHTINGS, stage="synthesis"
    )
    finish: str = finish_setting("sliced")
    tileable: str = tileable_setting()
    device: str = device_setting()

    def __post_init__(self):
        check_settings(self)
        if self.stride is not None and self.stride > self.patch_size:
            raise TextoError(
                "stride", f"is {self.stride}, patch_size is {self.patch_size}", "patches must touch"
            )

    @single_blas()
    def fit(
        self, exemplar: np.ndarray, *, rng: Rng = None, progress: Progress = silent
    ) -> TextoGMMModel:
        """Estimate the maps of all levels on a training synthesis (the poster's loop).

        exemplar : (H, W, C) in [0, 1], any C. Raises TextoError where it is too small for the
        settings. Cost: EM and search on `n_patches` patches a level and pass, so it hardly
        grows with the exemplar.
        """
        exemplar = as_image(exemplar, smallest=self.patch_size).copy()
        pictures = pyramid(exemplar, self.count_levels(exemplar.shape))
        *rngs, last = generator(rng).spawn(len(pictures) + 1)
        databases = [self._database(*pair) for pair in zip(pictures, rngs, strict=True)]
        fits = [_LevelFit(self, *pair) for pair in zip(databases, rngs, strict=True)]
        sizes = [
            tuple(int(np.clip(side, *TRAINING)) for side in picture.shape[:2])
            for picture in pictures
        ]
        start = field_like(pictures[-1], sizes[-1], rngs[-1])
        sweep = self.sweep(databases, sizes, "fit", progress, (False, False))
        sweep.run(start, lambda level, _, synthesis: fits[level].learn(synthesis), rng=last)
        return TextoGMMModel(self, exemplar, tuple(fit.level() for fit in fits))

    def mix(self, models: Sequence[Model], weights: Sequence[float]) -> Model:
        """The model between `models` at `weights`, see `texto.methods.textogmm.mixing.mix`."""
        return mixed.mix(self, models, weights)

    def mix_along(
        self,
        models: Sequence[Model],
        weight_map: np.ndarray,
        shape: tuple[int, int],
        *,
        rng: Rng = None,
        progress: Progress = silent,
    ) -> np.ndarray:
        """Texture whose mix follows `weight_map`, see `texto.methods.textogmm.mixing.mix_along`."""
        return mixed.mix_along(self, models, weight_map, shape, rng=rng, progress=progress)

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

        Raises TextoError where too few patches of `patch_size` touch no hole. The search sees
        all known patches and averages are robust: `search_share`, `recomposition` and `tileable`
        are for syntheses. A 64 x 64 hole in 256 x 256 takes about 2 s on two cores.
        """
        return fill_holes(self, image, mask, sources=sources, rng=rng, progress=progress)

    def guide(
        self,
        exemplar: np.ndarray,
        picture: np.ndarray,
        shape: tuple[int, int] | None = None,
        *,
        weight: float = WEIGHT,
        rng: Rng = None,
        progress: Progress = silent,
    ) -> np.ndarray:
        """The texture of `exemplar` along the luminance of `picture`, see `Guides`.

        The maps are learnt in the run, so it takes the time of a fit and a synthesis.
        """
        return guided.guide(
            self,
            exemplar,
            picture,
            shape,
            database=self._database,
            learner=_LevelFit,
            weight=weight,
            rng=rng,
            progress=progress,
        )

    def restore(self, state: Mapping[str, Any]) -> TextoGMMModel | mixed.MixedModel:
        """The model whose `state()` is `state`; TextoError where the arrays make no sense."""
        if "mix.weights" in state:
            return mixed.restore(self, state)
        exemplar = take(state, "exemplar", shape=(None, None, None), dtype=np.float32)
        exemplar = as_image(exemplar, "tensor 'exemplar'", smallest=self.patch_size)
        pictures = pyramid(exemplar, self.count_levels(exemplar.shape))
        passes = self.passes(len(pictures)) if self.map != "identity" else [0] * len(pictures)
        levels = tuple(
            GmmLevel.restore(state, f"level{number}.", picture, self.patch_size, count)
            for number, (picture, count) in enumerate(zip(pictures, passes, strict=True))
        )
        model = TextoGMMModel(self, exemplar, levels)
        only(state, model.state())
        return model

    def count_levels(self, shape: tuple[int, ...]) -> int:
        """The number of levels for an exemplar of this shape; TextoError if too many."""
        sides = [min(shape[:2]) >> level for level in range(16)]
        if self.n_levels is None:
            count = max(1, sum(side >= COARSEST for side in sides))
        else:
            count = self.n_levels
        fitting = sum(self.windows(shape, level) >= self.n_components for level in range(16))
        if fitting == 0:
            raise TextoError(
                "exemplar",
                f"has only {self.windows(shape, 0)} patches for n_components={self.n_components}",
                "lower n_components or patch_size",
            )
        if count > fitting and self.n_levels is not None:
            raise TextoError(
                "n_levels",
                f"is {count}, at most {fitting} suit an exemplar of {shape[1]}x{shape[0]} "
                f"with patch_size={self.patch_size} and n_components={self.n_components}",
                "lower n_levels, patch_size or n_components",
            )
        return min(count, fitting)

    def windows(self, shape: tuple[int, ...], level: int) -> int:
        """How many different patches a level of the exemplar has."""
        return int(np.prod([max(0, (side >> level) - self.patch_size + 1) for side in shape[:2]]))

    def passes(self, n_levels: int) -> list[int]:
        """Transport passes of each level, finest first: structure is made at the coarse ones."""
        return [max(1, self.n_iter - (n_levels - 1 - level)) for level in range(n_levels)]

    def _database(self, picture: np.ndarray, rng: np.random.Generator) -> PatchLevel:
        return patch_level(
            picture,
            self.patch_size,
            n_patches=self.count_searched(picture.shape),
            n_dims=self.n_dims,
            kept_variance=self.kept_variance,
            rng=rng,
        )

    def count_searched(self, shape: tuple[int, ...]) -> int:
        """How many patches of a level the search uses."""
        windows = self.windows(shape, 0)
        if self.search_all:
            return windows
        least = min(LEAST_SEARCHED, windows)
        return max(least, min(self.n_patches, int(self.search_share * windows)))

    def sweep(
        self,
        databases: Sequence[PatchLevel],
        sizes: Sequence[tuple[int, int]],
        stage: str,
        progress: Progress,
        periodic: tuple[bool, bool],
    ) -> Sweep:
        return Sweep(
            databases=databases,
            sizes=sizes,
            passes=self.passes(len(databases)),
            stride=self.stride or max(1, self.patch_size // 4),
            recomposition=self.recomposition,
            n_iter_sliced=self.n_iter_sliced,
            device=resolve_device(self.device),
            periodic=periodic,
            stage=stage,
            progress=progress,
        )


@dataclass(frozen=True, eq=False)
class TextoGMMModel:
    """A fitted TextoGMM: for each level, finest first, its patches and its plans."""

    method: TextoGMM
    exemplar: np.ndarray
    levels: tuple[GmmLevel, ...]

    @single_blas()
    def synthesize(
        self, shape: tuple[int, int], *, rng: Rng = None, progress: Progress = silent
    ) -> np.ndarray:
        """New texture (height, width, C) float32 in [0, 1], of any size.

        Nothing is estimated here: the plans of the fit are applied. Cost: O(h w m d / stride^2)
        for the search among m patches in d dimensions; memory is that of a few pictures.
        """
        height, width = as_shape(shape)
        periodic = PERIODIC[self.method.tileable]
        *rngs, last = generator(rng).spawn(len(self.levels) + 1)
        sizes = fitting_sizes((height, width), len(self.levels), self.method.patch_size, periodic)
        databases = [level.database for level in self.levels]
        start = field_like(databases[-1].picture, sizes[-1], rngs[-1], periodic=periodic)
        sweep = self.method.sweep(databases, sizes, "synthesize", progress, periodic)
        random = self.method.map == "random"
        result = sweep.run(
            start,
            lambda level, number, _: self.levels[level].transport(
                number, rngs[level] if random else None
            ),
            rng=last,
        )
        result = result[:height, :width]
        if self.method.finish == "sliced":
            result = finish(result, self.exemplar, rng=last, periodic=periodic, progress=progress)
        return np.ascontiguousarray(result)

    def state(self) -> dict[str, np.ndarray]:
        """The exemplar and, per level, patch space, database and mixtures."""
        state = {"exemplar": self.exemplar}
        for number, level in enumerate(self.levels):
            state |= level.state(f"level{number}.")
        return state


class _LevelFit:
    """One level while it is being fitted: learns one plan a pass."""

    def __init__(self, method: TextoGMM, database: PatchLevel, rng: np.random.Generator):
        self._method, self._database, self._rng = method, database, rng
        self._target: GaussianMixture | None = None
        self._plans: list[GmmPlan] = []
        self._converged: list[bool] = []

    def learn(self, synthesis: np.ndarray):
        """The transport of `synthesis` to the exemplar, estimated and kept."""
        if self._method.map != "identity":
            if self._target is None:
                self._target = self._mixture(self._database.picture)
            source = self._mixture(synthesis)
            self._plans.append(gmm_plan(source, self._target))
        level = self.level()
        rng = self._rng if self._method.map == "random" else None
        return level.transport(len(level.plans) - 1, rng)

    def level(self) -> GmmLevel:
        """What has been learnt so far."""
        return GmmLevel(self._database, tuple(self._plans), tuple(self._converged))

    def _mixture(self, picture: np.ndarray):
        method = self._method
        corners = draw_corners(picture.shape, method.patch_size, method.n_patches, self._rng)
        points = self._database.space.project(extract_at(picture, corners, method.patch_size))
        fit = fit_mixture(
            points,
            method.n_components,
            rng=self._rng,
            covariance=method.covariance,
            n_iter=method.n_iter_em,
        )
        self._converged.append(fit.converged)
        return fit.mixture
