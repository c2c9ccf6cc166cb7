"""Mixing by the weighted sum of the costs of transport to several exemplars: the barycentre."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ...patches.extraction import Grid, coverage, extract, fold, grid
from ...patches.recompose import recompose_finer
from ...steps.mixing.start import mixed_field
from ...steps.mixing.zones import Zones
from .descent import database, level_energy
from .energy import LevelEnergy, Torus
from .settings import PatchOTSettings


class MixedEnergy:
    """One level of the cost of a mix: sum_k w_k OT(patches of u, patches of `pictures`[k]).

    Where `zones` are several, each has its own weights and potentials, and a patch counts in
    one zone, as often as its centre's share says: the sum over zones of the costs of their
    patches. The potentials start from those between the Gaussian laws of the patches, so that
    a match is not one of colours only while the textures are far from each other.
    On an axis that is not `periodic` no patch reaches round the border.
    """

    def __init__(
        self,
        method: PatchOTSettings,
        pictures: Sequence[np.ndarray],
        zones: Zones,
        periodic: tuple[bool, bool],
        rng: np.random.Generator,
    ):
        self.source = tuple(pictures)
        self._zones, self._periodic, self._n_queries = zones, periodic, method.n_queries
        self._places = ZonePlaces(method.patch_size, periodic)
        own = [
            level_energy(method, database(method, picture, rng), self._places)
            for picture in pictures
        ]
        self._parts: list[dict[int, LevelEnergy[ZoneSpots]]] = [
            {int(k): own[k].twin() for k in np.flatnonzero(weights)} for weights in zones.weights
        ]
        self._primed: set[int] = set()

    @property
    def channels(self) -> int:
        """C."""
        return self.source[0].shape[2]

    def field(self, shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
        """A sample (*shape, C) of a Gaussian model between those of the pictures."""
        return mixed_field(self.source, self._zones, shape, rng, self._periodic)

    def ascend(self, picture: np.ndarray, rng: np.random.Generator) -> None:
        """One step of ascent on all potentials."""
        every = self._places.draw(picture, self._n_queries, rng)
        for zone, spots in self._split(every.grid):
            for energy in self._parts[zone].values():
                if zone not in self._primed:
                    energy.prime(picture, spots)
                energy.ascend_at(picture, spots)
            self._primed.add(zone)

    def settle(self) -> None:
        """Go to the average of the steps that `ascend` has made."""
        for parts in self._parts:
            for energy in parts.values():
                energy.settle()

    def gradient(
        self, picture: np.ndarray, rng: np.random.Generator, *, ascend: bool = True
    ) -> tuple[float, np.ndarray]:
        """The weighted sum of values and of gradients, see `LevelEnergy.gradient`.

        A step of -1 times the gradient replaces u by the weighted mean of the averages of the
        patches matched in each picture.
        """
        every = self._places.draw(picture, self._n_queries, rng)
        total, value = np.zeros_like(picture), 0.0
        for zone, spots in self._split(every.grid):
            for k, energy in self._parts[zone].items():
                weight = self._zones.weights[zone, k]
                part, residual = energy.pull(picture, spots, ascend=ascend)
                value += weight * part * len(spots) / len(every)
                total += np.float32(weight) * residual
        total /= np.maximum(self._places.coverage(every), 1)[:, :, None]
        return value, total

    def enlarged(
        self, picture: np.ndarray, finer: Sequence[np.ndarray], shape: tuple[int, int]
    ) -> np.ndarray:
        """`picture` on the grid of `shape`: the weighted mean of what the matches show there."""
        spots = grid(picture.shape[:2], self._places.patch_size, 1, self._periodic)
        weights = self._zones.mean_weights(shape)
        total = np.zeros((*shape, self.channels), np.float32)
        for k, source in enumerate(finer):
            found = self._found(picture, spots, k)
            shown = recompose_finer(source, found, spots, shape, periodic=self._periodic)
            total += weights[:, :, k, None] * shown
        return total

    def _split(self, spots: Grid) -> Iterator[tuple[int, ZoneSpots]]:
        """Each zone that has patches at `spots`, and these."""
        chosen = self._zones.chosen(spots)
        for zone in np.unique(chosen):
            yield int(zone), ZoneSpots(spots, chosen == zone)

    def _found(self, picture: np.ndarray, spots: Grid, k: int) -> np.ndarray:
        """The matches (n, 2) in picture `k` of all patches at `spots`.

        In a zone that gives it no weight they are those of the nearest one that does.
        """
        found = np.empty((len(spots), 2), np.int32)
        chosen = self._zones.chosen(spots)
        able = np.array([zone for zone, parts in enumerate(self._parts) if k in parts])
        nearest = able[np.abs(np.arange(len(self._parts))[:, None] - able).argmin(axis=1)]
        used = nearest[chosen]
        for zone in np.unique(used):
            own = ZoneSpots(spots, used == zone)
            found[own.chosen] = self._parts[zone][k].matches(picture, own)
        return found


@dataclass(frozen=True, eq=False)
class ZoneSpots:
    """The patches of `grid` that are `chosen`, (n,) bool."""

    grid: Grid
    chosen: np.ndarray

    def __len__(self) -> int:
        return int(self.chosen.sum())

    def blocks(self, channels: int) -> Iterator[tuple[ZoneSpots, slice]]:
        """Bands of the grid, each with the slice of its numbers among the chosen patches."""
        first = 0
        for band, part in self.grid.blocks(channels):
            own = ZoneSpots(band, self.chosen[part])
            if len(own):
                yield own, slice(first, first + len(own))
                first += len(own)


@dataclass(frozen=True)
class ZonePlaces:
    """Patches of a torus that belong to one zone: `Places` whose gradient is a picture (H, W, C).

    On an axis that is not `periodic` no patch reaches round the border.
    """

    patch_size: int
    periodic: tuple[bool, bool] = (True, True)

    def draw(self, picture: np.ndarray, n_queries: int, rng: np.random.Generator) -> ZoneSpots:
        """Spots of all zones, as `Torus.draw` without those that an open axis forbids."""
        drawn = Torus(self.patch_size).draw(picture, n_queries, rng)
        axes = [
            starts if wraps else _inside(starts, side - self.patch_size)
            for starts, side, wraps in zip(
                (drawn.rows, drawn.columns), drawn.shape, self.periodic, strict=True
            )
        ]
        spots = Grid(drawn.shape, self.patch_size, *axes)
        return ZoneSpots(spots, np.ones(len(spots), bool))

    def blank(self, picture: np.ndarray) -> np.ndarray:
        """Zeros like `picture`."""
        return np.zeros_like(picture)

    def extract(self, picture: np.ndarray, spots: ZoneSpots) -> np.ndarray:
        """The chosen patches (n, w w C)."""
        patches = extract(picture, spots.grid)
        return patches if spots.chosen.all() else patches[spots.chosen]

    def fold(self, total: np.ndarray, patches: np.ndarray, spots: ZoneSpots) -> None:
        """Their adjoint."""
        if not spots.chosen.all():
            every = np.zeros((len(spots.grid), patches.shape[1]), patches.dtype)
            every[spots.chosen] = patches
            patches = every
        fold(total, patches, spots.grid)

    def coverage(self, spots: ZoneSpots) -> np.ndarray:
        """(H, W): how many patches of the whole grid cover each pixel."""
        return coverage(spots.grid)


def _inside(starts: np.ndarray, last: int) -> np.ndarray:
    """Those of `starts` up to `last`; the last place where there are none."""
    inside = starts[starts <= last]
    return inside if len(inside) else np.array([last])
