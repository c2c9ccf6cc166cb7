"""The settings of PatchAssignment, and what follows from them."""

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

COARSEST = 32  # pixels: the shortest side that an automatic coarsest level may have


@dataclass(frozen=True)
class PatchAssignmentSettings(Method):
    """The hyper-parameters of `PatchAssignment`, for the algorithm."""

    patch_size: int = setting(8, "side of a patch in pixels, at every level", low=2, high=64)
    n_levels: int | None = setting(
        None,
        "pyramid levels; none: until the coarsest is 32 pixels or more",
        low=1,
        high=MOST_LEVELS,
        automatic=True,
    )
    stride: int | None = setting(
        None,
        "pixels between neighbouring patches; none: patch_size / 4",
        low=1,
        high=64,
        automatic=True,
    )
    n_iter: int = setting(
        12,
        "passes at the coarsest level, two fewer at each finer one, down to two",
        low=1,
        high=1000,
    )
    n_exact: int = setting(
        1000, "patches up to which the assignment is exact; time grows as n^3", low=2, high=4000
    )
    n_iter_dual: int = setting(
        50, "Sinkhorn iterations at most, where it is not exact", low=1, high=10_000
    )
    regularization: float = setting(
        0.03, "entropy of the transport, where not exact, by the median cost", low=0.001, high=10
    )
    n_patches: int = setting(
        20_000, "patches of the exemplar in a pass, at most", low=1, high=1_000_000
    )
    n_dims: int = setting(48, "largest dimension of the patch space", low=1, high=256)
    finish: str = finish_setting()
    tileable: str = tileable_setting()
    device: str = device_setting()

    def __post_init__(self):
        check_settings(self)
        if self.stride is not None and self.stride > self.patch_size:
            raise TextoError(
                "stride", f"is {self.stride}, patch_size is {self.patch_size}", "patches must touch"
            )

    @property
    def spacing(self) -> int:
        """Pixels between neighbouring patches."""
        return self.stride or max(1, self.patch_size // 4)

    def adapted(self, exemplar: np.ndarray) -> Self:
        """This method with `n_levels` and `stride` as `exemplar` (H, W, C) asks for."""
        return dataclasses.replace(
            self, n_levels=self.count_levels(exemplar.shape), stride=self.spacing
        )

    def count_levels(self, shape: tuple[int, ...]) -> int:
        """The number of levels for an exemplar of this shape; TextoError if too many."""
        return count_levels(
            self.n_levels,
            usual=count_halvings(shape, max(COARSEST, 2 * self.patch_size)),
            most=count_halvings(shape, self.patch_size),
            shape=shape,
            given=f"patch_size={self.patch_size}",
        )

    def passes(self, n_levels: int) -> list[int]:
        """The passes of each level, finest first: structure is made at the coarse ones."""
        least = min(2, self.n_iter)
        return [max(least, self.n_iter - 2 * (n_levels - 1 - level)) for level in range(n_levels)]
