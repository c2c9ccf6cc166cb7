"""The transport cost between the patches of a picture and an exemplar's, with its gradient.

The multi-scale loss of Houdard, Leclaire, Papadakis, Rabin 2020 (paper, eq. (10)) over random
subsets of patches: everything is a search, a gather and a fold, no automatic differentiation.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, Self, TypeVar

import numpy as np

from ...patches.database import PatchLevel
from ...patches.extraction import Grid, coverage, extract, extract_at, fold, grid
from ...patches.noise import field_like
from ...patches.pyramid import add_enlarged, halve
from ...patches.recompose import recompose_finer
from ...transport.gaussian_potential import gaussian_potential
from ...transport.semidual import Ascent, Average

FADING = 0.1  # weight of the newest step in the running mean of the cost
DECAY = 0.5  # the step of the ascent falls like k^-DECAY


class Spots(Protocol):
    """Places of n patches in a picture."""

    def __len__(self) -> int: ...

    def blocks(self, channels: int) -> Iterator[tuple[Self, slice]]:
        """Parts that fit the memory, each with the slice of its patches' numbers."""
        ...


P = TypeVar("P")
S = TypeVar("S", bound=Spots)


class Energy(Protocol[P]):
    """One level of the cost of a picture (H, W, C): see `LevelEnergy`, the cost of one exemplar.

    P : the picture, or the pictures, that it comes from.
    """

    @property
    def source(self) -> P:
        """What the next coarser level takes finer pixels from."""
        ...

    @property
    def channels(self) -> int:
        """C."""
        ...

    def field(self, shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
        """A picture (*shape, C) to start from."""
        ...

    def ascend(self, picture: np.ndarray, rng: np.random.Generator) -> None:
        """One step of ascent on the potentials."""
        ...

    def settle(self) -> None:
        """Go to the average of the steps that `ascend` has made."""
        ...

    def gradient(
        self, picture: np.ndarray, rng: np.random.Generator, *, ascend: bool = True
    ) -> tuple[float, np.ndarray]:
        """The cost and its gradient (H, W, C)."""
        ...

    def enlarged(self, picture: np.ndarray, finer: P, shape: tuple[int, int]) -> np.ndarray:
        """`picture` on a grid twice as fine, from the `source` of the next finer level."""
        ...


class Places(Protocol[S]):
    """Which patches of a picture take part in the cost, and where their gradient lives."""

    def draw(self, picture: np.ndarray, n_queries: int, rng: np.random.Generator) -> S:
        """Random spots for about `n_queries` patches, without gaps."""
        ...

    def blank(self, picture: np.ndarray) -> np.ndarray:
        """Zeros in the shape of a gradient, (..., C)."""
        ...

    def extract(self, picture: np.ndarray, spots: S) -> np.ndarray:
        """The patches (n, w w C)."""
        ...

    def fold(self, total: np.ndarray, patches: np.ndarray, spots: S) -> None:
        """Add `patches` to a gradient: the adjoint of `extract`."""
        ...

    def coverage(self, spots: S) -> np.ndarray:
        """(...): how many patches cover each value of a gradient."""
        ...


@dataclass(frozen=True)
class Torus:
    """Random grids of patches on a torus; the gradient is a picture (H, W, C)."""

    patch_size: int

    def draw(self, picture: np.ndarray, n_queries: int, rng: np.random.Generator) -> Grid:
        """A grid with a random offset, at most a patch's side apart."""
        shape = picture.shape[:2]
        stride = int(np.clip(np.sqrt(shape[0] * shape[1] / n_queries), 1, self.patch_size))
        axes = [np.arange(int(rng.integers(min(stride, side))), side, stride) for side in shape]
        return Grid((shape[0], shape[1]), self.patch_size, *axes)

    def blank(self, picture: np.ndarray) -> np.ndarray:
        """Zeros like `picture`."""
        return np.zeros_like(picture)

    def extract(self, picture: np.ndarray, spots: Grid) -> np.ndarray:
        """The patches on the grid."""
        return extract(picture, spots)

    def fold(self, total: np.ndarray, patches: np.ndarray, spots: Grid) -> None:
        """Their adjoint."""
        fold(total, patches, spots)

    def coverage(self, spots: Grid) -> np.ndarray:
        """(H, W)."""
        return coverage(spots)


class LevelEnergy(Generic[S]):
    """One level of the loss: f(psi, u) = E_i min_j [|P_i u - y_j|^2 - psi_j] + E_j psi_j.

    P_i u are the patches of a picture u at `places`, and y_j those of `database`. Each call sees
    a random part of about `n_queries` patches of u, spread so that they leave no gaps. The
    potentials psi start at 0 and rise by averaged stochastic ascent; its steps are `rate`, in
    units of the mean cost, over the root of their number.
    """

    def __init__(
        self,
        database: PatchLevel,
        *,
        n_queries: int,
        rate: float,
        device: str,
        places: Places[S],
    ):
        self.database = database
        self._places = places
        self._ascent = Ascent(database.points, device=device)
        self._average = Average(np.zeros(len(database.corners)))
        self._n_queries, self._rate = n_queries, rate
        self._steps = 0
        self._unit: float | None = None  # the running mean of the cost

    def twin(self) -> LevelEnergy[S]:
        """The same targets for other patches, with potentials of its own, from 0."""
        other = copy.copy(self)
        other._ascent = self._ascent.twin()
        other._average = Average(np.zeros(len(self.database.corners)))
        other._steps, other._unit = 0, None
        return other

    @property
    def potential(self) -> np.ndarray:
        """psi, (m,)."""
        return self._ascent.potential

    @property
    def source(self) -> np.ndarray:
        """The exemplar's picture at this level."""
        return self.database.picture

    @property
    def channels(self) -> int:
        """C."""
        return self.source.shape[2]

    def field(self, shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
        """A periodic sample (*shape, C) of the Gaussian model of `source`."""
        return field_like(self.source, shape, rng, periodic=(True, True))

    def ascend(self, picture: np.ndarray, rng: np.random.Generator) -> None:
        """One step of ascent on the potentials (paper, eq. (5)), `picture` (H, W, C) as it is."""
        self.ascend_at(picture, self._draw(picture, rng))

    def ascend_at(self, picture: np.ndarray, spots: S) -> None:
        """`ascend` with the patches at `spots`."""
        labels, cost, _ = self._matched(picture, spots)
        self._step(labels, cost)
        self._average.add(self.potential)

    def prime(self, picture: np.ndarray, spots: S) -> None:
        """Put the potentials to those between Gaussian laws of the patches at `spots`.

        What the ascent then has to find is what is not Gaussian: worth it for a picture that
        is far from the exemplar and stays there, as one between several.
        """
        project, points = self.database.space.project, self._ascent.points
        bands = [band for band, _ in spots.blocks(picture.shape[2])]
        patches = [project(self._places.extract(picture, band)) for band in bands]
        self._ascent.potential = gaussian_potential(points, np.concatenate(patches))

    def settle(self) -> None:
        """Go to the average of the steps that `ascend` has made."""
        if self._average.count:
            self._ascent.potential = self._average.value.copy()

    def gradient(
        self, picture: np.ndarray, rng: np.random.Generator, *, ascend: bool = True
    ) -> tuple[float, np.ndarray]:
        """f(psi, u) and, (H, W, C), its gradient in u times n / (2 w^2) (paper, eq. (8)).

        So scaled, a step of -1 times the gradient replaces u by the average of the matched
        patches, which for psi = 0 is Kwatra's step. With `ascend`, the potentials make one step
        from the same matches. Cost: one search, 2 n m d, for n of about `n_queries`.
        """
        spots = self._draw(picture, rng)
        value, residual = self.pull(picture, spots, ascend=ascend)
        residual /= np.maximum(self._places.coverage(spots), 1)[..., None]
        return value, residual

    def pull(
        self, picture: np.ndarray, spots: S, *, ascend: bool = True
    ) -> tuple[float, np.ndarray]:
        """f(psi, u) over the patches at `spots`, and their residuals P_i u - y_j, folded."""
        labels, cost, residual = self._matched(picture, spots)
        value = cost + float(self.potential.mean() - self.potential[labels].mean())
        if ascend:
            self._step(labels, cost)
        return value, residual

    def matches(self, picture: np.ndarray, spots: S) -> np.ndarray:
        """The correspondence (n, 2) of the patches of `picture` at `spots`, psi as it is."""
        labels, _, _ = self._matched(picture, spots)
        return self.database.corners[labels]

    def enlarged(
        self, picture: np.ndarray, finer: np.ndarray, shape: tuple[int, int]
    ) -> np.ndarray:
        """`picture` on the grid of `shape`, about twice as fine: (*shape, C).

        Every patch of it takes its match, and the match's pixels in `finer`, the exemplar one
        level up, are averaged (poster, section 6).
        """
        size = self.database.patch_size
        spots = grid(picture.shape[:2], size, 1, (True, True))
        found = self.database.match(picture, spots, self._ascent.index().search)
        return recompose_finer(finer, found, spots, shape, periodic=(True, True))

    def _draw(self, picture: np.ndarray, rng: np.random.Generator) -> S:
        return self._places.draw(picture, self._n_queries, rng)

    def _matched(self, picture: np.ndarray, spots: S) -> tuple[np.ndarray, float, np.ndarray]:
        """Labels (n,), mean squared distance, and the folded residuals P_i u - y_j."""
        database, places, index = self.database, self._places, self._ascent.index()
        labels = np.empty(len(spots), np.int64)
        total, squares = places.blank(picture), 0.0
        for band, part in spots.blocks(picture.shape[2]):
            patches = places.extract(picture, band)
            found = labels[part] = index.search(database.space.project(patches))
            patches -= extract_at(database.picture, database.corners[found], database.patch_size)
            squares += float(np.square(patches).sum(dtype=np.float64))
            places.fold(total, patches, band)
        return labels, squares / len(spots), total

    def _step(self, labels: np.ndarray, cost: float) -> None:
        self._unit = cost if self._unit is None else self._unit + FADING * (cost - self._unit)
        self._steps += 1
        self._ascent.step(labels, self._rate * self._unit / self._steps**DECAY)


def gradient(
    picture: np.ndarray,
    levels: Sequence[Energy[Any]],
    rng: np.random.Generator,
    *,
    ascend: bool = True,
) -> tuple[float, np.ndarray]:
    """The mean of the levels' values and the sum of their gradients in `picture` (H, W, C).

    `levels` starts with that of the picture's own resolution; each further one sees the picture
    halved once more. The gradients come back through the adjoint of the means (paper, eq. (11)),
    all with the scale of `LevelEnergy.gradient`.
    """
    total, values, view = np.zeros_like(picture), [], picture
    for number, level in enumerate(levels):
        view = halve(view) if number else view
        value, part = level.gradient(view, rng, ascend=ascend)
        values.append(value)
        add_enlarged(total, part, 2**number)
    return float(np.mean(values)), total
