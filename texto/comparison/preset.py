"""A comparison described in a TOML file, so that it can be repeated.

title = "..."
exemplars = ["a.png"]       # optional, relative to the file
size = "256x256"            # or 256, or "2x"; default: each exemplar's own
seeds = 3                   # how many, or a list of them
columns = ["patch_ot"]      # default: all

[[entries]]
label = "Algo 1"
method = "patch-ot"
settings = { n_iter = 150 }
published = { patch_ot = 0.35 }
"""

from __future__ import annotations

import difflib
import math
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.errors import TextoError
from .asked import Asked, checked

_MAX_BYTES = 2**20


@dataclass(frozen=True)
class Preset:
    """What the file says; None for what it leaves open. `size` is as it was written."""

    title: str | None = None
    exemplars: Sequence[Path] = ()
    size: str | None = None
    seeds: int | Sequence[int] | None = None
    columns: Sequence[str] | None = None
    entries: Sequence[Asked] = ()


def read(path: Path) -> Preset:
    """The preset in the file `path`; TextoError naming the first thing wrong with it."""
    what = f"config {str(path)!r}"
    values = _loaded(path, what)
    _check(values, _TOP, what)
    entries = [_entry(each, f"{what} entry {n}") for n, each in enumerate(values["entries"], 1)]
    size = values.get("size")
    return Preset(
        title=values.get("title"),
        exemplars=[path.parent / name for name in values.get("exemplars", ())],
        size=None if size is None else str(size),
        seeds=values.get("seeds"),
        columns=values.get("columns"),
        entries=checked(entries),
    )


def _loaded(path: Path, what: str) -> dict[str, Any]:
    try:
        with open(path, "rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise TextoError(what, error.strerror or str(error), "name a TOML file") from error
    if len(data) > _MAX_BYTES:
        raise TextoError(what, "is above 1 MiB", "name a TOML file")
    try:
        return tomllib.loads(data.decode())
    except (ValueError, RecursionError) as error:
        why = " ".join(str(error).split())
        raise TextoError(what, f"is no TOML: {why}", "correct it") from error


def _entry(values: Any, what: str) -> Asked:
    if not isinstance(values, dict):
        raise TextoError(what, "is no table", "write it under [[entries]]")
    _check(values, _ENTRY, what)
    method: str = values["method"]
    return Asked(
        values.get("label", method),
        method,
        values.get("settings", {}),
        published=values.get("published"),
    )


def _check(values: Mapping[str, Any], known: Mapping[str, Any], what: str) -> None:
    for key in values:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=3) or list(known)
            raise TextoError(
                f"{what} key {key!r}", "is not known", f"did you mean {', '.join(near)}?"
            )
    for key, (words, accepts, required) in known.items():
        if key not in values and required:
            raise TextoError(f"{what} key {key!r}", "is missing", f"give {words}")
        if key in values and not accepts(values[key]):
            raise TextoError(f"{what} key {key!r}", f"is {values[key]!r}", f"give {words}")


def _text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip()) and value.isprintable()


def _whole(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**32


def _list_of(accepts: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and bool(value) and all(map(accepts, value))


def _seeds(value: Any) -> bool:
    return _list_of(_whole)(value) or (_whole(value) and 1 <= value <= 10_000)


def _setting(value: Any) -> bool:
    return type(value) in (bool, int, str) or _number(value)


def _number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def _table_of(accepts: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, dict) and all(map(accepts, value.values()))


_TOP = {
    "title": ("a text", _text, False),
    "exemplars": ("a list of pictures", _list_of(_text), False),
    "size": ('"256x256", 256 or "2x"', lambda v: _text(v) or _whole(v), False),
    "seeds": ("how many from 1 to 10000, or a list of them", _seeds, False),
    "columns": ("a list of scores", _list_of(_text), False),
    "entries": ("tables [[entries]]", lambda v: isinstance(v, list) and bool(v), True),
}
_ENTRY = {
    "label": ("a text", _text, False),
    "method": ("the name of a method", _text, True),
    "settings": ("a table of settings", _table_of(_setting), False),
    "published": ("a table of numbers", _table_of(_number), False),
}
