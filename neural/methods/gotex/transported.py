"""What the methods share whose loss is the optimal transport of features."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from texto.core.errors import TextoError
from texto.core.settings import setting
from texto.steps.inpainting.levels import HoleLevel

from ..families.descent import PictureDescent
from ..families.networks import Networked

if TYPE_CHECKING:
    import torch

    from ...losses.base import Additive
    from ...steps.sights import Sight
    from ...steps.work import Work

COARSEST = 32  # pixels: the usual coarsest size is shorter than twice this
PUBLISHED_LEVELS = 4
LEAST = 16  # pixels: no automatic level is smaller
LEAST_PATCHES = 16  # with fewer, a level has nothing to say
GRID = 64 * 64  # positions of a network that the published code looks at
DUAL_STEPS = ("plain", "normalised", "cost", "bounded")
DUAL_STEP_HELP = (
    "plain: the gradient; normalised: the gradient by its norm; cost: in units of the mean cost "
    "of a match; bounded: that, and never far down"
)

OURS = {
    "start": "coarse",
    "noise": "uniform",
    "optimizer": "adam",
    "n_iter": 50,
    "learning_rate": 0.03,
    "n_iter_dual": 1,
    "n_first_dual": 15,
    "dual_rate": 0.3,
    "dual_step": "cost",
    "network_dual_step": "cost",
    "dual_schedule": "sqrt",
    "coarsest": COARSEST,
    "n_patches": None,
    "n_queries": 4096,
}
PUBLISHED = {
    **OURS,
    "start": "noise",
    "n_iter_dual": 10,
    "n_first_dual": 0,
    "dual_rate": 1.0,
    "dual_step": "plain",
    "network_dual_step": "normalised",
    "dual_schedule": "constant",
    "n_patches": 2000,
    "n_queries": None,
}


@dataclass(frozen=True)
class Transported(PictureDescent):
    """Descent on the semi-dual transport cost between feature distributions."""

    n_iter_dual: int = setting(
        None,
        "ascent steps of the potentials before each step of the picture, on the same features; "
        "none: 1, as published 10 (gotex-mix-iv3: 20)",
        low=0,
        high=1000,
        stage="synthesis",
    )
    n_first_dual: int = setting(
        None,
        "ascent steps more at the start of each size; none: 15, as published 0",
        low=0,
        high=1000,
        stage="synthesis",
    )
    dual_rate: float = setting(
        None,
        "first ascent step, in units of the mean cost of a match; none: 0.3, as published 1 "
        "in units of the cost itself, or of the gradient's norm with networks",
        low=0,
        high=100,
        stage="synthesis",
    )
    dual_schedule: str = setting(
        None,
        "ascent steps: constant, or sqrt, falling as 1 / sqrt(t); none: sqrt, as published "
        "constant",
        choices=("constant", "sqrt"),
        stage="synthesis",
        older=None,
    )
    n_queries: int | None = setting(
        None,
        "features of the synthesis in a step and layer, a random part; none: 4096, as published "
        "all patches, and 64 x 64 positions of networks",
        low=1,
        high=10_000_000,
        stage="synthesis",
    )

    @property
    def ascents(self) -> tuple[int, int]:
        """`n_iter_dual` and `n_first_dual`."""
        return self.n_iter_dual, self.n_first_dual

    @abstractmethod
    def copyable(self, level: HoleLevel) -> tuple[int, str, str]:
        """How many features of `level` holes may copy, what they are, and how to have more."""

    def semidual(
        self, sight: Sight, targets: Mapping[str, torch.Tensor], work: Work, **options: Any
    ) -> Additive:
        """The transport loss between the features of `sight` and `targets`.

        `options` : more for `neural.losses.SemiDual`. Nothing, where there are no targets.
        """
        from ...losses import Loss, SemiDual

        if not targets:
            return Loss([])
        n_queries, rate = self.n_queries, self.dual_rate
        if n_queries is not None:
            n_queries = max(1, n_queries // sight.sparser)
        return SemiDual(
            sight.features,
            targets,
            rate={layer: rate * sight.rates.get(layer, 1.0) for layer in targets},
            where=sight.where,
            schedule=self.dual_schedule,
            rng=work.rng,
            **{"n_queries": n_queries, "n_image_queries": n_queries, **options},
        )


@dataclass(frozen=True)
class WithPatches(Transported):
    """Those of the family with patches."""

    patch_size: int = setting(
        4, "side of a patch in pixels, at every level", low=2, high=16, stage="synthesis"
    )
    n_levels: int | None = setting(
        None,
        f"pyramid levels of patches; none: {PUBLISHED_LEVELS}, more where the coarsest would be "
        f"{2 * COARSEST} pixels or more, fewer where it would be under {LEAST}",
        low=1,
        high=12,
        stage="synthesis",
        automatic=True,
    )
    coarsest: int = setting(
        None,
        "pixels: where n_levels is none the coarsest level is shorter than twice this; none: "
        f"{COARSEST}",
        low=LEAST,
        high=4096,
        stage="synthesis",
        older=None,
    )
    n_patches: int | None = setting(
        None,
        "target patches a level, drawn once; none: all, as published 2000",
        low=2,
        high=10_000_000,
        stage="synthesis",
    )
    dual_step: str = setting(
        None,
        f"ascent steps for patches, {DUAL_STEP_HELP}; none: cost, as published plain",
        choices=DUAL_STEPS,
        stage="synthesis",
        older=None,
    )

    @property
    def smallest_exemplar(self) -> int:
        """One patch."""
        return self.patch_size

    def least_side(self, shape: tuple[int, ...]) -> int:
        """One patch at the coarsest level."""
        return self.patch_size << (self.count_levels(shape) - 1)

    def checked(self, exemplar: np.ndarray, what: str) -> np.ndarray:
        """As in all methods; TextoError for too many levels too."""
        exemplar = super().checked(exemplar, what)
        self.count_levels(exemplar.shape)
        return exemplar

    def adapted(self, exemplar: np.ndarray) -> Self:
        """`n_levels` as `count_levels` says."""
        return replace(self, n_levels=self.count_levels(exemplar.shape))

    def count_levels(self, shape: tuple[int, ...]) -> int:
        """The number of levels for an exemplar of this shape; TextoError if too many."""
        sides = [[side >> level for side in shape[:2]] for level in range(12)]
        windows = [[max(0, side - self.patch_size + 1) for side in pair] for pair in sides]
        fitting = max(1, sum(rows * columns >= LEAST_PATCHES for rows, columns in windows))
        if self.n_levels is None:
            least = self.coarsest, LEAST
            usual, most = (sum(min(pair) >= side for pair in sides) for side in least)
            return min(fitting, max(1, usual, min(PUBLISHED_LEVELS, most)))
        if self.n_levels > fitting:
            raise TextoError(
                "n_levels",
                f"is {self.n_levels}, at most {fitting} suit an exemplar of "
                f"{shape[1]}x{shape[0]} with patch_size={self.patch_size}",
                "lower n_levels or patch_size",
            )
        return self.n_levels

    def count_sizes(self, shape: tuple[int, ...]) -> int:
        """One a level of patches."""
        return self.count_levels(shape) if self.start == "coarse" else 1

    def copyable(self, level: HoleLevel) -> tuple[int, str, str]:
        """Patches."""
        size = self.patch_size
        return len(level.known(size)), f"patches of {size} x {size} pixels", "lower patch_size"

    def patch_loss(self, work: Work) -> Additive:
        """The transport of patches at the levels from `work.level` up, their mean."""
        n_levels = self.count_levels(work.whole_shape) - work.level
        while n_levels > 1 and min(work.sides) >> (n_levels - 1) < self.patch_size:
            n_levels -= 1  # a tile smaller than the coarsest patches
        sight = work.patches(self.patch_size, n_levels)
        options = {"step": self.dual_step, "n_targets": self.n_patches}
        return self.semidual(sight, sight.targets, work, **options)


@dataclass(frozen=True)
class WithNetwork(Networked, Transported):
    """Those with features of a network, in units of their mean norm on the exemplar."""

    n_targets: int | None = setting(
        None,
        "target features a layer, drawn once; none: all",
        low=2,
        high=10_000_000,
        stage="synthesis",
    )
    network_dual_step: str = setting(
        None,
        f"ascent steps for features of networks, {DUAL_STEP_HELP}; none: cost, as published "
        "normalised",
        choices=DUAL_STEPS,
        stage="synthesis",
        older=None,
    )

    def copyable(self, level: HoleLevel) -> tuple[int, str, str]:
        """Features of the layer that has the most."""
        from ...runtime.devices import resolve_device
        from .hole_sights import known_features

        backbone = self.backbone(str(resolve_device(self.device)))
        count, layer = known_features(backbone, level.picture, level.barred)
        return count, f"features of {layer}", "choose earlier layers"

    def network_loss(self, work: Work) -> Additive:
        """The sum over layers of the transport of features."""
        from ...features import normalised

        sight = work.network(self.backbone(work.device))
        features = normalised(sight.features, sight.targets)
        options: dict[str, Any] = {
            "step": self.network_dual_step,
            "n_targets": self.n_targets,
            "weights": 1.0,
        }
        if self.as_published:
            features.norms |= self.published_norms(features.norms, work)
            n_queries = self.n_queries or GRID
            options |= {"n_queries": n_queries, "n_image_queries": n_queries}
        scaled = features.scaled(sight.targets)
        return self.semidual(replace(sight, features=features), scaled, work, **options)

    def published_norms(self, norms: dict[str, float], work: Work) -> dict[str, float]:
        """What the published code divides by, where it is not `norms`."""
        return {}
