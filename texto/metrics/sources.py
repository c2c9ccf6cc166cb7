"""How much of a result is copied from the exemplar: where its 8 x 8 patches come from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.threads import mapped, single_blas
from ..core.types import as_image
from ..patches.extraction import Grid, all_corners, extract, extract_at, grid
from .pictures import checked_result
from .pruned_search import PrunedSearch

SIZE = 8  # of the patches
SIDE = 136  # pixels of a corner that says enough
TOLERANCE = 0.5 / 255 + 1e-6  # what rounding to 8 bits may change
_COORDINATES = 16  # principal components that tell patches apart
_SAMPLE = 1 << 12  # patches that give them
_LOOKUPS = 1 << 18  # patches that are looked up in a result, however large
_SHIFTS = 128  # of which the areas are measured


def originality(result: np.ndarray, exemplar: np.ndarray, *, side: int = SIDE) -> float:
    """Share of neighbouring 8 x 8 patches of `result` whose sources are not neighbours.

    result, exemplar : (H, W, C) float32 in [0, 1]. Each patch's source is its exact nearest
    patch in the exemplar, the pairs are the horizontal ones. Higher is better: 0 for a crop of
    the exemplar. It does not reach 1, as patches that overlap have sources that do: white noise
    has about 0.8, unrelated photographs up to 0.9. Only the corner of `side` x `side` pixels is
    looked at. After Gutierrez 2017, innovation capacity. TextoError below 9 pixels a side.
    Cost: 1.5 s of one core for an exemplar of 256 x 256, 4 s for noise; grows with its pixels.
    """
    return float(Originality.of(exemplar, side=side)(result)[0])


def copied(result: np.ndarray, exemplar: np.ndarray, *, tolerance: float = TOLERANCE) -> float:
    """Pixels of the largest area of `result` that is copied as it is from the exemplar.

    result, exemplar : (H, W, C) float32 in [0, 1]. A copied area is a connected set of pixels,
    made of 8 x 8 patches, all equal within `tolerance` to those one shift away in the exemplar;
    the default is what rounding to 8 bits may change. The count of pixels, and not a share,
    does not depend on the size of the result: 4096 is an area of 64 x 64. 0 where no patch is
    copied; lower is better. Flat areas, and patterns that repeat exactly, count as copied too.
    Patches' nearest sources give the shifts, of which the 128 most frequent are measured.
    TextoError below 8 pixels a side. Cost: about 1 s of one core for a result of 512 x 512.
    """
    return float(Copied.of(exemplar, tolerance=tolerance)(result)[0])


@dataclass(frozen=True, eq=False)
class Originality:
    """`originality` against one exemplar.

    `exemplar` : (H, W, C); `corners` : (m, 2), all its patches, which `search` holds.
    """

    exemplar: np.ndarray
    corners: np.ndarray
    search: PrunedSearch
    side: int

    @classmethod
    def of(cls, exemplar: np.ndarray, *, side: int = SIDE) -> Originality:
        """TextoError for an exemplar with hardly a patch."""
        exemplar = as_image(exemplar, smallest=SIZE + 1)
        corners = all_corners(exemplar.shape, SIZE)
        search = PrunedSearch(extract_at(exemplar, corners, SIZE))
        return cls(exemplar, corners, search, side)

    def __call__(self, result: np.ndarray, rng: object = None, n_draws: int = 1) -> np.ndarray:
        """(1,): nothing is drawn."""
        result = checked_result(result, self.exemplar, SIZE + 1)
        corner = result[: self.side, : self.side]
        patches = extract_at(corner, all_corners(corner.shape, SIZE), SIZE)
        sources = self.corners[self.search.search(patches)]
        sources = sources.reshape(corner.shape[0] - SIZE + 1, corner.shape[1] - SIZE + 1, 2)
        neighbouring = (np.diff(sources, axis=1) == (0, 1)).all(axis=2)
        return np.array([1 - neighbouring.mean()])


@dataclass(frozen=True, eq=False)
class Copied:
    """`copied` against one exemplar.

    `exemplar` : (H, W, C); `corners` : (m, 2), all its patches; `tree` holds their principal
    components, which `basis` (64 C, k) gives.
    """

    exemplar: np.ndarray
    corners: np.ndarray
    basis: np.ndarray
    tree: Any
    tolerance: float

    @classmethod
    def of(cls, exemplar: np.ndarray, *, tolerance: float = TOLERANCE) -> Copied:
        """TextoError for an exemplar without a patch."""
        from scipy.spatial import cKDTree

        exemplar = as_image(exemplar, smallest=SIZE)
        whole = grid(exemplar.shape[:2], SIZE)
        basis = _principal_axes(exemplar)
        tree = cKDTree(_projected(exemplar, whole, basis))
        return cls(exemplar, all_corners(exemplar.shape, SIZE), basis, tree, tolerance)

    def __call__(self, result: np.ndarray, rng: object = None, n_draws: int = 1) -> np.ndarray:
        """(1,): nothing is drawn."""
        result = checked_result(result, self.exemplar, SIZE)
        largest = 0
        for shift, most in self._shifts(result):
            if most <= largest:
                break
            largest = max(largest, _area(result, self.exemplar, shift, self.tolerance))
        return np.array([float(largest)])

    def _shifts(self, result: np.ndarray) -> Iterator[tuple[np.ndarray, int]]:
        """Shifts (2,) from the result to its sources, the most frequent first.

        With each comes the largest area that it can make: a patch that touches another adds
        `SIZE` pixels at most.
        """
        count = (result.shape[0] - SIZE + 1) * (result.shape[1] - SIZE + 1)
        stride = int(np.ceil(np.sqrt(count / _LOOKUPS)))
        spots = grid(result.shape[:2], SIZE, stride)
        radius = np.sqrt(self.basis.shape[0]) * self.tolerance
        points = _projected(result, spots, self.basis)
        distances, found = self.tree.query(points, distance_upper_bound=radius, workers=-1)
        places = np.stack(np.meshgrid(spots.rows, spots.columns, indexing="ij"), axis=-1)
        near = np.isfinite(distances)
        shifts = self.corners[found[near]] - places.reshape(-1, 2)[near]
        shifts, counts = np.unique(shifts, axis=0, return_counts=True)
        for number in np.argsort(-counts, kind="stable")[:_SHIFTS]:
            patches = int(counts[number]) * stride**2 + (2 * stride * SIZE if stride > 1 else 0)
            yield shifts[number], SIZE**2 + SIZE * (patches - 1)


def _area(result: np.ndarray, exemplar: np.ndarray, shift: np.ndarray, tolerance: float) -> int:
    """Pixels of the largest connected set of patches equal to those `shift` away."""
    import scipy.ndimage

    low = np.maximum(0, -shift)
    high = np.minimum(result.shape[:2], np.array(exemplar.shape[:2]) - shift)
    there = exemplar[low[0] + shift[0] : high[0] + shift[0], low[1] + shift[1] : high[1] + shift[1]]
    here = result[low[0] : high[0], low[1] : high[1]]
    equal = (np.abs(here - there) <= tolerance).all(axis=2)
    labels, _ = scipy.ndimage.label(_opened(equal))
    sizes = np.bincount(labels.ravel())[1:]
    return int(sizes.max(initial=0))


def _opened(mask: np.ndarray) -> np.ndarray:
    """The union of all `SIZE` x `SIZE` squares inside `mask` (H, W)."""
    if min(mask.shape) < SIZE:
        return np.zeros_like(mask)
    whole = mask
    for axis in (0, 1):
        whole = np.logical_and.reduce(_pieces(whole, axis))
    for axis in (0, 1):
        padding = [(SIZE - 1, SIZE - 1) if axis == other else (0, 0) for other in (0, 1)]
        whole = np.logical_or.reduce(_pieces(np.pad(whole, padding), axis))
    return whole


def _pieces(mask: np.ndarray, axis: int) -> list[np.ndarray]:
    """`SIZE` views of `mask`, each one pixel further along `axis`."""
    length = mask.shape[axis] - SIZE + 1
    rows = [slice(start, start + length) for start in range(SIZE)]
    return [mask[part] if axis == 0 else mask[:, part] for part in rows]


def _principal_axes(image: np.ndarray) -> np.ndarray:
    """(64 C, k) float32: orthonormal directions in which the patches of `image` vary most.

    From some thousands of patches: any directions would do, these tell patches apart quickly.
    """
    stride = int(np.ceil(np.sqrt(image.shape[0] * image.shape[1] / _SAMPLE)))
    patches = extract(image, grid(image.shape[:2], SIZE, stride)).astype(np.float64)
    patches -= patches.mean(axis=0)
    with single_blas():
        _, axes = np.linalg.eigh(patches.T @ patches)
    return np.ascontiguousarray(axes[:, ::-1][:, :_COORDINATES], dtype=np.float32)


def _projected(image: np.ndarray, spots: Grid, basis: np.ndarray) -> np.ndarray:
    """(n, k): the coordinates of the patches of `image` on the grid `spots`."""
    bands = (band for band, _ in spots.blocks(image.shape[2]))
    with single_blas():
        return np.concatenate(list(mapped(lambda band: extract(image, band) @ basis, bands)))
