"""Nearest neighbours by the completeness score, which favours patches that nothing is near to."""

from __future__ import annotations

import numpy as np

from ...patches.search import Neighbors

BLOCK = 1 << 22  # floats of differences in memory at a time


def completeness_search(
    queries: np.ndarray,
    keys: np.ndarray,
    *,
    alpha: float,
    guesses: np.ndarray | None = None,
    negligible: float = 0.0,
    device: str = "auto",
) -> np.ndarray:
    """(n,) int64: argmin_j d(x_i, y_j) / (alpha + min_l d(x_l, y_j)), d the squared distance.

    `queries` x : (n, d), `keys` y : (m, d), both float32; alpha > 0 in the units of d
    (Granot, Feinstein, Shocher, Bagon, Irani 2022, equation 1). A key that no query is near to
    costs less, so that all keys find their place; with a large alpha it is the plain nearest
    neighbour. The minimum over queries is a search in the other direction, and the quotient is
    linear in (x, |x|^2, 1), so the n x m matrix never exists.

    Queries whose distance to the key numbered in `guesses` (n,) is at most `negligible` keep
    it: no key has a lower score than that one by more than negligible / alpha.
    Cost: two searches among m points in d and d + 1 dimensions, without the queries and keys
    that guesses settle; memory O((n + m) d).
    """
    settled, least = _settled(queries, keys, guesses, negligible)
    open_keys = np.flatnonzero(~np.isfinite(least))
    if len(open_keys):
        nearest = Neighbors(queries, device=device).search(keys[open_keys])
        least[open_keys] = _distances(keys[open_keys], queries, nearest)
    found = np.array(guesses, np.int64) if settled.any() else np.empty(len(queries), np.int64)
    left = np.flatnonzero(~settled)
    if len(left):
        found[left] = Neighbors(keys, scale=alpha + least, device=device).search(queries[left])
    return found


def _settled(
    queries: np.ndarray, keys: np.ndarray, guesses: np.ndarray | None, negligible: float
) -> tuple[np.ndarray, np.ndarray]:
    """Which queries (n,) keep their guess, and the least distance (m,) of keys; inf: unknown."""
    least = np.full(len(keys), np.inf)
    if guesses is None:
        return np.zeros(len(queries), bool), least
    distances = _distances(queries, keys, guesses)
    settled = distances <= negligible
    np.minimum.at(least, guesses[settled], distances[settled])
    return settled, least


def _distances(points: np.ndarray, others: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """(n,) float64: |points_i - others_numbers_i|^2."""
    distances = np.empty(len(points))
    step = max(1, BLOCK // points.shape[1])
    for start in range(0, len(points), step):
        part = slice(start, start + step)
        distances[part] = np.square(points[part] - others[numbers[part]]).sum(axis=1)
    return distances
