"""The record that a PNG carries of how it was made, and finding again what it was made from."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import __version__
from ..core.choices import ALPHAS, MAX_SEED
from ..core.errors import TextoError
from . import model_files
from .maps import Layout, layout_in

KEY = "texto"
_MAX_SIDE = 2**31 - 1


@dataclass(frozen=True)
class Record:
    """How a picture was made; names are base names, never paths.

    `size` : (width, height). `fit_seed` is None where the model's seed is not known. `maps` :
    for a stack of aligned maps, the notes of `texto.io.maps.Layout` with the bits written; the file
    holds number `map` of them, from 1. `network_weights` : a file, or "random"; the layers
    that have random ones are in `random_layers`.
    """

    method: str
    settings: Mapping[str, Any]
    size: tuple[int, int]
    seed: int
    fit_seed: int | None
    bits: int
    exemplar_hash: str
    exemplar: str | None = None
    version: str = __version__
    alpha: str | None = None
    deterministic: bool = False
    model: str | None = None
    model_hash: str | None = None
    maps: Mapping[str, Any] | None = None
    map: int | None = None
    network_weights: str | None = None
    network_hash: str | None = None
    random_layers: str | None = None

    @property
    def layout(self) -> Layout | None:
        """The maps that the picture was made with, None where it was made alone."""
        return None if self.maps is None else layout_in(self.maps, "texto record")

    def text(self) -> dict[str, str]:
        """The text chunk, as `texto.io.images.write_image` takes it: sorted JSON."""
        fields = {key: value for key, value in vars(self).items() if value is not None}
        return {KEY: json.dumps({**fields, "settings": dict(self.settings)}, sort_keys=True)}


def stored_fields(path: str | os.PathLike) -> dict[str, Any]:
    """The record in the picture `path` as plain data; TextoError if there is none."""
    from .images import read_text

    what = f"picture {os.fspath(path)!r}"
    text = read_text(path).get(KEY)
    if text is None:
        raise TextoError(what, "carries no texto record", "give a PNG that texto made")
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        raise TextoError(what, "its texto record is damaged", "give a PNG that texto made")
    return fields


def read(path: str | os.PathLike) -> Record:
    """The checked record in the picture `path`; TextoError naming the first wrong field."""
    fields = stored_fields(path)
    command = fields.get("command", "synth")
    if command != "synth":
        raise TextoError(
            f"picture {os.fspath(path)!r}",
            f"was made by 'texto {command}', which 'texto synth' cannot repeat",
            f"run 'texto {command}' again with the settings that 'texto info' shows",
        )
    for name, accepts in _FIELDS.items():
        if not accepts(fields.get(name)):
            raise TextoError(
                f"picture {os.fspath(path)!r}",
                f"its texto record has a wrong {name!r}",
                "give a PNG that texto made",
            )
    values = {name: fields[name] for name in _FIELDS if name in fields}
    return Record(**{"fit_seed": None, **values, "size": tuple(values["size"])})


def find_source(record: Record, picture: str | os.PathLike) -> Path:
    """The model or exemplar that `picture` was made from, beside it or in the current folder.

    Only the stored base name is looked for, and only a file with the stored hash is taken.
    """
    if record.model:
        kind, name, matches = "model", record.model, lambda path: is_model_of(record, path)
    elif record.layout:
        return find_map(record, 0, picture)
    else:
        kind, name = "exemplar", record.exemplar
        matches = _has_pixels(record.exemplar_hash, record.alpha)
    return _found(picture, kind, name, matches, f"name the {kind} before --from")


def find_map(record: Record, number: int, picture: str | os.PathLike) -> Path:
    """The file of map `number`, from 0, that `picture` was made with, found as `find_source` does.

    TextoError where there is none.
    """
    each = record.layout.maps[number]
    remedy = "name the maps with --with" if number else "name the exemplar before --from"
    kind = "map" if number else "exemplar"
    return _found(picture, kind, each.name, _has_pixels(each.sha256, record.alpha), remedy)


def is_model_of(record: Record, path: Path) -> bool:
    """Whether `path` is the model of `record`; TextoError if it is no model."""
    return model_files.model_hash(path) == record.model_hash


def _found(
    picture: str | os.PathLike, kind: str, name: str | None, matches: Any, remedy: str
) -> Path:
    """The file `name` beside `picture` or in the current folder that `matches`."""
    for folder in dict.fromkeys([Path(picture).parent, Path()]):
        path = folder / name if name else None
        if path and path.is_file() and _quietly(matches, path):
            return path
    why = f"its {kind} is not named in it"
    if name:
        why = f"its {kind} {name!r} is not beside it or in the current folder, or has changed"
    raise TextoError(f"picture {os.fspath(picture)!r}", why, remedy)


def _has_pixels(sha256: str | None, alpha: str | None) -> Any:
    """Whether the picture at a path, opened with `alpha`, has this hash; as a function."""
    from .images import open_image

    given = {} if alpha is None else {"alpha": alpha}
    return lambda path: model_files.exemplar_hash(open_image(path, **given).pixels) == sha256


def is_base_name(value: Any) -> bool:
    """Whether `value` is a file's name without any folder."""
    plain = isinstance(value, str) and value not in ("", ".", "..") and "\0" not in value
    return plain and Path(value).name == value


def is_seed(value: Any) -> bool:
    """Whether `value` is a whole number from 0 to 2**32 - 1."""
    return _whole(0, MAX_SEED)(value)


def _quietly(matches: Any, path: Path) -> bool:
    try:
        return matches(path)
    except TextoError:
        return False


def _optional(accepts: Any) -> Any:
    return lambda value: value is None or accepts(value)


def _whole(low: int, high: int) -> Any:
    return lambda value: type(value) is int and low <= value <= high


def _hash(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value) is not None


def _size(value: Any) -> bool:
    side = _whole(1, _MAX_SIDE)
    return isinstance(value, list) and len(value) == 2 and all(map(side, value))


def _maps(value: Any) -> bool:
    """Whether `value` is what `Record.maps` holds, with a file's name and a hash for each."""
    if not isinstance(value, dict):
        return False
    try:
        stack = layout_in(value, "texto record")
    except TextoError:
        return False
    return stack is not None and all(
        is_base_name(each.name) and _optional(_hash)(each.sha256) and each.bits <= 16
        for each in stack.maps
    )


_FIELDS = {
    "method": lambda value: isinstance(value, str),
    "settings": lambda value: isinstance(value, dict),
    "size": _size,
    "seed": is_seed,
    "fit_seed": _optional(is_seed),
    "bits": lambda value: type(value) is int and value in (8, 16),
    "exemplar": _optional(is_base_name),
    "exemplar_hash": _hash,
    "version": lambda value: isinstance(value, str),
    "alpha": _optional(ALPHAS.__contains__),
    "deterministic": _optional(lambda value: type(value) is bool),
    "model": _optional(is_base_name),
    "model_hash": _optional(_hash),
    "maps": _optional(_maps),
    "map": _optional(_whole(1, 2**16)),
    "network_weights": _optional(is_base_name),
    "network_hash": _optional(_hash),
    "random_layers": _optional(lambda value: isinstance(value, str)),
}
