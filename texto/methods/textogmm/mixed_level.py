"""One level of a mix while it is being fitted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...patches.database import PatchLevel, Transport, draw_corners
from ...patches.extraction import extract_at
from ...steps.mixing.zones import Zones
from ...transport.barycenter import gmm_barycenter
from ...transport.gmm_map import GmmPlan, gmm_plan
from ...transport.mixture import GaussianMixture
from .level import GmmLevel
from .settings import TextoGMMSettings

SOURCE_PATCHES = 4000  # for a mixture of the synthesis; those of the exemplars take n_patches


class MixedLevelFit:
    """Learns one plan a pass and zone, from the synthesis to the barycentre of `pictures`.

    `database` holds the patches to search and the patch space; `pictures` (H_i, W_i, C) are one
    level of the exemplars.
    """

    def __init__(
        self,
        method: TextoGMMSettings,
        database: PatchLevel,
        pictures: Sequence[np.ndarray],
        zones: Zones,
        rng: np.random.Generator,
    ):
        self._method, self._database, self._pictures = method, database, pictures
        self._zones, self._rng = zones, rng
        self._targets: list[GaussianMixture] = []
        self._plans: list[list[GmmPlan | None]] = []
        self._converged: list[bool] = []

    def learn(self, synthesis: np.ndarray) -> list[Transport | None]:
        """For each zone the transport of `synthesis` to the mix; None for an empty zone."""
        if self._method.map == "identity":
            return [lambda points: points] * len(self._zones)
        if not self._targets:
            self._targets = self._barycentres()
        drawn = self._zones.draw(
            synthesis.shape, self._method.patch_size, self._count(synthesis), self._rng
        )
        plans = [
            None if corners is None else gmm_plan(self._mixture(synthesis, corners), target)
            for corners, target in zip(drawn, self._targets, strict=True)
        ]
        self._plans.append(plans)
        rng = self._rng if self._method.map == "random" else None
        return [
            None if plan is None else GmmLevel(self._database, (plan,)).transport(0, rng)
            for plan in plans
        ]

    def level(self) -> GmmLevel:
        """What has been learnt, where there is one zone."""
        plans = tuple(plan for (plan,) in self._plans if plan is not None)
        return GmmLevel(self._database, plans, tuple(self._converged))

    def _count(self, synthesis: np.ndarray) -> int:
        """Patches that a mixture of the synthesis is fitted to; positions may repeat."""
        sides = [side - self._method.patch_size + 1 for side in synthesis.shape[:2]]
        most = SOURCE_PATCHES if len(self._zones) == 1 else SOURCE_PATCHES // 2
        return min(self._method.n_patches, most, sides[0] * sides[1])

    def _barycentres(self) -> list[GaussianMixture]:
        """The target of each zone."""
        size, count = self._method.patch_size, self._method.n_patches
        own = [
            self._mixture(picture, draw_corners(picture.shape, size, count, self._rng))
            for picture in self._pictures
        ]
        self._converged = [all(self._converged)]
        return [gmm_barycenter(own, weights) for weights in self._zones.weights]

    def _mixture(self, picture: np.ndarray, corners: np.ndarray) -> GaussianMixture:
        patches = extract_at(picture, corners, self._method.patch_size)
        fit = self._method.mixture(self._database.space.project(patches), self._rng)
        self._converged.append(fit.converged)
        return fit.mixture
