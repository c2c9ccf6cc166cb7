"""Texture by sliced transport of VGG-19 features (Heitz, Vanhoey, Chambon, Belcour 2021)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from texto.core.settings import setting

from .families.networks import QUICK, WithVGG

if TYPE_CHECKING:
    from ..losses.base import Additive
    from ..steps.work import Work

_LAYERS = "1_1 1_2 2_1 2_2 3_1 3_2 3_3 3_4 4_1 4_2 4_3 4_4"
_COMMON = {
    "noise": "mean",
    "learning_rate": 0.03,
    "pooling": "average",
    "exemplar_padding": "reflect",
}


@dataclass(frozen=True)
class SlicedVGG(WithVGG):
    """Sliced transport of VGG-19 features: the twelve layers relu1_1 ... relu4_4.

    Heitz, Vanhoey, Chambon, Belcour 2021, with average pooling, each layer in units of its norm
    on the exemplar, and new random directions in every step, as many as a layer has channels.
    By default 60 Adam steps of 0.03 at full size, from a coarse picture up, and periodic
    pictures. `as_published`: from the mean colour, 64 bursts of L-BFGS, 4096 evaluations, and
    mirrored borders; a burst keeps its directions. Any size: quantiles are interpolated.
    """

    n_directions: int | None = setting(
        None,
        "random directions a layer and step; none: as many as it has channels",
        low=1,
        high=10_000,
        stage="synthesis",
    )

    summary: ClassVar[str] = (
        "sliced transport of VGG-19 features (Heitz, Vanhoey, Chambon, Belcour 2021)"
    )
    good_for: ClassVar[str] = "fine structure of photographs, where the weights are there"
    quick: ClassVar[Mapping[str, Any]] = {"n_directions": 8, **QUICK}
    presets: ClassVar[Mapping[bool, Mapping[str, Any]]] = {
        False: {
            **_COMMON,
            "start": "coarse",
            "optimizer": "adam",
            "n_iter": 60,
            "synthesis_padding": "periodic",
        },
        True: {
            **_COMMON,
            "start": "noise",
            "optimizer": "lbfgs",
            "n_iter": 4096,
            "synthesis_padding": "reflect",
        },
    }
    default_layers: ClassVar[str] = ",".join(f"relu{each}" for each in _LAYERS.split())
    stride: ClassVar[int] = 8

    def loss(self, work: Work) -> Additive:
        """The mean over layers."""
        from ..features import normalised
        from ..losses import Sliced

        views = self.views(work)
        maps = views.targets(work.exemplar)
        features = normalised(views.synthesis, maps)
        targets = features.scaled(maps)
        return Sliced(features, targets, n_directions=self.n_directions, rng=work.rng)
