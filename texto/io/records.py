"""The record that a PNG carries of how it was made, and finding again what it was made from."""

from __future__ import annotations

import dataclasses
import json
import os
import re
from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from ..core.choices import MAX_SEED, Alpha, Kind
from ..core.errors import TextoError
from . import model_files
from .images import open_image, read_text
from .maps import Layout, layout_in

KEY = "texto"
SYNTH = "synth"  # the command of a record that names none
_MAX_SIDE = 2**31 - 1


def is_base_name(value: Any) -> bool:
    """Whether `value` is a file's name without any folder."""
    plain = isinstance(value, str) and value not in ("", ".", "..") and "\0" not in value
    return plain and Path(value).name == value


def is_seed(value: Any) -> bool:
    """Whether `value` is a whole number from 0 to 2**32 - 1."""
    return _whole(0, MAX_SEED)(value)


def _whole(low: int, high: int) -> Callable[[Any], bool]:
    return lambda value: type(value) is int and low <= value <= high


def _is_hash(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value) is not None


def _is_stack(value: Any) -> bool:
    """Whether `value` is what `Record.maps` holds, with a file's name and a hash for each."""
    try:
        stack = layout_in(value, "texto record") if isinstance(value, dict) else None
    except TextoError:
        return False
    return stack is not None and all(
        is_base_name(each.name) and (each.sha256 is None or _is_hash(each.sha256))
        for each in stack.maps
    )


File = Annotated[str, is_base_name]
Sha256 = Annotated[str, _is_hash]
Seed = Annotated[int, is_seed]
Side = Annotated[int, _whole(1, _MAX_SIDE)]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Record:
    """How a picture was made; names are base names, never paths.

    A picture's text chunk holds it as JSON: what is None is left out, as is the command `synth`,
    and `shape` is called `size` and is [width, height]. Types say what a chunk may hold.

    `fit_seed` is None where the model's seed is not known. `maps` : for a stack of aligned maps,
    the notes of `texto.io.maps.Layout` with the bits written; the file holds number `map` of
    them, from 1. Of a mixture `map` is the file with the weights over the picture, `weights` are
    those of one picture, and a row of pictures has its number of `steps`. `network_weights` : a
    file, or "random"; the layers that have random ones are in `random_layers`. `ignore` : a mask of
    pixels left out, or "alpha". `extend` : new pixels at the top, right, bottom and left.
    `tileable` : where the method has no such setting.
    """

    command: str = SYNTH
    version: str
    method: str
    settings: Mapping[str, Any]
    shape: tuple[Side, Side]
    seed: Seed
    bits: Annotated[int, (8, 16).__contains__]  # which are those of a PNG
    deterministic: bool = False
    alpha: Alpha | None = None
    fit_seed: Seed | None = None
    exemplar: File | None = None
    exemplar_hash: Sha256 | None = None
    model: File | None = None
    model_hash: Sha256 | None = None
    maps: Annotated[Mapping[str, str | int | float], _is_stack] | None = None
    map: Annotated[int, _whole(1, 2**16)] | File | None = None
    map_hash: Sha256 | None = None
    network_weights: File | None = None
    network_hash: Sha256 | None = None
    random_layers: str | None = None
    guide: File | None = None
    guide_hash: Sha256 | None = None
    guide_weight: float | None = None
    sources: tuple[File, ...] | None = None
    source_hashes: tuple[Sha256, ...] | None = None
    weights: tuple[float, ...] | None = None
    steps: int | None = None
    image: File | None = None
    image_hash: Sha256 | None = None
    mask: File | None = None
    mask_hash: Sha256 | None = None
    mask_inverted: bool | None = None
    source_mask: File | None = None
    source_mask_hash: Sha256 | None = None
    ignore: File | None = None
    ignore_hash: Sha256 | None = None
    grow: int | None = None
    feather: int | None = None
    extend: tuple[int, int, int, int] | None = None
    tileable: str | None = None
    axis: str | None = None
    width: int | None = None
    preview: str | None = None
    like: File | None = None
    like_hash: Sha256 | None = None

    @property
    def size(self) -> list[int]:
        """[width, height], as JSON has it."""
        return [*self.shape[::-1]]

    @property
    def layout(self) -> Layout | None:
        """The maps that the picture was made with, None where it was made alone."""
        return None if self.maps is None else layout_in(self.maps, "texto record")

    def looking_through(self, network: Mapping[str, str]) -> Record:
        """This record with what `UsesNetwork.made_with` says about the weights."""
        return dataclasses.replace(
            self,
            network_weights=network.get("network_weights"),
            network_hash=network.get("network_hash"),
            random_layers=network.get("random_layers"),
        )

    def text(self) -> dict[str, str]:
        """The text chunk, as `texto.io.images.write_image` takes it: sorted JSON."""
        fields = {name: value for name, value in vars(self).items() if value is not None}
        fields |= {"settings": dict(self.settings), "size": self.size}
        del fields["shape"]
        if self.command == SYNTH:
            del fields["command"]
        return {KEY: json.dumps(fields, sort_keys=True)}


def stored_fields(path: str | os.PathLike, data: bytes | None = None) -> dict[str, Any]:
    """The record in the picture `path` as plain data; TextoError if there is none.

    `data` : the bytes of the file, where they are here already.
    """
    what = f"picture {os.fspath(path)!r}"
    text = read_text(path, data).get(KEY)
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
    stored, what = stored_fields(path), f"picture {os.fspath(path)!r}"
    command = stored.get("command", SYNTH)
    if command != SYNTH:
        raise TextoError(
            what,
            f"was made by 'texto {command}', which 'texto synth' cannot repeat",
            f"run 'texto {command}' again with the settings that 'texto info' shows",
        )
    values: dict[str, Any] = {}
    for field in dataclasses.fields(Record):
        name = "size" if field.name == "shape" else field.name
        if name not in stored and field.default is not dataclasses.MISSING:
            continue
        value = stored.get(name)
        if not _accepts(_kinds()[field.name], value):
            raise _wrong(what, name)
        values[field.name] = tuple(value) if isinstance(value, list) else value
    record = Record(**{**values, "shape": values["shape"][::-1]})
    if record.exemplar_hash is None:
        raise _wrong(what, "exemplar_hash")
    return record


def _wrong(what: str, name: str) -> TextoError:
    return TextoError(what, f"its texto record has a wrong {name!r}", "give a PNG that texto made")


@cache
def _kinds() -> dict[str, Any]:
    """The type of each field, with the checks that stand beside it."""
    return get_type_hints(Record, include_extras=True)


def _accepts(kind: Any, value: Any) -> bool:
    """Whether `value`, read from JSON, is of the type `kind`."""
    outer, inner = get_origin(kind), get_args(kind)
    if outer is Annotated:
        return _accepts(inner[0], value) and all(check(value) for check in kind.__metadata__)
    if outer in (Union, UnionType):
        return any(_accepts(each, value) for each in inner)
    if outer is tuple:
        if not isinstance(value, list):
            return False
        each = inner[:1] * len(value) if inner[-1] is Ellipsis else inner
        return len(value) == len(each) and all(map(_accepts, each, value))
    if outer is Literal:
        return value in inner
    if outer is Mapping:
        return isinstance(value, dict)
    return type(value) in ((int, float) if kind is float else (kind,))


def find_source(record: Record, picture: str | os.PathLike) -> Path:
    """The model or exemplar that `picture` was made from, beside it or in the current folder.

    Only the stored base name is looked for, and only a file with the stored hash is taken.
    """
    if record.layout and not record.model:
        return find_map(record, 0, picture)
    if record.model:
        matches = partial(is_model_of, record)
        return found(picture, "model", record.model, matches, "name the model before --from")
    matches = partial(_has_pixels, record.exemplar_hash, record.alpha, "colour")
    remedy = "name the exemplar before --from"
    return found(picture, "exemplar", record.exemplar, matches, remedy)


def find_map(record: Record, number: int, picture: str | os.PathLike) -> Path:
    """The file of map `number`, from 0, that `picture` was made with, found as `find_source` does.

    TextoError where there is none.
    """
    layout = record.layout
    if layout is None:
        raise TextoError(f"picture {os.fspath(picture)!r}", "has no maps", "name the exemplar")
    each = layout.maps[number]
    remedy = "name the maps with --with" if number else "name the exemplar before --from"
    kind = "map" if number else "exemplar"
    matches = partial(_has_pixels, each.sha256, record.alpha, each.meaning.kind)
    return found(picture, kind, each.name, matches, remedy)


def is_model_of(record: Record, path: Path) -> bool:
    """Whether `path` is the model of `record`; TextoError if it is no model."""
    return model_files.model_hash(path) == record.model_hash


def found(
    picture: str | os.PathLike,
    kind: str,
    name: str | None,
    matches: Callable[[Path], bool],
    remedy: str,
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


def _has_pixels(sha256: str | None, alpha: Alpha | None, kind: Kind | None, path: Path) -> bool:
    """Whether the picture at `path`, opened with `alpha` as this `kind`, has this hash."""
    pixels = open_image(path, alpha=alpha or "refuse", kind=kind).pixels
    return model_files.exemplar_hash(pixels) == sha256


def _quietly(matches: Callable[[Path], bool], path: Path) -> bool:
    try:
        return matches(path)
    except TextoError:
        return False
