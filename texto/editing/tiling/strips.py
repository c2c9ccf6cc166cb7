"""Seams covered by strips of the picture itself, cut where they fit best."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.ndimage import gaussian_filter1d

from ...patches.cuts import boundary, least_costs
from ...steps.inpainting.ends import Band
from .bands import line_gradients, seamless

TRIED, EFFORT = 1024, 1 << 27  # strips that are tried for a seam, and their values, at most
DEPTH = 0.42  # share of the band that either boundary may run through
FINALISTS = 12  # of these strips are laid for a closer look
BLOCK = 1 << 23  # values of the strips that are compared at once
SMOOTH = 8  # tones are compared over the length of the seam divided by this
TONE = 0.5  # what a difference of tone costs, relative to one of pixels,
LINE = 5.0  # and what one between the new seam and a usual line does


def cover(
    picture: np.ndarray,
    band: Band,
    rng: np.random.Generator,
    told: Callable[[float], None],
    *,
    periodic: bool,
) -> np.ndarray:
    """`picture` (H, W, C) with a strip of itself over the seam in `band`.

    The strip is as long as the seam and comes from outside the band; where the picture repeats
    along the seam (`periodic`) it may be turned along it too. Of half of all strips, drawn with
    `rng`, at most TRIED, the best is taken: by the cost of its two boundaries (Kwatra, Schoedl,
    Essa, Turk, Bobick 2003 place and cut patches so), by how much its tone differs from what
    it meets, and, once laid, by how much the new seam differs from a usual line. Slow changes
    of tone along the boundaries are evened out over the strip. `told` hears the share of the
    work done.

    Cost: O(TRIED) times the pixels of the band, and at most O(EFFORT).
    """
    seam = _Seam(np.moveaxis(picture, band.axis, 1), band, periodic)
    starts = seam.drawn(rng)
    step = max(1, BLOCK // seam.old.size)
    parts = []
    for first in range(0, len(starts), step):
        parts.append(seam.costs(starts[first : first + step]))
        told(min(0.999, (first + step) / len(starts)))
    costs = np.concatenate(parts)
    best, least = picture, np.inf
    for number in np.argsort(costs, kind="stable")[:FINALISTS]:
        laid = seam.covered(starts[number])
        cost = costs[number] + LINE * seam.deviation(laid)
        if cost < least:
            best, least = laid, cost
    told(1.0)
    return np.moveaxis(best, 1, band.axis)


@dataclass(frozen=True, eq=False)
class _Seam:
    """A seam between the last and the first column of `picture` (L, W, C)."""

    picture: np.ndarray
    band: Band
    periodic: bool

    @cached_property
    def places(self) -> np.ndarray:
        """(width,): the columns of the band."""
        return self.band.places(self.picture.shape[1])

    @cached_property
    def old(self) -> np.ndarray:
        """(L, width, C): what the band holds."""
        return self.picture[:, self.places]

    @cached_property
    def circular(self) -> bool:
        """Whether the two ends of the seam meet: then they shall go on meeting."""
        return self.periodic or seamless(self.picture, 0)

    def drawn(self, rng: np.random.Generator) -> np.ndarray:
        """(n, 2): for each strip to try, the row and column where it starts.

        None touches the band: a copy right beside its model would strike the eye.
        """
        (length, across), width = self.picture.shape[:2], self.band.width
        places = across - 2 * width + 1
        count = places * (length if self.periodic else 1)
        tried = min(TRIED, max(1, EFFORT // self.old.size), (count + 1) // 2)
        rows, columns = np.divmod(np.sort(rng.choice(count, tried, replace=False)), places)
        return np.column_stack([rows, columns + width - width // 2])

    def strips(self, starts: np.ndarray) -> np.ndarray:
        """(n, L, width, C): the strips at `starts` (n, 2)."""
        length = self.picture.shape[0]
        rows = (starts[:, :1] + np.arange(length)) % length
        columns = starts[:, 1:] + np.arange(self.band.width)
        return self.picture[rows[:, :, None], columns[:, None, :]]

    def costs(self, starts: np.ndarray) -> np.ndarray:
        """(n,): how badly the strips at `starts` (n, 2) fit, as a difference per place."""
        strips = self.strips(starts)
        total = np.zeros(len(starts))
        for gaps in self._gaps(strips):
            tones = self._tones(gaps)
            difference = _mean(np.abs(gaps - tones[:, :, None]))
            total += least_costs(difference) / difference.shape[1]
            total += TONE * np.abs(tones).mean(axis=(1, 2))
        return total

    def deviation(self, laid: np.ndarray) -> float:
        """How much the gradients across the seams of `laid` (L, W, C) differ from usual ones."""
        total = 0.0
        for along in (1, 0) if self.periodic else (1,):
            wrap, inside = line_gradients(laid, along)
            total += abs(wrap - float(inside.mean()))
        return total

    def covered(self, start: np.ndarray) -> np.ndarray:
        """The picture (L, W, C) with the strip at `start` (2,) laid over the seam."""
        strips = self.strips(start[None])
        tones, cuts = [], []
        for gaps in self._gaps(strips):
            tones.append(self._tones(gaps)[0])
            difference = _mean(np.abs(gaps[0] - tones[-1][:, None]))
            cuts.append(boundary(difference, closed=True)[:, None])
        inner = np.arange(self.band.width)
        first, last = cuts[0], self.band.width - 1 - cuts[1]
        share = np.clip((inner - first) / np.maximum(1, last - first), 0, 1)[:, :, None]
        evened = strips[0] + (1 - share) * tones[0][:, None] + share * tones[1][:, None]
        new = (inner >= first) & (inner <= last)
        result = self.picture.copy()
        result[:, self.places] = np.where(new[:, :, None], np.clip(evened, 0, 1), self.old)
        return result

    def _gaps(self, strips: np.ndarray) -> Sequence[np.ndarray]:
        """Old less new pixels (n, L, depth, C) at either edge of the band, from it inwards."""
        depth = max(1, int(self.band.width * DEPTH))
        gaps = self.old[:, :depth] - strips[:, :, :depth]
        return gaps, (self.old[:, -depth:] - strips[:, :, -depth:])[:, :, ::-1]

    def _tones(self, gaps: np.ndarray) -> np.ndarray:
        """(n, L, C): what `gaps` (n, L, depth, C) are on the whole, slowly changing along L."""
        mode = "wrap" if self.circular else "nearest"
        return gaussian_filter1d(
            gaps.mean(axis=2), gaps.shape[1] / SMOOTH, axis=1, mode=mode, truncate=2
        )


def _mean(values: np.ndarray) -> np.ndarray:
    """The mean over the channels of `values` (..., C): numpy's own is slow for so few."""
    return sum(values[..., channel] for channel in range(values.shape[-1])) / values.shape[-1]
