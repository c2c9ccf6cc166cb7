"""The interface every method shares, and the few types that all modules pass around.

A `Method` is a frozen dataclass of hyper-parameters. `fit` returns a `Model`, a frozen
dataclass of arrays, and changes nothing else; `Model.synthesize` makes pictures from it.
Optional powers (`Inpaints`, `Mixes`, `Guides`) are separate protocols, asked for by `isinstance`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

Rng = int | np.random.Generator | None


class TextoError(ValueError):
    """A foreseeable failure, told in one line: what is wrong, why, and what to do about it."""

    def __init__(self, what: str, why: str, remedy: str):
        super().__init__(what, why, remedy)
        self.what, self.why, self.remedy = what, why, remedy

    def __str__(self) -> str:
        return f"{self.what}: {self.why}; {self.remedy}"


class TextoWarning(UserWarning):
    """Something the user should know about a result that is still valid."""


@dataclass(frozen=True)
class Step:
    """One step of progress: `iteration` of `total` in `stage`, at pyramid `level` (0 = finest)."""

    stage: str
    level: int
    iteration: int
    total: int
    loss: float | None = None


Progress = Callable[[Step], None]


def silent(step: Step) -> None:
    """The progress callback that reports nothing."""


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


def generator(rng: Rng) -> np.random.Generator:
    """A `numpy.random.Generator` from an int seed, a generator (returned as it is) or None."""
    if isinstance(rng, np.random.Generator):
        return rng
    if rng is not None and not 0 <= rng < 2**32:
        raise TextoError("seed", f"must be from 0 to {2**32 - 1}, got {rng}", "choose another seed")
    return np.random.default_rng(rng)


def as_image(image: np.ndarray, what: str = "exemplar", *, smallest: int = 1) -> np.ndarray:
    """`image` as a contiguous (H, W, C) float32 array in [0, 1]; (H, W) becomes (H, W, 1).

    Raises TextoError for other shapes, values that are not finite or not in [0, 1], and sides
    shorter than `smallest` pixels.
    """
    pixels = np.asarray(image)
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]
    if pixels.ndim != 3 or pixels.shape[2] < 1:
        raise TextoError(what, f"has shape {pixels.shape}", "give an array (H, W, C)")
    if not np.issubdtype(pixels.dtype, np.floating):
        raise TextoError(what, f"holds {pixels.dtype} values", "scale it to float32 in [0, 1]")
    if min(pixels.shape[:2]) < smallest:
        size = f"{pixels.shape[1]}x{pixels.shape[0]}"
        raise TextoError(
            what,
            f"is {size}, smaller than the {smallest} pixels a side that these settings need",
            "give a larger picture, or lower patch_size or n_levels",
        )
    if not np.isfinite(pixels).all() or pixels.min() < 0 or pixels.max() > 1:
        raise TextoError(what, "has values outside [0, 1]", "scale it to [0, 1]")
    return np.ascontiguousarray(pixels, dtype=np.float32)


def as_shape(shape: tuple[int, int]) -> tuple[int, int]:
    """`shape` as (height, width) in whole pixels; TextoError unless both are at least 1."""
    height, width = (int(side) for side in shape)
    if min(height, width) < 1 or (height, width) != tuple(shape):
        raise TextoError("size", f"is {shape}", "give two whole numbers of at least 1 pixel")
    return height, width
