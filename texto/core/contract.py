"""The interface that every method shares: what it must do, and the powers that it may have.

A `Method` is a frozen dataclass of hyper-parameters. `fit` returns a `Model`, a frozen
dataclass of arrays, and changes nothing else; `Model.synthesize` makes pictures from it.
Optional powers are protocols of their own, asked for by `isinstance`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

import numpy as np

from .types import Progress, Rng, silent


@runtime_checkable
class Model(Protocol):
    """A fitted texture: a frozen dataclass of arrays.

    `exemplar` is the picture it was fitted on, (H, W, C) float32 in [0, 1]; `method` holds the
    hyper-parameters.
    """

    method: Method
    exemplar: np.ndarray

    def synthesize(
        self, shape: tuple[int, int], *, rng: Rng = None, progress: Progress = silent
    ) -> np.ndarray:
        """New texture, (height, width, C) float32 in [0, 1], for shape = (height, width)."""
        ...

    def state(self) -> dict[str, np.ndarray]:
        """All arrays that `Method.restore` needs to build this model again."""
        ...


@runtime_checkable
class Method(Protocol):
    """Hyper-parameters of one published method."""

    def fit(self, exemplar: np.ndarray, *, rng: Rng = None, progress: Progress = silent) -> Model:
        """A model of the texture in `exemplar`, (H, W, C) float32 in [0, 1]."""
        ...

    def restore(self, state: Mapping[str, np.ndarray]) -> Model:
        """The model whose `state()` is `state`; TextoError where the arrays make no sense."""
        ...


@runtime_checkable
class Inpaints(Protocol):
    """A method that fills holes."""

    def inpaint(
        self,
        image: np.ndarray,
        mask: np.ndarray,
        *,
        sources: np.ndarray | None = None,
        rng: Rng = None,
        progress: Progress = silent,
    ) -> np.ndarray:
        """`image` (H, W, C) with the pixels where `mask` (H, W) is True made anew.

        The texture is that of the known pixels, or of those among them where `sources` (H, W)
        is True. Known pixels come back bit for bit; what the holes held has no influence.
        """
        ...


@runtime_checkable
class Mixes(Protocol):
    """A method whose models can be blended into a new model."""

    def mix(self, models: Sequence[Model], weights: Sequence[float]) -> Model:
        """The model between `models` at `weights`, which are >= 0 and sum to 1."""
        ...


@runtime_checkable
class Guides(Protocol):
    """A method that lays a texture along another picture."""

    def guide(
        self,
        exemplar: np.ndarray,
        picture: np.ndarray,
        shape: tuple[int, int] | None = None,
        *,
        weight: float = ...,
        rng: Rng = None,
        progress: Progress = silent,
    ) -> np.ndarray:
        """The texture of `exemplar` (H, W, C) along the luminance of `picture` (h, w, C').

        Both in [0, 1], C and C' may differ; the result is (height, width, C) float32 in [0, 1],
        of `picture`'s size or, for shape = (height, width), of that size, to which the guide is
        resized. A guide's luminance counts by its ranks only: it is matched to the exemplar's.
        With `weight` 0 the guide is no more than the start; the larger the weight, the more of
        its detail shows, and the less of the texture's own structure is left. Raises TextoError
        for a wrong weight and for settings with which the texture would repeat.
        """
        ...
