"""Texture by sliced transport of VGG-19 features (Heitz, Vanhoey, Chambon, Belcour 2021)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from texto.core.settings import setting

from .families.networks import Networked

_LAYERS = "1_1 1_2 2_1 2_2 3_1 3_2 3_3 3_4 4_1 4_2 4_3 4_4"
_COMMON = {
    "optimizer": "lbfgs",
    "learning_rate": 0.03,
    "n_iter_dual": 0,
    "n_first_dual": 0,
    "by_chance": True,
    "noise": "around the mean",
    "options": (("pooling", "average"),),
    "raw": False,
    "exemplar_padding": "reflect",
}


@dataclass(frozen=True)
class SlicedVGG(Networked):
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

    ours: ClassVar[dict[str, Any]] = {
        **_COMMON,
        "start": "coarse",
        "optimizer": "adam",
        "n_iter": 60,
        "synthesis_padding": "periodic",
        "periodic": True,
    }
    published: ClassVar[dict[str, Any]] = {
        **_COMMON,
        "start": "noise",
        "n_iter": 4096,
        "synthesis_padding": "reflect",
        "periodic": False,
    }
    default_layers: ClassVar[str] = ",".join(f"relu{each}" for each in _LAYERS.split())
    stride: ClassVar[int] = 8

    def loss(self, work: Any) -> Any:
        """The mean over layers."""
        from ..features import normalised
        from ..losses import Sliced

        views = self.views(work)
        maps = views.targets(work.exemplar)
        features = normalised(views.synthesis, maps)
        targets = features.scaled(maps)
        return Sliced(features, targets, n_directions=self.n_directions, rng=work.rng)
