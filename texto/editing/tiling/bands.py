"""The bands round the seams of a picture, and how strong a seam is."""

from __future__ import annotations

import math

import numpy as np

from ...core.errors import TextoError
from ...core.settings import PERIODIC
from ...steps.inpainting.ends import Band

SHARE = 4  # a band is so many times narrower than the side that it closes,
WIDEST = 128  # and no wider than this in pixels
USUAL = 0.9  # quantile of a picture's lines up to which its wrap line is like others
VISIBLE = 2.0  # times the mean of all lines from which one beyond that quantile strikes the eye


def seam_bands(axis: str, width: int) -> list[Band]:
    """The bands round the seams along `axis`, columns first."""
    rows, columns = PERIODIC[axis]
    return [Band(number, 0, width) for number, asked in ((1, columns), (0, rows)) if asked]


def band_width(shape: tuple[int, ...], axis: str = "xy", width: int | None = None) -> int:
    """The width in pixels of the bands for a picture of `shape` (H, W, ...).

    None: a quarter of the side that is closed, of the shorter one of two, at most 128. At least
    half of the picture stays outside the bands. Raises TextoError for more, for less than 2, and
    for pictures with no room.
    """
    if axis not in PERIODIC or axis == "none":
        raise TextoError("axis", f"is {axis!r}", "choose from x, y, xy")
    height, across = shape[:2]
    size = f"{across}x{height}"
    most = _widest(height, across, axis)
    if most < 2:
        raise TextoError("image", f"is {size}, too small for a band of 2 pixels", "give a larger")
    if width is None:
        closed = {"x": across, "y": height, "xy": min(height, across)}[axis]
        return max(2, min(WIDEST, most, closed // SHARE))
    if not 2 <= width <= most:
        raise TextoError(
            "width",
            f"is {width}, not from 2 to the {most} pixels that leave half of {size} as it is",
            "choose another, or leave it out",
        )
    return int(width)


def bands(shape: tuple[int, ...], axis: str = "xy", width: int | None = None) -> np.ndarray:
    """(H, W) bool: the pixels that `tile` may change in a picture of `shape` (H, W, ...)."""
    each = seam_bands(axis, band_width(shape, axis, width))
    return np.any([band.mask(shape) for band in each], axis=0)


def seam(image: np.ndarray, axis: str) -> float:
    """How strong the wrap line of `image` (H, W, C) along `axis` ("x" or "y") is.

    The mean absolute difference across it, over the mean of that across all lines inside; 1
    where there is no difference at all. A line of a structured picture varies by chance.
    """
    wrap, inside = line_gradients(image, 1 if axis == "x" else 0)
    mean = float(inside.mean()) if len(inside) else 0.0
    return float(wrap) / mean if mean else 1.0


def line_gradients(image: np.ndarray, along: int) -> tuple[float, np.ndarray]:
    """The mean absolute difference across the wrap line of the axis `along`, and all others."""
    steps = np.abs(image - np.roll(image, 1, along))
    lines = steps.reshape(*image.shape[:2], -1).mean(axis=(1 - along, 2), dtype=np.float64)
    return float(lines[0]), lines[1:]


def seamless(image: np.ndarray, along: int) -> bool:
    """Whether the wrap line of the axis `along` is like others: weaker than one in ten of them."""
    wrap, inside = line_gradients(image, along)
    return not len(inside) or bool(wrap <= np.quantile(inside, USUAL))


def visible(image: np.ndarray, axis: str) -> bool:
    """Whether the seam of `image` (H, W, C) along `axis` ("x" or "y") strikes the eye."""
    like_others = seamless(image, 1 if axis == "x" else 0)
    return not like_others and seam(image, axis) > VISIBLE


def _widest(height: int, width: int, axis: str) -> int:
    """The widest band, in pixels, that leaves half of the picture as it is."""
    if axis != "xy":
        return (width if axis == "x" else height) // 2
    both = height + width
    most = int((both - math.sqrt(both * both - 2 * height * width)) / 2)
    return min(most, min(height, width) // 2)
