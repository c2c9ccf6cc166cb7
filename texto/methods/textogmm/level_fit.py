"""One level of TextoGMM while it is being fitted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...patches.database import PatchLevel, Transport, draw_corners
from ...patches.extraction import extract_at
from ...transport.gmm_map import GmmPlan, gmm_plan
from ...transport.mixture import GaussianMixture
from .level import GmmLevel
from .settings import TextoGMMSettings

TRAINING = (128, 256)  # pixels: least and greatest side of the synthesis that a fit learns from


class LevelFit:
    """One level while it is being fitted: learns one plan a pass."""

    def __init__(self, method: TextoGMMSettings, database: PatchLevel, rng: np.random.Generator):
        self._method, self._database, self._rng = method, database, rng
        self._target: GaussianMixture | None = None
        self._plans: list[GmmPlan] = []
        self._converged: list[bool] = []

    def learn(self, synthesis: np.ndarray) -> Transport:
        """The transport of `synthesis` to the exemplar, estimated and kept."""
        if self._method.map != "identity":
            if self._target is None:
                self._target = self._mixture(self._database.picture)
            source = self._mixture(synthesis)
            self._plans.append(gmm_plan(source, self._target))
        level = self.level()
        rng = self._rng if self._method.map == "random" else None
        return level.transport(len(level.plans) - 1, rng)

    def level(self) -> GmmLevel:
        """What has been learnt so far."""
        return GmmLevel(self._database, tuple(self._plans), tuple(self._converged))

    def _mixture(self, picture: np.ndarray) -> GaussianMixture:
        method = self._method
        corners = draw_corners(picture.shape, method.patch_size, method.n_patches, self._rng)
        points = self._database.space.project(extract_at(picture, corners, method.patch_size))
        fit = method.mixture(points, self._rng)
        self._converged.append(fit.converged)
        return fit.mixture


def training_size(pictures: Sequence[np.ndarray]) -> tuple[int, int]:
    """(height, width) of the synthesis that a level learns from, of `pictures` (H_i, W_i, C)."""
    sides = [max(picture.shape[axis] for picture in pictures) for axis in (0, 1)]
    height, width = (int(np.clip(side, *TRAINING)) for side in sides)
    return height, width
