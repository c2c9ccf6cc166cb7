"""Generators trained by optimal transport of features: Algorithm 2 of the patch paper.

Houdard, Leclaire, Papadakis, Rabin 2020 with patches, 2023 with VGG-19, Spagnoletti 2024 with
Inception-v3. Losses and targets are those of the methods on pixels, see `gotex.py`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from texto.core.settings import setting

from ..families.descent import PictureDescent
from ..families.generators import GeneratorMethod, Presets, presets_of, trained
from .pixels import GotexAll, GotexMix, GotexMixIV3, GotexPatch, GotexVGG
from .transported import DUAL_STEP_HELP, WithPatches

OURS = {
    "n_iter": 1000,
    "learning_rate": 0.005,
    "batch_size": 8,
    "width": 4,
    "bias": True,
    "begin_like": True,
    "memory": 0.98,
    "coarse_first": 0.5,
    "coarsest": 16,  # pixels: of twice that, the coarsest patches miss how rows of a weave lie
    "n_iter_dual": 1,
    "n_first_dual": 10,
    "dual_rate": 0.03,
    "dual_step": "bounded",
    "network_dual_step": "bounded",
    "dual_schedule": "constant",
    "n_queries": 2048,
    "n_patches": 2000,
}
# Networks take most of the time of a step, so that there are fewer pictures in one.
OURS_WITH_NETWORK = {
    **OURS,
    "learning_rate": 0.003,
    "batch_size": 1,
    "n_iter_dual": 4,
    "dual_rate": 0.1,
    "n_queries": 1024,
}
PUBLISHED = {
    "n_iter": 5000,
    "learning_rate": 0.01,
    "batch_size": 1,
    "width": 2,
    "bias": False,
    "begin_like": False,
    "memory": 0.0,
    "coarse_first": 0.0,
    "n_iter_dual": 10,
    "n_first_dual": 0,
    "dual_rate": 1.0,
    "dual_schedule": "constant",
    "n_patches": 2000,
}
_QUICK = {
    "n_iter": 2,
    "n_first_dual": 2,
    "n_iter_dual": 1,
    "batch_size": 1,
    "sample_size": 32,
    "width": 2,
    "n_scales": 3,
    "n_calibration": 1,
    "n_queries": 100,
    "device": "cpu",
}
_QUICK_WITH_NETWORK = {**_QUICK, "weights": "random", "layers": "random5"}


@dataclass(frozen=True)
class _TransportNet(GeneratorMethod):
    """Those whose loss is the transport of features."""

    n_iter_dual: int = setting(
        None,
        "ascent steps of the potentials on each picture that a step draws; none: 1, with networks "
        "4, as published 10 (gotex-mix-iv3-net: 20)",
        low=0,
        high=1000,
    )
    n_first_dual: int = setting(
        None,
        "ascent steps more on each picture of the first step, and of those in which a level of "
        "patches joins; none: 10, as published 0",
        low=0,
        high=1000,
    )
    dual_rate: float = setting(
        None,
        "ascent step, in units of the mean cost of a match; none: 0.03, with networks 0.1, as "
        "published 1 in units of "
        "the cost itself, or of the gradient's norm with networks",
        low=0,
        high=100,
    )
    n_queries: int | None = setting(
        None,
        "features of a sample in a step and layer, a random part; none: 2048, with networks 1024, "
        "as published all patches, and 64 x 64 positions of networks",
        low=1,
        high=10_000_000,
    )
    dual_schedule: str = trained(GotexPatch, "dual_schedule", help="ascent steps, see gotex-patch")

    def ascents(self) -> dict[str, Any]:
        """The steps of ascent."""
        return {"n_iter_dual": self.n_iter_dual, "n_first_dual": self.n_first_dual}


@dataclass(frozen=True)
class _WithPatches(_TransportNet):
    """Those with patches."""

    patch_size: int = trained(GotexPatch, "patch_size")
    n_levels: int | None = trained(
        GotexPatch,
        "n_levels",
        help="pyramid levels of patches; none: until the coarsest is 16 to 31 pixels, as published "
        "4, see gotex-patch",
    )
    coarsest: int = trained(
        GotexPatch,
        "coarsest",
        help="pixels: where n_levels is none the coarsest level is shorter than twice this; none: "
        "16, as published 32",
    )
    coarse_first: float = setting(
        None,
        "share of the steps in which finer levels join, after the coarsest; none: 0.5, as "
        "published 0, all at once",
        low=0,
        high=1,
    )
    n_patches: int = setting(
        None, "target patches a level, drawn once; none: 2000", low=2, high=10_000_000
    )
    dual_step: str = trained(
        GotexPatch,
        "dual_step",
        help=f"ascent steps for patches, {DUAL_STEP_HELP}; none: bounded, as published plain",
    )

    def adapted(self, exemplar: np.ndarray) -> Self:
        """`n_levels` set too."""
        method, source = super().adapted(exemplar), self.picture_method()
        assert isinstance(source, WithPatches)
        return dataclasses.replace(method, n_levels=source.count_levels(exemplar.shape))

    def ascents(self) -> dict[str, Any]:
        """Coarse levels first."""
        return {**super().ascents(), "coarse_first": self.coarse_first}


@dataclass(frozen=True)
class _WithNetwork(_TransportNet):
    """Those with features of a network."""

    layers: str = trained(GotexVGG, "layers")
    weights: str = trained(GotexVGG, "weights")
    fill_missing: bool = trained(GotexVGG, "fill_missing")
    n_targets: int | None = trained(GotexVGG, "n_targets")
    exemplar_padding: str = trained(GotexVGG, "exemplar_padding")
    synthesis_padding: str = trained(GotexVGG, "synthesis_padding")
    network_dual_step: str = trained(
        GotexVGG,
        "network_dual_step",
        help=f"ascent steps for features of networks, {DUAL_STEP_HELP}; none: bounded, as "
        "published normalised",
    )


@dataclass(frozen=True)
class _WithBoth(_WithNetwork, _WithPatches):
    """Those with patches and a network."""

    feature_weight: float = trained(GotexMix, "feature_weight")


@dataclass(frozen=True)
class _WithBothVGG(_WithBoth):
    """Those with patches and VGG-19."""

    pooling: str = trained(GotexVGG, "pooling")


@dataclass(frozen=True)
class GotexPatchNet(_WithPatches):
    """A generator trained by optimal transport of multi-scale patches: the loss of `gotex-patch`.

    Houdard, Leclaire, Papadakis, Rabin 2020, Algorithm 2. By default a generator of 30,000
    parameters, 1000 steps of 8 pictures at falling rates, on random subsets of patches, the
    coarsest level first, with averaged weights.
    `as_published`: of 8,000 parameters, 5000 steps of 0.01 with 10 ascent steps each on all
    patches of the sample. Needs no weights.
    """

    summary: ClassVar[str] = (
        "generator trained on the loss of `gotex-patch` (Houdard, Leclaire, Papadakis, Rabin "
        "2020, Algorithm 2)"
    )
    good_for: ClassVar[str] = (
        "many pictures of one texture, of any size at once: minutes to train; needs no weights"
    )
    quick: ClassVar[Mapping[str, Any]] = _QUICK
    source: ClassVar[type[PictureDescent]] = GotexPatch
    presets: ClassVar[Presets] = presets_of(GotexPatch, OURS, PUBLISHED)


@dataclass(frozen=True)
class GotexVGGNet(_WithNetwork):
    """A generator trained by optimal transport of VGG-19 features: the loss of `gotex-vgg`.

    Houdard, Leclaire, Papadakis, Rabin 2023. Schedules as `gotex-patch-net`.
    """

    pooling: str = trained(GotexVGG, "pooling")

    summary: ClassVar[str] = (
        "generator trained on the loss of `gotex-vgg` (Houdard, Leclaire, Papadakis, Rabin 2023)"
    )
    good_for: ClassVar[str] = "the same with features of VGG-19"
    quick: ClassVar[Mapping[str, Any]] = _QUICK_WITH_NETWORK
    source: ClassVar[type[PictureDescent]] = GotexVGG
    presets: ClassVar[Presets] = presets_of(GotexVGG, OURS_WITH_NETWORK, PUBLISHED)


@dataclass(frozen=True)
class GotexMixNet(_WithBothVGG):
    """A generator trained by optimal transport of patches and of deep VGG-19 features.

    The loss of `gotex-mix`, schedules as `gotex-patch-net`.
    """

    summary: ClassVar[str] = (
        "generator trained on the loss of `gotex-mix` (Houdard, Leclaire, Papadakis, Rabin 2023)"
    )
    good_for: ClassVar[str] = "the same with patches and VGG-19"
    quick: ClassVar[Mapping[str, Any]] = _QUICK_WITH_NETWORK
    source: ClassVar[type[PictureDescent]] = GotexMix
    presets: ClassVar[Presets] = presets_of(GotexMix, OURS_WITH_NETWORK, PUBLISHED)


@dataclass(frozen=True)
class GotexAllNet(_WithBothVGG):
    """A generator trained by optimal transport of patches and of all VGG-19 features.

    Spagnoletti 2024: the loss of `gotex-all`, schedules as `gotex-patch-net`.
    """

    summary: ClassVar[str] = "generator trained on the loss of `gotex-all` (Spagnoletti 2024)"
    good_for: ClassVar[str] = "the same with patches and all of VGG-19"
    quick: ClassVar[Mapping[str, Any]] = _QUICK_WITH_NETWORK
    source: ClassVar[type[PictureDescent]] = GotexAll
    presets: ClassVar[Presets] = presets_of(GotexAll, OURS_WITH_NETWORK, PUBLISHED)


@dataclass(frozen=True)
class GotexMixIV3Net(_WithBoth):
    """A generator trained by optimal transport of patches and of Inception-v3 features.

    Spagnoletti 2024: the loss of `gotex-mix-iv3`, schedules as `gotex-patch-net`.
    `as_published`, the code of the talk: 5000 steps of 0.1 with 20 ascent steps.
    """

    raw: bool = trained(GotexMixIV3, "raw")

    summary: ClassVar[str] = "generator trained on the loss of `gotex-mix-iv3` (Spagnoletti 2024)"
    good_for: ClassVar[str] = "the same with patches and Inception-v3"
    quick: ClassVar[Mapping[str, Any]] = _QUICK_WITH_NETWORK
    source: ClassVar[type[PictureDescent]] = GotexMixIV3
    presets: ClassVar[Presets] = presets_of(
        GotexMixIV3, OURS_WITH_NETWORK, {**PUBLISHED, "learning_rate": 0.1, "n_iter_dual": 20}
    )
