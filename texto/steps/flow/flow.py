"""The flow of patch flow matching, coarse to fine: from noise to a picture of exemplar patches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ...core.types import Progress, Step, silent
from ...patches.extraction import Grid, grid
from ...patches.resample import enlarged
from ...patches.vote import sharp_vote, vote
from .bank import Bank
from .lots import Lots
from .matching import BlendedSearch, CoherentSearch, FullSearch, Matches, seeds
from .octave import Octave


@dataclass(frozen=True, eq=False)
class Pins:
    """What a flow may not change at one octave: `values` (h, w, C) where `held` is True.

    held : (h, w, C) bool. sure : whether the values come without the noise of their time, so
    that matches go by them and not by what noise hides.
    """

    values: np.ndarray
    held: np.ndarray
    sure: bool = False

    def along(self, picture: np.ndarray, time: float, noise: np.ndarray) -> np.ndarray:
        """`picture` (h, w, C) with the held values where their own flow is at `time`."""
        own = np.float32(time) * self.values
        if not self.sure:
            own += np.float32(1 - time) * noise
        return np.where(self.held, own, picture)


@dataclass(frozen=True, eq=False)
class Flowed:
    """What a flow ends with: the `picture` (h, w, C), centred and scaled as its bank.

    Where it was pinned it is what the patches say there, and not what it was pinned to.

    sources : (h, w, 2) int32, the pixel of the finest bank that each pixel is most of; None
    where no sharp vote came last.
    """

    picture: np.ndarray
    sources: np.ndarray | None


@dataclass(frozen=True, eq=False)
class Flow:
    """Euler steps of dx/dt = (E[x_1 | x_t = x] - x) / (1 - t), patch by patch and octave by octave.

    Chatillon, Rabin, Tschumperlé 2025; velocities of overlapping patches are averaged. All
    sequences are finest first. `sizes` are the pictures' (h, w). Of a mix `shares` gives for a
    grid of patches how much of each the r exemplars have, (R, S, r): their velocities are blended
    so, or with `lots` each patch is of one of them. `begins` (h, w, C) is what the
    coarsest octave starts from, None for noise alone.
    """

    banks: Sequence[Bank]
    octaves: Sequence[Octave]
    sizes: Sequence[tuple[int, int]]
    periodic: tuple[bool, bool] = (False, False)
    pins: Sequence[Pins] | None = None
    shares: Callable[[Grid], np.ndarray] | None = None
    lots: Lots | None = None
    begins: np.ndarray | None = None
    stage: str = "synthesize"
    progress: Progress = silent

    def run(self, rng: np.random.Generator) -> Flowed:
        """The picture at the finest octave. Cost: see `FullSearch`, `coherent_search`, `vote`."""
        picture = np.empty(0, np.float32) if self.begins is None else self.begins
        matches: Matches | None = None
        spots: Grid | None = None
        sources = None
        done, total = 0, sum(octave.n_steps for octave in self.octaves)
        for level in reversed(range(len(self.banks))):
            bank, octave = self.banks[level], self.octaves[level]
            noise = rng.standard_normal(
                (*self.sizes[level], bank.picture.shape[2]), dtype=np.float32
            )
            coarse, coarse_spots = matches, spots
            spots = grid(self.sizes[level], bank.size, octave.stride, self.periodic)
            search = self._search(level, spots, coarse, coarse_spots)
            picture = self._started(picture, noise, octave.start)
            matches = None
            for number, (time, after) in enumerate(
                zip(octave.times, octave.times[1:], strict=False)
            ):
                share = np.float32((after - time) / (1 - time))
                if time == 0:  # all patches are equally likely: to their mean, which is 0
                    picture *= 1 - share
                else:
                    if self.pins is not None:
                        picture = self.pins[level].along(picture, time, noise)
                    points = bank.coordinates(picture, spots)
                    matches = search(points, time, matches, rng)
                    sharp = number >= octave.n_steps - octave.n_sharp
                    target, sources = self._vote(level, spots, matches, time, sharp)
                    target -= picture
                    target *= share
                    picture += target
                done += 1
                self.progress(Step(self.stage, level, done, total))
            if self.pins is not None and level:
                picture = self.pins[level].along(picture, 1.0, noise)
        return Flowed(picture, sources)

    def _search(
        self, level: int, spots: Grid, coarse: Matches | None, coarse_spots: Grid | None
    ) -> FullSearch | BlendedSearch | CoherentSearch:
        bank, octave = self.banks[level], self.octaves[level]
        if octave.full or coarse is None or coarse_spots is None:
            shares = None if self.shares is None else self.shares(spots)
            owners = None
            if shares is not None:
                if self.lots is None:
                    return BlendedSearch(bank, spots, octave, shares)
                owners = self.lots.owners(shares, spots)
            free = None
            if self.pins is not None:
                free = _touching(np.any(~self.pins[level].held, axis=2), spots)
            return FullSearch(bank, spots, octave, free, owners)
        parents = seeds(coarse, coarse_spots, spots, bank)
        return CoherentSearch(bank, spots, octave, self.periodic, parents)

    def _started(self, coarse: np.ndarray, noise: np.ndarray, start: float) -> np.ndarray:
        """The picture at time `start`: noise, and what the coarser octave ended with.

        Pins need the noise later on; otherwise its array becomes the picture's.
        """
        mixed = noise if self.pins is None else noise.copy()
        mixed *= np.float32(1 - start)
        if coarse.size:
            shape = (noise.shape[0], noise.shape[1])
            larger = enlarged(coarse[:, :, : noise.shape[2]], shape, self.periodic)
            larger *= np.float32(start)
            mixed[:, :, : larger.shape[2]] += larger
        return mixed

    def _vote(
        self, level: int, spots: Grid, matches: Matches, time: float, sharp: bool
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """What the patches say each pixel is, and where from if one source decides."""
        bank, octave = self.banks[level], self.octaves[level]
        window = octave.window(bank.size)
        if sharp:
            best = np.ascontiguousarray(matches.corners[:, :, 0])
            return sharp_vote(bank.picture, best, spots, window, octave.power)
        weights = matches.weights(time)
        return vote(bank.picture, matches.corners, weights, spots, window), None


def _touching(free: np.ndarray, spots: Grid) -> np.ndarray:
    """(R, S) bool: which patches of `spots` have a pixel of `free` (h, w)."""
    size = spots.patch_size
    reach = [(0, size - 1), (0, size - 1)]
    sums = np.pad(free, reach, mode="wrap").cumsum(0, dtype=np.int32).cumsum(1, dtype=np.int32)
    sums = np.pad(sums, [(1, 0), (1, 0)])
    rows, columns = spots.rows[:, None], spots.columns
    count = sums[rows + size, columns + size] - sums[rows, columns + size]
    count += sums[rows, columns] - sums[rows + size, columns]
    return count > 0
