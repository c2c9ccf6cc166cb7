"""Banks: the patches of one level of an exemplar, or of several, that a flow ends in."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ...core.threads import mapped
from ...patches.coherent import Sources
from ...patches.database import leading_space
from ...patches.extraction import Grid, all_corners, extract, extract_at, grid
from ..mixing.canvas import Canvas

SAMPLE = 4000  # patches that the principal axes are taken from
FLOATS = 1 << 27  # of all coordinates of a level: 512 MiB


@dataclass(frozen=True, eq=False)
class Bank:
    """The patches of `picture` (H, W, C) float32, centred and scaled, whose corners are `open`.

    open : (H - size + 1, W - size + 1) bool. axes : (size size C, d) float32, orthonormal, the
    coordinates in which patches are compared; None for all of a patch. owners : int, like
    `open`, tells which of `n_owners` exemplars a patch is of.
    """

    picture: np.ndarray
    size: int
    axes: np.ndarray | None
    open: np.ndarray
    owners: np.ndarray
    n_owners: int = 1

    @cached_property
    def corners(self) -> np.ndarray:
        """(m, 2) int32, of the patches that may be used."""
        return np.argwhere(self.open).astype(np.int32)

    @cached_property
    def numbers(self) -> np.ndarray:
        """Like `open`: which of `corners` each patch is, -1 where it may not be used."""
        numbers = np.full(self.open.shape, -1)
        numbers[self.open] = np.arange(len(self.corners))
        return numbers

    @cached_property
    def owner(self) -> np.ndarray:
        """(m,): the exemplar of each patch that may be used."""
        return self.owners[self.open]

    @cached_property
    def points(self) -> np.ndarray:
        """(m, d) float32: the coordinates of the patches that may be used."""
        if "sources" in self.__dict__ or 2 * len(self.corners) > self.open.size:
            return self.sources.points[self.open]
        patches = extract_at(self.picture, self.corners, self.size)
        return patches if self.axes is None else patches @ self.axes

    @cached_property
    def sources(self) -> Sources:
        """All patches, for a coherent search."""
        height, width, _ = self.picture.shape
        spots = grid((height, width), self.size)
        return Sources(self.coordinates(self.picture, spots), self.open)

    def coordinates(self, picture: np.ndarray, spots: Grid) -> np.ndarray:
        """(R, S, d) float32: the patches of `picture` (h, w, C) on the R x S of `spots`."""

        width = self.size**2 * picture.shape[2] if self.axes is None else self.axes.shape[1]
        found = np.empty((len(spots), width), np.float32)

        def project(piece: tuple[Grid, slice]) -> None:
            band, part = piece
            patches = extract(picture, band)
            found[part] = patches if self.axes is None else patches @ self.axes

        for _ in mapped(project, spots.blocks(picture.shape[2])):
            pass
        return found.reshape(len(spots.rows), len(spots.columns), width)


def principal_axes(
    picture: np.ndarray, size: int, n_dims: int, rng: np.random.Generator
) -> np.ndarray:
    """(size size C, d) float32: the leading `n_dims` principal axes of the patches of `picture`.

    Fewer where the coordinates of all patches would not fit into `FLOATS`.
    """
    corners = all_corners(picture.shape, size)
    most = max(4, FLOATS // len(corners))
    if len(corners) > SAMPLE:
        corners = corners[np.sort(rng.choice(len(corners), SAMPLE, replace=False))]
    patches = extract_at(picture, corners, size)
    return leading_space(patches, min(n_dims, most, patches.shape[1]), rng=rng).axes


def bank(
    picture: np.ndarray,
    size: int,
    axes: np.ndarray | None,
    *,
    stride: int = 1,
    allowed: np.ndarray | None = None,
) -> Bank:
    """The bank of `picture` (H, W, C): every `stride`th patch both ways, of those `allowed`."""
    shape = (picture.shape[0] - size + 1, picture.shape[1] - size + 1)
    opened = np.zeros(shape, bool)
    opened[::stride, ::stride] = True
    if allowed is not None:
        opened &= allowed
    return Bank(picture, size, axes, opened, np.zeros(shape, np.int64))


def union(canvas: Canvas, size: int, axes: np.ndarray | None, *, stride: int = 1) -> Bank:
    """The bank of all pictures of `canvas`, as `bank` has each of them alone.

    Patches across two pictures are never used.
    """
    picture = canvas.picture
    shape = (picture.shape[0] - size + 1, picture.shape[1] - size + 1)
    corners = np.argwhere(np.ones(shape, bool))
    owners = canvas.owners(corners, size).reshape(shape)
    rows = np.arange(shape[0])[:, None] - canvas.tops[owners]
    opened = (owners >= 0) & (rows % stride == 0) & (np.arange(shape[1]) % stride == 0)
    return Bank(picture, size, axes, opened, owners, len(canvas.pictures))
