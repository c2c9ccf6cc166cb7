"""What the neural methods on one picture share: a fit that checks and keeps the exemplar.

Importing this loads no torch: their settings can be shown and stored without.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from texto.core import registry
from texto.core.contract import Model
from texto.core.errors import TextoError
from texto.core.settings import setting
from texto.core.state import only, take
from texto.core.types import Progress, Rng, Step, as_image, as_shape, generator, silent


def absent() -> str | None:
    """That PyTorch is not installed, in a line; None where it is."""
    missing = registry.missing_torch()
    return f"needs {missing}: pip install 'texto[neural]'" if missing else None


def device_setting() -> Any:
    """The setting `device` of a method that runs networks."""
    return setting(
        "auto", "where the networks run: auto, cpu, cuda, cuda:i or mps", stage="synthesis"
    )


class PictureMethod(ABC):
    """A method whose model is its exemplar."""

    summary: ClassVar[str]
    good_for: ClassVar[str]
    quick: ClassVar[Mapping[str, Any]]
    takes_channels: ClassVar[tuple[int, ...] | None] = None  # of exemplars; None: any

    def fit(
        self, exemplar: np.ndarray, *, rng: Rng = None, progress: Progress = silent
    ) -> PictureModel:
        """The exemplar (H, W, C) in [0, 1], checked and kept: all work is in the synthesis.

        Raises TextoError where it is too small or has other channels than the networks take,
        and where weights or PyTorch are missing; a TextoWarning tells of random weights.
        """
        generator(rng)  # nothing is drawn, but a bad seed is told
        exemplar = self.checked(exemplar, "exemplar").copy()
        registry.require_torch(registry.name_of(self))
        self.check(exemplar)
        progress(Step("fit", 0, 1, 1))
        return PictureModel(self.adapted(exemplar), exemplar)

    def restore(self, state: Mapping[str, np.ndarray]) -> Model:
        """The model whose `state()` is `state`; TextoError where the arrays make no sense."""
        only(state, ["exemplar"])
        exemplar = take(state, "exemplar", shape=(None, None, None), dtype=np.float32)
        exemplar = self.checked(exemplar, "tensor 'exemplar'")
        return PictureModel(self.adapted(exemplar), exemplar)

    def adapted(self, exemplar: np.ndarray) -> Self:
        """This method with each automatic setting set as `exemplar` (H, W, C) asks for."""
        return self

    def absent(self) -> str | None:
        """Why this cannot run here, in a line; None where it can."""
        return absent()

    def checked(self, exemplar: np.ndarray, what: str) -> np.ndarray:
        """`exemplar` as `texto.core.types.as_image`; TextoError for channels not taken."""
        exemplar = as_image(exemplar, what, smallest=self.smallest_exemplar)
        takes = self.takes_channels
        if takes is not None and exemplar.shape[2] not in takes:
            raise TextoError(
                what,
                f"has {exemplar.shape[2]} channels, and networks take {takes[0]} or {takes[-1]}",
                "select the colour channels, or use gotex-patch or a classical method",
            )
        return exemplar

    @property
    def smallest_exemplar(self) -> int:
        """The shortest side of an exemplar."""
        return 1

    @abstractmethod
    def check(self, exemplar: np.ndarray) -> None:
        """TextoError where weights are missing or do not suit; loads them."""

    @abstractmethod
    def synthesize(
        self,
        exemplar: np.ndarray,
        shape: tuple[int, int],
        *,
        rng: np.random.Generator,
        progress: Progress,
    ) -> np.ndarray:
        """New texture (*shape, C) in [0, 1] like `exemplar` (H, W, C)."""


@dataclass(frozen=True, eq=False)
class PictureModel:
    """An exemplar to make more of."""

    method: PictureMethod
    exemplar: np.ndarray

    def synthesize(
        self, shape: tuple[int, int], *, rng: Rng = None, progress: Progress = silent
    ) -> np.ndarray:
        """New texture (height, width, C) float32 in [0, 1], of any size.

        `progress` gets the loss of every step. Cost: one forward and one backward pass through
        each network a step, and their maps in memory. Where a GPU chosen by "auto" has not
        enough, the CPU does it, with a note; TextoError where a device was named.
        """
        rng, shape = generator(rng), as_shape(shape)
        return self.method.synthesize(self.exemplar, shape, rng=rng, progress=progress)

    def state(self) -> dict[str, np.ndarray]:
        """The exemplar."""
        return {"exemplar": self.exemplar}
