"""Texture by optimisation of the transport cost between patches, at all scales at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ...core.contract import Model
from ...core.settings import PERIODIC
from ...core.state import kept_exemplar, only
from ...core.threads import single_blas
from ...core.types import Progress, Rng, Step, as_image, as_shape, generator, silent
from ...steps.finish import finish
from ...steps.inpainting.wrapping import seeing_across
from . import guiding as guided
from . import mixing as mixed
from .descent import energies, run
from .inpainting import fill_holes
from .settings import PatchOTSettings

GUIDE_WEIGHT = 0.4  # faces are told by it, and the patches still are the exemplar's


@dataclass(frozen=True)
class PatchOT(PatchOTSettings):
    """Image optimisation: patches of all scales transported onto the exemplar's.

    Houdard, Leclaire, Papadakis, Rabin 2020, Algorithm 1: potentials rise by averaged
    stochastic ascent, the picture goes down the closed-form gradient of the transport cost, by
    Adam. The default starts at the coarsest level and goes up through the matches, each step
    looks at random subsets of patches, and all the exemplar's patches are targets. The published
    form is `start="noise", n_iter=150, learning_rate=0.01, n_levels=4, n_patches=2000,
    tolerance=0`: from noise, the loss falls too slowly for the default tolerance.
    """

    summary = (
        "the transport cost between all patches, at all scales, lowered by gradient descent on "
        "the picture (Houdard, Leclaire, Papadakis, Rabin 2020)"
    )
    good_for = "the sharpest pictures and the best scores; optimises every picture anew"
    quick: ClassVar[Mapping[str, Any]] = {
        "n_iter": 2,
        "n_iter_dual": 2,
        "n_patches": 500,
        "n_queries": 400,
        "device": "cpu",
    }

    def fit(
        self, exemplar: np.ndarray, *, rng: Rng = None, progress: Progress = silent
    ) -> PatchOTModel:
        """The exemplar (H, W, C) in [0, 1], checked and kept: all work is in the synthesis.

        Raises TextoError where it is too small for the settings.
        """
        generator(rng)  # nothing is drawn, but a bad seed is told
        exemplar = as_image(exemplar, smallest=self.patch_size).copy()
        model = PatchOTModel(self.adapted(exemplar), exemplar)
        progress(Step("fit", 0, 1, 1))
        return model

    @seeing_across
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
        is for syntheses. A 64 x 64 hole in 256 x 256 takes about 2 s on two
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
        return guided.guide(
            self, exemplar, picture, shape, weight=weight, rng=rng, progress=progress
        )

    def restore(self, state: Mapping[str, np.ndarray]) -> PatchOTModel | mixed.MixedCostModel:
        """The model whose `state()` is `state`; TextoError where the arrays make no sense."""
        if "mix.weights" in state:
            return mixed.restore(self, state)
        only(state, ["exemplar"])
        exemplar = kept_exemplar(state, smallest=self.patch_size)
        return PatchOTModel(self.adapted(exemplar), exemplar)


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
