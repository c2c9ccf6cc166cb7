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

from ..core.choices import Alpha
from ..core.contract import Method, Model, Trains
from ..core.errors import TextoWarning
from ..core.types import Progress
from ..editing.maps import Stack, stack_told
from ..io import model_files, stored_settings
from ..io.codecs.samples import NOTHING, Metadata
from ..io.maps import Map
from ..io.records import Record, is_base_name, is_seed
from . import ignoring, maps
from .ignoring import Ignored
from .maps import PictureSet
from .masking import ALPHA
from .options import Options
from .reading import Reading
from .wanted import Wanted, made_with


@dataclasses.dataclass(frozen=True, eq=False)
class Source:
    """An opened exemplar or model with the method that will run on it.

    `exemplar` : (H, W, C) float32 in [0, 1], called `exemplar_name` where its file is known, and
    read with `alpha` where it was read now. `model` is None where it has still to be fitted with
    `fit_seed`. `stack` : the maps that the exemplar is made of, of one picture as a rule;
    `others` : the files of all but the first. `metadata` : what files made of each map say of
    their colours. `notes` : those in the model's file. `ignored` : pixels that count for nothing,
    and `whole` is then the exemplar without them.
    """

    path: Path
    method: Method
    exemplar: np.ndarray
    exemplar_name: str | None
    fit_seed: int | None
    stack: Stack
    alpha: Alpha | None = None
    model: Model | None = None
    model_hash: str | None = None
    others: Sequence[Path] = ()
    metadata: Sequence[Metadata] = ()
    notes: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    ignored: Ignored | None = None
    given: PictureSet | None = None

    @cached_property
    def whole(self) -> np.ndarray:
        """What is fitted: the exemplar, with the texture of the rest where it is ignored."""
        if self.ignored is None or self.given is None or not self.ignored.mask.any():
            return self.exemplar
        return self.ignored.filled(self.given, self.fit_seed)

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
        return self.method.fit(self.whole, rng=self.fit_seed, progress=progress)

    def made(
        self, model: Model, shape: tuple[int, int], seed: int, progress: Progress
    ) -> Sequence[np.ndarray]:
        """What `model` makes of shape (height, width), to be stored: one picture for each map."""
        return self.stack.synthesize(model, shape, rng=seed, progress=progress)


def open_exemplar(
    path: str | os.PathLike,
    options: Options,
    method: Method,
    fit_seed: int,
    repeated: Record | None = None,
    *,
    others: Sequence[str] | None = None,
) -> Source:
    """The picture at `path` alone, or a stack of it and its maps, to be fitted with `method`."""
    name = ignoring.wanted(options, repeated)
    alpha: Alpha | None = "ignore" if name == ALPHA else None
    given = maps.opened(path, options, repeated, others=others, alpha=alpha)
    given.stack.check_method(method)
    ignored = None if name is None else ignoring.opened(name, options, given, given.paths)
    if (given.pixels == given.pixels[0, 0]).all():
        note = f"exemplar {os.fspath(path)!r} has one colour only, and so will the texture"
        warnings.warn(note, TextoWarning, stacklevel=2)
    first, *rest = given.paths
    return Source(
        path=first,
        method=method,
        exemplar=given.pixels,
        exemplar_name=first.name,
        fit_seed=fit_seed,
        stack=given.stack,
        alpha=alpha or Reading.of(options, repeated).alpha,
        others=rest,
        metadata=[Metadata(srgb=each.metadata.srgb) for each in given.pictures],
        ignored=ignored,
        given=given if ignored else None,
    )


def open_model(path: str | os.PathLike, wanted: Wanted, repeated: Mapping[str, Any]) -> Source:
    """The model at `path`, with settings of the synthesis from `repeated` and then as `wanted`.

    `repeated` are the settings of a picture to repeat; those fixed at fitting stay the model's.
    """
    stored = model_files.inspect(path)
    told = stack_told(stored, path)
    model = wanted.changed(model_files.load(path), repeated)
    if told is not None:
        told.check_method(model.method)
    exemplar, seed = (stored["notes"].get(key) for key in ("exemplar", "seed"))
    name = exemplar if is_base_name(exemplar) else None
    stack = told or Stack((Map(name or Path(path).name, model.exemplar.shape[2]),))
    return Source(
        path=Path(path),
        method=model.method,
        exemplar=model.exemplar,
        exemplar_name=name,
        fit_seed=seed if is_seed(seed) else None,
        stack=stack,
        metadata=[NOTHING] * len(stack.maps),
        model=model,
        model_hash=stored["tensors_sha256"],
        notes=stored["notes"],
    )


def weights_of(origin: Source) -> Mapping[str, str]:
    """`made_with` of what `origin` will run: of a trained model, what its file says."""
    if origin.model is None or not isinstance(origin.method, Trains):
        return made_with(origin.method, note=origin.model is not None)
    told = {key: origin.notes.get(key) for key in stored_settings.MADE_WITH}
    return {key: value for key, value in told.items() if isinstance(value, str)}
