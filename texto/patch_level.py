"""One pyramid level of an exemplar as a database of patches: where every patch method searches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .neighbors import Neighbors
from .patch_space import PatchSpace, principal_space
from .patches import Grid, all_corners, extract, extract_at

QUERIES = 1 << 15  # points searched at a time
SAMPLE = 10_000  # patches that a patch space is estimated from, at most

Transport = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, eq=False)
class PatchLevel:
    """The patches of `picture` (H, W, C) at `corners` (m, 2), seen in `space`."""

    picture: np.ndarray
    corners: np.ndarray
    space: PatchSpace
    patch_size: int

    @property
    def points(self) -> np.ndarray:
        """(m, d): the database in the coordinates of the patch space."""
        return self.space.project(extract_at(self.picture, self.corners, self.patch_size))

    def neighbors(self, device: str) -> Neighbors:
        """The database, ready for search on `device`; built once for each."""
        if device not in self._indices:
            self._indices[device] = Neighbors(self.points, device=device)
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
        found = np.empty((len(spots), 2), np.int32)
        index = self.neighbors(device)
        waiting, first = [], 0
        for band, part in spots.blocks(synthesis.shape[2]):
            waiting.append(transport(self.space.project(extract(synthesis, band))))
            if part.stop - first >= QUERIES or part.stop == len(spots):
                found[first : part.stop] = self.corners[index.search(np.concatenate(waiting))]
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


def draw_corners(
    shape: tuple[int, ...], patch_size: int, count: int, rng: np.random.Generator
) -> np.ndarray:
    """`count` corners (n, 2) of patches in `shape`, none twice; all where there are fewer."""
    corners = all_corners(shape, patch_size)
    if count >= len(corners):
        return corners
    return corners[np.sort(rng.choice(len(corners), count, replace=False))]
