"""Aligned maps: pictures of equal size, such as colour, normal and height, as one exemplar.

Every classical method takes an exemplar of any number of channels, so a stack of maps is their
concatenation, and whatever is made of it has the same correspondences in all of them.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..core.choices import Kind
from ..core.contract import Finishes, Method, Mixed, Model, Starts, Tiles
from ..core.errors import TextoError
from ..core.kinds import Meaning, kind_in_name
from ..core.settings import PERIODIC, replaced
from ..core.types import Progress, Rng, as_image, generator, silent
from ..io import model_files
from ..io.maps import Layout, Map, layout_in, nonsense
from ..steps.finish import finish


@dataclasses.dataclass(frozen=True)
class Stack(Layout):
    """A `Layout` of maps of which a model was made, and which it makes anew."""

    def synthesize(
        self,
        model: Model,
        shape: tuple[int, int],
        *,
        rng: Rng = None,
        progress: Progress = silent,
    ) -> list[np.ndarray]:
        """New maps of shape = (height, width) by a `model` of this stack, one for each.

        With equal weights they are `split` of what the model makes. Else the finishing pass is
        done here: it moves all channels by like amounts, and would drown in noise those that
        are scaled down, so it sees all maps in their own range. Raises TextoError as
        `check_method` does.
        """
        self.check_method(model.method)
        method = model.method
        sliced = isinstance(method, Finishes) and method.finish == "sliced"
        if not sliced or self.even:
            made = model.synthesize(shape, rng=rng, progress=progress)
            return self.split(made, pooled([model]))
        rng = generator(rng)
        bare = replaced(model, method=replaced(method, finish="none"))
        made = bare.synthesize(shape, rng=rng, progress=progress) / self.scales
        finished = finish(
            np.clip(made, 0, 1, out=made),
            model.exemplar / self.scales,
            rng=rng,
            periodic=PERIODIC[method.tileable if isinstance(method, Tiles) else "none"],
            progress=progress,
        )
        return self.parts(finished, pooled([model]) / self.scales)

    def check_method(self, method: Method) -> None:
        """Raise TextoError where `method` starts from noise and maps are scaled down."""
        if isinstance(method, Starts) and method.start == "noise" and not self.even:
            raise TextoError(
                "start",
                "is noise, which is as strong in maps of small weight as in the others",
                "use start=coarse, or equal weights",
            )


def pooled(models: Sequence[Model]) -> np.ndarray:
    """The pixels (n, 1, C) of all exemplars of `models`, or the exemplar of the only one."""
    parts = [
        picture
        for model in models
        for picture in (model.exemplars if isinstance(model, Mixed) else (model.exemplar,))
    ]
    if len(parts) == 1:
        return parts[0]
    return np.concatenate([part.reshape(-1, 1, part.shape[2]) for part in parts])


def stack(
    pictures: Sequence[np.ndarray],
    *,
    weights: Sequence[float] | None = None,
    names: Sequence[str] | None = None,
    bits: Sequence[int] | None = None,
    kinds: Sequence[Kind | None] | None = None,
) -> tuple[np.ndarray, Stack]:
    """One exemplar (H, W, C) float32 of `pictures` (H, W) or (H, W, C_i), and its `Stack`.

    weights : how much the squared distances of each map count in the search, >= 0 (default: all
    the same); names, bits : see `Map`. kinds : "colour", "normal", "data" or "labels" each; None:
    labels for booleans and maps of zeros and ones, else what the name tells, else colour. Normals
    come back with length 1, labels with the values that the picture has. Raises TextoError for
    other sizes, bad weights and kinds.

    >>> picture, maps = texto.stack([albedo, height], weights=[1, 0.5])
    >>> model = texto.TextoGMM().fit(picture, rng=0)
    >>> new_albedo, new_height = maps.synthesize(model, (512, 512), rng=1)
    >>> texto.save(model, "wall.safetensors", notes=maps.notes())
    """
    count = len(pictures)
    if count == 0:
        raise TextoError("maps", "are none", "give one picture or more")
    known = [None] * count if kinds is None else kinds
    weights = [1.0] * count if weights is None else [float(weight) for weight in weights]
    names = [f"map {number + 1}" for number in range(count)] if names is None else names
    bits = [8] * count if bits is None else bits
    lists = {"weights": weights, "names": names, "bits": bits, "kinds": known}
    for what, values in lists.items():
        if len(values) != count:
            raise TextoError(what, f"are {len(values)} for {count} maps", "give one for each map")
    images, meanings = [], []
    for number, (picture, name) in enumerate(zip(pictures, names, strict=True)):
        image = np.asarray(picture)
        image = as_image(
            image.astype(np.float32) if image.dtype == bool else image, f"map {number + 1}"
        )
        kind = known[number] or ("labels" if is_binary(image) else kind_in_name(name)) or "colour"
        meanings.append(Meaning.told({"kind": kind}))
        images.append(meanings[-1].worked(image))
    maps = Stack(
        tuple(
            Map(name, image.shape[2], weight, depth, model_files.exemplar_hash(image), meaning)
            for name, image, weight, depth, meaning in zip(
                names, images, weights, bits, meanings, strict=True
            )
        )
    )
    return maps.join(images), maps


def is_binary(image: np.ndarray) -> bool:
    """Whether `image` (H, W, C) is one channel of zeros and ones, and of both."""
    if image.shape[2] != 1:
        return False
    ones = int(np.count_nonzero(image == 1))
    return 0 < ones < image.size and int(np.count_nonzero(image)) == ones


def stack_of(path: str | os.PathLike) -> Stack | None:
    """The maps that the model file `path` was fitted to, None where it is of one picture.

    TextoError where the file is damaged or its notes and its exemplar disagree.
    """
    return stack_told(model_files.inspect(path), path)


def stack_told(stored: Mapping[str, Any], path: str | os.PathLike) -> Stack | None:
    """`stack_of` the model file `path`, of which `stored` is what `model_files.inspect` says."""
    layout = layout_in(stored["notes"], f"model {os.fspath(path)!r}")
    if layout is None:
        return None
    if layout.channels != stored["exemplar"]["size"][2]:
        raise nonsense(f"model {os.fspath(path)!r}")
    return Stack(layout.maps)
