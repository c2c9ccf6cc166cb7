"""Texture by Gram matrices of VGG-19 features (Gatys, Ecker, Bethge 2015)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from texto.core.settings import setting

from .families.networks import QUICK, WithVGG

if TYPE_CHECKING:
    from ..losses.base import Additive
    from ..steps.work import Work

_COMMON = {"noise": "uniform", "optimizer": "lbfgs", "learning_rate": 0.03, "pooling": "average"}


@dataclass(frozen=True)
class Gatys(WithVGG):
    """Gram matrices of VGG-19 features: relu1_1, pool1, pool2, pool3, pool4.

    Gatys, Ecker, Bethge 2015, with average pooling. By default distances relative to the
    exemplar's Gram matrices, 80 evaluations of L-BFGS at full size, from a coarse picture up,
    and periodic pictures; the exemplar is mirrored at its border. `as_published`: from noise,
    2000 evaluations, plain distances, zero padding; on torchvision's weights, not on rescaled
    ones, and without the notebook's histogram matching.
    """

    scale: str = setting(
        None,
        "distances of Gram matrices: relative to the exemplar's, their mean over layers, or as "
        "published, their sum; none: by as_published",
        choices=("relative", "published"),
        stage="synthesis",
        older=None,
    )

    summary: ClassVar[str] = "Gram matrices of VGG-19 features (Gatys, Ecker, Bethge 2015)"
    good_for: ClassVar[str] = "comparing with the classic of network features"
    quick: ClassVar[Mapping[str, Any]] = QUICK
    presets: ClassVar[Mapping[bool, Mapping[str, Any]]] = {
        False: {
            **_COMMON,
            "start": "coarse",
            "n_iter": 80,
            "scale": "relative",
            "exemplar_padding": "reflect",
            "synthesis_padding": "periodic",
        },
        True: {
            **_COMMON,
            "start": "noise",
            "n_iter": 2000,
            "scale": "published",
            "exemplar_padding": "zero",
            "synthesis_padding": "zero",
        },
    }
    default_layers: ClassVar[str] = "relu1_1,pool1,pool2,pool3,pool4"
    by_chance: ClassVar[bool] = False

    def loss(self, work: Work) -> Additive:
        """The mean over layers, as published the sum."""
        from ..losses import Gram

        views = self.views(work)
        weights = 1.0 if self.scale == "published" else None
        targets = views.targets(work.exemplar)
        return Gram(views.synthesis, targets, weights=weights, scale=self.scale)
