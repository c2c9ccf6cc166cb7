"""One pyramid level of an exemplar as a database of patches: where every patch method searches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..core.errors import TextoError
from ..core.state import take
from .extraction import Grid, all_corners, extract, extract_at
from .search import Neighbors
from .space import PatchSpace, principal_space

QUERIES = 1 << 15  # points searched at a time
SAMPLE = 10_000  # patches that a patch space is estimated from, at most
BLOCK = 1 << 23  # floats of patches that are projected at a time
PROBES = 16  # random directions beyond the dimension asked for, and
POWERS = 4  # passes over the sample: leading components to about a part in a thousand

Transport = Callable[[np.ndarray], np.ndarray]
Search = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, eq=False)
class PatchLevel:
    """The patches of `picture` (H, W, C) at `corners` (m, 2), seen in `space`.

    `bias` (m,) makes the search find argmin_j |x - y_j|^2 - bias_j.
    """

    picture: np.ndarray
    corners: np.ndarray
    space: PatchSpace
    patch_size: int
    bias: np.ndarray | None = None

    @property
    def points(self) -> np.ndarray:
        """(m, d): the database in the coordinates of the patch space."""
        size = self.patch_size
        step = max(1024, BLOCK // self.space.axes.shape[0] // 1024 * 1024)
        if len(self.corners) <= step:
            return self.space.project(extract_at(self.picture, self.corners, size))
        points = np.empty((len(self.corners), self.space.dimension), np.float32)
        for start in range(0, len(points), step):
            part = slice(start, start + step)
            points[part] = self.space.project(extract_at(self.picture, self.corners[part], size))
        return points

    def state(self) -> dict[str, np.ndarray]:
        """The arrays that `restored_level` needs beside the picture."""
        return {
            "corners": self.corners.astype(np.int32),
            "mean": self.space.mean,
            "axes": self.space.axes,
        }

    def neighbors(self, device: str) -> Neighbors:
        """The database, ready for search on `device`; built once for each."""
        if device not in self._indices:
            self._indices[device] = Neighbors(self.points, bias=self.bias, device=device)
        return self._indices[device]

    @cached_property
    def _indices(self) -> dict[str, Neighbors]:
        return {}

    def assign(
        self, synthesis: np.ndarray, spots: Grid, transport: Transport, device: str
    ) -> np.ndarray:
        """The correspondence C : corners (n, 2) in the exemplar for the patches at `spots`.

        Each patch of `synthesis` (H', W', C) is transported in patch space, (n, d) -> (n, d),
        and takes its nearest neighbour among the database (poster, section 6). Works in bands
        of patches, gathered for the search, which likes many queries. Cost: O(n m d).
        """
        return self.match(synthesis, spots, self.neighbors(device).search, transport)

    def match(
        self, synthesis: np.ndarray, spots: Grid, search: Search, transport: Transport | None = None
    ) -> np.ndarray:
        """As `assign`, by any `search` for the numbers (n,) of points (n, d) in the database."""
        found = np.empty((len(spots), 2), np.int32)
        waiting, first = [], 0
        for band, part in spots.blocks(synthesis.shape[2]):
            points = self.space.project(extract(synthesis, band))
            waiting.append(points if transport is None else transport(points))
            if part.stop - first >= QUERIES or part.stop == len(spots):
                found[first : part.stop] = self.corners[search(np.concatenate(waiting))]
                waiting, first = [], part.stop
        return found


def patch_level(
    picture: np.ndarray,
    patch_size: int,
    *,
    n_patches: int,
    n_dims: int | None,
    kept_variance: float,
    rng: np.random.Generator,
) -> PatchLevel:
    """The level of `n_patches` random patches of `picture`, or of all where there are fewer.

    The patch space is made of their principal components: as many as hold `kept_variance` of
    the variance, at most `n_dims`.
    """
    corners = draw_corners(picture.shape, patch_size, n_patches, rng)
    sample = corners
    if len(corners) > SAMPLE:  # the space needs no more, however many are searched
        sample = corners[np.sort(rng.choice(len(corners), SAMPLE, replace=False))]
    space = principal_space(
        extract_at(picture, sample, patch_size), kept_variance=kept_variance, largest=n_dims
    )
    return PatchLevel(picture, corners, space, patch_size)


def restored_level(
    state: Mapping[str, np.ndarray], prefix: str, picture: np.ndarray, patch_size: int
) -> PatchLevel:
    """The level over `picture` whose `state()` is in `state`, each name behind `prefix`.

    Raises TextoError where the arrays make no sense.
    """
    corners = take(state, prefix + "corners", shape=(None, 2), dtype=np.int32)
    limits = np.array(picture.shape[:2]) - patch_size
    if corners.min() < 0 or (corners > limits).any():
        raise TextoError(f"tensor '{prefix}corners'", "leaves the exemplar", "fit the model again")
    length = patch_size**2 * picture.shape[2]
    mean = take(state, prefix + "mean", shape=(length,), dtype=np.float32)
    axes = take(state, prefix + "axes", shape=(length, None), dtype=np.float32)
    return PatchLevel(picture, corners, PatchSpace(mean, axes), patch_size)


def leading_patch_level(
    picture: np.ndarray,
    patch_size: int,
    *,
    n_patches: int,
    n_dims: int,
    kept_variance: float,
    rng: np.random.Generator,
) -> PatchLevel:
    """As `patch_level`, for large patches: quick and in bounded memory at any patch size.

    The leading `n_dims` components come from a randomised subspace iteration on a sample that
    holds at most BLOCK floats, so neither the D x D covariance nor its O(D^3) decomposition
    is needed (3072 values for 32 x 32 x 3).
    """
    corners = draw_corners(picture.shape, patch_size, n_patches, rng)
    count = min(SAMPLE, max(1024, BLOCK // (patch_size**2 * picture.shape[2])))
    sample = corners
    if len(corners) > count:
        sample = corners[np.sort(rng.choice(len(corners), count, replace=False))]
    patches = extract_at(picture, sample, patch_size)
    space = leading_space(patches, n_dims, kept_variance=kept_variance, rng=rng)
    return PatchLevel(picture, corners, space, patch_size)


def leading_space(
    patches: np.ndarray, largest: int, *, kept_variance: float = 1.0, rng: np.random.Generator
) -> PatchSpace:
    """`principal_space` of `patches` (n, D), of few dimensions, by subspace iteration.

    Halko, Martinsson, Tropp 2011, algorithm 4.4. Changes `patches`, to save their copy.
    Cost: 4 POWERS n D d operations.
    """
    mean = patches.mean(axis=0, dtype=np.float64).astype(np.float32)
    patches -= mean
    total = float(np.square(patches).sum(dtype=np.float64))
    width = min(largest + PROBES, patches.shape[1])
    frame = rng.standard_normal((patches.shape[1], width), dtype=np.float32)
    for _ in range(POWERS):
        frame = np.linalg.qr(patches.T @ (patches @ frame))[0]
    inner = principal_space(patches @ frame, largest=largest)
    axes = frame @ inner.axes
    variances = np.square(patches @ axes).sum(axis=0, dtype=np.float64)
    shares = np.cumsum(variances) / max(total, np.finfo(np.float64).tiny)
    dimension = min(int(np.searchsorted(shares, kept_variance - 1e-6)) + 1, axes.shape[1])
    axes = axes[:, :dimension]
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(dimension)])
    return PatchSpace(mean, np.ascontiguousarray(axes, np.float32))


def draw_corners(
    shape: tuple[int, ...], patch_size: int, count: int, rng: np.random.Generator
) -> np.ndarray:
    """`count` corners (n, 2) of patches in `shape`, none twice; all where there are fewer."""
    corners = all_corners(shape, patch_size)
    if count >= len(corners):
        return corners
    return corners[np.sort(rng.choice(len(corners), count, replace=False))]
