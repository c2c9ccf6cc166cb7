"""Bands of a picture that are filled a second time, and joined to what was there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...core.types import Progress, Step
from ...patches.cuts import between

TRIMMED = 4  # either edge of a band may give back one pixel in so many
STEPS = 1000  # of progress in all


@dataclass(frozen=True)
class Band:
    """`width` pixels round the line before pixel `line` of `axis`, 0 (rows) or 1 (columns)."""

    axis: int
    line: int
    width: int

    def places(self, side: int) -> np.ndarray:
        """(width,): the pixels of the axis, which is circular, from one edge to the other."""
        return (self.line - self.width // 2 + np.arange(self.width)) % side

    def mask(self, shape: tuple[int, ...]) -> np.ndarray:
        """(H, W) bool: the band in a picture of `shape` (H, W, ...)."""
        inside = np.zeros(shape[self.axis], bool)
        inside[self.places(len(inside))] = True
        return np.broadcast_to(np.expand_dims(inside, 1 - self.axis), shape[:2])


def joined(old: np.ndarray, new: np.ndarray, ends: Sequence[Band]) -> np.ndarray:
    """`old` (H, W, C) with the pixels of `new` between the boundaries of least cost in `ends`."""
    difference = np.abs(new - old).mean(axis=2)
    renewed = np.zeros(difference.shape, bool)
    for band in ends:
        across = np.moveaxis(difference, band.axis, 1)
        places = band.places(across.shape[1])
        depth = max(1, band.width // TRIMMED)
        np.moveaxis(renewed, band.axis, 1)[:, places] |= between(across[:, places], depth, depth)
    return np.where(renewed[:, :, None], new, old)


class Share:
    """Progress from share `first` to `last` of the whole `stage`, each step told once."""

    def __init__(self, stage: str, first: float, last: float, progress: Progress):
        self._stage, self._first, self._last, self._progress = stage, first, last, progress
        self._told, self._level = round(STEPS * first), 0
        self._loss: float | None = None

    def __call__(self, step: Step) -> None:
        """A step of a method; the last one may be told by `reach` only, whoever ends early."""
        self._level, self._loss = step.level, step.loss
        self.reach(min(step.iteration / max(1, step.total), 0.999))

    def reach(self, share: float) -> None:
        """So much of the part is done."""
        reached = int(STEPS * (self._first + share * (self._last - self._first)) + 1e-6)
        if share == 1:
            reached = round(STEPS * self._last)
        if reached > self._told:
            self._told = reached
            self._progress(Step(self._stage, self._level, reached, STEPS, self._loss))
