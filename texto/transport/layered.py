"""Semi-discrete transport in two layers: to a cluster of targets, then to a target in it.

Leclaire, Rabin 2019 (SSVM) and 2021 (JMIV): potentials v1 of the clusters and v2 of the targets
are found by one joint stochastic ascent, in which a sample changes v2 in the cluster that it
visits only. A sample is compared with about 2 sqrt(m) points in place of m.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..core.threads import mapped
from .semidual import (
    CHECK_SAMPLES,
    CHECKS,
    DEFAULT,
    FIRST,
    Average,
    Sampler,
    Schedule,
    sampler,
    shift_potential,
    shortfall,
    variance,
)

QUERIES = 1 << 13  # queries that a thread sorts by cluster at a time


@dataclass(frozen=True, eq=False)
class Layers:
    """`points` (m, d) float32 in clusters: `labels` (m,), `centres` (K, d) float32, none empty."""

    points: np.ndarray
    labels: np.ndarray
    centres: np.ndarray

    @cached_property
    def order(self) -> np.ndarray:
        """(m,): the points' numbers, cluster by cluster."""
        return np.argsort(self.labels, kind="stable")

    @cached_property
    def bounds(self) -> np.ndarray:
        """(K + 1,): where in `order` each cluster starts and ends."""
        counts = np.bincount(self.labels, minlength=len(self.centres))
        return np.concatenate([[0], np.cumsum(counts)])

    @cached_property
    def offsets(self) -> np.ndarray:
        """(m, d): in `order`, the points relative to their centres, so that nothing cancels."""
        return self.points[self.order] - self.centres[self.labels[self.order]]

    def visit(self, queries: np.ndarray, v1: np.ndarray, v2: np.ndarray) -> np.ndarray:
        """(n,): the target of each of `queries` (n, d), given v1 (K,) and v2 (m,).

        The biased nearest centre first, then the biased nearest point in its cluster.
        Cost: 2 n d (K + m / K) for clusters of equal size.
        """
        upper = half_heights(self.centres, v1)
        lower = half_heights(self.offsets, v2[self.order])
        blocks = (queries[start : start + QUERIES] for start in range(0, len(queries), QUERIES))
        parts = mapped(lambda block: self._visit(block, upper, lower), blocks)
        return np.concatenate([np.empty(0, np.intp), *parts])

    def _visit(self, queries: np.ndarray, upper: np.ndarray, lower: np.ndarray) -> np.ndarray:
        """`visit` for one block: sorted by cluster, each cluster is one matrix product."""
        clusters = lowest(queries, self.centres, upper)
        order = np.argsort(clusters, kind="stable")
        visited, firsts = np.unique(clusters[order], return_index=True)
        relative = queries[order] - self.centres[clusters[order]]
        places = np.empty(len(queries), np.intp)
        for k, first, last in zip(visited, firsts, [*firsts[1:], len(queries)], strict=True):
            inside = slice(self.bounds[k], self.bounds[k + 1])
            label = lowest(relative[first:last], self.offsets[inside], lower[inside])
            places[first:last] = inside.start + label
        found = np.empty(len(queries), np.intp)
        found[order] = self.order[places]
        return found


def half_heights(points: np.ndarray, potential: np.ndarray) -> np.ndarray:
    """(m,) float32: (|y_j|^2 - psi_j) / 2, what `lowest` compares beside products."""
    norms = np.square(points, dtype=np.float64).sum(axis=1)
    return (0.5 * (norms - potential)).astype(np.float32)


def lowest(queries: np.ndarray, points: np.ndarray, heights: np.ndarray) -> np.ndarray:
    """(n,): argmin_j heights_j - <x, y_j>, by one matrix product, for few points."""
    scores = queries @ points.T
    np.subtract(heights, scores, out=scores)
    return scores.argmin(axis=1)


def cluster(points: np.ndarray, n_clusters: int, *, rng: np.random.Generator) -> Layers:
    """`points` (m, d) float32 in about `n_clusters` clusters, by k-means; empty ones are dropped.

    In one thread: k-means of several threads differs from run to run. Cost: about 20 passes of
    2 m K d operations.
    """
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    estimator = KMeans(
        min(n_clusters, len(points)),
        n_init=1,
        max_iter=20,
        random_state=int(rng.integers(2**32)),
    )
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # fewer different points than clusters, or 20 passes over
        labels = estimator.fit_predict(points)
    kept, labels = np.unique(labels, return_inverse=True)
    return Layers(points, labels, np.ascontiguousarray(estimator.cluster_centers_[kept]))


def solve_layers(
    source: Sampler | np.ndarray,
    points: np.ndarray,
    *,
    rng: np.random.Generator,
    weights: np.ndarray | None = None,
    schedule: Schedule = DEFAULT,
) -> tuple[Layers, np.ndarray, np.ndarray]:
    """The clusters of `points` (m, d), and the potentials v1 (K,) and v2 (m,) float64.

    Arguments as for `solve_semidual`. About sqrt(m) clusters. Each layer's steps are in units of
    its own variance, and a target expects its share of the samples that visit its cluster.
    """
    draw, centre = sampler(source, rng), points.mean(axis=0)
    layers = cluster(points - centre, math.isqrt(len(points)), rng=rng)
    labels = layers.labels
    weights = np.full(len(points), 1 / len(points)) if weights is None else weights
    upper = np.bincount(labels, weights)  # (K,)
    first = draw(FIRST) - centre
    v2 = shift_potential(layers.points, first, weights)
    v1 = shift_potential(layers.centres, first, upper)
    averages = Average(v1.copy()), Average(v2.copy())
    scales = variance(points), float(np.square(layers.offsets, dtype=np.float64).sum(axis=1).mean())
    batch = schedule.batch_for(len(points))
    for iteration in range(1, schedule.n_iter + 1):
        counts = np.bincount(layers.visit(draw(batch) - centre, v1, v2), minlength=len(points))
        visits = np.bincount(labels, counts, minlength=len(upper))
        rates = [schedule.rate(iteration, scale) for scale in scales]
        v1 = v1 + rates[0] * shortfall(batch * upper, visits)
        v2 = v2 + rates[1] * shortfall((visits / upper)[labels] * weights, counts)
        for average, iterate in zip(averages, (v1, v2), strict=True):
            average.add(iterate)
        if schedule.tolerance is not None and iteration % CHECKS == 0:
            sample = draw(CHECK_SAMPLES * len(points)) - centre
            found = layers.visit(sample, averages[0].value, averages[1].value)
            masses = np.bincount(found, minlength=len(points)) / len(found)
            if np.abs(masses - weights).sum() <= schedule.tolerance:
                break
    moved = Layers(points, labels, layers.centres + centre)
    return moved, averages[0].value, averages[1].value
