"""Texture by optimisation of the transport cost between patches, at all scales at once."""

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
from ...core.types import Progress, Rng, Step, as_image, as_shape, generator, silent
from ...steps.adam import WINDOW
from ...steps.finish import finish
from . import guiding as guided
from . import mixing as mixed
from .descent import energies, run
from .inpainting import fill_holes

COARSEST = 32  # pixels: an automatic coarsest level is shorter than twice this,
PUBLISHED = 4  # and there are as many levels as published where that leaves
LEAST = 16  # pixels
GUIDE_WEIGHT = 0.4  # faces are told by it, and the patches still are the exemplar's
LEAST_PATCHES = 16  # with fewer, a level has nothing to say


@dataclass(frozen=True)
class PatchOT:
    """Image optimisation: patches of all scales transported onto the exemplar's.

    Houdard, Leclaire, Papadakis, Rabin 2020, Algorithm 1: potentials rise by averaged
    stochastic ascent, the picture goes down the closed-form gradient of the transport cost, by
    Adam. The default starts at the coarsest level and goes up through the matches, each step
    looks at random subsets of patches, and all the exemplar's patches are targets. The published
    form is `start="noise", n_iter=150, learning_rate=0.01, n_levels=4, n_patches=2000,
    tolerance=0`: from noise, the loss falls too slowly for the default tolerance.
    """

    patch_size: int = setting(4, "side of a patch in pixels, at every level", low=2, high=16)
    n_levels: int | None = setting(
        None,
        f"pyramid levels; none: {PUBLISHED}, more where the coarsest would be {2 * COARSEST} "
        f"pixels or more, fewer where it would be under {LEAST}",
        low=1,
        high=12,
        stage="synthesis",
    )
    start: str = setting(
        "coarse",
        "coarse: level by level, from a Gaussian field; noise: all levels at once, from noise",
        choices=("coarse", "noise"),
        stage="synthesis",
    )
    n_iter: int = setting(
        30,
        "image steps at full size, half as many more at each coarser level",
        low=1,
        high=100_000,
        stage="synthesis",
    )
    n_iter_dual: int = setting(
        15,
        "ascent steps when a level joins, then one with each image step; 0: none, psi = 0",
        low=0,
        high=10_000,
        stage="synthesis",
    )
    learning_rate: float = setting(
        0.02, "Adam's step, in grey values of [0, 1]", low=1e-5, high=1, stage="synthesis"
    )
    dual_rate: float = setting(
        0.3,
        "first ascent step, in units of the mean cost of a match",
        low=0,
        high=100,
        stage="synthesis",
    )
    n_patches: int | None = setting(
        None,
        "target patches a level, drawn once; none: all",
        low=2,
        high=10_000_000,
        stage="synthesis",
    )
    n_queries: int = setting(
        4096,
        "patches of the synthesis in a step and level; never fewer than cover it without gaps",
        low=1,
        high=10_000_000,
        stage="synthesis",
    )
    kept_variance: float = setting(
        0.97,
        "share of the patches' variance that the search sees",
        low=0.01,
        high=1,
        stage="synthesis",
    )
    tolerance: float = setting(
        0.002,
        f"a level ends when the mean losses of {WINDOW} steps and of the {WINDOW} before differ "
        "by less than this share; 0: after all its steps",
        low=0,
        high=1,
        stage="synthesis",
    )
    finish: str = finish_setting()
    tileable: str = tileable_setting()
    device: str = device_setting()

    def __post_init__(self):
        check_settings(self)

    def fit(
        self, exemplar: np.ndarray, *, rng: Rng = None, progress: Progress = silent
    ) -> PatchOTModel:
        """The exemplar (H, W, C) in [0, 1], checked and kept: all work is in the synthesis.

        Raises TextoError where it is too small for the settings.
        """
        generator(rng)  # nothing is drawn, but a bad seed is told
        exemplar = as_image(exemplar, smallest=self.patch_size).copy()
        self.count_levels(exemplar.shape)
        progress(Step("fit", 0, 1, 1))
        return PatchOTModel(self, exemplar)

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

        The patches that touch the holes are transported onto those that touch none, level by
        level whatever `start` is. Raises TextoError where too few of these are left. `finish`
        and `tileable` are for syntheses. A 64 x 64 hole in 256 x 256 takes about 2 s on two
        cores.
        """
        return fill_holes(self, image, mask, sources=sources, rng=rng, progress=progress)

    def mix(self, models: Sequence[Model], weights: Sequence[float]) -> Model:
        """The model between `models` at `weights`, see `texto.methods.patch_ot.mixing.mix`."""
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
        """Texture whose mix follows `weight_map`, see `texto.methods.patch_ot.mixing.mix_along`."""
        return mixed.mix_along(self, models, weight_map, shape, rng=rng, progress=progress)

    def guide(
        self,
        exemplar: np.ndarray,
        picture: np.ndarray,
        shape: tuple[int, int] | None = None,
        *,
        weight: float = GUIDE_WEIGHT,
        rng: Rng = None,
        progress: Progress = silent,
    ) -> np.ndarray:
        """The texture of `exemplar` along the luminance of `picture`, see `Guides`.

        The potentials let each patch of the exemplar be used its share.
        """
        options = {"weight": weight, "rng": rng, "progress": progress}
        return guided.guide(self, exemplar, picture, shape, **options)

    def restore(self, state: Mapping[str, Any]) -> PatchOTModel | mixed.MixedCostModel:
        """The model whose `state()` is `state`; TextoError where the arrays make no sense."""
        if "mix.weights" in state:
            return mixed.restore(self, state)
        only(state, ["exemplar"])
        exemplar = take(state, "exemplar", shape=(None, None, None), dtype=np.float32)
        exemplar = as_image(exemplar, "tensor 'exemplar'", smallest=self.patch_size)
        self.count_levels(exemplar.shape)
        return PatchOTModel(self, exemplar)

    def image_steps(self, level: int) -> int:
        """Image steps at `level`, 0 the finest."""
        return self.n_iter + self.n_iter * level // 2

    def count_levels(self, shape: tuple[int, ...]) -> int:
        """The number of levels for an exemplar of this shape; TextoError if too many."""
        sides = [[side >> level for side in shape[:2]] for level in range(12)]
        patches = [
            max(0, height - self.patch_size + 1) * max(0, width - self.patch_size + 1)
            for height, width in sides
        ]
        fitting = max(1, sum(count >= LEAST_PATCHES for count in patches))
        if self.n_levels is None:
            usual, most = (sum(min(side) >= least for side in sides) for least in (COARSEST, LEAST))
            return min(fitting, max(1, usual, min(PUBLISHED, most)))
        if self.n_levels > fitting:
            raise TextoError(
                "n_levels",
                f"is {self.n_levels}, at most {fitting} suit an exemplar of "
                f"{shape[1]}x{shape[0]} with patch_size={self.patch_size}",
                "lower n_levels or patch_size",
            )
        return self.n_levels


@dataclass(frozen=True, eq=False)
class PatchOTModel:
    """An exemplar to optimise pictures towards."""

    method: PatchOT
    exemplar: np.ndarray

    @single_blas()
    def synthesize(
        self, shape: tuple[int, int], *, rng: Rng = None, progress: Progress = silent
    ) -> np.ndarray:
        """New texture (height, width, C) float32 in [0, 1], of any size.

        `progress` gets the loss of every step: the mean over the levels in play of the semi-dual
        value, a lower bound of the transport cost once the potentials have converged.
        Cost: an image step searches for max(n_queries, h w / patch_size^2) patches among the
        level's targets; memory is that of a few pictures.
        """
        method, rng, shape = self.method, generator(rng), as_shape(shape)
        result = run(
            method,
            method.count_levels(self.exemplar.shape),
            lambda sizes: energies(method, self.exemplar, len(sizes), rng),
            shape,
            rng=rng,
            progress=progress,
        )
        if method.finish == "sliced":
            periodic = PERIODIC[method.tileable]
            result = finish(result, self.exemplar, rng=rng, periodic=periodic, progress=progress)
        return result

    def state(self) -> dict[str, np.ndarray]:
        """The exemplar."""
        return {"exemplar": self.exemplar}
