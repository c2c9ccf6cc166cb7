"""Exact nearest neighbours, with a bias, a scale or neither: the only importer of faiss."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import cache

import numpy as np

from ..core.errors import TextoError
from ..core.threads import mapped, single_blas
from .boxes import Boxes

QUERIES = 1024  # queries that a thread works on at a time
ROWS, COLUMNS = 256, 1024  # the tile of scores: 1 MiB, which stays in a processor's cache
FEW = 2048  # points for which boxes do not pay
PROBE = 32  # queries that tell whether boxes pay:
SEEN = 0.25  # they do where a query sees less than this share of the points
LANES = 16  # the database is padded to a multiple of this, the width of a vector


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
    biased assignment of semi-discrete optimal transport, or for a `scale` (m,), > 0, instead
    argmin_j |x - y_j|^2 / scale_j. On the CPU boxes of points that are too far are left out, see
    `Boxes`. Where few are, as in many dimensions, the first is the largest of
    x y_j - |y_j|^2 / 2 + bias_j / 2, a matrix product in tiles that never leave the cache: as fast
    as FAISS's flat index there for many queries, up to five times as fast for some thousands.
    On a GPU it is a plain search of FAISS with one more coordinate: y' = (y, sqrt(max bias -
    bias_j)), x' = (x, 0). A scale makes either a largest product with one more coordinate,
    |x|^2 times -1 / (2 scale_j). The n x m matrix never exists. Cost: 2 n m d operations at
    nearly the speed of a matrix product, or, of the patches of a texture, a tenth of that.
    """

    def __init__(
        self,
        points: np.ndarray,
        *,
        bias: np.ndarray | None = None,
        scale: np.ndarray | None = None,
        device: str = "auto",
    ):
        if points.ndim != 2 or len(points) == 0:
            raise ValueError(f"points must be (m, d) with m > 0, got {points.shape}")
        if not np.isfinite(points).all():
            raise ValueError("points must be finite")
        if bias is not None and scale is not None:
            raise ValueError("points have a bias or a scale, not both")
        self.dimension = points.shape[1]
        # Distances cancel badly far from the origin, so both sides are centred.
        self._centre = points.mean(axis=0, dtype=np.float64).astype(np.float32)
        centred = np.subtract(points, self._centre, dtype=np.float32)
        device = resolve_device(device)
        on_cpu = device == "cpu"
        self._engine = _on_cpu(centred) if on_cpu else _Faiss(centred, _gpu_index(device))
        self._map = mapped if on_cpu else map  # a GPU index serves one thread
        if bias is not None:
            self._engine = self._engine.biased(_checked(bias))
        self._scaled = scale is not None
        if scale is not None:
            self._engine = self._engine.scaled(_checked_scale(scale))

    def biased(self, bias: np.ndarray) -> Neighbors:
        """The same points with another bias (m,), at the cost of a copy; none may have a scale."""
        if self._scaled:
            raise ValueError("points have a bias or a scale, not both")
        other = copy.copy(self)
        other._engine = self._engine.biased(_checked(bias))
        return other

    def search(self, queries: np.ndarray) -> np.ndarray:
        """(n,) int64: for each of `queries` (n, d) the number of its neighbour in `points`.

        Of points equally near up to rounding it is any one, always the same for the same queries.
        ValueError for queries that are not finite.
        """
        if queries.ndim != 2 or queries.shape[1] != self.dimension:
            raise ValueError(f"queries must be (n, {self.dimension}), got {queries.shape}")
        if not np.isfinite(queries).all():
            raise ValueError("queries must be finite")

        def answer(start: int) -> np.ndarray:
            block = queries[start : start + QUERIES]
            return self._engine.search(np.subtract(block, self._centre, dtype=np.float32))

        with single_blas():
            parts = self._map(answer, range(0, len(queries), QUERIES))
            return np.concatenate([np.empty(0, np.int64), *parts])


def _on_cpu(points: np.ndarray) -> _Product | _Boxed:
    return _Product(points) if len(points) < FEW else _Boxed(Boxes(points), _Product(points))


class _Boxed:
    """The search by boxes, and by a product for blocks of queries that see too many points."""

    def __init__(self, boxes: Boxes, product: _Product):
        self._boxes, self._product = boxes, product

    def biased(self, bias: np.ndarray) -> _Boxed:
        return _Boxed(self._boxes.weighed(heights=bias - bias.max()), self._product.biased(bias))

    def scaled(self, scale: np.ndarray) -> _Boxed:
        boxes = self._boxes.weighed(shares=scale.min() / scale)
        return _Boxed(boxes, self._product.scaled(scale))

    def search(self, queries: np.ndarray) -> np.ndarray:
        labels, seen = self._boxes.search(queries[:PROBE])
        rest = queries[PROBE:]
        if seen < SEEN:
            others, _ = self._boxes.search(rest)
        else:
            others = self._product.search(rest)
        return np.concatenate([labels, others])


class _Product:
    """The search by blocks of a matrix product."""

    def __init__(self, points: np.ndarray):
        self._count, dimension = points.shape
        self._half_norms = 0.5 * np.square(points, dtype=np.float64).sum(axis=1)
        # One column a point; the last row, times one, adds what does not depend on the query.
        self._matrix = np.zeros((dimension + 1, -(-self._count // LANES) * LANES), np.float32)
        self._matrix[:-1, : self._count] = points.T
        self._matrix[-1, : self._count] = -self._half_norms
        self._matrix[-1, self._count :] = -np.inf
        self._extend = _with_ones

    def biased(self, bias: np.ndarray) -> _Product:
        other = copy.copy(self)
        other._matrix = self._matrix.copy()
        other._matrix[-1, : self._count] = 0.5 * (bias - bias.max()) - self._half_norms
        return other

    def scaled(self, scale: np.ndarray) -> _Product:
        other, shares = copy.copy(self), scale.min() / scale
        other._matrix = np.zeros((len(self._matrix) + 1, self._matrix.shape[1]), np.float32)
        other._matrix[:-1, : self._count] = self._matrix[:, : self._count] * shares
        other._matrix[-1, : self._count] = other._matrix[-2, : self._count]
        other._matrix[-2, : self._count] = -0.5 * shares
        other._matrix[-1, self._count :] = -np.inf
        other._extend = _with_norms
        return other

    def search(self, queries: np.ndarray) -> np.ndarray:
        extended = self._extend(queries)
        labels = np.zeros(len(queries), np.int64)
        for start in range(0, len(queries), ROWS):
            rows = slice(start, start + ROWS)
            labels[rows] = self._best(extended[rows])
        return labels

    def _best(self, queries: np.ndarray) -> np.ndarray:
        """The labels of one row of tiles."""
        best = np.full(len(queries), -np.inf, np.float32)
        labels = np.zeros(len(queries), np.int64)
        each = np.arange(len(queries))
        for start in range(0, self._matrix.shape[1], COLUMNS):
            scores = queries @ self._matrix[:, start : start + COLUMNS]
            found = scores.argmax(axis=1)
            reached = scores[each, found]
            better = reached > best
            best[better] = reached[better]
            labels[better] = found[better] + start
        return labels


class _Faiss:
    """The search by a flat index of FAISS, which `make_index` gives for a dimension and metric."""

    def __init__(self, points: np.ndarray, make_index: Callable):
        self._points, self._make_index = points, make_index
        self._index, self._extend = self._filled(points), _as_they_are

    def biased(self, bias: np.ndarray) -> _Faiss:
        other = copy.copy(self)
        other._index = self._filled(np.column_stack([self._points, np.sqrt(bias.max() - bias)]))
        other._extend = _with_zeros
        return other

    def scaled(self, scale: np.ndarray) -> _Faiss:
        import faiss

        shares = (scale.min() / scale)[:, None]
        half_norms = 0.5 * np.square(self._points, dtype=np.float64).sum(axis=1, keepdims=True)
        columns = [self._points * shares, -0.5 * shares, -half_norms * shares]
        other = copy.copy(self)
        other._index = self._filled(np.column_stack(columns), faiss.METRIC_INNER_PRODUCT)
        other._extend = _with_norms
        return other

    def search(self, queries: np.ndarray) -> np.ndarray:
        return self._index.search(np.ascontiguousarray(self._extend(queries)), 1)[1][:, 0]

    def _filled(self, points: np.ndarray, *metric: int):
        index = self._make_index(points.shape[1], *metric)
        index.add(np.ascontiguousarray(points, np.float32))
        return index


def _as_they_are(queries: np.ndarray) -> np.ndarray:
    return queries


def _with_zeros(queries: np.ndarray) -> np.ndarray:
    return np.column_stack([queries, np.zeros(len(queries), np.float32)])


def _with_ones(queries: np.ndarray) -> np.ndarray:
    return np.column_stack([queries, np.ones(len(queries), np.float32)])


def _with_norms(queries: np.ndarray) -> np.ndarray:
    """(x, |x|^2, 1): the score of a scaled search is linear in it."""
    return _with_ones(np.column_stack([queries, np.square(queries).sum(axis=1)]))


def _checked(bias: np.ndarray) -> np.ndarray:
    bias = np.asarray(bias, np.float64)
    if not np.isfinite(bias).all():
        raise ValueError("bias must be finite")
    return bias


def _checked_scale(scale: np.ndarray) -> np.ndarray:
    scale = np.asarray(scale, np.float64)
    if not np.isfinite(scale).all() or scale.min() <= 0:
        raise ValueError("scale must be finite and above 0")
    return scale


def _gpu_index(device: str) -> Callable:
    """A function from a dimension, and a metric if not L2, to an empty index on `device`."""
    faiss = _faiss()
    settings = faiss.GpuIndexFlatConfig()
    settings.device = int(device.partition(":")[2])

    def empty(dimension: int, metric: int = faiss.METRIC_L2):
        return faiss.GpuIndexFlat(_gpu_resources(), dimension, metric, settings)

    return empty


@cache
def _faiss():
    """FAISS, or None where it is not installed: only a GPU needs it."""
    try:
        import faiss
    except ImportError:
        return None
    return faiss


@cache
def _gpus() -> int:
    faiss = _faiss()
    return faiss.get_num_gpus() if hasattr(faiss, "StandardGpuResources") else 0


@cache
def _gpu_resources():
    return _faiss().StandardGpuResources()
