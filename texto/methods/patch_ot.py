"""Texture by optimisation of the transport cost between patches, at all scales at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..checks import only, take
from ..descent import WINDOW, Adam, Plateau
from ..finish import finish
from ..inpainting.optimal import fill_holes
from ..neighbors import resolve_device
from ..noise import field_like
from ..patch_energy import LevelEnergy, gradient
from ..patch_level import patch_level
from ..protocols import Progress, Rng, Step, TextoError, as_image, as_shape, generator, silent
from ..pyramid import level_sizes, pyramid
from ..settings import (
    PERIODIC,
    check_settings,
    device_setting,
    finish_setting,
    setting,
    tileable_setting,
)
from ..threads import single_blas

COARSEST = 32  # pixels: an automatic coarsest level is shorter than twice this,
PUBLISHED = 4  # and there are as many levels as published where that leaves
LEAST = 16  # pixels
LEAST_PATCHES = 16  # with fewer, a level has nothing to say


@dataclass(frozen=True)
class PatchOT:
    """Image optimisation: patches of all scales transported onto the exemplar's.

    Houdard, Leclaire, Papadakis, Rabin 2020, Algorithm 1: potentials rise by averaged
    stochastic ascent, the picture goes down the closed-form gradient of the transport cost, by
    Adam. The default starts at the coarsest level and goes up through the matches, each step
    looks at random subsets of patches, and all the exemplar's patches are targets. The published
    form is `start="noise", n_iter=150, learning_rate=0.01, n_levels=4, n_patches=2000`.
    """

    patch_size: int = setting(4, "side of a patch in pixels, at every level", low=2, high=16)
    n_levels: int | None = setting(
        None,
        f"pyramid levels; none: {PUBLISHED}, more where the coarsest would be {2 * COARSEST} "
        f"pixels or more, fewer where it would be under {LEAST}",
        low=1,
        high=12,
        stage="synthesis",
    )
    start: str = setting(
        "coarse",
        "coarse: level by level, from a Gaussian field; noise: all levels at once, from noise",
        choices=("coarse", "noise"),
        stage="synthesis",
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
    finish: str = finish_setting()
    tileable: str = tileable_setting()
    device: str = device_setting()

    def __post_init__(self):
        check_settings(self)

    def fit(
        self, exemplar: np.ndarray, *, rng: Rng = None, progress: Progress = silent
    ) -> PatchOTModel:
        """The exemplar (H, W, C) in [0, 1], checked and kept: all work is in the synthesis.

        Raises TextoError where it is too small for the settings.
        """
        generator(rng)  # nothing is drawn, but a bad seed is told
        exemplar = as_image(exemplar, smallest=self.patch_size).copy()
        self.count_levels(exemplar.shape)
        progress(Step("fit", 0, 1, 1))
        return PatchOTModel(self, exemplar)

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

        The patches that touch the holes are transported onto those that touch none, level by
        level whatever `start` is. Raises TextoError where too few of these are left. `finish`
        and `tileable` are for syntheses. A 64 x 64 hole in 256 x 256 takes about 3 s on two
        cores.
        """
        return fill_holes(self, image, mask, sources=sources, rng=rng, progress=progress)

    def restore(self, state: Mapping[str, Any]) -> PatchOTModel:
        """The model whose `state()` is `state`."""
        only(state, ["exemplar"])
        exemplar = take(state, "exemplar", shape=(None, None, None), dtype=np.float32)
        exemplar = as_image(exemplar, "tensor 'exemplar'", smallest=self.patch_size)
        self.count_levels(exemplar.shape)
        return PatchOTModel(self, exemplar)

    def image_steps(self, level: int) -> int:
        """Image steps at `level`, 0 the finest."""
        return self.n_iter + self.n_iter * level // 2

    def count_levels(self, shape: tuple[int, ...]) -> int:
        """The number of levels for an exemplar of this shape; TextoError if too many."""
        sides = [[side >> level for side in shape[:2]] for level in range(12)]
        patches = [
            max(0, height - self.patch_size + 1) * max(0, width - self.patch_size + 1)
            for height, width in sides
        ]
        fitting = max(1, sum(count >= LEAST_PATCHES for count in patches))
        if self.n_levels is None:
            usual, most = (sum(min(side) >= least for side in sides) for least in (COARSEST, LEAST))
            return min(fitting, max(1, usual, min(PUBLISHED, most)))
        if self.n_levels > fitting:
            raise TextoError(
                "n_levels",
                f"is {self.n_levels}, at most {fitting} suit an exemplar of "
                f"{shape[1]}x{shape[0]} with patch_size={self.patch_size}",
                "lower n_levels or patch_size",
            )
        return self.n_levels


@dataclass(frozen=True, eq=False)
class PatchOTModel:
    """An exemplar to optimise pictures towards."""

    method: PatchOT
    exemplar: np.ndarray

    @single_blas()
    def synthesize(
        self, shape: tuple[int, int], *, rng: Rng = None, progress: Progress = silent
    ) -> np.ndarray:
        """New texture (height, width, C) float32 in [0, 1], of any size.

        `progress` gets the loss of every step: the mean over the levels in play of the semi-dual
        value, a lower bound of the transport cost once the potentials have converged.
        Cost: an image step searches for max(n_queries, h w / patch_size^2) patches among the
        level's targets; memory is that of a few pictures.
        """
        height, width = as_shape(shape)
        method, rng = self.method, generator(rng)
        periodic = PERIODIC[method.tileable]
        n_levels = method.count_levels(self.exemplar.shape)
        canvas = _canvas((height, width), periodic, method.patch_size, n_levels)
        # A tile smaller than the coarsest patches has no such level.
        while n_levels > 1 and min(canvas) >> (n_levels - 1) < method.patch_size:
            n_levels -= 1
        pictures = pyramid(self.exemplar, n_levels)
        levels = [_energy(method, picture, rng) for picture in pictures]
        result = _Descent(method, levels, canvas, rng, progress).run()
        result = np.ascontiguousarray(result[:height, :width])
        if method.finish == "sliced":
            result = finish(result, self.exemplar, rng=rng, periodic=periodic, progress=progress)
        return result

    def state(self) -> dict[str, np.ndarray]:
        """The exemplar."""
        return {"exemplar": self.exemplar}


def _energy(method: PatchOT, picture: np.ndarray, rng: np.random.Generator) -> LevelEnergy:
    windows = int(np.prod([side - method.patch_size + 1 for side in picture.shape[:2]]))
    database = patch_level(
        picture,
        method.patch_size,
        n_patches=method.n_patches or windows,
        n_dims=None,
        kept_variance=method.kept_variance,
        rng=rng,
    )
    device = resolve_device(method.device)
    return LevelEnergy(database, n_queries=method.n_queries, rate=method.dual_rate, device=device)


def _canvas(
    shape: tuple[int, int], periodic: tuple[bool, bool], patch_size: int, n_levels: int
) -> tuple[int, int]:
    """The torus to work on: a tile is one as it is, another picture is cut out of a larger one."""
    unit = 2 ** (n_levels - 1)
    return tuple(
        side if wraps else max(-(-side // unit), patch_size) * unit
        for side, wraps in zip(shape, periodic, strict=True)
    )


class _Descent:
    """One run of Algorithm 1 over a torus."""

    def __init__(self, method, levels: list[LevelEnergy], canvas, rng, progress: Progress):
        self._method, self._levels, self._rng = method, levels, rng
        self._sizes = level_sizes(canvas, len(levels))
        self._progress, self._done = progress, 0
        # Stages, first to last: the level that the picture lives on, and its image steps.
        coarse = method.start == "coarse"
        first = len(levels) - 1 if coarse else 0
        self._stages = {level: method.image_steps(level) for level in range(first, -1, -1)}
        self._total = sum(self._stages.values()) + len(levels) * method.n_iter_dual

    def run(self) -> np.ndarray:
        """The picture (H, W, C) in [0, 1] at full size."""
        picture = self._start()
        for level, n_iter in self._stages.items():
            if picture.shape[:2] != self._sizes[level]:
                finer = self._levels[level].database.picture
                picture = self._levels[level + 1].enlarged(picture, finer, self._sizes[level])
            picture = self._optimised(picture, level, n_iter)
        return picture

    def _start(self) -> np.ndarray:
        """A Gaussian field at the coarsest level, or uniform noise at full size."""
        if self._method.start == "noise":
            channels = self._levels[0].database.picture.shape[2]
            return self._rng.random((*self._sizes[0], channels), dtype=np.float32)
        exemplar = self._levels[-1].database.picture
        field = field_like(exemplar, self._sizes[-1], self._rng, periodic=(True, True))
        return np.clip(field, 0, 1, out=field)

    def _optimised(self, picture: np.ndarray, level: int, n_iter: int) -> np.ndarray:
        """`picture` after the steps of its stage, in [0, 1]."""
        method, levels = self._method, self._levels[level:]
        for number, energy in enumerate(levels if method.start == "noise" else levels[:1]):
            self._ascend(energy, pyramid(picture, number + 1)[-1], level + number)
        adam, plateau = Adam(picture, method.learning_rate), Plateau(method.tolerance)
        end = self._done + n_iter
        while self._done < end:
            loss, slope = gradient(picture, levels, self._rng, ascend=method.n_iter_dual > 0)
            picture = adam.step(picture, slope)
            self._done = end if plateau.reached(loss) else self._done + 1
            self._progress(Step("synthesize", level, self._done, self._total, loss))
        return picture

    def _ascend(self, energy: LevelEnergy, picture: np.ndarray, level: int) -> None:
        """The ascent of a level that joins, before the picture moves."""
        for _ in range(self._method.n_iter_dual):
            energy.ascend(picture, self._rng)
            self._done += 1
            self._progress(Step("synthesize", level, self._done, self._total))
        energy.settle()
