"""Sliced transport in the holes of a picture, against the blur of averages."""

from __future__ import annotations

import numpy as np

from ...patches.extraction import extract_at
from ...transport.sliced import displacement, frame
from ..sliced_flow import PATCH_SIZE, SAMPLES
from .levels import HoleLevel, chosen
from .spots import touching

DIRECTIONS = 64


class HoleFlow:
    """The flow of the 7 x 7 patches that touch the holes of `level` towards those to copy from.

    `ready` is False where the level is too small to have them, or of one colour: `step` then
    changes nothing.
    """

    def __init__(self, level: HoleLevel, rng: np.random.Generator):
        corners = chosen(level.known(PATCH_SIZE), SAMPLES, rng)
        self.ready = len(corners) > 1
        if not self.ready:
            return
        self._level, self._spots = level, touching(level, PATCH_SIZE)
        self._target = extract_at(level.picture, corners, PATCH_SIZE)
        centred = self._target - self._target.mean(axis=0)
        self._analysis, self._synthesis = frame(
            (centred.T @ centred).astype(np.float64) / len(centred)
        )
        self.ready = self._analysis.shape[1] > 0
        self._count = np.zeros((len(level.pixels), 1))
        for spots, _ in self._spots.blocks(1):
            spots.fold(self._count, np.ones((len(spots), PATCH_SIZE**2), np.float32))

    def step(self, canvas: np.ndarray, rng: np.random.Generator, *, gain: float = 1.0) -> None:
        """Move the holes of `canvas` (H, W, C) one step towards the target, in place."""
        if not self.ready:
            return
        level, rank = self._level, self._analysis.shape[1]
        gaussian = rng.standard_normal((rank, min(DIRECTIONS, rank)), dtype=np.float32)
        directions = np.linalg.qr(gaussian)[0]
        forth, back = self._analysis @ directions, (self._synthesis @ directions).T
        corners = chosen(self._spots.corners, SAMPLES, rng)
        displace = displacement(
            extract_at(canvas, corners, PATCH_SIZE) @ forth, self._target @ forth
        )
        total = np.zeros((len(level.pixels), canvas.shape[2]))
        for spots, _ in self._spots.blocks(canvas.shape[2]):
            moves = displace(spots.extract(canvas) @ forth) @ back
            # A patch that is known but for a stroke has its statistics already.
            moves *= np.square(spots.unknown)[:, None]
            spots.fold(total, moves)
        # Near a border few patches speak; dividing by their number alone would let them shout.
        total *= gain / np.maximum(self._count, self._count.max() / 3)
        level.put(canvas, level.values(canvas) + total)
