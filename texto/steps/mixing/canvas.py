"""Several exemplars as one: their pictures below each other, each in the colours of the mix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .ingredients import SEED
from .tone import toned
from .zones import Zones


@dataclass(frozen=True, eq=False)
class Canvas:
    """One level of several exemplars, `pictures` (H_i, W_i, C), below each other in `picture`.

    `tops` (P,) : the first row of each; `sources` (P,) : the number of the exemplar it shows.
    A patch at (a, b) of a level has its finer pixels at (2a, 2b) of the next finer canvas, as in
    a pyramid of one picture.
    """

    pictures: Sequence[np.ndarray]
    sources: Sequence[int]
    tops: np.ndarray
    picture: np.ndarray

    def owners(self, corners: np.ndarray, patch_size: int) -> np.ndarray:
        """(m,): the number of the picture that each patch at `corners` (m, 2) lies in, or -1."""
        found = np.searchsorted(self.tops, corners[:, 0], side="right") - 1
        sizes = np.array([picture.shape[:2] for picture in self.pictures])[found]
        rows = corners[:, 0] - self.tops[found]
        inside = (rows + patch_size <= sizes[:, 0]) & (corners[:, 1] + patch_size <= sizes[:, 1])
        return np.where(inside & (corners >= 0).all(axis=1), found, -1)


def canvases(pyramids: Sequence[Sequence[np.ndarray]], sources: Sequence[int]) -> list[Canvas]:
    """The canvas of each level, finest first; `pyramids` (P,) are those of the pictures."""
    n_levels = len(pyramids[0])
    unit = 1 << (n_levels - 1)
    heights = [-(-steps[0].shape[0] // unit) * unit for steps in pyramids]
    tops, total = np.cumsum([0, *heights])[:-1], sum(heights)
    levels = []
    for level in range(n_levels):
        pictures = [steps[level] for steps in pyramids]
        width = max(picture.shape[1] for picture in pictures)
        whole = np.zeros((total >> level, width, pictures[0].shape[2]), np.float32)
        for top, picture in zip(tops >> level, pictures, strict=True):
            whole[top : top + picture.shape[0], : picture.shape[1]] = picture
        levels.append(Canvas(pictures, sources, tops >> level, whole))
    return levels


@dataclass(frozen=True, eq=False)
class Toned:
    """Exemplars in the colours of each zone's mix: P `pictures`, (H_i, W_i, C).

    `sources` (P,) : the number of the exemplar that each shows. `zones` (P,) : the number of the
    zone that it is for.
    """

    pictures: Sequence[np.ndarray]
    sources: Sequence[int]
    zones: Sequence[int]


def toned_for(exemplars: Sequence[np.ndarray], zones: Zones) -> Toned:
    """`exemplars` (H_i, W_i, C) for all `zones` that use them; nothing is drawn but by `SEED`."""
    pictures, sources, owners = [], [], []
    for zone, weights in enumerate(zones.weights):
        moved = toned(exemplars, weights, np.random.default_rng(SEED))
        for source in np.flatnonzero(weights):
            pictures.append(moved[source])
            sources.append(int(source))
            owners.append(zone)
    return Toned(pictures, sources, owners)
