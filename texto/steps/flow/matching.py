"""Matches of a flow's patches in a bank: by a full search with potentials, or coherently."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import scipy.ndimage

from ...core.threads import mapped
from ...patches.coherent import NEVER, coherent_search
from ...patches.extraction import Grid
from ...transport.posterior import balance, posterior
from ...transport.ranks import least
from .bank import Bank
from .octave import Octave

LEAST = 0.02  # of the mean best distance: epsilon falls no lower
RANGE = 16  # pixels that a stray candidate lies from the best match, at most
N_STRAYS = 3
FOREIGN = 1e6  # squared distance of a patch of another exemplar than the one wanted


@dataclass(frozen=True, eq=False)
class Matches:
    """For each of R x S patches its k best: `corners` (R, S, k, 2) int32, `costs` (R, S, k).

    Of a blend the k are those of r exemplars one after the other, whose `shares` are (R, S, r).
    """

    corners: np.ndarray
    costs: np.ndarray
    shares: np.ndarray | None = None

    def weights(self, time: float) -> np.ndarray:
        """(R, S, k) float32: the posterior at `time` over the k best, of a blend over each's."""
        parts = 1 if self.shares is None else self.shares.shape[2]
        costs = self.costs.reshape(-1, self.costs.shape[2] // parts)
        best = float(np.minimum(costs[:, 0], NEVER / 2).mean())
        weights = posterior(costs, epsilon(time, best)).reshape(*self.costs.shape[:2], parts, -1)
        if self.shares is not None:
            weights *= self.shares[..., None]
        return weights.reshape(self.costs.shape)


def epsilon(time: float, best: float) -> float:
    """2 (1 - t)^2, bounded below by a share of the mean best distance."""
    return max(2 * (1 - time) ** 2, LEAST * abs(best) + 1e-6)


@dataclass(eq=False)
class FullSearch:
    """Every patch of `bank` compared with every patch of `spots`, in blocks of places.

    A block is about as large as the exemplar and has potentials of its own, so proportions hold
    locally and the cost grows with the picture, not with its square. `free` (R, S) bool: the
    patches that the potentials are for. `owners` (R, S) int: which exemplar of a mix each patch is
    to be of, None for any.
    """

    bank: Bank
    spots: Grid
    octave: Octave
    free: np.ndarray | None = None
    owners: np.ndarray | None = None
    _potentials: dict[tuple[int, int], np.ndarray] = field(default_factory=dict)

    def __call__(
        self, points: np.ndarray, time: float, before: Matches | None, rng: np.random.Generator
    ) -> Matches:
        """The matches at `time` of the patches with coordinates `points` (R, S, d)."""
        chosen = self._chosen(rng)
        bank_points = self.bank.points if chosen is None else self.bank.points[chosen]
        corners = self.bank.corners if chosen is None else self.bank.corners[chosen]
        norms = np.square(bank_points).sum(axis=1) * np.float32(time**2)
        k = min(self.octave.n_matches, len(corners))
        shape = points.shape[:2]
        result = Matches(np.empty((*shape, k, 2), np.int32), np.empty((*shape, k), np.float32))

        def search(block: tuple[slice, slice]) -> None:
            own = points[block].reshape(-1, points.shape[2])
            costs = own @ bank_points.T
            costs *= np.float32(-2 * time)
            costs += norms
            costs += np.square(own).sum(axis=1, keepdims=True)
            if self.owners is not None:
                others = self.bank.owner != self.owners[block].reshape(-1, 1)
                costs += np.float32(FOREIGN) * others
            best = float(costs.min(axis=1).mean())
            if before is not None:
                self._discourage(costs, before, block, best)
            self._balance(costs, block, epsilon(time, best))
            values, near = least(costs, k)
            place = result.costs[block].shape
            result.costs[block] = values.reshape(place)
            result.corners[block] = corners[near].reshape(*place, 2)

        for _ in mapped(search, self._blocks(shape)):
            pass
        if chosen is not None and before is not None and self.octave.memory:
            return self._remembered(result, before, points, time)
        return result

    def _chosen(self, rng: np.random.Generator) -> np.ndarray | None:
        """The numbers of the patches that this search sees; None for all."""
        if self.octave.share >= 1:
            return None
        count = len(self.bank.corners)
        seen = max(self.octave.n_matches, round(self.octave.share * count))
        return np.sort(rng.choice(count, min(seen, count), replace=False))

    def _blocks(self, shape: tuple[int, int]) -> Iterator[tuple[slice, slice]]:
        """Rows and columns of the blocks, each as large as the exemplar is or smaller."""
        sides = [(side - 1) // self.octave.stride + 1 for side in self.bank.open.shape]
        edges = [
            np.linspace(0, count, -(-count // side) + 1).round().astype(int)
            for count, side in zip(shape, sides, strict=True)
        ]
        for top, bottom in zip(edges[0][:-1], edges[0][1:], strict=True):
            for left, right in zip(edges[1][:-1], edges[1][1:], strict=True):
                yield slice(top, bottom), slice(left, right)

    def _discourage(
        self, costs: np.ndarray, before: Matches, block: tuple[slice, slice], best: float
    ) -> None:
        """Add to `costs` (n, m) what `Octave.penalty` says, in place."""
        reach, penalty = self.octave.reach, self.octave.penalty
        if not penalty or self.octave.share < 1:
            return
        rows, columns = (np.arange(part.start, part.stop) for part in block)
        numbers = self.bank.numbers
        for down, right in ((0, 1), (0, -1), (1, 0), (-1, 0)):
            r, s = rows + down * reach, columns + right * reach
            inside = (
                ((r >= 0) & (r < len(self.spots.rows)))[:, None]
                & ((s >= 0) & (s < len(self.spots.columns)))
            ).ravel()
            r, s = r % len(self.spots.rows), s % len(self.spots.columns)
            way = np.stack(
                np.broadcast_arrays(
                    (self.spots.rows[rows] - self.spots.rows[r])[:, None],
                    self.spots.columns[columns] - self.spots.columns[s],
                ),
                axis=2,
            )
            corners = (before.corners[r[:, None], s, 0] + way).reshape(-1, 2)
            inside &= ((corners >= 0) & (corners < numbers.shape)).all(axis=1)
            queries = np.flatnonzero(inside)
            found = numbers[corners[queries, 0], corners[queries, 1]]
            costs[queries[found >= 0], found[found >= 0]] += penalty * best

    def _balance(self, costs: np.ndarray, block: tuple[slice, slice], eps: float) -> None:
        """Subtract the potentials of `block` from `costs` (n, m), in place, after their ascent."""
        n_iter = self.octave.n_balance
        if not n_iter or self.octave.share < 1:
            return
        key = (block[0].start, block[1].start)
        potentials = self._potentials.get(key, np.zeros(costs.shape[1], np.float32))
        rows = slice(None) if self.free is None else self.free[block].ravel()
        if self.free is not None and not self.free[block].any():
            return
        masses = np.ones(costs.shape[1], np.float32)
        if self.owners is not None:
            count = self.bank.n_owners
            wanted = np.bincount(self.owners[block].ravel(), minlength=count)
            masses = (np.maximum(wanted, 1e-3) / np.bincount(self.bank.owner, minlength=count))[
                self.bank.owner
            ]
        potentials = balance(costs[rows], potentials, masses / masses.sum(), eps, n_iter)
        self._potentials[key] = potentials
        costs -= potentials

    def _remembered(
        self, new: Matches, before: Matches, points: np.ndarray, time: float
    ) -> Matches:
        """The best of `new` matches and of those `before`, at the distances of now."""
        k = self.octave.n_matches
        sources = self.bank.sources.points
        old = sources[before.corners[..., 0], before.corners[..., 1]]
        squares = np.square(points[:, :, None] - np.float32(time) * old).sum(axis=3)
        same = (before.corners[:, :, :, None] == new.corners[:, :, None]).all(axis=4).any(axis=3)
        corners = np.concatenate([new.corners, before.corners], axis=2)
        costs = np.concatenate([new.costs, np.where(same, NEVER, squares)], axis=2)
        order = np.argsort(costs, axis=2, kind="stable")[:, :, :k]
        return Matches(
            np.take_along_axis(corners, order[..., None], axis=2),
            np.take_along_axis(costs, order, axis=2),
        )


@dataclass(eq=False)
class BlendedSearch:
    """The k best of each exemplar of `bank`, whose velocities are blended by `shares` (R, S, r)."""

    bank: Bank
    spots: Grid
    octave: Octave
    shares: np.ndarray

    def __call__(
        self, points: np.ndarray, time: float, before: Matches | None, rng: np.random.Generator
    ) -> Matches:
        """The matches at `time` of the patches with coordinates `points` (R, S, d)."""
        found = []
        for number, search in enumerate(self._searches):
            own = None
            if before is not None:
                part = slice(number * self._k, (number + 1) * self._k)
                own = Matches(before.corners[:, :, part], before.costs[:, :, part])
            found.append(search(points, time, own, rng))
        return Matches(
            np.concatenate([each.corners for each in found], axis=2),
            np.concatenate([each.costs for each in found], axis=2),
            self.shares,
        )

    @cached_property
    def _searches(self) -> list[FullSearch]:
        banks = [
            replace(self.bank, open=self.bank.open & (self.bank.owners == number))
            for number in range(self.bank.n_owners)
        ]
        fewest = min(len(bank.corners) for bank in banks)
        octave = replace(self.octave, n_matches=min(self.octave.n_matches, fewest))
        return [FullSearch(bank, self.spots, octave) for bank in banks]

    @property
    def _k(self) -> int:
        return self._searches[0].octave.n_matches


def seeds(coarse: Matches, coarse_spots: Grid, spots: Grid, bank: Bank) -> np.ndarray:
    """(R, S, 4, 2) int32: the best matches of a coarser octave around each patch, scaled up.

    Where such a patch of `bank` may not be used, the nearest one that may.
    """
    numbers = []
    for finer, coarser in zip(
        (spots.rows, spots.columns), (coarse_spots.rows, coarse_spots.columns), strict=True
    ):
        before = np.searchsorted(coarser, finer // 2, side="right") - 1
        numbers.append([before, np.minimum(before + 1, len(coarser) - 1)])
    limits = np.array(bank.open.shape) - 1
    found = []
    for r in numbers[0]:
        for s in numbers[1]:
            corners = 2 * coarse.corners[r[:, None], s, 0]
            corners[..., 0] += (spots.rows - 2 * coarse_spots.rows[r])[:, None]
            corners[..., 1] += spots.columns - 2 * coarse_spots.columns[s]
            found.append(np.clip(corners, 0, limits))
    corners = np.stack(found, axis=2).astype(np.int32)
    if not bank.open.all():
        nearest = scipy.ndimage.distance_transform_edt(
            ~bank.open, return_distances=False, return_indices=True
        )
        corners = np.moveaxis(nearest[:, corners[..., 0], corners[..., 1]], 0, -1)
    return np.ascontiguousarray(corners, dtype=np.int32)


@dataclass(eq=False)
class CoherentSearch:
    """Candidates from neighbours, from the coarser octave's `seeds` (R, S, 4, 2), and strays."""

    bank: Bank
    spots: Grid
    octave: Octave
    periodic: tuple[bool, bool]
    seeds: np.ndarray

    def __call__(
        self, points: np.ndarray, time: float, before: Matches | None, rng: np.random.Generator
    ) -> Matches:
        """The matches at `time` of the patches with coordinates `points` (R, S, d)."""
        shape, k = points.shape[:2], self.octave.n_matches
        extra, penalty = None, 0.0
        if before is None:
            extra, found = self.seeds, np.repeat(self.seeds[:, :, :1], k, axis=2)
        else:
            found, penalty = before.corners, self.octave.penalty
            penalty *= float(np.minimum(before.costs[..., 0], NEVER / 2).mean())
        strays = rng.integers(-RANGE, RANGE + 1, (*shape, N_STRAYS, 2), dtype=np.int32)
        found, squares = coherent_search(
            self.bank.sources,
            points,
            self.spots,
            found,
            strays,
            extra=extra,
            scale=time,
            reach=self.octave.reach,
            penalty=penalty,
            periodic=self.periodic,
        )
        return Matches(found, squares)
