"""What a picture is made from: an exemplar and a method to fit, or a fitted model."""

from __future__ import annotations

import dataclasses
import os
import warnings
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ..core.contract import Method, Model, Trains
from ..core.errors import TextoError, TextoWarning
from ..core.types import Progress
from ..editing.maps import Stack, stack_told
from ..io import model_files, stored_settings
from ..io.images import MAX_PIXELS, Alpha, Picture, open_image
from ..io.records import Record, is_base_name, is_seed
from .options import Options
from .wanted import Wanted, made_with


@dataclasses.dataclass(frozen=True)
class Reading:
    """How pictures are opened: what is done with transparent ones, and how large they may be."""

    alpha: Alpha = "refuse"
    max_pixels: int = MAX_PIXELS

    @classmethod
    def of(cls, options: Options, repeated: Record | None = None) -> Reading:
        """As `options` say, or else as it was for the picture to repeat."""
        alpha = options.alpha or (repeated and repeated.alpha)
        return cls(alpha or "refuse", options.max_pixels or MAX_PIXELS)

    def open(self, path: str | os.PathLike) -> Picture:
        """The picture at `path`; TextoError if it is none, or a model."""
        if is_model(path):
            what, remedy = f"exemplar {os.fspath(path)!r}", "give the picture, or use 'texto synth'"
            raise TextoError(what, "is a model", remedy)
        return open_image(path, alpha=self.alpha, max_pixels=self.max_pixels)


@dataclasses.dataclass(frozen=True, eq=False)
class Source:
    """An opened exemplar or model with the method that will run on it.

    `exemplar` : (H, W, C) float32 in [0, 1], called `exemplar_name` where its file is known, and
    read with `alpha` where it was read now. `model` is None where it has still to be fitted with
    `fit_seed`. `stack` : the maps that the exemplar is made of, None for one picture; `others` :
    the files of all but the first. `notes` : those in the model's file.
    """

    path: Path
    method: Method
    exemplar: np.ndarray
    exemplar_name: str | None
    bits: int
    fit_seed: int | None
    alpha: Alpha | None = None
    model: Model | None = None
    model_hash: str | None = None
    stack: Stack | None = None
    others: Sequence[Path] = ()
    notes: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @cached_property
    def exemplar_hash(self) -> str:
        """As records have it."""
        return model_files.exemplar_hash(self.exemplar)

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) of the exemplar."""
        return self.exemplar.shape[0], self.exemplar.shape[1]

    @property
    def channels(self) -> int:
        """Those of the exemplar, and of what is made of it."""
        return self.exemplar.shape[2]

    def fitted(self, progress: Progress) -> Model:
        """The model, fitted now if there is none."""
        if self.model is not None:
            return self.model
        return self.method.fit(self.exemplar, rng=self.fit_seed, progress=progress)

    def made(
        self, model: Model, shape: tuple[int, int], seed: int, progress: Progress
    ) -> Sequence[np.ndarray]:
        """What `model` makes of shape (height, width): one picture, or one for each map."""
        if self.stack is None:
            return [model.synthesize(shape, rng=seed, progress=progress)]
        return self.stack.synthesize(model, shape, rng=seed, progress=progress)


def is_model(path: str | os.PathLike) -> bool:
    """Whether `path` is, or at least claims to be, a model file."""
    return model_files.is_model(path) or Path(path).suffix.lower() == ".safetensors"


def open_exemplar(
    path: str | os.PathLike, reading: Reading, method: Method, fit_seed: int
) -> Source:
    """The picture at `path`, to be fitted with `method`."""
    return to_fit([path], reading.open(path), reading.alpha, method, fit_seed)


def to_fit(
    paths: Sequence[str | os.PathLike],
    picture: Picture,
    alpha: Alpha,
    method: Method,
    fit_seed: int,
    *,
    stack: Stack | None = None,
) -> Source:
    """The `picture` in one file, or the `stack` of those in several, as a source."""
    first, *others = map(Path, paths)
    pixels = picture.pixels
    if (pixels == pixels[0, 0]).all():
        note = f"exemplar {os.fspath(paths[0])!r} has one colour only, and so will the texture"
        warnings.warn(note, TextoWarning, stacklevel=2)
    return Source(
        path=first,
        method=method,
        exemplar=pixels,
        exemplar_name=first.name,
        bits=picture.bits,
        fit_seed=fit_seed,
        alpha=alpha,
        stack=stack,
        others=others,
    )


def open_model(
    path: str | os.PathLike,
    wanted: Wanted,
    repeated: Mapping[str, Any],
    *,
    maps: bool = False,
) -> Source:
    """The model at `path`, with settings of the synthesis from `repeated` and then as `wanted`.

    `repeated` are the settings of a picture to repeat; those fixed at fitting stay the model's.
    A model of several maps is refused unless the caller knows what to do with `maps`.
    """
    stored = model_files.inspect(path)
    stack = stack_told(stored, path)
    if stack is not None and not maps:
        raise TextoError(
            f"model {os.fspath(path)!r}",
            f"has {stack.channels} channels of {len(stack.maps)} maps, and this takes one picture",
            "give it to 'texto synth', or use it from Python",
        )
    model = wanted.changed(model_files.load(path), repeated)
    if stack is not None:
        stack.check_method(model.method)
    exemplar, seed = (stored["notes"].get(key) for key in ("exemplar", "seed"))
    return Source(
        path=Path(path),
        method=model.method,
        exemplar=model.exemplar,
        exemplar_name=exemplar if is_base_name(exemplar) else None,
        bits=8,
        fit_seed=seed if is_seed(seed) else None,
        model=model,
        model_hash=stored["tensors_sha256"],
        stack=stack,
        notes=stored["notes"],
    )


def weights_of(origin: Source) -> Mapping[str, str]:
    """`made_with` of what `origin` will run: of a trained model, what its file says."""
    if origin.model is None or not isinstance(origin.method, Trains):
        return made_with(origin.method, note=origin.model is not None)
    told = {key: origin.notes.get(key) for key in stored_settings.MADE_WITH}
    return {key: value for key, value in told.items() if isinstance(value, str)}
