"""Holes filled with the texture of another picture, by any method that inpaints."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..core.errors import TextoError
from ..core.types import Progress, Rng, as_image
from ..steps.inpainting.wrapping import Inpaint

REACH = 64  # pixels round the holes that a method sees, and that keep the pictures apart


@dataclass(frozen=True, eq=False)
class Lender:
    """A picture (h, w, C) that texture comes from, where `sources` (h, w) is True."""

    picture: np.ndarray
    sources: np.ndarray

    @classmethod
    def of(cls, source: np.ndarray, sources: np.ndarray | None, channels: int) -> Lender:
        """`source` and `sources`, checked for a picture of so many `channels`."""
        picture = as_image(source, "source")
        if picture.shape[2] != channels:
            why = f"has {picture.shape[2]} channels, the picture has {channels}"
            raise TextoError("source", why, "give one of the same kind")
        if sources is None:
            return cls(picture, np.ones(picture.shape[:2], bool))
        allowed = np.asarray(sources)
        if allowed.dtype != bool or allowed.shape != picture.shape[:2] or not allowed.any():
            why = f"is {allowed.dtype} {allowed.shape}, the source is {picture.shape[:2]}"
            raise TextoError("source mask", why, "give booleans of its size, some of them True")
        return cls(picture, allowed)

    def filling(self, inpaint: Inpaint) -> Inpaint:
        """`inpaint` with the texture of this picture in place of that of the known pixels.

        The part of the picture round the holes and this picture lie on one canvas, and nothing
        but this picture may be copied. Between them, and round the first, the first goes on
        mirrored, holes and all, so that a hole at its border does not see the other. Cost: as
        of a picture with the area of both.
        """

        def fill(
            image: np.ndarray,
            mask: np.ndarray,
            *,
            sources: np.ndarray | None = None,
            rng: Rng = None,
            progress: Progress,
        ) -> np.ndarray:
            box = _round(mask)
            part, holes = image[box], mask[box]
            canvas, marked, allowed = self._beside(part, holes)
            made = inpaint(canvas, marked, sources=allowed, rng=rng, progress=progress)
            result = image.copy()
            made = made[: holes.shape[0], : holes.shape[1]]
            result[box] = np.where(holes[:, :, None], made, part)
            return result

        return fill

    def _beside(
        self, part: np.ndarray, holes: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """A canvas with `part` at the top left, its holes, and where it may be copied from."""
        sides, own = holes.shape, self.sources.shape
        areas = [
            (sides[axis] + REACH + own[axis]) * max(sides[1 - axis], own[1 - axis])
            for axis in (0, 1)
        ]
        axis = int(np.argmin(areas))  # along which they lie one after the other
        shape = [max(pair) for pair in zip(sides, own, strict=True)]
        shape[axis] = sides[axis] + REACH + own[axis]
        start = [sides[axis] + REACH if number == axis else 0 for number in (0, 1)]
        before_after = [
            (first, side - first - size)
            for first, side, size in zip(start, shape, own, strict=True)
        ]
        canvas = np.pad(self.picture, [*before_after, (0, 0)], mode="symmetric")
        allowed = np.pad(self.sources, before_after)
        marked = np.zeros(shape, bool)
        ends = [min(REACH, side - size) for side, size in zip(shape, sides, strict=True)]
        ends[axis] = REACH
        corner = tuple(slice(size + end) for size, end in zip(sides, ends, strict=True))
        rims = [(0, end) for end in ends]
        canvas[corner] = np.pad(part, [*rims, (0, 0)], mode="symmetric")
        marked[corner] = np.pad(holes, rims, mode="symmetric")
        return canvas, marked, allowed


def _round(mask: np.ndarray) -> tuple[slice, slice]:
    """The box of all holes of `mask` (H, W) with REACH pixels round it."""
    found = []
    for axis in (0, 1):
        lines = np.flatnonzero(mask.any(axis=1 - axis))
        found.append(slice(max(0, int(lines[0]) - REACH), int(lines[-1]) + 1 + REACH))
    return found[0], found[1]
