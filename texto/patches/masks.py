"""Masks of holes: True where pixels are to be made anew, at every level of a pyramid."""

from __future__ import annotations

import numpy as np

from ..core.errors import TextoError
from .extraction import all_corners


def as_mask(mask: np.ndarray, shape: tuple[int, ...], what: str = "mask") -> np.ndarray:
    """`mask` as a boolean array (H, W), True = fill, for a picture of `shape` (H, W, ...).

    Raises TextoError for another type or size, and where nothing or everything is to be filled.
    """
    holes = np.asarray(mask)
    _check_boolean(holes, what, "fill")
    if holes.shape != tuple(shape[:2]):
        sizes = ["x".join(map(str, size[::-1])) for size in (holes.shape, shape[:2])]
        raise TextoError(
            what, f"is {sizes[0]}, the picture is {sizes[1]}", "give a mask of the picture's size"
        )
    if not holes.any():
        raise TextoError(what, "selects no pixel to fill", "mark the hole; white is filled")
    if holes.all():
        raise TextoError(what, "selects every pixel", "leave some to copy from; black is kept")
    return holes


def as_sources(
    sources: np.ndarray | None, holes: np.ndarray, what: str = "source mask"
) -> np.ndarray:
    """The known pixels (H, W) that the texture may come from; all of them where None.

    Raises TextoError for another type or size, and where no known pixel is left.
    """
    if sources is None:
        return ~holes
    allowed = np.asarray(sources)
    _check_boolean(allowed, what, "use")
    if allowed.shape != holes.shape:
        sizes = ["x".join(map(str, size[::-1])) for size in (allowed.shape, holes.shape)]
        raise TextoError(
            what, f"is {sizes[0]}, the picture is {sizes[1]}", "give a mask of the picture's size"
        )
    if not (allowed & ~holes).any():
        raise TextoError(
            what, "selects no known pixel", "mark some outside the holes; white is used"
        )
    return allowed & ~holes


def grown(
    holes: np.ndarray, by: int, *, periodic: tuple[bool, bool] = (False, False)
) -> np.ndarray:
    """`holes` (H, W) and all pixels at most `by` from one; below 0, without those so near to none.

    Distances are Euclidean, in pixels, from centre to centre; they go on across the border of
    each axis, rows first, that is `periodic`. The border of a picture shrinks nothing.
    """
    if by == 0 or not holes.any():
        return holes
    if by < 0:
        return distances(~holes, -by, periodic=periodic) > -by
    return distances(holes, by, periodic=periodic) <= by


def distances(
    holes: np.ndarray, reach: int, *, periodic: tuple[bool, bool] = (False, False)
) -> np.ndarray:
    """(H, W): how far each pixel is from the nearest of `holes` (H, W); right up to `reach`.

    There must be a hole. Along axes, rows first, that are `periodic` the picture repeats.
    """
    from scipy.ndimage import distance_transform_edt

    rims = [wraps * min(reach, side) for wraps, side in zip(periodic, holes.shape, strict=True)]
    wider = np.pad(holes, [(rim, rim) for rim in rims], mode="wrap")
    part = tuple(slice(rim, rim + side) for rim, side in zip(rims, holes.shape, strict=True))
    return distance_transform_edt(~wider)[part]


def hole_pyramid(holes: np.ndarray, n_levels: int) -> list[np.ndarray]:
    """The holes (H, W) at each level, finest first: a pixel is known if all under it are.

    Sizes are those of `pyramid`: odd last rows and columns are left out.
    """
    levels = [holes]
    for _ in range(n_levels - 1):
        height, width = (side // 2 * 2 for side in levels[-1].shape)
        blocks = levels[-1][:height, :width].reshape(height // 2, 2, width // 2, 2)
        levels.append(np.any(blocks, axis=(1, 3)))
    return levels


def known_corners(holes: np.ndarray, patch_size: int) -> np.ndarray:
    """The corners (n, 2) of all patches of a picture that touch no hole, row by row."""
    corners = all_corners(holes.shape, patch_size)
    total = np.zeros((holes.shape[0] + 1, holes.shape[1] + 1), np.int64)
    total[1:, 1:] = holes.cumsum(axis=0).cumsum(axis=1)
    touched = (
        total[patch_size:, patch_size:]
        - total[:-patch_size, patch_size:]
        - total[patch_size:, :-patch_size]
        + total[:-patch_size, :-patch_size]
    )
    return corners[touched.ravel() == 0]


def touching_corners(holes: np.ndarray, patch_size: int) -> np.ndarray:
    """The corners (n, 2) of all patches of a picture that touch a hole, row by row."""
    corners = all_corners(holes.shape, patch_size)
    known = np.zeros(len(corners), bool)
    inside = known_corners(holes, patch_size)
    known[inside[:, 0] * (holes.shape[1] - patch_size + 1) + inside[:, 1]] = True
    return corners[~known]


def _check_boolean(mask: np.ndarray, what: str, meaning: str) -> None:
    if mask.dtype == bool:
        return
    half = {"f": "0.5", "u": "127", "i": "0"}.get(mask.dtype.kind)
    remedy = f"give booleans, True = {meaning}" + (f", as in mask > {half}" if half else "")
    raise TextoError(what, f"holds {mask.dtype} values", remedy)
