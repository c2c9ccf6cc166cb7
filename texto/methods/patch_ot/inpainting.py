"""Holes filled by descent on the transport cost of the patches that touch them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ...core.types import Progress, Rng
from ...patches.recompose import EXPONENT
from ...patches.search import resolve_device
from ...steps.adam import Adam, Plateau
from ...steps.inpainting.filling import Count, Match, inpaint
from ...steps.inpainting.levels import HoleLevel
from ...steps.inpainting.spots import HolePatches, touching
from ...steps.inpainting.trust import trust
from .energy import LevelEnergy
from .settings import PatchOTSettings

SETTLING = 4  # averages of all matched patches after the descent: they sharpen
DENSITY = 4  # a step at a hole sees so many times fewer patches than one of a synthesis


@dataclass(frozen=True, eq=False)
class HolePlaces:
    """Random patches of `patch_size` that touch the holes of `level`: see `Places`."""

    level: HoleLevel
    patch_size: int

    @cached_property
    def every(self) -> HolePatches:
        """All patches that touch a hole."""
        return touching(self.level, self.patch_size)

    def draw(self, picture: np.ndarray, n_queries: int, rng: np.random.Generator) -> HolePatches:
        """A grid with a random offset: about n_queries / DENSITY patches, or without gaps."""
        corners, size = self.every.corners, self.patch_size
        stride = int(np.clip(np.sqrt(DENSITY * len(corners) / n_queries), 1, size))
        taken = ((corners - rng.integers(0, stride, 2)) % stride == 0).all(axis=1)
        return HolePatches(self.level, corners[taken], size) if taken.any() else self.every

    def blank(self, picture: np.ndarray) -> np.ndarray:
        """(K, C) zeros."""
        return np.zeros((len(self.level.pixels), picture.shape[2]), np.float32)

    def extract(self, picture: np.ndarray, spots: HolePatches) -> np.ndarray:
        """The patches (n, w w C)."""
        return spots.extract(picture)

    def fold(self, total: np.ndarray, patches: np.ndarray, spots: HolePatches) -> None:
        """Add what `patches` say of the hole pixels to `total` (K, C)."""
        spots.fold(total, patches)

    def coverage(self, spots: HolePatches) -> np.ndarray:
        """(K,): how many patches cover each hole pixel."""
        total = np.zeros((len(self.level.pixels), 1), np.float32)
        for part, _ in spots.blocks(1):
            part.fold(total, np.ones((len(part), self.patch_size**2), np.float32))
        return total[:, 0]


@dataclass(frozen=True, eq=False)
class TransportFiller:
    """`n_iter` image steps on the holes of `level`, for a `PatchOT`."""

    method: PatchOTSettings
    level: HoleLevel
    n_iter: int
    device: str

    @property
    def steps(self) -> int:
        """Ascent steps before the first image step, image steps, and averages at the end."""
        return self.method.n_iter_dual + self.n_iter + SETTLING

    def fill(self, canvas: np.ndarray, rng: np.random.Generator, count: Count) -> Match:
        """See `Filler`. The gradient is that of the patches at the holes, in the holes only."""
        method, level = self.method, self.level
        energy = self._energy(rng)
        for _ in range(method.n_iter_dual):
            energy.ascend(canvas, rng)
            count(level.number)
        energy.settle()
        values = level.values(canvas)
        adam, plateau = Adam(values, method.learning_rate), Plateau(method.tolerance)
        left = self.n_iter
        while left:
            loss, slope = energy.gradient(canvas, rng, ascend=method.n_iter_dual > 0)
            values = adam.step(values, slope)
            level.put(canvas, values)
            steps = left if plateau.reached(loss) else 1
            count(level.number, loss, steps=steps)
            left -= steps
        every = touching(level, method.patch_size)
        for _ in range(SETTLING):
            found = energy.matches(canvas, every)
            squares = every.squared_distances(canvas, level.picture, found)
            match = Match(every, found, "robust", trust(every, squares, EXPONENT))
            match.fill(canvas)
            count(level.number)
        return match

    def _energy(self, rng: np.random.Generator) -> LevelEnergy[HolePatches]:
        """The loss. Ascent steps shrink where the patches at the holes are fewer than targets:

        all targets cannot be used then, and potentials that ask for it tear structures apart.
        """
        method, places = self.method, HolePlaces(self.level, self.method.patch_size)
        database = self.level.database(
            method.patch_size,
            n_patches=method.n_patches,
            n_dims=None,
            kept_variance=method.kept_variance,
            rng=rng,
        )
        return LevelEnergy(
            database,
            n_queries=method.n_queries,
            rate=method.dual_rate * min(1, len(places.every) / len(database.corners)),
            device=self.device,
            places=places,
        )


def fill_holes(
    method: PatchOTSettings,
    image: np.ndarray,
    mask: np.ndarray,
    *,
    sources: np.ndarray | None,
    rng: Rng,
    progress: Progress,
) -> np.ndarray:
    """`image` inpainted by a `PatchOT`: see `texto.steps.inpainting.filling.inpaint`."""
    device = resolve_device(method.device)

    def fillers(levels: Sequence[HoleLevel]) -> list[TransportFiller]:
        return [
            TransportFiller(method, level, method.image_steps(level.number), device)
            for level in levels
        ]

    return inpaint(
        image,
        mask,
        smallest=method.patch_size,
        least_size=lambda shape: method.patch_size,
        count_levels=method.count_levels,
        fillers=fillers,
        sources=sources,
        rng=rng,
        progress=progress,
    )
