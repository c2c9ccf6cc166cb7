"""`--with` and `--weights-per-map`: aligned maps for the commands that make texture."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path, PurePath

from ..core.contract import Method
from ..core.errors import TextoError
from ..editing import maps
from ..io import records
from ..io.images import Picture
from ..io.maps import Layout, check_size, check_weights
from ..io.records import Record
from . import outputs, source
from .options import Options
from .source import Reading, Source

WEIGHTS = "--weights-per-map"


def files_of(
    first: str | os.PathLike, options: Options, repeated: Record | None = None
) -> list[Path]:
    """The files of a stack whose albedo is `first`: those that `--with` names.

    Without it, those that the picture to repeat was made from. One file is a plain exemplar.
    """
    if options.maps:
        return [Path(first), *map(Path, options.maps)]
    if repeated is None or repeated.layout is None:
        return [Path(first)]
    count = len(repeated.layout.maps)
    found = [records.find_map(repeated, number, options.repeat) for number in range(1, count)]
    return [Path(first), *found]


def weights_of(options: Options, count: int, repeated: Record | None = None) -> Sequence[float]:
    """The weight of each of `count` maps: as given, as in the picture to repeat, or 1."""
    text = options.weights_per_map
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


def open_exemplar(
    first: str | os.PathLike,
    options: Options,
    method: Method,
    fit_seed: int,
    repeated: Record | None = None,
) -> Source:
    """The picture `first` alone, or a stack of it and its maps, to be fitted with `method`."""
    paths = files_of(first, options, repeated)
    weights = weights_of(options, len(paths), repeated)
    reading = Reading.of(options, repeated)
    if len(paths) == 1:
        return source.open_exemplar(first, reading, method, fit_seed)
    pictures = [reading.open(path) for path in paths]
    for path, picture in zip(paths, pictures, strict=True):
        check_size((str(paths[0]), pictures[0].pixels), (str(path), picture.pixels))
    stacked, stack = maps.stack(
        [picture.pixels for picture in pictures],
        weights=weights,
        names=[path.name for path in paths],
        bits=[picture.bits for picture in pictures],
    )
    stack.check_method(method)
    whole = Picture(stacked, max(picture.bits for picture in pictures))
    return source.to_fit(paths, whole, reading.alpha, method, fit_seed, stack=stack)


def refuse_for_models(options: Options) -> None:
    """TextoError where options about maps are given beside a model."""
    for name, given in (("--with", options.maps), (WEIGHTS, options.weights_per_map)):
        if given:
            why = "the maps of a model are those it was fitted to"
            raise TextoError(name, why, "leave it out, or give the pictures")


def stems_of(origin: Source) -> list[str]:
    """One stem for each file that a picture of `origin` becomes, no two alike."""
    if origin.stack is None:
        return [outputs.safe_stem(origin.path)]
    stems: list[str] = []
    for each in origin.stack.maps:
        stems.append(_other(outputs.safe_stem(each.name), stems))
    return stems


def check_names(options: Options, paths: Sequence[Path | None]) -> None:
    """TextoError where `-o` gives the maps of one picture one name."""
    files = [path for path in paths if path]
    if len({os.path.realpath(path) for path in files}) < len(files):
        raise TextoError(
            f"-o {options.output!r}",
            f"names one file for {len(files)} maps",
            "name a folder, or put {stem} into it as in -o 'new_{stem}.png'",
        )


def chosen_bits(
    given: int | None,
    repeated: Record | None,
    stack: maps.Stack,
    paths: Sequence[Path | None],
) -> list[int]:
    """The bits of each map's file: as `given` for all, as repeated, or as the map was read."""
    if given is not None:
        return [given] * len(paths)
    before = repeated.layout if repeated else None
    if before is not None and len(before.maps) == len(paths):
        return [each.bits for each in before.maps]
    return [_depth(path, each.bits) for path, each in zip(paths, stack.maps, strict=True)]


def record_of(plan: Record, stack: maps.Stack | None, bits: Sequence[int]) -> list[Record]:
    """The record of each file, of `bits`, that the picture of `plan` becomes."""
    if stack is None:
        return [dataclasses.replace(plan, bits=bits[0])]
    written = [
        dataclasses.replace(each, bits=depth, name=PurePath(each.name).name or "map")
        for each, depth in zip(stack.maps, bits, strict=True)
    ]
    fields = Layout(tuple(written)).notes()
    return [
        dataclasses.replace(plan, bits=depth, maps=fields, map=k) for k, depth in enumerate(bits, 1)
    ]


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


def _depth(path: Path | None, bits: int) -> int:
    """The bits of the file `path` for a map read at `bits`: all of them if it has the room."""
    suffix = path.suffix.lower() if path else ".png"
    if bits == 8 or suffix not in outputs.DEEP:
        return 8
    return 16 if suffix == ".png" else bits
