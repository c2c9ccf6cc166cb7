"""A generator trained on Gram matrices (Ulyanov, Lebedev, Vedaldi, Lempitsky 2016)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from .families.descent import PictureDescent
from .families.generators import GeneratorMethod, Presets, presets_of, trained
from .gatys import Gatys

if TYPE_CHECKING:
    from ..losses.base import Additive
    from ..steps.work import Work

DECAY, STAGES, LEAST_RATE = 0.8, 10, 1e-3  # of Adam's step, at each of ten stages

_COMMON = {
    "learning_rate": 0.1,
    "width": 8,
    "bias": True,
    "begin_like": False,
    "memory": 0.0,
    "pooling": "max",
}


@dataclass(frozen=True)
class TexNet(GeneratorMethod):
    """A generator trained on Gram matrices of VGG-19: relu1_1, relu2_1, relu3_1, relu4_1, relu5_1.

    Ulyanov, Lebedev, Vedaldi, Lempitsky 2016, as the patch paper compares with it: 117,000
    parameters, Adam's step 0.1, times 0.8 at each tenth of the training, max pooling, and each
    layer's gradient divided by its L1 norm. By default 1000 steps on one sample each, on a torus,
    the exemplar mirrored at its border. `as_published`: 3000 steps on 10 samples, VGG-19 with
    zero padding.
    """

    layers: str = trained(Gatys, "layers")
    weights: str = trained(Gatys, "weights")
    fill_missing: bool = trained(Gatys, "fill_missing")

    pooling: str = trained(Gatys, "pooling")
    exemplar_padding: str = trained(Gatys, "exemplar_padding")
    synthesis_padding: str = trained(Gatys, "synthesis_padding")
    scale: str = trained(Gatys, "scale")

    summary: ClassVar[str] = (
        "generator trained on Gram matrices (Ulyanov, Lebedev, Vedaldi, Lempitsky 2016)"
    )
    good_for: ClassVar[str] = "comparing with the classic of generators"
    quick: ClassVar[Mapping[str, Any]] = {
        "n_iter": 3,
        "sample_size": 32,
        "width": 2,
        "n_scales": 3,
        "n_calibration": 1,
        "weights": "random",
        "layers": "random5",
        "device": "cpu",
    }
    source: ClassVar[type[PictureDescent]] = Gatys
    presets: ClassVar[Presets] = presets_of(
        Gatys,
        {**_COMMON, "n_iter": 1000, "batch_size": 1},
        {**_COMMON, "n_iter": 3000, "batch_size": 10},
    )
    default_layers: ClassVar[str] = "relu1_1,relu2_1,relu3_1,relu4_1,relu5_1"

    def rates(self) -> list[float]:
        """Adam's step at each step of the training: falling in stages."""
        n_iter, rate = self.n_iter, self.learning_rate
        least = min(rate, LEAST_RATE)
        return [max(least, rate * DECAY ** (STAGES * step // n_iter)) for step in range(n_iter)]

    def loss(self, work: Work) -> Additive:
        """The distances of Gram matrices, with even gradients."""
        from ..features.even import EvenSlopes

        grams = super().loss(work)
        for _, term in grams.terms:
            term.features = EvenSlopes(term.features)
        return grams
