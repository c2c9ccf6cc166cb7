"""The interface that every method shares: what it must do, and each power that it may have.

What a method or a model can do beyond `fit` and `synthesize` is a protocol below, asked for by
`isinstance` and by nothing else. Sizes of pictures are (height, width) throughout.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np

from .types import Progress, Rng, silent


@runtime_checkable
class Model(Protocol):
    """A fitted texture: a frozen dataclass of arrays.

    `exemplar` is the picture it was fitted on, (H, W, C) float32 in [0, 1]; `method` holds the
    hyper-parameters, all that depends on the exemplar resolved.
    """

    @property
    def method(self) -> Method: ...

    @property
    def exemplar(self) -> np.ndarray: ...

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
    """Hyper-parameters of one published method: a frozen dataclass."""

    def fit(self, exemplar: np.ndarray, *, rng: Rng = None, progress: Progress = silent) -> Model:
        """A model of the texture in `exemplar`, (H, W, C) float32 in [0, 1]."""
        ...

    def restore(self, state: Mapping[str, np.ndarray]) -> Model:
        """The model whose `state()` is `state`; TextoError where the arrays make no sense."""
        ...


# -- what a method may do besides -------------------------------------------------------------


@runtime_checkable
class Described(Method, Protocol):
    """A method that tables and tests know by what it says of itself, as all of ours do.

    `summary` : what it does, with authors and year. `good_for` : what to use it for. `quick` :
    settings with which it takes a second on an exemplar of 64 pixels, for tests.
    """

    summary: ClassVar[str]
    good_for: ClassVar[str]
    quick: ClassVar[Mapping[str, Any]]


@runtime_checkable
class Inpaints(Method, Protocol):
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

        The texture is that of the known pixels, or of those in `sources` (H, W). Known pixels
        come back bit for bit; what the holes held has no influence. Along the axes of a setting
        `tileable` the picture repeats, see `steps.inpainting.wrapping.seeing_across`.
        """
        ...


@runtime_checkable
class Mixes(Method, Protocol):
    """A method whose models can be blended into a new model."""

    def mix(self, models: Sequence[Model], weights: Sequence[float]) -> Model:
        """The model between `models` at `weights`, which are >= 0 and sum to 1."""
        ...


@runtime_checkable
class MixesAlong(Mixes, Protocol):
    """A method that varies a mix over the picture."""

    def mix_along(
        self,
        models: Sequence[Model],
        weight_map: np.ndarray,
        shape: tuple[int, int],
        *,
        rng: Rng = None,
        progress: Progress = silent,
    ) -> np.ndarray:
        """Texture (height, width, C) between two pure `models` as `weight_map` (h, w) says.

        The map lies in [0, 1], 0 for the first model, and is resized to shape = (height, width).
        """
        ...


@runtime_checkable
class Guides(Method, Protocol):
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

        Both in [0, 1]; the result is (height, width, C) float32 in [0, 1], of `picture`'s size or
        of `shape`, to which the guide is resized. A guide's luminance counts by its ranks. With
        `weight` 0 the guide is no more than the start; the larger it is, the more detail shows, and
        the less of the texture's own structure is left. Raises TextoError for a wrong weight and
        for settings with which the texture would repeat.
        """
        ...


@runtime_checkable
class ShowsSources(Method, Protocol):
    """A method whose results are pixels of the exemplar, and that tells which."""

    def check_sources(self, model: Model | None) -> None:
        """TextoError where `model`, or any that this method would fit, leaves no sources."""

    def synthesize_with_sources(
        self,
        model: Model,
        shape: tuple[int, int],
        *,
        rng: Rng = None,
        progress: Progress = silent,
    ) -> tuple[np.ndarray, np.ndarray]:
        """What `model.synthesize` returns, and where from: (height, width, 2) int32.

        Row and column of the exemplar's pixel that most decides each. See `check_sources`.
        """
        ...


@runtime_checkable
class Trains(Method, Protocol):
    """A method whose `fit` is a training that may be kept on its way."""

    def train(
        self,
        exemplar: np.ndarray,
        *,
        rng: Rng = None,
        progress: Progress = silent,
        checkpoint: str | os.PathLike | None = None,
        every: int = ...,
        preview: str | os.PathLike | None = None,
    ) -> Model:
        """`fit`, kept in the file `checkpoint` `every` so many steps, shown in `preview`.

        A checkpoint is gone on with, to the same bits; TextoError for a damaged or another one.
        """
        ...


@runtime_checkable
class TrainsTogether(Trains, Protocol):
    """A method that several processes, started by `torchrun`, train one model of."""

    trains_together: ClassVar[bool]


@runtime_checkable
class Adapts(Method, Protocol):
    """A method some of whose settings, where None, follow from the exemplar.

    Such settings are declared `automatic`. Models hold the adapted method.
    """

    def adapted(self, exemplar: np.ndarray) -> Method:
        """This method with each automatic setting set as `exemplar` (H, W, C) asks for."""
        ...


@runtime_checkable
class HasPresets(Method, Protocol):
    """A method whose settings, where None, are set by one of them when it is made.

    `preset_setting` : the name of that setting. `presets` : by its values, those of the others.
    """

    preset_setting: ClassVar[str]
    presets: ClassVar[Mapping[Any, Mapping[str, Any]]]


@runtime_checkable
class MayBeAbsent(Method, Protocol):
    """A method that needs what is not everywhere: packages, weights."""

    def absent(self) -> str | None:
        """Why this cannot run here, in a line; None where it can."""
        ...


@runtime_checkable
class UsesNetwork(Method, Protocol):
    """A method that looks through a trained network."""

    def made_with(self) -> dict[str, str]:
        """What results should state about the weights: {} where there are none.

        `network_weights` : the file's name, or "random"; `network_hash` : its SHA-256;
        `random_layers`, if any. Loads the network; TextoError where weights do not suit.
        """
        ...


# -- settings that some methods have, and callers ask for -------------------------------------


@runtime_checkable
class Tiles(Method, Protocol):
    """A method with the setting `tileable`, see `texto.core.settings.PERIODIC`."""

    @property
    def tileable(self) -> str: ...


@runtime_checkable
class Finishes(Method, Protocol):
    """A method with the setting `finish`."""

    @property
    def finish(self) -> str: ...


@runtime_checkable
class Starts(Method, Protocol):
    """A method with the setting `start`: from noise, or from a coarse picture."""

    @property
    def start(self) -> str: ...


@runtime_checkable
class OnDevice(Method, Protocol):
    """A method with the setting `device`."""

    @property
    def device(self) -> str: ...


# -- what a model may have besides ------------------------------------------------------------


@runtime_checkable
class Mixed(Model, Protocol):
    """A model between several exemplars.

    `exemplars` : (H_i, W_i, C) each. `weights` : (r,), all > 0, summing to one.
    """

    @property
    def exemplars(self) -> tuple[np.ndarray, ...]: ...

    @property
    def weights(self) -> np.ndarray: ...


@runtime_checkable
class KeepsLosses(Model, Protocol):
    """A model that was trained. `losses` : (n,) float32, one a step."""

    @property
    def losses(self) -> np.ndarray: ...
