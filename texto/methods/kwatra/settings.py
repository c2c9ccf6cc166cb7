"""The settings of Kwatra, and what follows from them."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Self

import numpy as np

from ...core.contract import Method
from ...core.errors import TextoError
from ...core.settings import (
    check_settings,
    device_setting,
    finish_setting,
    setting,
    tileable_setting,
)
from ...patches.pyramid import MOST_LEVELS, count_halvings, count_levels

LEVELS = 3  # of the paper: a quarter, a half, and the whole
COARSEST = 32  # pixels: the shortest side that an automatic coarsest level may have
KEPT_VARIANCE = 0.99  # share of the patches' variance that the patch space keeps


@dataclass(frozen=True)
class KwatraSettings(Method):
    """The hyper-parameters of `Kwatra`, for all that its powers are made of."""

    patch_size: int = setting(
        32,
        "side of the largest patches in pixels; each level ends with smaller ones",
        low=2,
        high=64,
    )
    smallest_patch_size: int = setting(
        8, "patch_size is halved down to no less than this", low=2, high=64
    )
    n_levels: int | None = setting(
        None,
        "pyramid levels; none: up to 3, the coarsest 32 pixels or more",
        low=1,
        high=MOST_LEVELS,
        automatic=True,
    )
    n_iter: int = setting(
        8, "passes a level and patch size at most; it stops where nothing changes", low=1, high=1000
    )
    exponent: float = setting(
        0.8, "the norm r of the energy; 2: a plain mean, lower: sharper", low=0.01, high=2
    )
    n_patches: int = setting(
        100_000, "random patches in the search, all where there are fewer", low=1, high=10_000_000
    )
    n_dims: int = setting(48, "largest dimension of the patch space", low=1, high=256)
    finish: str = finish_setting(unused_by=("inpaint",))
    tileable: str = tileable_setting()
    device: str = device_setting()

    def __post_init__(self):
        check_settings(self)
        if self.smallest_patch_size > self.patch_size:
            raise TextoError(
                "smallest_patch_size",
                f"is {self.smallest_patch_size}, patch_size is {self.patch_size}",
                "lower it or raise patch_size",
            )

    def adapted(self, exemplar: np.ndarray) -> Self:
        """This method with `n_levels` as `exemplar` (H, W, C) asks for."""
        return dataclasses.replace(self, n_levels=self.count_levels(exemplar.shape))

    def count_levels(self, shape: tuple[int, ...]) -> int:
        """The number of levels for an exemplar of this shape; TextoError if too many."""
        least = max(COARSEST, 2 * self.smallest_patch_size)
        return count_levels(
            self.n_levels,
            usual=min(LEVELS, count_halvings(shape, least)),
            most=count_halvings(shape, self.smallest_patch_size),
            shape=shape,
            given=f"smallest_patch_size={self.smallest_patch_size}",
            remedy="lower n_levels or smallest_patch_size",
        )

    def patch_sizes(self, shape: tuple[int, ...]) -> list[int]:
        """The patch sizes, largest first, for a level of the exemplar of this shape.

        At most half its shorter side: larger ones leave little to choose from.
        """
        size, sizes = self.patch_size, []
        while size >= self.smallest_patch_size:
            sizes.append(size)
            size //= 2
        fitting = [size for size in sizes if size <= min(shape[:2]) // 2]
        return fitting or [min(sizes[-1], *shape[:2])]
