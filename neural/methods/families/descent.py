"""What the methods share that move the pixels of one picture: their settings.

Importing this loads no torch: their settings can be shown and stored without.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from texto.core.settings import check_settings, fill, setting, tileable_setting
from texto.core.types import Progress

from .picture import PictureMethod, device_setting

if TYPE_CHECKING:
    from ...losses.base import Additive
    from ...steps.work import Work


@dataclass(frozen=True)
class PictureDescent(PictureMethod):
    """Texture by descent of a picture on a loss of its features.

    `presets` : what settings are that are None, by `as_published`.
    """

    start: str = setting(
        None,
        "coarse: from a Gaussian field at a small size, doubled again and again; noise: at full "
        "size from noise; none: coarse, noise as published",
        choices=("coarse", "noise"),
        stage="synthesis",
    )
    noise: str = setting(
        None,
        "what start=noise begins with: uniform noise, or the exemplar's mean colour with 0.05 of "
        "its deviations; none: see the method",
        choices=("uniform", "mean"),
        stage="synthesis",
        older=None,
    )
    optimizer: str = setting(
        None,
        "adam, or lbfgs (L-BFGS-B with pixels in [0, 1]); none: see the method",
        choices=("adam", "lbfgs"),
        stage="synthesis",
    )
    n_iter: int = setting(
        None,
        "steps at full size, half as many more at each coarser one; none: see the method",
        low=1,
        high=100_000,
        stage="synthesis",
    )
    learning_rate: float = setting(
        None,
        "Adam's step, in grey values of [0, 1]; none: see the method",
        low=1e-5,
        high=1,
        stage="synthesis",
    )
    tolerance: float = setting(
        0.0,
        "a size ends when the mean losses of 10 steps and of the 10 before differ by less than "
        "this share; 0: after all its steps",
        low=0,
        high=1,
        stage="synthesis",
    )
    as_published: bool = setting(
        False, "the settings and the quirks of the published code", stage="synthesis"
    )
    tileable: str = tileable_setting()
    device: str = device_setting()

    preset_setting: ClassVar[str] = "as_published"
    presets: ClassVar[Mapping[bool, Mapping[str, Any]]]
    stride: ClassVar[int] = 1  # pixels between positions of the deepest layer
    by_chance: ClassVar[bool] = True  # whether the loss draws

    def __post_init__(self):
        check_settings(self)
        fill(self, self.presets[self.as_published])

    @property
    def ascents(self) -> tuple[int, int]:
        """Steps of ascent of the potentials before each of the picture, and more at first."""
        return 0, 0

    def is_usual(self, name: str) -> bool:
        """Whether the setting `name` is what it is where nothing is given.

        One that was given, and is equal, counts as not given.
        """
        return getattr(self, name) == self.presets[self.as_published].get(name)

    def image_steps(self, level: int) -> int:
        """Steps at `level`, 0 the full size."""
        return self.n_iter + self.n_iter * level // 2

    def least_side(self, shape: tuple[int, ...]) -> int:
        """The shortest side of a canvas for an exemplar of `shape`, where it may be larger."""
        return self.smallest_exemplar

    @abstractmethod
    def count_sizes(self, shape: tuple[int, ...]) -> int:
        """How many sizes, each half the one before, an exemplar of `shape` is worked on at."""

    @abstractmethod
    def loss(self, work: Work) -> Additive:
        """The loss at one size."""

    def synthesize(
        self,
        exemplar: np.ndarray,
        shape: tuple[int, int],
        *,
        rng: np.random.Generator,
        progress: Progress,
    ) -> np.ndarray:
        """As `neural.steps.synthesis.synthesize`."""
        from ...steps.synthesis import synthesize

        return synthesize(self, (exemplar,), shape, rng=rng, progress=progress)
