"""Aligned maps in files: which channels of a picture are which map, and how much each counts."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..core.errors import TextoError
from ..core.kinds import PLAIN, Meaning
from ..core.types import as_image

# A map of weight 0 still needs values. This scale takes its variance below what sliced transport
# takes for rounding, so it is left alone there; as a power of two it is exact.
LEAST_SCALE = 2.0**-20
DEPTHS = (8, 16, 32)
MEANING = tuple(field.name for field in dataclasses.fields(Meaning))


@dataclasses.dataclass(frozen=True)
class Map:
    """One map of a stack: `channels`, its `weight` in the search, the `name` of its file.

    `bits` : the depth it was read at, 8, 16 or 32 for float. `sha256` : of its pixels, as
    `exemplar_hash` computes it, or None. `meaning` : of its values.
    """

    name: str
    channels: int
    weight: float = 1.0
    bits: int = 8
    sha256: str | None = None
    meaning: Meaning = PLAIN

    def notes(self) -> dict[str, str | int | float]:
        """All of it but for what is None or as in a plain picture."""
        fields = {key: value for key, value in vars(self).items() if key != "meaning"}
        return {k: v for k, v in (fields | self.meaning.notes()).items() if v is not None}


@dataclasses.dataclass(frozen=True)
class Layout:
    """How maps lie in one picture (H, W, C): one after the other, each scaled by its weight.

    The scale is sqrt(weight / largest weight), so that squared distances count in proportion to
    the weight; one of weight 0 is carried along. Raises TextoError for weights that are
    negative, not finite or all zero.
    """

    maps: tuple[Map, ...]

    def __post_init__(self):
        check_weights([each.weight for each in self.maps])

    @property
    def channels(self) -> int:
        """C, over all maps."""
        return sum(each.channels for each in self.maps)

    @property
    def scales(self) -> np.ndarray:
        """(C,) float32 in (0, 1]: what each channel is multiplied by."""
        largest = max(each.weight for each in self.maps)
        scales = [max(math.sqrt(each.weight / largest), LEAST_SCALE) for each in self.maps]
        return np.repeat(scales, [each.channels for each in self.maps]).astype(np.float32)

    @property
    def plain(self) -> bool:
        """Whether it is one picture of colours, of which there is nothing to say."""
        return len(self.maps) == 1 and self.maps[0].meaning.plain

    def join(self, pictures: Sequence[np.ndarray]) -> np.ndarray:
        """The stacked picture (H, W, C) float32 in [0, 1] of one picture for each map.

        Pictures are as `Meaning.worked` gives them.
        """
        images = [as_image(picture, f"map {k}") for k, picture in enumerate(pictures, 1)]
        if [image.shape[2] for image in images] != [each.channels for each in self.maps]:
            raise TextoError("maps", "are not of this stack", "give one for each, in its channels")
        for each, image in zip(self.maps, images, strict=True):
            check_size((self.maps[0].name, images[0]), (each.name, image))
        return np.concatenate(images, axis=2) * self.scales

    def split(self, picture: np.ndarray, exemplar: np.ndarray | None = None) -> list[np.ndarray]:
        """The maps, each (H, W, C_i), of a `picture` (H, W, C) made of `exemplar` (h, w, C).

        Both are stacked; values are as such maps may be stored, see `Meaning.stored`. Only labels
        need the exemplar: TextoError where it is missing.
        """
        if exemplar is None:
            if any(each.meaning.kind == "labels" for each in self.maps):
                raise TextoError("exemplar", "is missing, and labels are its", "give it too")
            exemplar = picture
        for values in (picture, exemplar):
            if values.ndim != 3 or values.shape[2] != self.channels:
                why = f"has shape {values.shape}, the maps have {self.channels} channels"
                raise TextoError("picture", why, "give what a model of this stack made")
        return self.parts(picture / self.scales, exemplar / self.scales)

    def first(self, picture: np.ndarray) -> np.ndarray:
        """The first map (H, W, C_1) of a stacked `picture` (H, W, C), as methods work on it."""
        channels = self.maps[0].channels
        return np.ascontiguousarray(picture[..., :channels] / self.scales[:channels])

    @property
    def even(self) -> bool:
        """Whether all maps count the same."""
        return bool((self.scales == 1).all())

    def parts(self, values: np.ndarray, exemplar: np.ndarray) -> list[np.ndarray]:
        """`split` of `values`, clipped in place, and `exemplar`, both without the scales."""
        np.clip(values, 0, 1, out=values)
        ends = np.cumsum([each.channels for each in self.maps])[:-1]
        pairs = zip(*(np.split(whole, ends, axis=2) for whole in (values, exemplar)), strict=True)
        return [
            np.ascontiguousarray(each.meaning.stored(*pair))
            for each, pair in zip(self.maps, pairs, strict=True)
        ]

    def notes(self) -> dict[str, str | int | float]:
        """What `texto.save` should keep as notes for `stack_of` to find the maps again."""
        return {
            f"map{number}.{key}": value
            for number, each in enumerate(self.maps, 1)
            for key, value in each.notes().items()
        }


def layout_in(notes: Mapping[str, Any], what: str) -> Layout | None:
    """The layout that the `notes` of the model `what` tell of, None where they tell of none."""
    maps: list[Map] = []
    while any(key.startswith(f"map{len(maps) + 1}.") for key in notes):
        prefix = f"map{len(maps) + 1}."
        fields = {
            key.removeprefix(prefix): value
            for key, value in notes.items()
            if key.startswith(prefix)
        }
        told = {key: fields.pop(key) for key in MEANING if key in fields}
        if not is_map(fields):
            raise nonsense(what)
        try:
            maps.append(Map(**fields, meaning=Meaning.told(told)))
        except TextoError as error:
            raise nonsense(what) from error
    try:
        return Layout(tuple(maps)) if maps else None
    except TextoError as error:
        raise nonsense(what) from error


def is_map(fields: Any) -> bool:
    """Whether `fields`, read from a file, are those of a `Map`."""
    known = {field.name for field in dataclasses.fields(Map)} - {"meaning"}
    if not isinstance(fields, dict) or not {"name", "channels"} <= set(fields) <= known:
        return False
    weight, sha256 = fields.get("weight", 1.0), fields.get("sha256")
    return (
        isinstance(fields["name"], str)
        and type(fields["channels"]) is int
        and fields["channels"] >= 1
        and type(weight) in (int, float)
        and 0 <= weight < math.inf
        and fields.get("bits", 8) in DEPTHS
        and (sha256 is None or isinstance(sha256, str))
    )


def check_weights(weights: Sequence[float], what: str = "weights") -> None:
    """Raise TextoError unless `weights` are finite, >= 0 and not all zero."""
    remedy = "give a number of 0 or more for each map"
    if not all(math.isfinite(weight) for weight in weights):
        raise TextoError(what, "are not all finite", remedy)
    if min(weights) < 0:
        raise TextoError(what, f"hold the negative weight {min(weights):g}", remedy)
    if max(weights) == 0:
        raise TextoError(what, "are all zero", "let one map count")


def check_size(first: tuple[str, np.ndarray], other: tuple[str, np.ndarray]) -> None:
    """Raise TextoError where two (name, picture) differ in height or width."""
    names = [os.fspath(name) for name, _ in (first, other)]
    sizes = [f"{image.shape[1]}x{image.shape[0]}" for _, image in (first, other)]
    if sizes[0] != sizes[1]:
        raise TextoError(
            f"map {names[1]!r}",
            f"is {sizes[1]}, and {names[0]!r} is {sizes[0]}",
            "maps must have one size: scale or crop them first",
        )


def nonsense(what: str) -> TextoError:
    return TextoError(what, "its notes on maps make no sense", "fit it again with its maps")
