"""What the methods share that move the pixels of one picture: settings, and a fit that checks.

Importing this loads no torch: their settings can be shown and stored without.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, ClassVar

import numpy as np

from texto import registry
from texto.checks import only, take
from texto.protocols import (
    Progress,
    Rng,
    Step,
    TextoError,
    as_image,
    as_shape,
    generator,
    silent,
)
from texto.settings import check_settings, setting, tileable_setting

TORCH = ("torch", "torchvision")


@dataclass(frozen=True)
class PictureDescent(ABC):
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
    takes_channels: ClassVar[tuple[int, ...] | None] = None  # of exemplars; None: any
    stride: ClassVar[int] = 1  # pixels between positions of the deepest layer

    def __post_init__(self):
        check_settings(self)
        if self.as_published and self.tileable != "none" and not self.published["periodic"]:
            raise TextoError(
                "tileable",
                f"is {self.tileable!r}, and the published form does not repeat",
                "set as_published=false",
            )

    def fit(
        self, exemplar: np.ndarray, *, rng: Rng = None, progress: Progress = silent
    ) -> PictureModel:
        """The exemplar (H, W, C) in [0, 1], checked and kept: all work is in the synthesis.

        Raises TextoError where it is too small or has other channels than the networks take,
        and where weights or PyTorch are missing; a TextoWarning tells of random weights.
        """
        generator(rng)  # nothing is drawn, but a bad seed is told
        exemplar = self.checked(exemplar, "exemplar").copy()
        self._require_torch()
        self.check(exemplar)
        progress(Step("fit", 0, 1, 1))
        return PictureModel(self, exemplar)

    def restore(self, state: Mapping[str, Any]) -> PictureModel:
        """The model whose `state()` is `state`; TextoError where the arrays make no sense."""
        only(state, ["exemplar"])
        exemplar = take(state, "exemplar", shape=(None, None, None), dtype=np.float32)
        return PictureModel(self, self.checked(exemplar, "tensor 'exemplar'"))

    def chosen(self, name: str) -> Any:
        """The setting `name`, or what stands for None."""
        value = getattr(self, name, None)
        return value if value is not None else self._usual[name]

    def absent(self) -> str | None:
        """Why this cannot run here, in a line; None where it can."""
        for package in TORCH:
            if find_spec(package) is None:
                return f"needs {package}: pip install 'texto[neural]'"
        return None

    def checked(self, exemplar: np.ndarray, what: str) -> np.ndarray:
        """`exemplar` as `texto.protocols.as_image`; TextoError for channels not taken."""
        exemplar = as_image(exemplar, what, smallest=self.smallest_exemplar)
        takes = self.takes_channels
        if takes is not None and exemplar.shape[2] not in takes:
            raise TextoError(
                what,
                f"has {exemplar.shape[2]} channels, and networks take {takes[0]} or {takes[-1]}",
                "select the colour channels, or use gotex-patch or a classical method",
            )
        return exemplar

    def image_steps(self, level: int) -> int:
        """Steps at `level`, 0 the full size."""
        n_iter = self.chosen("n_iter")
        return n_iter + n_iter * level // 2

    @property
    def smallest_exemplar(self) -> int:
        """The shortest side of an exemplar."""
        return 1

    def least_side(self, shape: tuple[int, ...]) -> int:
        """The shortest side of a canvas for an exemplar of `shape`, where it may be larger."""
        return self.smallest_exemplar

    @abstractmethod
    def count_sizes(self, shape: tuple[int, ...]) -> int:
        """How many sizes, each half the one before, an exemplar of `shape` is worked on at."""

    @abstractmethod
    def check(self, exemplar: np.ndarray) -> None:
        """TextoError where weights are missing or do not suit; loads them."""

    @abstractmethod
    def loss(self, work: Any) -> Any:
        """The loss at one size: `work` is a `neural.synthesis.Work`."""

    @property
    def _usual(self) -> dict[str, Any]:
        return self.published if self.as_published else self.ours

    def _require_torch(self) -> None:
        for package in TORCH:
            if find_spec(package) is None:
                raise registry.MissingExtra(registry.name_of(self), package)


@dataclass(frozen=True, eq=False)
class PictureModel:
    """An exemplar to descend towards."""

    method: PictureDescent
    exemplar: np.ndarray

    def synthesize(
        self, shape: tuple[int, int], *, rng: Rng = None, progress: Progress = silent
    ) -> np.ndarray:
        """New texture (height, width, C) float32 in [0, 1], of any size.

        `progress` gets the loss of every step. Cost: one forward and one backward pass through
        each network a step, and their maps in memory. Where a GPU chosen by "auto" has not
        enough, the CPU does it, with a note; TextoError where a device was named.
        """
        from ..synthesis import synthesise

        rng, shape = generator(rng), as_shape(shape)
        return synthesise(self.method, (self.exemplar,), shape, rng=rng, progress=progress)

    def state(self) -> dict[str, np.ndarray]:
        """The exemplar."""
        return {"exemplar": self.exemplar}
