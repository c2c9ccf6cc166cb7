"""Texture optimisation: every patch near some patch of the exemplar, in a robust norm."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ...core.settings import (
    PERIODIC,
)
from ...core.state import kept_exemplar, only
from ...core.threads import single_blas
from ...core.types import Progress, Rng, Step, as_image, as_shape, generator, silent
from ...steps.finish import finish
from ...steps.inpainting.wrapping import seeing_across
from .inpainting import fill_holes
from .optimisation import Optimisation
from .settings import KwatraSettings


@dataclass(frozen=True)
class Kwatra(KwatraSettings):
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

    summary = (
        "large patches brought to agree where they overlap, in a robust norm (Kwatra, Essa, "
        "Bobick, Kwatra 2005)"
    )
    good_for = "large structure; copies whole pieces, colours may drift"
    quick: ClassVar[Mapping[str, Any]] = {
        "patch_size": 16,
        "n_iter": 2,
        "n_patches": 1000,
        "device": "cpu",
    }

    def fit(
        self, exemplar: np.ndarray, *, rng: Rng = None, progress: Progress = silent
    ) -> KwatraModel:
        """Keep `exemplar` (H, W, C) in [0, 1]: the work is all in `synthesize`."""
        generator(rng)  # nothing is drawn, but a bad seed is told
        exemplar = as_image(exemplar, smallest=self.smallest_patch_size).copy()
        model = KwatraModel(self.adapted(exemplar), exemplar)
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

        Raises TextoError where too few patches of the smallest size touch no hole; larger sizes
        that leave too few are left out. `finish` is for syntheses. A 64 x 64 hole in 256 x 256
        takes about 2 s on two cores.
        """
        return fill_holes(self, image, mask, sources=sources, rng=rng, progress=progress)

    def restore(self, state: Mapping[str, np.ndarray]) -> KwatraModel:
        """The model whose `state()` is `state`; TextoError where it makes no sense."""
        only(state, ["exemplar"])
        exemplar = kept_exemplar(state, smallest=self.smallest_patch_size)
        return KwatraModel(self.adapted(exemplar), exemplar)


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
        optimisation = Optimisation(self.method, self.exemplar, (height, width), progress)
        result = optimisation.run(rngs)[:height, :width]
        if self.method.finish == "sliced":
            result = finish(result, self.exemplar, rng=last, periodic=periodic, progress=progress)
        return np.ascontiguousarray(np.clip(result, 0, 1))

    def state(self) -> dict[str, np.ndarray]:
        """The exemplar: everything else follows from it."""
        return {"exemplar": self.exemplar}
