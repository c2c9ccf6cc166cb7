"""Holes in a picture that repeats: filled so that they see across its edges."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ...core.settings import PERIODIC
from ...core.types import Progress, Rng, generator, silent
from .ends import Band, Share, joined
from .levels import as_holed

NARROWER, WIDEST = 4, 128  # a band of ends is so many times narrower than the shorter side, at most

Inpaint = Callable[..., np.ndarray]


def seeing_across(inpaint: Inpaint) -> Inpaint:
    """The method `inpaint` of a class with the setting `tileable`, which it then honours."""

    @functools.wraps(inpaint)
    def across(
        self: Any,
        image: np.ndarray,
        mask: np.ndarray,
        *,
        sources: np.ndarray | None = None,
        rng: Rng = None,
        progress: Progress = silent,
    ) -> np.ndarray:
        fill, periodic = functools.partial(inpaint, self), PERIODIC[self.tileable]
        return fill_across(fill, image, mask, periodic, sources=sources, rng=rng, progress=progress)

    return across


def fill_across(
    inpaint: Inpaint,
    image: np.ndarray,
    mask: np.ndarray,
    periodic: tuple[bool, bool],
    *,
    sources: np.ndarray | None = None,
    rng: Rng = None,
    progress: Progress = silent,
) -> np.ndarray:
    """`image` (H, W, C) with the holes `mask` (H, W) filled by `inpaint`, which knows no edges.

    inpaint(image, mask, sources=, rng=, progress=) : as `Inpaints` has it. Along each axis, rows
    first, that is `periodic` the picture is rolled so that its edges come to lie as far from any
    hole as can be. Where a hole goes all along an axis there is no such line: as in tiling, what
    was filled near the edges is filled a second time, with the edges in the middle, and joined to
    the first along boundaries of least cost.
    """
    if not any(periodic):
        return inpaint(image, mask, sources=sources, rng=rng, progress=progress)
    picture, holes = as_holed(image, mask)
    edges = [_edge(holes, axis) if wraps else 0 for axis, wraps in enumerate(periodic)]
    ends = [_band(holes, axis, edges[axis]) for axis in (0, 1) if periodic[axis]]
    ends = [band for band in ends if holes.take(band.line, band.axis).any()]
    masks = [holes, *(holes & band.mask(holes.shape) for band in ends)]
    rngs = [generator(rng)] if not ends else generator(rng).spawn(len(masks))
    limits = np.cumsum([0, *(each.sum() for each in masks)], dtype=float)
    limits /= limits[-1]
    known = ~holes if sources is None else ~holes & sources
    for number, (part, child) in enumerate(zip(masks, rngs, strict=True)):
        told = progress
        if ends:
            told = Share("inpaint", limits[number], limits[number + 1], progress)
        lines = edges if number == 0 else _opposite(part, ends[number - 1], periodic)
        made = _rolled(inpaint, picture, part, lines, sources=known, rng=child, progress=told)
        if isinstance(told, Share):
            told.reach(1.0)
        picture = joined(picture, made, [ends[number - 1]]) if number else made
    return picture


def _edge(holes: np.ndarray, axis: int) -> int:
    """The line of `axis` before which the picture is best cut open: far from all `holes`."""
    marked = np.asarray(holes.any(axis=1 - axis))
    lines, side = np.flatnonzero(marked), len(marked)
    if len(lines) == side:  # none is free: where holes are fewest
        width = _width(holes.shape)
        counts = np.pad(holes.sum(axis=1 - axis), (width // 2, width - width // 2 - 1), mode="wrap")
        sums = np.convolve(counts, np.ones(width, int), "valid")
        return int(np.argmin(sums))
    free = np.diff(np.append(lines, lines[0] + side)) - 1
    longest = int(np.argmax(free))
    return int(lines[longest] + 1 + free[longest] // 2) % side


def _band(holes: np.ndarray, axis: int, line: int) -> Band:
    return Band(axis, line, _width(holes.shape))


def _width(shape: tuple[int, ...]) -> int:
    return max(2, min(WIDEST, min(shape) // NARROWER))


def _opposite(part: np.ndarray, band: Band, periodic: tuple[bool, bool]) -> list[int]:
    """The lines to cut open, rows first, to fill `part` (H, W), which lies in `band`."""
    lines = [_edge(part, axis) if wraps else 0 for axis, wraps in enumerate(periodic)]
    side = part.shape[band.axis]
    lines[band.axis] = (band.line + side // 2) % side
    return lines


def _rolled(
    inpaint: Inpaint, picture: np.ndarray, holes: np.ndarray, lines: list[int], **more: Any
) -> np.ndarray:
    """`picture` with `holes` filled, cut open before `lines` of its axes, the rest as it is."""
    shift = [-line for line in lines]
    rolled, mask = (np.roll(each, shift, (0, 1)) for each in (picture, holes))
    sources = np.roll(more.pop("sources"), shift, (0, 1))
    made = np.roll(inpaint(rolled, mask, sources=sources, **more), lines, (0, 1))
    return np.where(holes[:, :, None], made, picture)
