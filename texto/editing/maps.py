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

from ..core.contract import Finishes, Method, Model, Starts, Tiles
from ..core.errors import TextoError
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

        With equal weights they are `split(model.synthesize(...))`. Else the finishing pass is
        done here: it moves all channels by like amounts, and would drown in noise those that
        are scaled down, so it sees all maps in their own range. Raises TextoError as
        `check_method` does.
        """
        self.check_method(model.method)
        method = model.method
        sliced = isinstance(method, Finishes) and method.finish == "sliced"
        if not sliced or self.even:
            return self.split(model.synthesize(shape, rng=rng, progress=progress))
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
        return self.parts(finished)

    def check_method(self, method: Method) -> None:
        """Raise TextoError where `method` starts from noise and maps are scaled down."""
        if isinstance(method, Starts) and method.start == "noise" and not self.even:
            raise TextoError(
                "start",
                "is noise, which is as strong in maps of small weight as in the others",
                "use start=coarse, or equal weights",
            )


def stack(
    pictures: Sequence[np.ndarray],
    *,
    weights: Sequence[float] | None = None,
    names: Sequence[str] | None = None,
    bits: Sequence[int] | None = None,
) -> tuple[np.ndarray, Stack]:
    """One exemplar (H, W, C) float32 of `pictures` (H, W) or (H, W, C_i), and its `Stack`.

    weights : how much the squared distances of each map count in the search, >= 0 (default: all
    the same); names, bits : see `Map`. Raises TextoError for other sizes and for bad weights.

    >>> picture, maps = texto.stack([albedo, height], weights=[1, 0.5])
    >>> model = texto.TextoGMM().fit(picture, rng=0)
    >>> new_albedo, new_height = maps.synthesize(model, (512, 512), rng=1)
    >>> texto.save(model, "wall.safetensors", notes=maps.notes())
    """
    images = [as_image(picture, f"map {k}") for k, picture in enumerate(pictures, 1)]
    count = len(images)
    if count == 0:
        raise TextoError("maps", "are none", "give one picture or more")
    weights = [1.0] * count if weights is None else [float(weight) for weight in weights]
    names = [f"map {number + 1}" for number in range(count)] if names is None else names
    bits = [8] * count if bits is None else bits
    for what, values in (("weights", weights), ("names", names), ("bits", bits)):
        if len(values) != count:
            raise TextoError(what, f"are {len(values)} for {count} maps", "give one for each map")
    maps = Stack(
        tuple(
            Map(name, image.shape[2], weight, depth, model_files.exemplar_hash(image))
            for name, image, weight, depth in zip(names, images, weights, bits, strict=True)
        )
    )
    return maps.join(images), maps


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
