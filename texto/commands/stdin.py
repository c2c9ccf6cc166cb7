"""`-` in the place of a picture: standard input, read once. Imports nothing heavy."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

NAME = "stdin"  # as files and records call what came there
PATH = f"/dev/{NAME}"  # what options hold for `-`: no name of a file that somebody means, as ./- is
_PICTURES = (
    *("source", "pictures", "sources", "exemplars", "results", "maps"),
    *("mask", "source_mask", "ignore", "texture", "like", "guide", "map", "file"),
)


def named(values: Mapping[str, Any]) -> dict[str, Any]:
    """`values` of options, PATH where a picture is called `-`; TextoError where two are."""
    from ..core.errors import TextoError

    named = {key: _named(value) if key in _PICTURES else value for key, value in values.items()}
    if sum(map(_count, (value for key, value in named.items() if key in _PICTURES))) > 1:
        raise TextoError("-", "is given more than once", "standard input holds one picture")
    return named


def filled(options: Any) -> Any:
    """`options` with the bytes of standard input as `stdin` where a picture comes from there."""
    values = vars(options)
    if not any(_count(values[key]) for key in _PICTURES if key in values):
        return options
    return options.but(stdin=_contents())


def is_meant(path: str | os.PathLike) -> bool:
    """Whether `path` is standard input."""
    return Path(path) == Path(PATH)


def _contents() -> bytes:
    from ..core.errors import TextoError
    from ..io.images import MAX_BYTES

    try:
        if sys.stdin is None or sys.stdin.isatty():
            why = "standard input is closed or a terminal"
            raise TextoError("-", why, "send a picture there, or name a file")
        data = sys.stdin.buffer.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise TextoError("-", f"cannot be read: {error}", "name a file") from error
    if not data:
        raise TextoError("-", "nothing came on standard input", "send a picture there")
    return data


def _named(value: Any) -> Any:
    if isinstance(value, (tuple, list)):
        return type(value)(map(_named, value))
    return PATH if value == "-" else value


def _count(value: Any) -> int:
    if isinstance(value, (tuple, list)):
        return sum(map(_count, value))
    return int(value == PATH)
