"""TextoGMM: multiscale patch transport between Gaussian mixtures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ...core.contract import Model
from ...core.settings import PERIODIC
from ...core.state import kept_exemplar, only
from ...core.threads import single_blas
from ...core.types import Progress, Rng, as_image, as_shape, generator, silent
from ...patches.noise import field_like
from ...patches.pyramid import fitting_sizes, pyramid
from ...steps.finish import finish
from ...steps.guiding.guidance import WEIGHT
from ...steps.inpainting.wrapping import seeing_across
from . import guiding as guided
from . import mixing as mixed
from .inpainting import fill_holes
from .level import GmmLevel
from .level_fit import LevelFit, training_size
from .settings import TextoGMMSettings


@dataclass(frozen=True)
class TextoGMM(TextoGMMSettings):
    """Texture by optimal transport between Gaussian mixtures of patches, coarse to fine.

    Delon, Desolneux, Facq, Leclaire 2023. At each pyramid level the patches of the synthesis and
    of the exemplar are modelled by Gaussian mixtures; the map of the optimal plan between them
    corrects the synthesis, whose patches are then replaced by their nearest neighbours in the
    exemplar and averaged; the same correspondence on the next finer grid carries it up.
    Beyond the published form, sliced-transport steps keep the statistics between passes, the
    coarse levels are passed several times, the search sees a share of the patches, averages fall
    off towards the patches' rims, and a finishing pass takes the blur of averaging away. The
    published form is
    `n_iter=1, n_iter_sliced=0, search_share=1, recomposition="mean", finish="none"`.
    """

    summary = (
        "patches moved by optimal transport between Gaussian mixtures, coarse to fine "
        "(Delon, Desolneux, Facq, Leclaire 2023)"
    )
    good_for = "the closest statistics of small patches; fine grain without structure"
    quick: ClassVar[Mapping[str, Any]] = {
        "patch_size": 6,
        "n_components": 3,
        "n_patches": 600,
        "n_iter": 2,
        "n_iter_em": 5,
        "n_iter_sliced": 0,
        "n_dims": 12,
        "stride": 3,
        "device": "cpu",
    }

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
        method = self.adapted(exemplar)
        pictures = pyramid(exemplar, method.count_levels(exemplar.shape))
        *rngs, last = generator(rng).spawn(len(pictures) + 1)
        databases = [self.database(*pair) for pair in zip(pictures, rngs, strict=True)]
        fits = [LevelFit(self, *pair) for pair in zip(databases, rngs, strict=True)]
        sizes = [training_size([picture]) for picture in pictures]
        start = field_like(pictures[-1], sizes[-1], rngs[-1])
        sweep = self.sweep(databases, sizes, "fit", progress, (False, False))
        sweep.run(start, lambda level, _, synthesis: fits[level].learn(synthesis), rng=last)
        return TextoGMMModel(method, exemplar, tuple(fit.level() for fit in fits))

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

        Raises TextoError where too few patches of `patch_size` touch no hole. The search sees
        all known patches and averages are robust: `search_share` and `recomposition` are
        for syntheses. A 64 x 64 hole in 256 x 256 takes about 2 s on two cores.
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
            self, exemplar, picture, shape, weight=weight, rng=rng, progress=progress
        )

    def restore(self, state: Mapping[str, np.ndarray]) -> TextoGMMModel | mixed.MixedModel:
        """The model whose `state()` is `state`; TextoError where the arrays make no sense."""
        if "mix.weights" in state:
            return mixed.restore(self, state)
        exemplar = kept_exemplar(state, smallest=self.patch_size)
        method = self.adapted(exemplar)
        pictures = pyramid(exemplar, method.count_levels(exemplar.shape))
        levels = tuple(
            GmmLevel.restore(state, f"level{number}.", picture, self.patch_size, count)
            for number, (picture, count) in enumerate(
                zip(pictures, self.plans(len(pictures)), strict=True)
            )
        )
        model = TextoGMMModel(method, exemplar, levels)
        only(state, model.state())
        return model


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
