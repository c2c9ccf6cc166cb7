"""What the methods share that move the pixels of one picture: their settings.

Importing this loads no torch: their settings can be shown and stored without.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from texto.core.errors import TextoError
from texto.core.settings import check_settings, setting, tileable_setting
from texto.core.types import Progress

from .picture import PictureMethod


@dataclass(frozen=True)
class PictureDescent(PictureMethod):
    """Texture by descent of a picture on a loss of its features.

    `ours` and `published` : the values of settings that are None, the second `as_published`.
    """

    start: str | None = setting(
        None,
        "coarse: from a Gaussian field at a small size, doubled again and again; noise: at full "
        "size from noise; none: coarse, noise as published",
        choices=("coarse", "noise"),
        stage="synthesis",
    )
    optimizer: str | None = setting(
        None,
        "adam, or lbfgs (L-BFGS-B with pixels in [0, 1]); none: see the method",
        choices=("adam", "lbfgs"),
        stage="synthesis",
    )
    n_iter: int | None = setting(
        None,
        "steps at full size, half as many more at each coarser one; none: see the method",
        low=1,
        high=100_000,
        stage="synthesis",
    )
    learning_rate: float | None = setting(
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
    device: str = setting(
        "auto", "where the networks run: auto, cpu, cuda, cuda:i or mps", stage="synthesis"
    )

    ours: ClassVar[dict[str, Any]] = {}
    published: ClassVar[dict[str, Any]] = {}
    stride: ClassVar[int] = 1  # pixels between positions of the deepest layer

    def __post_init__(self):
        check_settings(self)
        if self.as_published and self.tileable != "none" and not self.published["periodic"]:
            raise TextoError(
                "tileable",
                f"is {self.tileable!r}, and the published form does not repeat",
                "set as_published=false",
            )

    def chosen(self, name: str) -> Any:
        """The setting `name`, or what stands for None."""
        value = getattr(self, name, None)
        return value if value is not None else self._usual[name]

    def image_steps(self, level: int) -> int:
        """Steps at `level`, 0 the full size."""
        n_iter = self.chosen("n_iter")
        return n_iter + n_iter * level // 2

    def least_side(self, shape: tuple[int, ...]) -> int:
        """The shortest side of a canvas for an exemplar of `shape`, where it may be larger."""
        return self.smallest_exemplar

    @abstractmethod
    def count_sizes(self, shape: tuple[int, ...]) -> int:
        """How many sizes, each half the one before, an exemplar of `shape` is worked on at."""

    @abstractmethod
    def loss(self, work: Any) -> Any:
        """The loss at one size: `work` is a `neural.steps.synthesis.Work`."""

    def synthesise(
        self,
        exemplar: np.ndarray,
        shape: tuple[int, int],
        *,
        rng: np.random.Generator,
        progress: Progress,
    ) -> np.ndarray:
        """As `neural.steps.synthesis.synthesise`."""
        from ...steps.synthesis import synthesise

        return synthesise(self, (exemplar,), shape, rng=rng, progress=progress)

    @property
    def _usual(self) -> dict[str, Any]:
        return self.published if self.as_published else self.ours
