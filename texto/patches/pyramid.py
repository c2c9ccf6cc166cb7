"""Dyadic levels of a picture: 2 x 2 means, so that coarse pixel a covers fine pixels 2a, 2a + 1."""

from __future__ import annotations

import numpy as np

from ..core.errors import TextoError

MOST_LEVELS = 12  # the greatest `n_levels` of a dyadic pyramid


def pyramid(image: np.ndarray, n_levels: int) -> list[np.ndarray]:
    """[u_0, ..., u_{S-1}] : u_0 is `image` (H, W, C), each next one its 2 x 2 means.

    A last odd row or column is left out of the next level, so that the block of a coarse patch
    at a always lies inside the finer picture, at 2a. Cost: O(H W C).
    """
    levels = [image]
    for _ in range(n_levels - 1):
        levels.append(halve(levels[-1]))
    return levels


def halve(image: np.ndarray) -> np.ndarray:
    """The 2 x 2 means of `image` (H, W, C): (H // 2, W // 2, C) float32."""
    height, width = (size // 2 * 2 for size in image.shape[:2])
    even = image[:height, :width]
    rows = even[0::2] + even[1::2]
    return ((rows[:, 0::2] + rows[:, 1::2]) / 4).astype(np.float32)


def add_enlarged(image: np.ndarray, coarse: np.ndarray, factor: int) -> None:
    """Add `coarse`, each value repeated `factor` times both ways, to `image` in place.

    Where `coarse` is `image` halved, this is the adjoint of the means but for its scale.
    """
    height, width = (side * factor for side in coarse.shape[:2])
    for row in range(factor):
        for column in range(factor):
            image[row:height:factor, column:width:factor] += coarse
    # An odd last row or column belongs to no coarse pixel and follows its neighbour.
    image[height:, :width] += np.repeat(coarse[-1:], factor, axis=1)
    image[:height, width:] += np.repeat(coarse[:, -1:], factor, axis=0)
    image[height:, width:] += coarse[-1:, -1:]


def fitting_sizes(
    shape: tuple[int, int], n_levels: int, patch_size: int, periodic: tuple[bool, bool]
) -> list[tuple[int, int]]:
    """`level_sizes` with room for a patch on every open axis."""
    return [fitting(size, patch_size, periodic) for size in level_sizes(shape, n_levels)]


def fitting(
    shape: tuple[int, int], patch_size: int, periodic: tuple[bool, bool]
) -> tuple[int, int]:
    """`shape` with room for a patch on every open axis."""
    height, width = (
        side if wraps else max(side, patch_size)
        for side, wraps in zip(shape, periodic, strict=True)
    )
    return height, width


def level_sizes(shape: tuple[int, int], n_levels: int) -> list[tuple[int, int]]:
    """Sizes of the synthesis at each level, finest first; halves are rounded up."""
    sizes = [(shape[0], shape[1])]
    for _ in range(n_levels - 1):
        height, width = sizes[-1]
        sizes.append((-(-height // 2), -(-width // 2)))
    return sizes


def count_halvings(shape: tuple[int, ...], least: int) -> int:
    """How many levels of a picture of this shape, from the finest, have no side under `least`."""
    return sum(min(shape[:2]) >> level >= least for level in range(MOST_LEVELS))


def count_levels(
    asked: int | None,
    *,
    usual: int,
    most: int,
    shape: tuple[int, ...],
    given: str,
    remedy: str = "lower n_levels or patch_size",
) -> int:
    """The setting `n_levels` for an exemplar of this shape: as `asked`, or the `usual` number.

    TextoError where more are asked for than the `most` that suit the settings `given`.
    """
    if asked is None:
        return max(1, min(usual, most))
    if asked > most:
        raise TextoError(
            "n_levels",
            f"is {asked}, at most {most} suit an exemplar of {shape[1]}x{shape[0]} with {given}",
            remedy,
        )
    return asked
