"""Where `texto inpaint` takes texture from: parts of the picture, or another picture."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..core.errors import TextoError
from ..core.kinds import encoded
from ..editing.inpainting import extended
from ..io import colours, model_files
from ..io.images import Picture
from ..io.maps import check_size
from .maps import PictureSet
from .masking import HALF, mask_hash, white
from .options import Options
from .reading import Reading
from .values import written


@dataclasses.dataclass(frozen=True, eq=False)
class Lending:
    """Texture to fill holes with.

    picture : (h, w, C), as the picture to fill is worked on, or None where that one lends itself.
    sources : (h, w) bool, or of the picture to fill; None: all of it. record : what records say.
    files : those read.
    """

    picture: np.ndarray | None
    sources: np.ndarray | None
    record: Mapping[str, Any]
    files: Sequence[str]


def lending(
    options: Options, given: PictureSet, renewed: np.ndarray, before: tuple[int, int]
) -> Lending:
    """What `options` let the holes `renewed` (H, W) of the picture `given` be filled from.

    `before` : the picture's (height, width) before it was extended. TextoError where pictures
    do not go together, and where nothing is left to copy from.
    """
    record: dict[str, Any] = {}
    picture, sources = None, None
    if options.texture:
        picture, sources, record = _others(options, given)
        before = picture.shape[0], picture.shape[1]
    for key, wanted in (("source_mask", True), ("ignore", False)):
        path = vars(options)[key]
        if path is not None:
            what = f"{key.replace('_', ' ')} {path!r}"
            mask = _read(path, what, before, options)
            record |= {key: Path(path).name, f"{key}_hash": mask_hash(mask)}
            sources = (mask == wanted) & (True if sources is None else sources)
            _check(sources, what, options, None if picture is not None else renewed)
    if sources is not None and picture is None and options.extend is not None:
        sources = extended(sources, options.extend, new=False)
    files = [*options.texture, *filter(None, [options.source_mask, options.ignore])]
    return Lending(picture, sources, record, files)


def _check(sources: np.ndarray, what: str, options: Options, renewed: np.ndarray | None) -> None:
    """TextoError where `sources` (h, w) leave nothing outside the holes `renewed` (H, W)."""
    if renewed is not None and options.extend is not None:
        sources = extended(sources, options.extend, new=False)
    if not (sources if renewed is None else sources & ~renewed).any():
        outside = "" if renewed is None else " outside the holes"
        raise TextoError(what, f"selects no known pixel{outside}", "leave some to copy from")


def _read(path: str, what: str, shape: tuple[int, ...], options: Options) -> np.ndarray:
    mask = white(path, what, Reading.of(options))
    if mask.shape != tuple(shape):
        sizes = [written((each[0], each[1])) for each in (mask.shape, shape)]
        owner = "--source" if options.texture else "the picture"
        why = f"is {sizes[0]}, {owner} is {sizes[1]}"
        raise TextoError(what, why, "give a mask of that size")
    return mask


def _others(
    options: Options, given: PictureSet
) -> tuple[np.ndarray, np.ndarray | None, dict[str, Any]]:
    """The pictures of `--source` as one (h, w, C), where (h, w) they are opaque, and the record."""
    paths, count = options.texture, len(given.pictures)
    if len(paths) != count:
        why = f"names {len(paths)} for {count} pictures"
        raise TextoError("--source", why, "name one for each map, in their order")
    reading = dataclasses.replace(Reading.of(options), alpha="keep")
    others, opacities, hashes = [], [], []
    for path, picture, each in zip(paths, given.pictures, given.stack.maps, strict=True):
        other = reading.open(path, picture.meaning.kind)
        if other.meaning.opacity:
            opacities.append(other.stored[..., -1] >= HALF)
        others.append(_worked(other, picture))
        hashes.append(model_files.exemplar_hash(other.pixels))
        check_size((paths[0], others[0]), (path, others[-1]))
        if others[-1].shape[2] != each.channels:
            has = [values.shape[2] for values in (others[-1], picture.pixels)]
            why = f"has {has[0]} channels, {each.name!r} has {has[1]}"
            raise TextoError(f"source {path!r}", why, "give one of the same kind, grey or colour")
    joined = given.stack.join(others)
    record = {
        "sources": tuple(Path(path).name for path in paths),
        "source_hashes": tuple(hashes),
    }
    return joined, np.min(opacities, axis=0) if opacities else None, record


def _worked(other: Picture, picture: Picture) -> np.ndarray:
    """`other`, which is in sRGB, as `picture` is worked on: in its colours and its range."""
    meaning = picture.meaning
    values, opacity = other.stored, None
    if other.meaning.opacity:
        values, opacity = values[..., :-1], values[..., -1:]
    if other.meaning.linear:
        values = encoded(values)
    if meaning.kind == "colour" and not meaning.linear:
        values = colours.in_file(np.clip(values, 0, 1), picture.metadata)
    values = np.clip((values - meaning.low) / (meaning.high - meaning.low), 0, 1)
    if meaning.opacity:
        opacity = np.ones_like(values[..., :1]) if opacity is None else opacity
        values = values * opacity if meaning.kind == "colour" else values
        values = np.concatenate([values, opacity], axis=2)
    return np.ascontiguousarray(values, np.float32)
