"""What the transport of features can do beside textures: fill holes, and mix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from texto.core.contract import Model
from texto.core.types import Progress, Rng, silent
from texto.steps.inpainting.wrapping import seeing_across

from . import mixing
from .transported import Transported


@dataclass(frozen=True)
class Edits(Transported):
    """Those of the family that fill holes and mix: all of them."""

    def mix(self, models: Sequence[Model], weights: Sequence[float]) -> Model:
        """The model between `models` at `weights`, see `neural.methods.gotex.mixing.mix`."""
        return mixing.mix(self, models, weights)

    def mix_along(
        self,
        models: Sequence[Model],
        weight_map: np.ndarray,
        shape: tuple[int, int],
        *,
        rng: Rng = None,
        progress: Progress = silent,
    ) -> np.ndarray:
        """Texture whose mix follows `weight_map`, see `neural.methods.gotex.mixing.mix_along`."""
        return mixing.mix_along(self, models, weight_map, shape, rng=rng, progress=progress)

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

        The features at the holes are transported onto those elsewhere, size by size whatever
        `start` is; which are which, `neural.methods.gotex.hole_sights` tells. Networks
        see mirrored borders, but for those across which the picture is `tileable`. At the end of
        each size, with networks too, patches of pixels at the holes go to their nearest known ones
        and are averaged. Where nothing is given, steps are 0.4 of the usual, targets 4096 a layer,
        and the `learning_rate` of networks a third: `neural.methods.gotex.inpainting.for_holes`.
        Raises TextoError where too little is left to copy from. Cost: a step sees the part of
        the picture around the holes.
        """
        from .inpainting import inpaint

        return inpaint(self, image, mask, sources=sources, rng=rng, progress=progress)

    def restore(self, state: Mapping[str, np.ndarray]) -> Model:
        """The model whose `state()` is `state`; TextoError where the arrays make no sense."""
        return mixing.restore(self, state) if "mix.weights" in state else super().restore(state)
