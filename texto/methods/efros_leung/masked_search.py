"""Search for exemplar pixels whose surroundings are like a partly known window."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ...core.threads import mapped

FALLOFF = 6.4  # the window's weights fall off with a deviation of its side / FALLOFF
NEGLIGIBLE = 1e-6  # such distances are a quarter of a grey level of 8 bits, or rounding
SCORES = 1 << 24  # distances in memory at a time, at most
PROBES = 256  # places that the exemplar's likeness to itself is estimated from
PICKED = 1 << 21  # distances among which candidates are listed at a time
CHUNK = 1 << 19  # floats of exemplar windows that a thread multiplies with at a time
KEPT = 1 << 26  # floats of exemplar windows that are kept; more are extracted each time


class MaskedSearch:
    """Which exemplar pixels have a window like a partly known one.

    `corners` (m, 2) are the windows of `exemplar` (H, W, C) to choose from. With Gaussian
    weights g_k, masks k in {0, 1} and colours x of a query, y of a window, the distance
    sum_k g_k m_k |x_k - y_k|^2 / (C sum_k g_k m_k) is one product of the query's (g m, -2 g m x)
    with the window's (|y|^2, y), plus a constant.
    """

    def __init__(self, exemplar: np.ndarray, corners: np.ndarray, patch_size: int):
        channels = exemplar.shape[2]
        # Distances cancel badly far from the origin.
        centred = exemplar - exemplar.mean(axis=(0, 1), dtype=np.float64).astype(np.float32)
        norms = np.square(centred).sum(axis=2, keepdims=True)
        self._features = np.concatenate([centred, norms], axis=2)  # (H, W, C + 1)
        self._windows = np.lib.stride_tricks.sliding_window_view(
            self._features, (patch_size, patch_size), (0, 1)
        )  # (H - w + 1, W - w + 1, C + 1, w, w)
        self._corners = corners
        self._falloff = _falloff(patch_size)
        middle = corners.astype(np.int64) + patch_size // 2
        self.pixels = middle[:, 0] * exemplar.shape[1] + middle[:, 1]  # (m,)
        self._columns = np.full(self._windows.shape[:2], -1, np.int32)
        self._columns[tuple(corners.T)] = np.arange(len(corners))
        size = patch_size**2 * (channels + 1)
        step = max(1, CHUNK // size)
        self._parts = [slice(i, min(i + step, len(corners))) for i in range(0, len(corners), step)]
        self._kept = {}
        if len(corners) * size <= KEPT:
            self._kept = {part.start: self._extracted(part) for part in self._parts}

    def draw(
        self, sources: np.ndarray, randoms: np.ndarray, *, tolerance: float, largest: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """A pixel for each query, drawn among those within 1 + `tolerance` of the least distance.

        sources : (n, w, w) integer, for each pixel of the queries' windows the exemplar pixel
        that it shows, -1 where unknown (not everywhere); randoms : (n,) in [0, 1) decide.
        Where the best window more than half a window away from the best one is within
        `largest`, the tolerance counts from it, so that a verbatim copy can end; 0: nowhere.
        Returns exemplar pixels (n,) and their distances (n,). Pixels are numbered row by row.
        """
        found, errors = np.empty(len(sources), np.int64), np.empty(len(sources), np.float32)
        for part in self._blocks(len(sources)):
            scores, constants = self._scores(sources[part])
            limits = self._limits(scores, constants, tolerance, largest)
            found[part] = _drawn(scores, limits, randoms[part])
            errors[part] = scores[np.arange(len(scores)), found[part]] + constants
        return self.pixels[found], errors

    def spread(self, share: float, rng: np.random.Generator) -> float:
        """The distance within which `share` of the exemplar's places have another like them.

        Seen as the growth sees them: with the rows above and the pixels before known.
        """
        count = min(PROBES, len(self.pixels))
        chosen = rng.choice(len(self.pixels), count, replace=False)
        size = len(self._falloff)
        offsets = np.arange(size) - size // 2
        around = offsets[:, None] * self._features.shape[1] + offsets
        sources = self.pixels[chosen, None, None] + around
        sources.reshape(count, -1)[:, size * size // 2 :] = -1
        others = np.empty(count, np.float32)
        for part in self._blocks(count):
            scores, constants = self._scores(sources[part])
            others[part] = self._second(scores, chosen[part]) + constants
        found = np.quantile(others, share, method="higher")
        return float(found) if np.isfinite(found) else 0.0

    def _blocks(self, count: int) -> Iterator[slice]:
        """`count` queries in blocks whose distances fit into memory."""
        rows = max(1, SCORES // len(self._corners))
        return (slice(start, start + rows) for start in range(0, count, rows))

    def _limits(
        self, scores: np.ndarray, constants: np.ndarray, tolerance: float, largest: float
    ) -> np.ndarray:
        """(n,): the scores up to which a window is a candidate."""
        best = scores.argmin(axis=1)
        least = scores[np.arange(len(scores)), best] + constants
        if largest > 0:
            others = self._second(scores, best) + constants
            least = np.where(others <= largest, others, least)
        return (1 + tolerance) * np.maximum(least, 0) + NEGLIGIBLE - constants

    def _second(self, scores: np.ndarray, best: np.ndarray) -> np.ndarray:
        """(n,): the least of each row of `scores` away from the window `best` (n,)."""
        reach = len(self._falloff) // 2
        offsets = np.arange(-reach, reach + 1)
        places = self._corners[best, :, None] + offsets  # (n, 2, reach)
        rows, columns = (
            np.clip(places[:, axis], 0, self._columns.shape[axis] - 1) for axis in (0, 1)
        )
        near = self._columns[rows[:, :, None], columns[:, None, :]].reshape(len(best), -1)
        near = np.where(near < 0, best[:, None], near)  # pixels that are not in the choice
        each = np.arange(len(best))[:, None]
        kept = scores[each, near]
        scores[each, near] = np.inf
        second = scores.min(axis=1)
        scores[each, near] = kept
        return second

    def distances(self, sources: np.ndarray) -> np.ndarray:
        """(n, m): all distances of the queries `sources`, see `draw`."""
        scores, constants = self._scores(sources)
        return scores + constants[:, None]

    def _scores(self, sources: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(n, m) distances but for a constant a row, and these constants (n,)."""
        queries, constants = self._queries(sources)
        scores = np.empty((len(sources), len(self._corners)), np.float32)

        def multiply(part: slice) -> None:
            np.matmul(queries, self._chunk(part).T, out=scores[:, part])

        for _ in mapped(multiply, self._parts):
            pass
        return scores, constants

    def _queries(self, sources: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(n, (C + 1) w w) factors of the windows' features, and constants (n,)."""
        channels = self._features.shape[2] - 1
        weights = np.where(sources >= 0, self._falloff, np.float32(0))
        weights /= channels * weights.sum(axis=(1, 2), keepdims=True)
        features = self._features.reshape(-1, channels + 1)[sources]  # (n, w, w, C + 1)
        constants = np.einsum("nij,nij->n", weights, features[..., -1])
        queries = np.empty((len(sources), channels + 1, *sources.shape[1:]), np.float32)
        queries[:, :-1] = np.moveaxis(features[..., :-1], 3, 1) * (-2 * weights[:, None])
        queries[:, -1] = weights
        return queries.reshape(len(sources), -1), constants

    def _chunk(self, part: slice) -> np.ndarray:
        return self._kept[part.start] if self._kept else self._extracted(part)

    def _extracted(self, part: slice) -> np.ndarray:
        """(p, (C + 1) w w): features of the windows numbered `part`."""
        corners = self._corners[part]
        return self._windows[corners[:, 0], corners[:, 1]].reshape(len(corners), -1)


def _drawn(scores: np.ndarray, limits: np.ndarray, randoms: np.ndarray) -> np.ndarray:
    """For each row of `scores` (n, m) a random column among those within `limits` (n,)."""
    found = np.empty(len(scores), np.int64)
    rows = max(1, PICKED // scores.shape[1])
    for start in range(0, len(scores), rows):
        part = slice(start, start + rows)
        near = scores[part] <= limits[part, None]
        counts = np.count_nonzero(near, axis=1)
        ranks = np.minimum(randoms[part] * counts, counts - 1).astype(np.int64)
        firsts = np.cumsum(counts) - counts
        found[part] = np.flatnonzero(near)[firsts + ranks] % scores.shape[1]
    return found


def _falloff(patch_size: int) -> np.ndarray:
    """(w, w) float32: the Gaussian weights of a window."""
    offsets = (np.arange(patch_size) - patch_size // 2) * (FALLOFF / patch_size)
    profile = np.exp(-0.5 * np.square(offsets))
    return np.outer(profile, profile).astype(np.float32)
