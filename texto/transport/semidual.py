"""Semi-dual optimal transport onto weighted points: potentials by averaged stochastic ascent.

    OT(mu, nu) = max_psi  E_{x ~ mu} min_j [|x - y_j|^2 - psi_j] + sum_j nu_j psi_j

(paper, Theorem 1 with c = |x - y|^2). The minimum is a biased nearest-neighbour search, the
super-gradient in psi is `nu_j - mass of j's cell` (Theorem 2): no n x m array is ever made.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from ..patches.search import Neighbors

Sampler = Callable[[int], np.ndarray]

STEP = 0.1  # first step, as a share of the targets' variance
DECAY = 0.5  # steps fall as k^-DECAY
EMPHASIS = 3  # the average weighs iterate k as k^EMPHASIS: the start is forgotten
FIRST = 4096  # samples that tell the mean of the source, before the first step
CHECKS = 20  # iterations between two looks at the masses
CHECK_SAMPLES = 20  # a target, for a look at the masses


class Ascent:
    """The state of an averaged stochastic ascent on the potentials of `points`.

    points : (m, d) float32, the targets; weights : (m,), >= 0 with sum 1, equal where None.
    `potential` : (m,) float64, the iterate, changed by `step`.
    """

    def __init__(
        self, points: np.ndarray, *, weights: np.ndarray | None = None, device: str = "cpu"
    ):
        self.points = points
        self.weights = np.full(len(points), 1 / len(points)) if weights is None else weights
        self.potential = np.zeros(len(points))
        self._neighbors = Neighbors(points, device=device)

    def twin(self) -> Ascent:
        """An ascent on the same targets, from 0; what a search needs is shared."""
        other = copy.copy(self)
        other.potential = np.zeros(len(self.points))
        return other

    def assign(self, queries: np.ndarray) -> np.ndarray:
        """(n,): the targets argmin_j |x - y_j|^2 - psi_j of `queries` (n, d). Cost: 2 n m d."""
        return self.index().search(queries)

    def index(self) -> Neighbors:
        """The targets at the present potential, ready for search."""
        return self._neighbors.biased(self.potential)

    def step(self, labels: np.ndarray, rate: float) -> None:
        """One ascent step, from the `labels` (n,) that `assign` gave to a random sample.

        `psi_j += rate (n nu_j - count_j) / max(1, n nu_j)`: the super-gradient in units of cost,
        whatever n and m are. An empty cell rises by at most `rate`; where targets outnumber the
        sample, one visit lowers a potential by `rate`.
        """
        counts = np.bincount(labels, minlength=len(self.weights))
        self.potential += rate * shortfall(len(labels) * self.weights, counts)


def shortfall(expected: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """(m,): how much each cell lacks, `(expected - counts) / max(1, expected)`."""
    return (expected - counts) / np.maximum(1, expected)


@dataclass(frozen=True)
class Schedule:
    """How long and in what steps an ascent goes.

    `n_iter` steps from `batch` samples each (none: as many as targets, from 256 to 8192). The
    ascent ends sooner where the cells' masses are within `tolerance` of the weights, summed
    over all cells (0 to 2); sampling noise alone gives about 0.8 sqrt(m / samples).
    """

    n_iter: int = 300
    batch: int | None = None
    tolerance: float | None = None

    def batch_for(self, n_targets: int) -> int:
        """Samples a step, for so many targets."""
        return self.batch or int(np.clip(n_targets, 256, 8192))

    def rate(self, iteration: int, scale: float) -> float:
        """The step at `iteration` = 1, 2, ..., in units of cost like `scale`."""
        return STEP * scale / iteration**DECAY


DEFAULT = Schedule()


@dataclass(eq=False)
class Average:
    """The running average of iterates, k-th with weight about k^EMPHASIS: no end is foreseen."""

    value: np.ndarray
    count: int = field(default=0)

    def add(self, iterate: np.ndarray) -> None:
        """Take one more `iterate` in."""
        self.count += 1
        share = (EMPHASIS + 1) / (EMPHASIS + self.count)
        self.value += share * (iterate - self.value)


def solve_semidual(
    source: Sampler | np.ndarray,
    points: np.ndarray,
    *,
    rng: np.random.Generator,
    weights: np.ndarray | None = None,
    schedule: Schedule = DEFAULT,
) -> np.ndarray:
    """The potentials psi (m,) float64 that maximise the semi-dual, by averaged ascent.

    source : a cloud (n, d), drawn from in random order, or a sampler that makes n points (n, d);
    points : (m, d) float32; weights : (m,) > 0 with sum 1, equal where None. Galerne, Leclaire,
    Rabin 2018 take one sample a step; we take many, and steps in units of the targets'
    variance. psi has mean zero. Cost: 2 m d operations a sample.
    """
    draw, centre = sampler(source, rng), points.mean(axis=0)
    ascent = Ascent(points - centre, weights=weights)
    first = draw(FIRST) - centre
    ascent.potential = shift_potential(ascent.points, first, ascent.weights)
    average = Average(ascent.potential.copy())
    batch, scale = schedule.batch_for(len(points)), variance(points)
    for iteration in range(1, schedule.n_iter + 1):
        labels = ascent.assign(draw(batch) - centre)
        ascent.step(labels, schedule.rate(iteration, scale))
        average.add(ascent.potential)
        if schedule.tolerance is not None and iteration % CHECKS == 0:
            sample = draw(CHECK_SAMPLES * len(points)) - centre
            masses = cell_masses(ascent.points, average.value, sample)
            if np.abs(masses - ascent.weights).sum() <= schedule.tolerance:
                break
    return average.value - average.value.mean()


def shift_potential(points: np.ndarray, samples: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(m,): `2 <y_j, mean of nu - mean of mu>`, the potential if the laws differ by a shift.

    To start from: what is left to find is the transport between the centred laws.
    """
    shift = weights @ points.astype(np.float64) - samples.mean(axis=0, dtype=np.float64)
    return 2 * points @ shift


def semidual_value(
    points: np.ndarray,
    potential: np.ndarray,
    samples: np.ndarray,
    *,
    weights: np.ndarray | None = None,
) -> float:
    """E min_j [|x - y_j|^2 - psi_j] + sum_j nu_j psi_j over the law of `samples` (n, d).

    It is concave in psi, and at most the optimal transport cost between the samples and the
    weighted `points`. Cost: 2 n m d.
    """
    labels = nearest(samples, points, potential)
    costs = np.square(samples - points[labels], dtype=np.float64).sum(axis=1)
    mean = potential.mean() if weights is None else weights @ potential
    return float((costs - potential[labels]).mean() + mean)


def cell_masses(points: np.ndarray, potential: np.ndarray, samples: np.ndarray) -> np.ndarray:
    """(m,): the share of `samples` (n, d) in each cell. Cost: 2 n m d."""
    labels = nearest(samples, points, potential)
    return np.bincount(labels, minlength=len(points)) / len(samples)


def nearest(queries: np.ndarray, points: np.ndarray, potential: np.ndarray) -> np.ndarray:
    """(n,): argmin_j |x - y_j|^2 - psi_j for `queries` (n, d). Cost: 2 n m d."""
    return Neighbors(points, bias=potential, device="cpu").search(queries)


def sampler(source: Sampler | np.ndarray, rng: np.random.Generator) -> Sampler:
    """`source` itself if it can be called, else draws from the cloud (n, d), pass after pass.

    Within a pass no point comes twice.
    """
    return source if callable(source) else _Cloud(source, rng)


class _Cloud:
    """Draws from a cloud in random order, anew for every pass."""

    def __init__(self, points: np.ndarray, rng: np.random.Generator):
        self._points, self._rng = points, rng
        self._order, self._next = np.empty(0, np.intp), 0

    def __call__(self, count: int) -> np.ndarray:
        taken = []
        while count:
            if self._next == len(self._order):
                self._order, self._next = self._rng.permutation(len(self._points)), 0
            taken.append(self._order[self._next : self._next + count])
            self._next += len(taken[-1])
            count -= len(taken[-1])
        return self._points[np.concatenate(taken)]


def variance(points: np.ndarray) -> float:
    """The mean squared distance of `points` (m, d) from their mean."""
    return float(np.var(points, axis=0, dtype=np.float64).sum())
