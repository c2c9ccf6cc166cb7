"""Scores by optimal transport between the patches of two pictures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..core.threads import mapped, single_blas
from ..core.types import Rng, as_image, generator
from ..patches.extraction import all_corners, extract_at
from ..patches.pyramid import pyramid
from ..transport.plan import exact_cost
from .pictures import checked_result

N_PATCHES = 1500  # a picture, level and draw
N_LEVELS = 4
SLICED_SIZE = 16
SLICED_PATCHES = 4096
SLICED_DIRECTIONS = 512
_BLOCK = 64  # directions that are sorted at a time


def patch_ot(
    result: np.ndarray,
    exemplar: np.ndarray,
    *,
    rng: Rng = 0,
    n_draws: int = 1,
    n_patches: int = N_PATCHES,
    n_levels: int = N_LEVELS,
) -> float:
    """Exact transport cost between 4 x 4 patches, the mean over 4 dyadic levels.

    result, exemplar : (H, W, C) float32 in [0, 1], of any sizes. At each level `n_patches` are
    drawn from each picture without replacement; the squared distance is summed over a patch's
    values. Draws of which each has new patches follow one another on `rng`, the first being
    the one of `n_draws` = 1; their mean is the score. 0 only where all patches are drawn from
    equal pictures: what chance leaves, the exemplar against itself shows. A result of half the
    side scores up to a tenth more, as it has fewer coarse patches. A blurred picture of a grainy
    texture scores less than a sharp one, as its patches lie nearer to all others: see `spectrum`
    and `sliced_w`. Raises TextoError for pictures too small to have a patch at the coarsest
    level. Cost: `n_draws` times 4 transport problems of size 1500, about 1 s of one core.
    """
    measure = PatchTransport.of(exemplar, 4, n_patches=n_patches, n_levels=n_levels)
    return float(measure(result, generator(rng), n_draws).mean())


def patch_ot_8(
    result: np.ndarray,
    exemplar: np.ndarray,
    *,
    rng: Rng = 0,
    n_draws: int = 1,
    n_patches: int = N_PATCHES,
    n_levels: int = N_LEVELS,
) -> float:
    """`patch_ot` with 8 x 8 patches, a size nobody trains on, divided by 4: on the same scale."""
    measure = PatchTransport.of(exemplar, 8, n_patches=n_patches, n_levels=n_levels)
    return float(measure(result, generator(rng), n_draws).mean())


def sliced_w(
    result: np.ndarray,
    exemplar: np.ndarray,
    *,
    rng: Rng = 0,
    n_draws: int = 1,
    n_patches: int = SLICED_PATCHES,
    n_directions: int = SLICED_DIRECTIONS,
) -> float:
    """Squared sliced 2-Wasserstein distance between 16 x 16 patches, at full resolution.

        16 C mean_t W2^2(<t, x>, <t, y>),   t uniform on the unit sphere of R^(256 C)

    result, exemplar : (H, W, C) float32 in [0, 1]. Equally many patches are drawn from both,
    `n_patches` or as many as the smaller picture has. The mean over directions times 256 C is
    on the scale of a squared distance of the patches; a 16th of that is on the scale of a 4 x 4
    patch, as in `patch_ot`. Unlike exact transport it hardly suffers from the number of patches.
    Raises TextoError for pictures below 16 pixels a side. Cost: 0.3 s of one core a draw.
    """
    measure = SlicedTransport.of(exemplar, n_patches=n_patches, n_directions=n_directions)
    return float(measure(result, generator(rng), n_draws).mean())


@dataclass(frozen=True, eq=False)
class PatchTransport:
    """`patch_ot` against one exemplar, whose `levels` are (H_l, W_l, C), finest first."""

    levels: list[np.ndarray]
    size: int
    n_patches: int

    @classmethod
    def of(
        cls,
        exemplar: np.ndarray,
        size: int,
        *,
        n_patches: int = N_PATCHES,
        n_levels: int = N_LEVELS,
    ) -> PatchTransport:
        """For patches of `size` x `size`; TextoError for an exemplar without any on a level."""
        exemplar = as_image(exemplar, smallest=size << (n_levels - 1))
        return cls(pyramid(exemplar, n_levels), size, n_patches)

    def __call__(
        self, result: np.ndarray, rng: np.random.Generator, n_draws: int = 1
    ) -> np.ndarray:
        """(n_draws,): the score of each draw."""
        n_levels = len(self.levels)
        smallest = self.size << (n_levels - 1)
        levels = pyramid(checked_result(result, self.levels[0], smallest), n_levels)
        with single_blas():
            clouds = self._clouds(levels, rng, n_draws)
            costs = list(mapped(lambda pair: exact_cost(*pair), clouds))
        # Sums over a patch of w x w values, brought to the scale of 4 x 4.
        return np.reshape(costs, (n_draws, n_levels)).mean(axis=1) * (4 / self.size) ** 2

    def _clouds(
        self, levels: list[np.ndarray], rng: np.random.Generator, n_draws: int
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for _ in range(n_draws):
            for images in zip(levels, self.levels, strict=True):
                first, second = (_drawn(image, self.size, self.n_patches, rng) for image in images)
                yield first, second


@dataclass(frozen=True, eq=False)
class SlicedTransport:
    """`sliced_w` against one `exemplar`, (H, W, C)."""

    exemplar: np.ndarray
    n_patches: int
    n_directions: int

    @classmethod
    def of(
        cls,
        exemplar: np.ndarray,
        *,
        n_patches: int = SLICED_PATCHES,
        n_directions: int = SLICED_DIRECTIONS,
    ) -> SlicedTransport:
        """TextoError for an exemplar without a patch."""
        return cls(as_image(exemplar, smallest=SLICED_SIZE), n_patches, n_directions)

    def __call__(
        self, result: np.ndarray, rng: np.random.Generator, n_draws: int = 1
    ) -> np.ndarray:
        """(n_draws,): the score of each draw, with directions of its own."""
        images = checked_result(result, self.exemplar, SLICED_SIZE), self.exemplar
        return np.array([self._draw(images, rng) for _ in range(n_draws)])

    def _draw(self, images: tuple[np.ndarray, np.ndarray], rng: np.random.Generator) -> float:
        count = min(self.n_patches, *(len(all_corners(i.shape, SLICED_SIZE)) for i in images))
        clouds = [_drawn(image, SLICED_SIZE, count, rng) for image in images]
        directions = rng.standard_normal((self.n_directions, clouds[0].shape[1]), np.float32)
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)

        def squares(start: int) -> float:
            block = directions[start : start + _BLOCK]
            first, second = (np.sort(block @ cloud.T, axis=1) for cloud in clouds)
            return float(np.square(first - second, dtype=np.float64).sum())

        with single_blas():
            total = sum(mapped(squares, range(0, self.n_directions, _BLOCK)))
        channels = images[0].shape[2]
        return 16 * channels * total / (self.n_directions * count)


def _drawn(image: np.ndarray, size: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """(n, w w C): `count` patches, or all where there are fewer."""
    corners = all_corners(image.shape, size)
    chosen = rng.choice(len(corners), min(count, len(corners)), replace=False)
    return extract_at(image, corners[chosen], size)
