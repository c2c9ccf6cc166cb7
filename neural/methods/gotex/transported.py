"""What the methods share whose loss is the optimal transport of features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from texto.core.contract import Model
from texto.core.errors import TextoError
from texto.core.settings import setting
from texto.core.types import Progress, Rng, silent

from ..families.descent import PictureDescent
from ..families.networks import Networked
from ..families.picture import PictureModel
from . import mixing

COARSEST = 32  # pixels: the usual coarsest size is shorter than twice this
PUBLISHED_LEVELS = 4
LEAST = 16  # pixels: no automatic level is smaller
LEAST_PATCHES = 16  # with fewer, a level has nothing to say
GRID = 64 * 64  # positions of a network that the published code looks at

OURS = {
    "start": "coarse",
    "optimizer": "adam",
    "n_iter": 50,
    "learning_rate": 0.03,
    "n_iter_dual": 1,
    "n_first_dual": 15,
    "dual_rate": 0.3,
    "step": "cost",
    "schedule": "sqrt",
    "n_patches": None,
    "n_queries": 4096,
    "noise": "uniform",
    "by_chance": True,
    "periodic": True,
    "coarsest": COARSEST,
}
PUBLISHED = {
    **OURS,
    "start": "noise",
    "n_iter_dual": 10,
    "n_first_dual": 0,
    "dual_rate": 1.0,
    "step": "plain",
    "schedule": "constant",
    "n_patches": 2000,
    "n_queries": None,
}


@dataclass(frozen=True)
class Transported(PictureDescent):
    """Descent on the semi-dual transport cost between feature distributions."""

    n_iter_dual: int | None = setting(
        None,
        "ascent steps of the potentials before each step of the picture, on the same features; "
        "none: 1, as published 10 (gotex-mix-iv3: 20)",
        low=0,
        high=1000,
        stage="synthesis",
    )
    n_first_dual: int | None = setting(
        None,
        "ascent steps more at the start of each size; none: 15, as published 0",
        low=0,
        high=1000,
        stage="synthesis",
    )
    dual_rate: float | None = setting(
        None,
        "first ascent step, in units of the mean cost of a match; none: 0.3, as published 1 "
        "in units of the cost itself, or of the gradient's norm with networks",
        low=0,
        high=100,
        stage="synthesis",
    )
    n_queries: int | None = setting(
        None,
        "features of the synthesis in a step and layer, a random part; none: 4096, as published "
        "all patches, and 64 x 64 positions of networks",
        low=1,
        high=10_000_000,
        stage="synthesis",
    )

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
        `start` is; which are which, `neural.methods.gotex.hole_sights` tells. Pictures do not repeat here,
        `tileable` is for syntheses, and networks see mirrored borders. At the end of each size,
        with networks too, patches of pixels at the holes go to their nearest known ones and are
        averaged. Where nothing is given, steps are 0.4 of the usual, targets 4096 a
        layer, and the `learning_rate` of networks a third, see `neural.methods.gotex.inpainting.for_holes`.
        Raises TextoError where too little is left to copy from. Cost: a step sees the part of
        the picture around the holes.
        """
        from .inpainting import inpaint

        return inpaint(self, image, mask, sources=sources, rng=rng, progress=progress)

    def restore(self, state: Mapping[str, Any]) -> PictureModel | mixing.MixedPictureModel:
        """The model whose `state()` is `state`; TextoError where the arrays make no sense."""
        return mixing.restore(self, state) if "mix.weights" in state else super().restore(state)

    def semidual(self, sight: Any, targets: dict[str, Any], work: Any, **options: Any) -> Any:
        """The transport loss between the features of a `neural.steps.sights.Sight` and `targets`.

        Nothing, where there are no targets.
        """
        from ...losses import Loss, SemiDual

        if not targets:
            return Loss([])
        n_queries, rate = self.chosen("n_queries"), self.chosen("dual_rate")
        if n_queries is not None:
            n_queries = max(1, n_queries // sight.sparser)
        return SemiDual(
            sight.features,
            targets,
            rate={layer: rate * sight.rates.get(layer, 1.0) for layer in targets},
            where=sight.where,
            schedule=self.chosen("schedule"),
            rng=work.rng,
            **{
                "n_queries": n_queries,
                "n_image_queries": n_queries,
                "step": self.chosen("step"),
                **options,
            },
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
    )
    n_patches: int | None = setting(
        None,
        "target patches a level, drawn once; none: all, as published 2000",
        low=2,
        high=10_000_000,
        stage="synthesis",
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

    def count_levels(self, shape: tuple[int, ...]) -> int:
        """The number of levels for an exemplar of this shape; TextoError if too many."""
        sides = [[side >> level for side in shape[:2]] for level in range(12)]
        windows = [[max(0, side - self.patch_size + 1) for side in pair] for pair in sides]
        fitting = max(1, sum(rows * columns >= LEAST_PATCHES for rows, columns in windows))
        if self.n_levels is None:
            least = self.chosen("coarsest"), LEAST
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
        return self.count_levels(shape) if self.chosen("start") == "coarse" else 1

    def patch_loss(self, work: Any) -> Any:
        """The transport of patches at the levels from `work.level` up, their mean."""
        n_levels = self.count_levels(work.whole_shape) - work.level
        while n_levels > 1 and min(work.sides) >> (n_levels - 1) < self.patch_size:
            n_levels -= 1  # a tile smaller than the coarsest patches
        sight = work.patches(self.patch_size, n_levels)
        return self.semidual(sight, sight.targets, work, n_targets=self.chosen("n_patches"))


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

    def network_loss(self, work: Any) -> Any:
        """The sum over layers of the transport of features."""
        from ...features import normalised

        sight = work.network(self.backbone(work.device))
        features = normalised(sight.features, sight.targets)
        if self.as_published:
            features.norms |= self.published_norms(features.norms, work)
        options = {"n_targets": self.n_targets, "weights": 1.0}
        if self.as_published:
            n_queries = self.n_queries or GRID
            options |= {"step": "normalised", "n_queries": n_queries, "n_image_queries": n_queries}
        scaled = features.scaled(sight.targets)
        return self.semidual(replace(sight, features=features), scaled, work, **options)

    def published_norms(self, norms: dict[str, float], work: Any) -> dict[str, float]:
        """What the published code divides by, where it is not `norms`."""
        return {}
