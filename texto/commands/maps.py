"""Aligned maps in every command: `--with`, `--weights-per-map`, `--kind`.

Whatever a command works on is a `PictureSet`, of one picture as a rule: stacked it is one picture
for the method, and what is made of it becomes one file for each map.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path, PurePath

import numpy as np

from ..core.choices import KINDS, Alpha, Kind
from ..core.errors import TextoError
from ..editing.maps import Stack, is_binary
from ..io import model_files, records
from ..io.images import Picture
from ..io.maps import Layout, Map, check_size, check_weights
from ..io.records import Record
from . import containers, stages
from .options import Options
from .reading import Reading

WEIGHTS, KIND = "--weights-per-map", "--kind"


@dataclasses.dataclass(frozen=True, eq=False)
class PictureSet:
    """Pictures of one size that are worked on as one: a picture, or a picture and its maps.

    pixels : (H, W, C) float32 in [0, 1], those of all `pictures`, laid out as `stack` says.
    """

    paths: Sequence[Path]
    pictures: Sequence[Picture]
    stack: Stack
    pixels: np.ndarray

    @property
    def sha256(self) -> str:
        """Of `pixels`, as records have it; that of its map where there is one only."""
        (first, *others) = self.stack.maps
        if others or first.sha256 is None:
            return model_files.exemplar_hash(self.pixels)
        return first.sha256

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) of each."""
        return self.pixels.shape[0], self.pixels.shape[1]

    def files(
        self,
        made: np.ndarray,
        changed: np.ndarray | None = None,
        other: np.ndarray | None = None,
    ) -> list[np.ndarray]:
        """What is to be stored of the stacked picture `made` (H', W', C), one for each map.

        Outside `changed` (H, W) the values are those of the files that were read, bit for bit.
        `other` : (h, w, C), a picture that labels may come from too.
        """
        exemplar = self.pixels
        if other is not None:
            parts = [each.reshape(-1, 1, each.shape[2]) for each in (exemplar, other)]
            exemplar = np.concatenate(parts)
        values = self.stack.split(made, exemplar)
        if changed is not None:
            for each, picture in zip(values, self.pictures, strict=True):
                each[~changed] = picture.stored[~changed]
        return values


def opened(
    first: str | os.PathLike,
    options: Options,
    repeated: Record | None = None,
    *,
    others: Sequence[str] | None = None,
    own: bool = False,
    alpha: Alpha | None = None,
) -> PictureSet:
    """The picture `first` and the maps that `--with` names, or those of the picture to repeat.

    `others` : the maps, where `--with` names those of several pictures. `own` : colours stay as
    the files have them. `alpha` : in place of `--alpha`. TextoError where they do not go together.
    """
    paths = [Path(first), *map(Path, options.maps if others is None else others)]
    if len(paths) == 1 and repeated is not None and repeated.layout is not None:
        numbers = range(1, len(repeated.layout.maps))
        paths += [records.find_map(repeated, number, options.repeat) for number in numbers]
    weights = _weights_of(options, len(paths), repeated)
    kinds = _kinds_of(options, len(paths), repeated)
    reading = dataclasses.replace(Reading.of(options, repeated), own=own)
    stages.reached(options, "opening")
    if alpha is not None:
        reading = dataclasses.replace(reading, alpha=alpha)
    pictures = [reading.open(path, kind) for path, kind in zip(paths, kinds, strict=True)]
    pictures = [_as_labels(k, picture, kinds[k]) for k, picture in enumerate(pictures)]
    for path, picture in zip(paths, pictures, strict=True):
        check_size((str(paths[0]), pictures[0].pixels), (str(path), picture.pixels))
    return set_of(paths, pictures, weights)


def set_of(
    paths: Sequence[Path], pictures: Sequence[Picture], weights: Sequence[float]
) -> PictureSet:
    """The `pictures` of one size, read from `paths`, as one."""
    maps = [
        Map(
            name=path.name,
            channels=picture.pixels.shape[2],
            weight=weight,
            bits=picture.bits,
            sha256=model_files.exemplar_hash(picture.pixels),
            meaning=picture.meaning,
        )
        for path, picture, weight in zip(paths, pictures, weights, strict=True)
    ]
    stack = Stack(tuple(maps))
    pixels = stack.join([picture.pixels for picture in pictures])
    return PictureSet(paths, pictures, stack, pixels)


def refuse_for_models(options: Options) -> None:
    """TextoError where options about maps are given beside a model."""
    given = {"--with": options.maps, WEIGHTS: options.weights_per_map, KIND: options.kind}
    for name, value in given.items():
        if value:
            why = "the maps of a model are those it was fitted to"
            raise TextoError(name, why, "leave it out, or give the pictures")


def distinct(stems: Sequence[str]) -> list[str]:
    """`stems` with numbers where two are the same to some file system."""
    found: list[str] = []
    for stem in stems:
        found.append(_other(stem, found))
    return found


def check_names(options: Options, paths: Sequence[Path | None]) -> None:
    """TextoError where `-o` gives the maps of one picture one name."""
    files = [path for path in paths if path]
    if len({os.path.realpath(path) for path in files}) < len(files):
        raise TextoError(
            f"-o {options.output!r}",
            f"names one file for {len(files)} maps",
            "name a folder, or put {stem} into it as in -o 'new_{stem}.png'",
        )


def suffixes_of(stack: Stack) -> list[str]:
    """The suffix of each map's file where none is asked for."""
    return [containers.default_suffix(each.bits, each.meaning) for each in stack.maps]


def depths(
    stack: Stack,
    paths: Sequence[Path | None],
    *,
    given: int | None = None,
    repeated: Record | None = None,
    keeps: bool = False,
) -> list[int]:
    """The bits of each map's file: as `given` for all, as repeated, or as the map was read."""
    before: list[int | None] = [given] * len(paths)
    if given is None and repeated is not None:
        told = repeated.layout.maps if repeated.layout else ()
        before = [each.bits for each in told] if told else [repeated.bits]
    if len(before) != len(paths):
        before = [None] * len(paths)
    return [
        containers.depth(path, each.bits, each.channels, each.meaning, given=bits, keeps=keeps)
        for path, each, bits in zip(paths, stack.maps, before, strict=True)
    ]


def record_of(plan: Record, stack: Stack, bits: Sequence[int]) -> list[Record]:
    """The record of each file, of `bits`, that the picture of `plan` becomes."""
    if stack.plain:
        return [dataclasses.replace(plan, bits=bits[0])]
    written = [
        dataclasses.replace(each, bits=depth, name=PurePath(each.name).name or "map")
        for each, depth in zip(stack.maps, bits, strict=True)
    ]
    fields = Layout(tuple(written)).notes()
    return [
        dataclasses.replace(plan, bits=depth, maps=fields, map=k) for k, depth in enumerate(bits, 1)
    ]


def _as_labels(number: int, picture: Picture, kind: Kind | None) -> Picture:
    """`picture`, as labels where it is a map of two values that nobody said the kind of."""
    if number == 0 or kind or picture.meaning.kind != "colour" or not is_binary(picture.stored):
        return picture
    return dataclasses.replace(picture, meaning=dataclasses.replace(picture.meaning, kind="labels"))


def _kinds_of(options: Options, count: int, repeated: Record | None) -> Sequence[Kind | None]:
    """The kind of each of `count` maps: as given, as in the picture to repeat; None: by itself."""
    if options.kind is None:
        if repeated is None:
            return [None] * count
        if repeated.layout is None:
            return ["colour"] * count
        stored = [each.meaning.kind for each in repeated.layout.maps]
        return stored if len(stored) == count else [None] * count
    words, what = options.kind.split(","), f"{KIND} {options.kind!r}"
    known: dict[str, Kind] = {kind: kind for kind in KINDS}
    kinds = [known.get("colour" if word == "color" else word) for word in words]
    if None in kinds:
        raise TextoError(what, "is not known", f"choose from {', '.join(KINDS)}")
    if len(kinds) not in (1, count):
        why = f"are {len(kinds)} for {count} pictures"
        raise TextoError(what, why, "give one for each, the exemplar's first")
    return kinds if len(kinds) == count else [*kinds, *[None] * (count - 1)]


def _weights_of(options: Options, count: int, repeated: Record | None) -> Sequence[float]:
    """The weight of each of `count` maps: as given, as in the picture to repeat, or 1."""
    text = vars(options).get("weights_per_map")  # recoloring searches nothing
    if text is None:
        return _repeated_weights(count, repeated)
    if count == 1:
        raise TextoError(WEIGHTS, "there is one map only", "name the others with --with")
    what = f"{WEIGHTS} {text!r}"
    try:
        weights = [float(word) for word in text.split(",")]
    except ValueError:
        why = "are not numbers with commas between them"
        raise TextoError(what, why, "give numbers such as 1,.5") from None
    if len(weights) != count:
        why = f"are {len(weights)} for {count} maps"
        raise TextoError(what, why, "give one for each, the exemplar's first")
    check_weights(weights, what)
    return weights


def _repeated_weights(count: int, repeated: Record | None) -> Sequence[float]:
    if repeated is None or repeated.layout is None:
        return [1.0] * count
    stored = [each.weight for each in repeated.layout.maps]
    if len(stored) != count:
        why = f"the picture was made of {len(stored)} maps, and {count} are named"
        raise TextoError("--with", why, f"name as many, or give {WEIGHTS}")
    return stored


def _other(stem: str, taken: Sequence[str]) -> str:
    """`stem`, with a number where one of `taken` is the same to some file system."""
    folded, name, number = {each.casefold() for each in taken}, stem, 1
    while name.casefold() in folded:
        number += 1
        name = f"{stem}_{number}"
    return name
