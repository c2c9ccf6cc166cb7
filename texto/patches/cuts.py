"""Boundaries of least cost between two versions of a strip (Efros and Freeman 2001)."""

from __future__ import annotations

import numpy as np

_MOVES = np.array([0, -1, 1], np.int8)  # a tie goes straight on


def least_costs(difference: np.ndarray) -> np.ndarray:
    """(n,): what the best boundary of each of n strips (n, L, depth) costs: see `boundary`."""
    return _swept(cutting_costs(difference)).min(axis=1)


def boundary(difference: np.ndarray, *, closed: bool = False) -> np.ndarray:
    """(L,) int: at each of L places how deep new pixels begin, 0 = at the edge itself.

    difference : (L, depth), how much new and old pixels differ, from the edge inwards. The
    boundary of least cost that moves by at most a pixel from one place to the next, where
    cutting between two pixels costs the mean difference at both; at the edge, where only the
    inner pixel has two versions, its difference. `closed`: the two ends meet; the boundary is
    then the best of those through the middle of the open one. Cost: O(L depth).
    """
    cost = cutting_costs(difference[None])
    path = _traced(cost)
    if not closed:
        return path
    middle = len(path) // 2
    through = path[middle]
    turned = np.roll(cost, -middle, axis=1)
    turned[0, 0, np.arange(turned.shape[2]) != through] = np.inf
    turned[0, -1, np.abs(np.arange(turned.shape[2]) - through) > 1] = np.inf
    return np.roll(_traced(turned), middle)


def between(difference: np.ndarray, before: int, after: int) -> np.ndarray:
    """(L, width) bool: what is new between two boundaries of least cost.

    difference : (L, width), how much new and old pixels differ. The first boundary runs through
    the first `before` places across, the second through the last `after`; 0: all is new there.
    """
    place = np.arange(difference.shape[1])
    new = np.ones(difference.shape, bool)
    if before:
        new &= place >= boundary(difference[:, :before])[:, None]
    if after:
        new &= place[::-1] >= boundary(difference[:, ::-1][:, :after])[:, None]
    return new


def cutting_costs(difference: np.ndarray) -> np.ndarray:
    """(n, L, depth): the cost of new pixels beginning at each depth."""
    cost = difference.copy()
    cost[:, :, 1:] = (difference[:, :, 1:] + difference[:, :, :-1]) / 2
    return cost


def _traced(cost: np.ndarray) -> np.ndarray:
    """(L,) int: the path of least `cost` (1, L, depth)."""
    moves = np.zeros(cost.shape[1:], np.int8)
    total = _swept(cost, moves)
    path = np.empty(len(moves), np.intp)
    path[-1] = total[0].argmin()
    for place in range(len(moves) - 1, 0, -1):
        path[place - 1] = path[place] + moves[place, path[place]]
    return path


def _swept(cost: np.ndarray, moves: np.ndarray | None = None) -> np.ndarray:
    """(n, depth): the least cost of a path to the last place at each depth.

    `moves` (L, depth) receives, of the first of n, where the path to each point comes from.
    """
    n, length, depth = cost.shape
    before = np.full((n, depth + 2), np.inf)
    before[:, 1:-1] = cost[:, 0]
    for place in range(1, length):
        choices = np.stack([before[:, 1:-1], before[:, :-2], before[:, 2:]])
        if moves is not None:
            moves[place] = _MOVES[choices[:, 0].argmin(axis=0)]
        before[:, 1:-1] = choices.min(axis=0) + cost[:, place]
    return before[:, 1:-1]
