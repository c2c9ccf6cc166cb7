"""A picture with holes, level by level: what is known, what is to be filled, what may be copied."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ...core.types import as_image
from ...patches.database import SAMPLE, PatchLevel, leading_space
from ...patches.extraction import extract_at
from ...patches.masks import as_mask, as_sources, hole_pyramid, known_corners
from ...patches.pyramid import pyramid
from ...patches.space import principal_space

SAMPLED = 1 << 23  # values of the patches that a patch space is estimated from, at most
WIDE = 768  # values of a patch beyond which only the leading components are computed


@dataclass(frozen=True, eq=False)
class HoleLevel:
    """One level of a picture with holes, 0 the finest.

    picture : (H, W, C) float32, of one colour in the holes; holes : (H, W), True = to be filled;
    barred : (H, W), True where no patch may be copied from: the holes and all outside the sources.
    Values of the K hole pixels are kept as arrays (K, C), row by row: work and memory follow
    the holes and not the picture.
    """

    number: int
    picture: np.ndarray
    holes: np.ndarray
    barred: np.ndarray

    @cached_property
    def pixels(self) -> np.ndarray:
        """(K,): the hole pixels, by their numbers in the flat picture."""
        return np.flatnonzero(self.holes)

    @cached_property
    def order(self) -> np.ndarray:
        """(H, W, 1) int64: where a hole pixel stands among the K; K for all others."""
        order = np.full((self.holes.size, 1), len(self.pixels))
        order[self.pixels, 0] = np.arange(len(self.pixels))
        return order.reshape(*self.holes.shape, 1)

    @cached_property
    def depth(self) -> np.ndarray:
        """(H, W, 1) float32: how far in pixels a hole pixel is from what is known; 0 outside."""
        from scipy.ndimage import distance_transform_edt

        return distance_transform_edt(self.holes).astype(np.float32)[:, :, None]

    def values(self, canvas: np.ndarray) -> np.ndarray:
        """(K, C): what `canvas` (H, W, C) holds in the holes."""
        return canvas.reshape(-1, canvas.shape[2])[self.pixels]

    def put(self, canvas: np.ndarray, values: np.ndarray) -> None:
        """Write `values` (K, C) into the holes of `canvas` (H, W, C), and nothing else."""
        canvas.reshape(-1, canvas.shape[2])[self.pixels] = values

    def known(self, patch_size: int) -> np.ndarray:
        """The corners (m, 2) of all patches that may be copied; none where no patch fits."""
        if min(self.holes.shape) < patch_size:
            return np.empty((0, 2), np.int32)
        return known_corners(self.barred, patch_size)

    def database(
        self,
        patch_size: int,
        *,
        n_patches: int | None,
        n_dims: int | None,
        kept_variance: float,
        rng: np.random.Generator,
    ) -> PatchLevel:
        """`n_patches` random patches of those that may be copied; all where None or too few."""
        corners = self.known(patch_size)
        corners = chosen(corners, n_patches or len(corners), rng)
        width = patch_size**2 * self.picture.shape[2]
        sample = chosen(corners, min(SAMPLE, max(1024, SAMPLED // width)), rng)
        patches = extract_at(self.picture, sample, patch_size)
        if n_dims is not None and width > WIDE:
            space = leading_space(patches, n_dims, kept_variance=kept_variance, rng=rng)
        else:
            space = principal_space(patches, kept_variance=kept_variance, largest=n_dims)
        return PatchLevel(self.picture, corners, space, patch_size)


def hole_levels(
    image: np.ndarray,
    mask: np.ndarray,
    sources: np.ndarray | None,
    n_levels: int,
) -> list[HoleLevel]:
    """The levels of `image` (H, W, C) with holes where `mask` (H, W) is True, finest first.

    A coarse pixel is known, or may be copied, only if all pixels under it are. What `image`
    holds inside the holes has no influence.
    """
    allowed = as_sources(sources, mask)
    picture = image.copy()
    picture[mask] = image[~mask].mean(axis=0, dtype=np.float64)
    pictures = pyramid(picture, n_levels)
    holes, barred = hole_pyramid(mask, n_levels), hole_pyramid(~allowed, n_levels)
    return [
        HoleLevel(number, *parts)
        for number, parts in enumerate(zip(pictures, holes, barred, strict=True))
    ]


def as_holed(
    image: np.ndarray, mask: np.ndarray, *, smallest: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """`image` as (H, W, C) float32, 0 in its holes, and `mask` (H, W), both checked.

    Inside the holes any value will do, NaN too. Raises TextoError as `as_image` and `as_mask`.
    """
    pixels = np.array(image)
    if pixels.ndim not in (2, 3):
        as_image(pixels, "image")
    holes = as_mask(mask, pixels.shape)
    pixels[holes] = 0
    return as_image(pixels, "image", smallest=smallest), holes


def chosen(items: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """`count` random ones of `items` (n, ...), in their order; all where there are fewer."""
    if count >= len(items):
        return items
    return items[np.sort(rng.choice(len(items), count, replace=False))]
