"""What a loss is made for: one size of a picture. And what the steps ask of a method."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ..features.backbones import Backbone
from ..losses.base import Additive
from .sights import Sight, network_sight, patch_sight


@dataclass(frozen=True, eq=False)
class Work:
    """What a loss is made for: one size.

    `exemplar` (H, W, C) : at this size, `level` halvings below `whole_shape`. `sides` : of the
    picture. `rng` : what the loss draws from. `chances` : (height, width) in [0, 1], how likely
    what the picture shows at a place takes part in a step; None: all does.
    """

    exemplar: np.ndarray
    whole_shape: tuple[int, ...]
    level: int
    sides: tuple[int, int]
    device: str
    rng: np.random.Generator
    chances: np.ndarray | None = None

    def patches(self, patch_size: int, n_levels: int) -> Sight:
        """The patches of the picture and of the exemplar, at `n_levels` from this one up."""
        place = {"device": self.device}
        return patch_sight(self.exemplar, patch_size, n_levels, chances=self.chances, **place)

    def network(self, backbone: Backbone) -> Sight:
        """What the two views of `backbone` see."""
        return network_sight(self.exemplar, backbone, whole=self.level == 0, chances=self.chances)


class Descends(Protocol):
    """A method on pixels, as the steps see it: see `neural.methods.families.descent`."""

    @property
    def start(self) -> str: ...

    @property
    def noise(self) -> str: ...

    @property
    def optimizer(self) -> str: ...

    @property
    def learning_rate(self) -> float: ...

    @property
    def tolerance(self) -> float: ...

    @property
    def tileable(self) -> str: ...

    @property
    def device(self) -> str: ...

    @property
    def stride(self) -> int: ...

    @property
    def by_chance(self) -> bool: ...

    @property
    def ascents(self) -> tuple[int, int]: ...

    @property
    def takes_channels(self) -> tuple[int, ...] | None: ...

    def image_steps(self, level: int) -> int: ...

    def count_sizes(self, shape: tuple[int, ...]) -> int: ...

    def least_side(self, shape: tuple[int, ...]) -> int: ...

    def loss(self, work: Work) -> Additive: ...
