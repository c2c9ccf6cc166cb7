"""Several exemplars as one: their pictures on one canvas, their patches in one database."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ...core.errors import TextoError
from ...patches.database import SAMPLE, PatchLevel, Transport, draw_corners
from ...patches.extraction import Grid, extract, extract_at
from ...patches.search import Neighbors
from ...patches.space import principal_space
from ...steps.mixing.canvas import Canvas
from ...steps.mixing.zones import Zones

PROBES = 2048  # patches that tell where a picture's patches come from
BALANCE_STEPS = 20  # rounds over the sides; they are few


def union_level(
    canvas: Canvas,
    patch_size: int,
    *,
    count_searched: Callable[[tuple[int, ...]], int],
    n_dims: int | None,
    kept_variance: float,
    rng: np.random.Generator,
) -> PatchLevel:
    """The database of all pictures' patches, `count_searched(shape)` of each.

    Pictures of one exemplar take the same patches. The patch space is that of equally many
    patches of each picture.
    """
    drawn, sample, own = [], [], {}
    for picture, source, top in zip(canvas.pictures, canvas.sources, canvas.tops, strict=True):
        shift = np.array([top, 0], np.int32)
        if source not in own:
            count = count_searched(picture.shape)
            own[source] = draw_corners(picture.shape, patch_size, count, rng)
        drawn.append(own[source] + shift)
        most = SAMPLE // len(canvas.pictures)
        sample.append(draw_corners(picture.shape, patch_size, most, rng) + shift)
    space = principal_space(
        extract_at(canvas.picture, np.concatenate(sample), patch_size),
        kept_variance=kept_variance,
        largest=n_dims,
    )
    return PatchLevel(canvas.picture, np.concatenate(drawn), space, patch_size)


def check_owners(canvas: Canvas, level: PatchLevel, name: str) -> None:
    """TextoError for the tensor `name` where a patch of `level` lies in no exemplar."""
    if canvas.owners(level.corners, level.patch_size).min() < 0:
        raise TextoError(f"tensor '{name}'", "leaves the exemplars", "mix the models again")


@dataclass(frozen=True, eq=False)
class ZonedLevel:
    """A database in which each patch searches as one of its zones says.

    `level` holds the patches of all pictures of `canvas`; a zone searches those of the pictures
    that its row of `searched` (Z, P) marks.
    """

    level: PatchLevel
    canvas: Canvas
    searched: np.ndarray
    zones: Zones

    @property
    def picture(self) -> np.ndarray:
        return self.level.picture

    @property
    def patch_size(self) -> int:
        return self.level.patch_size

    def assign(
        self,
        synthesis: np.ndarray,
        spots: Grid,
        transport: Sequence[Transport | None],
        device: str,
    ) -> np.ndarray:
        """As `PatchLevel.assign`, with one `transport` a zone, None for an empty one.

        A patch is moved by the maps of its zones, averaged with their shares. The search is
        biased so that in each zone every exemplar gives about its weight's share of the
        patches: otherwise the smoother one would win nearly everywhere. Cost: O(n m d).
        """
        indices = self._balanced(synthesis, transport, device)
        found = np.empty((len(spots), 2), np.int32)
        for band, part in spots.blocks(synthesis.shape[2]):
            points = self.level.space.project(extract(synthesis, band))
            moved = _transported(points, self.zones.shares(band), transport)
            zones = self.zones.chosen(band)
            corners = found[part]
            for zone in np.unique(zones):
                own = zones == zone
                corners[own] = self._corners[zone][indices[zone].search(moved[own])]
        return found

    def shares_of(self, image: np.ndarray, device: str, rng: np.random.Generator) -> np.ndarray:
        """(Z, P): from which pictures the patches of `image` are, in each zone.

        Rows sum to one; an empty zone takes equally from what it may search.
        """
        shares = self.searched / self.searched.sum(axis=1, keepdims=True)
        drawn = self.zones.draw(image.shape, self.patch_size, PROBES, rng)
        for zone, corners in enumerate(drawn):
            if corners is not None:
                points = self.level.space.project(extract_at(image, corners, self.patch_size))
                labels = self._index(zone, device).search(points)
                owners = self._owners[self._numbers[zone][labels]]
                shares[zone] = np.bincount(owners, minlength=shares.shape[1]) / PROBES
        return shares

    def _balanced(
        self, synthesis: np.ndarray, transports: Sequence[Transport | None], device: str
    ) -> list[Neighbors]:
        """The index of each zone, biased for the patches of `synthesis`."""
        rng = np.random.default_rng(0)  # a sample of what is there, whatever the seed
        drawn = self.zones.draw(synthesis.shape, self.patch_size, PROBES, rng)
        found = []
        for zone, (corners, transport) in enumerate(zip(drawn, transports, strict=True)):
            index = self._index(zone, device)
            pictures = np.flatnonzero(self.searched[zone])
            if corners is not None and transport is not None and len(pictures) > 1:
                patches = extract_at(synthesis, corners, self.patch_size)
                points = transport(self.level.space.project(patches))
                costs = np.column_stack([self._distances(points, int(p), device) for p in pictures])
                weights = self.zones.weights[zone][np.asarray(self.canvas.sources)[pictures]]
                bias = np.zeros(len(self.canvas.pictures))
                bias[pictures] = balance(costs, weights)
                index = index.biased(bias[self._owners[self._numbers[zone]]])
            found.append(index)
        return found

    def _distances(self, points: np.ndarray, picture: int, device: str) -> np.ndarray:
        """(n,): the squared distance of `points` (n, d) to the nearest patch of a picture."""
        key = "picture", picture, device
        numbers = np.flatnonzero(self._owners == picture)
        if key not in self._indices:
            self._indices[key] = Neighbors(self._points[numbers], device=device)
        nearest = self._points[numbers[self._indices[key].search(points)]]
        return np.square(points - nearest).sum(axis=1)

    def _index(self, zone: int, device: str) -> Neighbors:
        """The patches that `zone` searches, without a bias."""
        key = "zone", zone, device
        if key not in self._indices:
            self._indices[key] = Neighbors(self._points[self._numbers[zone]], device=device)
        return self._indices[key]

    @cached_property
    def _numbers(self) -> list[np.ndarray]:
        """For each zone the numbers in the database of the patches that it searches."""
        return [np.flatnonzero(row[self._owners]) for row in self.searched]

    @cached_property
    def _corners(self) -> list[np.ndarray]:
        """For each zone the corners (m_z, 2) of the patches that it searches."""
        return [self.level.corners[numbers] for numbers in self._numbers]

    @cached_property
    def _owners(self) -> np.ndarray:
        return self.canvas.owners(self.level.corners, self.level.patch_size)

    @cached_property
    def _points(self) -> np.ndarray:
        return self.level.points

    @cached_property
    def _indices(self) -> dict:
        return {}


def balance(costs: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(r,): the bias b with which argmin_i costs[:, i] - b_i takes i with frequency weights[i].

    costs : (n, r); weights : (r,) > 0, summing to one. The potential of the semi-discrete
    transport from the points to the r sides, by coordinate ascent; exact for two.
    """
    bias = np.zeros(costs.shape[1])
    for _ in range(1 if len(bias) == 2 else BALANCE_STEPS):
        for side, weight in enumerate(weights):
            others = np.delete(costs - bias, side, axis=1).min(axis=1)
            bias[side] = np.quantile(costs[:, side] - others, weight)
    return bias


def _transported(
    points: np.ndarray, shares: np.ndarray, transports: Sequence[Transport | None]
) -> np.ndarray:
    moved = np.zeros_like(points)
    for share, transport in zip(shares.T, transports, strict=True):
        own = np.flatnonzero(share)
        if transport is not None and len(own):
            moved[own] += share[own, None] * transport(points[own])
    return moved
