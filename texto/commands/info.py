"""`texto info`: what is stored in a picture or a model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..io import model_files, records
from . import stdin
from .console import one_line, say, say_json
from .options import Options
from .reading import is_model


def run(options: Options) -> None:
    """Print the record of a picture, or the metadata of a model."""
    if is_model(options.file):
        stored = model_files.inspect(options.file)
    elif stdin.is_meant(options.file):
        stored = records.stored_fields(stdin.NAME, options.stdin)
    else:
        stored = records.stored_fields(options.file)
    if options.json:
        say_json(stored)
        return
    rows = list(_rows(stored))
    width = max((len(name) for name, _ in rows), default=0)
    for name, value in rows:
        say(f"{name:{width}}  {value}")


def _rows(stored: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Names with dots for nested values, and the values as they may be sent to a terminal."""
    for name, value in sorted(stored.items()):
        if isinstance(value, dict):
            yield from _rows(value, f"{prefix}{name}.")
        else:
            yield one_line(f"{prefix}{name}"), one_line(_shown(name, value))


def _shown(name: str, value: Any) -> str:
    if isinstance(value, list):
        return ("x" if name in ("size", "shape") else " ").join(map(str, value))
    return "none" if value is None else str(value)
