"""What every method has that runs a flow of patches: settings, octaves, pictures to flow to."""

from __future__ import annotations

import dataclasses
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from ...core.contract import Method
from ...core.settings import PERIODIC, setting, tileable_setting
from ...patches.pyramid import MOST_LEVELS, count_halvings, count_levels, pyramid
from .octave import Octave
from .structure import COUNT, structure


@dataclass(frozen=True)
class FlowSettings(Method):
    """The hyper-parameters that all flows of patches share, and what follows from them."""

    patch_size: int = setting(16, "side of a patch in pixels, at every octave", low=2, high=64)
    n_levels: int | None = setting(
        None,
        "octaves; none: until the coarsest is two patches wide",
        low=1,
        high=MOST_LEVELS,
        automatic=True,
    )
    tileable: str = tileable_setting()

    @property
    @abstractmethod
    def dimensions(self) -> int | None:
        """Principal axes in which patches are compared; None: all values of a patch."""

    @property
    @abstractmethod
    def structure_weight(self) -> float:
        """How much the channels of `structure` count; 0: there are none."""

    @property
    def usual_levels(self) -> int:
        """Octaves at most, where `n_levels` is None."""
        return MOST_LEVELS

    @property
    def bank_stride(self) -> int:
        """Pixels between neighbouring patches of the exemplar."""
        return 1

    @property
    def tone_share(self) -> float:
        """How far the tones of a texture go to the exemplar's in the end, see `toned`."""
        return 0.0

    @property
    def blends(self) -> bool:
        """Whether a mix blends velocities; otherwise it shares the exemplars out."""
        return False

    @abstractmethod
    def octaves(self, n_levels: int) -> list[Octave]:
        """What the flow does at each of `n_levels` octaves, finest first."""

    @property
    def periodic(self) -> tuple[bool, bool]:
        """Whether the texture repeats (vertically, horizontally)."""
        return PERIODIC[self.tileable]

    def adapted(self, exemplar: np.ndarray) -> Self:
        """This method with `n_levels` as `exemplar` (H, W, C) asks for."""
        return self.adapted_to([exemplar])

    def adapted_to(self, exemplars: Sequence[np.ndarray]) -> Self:
        """As `adapted`, for a mix: as many octaves as the exemplar with the fewest has."""
        fewest = min(self.count_levels(exemplar.shape) for exemplar in exemplars)
        return dataclasses.replace(self, n_levels=fewest)

    def count_levels(self, shape: tuple[int, ...]) -> int:
        """The number of octaves for an exemplar of this shape; TextoError if too many."""
        return count_levels(
            self.n_levels,
            usual=min(self.usual_levels, count_halvings(shape, 2 * self.patch_size)),
            most=count_halvings(shape, self.patch_size),
            shape=shape,
            given=f"patch_size={self.patch_size}",
        )

    def canvas_sizes(self, shape: tuple[int, int], n_levels: int) -> list[tuple[int, int]]:
        """Sizes of the synthesis, finest first: at the coarsest a patch fits an open axis."""
        least = self.patch_size << (n_levels - 1)
        size = tuple(
            side if wraps else max(side, least)
            for side, wraps in zip(shape, self.periodic, strict=True)
        )
        return [(-(-size[0] // 2**level), -(-size[1] // 2**level)) for level in range(n_levels)]

    def pictures(self, normal: np.ndarray, n_levels: int) -> list[np.ndarray]:
        """The octaves, finest first, of a centred picture (H, W, C), with channels of structure.

        The finest has none: there structure is what one sees.
        """
        levels = pyramid(normal, n_levels)
        if not self.structure_weight:
            return levels
        weight = np.float32(self.structure_weight)
        return [levels[0]] + [
            np.concatenate([coarse, weight * structure(normal, coarse, level)], axis=2)
            for level, coarse in enumerate(levels[1:], start=1)
        ]

    def count_channels(self, colours: int, level: int) -> int:
        """Channels of the picture at an octave, for an exemplar of so many colours."""
        return colours + (COUNT if level and self.structure_weight else 0)


@dataclass(frozen=True, eq=False)
class Scale:
    """What centres pictures, `mean` (C,), and brings them to a deviation of one."""

    mean: np.ndarray
    deviation: np.float32

    def normal(self, picture: np.ndarray) -> np.ndarray:
        """`picture` (H, W, C) in [0, 1], centred and scaled, float32."""
        return (picture - self.mean) / self.deviation

    def picture(self, normal: np.ndarray) -> np.ndarray:
        """The picture of `normal` (H, W, C), clipped to [0, 1]: a contiguous array."""
        picture = normal * self.deviation
        picture += self.mean
        return np.clip(picture, 0, 1, out=picture)


def scale_of(pixels: np.ndarray) -> Scale:
    """The scale of `pixels` (n, C): the mean of each channel, one deviation for all."""
    mean = pixels.mean(axis=0, dtype=np.float64).astype(np.float32)
    deviation = np.sqrt(np.square(pixels - mean, dtype=np.float64).mean())
    return Scale(mean, np.float32(max(deviation, 1e-4)))
