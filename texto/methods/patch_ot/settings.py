"""The settings of PatchOT, and what follows from them."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Self

import numpy as np

from ...core.contract import Method
from ...core.settings import (
    check_settings,
    device_setting,
    finish_setting,
    setting,
    tileable_setting,
)
from ...patches.pyramid import MOST_LEVELS, count_halvings, count_levels
from ...steps.adam import WINDOW

COARSEST = 32  # pixels: an automatic coarsest level is shorter than twice this,
PUBLISHED = 4  # and there are as many levels as published where that leaves
LEAST = 16  # pixels
LEAST_PATCHES = 16  # with fewer, a level has nothing to say


@dataclass(frozen=True)
class PatchOTSettings(Method):
    """The hyper-parameters of `PatchOT`, for all that its powers are made of."""

    patch_size: int = setting(4, "side of a patch in pixels, at every level", low=2, high=16)
    n_levels: int | None = setting(
        None,
        f"pyramid levels; none: {PUBLISHED}, more where the coarsest would be {2 * COARSEST} "
        f"pixels or more, fewer where it would be under {LEAST}",
        low=1,
        high=MOST_LEVELS,
        stage="synthesis",
        automatic=True,
    )
    start: str = setting(
        "coarse",
        "coarse: level by level, from a Gaussian field; noise: all levels at once, from noise",
        choices=("coarse", "noise"),
        stage="synthesis",
        unused_by=("inpaint",),
    )
    n_iter: int = setting(
        30,
        "image steps at full size, half as many more at each coarser level",
        low=1,
        high=100_000,
        stage="synthesis",
    )
    n_iter_dual: int = setting(
        15,
        "ascent steps when a level joins, then one with each image step; 0: none, psi = 0",
        low=0,
        high=10_000,
        stage="synthesis",
    )
    learning_rate: float = setting(
        0.02, "Adam's step, in grey values of [0, 1]", low=1e-5, high=1, stage="synthesis"
    )
    dual_rate: float = setting(
        0.3,
        "first ascent step, in units of the mean cost of a match",
        low=0,
        high=100,
        stage="synthesis",
    )
    n_patches: int | None = setting(
        None,
        "target patches a level, drawn once; none: all",
        low=2,
        high=10_000_000,
        stage="synthesis",
    )
    n_queries: int = setting(
        4096,
        "patches of the synthesis in a step and level; never fewer than cover it without gaps",
        low=1,
        high=10_000_000,
        stage="synthesis",
    )
    kept_variance: float = setting(
        0.97,
        "share of the patches' variance that the search sees",
        low=0.01,
        high=1,
        stage="synthesis",
    )
    tolerance: float = setting(
        0.002,
        f"a level ends when the mean losses of {WINDOW} steps and of the {WINDOW} before differ "
        "by less than this share; 0: after all its steps",
        low=0,
        high=1,
        stage="synthesis",
    )
    finish: str = finish_setting(unused_by=("inpaint",))
    tileable: str = tileable_setting()
    device: str = device_setting()

    def __post_init__(self):
        check_settings(self)

    def adapted(self, exemplar: np.ndarray) -> Self:
        """This method with `n_levels` as `exemplar` (H, W, C) asks for."""
        return dataclasses.replace(self, n_levels=self.count_levels(exemplar.shape))

    def image_steps(self, level: int) -> int:
        """Image steps at `level`, 0 the finest."""
        return self.n_iter + self.n_iter * level // 2

    def count_levels(self, shape: tuple[int, ...]) -> int:
        """The number of levels for an exemplar of this shape; TextoError if too many."""
        sides = [[side >> level for side in shape[:2]] for level in range(MOST_LEVELS)]
        patches = [
            max(0, height - self.patch_size + 1) * max(0, width - self.patch_size + 1)
            for height, width in sides
        ]
        short, most = (count_halvings(shape, least) for least in (COARSEST, LEAST))
        return count_levels(
            self.n_levels,
            usual=max(short, min(PUBLISHED, most)),
            most=max(1, sum(count >= LEAST_PATCHES for count in patches)),
            shape=shape,
            given=f"patch_size={self.patch_size}",
        )
