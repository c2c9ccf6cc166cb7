"""Where in a picture which mix holds: one everywhere, or a few with soft borders."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...core.errors import TextoError
from ...patches.extraction import Grid

NODES = 5  # weights at which a map is discretised; between them all is interpolated
LATTICE = 0.7548776662466927, 0.5698402909980532  # powers of the plastic number's inverse


@dataclass(frozen=True, eq=False)
class Zones:
    """`weights` (Z, r), each row >= 0 and summing to one, and where they hold.

    `values` (H, W) in [0, Z - 1] is None where Z = 1. A place with the value z + f, 0 <= f < 1,
    takes the share 1 - f of zone z and f of the next one.
    """

    weights: np.ndarray
    values: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.weights)

    def on(self, shape: tuple[int, int]) -> np.ndarray:
        """(height, width) float32: the values for a picture of `shape`."""
        if self.values is None:
            return np.zeros(shape, np.float32)
        return resized(self.values, shape)

    def shares(self, spots: Grid) -> np.ndarray:
        """(n, Z) float32: the zones' shares in each patch, by its centre; rows sum to one."""
        values = self._at(spots).reshape(-1, 1)
        return np.maximum(1 - np.abs(values - np.arange(len(self), dtype=np.float32)), 0)

    def chosen(self, spots: Grid) -> np.ndarray:
        """(n,) int: one zone for each patch, as often as its share says.

        A dither by a lattice of two irrational steps: overlapping patches average it out.
        """
        lattice = np.add.outer(spots.rows * LATTICE[0], spots.columns * LATTICE[1]) % 1
        return np.minimum((self._at(spots) + lattice).astype(np.intp), len(self) - 1).ravel()

    def _at(self, spots: Grid) -> np.ndarray:
        """(R, S): the values at the patches' centres."""
        middle = spots.patch_size // 2
        rows, columns = (
            (starts + middle) % side
            for starts, side in zip((spots.rows, spots.columns), spots.shape, strict=True)
        )
        return self.on(spots.shape)[np.ix_(rows, columns)]

    def draw(
        self, shape: tuple[int, ...], patch_size: int, count: int, rng: np.random.Generator
    ) -> list[np.ndarray | None]:
        """For each zone `count` corners (count, 2) of patches in it; None for an empty zone.

        Each is drawn by the zone's share at the patch's centre; positions may repeat.
        """
        if len(self) == 1:
            return [draw_anywhere(shape, patch_size, count, rng)]
        limits = [side - patch_size + 1 for side in shape[:2]]
        size = (shape[0], shape[1])
        inside = Grid(size, patch_size, *(np.arange(limit) for limit in limits))
        values, present = self._at(inside).ravel(), self.on(size)
        drawn: list[np.ndarray | None] = []
        for zone in range(len(self)):
            share = np.maximum(1 - np.abs(values - zone), 0)
            if not share.any():  # then it may be at the border, round which patches wrap
                gap = np.abs(values - zone)
                share = gap == gap.min()
            sums = share.cumsum(dtype=np.float64)
            numbers = np.searchsorted(sums, rng.random(count) * sums[-1], side="right")
            numbers = np.minimum(numbers, len(share) - 1)
            corners = np.column_stack(np.divmod(numbers, limits[1]))
            drawn.append(corners if (np.abs(present - zone) < 1).any() else None)
        return drawn

    def mean_weights(self, shape: tuple[int, int]) -> np.ndarray:
        """(height, width, r) float32: the weights at each pixel, interpolated between zones."""
        values = self.on(shape)
        low = np.minimum(values.astype(np.intp), len(self) - 1)
        high, part = np.minimum(low + 1, len(self) - 1), (values - low)[:, :, None]
        weights = self.weights.astype(np.float32)
        return (1 - part) * weights[low] + part * weights[high]


def draw_anywhere(
    shape: tuple[int, ...], patch_size: int, count: int, rng: np.random.Generator
) -> np.ndarray:
    """`count` corners (count, 2) of patches in `shape`; positions may repeat."""
    limits = [side - patch_size + 1 for side in shape[:2]]
    return np.column_stack([rng.integers(0, limit, count) for limit in limits])


def even(weights: np.ndarray) -> Zones:
    """The same `weights` (r,) everywhere."""
    return Zones(np.asarray(weights, np.float64)[None])


def along(weight_map: np.ndarray, *, easings: int = 1) -> Zones:
    """Zones of two textures for `weight_map` (H, W) in [0, 1]: 0 the first, 1 the second.

    Weights are eased, 6 v^5 - 15 v^4 + 10 v^3: near 0 and 1 a texture stays itself, and a ramp
    joins it without a bend. 0, 1/2 and 1 stay where they are. `easings` : how often that is done.
    """
    values = np.asarray(weight_map)
    if values.ndim == 3 and values.shape[2] == 1:
        values = values[:, :, 0]
    if values.ndim != 2 or 0 in values.shape or not np.issubdtype(values.dtype, np.floating):
        raise TextoError(
            "map", f"has shape {values.shape} and {values.dtype} values", "give floats (H, W)"
        )
    if not np.isfinite(values).all() or values.min() < 0 or values.max() > 1:
        raise TextoError("map", "has values outside [0, 1]", "0 is the first texture, 1 the second")
    values = values.astype(np.float32)
    for _ in range(easings):
        values = np.clip(values**3 * (values * (6 * values - 15) + 10), 0, 1)
    second = np.linspace(0, 1, NODES)
    return Zones(np.column_stack([1 - second, second]), values * (NODES - 1))


def resized(values: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """`values` (H, W) at another size, (height, width) float32, within the same range."""
    if values.shape == tuple(shape):
        return values
    from skimage.transform import resize

    result = resize(values, shape, order=1, mode="edge", anti_aliasing=True)
    return np.clip(result, values.min(), values.max()).astype(np.float32)
