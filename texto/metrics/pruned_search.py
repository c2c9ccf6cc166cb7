"""Exact nearest neighbours among the patches of one picture, most of them ruled out early."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from ..core.threads import mapped, single_blas
from ..patches.search import Neighbors

_ROWS, _COLUMNS = 256, 2048  # a tile of bounds: 2 MiB
_SEED_AXES = 12
_AXES = 24
_SLACK = 1e-5  # of the squared norms: more than float32 rounds off
_CROWDED = 0.02  # share of pairs above which a plain search is quicker


class PrunedSearch:
    """The nearest of `patches` (m, d) float32 for many queries, by distances that are exact.

    In the axes of the patches' principal components, with head h (the first 24) and rest r,

        |x - y|^2  >=  |h(x) - h(y)|^2 + (|r(x)| - |r(y)|)^2.

    Only pairs whose bound is below the distance to a good guess are measured: about 100 of
    62,000 on photographs, so the cost is that of a product in 26 dimensions instead of d.
    Queries for which the bound does not help, such as noise, go to `Neighbors`. Of patches at
    equal distance the first is taken.
    """

    def __init__(self, patches: np.ndarray):
        from scipy.spatial import cKDTree

        self.patches = patches
        self._centre = patches.mean(axis=0, dtype=np.float64).astype(np.float32)
        centred = patches - self._centre
        with single_blas():
            _, axes = np.linalg.eigh((centred.T @ centred).astype(np.float64))
            self._axes = np.ascontiguousarray(axes[:, ::-1][:, :_AXES], dtype=np.float32)
        features, norms = self._features(centred)
        self._tree = cKDTree(features[:, :_SEED_AXES])
        self._largest = float(norms.max())
        self._matrix = np.ascontiguousarray(np.column_stack([features, -norms / 2]).T)

    def search(self, queries: np.ndarray) -> np.ndarray:
        """(n,) int64: the number of the nearest patch of each of `queries` (n, d) float32."""
        starts = range(0, len(queries), _ROWS)
        with single_blas():
            blocks = list(mapped(lambda s: self._block(queries[s : s + _ROWS]), starts))
        crowded = [s for s, found in zip(starts, blocks, strict=True) if found is None]
        if crowded:
            rows = np.concatenate([queries[s : s + _ROWS] for s in crowded])
            found = np.split(self._plain.search(rows), range(_ROWS, len(rows), _ROWS))
            for start, labels in zip(crowded, found, strict=True):
                blocks[start // _ROWS] = labels
        return np.concatenate([np.empty(0, np.int64), *blocks])

    @cached_property
    def _plain(self) -> Neighbors:
        return Neighbors(self.patches, device="cpu")

    def _features(self, centred: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The head and the rest's norm (n, 25), and the squared norms (n,)."""
        head = centred @ self._axes
        norms = np.square(centred).sum(axis=1)
        rest = np.sqrt(np.maximum(norms - np.square(head).sum(axis=1), 0))
        return np.column_stack([head, rest]), norms

    def _block(self, queries: np.ndarray) -> np.ndarray | None:
        """(n,) the answers for some queries; None where too many pairs are left."""
        features, norms = self._features(queries - self._centre)
        _, guesses = self._tree.query(features[:, :_SEED_AXES], eps=1)
        known = np.square(queries - self.patches[guesses]).sum(axis=1)
        # bound <= known  <=>  h(x) h(y) + |r(x)| |r(y)| - |y|^2 / 2 >= (|x|^2 - known) / 2
        least = (norms - known) / 2 - _SLACK * (norms + self._largest)
        extended = np.column_stack([features, np.ones(len(queries), np.float32)])
        rows, columns, left = [np.arange(len(queries))], [guesses], _CROWDED
        for start in range(0, self._matrix.shape[1], _COLUMNS):
            bounds = extended @ self._matrix[:, start : start + _COLUMNS]
            row, column = np.divmod(
                np.flatnonzero(bounds >= least[:, None].astype(np.float32)), bounds.shape[1]
            )
            left -= len(row) / (len(queries) * self._matrix.shape[1])
            if left < 0:
                return None
            rows.append(row)
            columns.append(column + start)
        return self._nearest(queries, np.concatenate(rows), np.concatenate(columns))

    def _nearest(self, queries: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """(n,) for each query the nearest of the patches that it is paired with."""
        step = max(1, (1 << 21) // queries.shape[1])
        distances = np.concatenate(
            [
                np.square(queries[rows[s : s + step]] - self.patches[columns[s : s + step]]).sum(1)
                for s in range(0, len(rows), step)
            ]
        )
        order = np.lexsort((columns, distances, rows))
        firsts = np.searchsorted(rows[order], np.arange(len(queries)))
        return columns[order][firsts].astype(np.int64)
