"""Exact nearest neighbours, with or without a bias: the only module that imports faiss."""

from __future__ import annotations

import warnings
from functools import cache

import numpy as np

from .protocols import TextoError, TextoWarning
from .threads import mapped, single_blas

QUERIES = 1 << 13  # queries that a thread hands to the library at a time
SCORES = 1 << 23  # entries of the blocked fallback's score matrix


def resolve_device(device: str) -> str:
    """ "cpu" or "cuda:i" for "auto", "cpu", "cuda" or "cuda:i".

    "auto" takes the first GPU that FAISS can use and the CPU where there is none. Raises
    TextoError when a GPU is asked for by name and absent.
    """
    if device == "cpu" or (device == "auto" and _gpus() == 0):
        return "cpu"
    kind, _, number = ("cuda" if device == "auto" else device).partition(":")
    if kind != "cuda" or not (number or "0").isdecimal():
        raise TextoError(
            f"device {device!r}", "cannot run this search", "use auto, cpu, cuda or cuda:0"
        )
    if int(number or 0) >= _gpus():
        raise TextoError(
            f"device {device!r}",
            f"FAISS sees {_gpus()} GPUs here",
            "use --device auto, or install the extra 'gpu'",
        )
    return f"cuda:{int(number or 0)}"


class Neighbors:
    """A database of points, ready for exact nearest-neighbour search.

    `points` : (m, d); `bias` : (m,) or None. `search` finds argmin_j |x - y_j|^2 - bias_j, the
    biased assignment of semi-discrete optimal transport, as a plain search with one more
    coordinate: y' = (y, sqrt(max bias - bias_j)), x' = (x, 0). FAISS does it on CPU or GPU;
    without FAISS a blocked matrix product does the same. The n x m matrix never exists.
    Cost: 2 n m d operations at nearly the speed of a matrix product.
    """

    def __init__(self, points: np.ndarray, *, bias: np.ndarray | None = None, device: str = "auto"):
        if points.ndim != 2 or len(points) == 0:
            raise ValueError(f"points must be (m, d) with m > 0, got {points.shape}")
        if not np.isfinite(points).all():
            raise ValueError("points must be finite")
        self.dimension = points.shape[1]
        # Distances cancel badly far from the origin, so both sides are centred.
        self._centre = points.mean(axis=0, dtype=np.float64).astype(np.float32)
        database = points - self._centre
        self._biased = bias is not None
        if bias is not None:
            if not np.isfinite(bias).all():
                raise ValueError("bias must be finite")
            extra = np.sqrt(np.max(bias) - np.asarray(bias, np.float64))
            database = np.column_stack([database, extra])
        device = resolve_device(device)
        self._index = _index(np.ascontiguousarray(database, np.float32), device)
        self._map = mapped if device == "cpu" else map  # a GPU index serves one thread

    def search(self, queries: np.ndarray) -> np.ndarray:
        """(n,) int64: for each of `queries` (n, d) the number of its neighbour in `points`."""
        if queries.ndim != 2 or queries.shape[1] != self.dimension:
            raise ValueError(f"queries must be (n, {self.dimension}), got {queries.shape}")

        def answer(start: int) -> np.ndarray:
            block = queries[start : start + QUERIES] - self._centre
            if self._biased:
                block = np.column_stack([block, np.zeros(len(block), np.float32)])
            return self._index(np.ascontiguousarray(block, np.float32))

        with single_blas():
            parts = self._map(answer, range(0, len(queries), QUERIES))
            found = np.concatenate([np.empty(0, np.int64), *parts])
        if found.size and found.min() < 0:  # FAISS answers -1 to a query with NaN
            raise ValueError("queries must be finite")
        return found


def _index(database: np.ndarray, device: str):
    """A function from queries (n, d) to labels (n,)."""
    faiss = _faiss()
    if faiss is None:
        return _Blocked(database)
    if device == "cpu":
        index = faiss.IndexFlatL2(database.shape[1])
    else:
        settings = faiss.GpuIndexFlatConfig()
        settings.device = int(device.partition(":")[2])
        index = faiss.GpuIndexFlatL2(_gpu_resources(), database.shape[1], settings)
    index.add(database)

    def search(queries: np.ndarray) -> np.ndarray:
        faiss.omp_set_num_threads(1)  # of this thread alone: the threads are ours
        return index.search(queries, 1)[1][:, 0]

    return search


class _Blocked:
    """The same search by blocks of a matrix product, where FAISS is not installed."""

    def __init__(self, database: np.ndarray):
        # Equal rows can round differently in a product, and the first of them must win.
        self._kept = np.sort(np.unique(database, axis=0, return_index=True)[1])
        self._database = database[self._kept]
        self._half_norms = 0.5 * np.square(self._database).sum(axis=1)

    def __call__(self, queries: np.ndarray) -> np.ndarray:
        step = max(1, SCORES // len(self._database))
        labels = np.empty(len(queries), np.int64)
        for start in range(0, len(queries), step):
            scores = self._half_norms - queries[start : start + step] @ self._database.T
            labels[start : start + step] = self._kept[scores.argmin(axis=1)]
        labels[~np.isfinite(queries).all(axis=1)] = -1
        return labels


@cache
def _faiss():
    try:
        import faiss
    except ImportError:
        warnings.warn(
            "FAISS is not installed, so neighbours are searched by a matrix product; "
            "the extras 'cpu' and 'gpu' bring it",
            TextoWarning,
            stacklevel=2,
        )
        return None
    return faiss


@cache
def _gpus() -> int:
    faiss = _faiss()
    return faiss.get_num_gpus() if hasattr(faiss, "StandardGpuResources") else 0


@cache
def _gpu_resources():
    return _faiss().StandardGpuResources()
