"""Texture by Gram matrices of VGG-19 features (Gatys, Ecker, Bethge 2015)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from .families.networks import Networked

_COMMON = {
    "optimizer": "lbfgs",
    "learning_rate": 0.03,
    "n_iter_dual": 0,
    "n_first_dual": 0,
    "by_chance": False,
    "noise": "uniform",
    "periodic": True,
    "options": (("pooling", "average"),),
    "raw": False,
    "synthesis_padding": "periodic",
}


@dataclass(frozen=True)
class Gatys(Networked):
    """Gram matrices of VGG-19 features: relu1_1, pool1, pool2, pool3, pool4.

    Gatys, Ecker, Bethge 2015, with average pooling. By default distances relative to the
    exemplar's Gram matrices, 80 evaluations of L-BFGS at full size, from a coarse picture up,
    and periodic pictures; the exemplar is mirrored at its border. `as_published`: from noise,
    2000 evaluations, plain distances, zero padding; on torchvision's weights, not on rescaled
    ones, and without the notebook's histogram matching.
    """

    ours: ClassVar[dict[str, Any]] = {
        **_COMMON,
        "start": "coarse",
        "n_iter": 80,
        "scale": "relative",
        "exemplar_padding": "reflect",
    }
    published: ClassVar[dict[str, Any]] = {
        **_COMMON,
        "start": "noise",
        "n_iter": 2000,
        "scale": "published",
        "exemplar_padding": "zero",
        "synthesis_padding": "zero",
        "periodic": False,
    }
    default_layers: ClassVar[str] = "relu1_1,pool1,pool2,pool3,pool4"

    def loss(self, work: Any) -> Any:
        """The mean over layers, as published the sum."""
        from ..losses import Gram

        views, scale = self.views(work), self.chosen("scale")
        weights = 1.0 if scale == "published" else None
        targets = views.targets(work.exemplar)
        return Gram(views.synthesis, targets, weights=weights, scale=scale)
