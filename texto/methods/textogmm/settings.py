"""The settings of TextoGMM, and what follows from them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self, TypeVar

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
from ...core.types import Progress
from ...patches.database import PatchLevel, patch_level
from ...patches.pyramid import MOST_LEVELS, count_halvings, count_levels
from ...patches.recompose import WEIGHTINGS
from ...patches.search import resolve_device
from ...steps.sweep import Database, Sweep
from ...transport.em import MixtureFit, fit_mixture

T = TypeVar("T")

COARSEST = 32  # pixels: the shortest side that an automatic coarsest level may have
LEAST_SEARCHED = 64  # patches: with fewer the coarsest level has nothing to choose from


@dataclass(frozen=True)
class TextoGMMSettings(Method):
    """The hyper-parameters of `TextoGMM`, for all that its powers are made of."""

    patch_size: int = setting(8, "side of a patch in pixels, at every level", low=2, high=64)
    n_levels: int | None = setting(
        None,
        "pyramid levels; none: until the coarsest is 32 pixels or more",
        low=1,
        high=MOST_LEVELS,
        automatic=True,
    )
    n_components: int = setting(10, "Gaussians in each mixture", low=1, high=200)
    stride: int | None = setting(
        None,
        "pixels between neighbouring patches; none: patch_size / 4",
        low=1,
        high=64,
        automatic=True,
    )
    n_iter: int = setting(
        4, "transport passes at the coarsest level, one fewer at each finer one", low=1, high=100
    )
    n_iter_sliced: int = setting(
        5,
        "sliced-transport steps between passes, six times as many on the start; 0: none",
        low=0,
        high=50,
    )
    n_patches: int = setting(
        10_000, "random patches for EM and for the search", low=2, high=10_000_000
    )
    search_share: float = setting(
        0.2,
        "largest share of a level's patches in the search; near 1 the result copies the exemplar",
        low=0.001,
        high=1,
        unused_by=("inpaint",),
    )
    search_all: bool = setting(
        False, "search among all patches of the exemplar", unused_by=("inpaint",)
    )
    n_dims: int | None = setting(
        48, "largest dimension of the patch space; none: no limit", low=1, high=100_000
    )
    kept_variance: float = setting(
        0.99, "share of the patches' variance that the patch space keeps", low=0.01, high=1
    )
    covariance: str = setting("full", "covariances of the mixtures", choices=("full", "diag"))
    n_iter_em: int = setting(15, "EM steps at most", low=1, high=10_000)
    map: str = setting(
        "barycentric",
        "how a patch follows the plan; identity: not at all, for comparison",
        choices=("barycentric", "random", "identity"),
    )
    recomposition: str = setting(
        "gaussian",
        "how overlapping patches are averaged; mean: the published form",
        choices=WEIGHTINGS,
        stage="synthesis",
        unused_by=("inpaint",),
    )
    finish: str = finish_setting("sliced")
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
        return self.adapted_to([exemplar])

    def adapted_to(self, exemplars: Sequence[np.ndarray]) -> Self:
        """As `adapted`, for a mix: as many levels as the exemplar with the most has,

        as far as all have patches enough.
        """
        count = max(self.count_levels(exemplar.shape) for exemplar in exemplars)
        fewest = min(self._most_levels(exemplar.shape) for exemplar in exemplars)
        return dataclasses.replace(self, n_levels=min(count, fewest), stride=self.spacing)

    def count_levels(self, shape: tuple[int, ...]) -> int:
        """The number of levels for an exemplar of this shape; TextoError if too many."""
        most = self._most_levels(shape)
        if most == 0:
            raise TextoError(
                "exemplar",
                f"has only {self._windows(shape, 0)} patches for n_components={self.n_components}",
                "lower n_components or patch_size",
            )
        return count_levels(
            self.n_levels,
            usual=count_halvings(shape, COARSEST),
            most=most,
            shape=shape,
            given=f"patch_size={self.patch_size} and n_components={self.n_components}",
            remedy="lower n_levels, patch_size or n_components",
        )

    def passes(self, n_levels: int) -> list[int]:
        """Transport passes of each level, finest first: structure is made at the coarse ones."""
        return [max(1, self.n_iter - (n_levels - 1 - level)) for level in range(n_levels)]

    def plans(self, n_levels: int) -> list[int]:
        """How many plans a model holds for each level: one a pass, or none."""
        return self.passes(n_levels) if self.map != "identity" else [0] * n_levels

    def database(self, picture: np.ndarray, rng: np.random.Generator) -> PatchLevel:
        """The patches of `picture` (H, W, C) that a level searches."""
        return patch_level(
            picture,
            self.patch_size,
            n_patches=self.count_searched(picture.shape),
            n_dims=self.n_dims,
            kept_variance=self.kept_variance,
            rng=rng,
        )

    def count_searched(self, shape: tuple[int, ...]) -> int:
        """How many patches of a level the search uses."""
        windows = self._windows(shape, 0)
        if self.search_all:
            return windows
        least = min(LEAST_SEARCHED, windows)
        return max(least, min(self.n_patches, int(self.search_share * windows)))

    def mixture(self, points: np.ndarray, rng: np.random.Generator) -> MixtureFit:
        """The Gaussian mixture of `points` (n, d) in patch space, by EM."""
        return fit_mixture(
            points,
            self.n_components,
            rng=rng,
            covariance=self.covariance,
            n_iter=self.n_iter_em,
        )

    def sweep(
        self,
        databases: Sequence[Database[T]],
        sizes: Sequence[tuple[int, int]],
        stage: str,
        progress: Progress,
        periodic: tuple[bool, bool],
    ) -> Sweep[T]:
        """The sweep over `databases`, with pictures of `sizes`, finest first."""
        return Sweep(
            databases=databases,
            sizes=sizes,
            passes=self.passes(len(databases)),
            stride=self.spacing,
            recomposition=self.recomposition,
            n_iter_sliced=self.n_iter_sliced,
            device=resolve_device(self.device),
            periodic=periodic,
            stage=stage,
            progress=progress,
        )

    def _windows(self, shape: tuple[int, ...], level: int) -> int:
        """How many different patches a level of the exemplar has."""
        return int(np.prod([max(0, (side >> level) - self.patch_size + 1) for side in shape[:2]]))

    def _most_levels(self, shape: tuple[int, ...]) -> int:
        """How many levels have patches enough for a mixture."""
        return sum(self._windows(shape, level) >= self.n_components for level in range(MOST_LEVELS))
