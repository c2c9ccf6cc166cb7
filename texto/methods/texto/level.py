"""One fitted level of Texto: a database of patches and the potentials that share them out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from ...core.errors import TextoError
from ...core.state import take
from ...patches.database import PatchLevel, Search, Transport, restored_level
from ...patches.extraction import Grid, extract, grid
from ...patches.search import Neighbors
from ...patches.space import PatchSpace
from ...transport.layered import Layers, solve_layers
from ...transport.mixture import GaussianMixture
from ...transport.semidual import Sampler, Schedule, solve_semidual

RIDGE = 1e-6  # share of the mean variance added to a covariance that may be singular
FLOOR = 1e-12  # the same, for a constant picture


@dataclass(frozen=True, eq=False)
class SemidualLevel:
    """The semi-discrete map onto the patches of `database`: m targets of equal weight.

    One layer: `potential` (m,) float64. Two layers: the clusters too, and `cluster_potential`
    (K,) float64.
    """

    database: PatchLevel
    potential: np.ndarray
    layers: Layers | None = None
    cluster_potential: np.ndarray | None = None

    @property
    def picture(self) -> np.ndarray:
        """(H, W, C): this level of the exemplar."""
        return self.database.picture

    @property
    def patch_size(self) -> int:
        """w."""
        return self.database.patch_size

    def assign(
        self, synthesis: np.ndarray, spots: Grid, transport: Transport | None, device: str
    ) -> np.ndarray:
        """Corners (n, 2) of the targets of the patches of `synthesis` at `spots`.

        Cost: O(n m d) for one layer, on `device`; O(n sqrt(m) d) for two, on the CPU.
        """
        search: Search
        if self.layers is None or self.cluster_potential is None:
            search = self._neighbors(device).search
        else:
            search = partial(self.layers.visit, v1=self.cluster_potential, v2=self.potential)
        return self.database.match(synthesis, spots, search, transport)

    def _neighbors(self, device: str) -> Neighbors:
        if device not in self._indices:
            self._indices[device] = Neighbors(
                self.database.points, bias=self.potential, device=device
            )
        return self._indices[device]

    @cached_property
    def _indices(self) -> dict[str, Neighbors]:
        return {}

    def state(self, prefix: str) -> dict[str, np.ndarray]:
        """The arrays of this level, each name behind `prefix`."""
        arrays = {
            **self.database.state(),
            "potential": self.potential,
        }
        if self.layers is not None and self.cluster_potential is not None:
            arrays |= {
                "cluster.labels": self.layers.labels.astype(np.int32),
                "cluster.centres": self.layers.centres,
                "cluster.potential": self.cluster_potential,
            }
        return {prefix + name: array for name, array in arrays.items()}

    @classmethod
    def restore(
        cls,
        state: Mapping[str, np.ndarray],
        prefix: str,
        picture: np.ndarray,
        patch_size: int,
        n_layers: int,
    ) -> SemidualLevel:
        """The level whose `state(prefix)` is in `state`, over its exemplar `picture`."""
        database = restored_level(state, prefix, picture, patch_size)
        count = len(database.corners)
        potential = take(state, prefix + "potential", shape=(count,), dtype=np.float64)
        if n_layers == 1:
            return cls(database, potential)
        centres = take(
            state,
            prefix + "cluster.centres",
            shape=(None, database.space.dimension),
            dtype=np.float32,
        )
        labels = take(state, prefix + "cluster.labels", shape=(count,), dtype=np.int32)
        if not np.array_equal(np.unique(labels), np.arange(len(centres))):
            raise _damaged(prefix + "cluster.labels", f"does not fill {len(centres)} clusters")
        upper = take(state, prefix + "cluster.potential", shape=(len(centres),), dtype=np.float64)
        return cls(database, potential, Layers(database.points, labels, centres), upper)


def solve_level(
    database: PatchLevel,
    source: Sampler | np.ndarray,
    *,
    n_layers: int,
    schedule: Schedule,
    rng: np.random.Generator,
) -> SemidualLevel:
    """The level whose map sends the law of `source` (points of the patch space) to `database`.

    Cost: see `solve_semidual` and `solve_layers`.
    """
    points = database.points
    if n_layers == 1:
        return SemidualLevel(database, solve_semidual(source, points, rng=rng, schedule=schedule))
    layers, upper, lower = solve_layers(source, points, rng=rng, schedule=schedule)
    return SemidualLevel(database, lower, layers, upper)


def mixture_sampler(mixture: GaussianMixture, rng: np.random.Generator) -> Sampler:
    """A function that draws n points (n, d) float32 of `mixture`, all at once."""
    factors = np.linalg.cholesky(mixture.covariances).astype(np.float32)
    means = mixture.means.astype(np.float32)

    def draw(count: int) -> np.ndarray:
        counts = rng.multinomial(count, mixture.weights / mixture.weights.sum())
        noise = rng.standard_normal((count, means.shape[1]), dtype=np.float32)
        first = 0
        for mean, factor, size in zip(means, factors, counts, strict=True):
            part = slice(first, first + size)
            noise[part] = noise[part] @ factor.T + mean
            first += size
        return noise

    return draw


def field_law(
    kernel: np.ndarray, mean: np.ndarray, patch_size: int, space: PatchSpace
) -> GaussianMixture:
    """The exact law of the patches of a stationary Gaussian field, in `space`: one Gaussian.

    kernel : (H, W, C), the texton; mean : (C,), the field's. The covariance of pixels a and b
    is the kernel's autocorrelation at b - a, so that of patches is the sum of p p^T over all
    patches p of the kernel, with zeros round it. Cost: O(H W D d).
    """
    padding = [(patch_size - 1, patch_size - 1)] * 2 + [(0, 0)]
    padded = np.pad(kernel, padding)
    covariance = np.zeros((space.dimension, space.dimension))
    for band, _ in grid(padded.shape[:2], patch_size).blocks(kernel.shape[2]):
        coordinates = extract(padded, band) @ space.axes
        covariance += coordinates.T.astype(np.float64) @ coordinates
    ridge = RIDGE * np.trace(covariance) / len(covariance) + FLOOR
    covariance += ridge * np.eye(len(covariance))
    centre = space.project(np.tile(mean, patch_size**2)[None].astype(np.float32))
    return GaussianMixture(np.ones(1), centre.astype(np.float64), covariance[None])


def _damaged(name: str, why: str) -> TextoError:
    return TextoError(f"tensor '{name}'", why, "fit the model again")
