"""A generator trained on Gram matrices (Ulyanov, Lebedev, Vedaldi, Lempitsky 2016)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from .families.generators import GeneratorMethod, trained
from .gatys import Gatys

DECAY, STAGES, LEAST_RATE = 0.8, 10, 1e-3  # of Adam's step, at each of ten stages

_COMMON = {
    "n_iter": 3000,
    "learning_rate": 0.1,
    "width": 8,
    "n_scales": 6,
    "bias": True,
    "begin_like": False,
    "coarse_first": 0.0,
    "memory": 0.0,
    "n_iter_dual": 0,
    "n_first_dual": 0,
    "options": (("pooling", "max"),),
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

    ours: ClassVar[dict[str, Any]] = {**_COMMON, "n_iter": 1000, "batch_size": 1}
    published: ClassVar[dict[str, Any]] = {**_COMMON, "batch_size": 10}
    source: ClassVar[type] = Gatys
    default_layers: ClassVar[str] = "relu1_1,relu2_1,relu3_1,relu4_1,relu5_1"

    def rates(self) -> list[float]:
        """Adam's step at each step of the training: falling in stages."""
        n_iter, rate = self.chosen("n_iter"), self.chosen("learning_rate")
        least = min(rate, LEAST_RATE)
        return [max(least, rate * DECAY ** (STAGES * step // n_iter)) for step in range(n_iter)]

    def loss(self, work: Any) -> Any:
        """The distances of Gram matrices, with even gradients."""
        from ..features.even import EvenSlopes

        grams = super().loss(work)
        grams.features = EvenSlopes(grams.features)
        return grams
