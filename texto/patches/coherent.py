"""Coherent search: a patch asks where its neighbours came from, not the whole exemplar.

Neighbouring patches of a texture have neighbouring sources (Ashikhmin 2001; Barnes, Shechtman,
Finkelstein, Goldman 2009), so a handful of candidates takes the place of a full search.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..core.compiled import compiled
from ..core.threads import mapped
from .extraction import Grid

BAND = 8  # rows of patches that a thread works on at a time
NEVER = np.float32(1e30)  # a squared distance for what was not found


@dataclass(frozen=True, eq=False)
class Sources:
    """What may be found: all patches of a picture, in their coordinates.

    points : (M, N, d) float32, those of the patch at each corner. open : (M, N) bool, which of
    them may be used.
    """

    points: np.ndarray
    open: np.ndarray


def coherent_search(
    sources: Sources,
    points: np.ndarray,
    spots: Grid,
    found: np.ndarray,
    strays: np.ndarray,
    *,
    extra: np.ndarray | None = None,
    scale: float = 1.0,
    reach: int = 1,
    penalty: float = 0.0,
    periodic: tuple[bool, bool] = (False, False),
) -> tuple[np.ndarray, np.ndarray]:
    """The k best of a few candidates for each patch of the grid `spots`, which has R x S.

    points : (R, S, d), the patches p. found : (R, S, k, 2) int32, corners of their matches so
    far, best first. Candidates are these, the two best of each of the four neighbours moved on
    by the distance between the patches, the best one moved by `strays` (R, S, q, 2) int32, and
    `extra` (R, S, e, 2) int32; corners outside the picture are moved inside. Matches minimise
    |p - scale x_j|^2, plus `penalty` for each of the patches `reach` patches up, down, left and
    right whose piece of the exemplar they would continue. Returns new matches and their squared
    distances (R, S, k) float32, `NEVER` where there are less than k. Every patch sees the matches
    before the call, so the result does not depend on the number of threads.
    Cost: O(R S (k + 8 + q + e) d).
    """
    shape = (found.shape[0], found.shape[1])
    extra = np.empty((*shape, 0, 2), np.int32) if extra is None else extra
    matches, squares = np.empty_like(found), np.empty(found.shape[:3], np.float32)
    axes = list(zip((spots.rows, spots.columns), spots.shape, periodic, strict=True))
    steps = [_apart(*axis, 1) for axis in axes]
    apart = [_apart(*axis, reach) for axis in axes]

    def search(first: int) -> None:
        _search(
            first,
            min(first + BAND, shape[0]),
            points,
            np.float32(scale),
            sources.points,
            sources.open,
            found,
            *steps,
            strays,
            extra,
            *apart,
            np.float32(penalty),
            matches,
            squares,
        )

    for _ in mapped(search, range(0, shape[0], BAND)):
        pass
    return matches, squares


def _apart(starts: np.ndarray, side: int, wraps: bool, reach: int) -> np.ndarray:
    """(n, 2, 2): the numbers of the patches `reach` before and after each, and the way back.

    -1 stands for none; the way back is the distance from that patch to this one, in pixels.
    """
    count = len(starts)
    others = np.arange(count)[:, None] + np.array([-reach, reach])
    inside = (others >= 0) & (others < count)
    ways = starts[:, None] - starts[others % count]
    if wraps:
        ways = ways - side * np.round(ways / side).astype(np.int64)
        inside[:] = True
    return np.stack([np.where(inside, others % count, -1), ways], axis=2).astype(np.int64)


@compiled
def _search(
    first, last, points, scale, sources, allowed, found, rows, columns, strays, extra,
    far_rows, far_columns, penalty, matches, squares,
):  # fmt: skip
    """Rows `first` to `last` of `coherent_search`."""
    _, width, dimension = points.shape
    k, high, wide = found.shape[2], sources.shape[0], sources.shape[1]
    near = min(k, 2)
    count = k + 4 * near + strays.shape[2] + extra.shape[2]
    candidates = np.empty((count, 2), np.int64)
    far = np.empty((4, 2), np.int64)
    for r in range(first, last):
        for s in range(width):
            n = 0
            for q in range(k):
                candidates[n, 0] = found[r, s, q, 0]
                candidates[n, 1] = found[r, s, q, 1]
                n += 1
            for side in range(4):
                a, b, dy, dx = r, s, 0, 0
                if side < 2:
                    a, dy = rows[r, side, 0], rows[r, side, 1]
                else:
                    b, dx = columns[s, side - 2, 0], columns[s, side - 2, 1]
                if a < 0 or b < 0:
                    continue
                for q in range(near):
                    candidates[n, 0] = found[a, b, q, 0] + dy
                    candidates[n, 1] = found[a, b, q, 1] + dx
                    n += 1
            for q in range(strays.shape[2]):
                candidates[n, 0] = found[r, s, 0, 0] + strays[r, s, q, 0]
                candidates[n, 1] = found[r, s, 0, 1] + strays[r, s, q, 1]
                n += 1
            for q in range(extra.shape[2]):
                candidates[n, 0] = extra[r, s, q, 0]
                candidates[n, 1] = extra[r, s, q, 1]
                n += 1
            m = 0  # corners that would continue a piece too far
            if penalty > 0:
                for side in range(4):
                    a, b, dy, dx = r, s, 0, 0
                    if side < 2:
                        a, dy = far_rows[r, side, 0], far_rows[r, side, 1]
                    else:
                        b, dx = far_columns[s, side - 2, 0], far_columns[s, side - 2, 1]
                    if a >= 0 and b >= 0:
                        far[m, 0] = found[a, b, 0, 0] + dy
                        far[m, 1] = found[a, b, 0, 1] + dx
                        m += 1
            for q in range(k):
                squares[r, s, q] = 1e30
                matches[r, s, q, 0] = found[r, s, 0, 0]
                matches[r, s, q, 1] = found[r, s, 0, 1]
            held = 0
            for c in range(n):
                y = min(max(candidates[c, 0], 0), high - 1)
                x = min(max(candidates[c, 1], 0), wide - 1)
                if not allowed[y, x]:
                    continue
                double = False
                for q in range(held):
                    if matches[r, s, q, 0] == y and matches[r, s, q, 1] == x:
                        double = True
                if double:
                    continue
                square = np.float32(0)
                for d in range(dimension):
                    difference = points[r, s, d] - scale * sources[y, x, d]
                    square += difference * difference
                for side in range(m):
                    if far[side, 0] == y and far[side, 1] == x:
                        square += penalty
                if square >= squares[r, s, k - 1]:
                    continue
                q = k - 1
                while q > 0 and square < squares[r, s, q - 1]:
                    squares[r, s, q] = squares[r, s, q - 1]
                    matches[r, s, q, 0] = matches[r, s, q - 1, 0]
                    matches[r, s, q, 1] = matches[r, s, q - 1, 1]
                    q -= 1
                squares[r, s, q] = square
                matches[r, s, q, 0] = y
                matches[r, s, q, 1] = x
                held = min(held + 1, k)
