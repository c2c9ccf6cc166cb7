"""Texto: multiscale semi-discrete optimal transport of patches."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np

from ...core.errors import TextoError
from ...core.settings import (
    PERIODIC,
    check_settings,
    device_setting,
    finish_setting,
    setting,
    tileable_setting,
)
from ...core.state import kept_exemplar, only
from ...core.threads import single_blas
from ...core.types import Progress, Rng, as_image, as_shape, generator, silent
from ...patches.database import Transport, draw_corners, patch_level
from ...patches.extraction import Grid, extract_at
from ...patches.noise import field_like, texton
from ...patches.pyramid import MOST_LEVELS, count_halvings, count_levels, fitting_sizes, pyramid
from ...patches.recompose import WEIGHTINGS
from ...patches.search import resolve_device
from ...steps.finish import finish
from ...steps.sweep import Database, Sweep
from ...transport.em import fit_mixture
from ...transport.semidual import Sampler, Schedule
from .level import SemidualLevel, field_law, mixture_sampler, solve_level

COARSEST = 32  # pixels: the shortest side that an automatic coarsest level may have
KEPT_VARIANCE = 0.9999  # of the patches, in the coordinates that are searched
SAMPLES = 26  # patches of the training synthesis for each target, at the least, between
TRAINING = (256, 512)  # these sides in pixels
CLOUD = 1 << 18  # patches of the training synthesis that the ascent draws from, at most
MIXTURE_SAMPLE = 10_000  # patches for EM
MIXTURE_STEPS = 30


@dataclass(frozen=True)
class Texto:
    """Texture by semi-discrete optimal transport of patches, coarse to fine.

    Galerne, Leclaire, Rabin 2018; with two layers, Leclaire, Rabin 2019. At each pyramid level
    the patches of the synthesis go to random patches of the exemplar by a biased
    nearest-neighbour search, whose potentials, found offline in `fit`, give each target the same
    share; overlapping patches are averaged, and the same correspondence on the next finer grid
    carries the picture up. The published form is `source="gmm", patch_size=3, layers=1,
    n_patches=1000, n_levels=4`; taking the patches of the training synthesis themselves for
    the source law is faster and better.
    """

    summary = (
        "semi-discrete transport of patches with potentials found offline, in one layer or two "
        "(Galerne, Leclaire, Rabin 2018; Leclaire, Rabin 2019)"
    )
    good_for = "the fastest synthesis from a model; soft"
    quick: ClassVar[Mapping[str, Any]] = {
        "n_patches": 300,
        "n_iter_dual": 30,
        "stride": 2,
        "device": "cpu",
    }

    patch_size: int = setting(5, "side of a patch in pixels, at every level", low=2, high=16)
    n_levels: int | None = setting(
        None,
        "pyramid levels; none: until the coarsest is 32 pixels or more",
        low=1,
        high=MOST_LEVELS,
        automatic=True,
    )
    n_patches: int = setting(
        1000, "random patches of the exemplar, the targets of a level", low=2, high=1_000_000
    )
    layers: int = setting(
        1, "1: one potential a target; 2: clusters first, for many targets", low=1, high=2
    )
    source: str = setting(
        "patches",
        "law that the potentials are fitted for: the patches of a training synthesis, or a "
        "Gaussian mixture of them (published)",
        choices=("patches", "gmm"),
    )
    n_components: int = setting(4, "Gaussians in the mixture of source=gmm", low=1, high=200)
    n_iter_dual: int = setting(
        300, "ascent steps for the potentials of a level", low=1, high=20_000
    )
    stride: int = setting(1, "pixels between neighbouring patches", low=1, high=16)
    recomposition: str = setting(
        "mean", "how overlapping patches are averaged", choices=WEIGHTINGS, stage="synthesis"
    )
    finish: str = finish_setting()
    tileable: str = tileable_setting()
    device: str = device_setting()

    def __post_init__(self):
        check_settings(self)
        if self.stride > self.patch_size:
            raise TextoError(
                "stride", f"is {self.stride}, patch_size is {self.patch_size}", "patches must touch"
            )

    @single_blas()
    def fit(
        self, exemplar: np.ndarray, *, rng: Rng = None, progress: Progress = silent
    ) -> TextoModel:
        """Find the potentials of all levels, on a training synthesis.

        exemplar : (H, W, C) in [0, 1], any C. Raises TextoError where it is too small for the
        settings. Cost: `n_iter_dual` batches of `n_patches` samples (256 to 8192) a level, each
        sample compared with all targets, or with about 2 sqrt(n_patches) in two layers; it
        hardly grows with the exemplar.
        """
        exemplar = as_image(exemplar, smallest=self.patch_size).copy()
        method = self.adapted(exemplar)
        pictures = pyramid(exemplar, method.count_levels(exemplar.shape))
        *rngs, last = generator(rng).spawn(len(pictures) + 1)
        fits = [_LevelFit(self, *pair) for pair in zip(pictures, rngs, strict=True)]
        coarsest = len(pictures) - 1
        side = int(np.clip(math.isqrt(SAMPLES * self.n_patches), *TRAINING))
        sizes = [(side, side)] * len(pictures)
        start = field_like(pictures[-1], sizes[-1], last)
        sweep = self._sweep(fits, sizes, "fit", progress, (False, False))

        def learn(level: int, _: int, synthesis: np.ndarray) -> None:
            fits[level].learn(synthesis, level == coarsest)

        sweep.run(start, learn, rng=last)
        return TextoModel(method, exemplar, tuple(fit.level for fit in fits))

    def restore(self, state: Mapping[str, np.ndarray]) -> TextoModel:
        """The model whose `state()` is `state`; TextoError where the arrays make no sense."""
        exemplar = kept_exemplar(state, smallest=self.patch_size)
        method = self.adapted(exemplar)
        pictures = pyramid(exemplar, method.count_levels(exemplar.shape))
        levels = tuple(
            SemidualLevel.restore(state, f"level{number}.", picture, self.patch_size, self.layers)
            for number, picture in enumerate(pictures)
        )
        model = TextoModel(method, exemplar, levels)
        only(state, model.state())
        return model

    def adapted(self, exemplar: np.ndarray) -> Self:
        """This method with `n_levels` as `exemplar` (H, W, C) asks for."""
        return replace(self, n_levels=self.count_levels(exemplar.shape))

    def count_levels(self, shape: tuple[int, ...]) -> int:
        """The number of levels for an exemplar of this shape; TextoError if too many."""
        return count_levels(
            self.n_levels,
            usual=count_halvings(shape, COARSEST),
            most=count_halvings(shape, self.patch_size),
            shape=shape,
            given=f"patch_size={self.patch_size}",
        )

    def _sweep(
        self,
        databases: Sequence[Database[Transport | None]],
        sizes: Sequence[tuple[int, int]],
        stage: str,
        progress: Progress,
        periodic: tuple[bool, bool],
    ) -> Sweep[Transport | None]:
        return Sweep(
            databases=databases,
            sizes=sizes,
            passes=[1] * len(databases),
            stride=self.stride,
            recomposition=self.recomposition,
            n_iter_sliced=0,
            device=resolve_device(self.device),
            periodic=periodic,
            stage=stage,
            progress=progress,
        )


@dataclass(frozen=True, eq=False)
class TextoModel:
    """A fitted Texto: for each level, finest first, its patches and their potentials."""

    method: Texto
    exemplar: np.ndarray
    levels: tuple[SemidualLevel, ...]

    @single_blas()
    def synthesize(
        self, shape: tuple[int, int], *, rng: Rng = None, progress: Progress = silent
    ) -> np.ndarray:
        """New texture (height, width, C) float32 in [0, 1], of any size.

        Nothing is estimated here: the potentials of the fit are applied. Cost: O(h w m d) for
        the search among m targets in d dimensions, O(h w sqrt(m) d) in two layers; memory is
        that of a few pictures.
        """
        height, width = as_shape(shape)
        periodic = PERIODIC[self.method.tileable]
        rng = generator(rng)
        sizes = fitting_sizes((height, width), len(self.levels), self.method.patch_size, periodic)
        start = field_like(self.levels[-1].picture, sizes[-1], rng, periodic=periodic)
        sweep = self.method._sweep(self.levels, sizes, "synthesize", progress, periodic)
        result = sweep.run(start, lambda *_: None, rng=rng)
        result = result[:height, :width]
        if self.method.finish == "sliced":
            result = finish(result, self.exemplar, rng=rng, periodic=periodic, progress=progress)
        return np.clip(result, 0, 1, out=np.ascontiguousarray(result))

    def state(self) -> dict[str, np.ndarray]:
        """The exemplar and, per level, patch space, targets, potentials and clusters."""
        state = {"exemplar": self.exemplar}
        for number, level in enumerate(self.levels):
            state |= level.state(f"level{number}.")
        return state


class _LevelFit:
    """One level while it is being fitted: a database for the sweep, once it has learnt."""

    def __init__(self, method: Texto, picture: np.ndarray, rng: np.random.Generator):
        self._method, self._rng = method, rng
        self._database = patch_level(
            picture,
            method.patch_size,
            n_patches=method.n_patches,
            n_dims=None,
            kept_variance=KEPT_VARIANCE,
            rng=rng,
        )
        self.picture, self.patch_size = picture, method.patch_size
        self.level: SemidualLevel  # once it has learnt

    def learn(self, synthesis: np.ndarray, coarsest: bool) -> None:
        """Find the potentials for the patches of `synthesis`, a Gaussian field if `coarsest`."""
        gmm = self._method.source == "gmm"
        self.level = solve_level(
            self._database,
            self._mixture(synthesis, coarsest) if gmm else self._patches(synthesis, CLOUD),
            n_layers=self._method.layers,
            schedule=Schedule(self._method.n_iter_dual),
            rng=self._rng,
        )

    def assign(
        self, synthesis: np.ndarray, spots: Grid, transport: Transport | None, device: str
    ) -> np.ndarray:
        """As `SemidualLevel.assign`, once `learn` has been called."""
        return self.level.assign(synthesis, spots, transport, device)

    def _patches(self, synthesis: np.ndarray, count: int) -> np.ndarray:
        """As many as `count` random patches of `synthesis`, in patch space: (n, d)."""
        corners = draw_corners(synthesis.shape, self.patch_size, count, self._rng)
        parts = np.array_split(corners, -(-len(corners) // MIXTURE_SAMPLE))
        space = self._database.space
        return np.concatenate(
            [space.project(extract_at(synthesis, part, self.patch_size)) for part in parts]
        )

    def _mixture(self, synthesis: np.ndarray, coarsest: bool) -> Sampler:
        """The published source law: exact at the coarsest level, a fitted mixture elsewhere."""
        if coarsest:
            mean = self.picture.mean(axis=(0, 1), dtype=np.float64)
            space = self._database.space
            return mixture_sampler(
                field_law(texton(self.picture), mean, self.patch_size, space), self._rng
            )
        fit = fit_mixture(
            self._patches(synthesis, MIXTURE_SAMPLE),
            self._method.n_components,
            rng=self._rng,
            n_iter=MIXTURE_STEPS,
        )
        return mixture_sampler(fit.mixture, self._rng)
