"""Texture by optimal transport of features: of patches, and of networks.

Houdard, Leclaire, Papadakis, Rabin 2020 and 2023 (GOTEX), Spagnoletti 2024 (with Inception).
All start coarse and grow by default, which finds large structures and is several times faster;
`as_published` starts from noise at full size.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from texto.core.settings import setting
from texto.steps.inpainting.levels import HoleLevel

from ..families.networks import LEAST_SIDE, QUICK, WithVGG
from .editing import Edits
from .transported import GRID, OURS, PUBLISHED, WithNetwork, WithPatches

if TYPE_CHECKING:
    from ...features.backbones import Backbone
    from ...losses.base import Additive
    from ...steps.work import Work

_PICTURES = {
    **OURS,
    "pooling": "average",
    "exemplar_padding": "reflect",
    "synthesis_padding": "periodic",
}
# In the published code, exemplars are seen by valid convolutions and colours as Caffe has them.
_PUBLISHED = {
    **PUBLISHED,
    "noise": "mean",
    "optimizer": "lbfgs",
    "learning_rate": 1.0,
    "n_iter": 1000,
    "pooling": "average",
    "exemplar_padding": "valid",
    "synthesis_padding": "periodic",
}
_QUICK = {**QUICK, "n_first_dual": 2, "n_queries": 200}


@dataclass(frozen=True)
class GotexPatch(WithPatches, Edits):
    """Optimal transport of multi-scale patches: `patch-ot` on PyTorch, and so on GPUs.

    Houdard, Leclaire, Papadakis, Rabin 2020, Algorithm 1. By default 50 Adam steps of 0.03 at
    full size, on random subsets of patches, with all the exemplar's patches as targets.
    `as_published`: from noise, 150 steps of 0.01 with 10 ascent steps each on all patches, 2000
    targets. Levels are 2 x 2 means, where the published code has Gaussian ones.
    """

    summary: ClassVar[str] = (
        "transport of patches, `patch-ot` on PyTorch: same loss and gradient to 1e-4 "
        "(Houdard, Leclaire, Papadakis, Rabin 2020)"
    )
    good_for: ClassVar[str] = (
        "what `patch-ot` is good for, on a GPU; inpaints and mixes, also along a map"
    )
    quick: ClassVar[Mapping[str, Any]] = {
        "n_iter": 2,
        "n_first_dual": 2,
        "n_queries": 400,
        "device": "cpu",
    }
    presets: ClassVar[Mapping[bool, Mapping[str, Any]]] = {
        False: OURS,
        True: {**PUBLISHED, "n_iter": 150, "learning_rate": 0.01},
    }

    def check(self, exemplar: np.ndarray) -> None:
        """Needs no weights, only the device."""
        from ...runtime.devices import resolve_device

        resolve_device(self.device)

    def loss(self, work: Work) -> Additive:
        """The mean over levels."""
        return self.patch_loss(work)


@dataclass(frozen=True)
class GotexVGG(WithVGG, WithNetwork, Edits):
    """Optimal transport of VGG-19 features: relu1_1, relu2_1, relu3_1, relu4_1, relu5_1.

    Houdard, Leclaire, Papadakis, Rabin 2023, with average pooling and each layer in units of
    its norm on the exemplar. By default 50 Adam steps of 0.03 at full size; the exemplar is
    mirrored at its border. `as_published`: from the mean colour, 1000 evaluations of L-BFGS,
    the exemplar seen by valid convolutions, potentials rising by normalised gradients, 10
    between bursts of 20 steps (in the published code at each evaluation).
    """

    summary: ClassVar[str] = (
        "transport of VGG-19 features (Houdard, Leclaire, Papadakis, Rabin 2023)"
    )
    good_for: ClassVar[str] = (
        "large structure of photographs, where the weights are; inpaints and mixes"
    )
    quick: ClassVar[Mapping[str, Any]] = _QUICK
    presets: ClassVar[Mapping[bool, Mapping[str, Any]]] = {
        False: _PICTURES,
        True: {**_PUBLISHED, "n_queries": GRID},
    }
    default_layers: ClassVar[str] = "relu1_1,relu2_1,relu3_1,relu4_1,relu5_1"

    def loss(self, work: Work) -> Additive:
        """The sum over layers."""
        return self.network_loss(work)


@dataclass(frozen=True)
class _Both(WithNetwork, WithPatches, Edits):
    """Patches and a network: the mean over levels plus `feature_weight` by the sum over layers."""

    feature_weight: float = setting(
        None,
        "weight of the sum over layers beside the mean over levels of patches; none: see the "
        "method",
        low=0,
        high=1e6,
        stage="synthesis",
    )

    def loss(self, work: Work) -> Additive:
        """The sum of both; of patches alone at sizes too small for the network."""
        if work.level and min(work.exemplar.shape[:2]) < LEAST_SIDE:
            return self.patch_loss(work)
        return self.patch_loss(work) + self.feature_weight * self.network_loss(work)

    def count_sizes(self, shape: tuple[int, ...]) -> int:
        """As many as patches have levels."""
        return WithPatches.count_sizes(self, shape)

    def copyable(self, level: HoleLevel) -> tuple[int, str, str]:
        """Patches, which need more room."""
        return WithPatches.copyable(self, level)

    def least_side(self, shape: tuple[int, ...]) -> int:
        """What both need."""
        return max(2 * LEAST_SIDE, WithPatches.least_side(self, shape))


@dataclass(frozen=True)
class _BothVGG(WithVGG, _Both):
    """Patches and VGG-19."""


@dataclass(frozen=True)
class GotexMix(_BothVGG):
    """Optimal transport of patches and of deep VGG-19 features: relu3_1, relu4_1, relu5_1.

    Patches for fine detail and colours, deep layers for structure. The talk names it and does
    not define it: this is our definition. feature_weight 0.3. Otherwise as `gotex-vgg`.
    """

    summary: ClassVar[str] = (
        "transport of patches and of deep VGG-19 features (after Houdard, Leclaire, Papadakis, "
        "Rabin 2023)"
    )
    good_for: ClassVar[str] = "sharp detail and large structure at once; inpaints and mixes"
    quick: ClassVar[Mapping[str, Any]] = _QUICK
    presets: ClassVar[Mapping[bool, Mapping[str, Any]]] = {
        False: {**_PICTURES, "feature_weight": 0.3},
        True: {**_PUBLISHED, "feature_weight": 1.0},
    }
    default_layers: ClassVar[str] = "relu3_1,relu4_1,relu5_1"


@dataclass(frozen=True)
class GotexAll(_BothVGG):
    """Optimal transport of patches and of all VGG-19 features of `gotex-vgg`.

    Spagnoletti 2024: lambda L_patch + L_VGG, with lambda 1e-5 in 0-255 units, which here is a
    feature_weight of 1 / 0.65, so too by default. Otherwise as `gotex-vgg`.
    """

    summary: ClassVar[str] = "transport of patches and of all VGG-19 features (Spagnoletti 2024)"
    good_for: ClassVar[str] = "the most features at once; inpaints and mixes"
    quick: ClassVar[Mapping[str, Any]] = _QUICK
    presets: ClassVar[Mapping[bool, Mapping[str, Any]]] = {
        False: {**_PICTURES, "feature_weight": 1 / 0.65},
        True: {**_PUBLISHED, "feature_weight": 1 / 0.65},
    }
    default_layers: ClassVar[str] = GotexVGG.default_layers


@dataclass(frozen=True)
class GotexMixIV3(_Both):
    """Optimal transport of patches and of Inception-v3 features: Conv2d_4a, Mixed_5d, Mixed_6e.

    Spagnoletti 2024. By default each layer is in units of its own norm on the exemplar, inputs
    are scaled as in training, the synthesis is periodic, and feature_weight is 0.005.
    `as_published`, the code of the talk: 1000 Adam steps of 0.1 from noise, 20 ascent steps,
    feature_weight 0.05; inputs in [0, 1], zero padding, and the norms of Mixed_7c, Mixed_6e and
    Mixed_5d divide the three layers (its loop runs backwards), which needs all weights.
    """

    raw: bool = setting(
        None,
        "the network gets values in [0, 1], and not in [-1, 1] as it was trained; none: false, as "
        "published true",
        stage="synthesis",
        older=None,
    )

    summary: ClassVar[str] = "transport of patches and of Inception-v3 features (Spagnoletti 2024)"
    good_for: ClassVar[str] = "the same with another network; inpaints and mixes"
    quick: ClassVar[Mapping[str, Any]] = _QUICK
    network: ClassVar[str] = "inception_v3"
    presets: ClassVar[Mapping[bool, Mapping[str, Any]]] = {
        False: {
            **OURS,
            "feature_weight": 0.005,
            "exemplar_padding": "zero",
            "synthesis_padding": "periodic",
            "raw": False,
        },
        True: {
            **PUBLISHED,
            "n_iter": 1000,
            "learning_rate": 0.1,
            "n_iter_dual": 20,
            "feature_weight": 0.05,
            "exemplar_padding": "zero",
            "synthesis_padding": "zero",
            "raw": True,
        },
    }
    default_layers: ClassVar[str] = "Conv2d_4a_3x3,Mixed_5d,Mixed_6e"

    def backbone(self, device: str) -> Backbone:
        """The network, how it pads and what it gets."""
        return replace(super().backbone(device), raw=self.raw)

    def published_norms(self, norms: dict[str, float], work: Work) -> dict[str, float]:
        """The layers divided by the norms of others, as in the published code."""
        from ...features.normalised import rms_norms

        order = ("Conv2d_4a_3x3", "Mixed_5d", "Mixed_6e", "Mixed_7c")
        if set(norms) != set(order[:3]):
            return {}
        backbone = replace(self.backbone(work.device), layers=order)
        found = rms_norms(backbone.views(work.exemplar).targets(work.exemplar))
        wrong = dict(zip(order, (found[layer] for layer in reversed(order)), strict=True))
        return {layer: wrong[layer] for layer in norms}
