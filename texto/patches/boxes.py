"""Exact nearest neighbours by boxes round few points each: most boxes are too far to open."""

from __future__ import annotations

import copy
from functools import partial

import numpy as np

from ..core.compiled import FINITE, compiled

LEAF = 32  # points in a leaf
GROUP = 16  # leaves in a group
FIRST = 8  # coordinates after which a leaf may be given up
SAMPLE = 256  # points that tell along which axis to halve
SLACK, TINY = 1e-5, 1e-12  # more than rounding, of a value and of zero
FAR = np.float32(1e18)  # the place of boxes that hold nothing; its square is finite


class Boxes:
    """Points (m, d) float32, ready to find argmin_j s_j |x - y_j|^2 - b_j for queries x.

    They are halved along their longest side again and again, as in a k-d tree (Bentley 1975),
    down to leaves with a bounding box each, and these come in groups with a box of their own. A
    box farther than the best point so far is left out: of the patches of a texture all but one
    point in hundreds are. `shares` s (m,) are 1 and `heights` b (m,) 0 at first.
    Cost: O(m (d + log m)) here, and O(d) for each box and point that a query has to look at.
    """

    def __init__(self, points: np.ndarray):
        count, dimension = points.shape
        points = np.ascontiguousarray(points, np.float32)
        order = np.arange(count)
        _sort(points, order, np.empty(count, np.float32))
        n_leaves, n_groups = -(-count // LEAF), -(-count // (LEAF * GROUP))
        # The last leaf is filled up with its last point, which changes no minimum.
        self._order = np.append(order, np.repeat(order[-1:], n_leaves * LEAF - count))
        leaves = points[self._order].reshape(n_leaves, LEAF, dimension)
        self._leaves = np.ascontiguousarray(leaves.transpose(0, 2, 1))
        boxes = np.full((n_groups * GROUP, 2, dimension), FAR, np.float32)
        boxes[:n_leaves, 0], boxes[:n_leaves, 1] = leaves.min(axis=1), leaves.max(axis=1)
        groups = boxes.reshape(n_groups, GROUP, 2, dimension)
        self._inner = np.ascontiguousarray(groups.transpose(0, 2, 3, 1))
        boxes[n_leaves:] = boxes[n_leaves - 1]
        outer = np.stack([groups[:, :, 0].min(axis=1), groups[:, :, 1].max(axis=1)])
        self._outer = np.ascontiguousarray(outer.transpose(0, 2, 1))
        self._places = np.empty(count, np.int64)
        self._places[self._order[::-1]] = np.arange(len(self._order))[::-1]
        self._count = count
        self._weigh(np.ones(count, np.float32), np.zeros(count, np.float32))

    def weighed(
        self, *, shares: np.ndarray | None = None, heights: np.ndarray | None = None
    ) -> Boxes:
        """The same points with other `shares`, > 0, or `heights` (m,). Cost: O(m)."""
        other = copy.copy(self)
        shares = np.ones(self._count) if shares is None else shares
        heights = np.zeros(self._count) if heights is None else heights
        other._weigh(shares.astype(np.float32), heights.astype(np.float32))
        return other

    def search(self, queries: np.ndarray) -> tuple[np.ndarray, float]:
        """(n,) int64: the numbers found for `queries` (n, d) float32, and the share of points seen.

        Of equal points it is the first.
        """
        places = np.empty(len(queries), np.int64)
        seen = _search(
            np.ascontiguousarray(queries),
            self._leaves,
            self._inner,
            self._outer,
            self._weights,
            self._inner_weights,
            self._outer_weights,
            self._order,
            self._places,
            places,
        )
        return self._order[places], seen / (len(self._order) * max(1, len(queries)))

    def _weigh(self, shares: np.ndarray, heights: np.ndarray) -> None:
        """Both in the order of the leaves, (.., 2, ..), and the bounds of each box."""
        n_groups = len(self._inner)
        self._weights = np.stack([shares[self._order], heights[self._order]])
        self._weights = self._weights.reshape(2, -1, LEAF).transpose(1, 0, 2).copy()
        bounds = np.empty((n_groups * GROUP, 2), np.float32)
        bounds[: len(self._leaves), 0] = self._weights[:, 0].min(axis=1)
        bounds[: len(self._leaves), 1] = self._weights[:, 1].max(axis=1)
        bounds[len(self._leaves) :] = bounds[len(self._leaves) - 1]
        inner = bounds.reshape(n_groups, GROUP, 2)
        self._inner_weights = inner.transpose(0, 2, 1).copy()
        self._outer_weights = np.stack([inner[:, :, 0].min(axis=1), inner[:, :, 1].max(axis=1)])


@compiled
def _sort(points, order, keys):
    """Put `order`, the numbers of points, so that runs of LEAF and of LEAF GROUP are compact."""
    dimension = points.shape[1]
    stack, top = np.empty((64, 2), np.int64), 1
    stack[0, 0], stack[0, 1] = 0, len(order)
    low, high = np.empty(dimension, np.float32), np.empty(dimension, np.float32)
    while top > 0:
        top -= 1
        start, end = stack[top, 0], stack[top, 1]
        count = end - start
        if count <= LEAF:
            continue
        low[:], high[:] = np.inf, -np.inf
        for i in range(start, end, max(1, count // SAMPLE)):
            for k in range(dimension):
                low[k] = min(low[k], points[order[i], k])
                high[k] = max(high[k], points[order[i], k])
        axis = 0
        for k in range(dimension):
            if high[k] - low[k] > high[axis] - low[axis]:
                axis = k
        for i in range(start, end):
            keys[i] = points[order[i], axis]
        unit = LEAF * GROUP if count > LEAF * GROUP else LEAF
        middle = start + unit * ((count + unit - 1) // unit // 2)
        first, last = start, end - 1
        while first < last:  # Hoare 1961: until what is before `middle` is not larger
            pivot = keys[(first + last) // 2]
            i, j = first, last
            while i <= j:
                while keys[i] < pivot:
                    i += 1
                while keys[j] > pivot:
                    j -= 1
                if i <= j:
                    keys[i], keys[j] = keys[j], keys[i]
                    order[i], order[j] = order[j], order[i]
                    i += 1
                    j -= 1
            if middle <= j:
                last = j
            elif middle >= i:
                first = i
            else:
                break
        stack[top, 0], stack[top, 1] = start, middle
        stack[top + 1, 0], stack[top + 1, 1] = middle, end
        top += 2


@partial(compiled, flags=FINITE)
def _search(
    queries, leaves, inner, outer, weights, inner_weights, outer_weights, order, places, found
):
    """`Boxes.search`: places in `order`, and the number of points seen."""
    dimension, count, n_groups = leaves.shape[1], len(places), len(inner)
    first = min(dimension, FIRST)
    # As variables, or the loops would be unrolled and not made of vectors.
    size, members = leaves.shape[2], inner.shape[3]
    far, near = np.empty(n_groups, np.float32), np.empty(members, np.float32)
    squares = np.empty(size, np.float32)
    seen, place = 0, 0
    for q in range(len(queries)):
        # Queries are often neighbours in a picture: what follows the last match bounds this one.
        best, number = np.float32(np.inf), order[place]
        for guess in range(number, min(number + 2, count)):
            leaf, lane = places[guess] // size, places[guess] % size
            square = np.float32(0)
            for k in range(dimension):
                apart = queries[q, k] - leaves[leaf, k, lane]
                square += apart * apart
            square *= weights[leaf, 0, lane]
            height = weights[leaf, 1, lane]
            # Summed in another order than below, so only a bound, a little too high.
            value = square - height + np.float32(SLACK) * (square + abs(height)) + np.float32(TINY)
            best = min(best, value)
        place = places[number]
        far[:] = 0
        for k in range(dimension):
            x = queries[q, k]
            for g in range(n_groups):
                apart = max(max(outer[0, k, g] - x, x - outer[1, k, g]), np.float32(0))
                far[g] += apart * apart
        for g in range(n_groups):
            far[g] = outer_weights[0, g] * far[g] - outer_weights[1, g]
        while True:
            lowest = np.float32(np.inf)
            for g in range(n_groups):
                lowest = min(lowest, far[g])
            if lowest > best:
                break
            group = 0
            while far[group] > lowest:
                group += 1
            far[group] = np.inf
            near[:] = 0
            for k in range(dimension):
                x = queries[q, k]
                for g in range(members):
                    apart = max(
                        max(inner[group, 0, k, g] - x, x - inner[group, 1, k, g]), np.float32(0)
                    )
                    near[g] += apart * apart
            for g in range(members):
                near[g] = inner_weights[group, 0, g] * near[g] - inner_weights[group, 1, g]
            while True:
                lowest = np.float32(np.inf)
                for g in range(members):
                    lowest = min(lowest, near[g])
                if lowest > best:
                    break
                g = 0
                while near[g] > lowest:
                    g += 1
                near[g] = np.inf
                leaf = group * members + g
                seen += size
                squares[:] = 0
                for k in range(first):
                    x = queries[q, k]
                    for lane in range(size):
                        apart = x - leaves[leaf, k, lane]
                        squares[lane] += apart * apart
                lowest = np.float32(np.inf)
                for lane in range(size):
                    value = weights[leaf, 0, lane] * squares[lane] - weights[leaf, 1, lane]
                    lowest = min(lowest, value)
                if lowest > best:
                    continue
                for k in range(first, dimension):
                    x = queries[q, k]
                    for lane in range(size):
                        apart = x - leaves[leaf, k, lane]
                        squares[lane] += apart * apart
                for lane in range(size):
                    value = weights[leaf, 0, lane] * squares[lane] - weights[leaf, 1, lane]
                    if value > best:
                        continue
                    at = leaf * size + lane
                    if value < best or order[at] < order[place]:
                        best, place = value, at
        found[q] = place
    return seen
