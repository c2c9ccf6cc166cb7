"""The settings of a method in files: what is stored, and what a file of before meant by it."""

from __future__ import annotations

import difflib
import json
import warnings
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from ..core.contract import UsesNetwork
from ..core.errors import TextoWarning
from ..core.settings import ALWAYS, settings_of
from .files import Refused

MADE_WITH = ("network_weights", "network_hash", "random_layers")

_PATHS = {"weights": ("random",)}  # settings that are paths, and their values that are none
_LONGEST = 80  # characters of a stored path that a note shows


def as_stored(method: object) -> dict[str, Any]:
    """All settings of `method` as files hold them: paths without their folders."""
    return {
        name: Path(value).name if _is_path(name, value) else value
        for name, value in settings_in(method).items()
    }


def made_with(method: object) -> dict[str, str]:
    """What files say about the weights of `method`'s network, which this loads; {} without one.

    `network_weights` : the file's name, or "random"; `network_hash` : its SHA-256;
    `random_layers` : those that have random weights, where there are such. TextoError where
    weights are missing or do not suit.
    """
    found = method.made_with() if isinstance(method, UsesNetwork) else {}
    return {key: found[key] for key in MADE_WITH if key in found}


def without_paths(settings: Mapping[str, Any], what: str) -> dict[str, Any]:
    """`settings` as `what` holds them, without the paths: nobody's file says what to open here.

    A TextoWarning names a path that is left out.
    """
    kept = {name: value for name, value in settings.items() if not _is_path(name, value)}
    for name in settings.keys() - kept.keys():
        warnings.warn(
            f"{what} was made with {name} {settings[name][:_LONGEST]!r}, and stored paths are not "
            f"opened: those given now, or found here, are used",
            TextoWarning,
            stacklevel=3,
        )
    return kept


def settings_in(method: object) -> dict[str, Any]:
    """All settings of `method`, by name."""
    return {name: getattr(method, name) for name in settings_of(method)}


def checked_settings(cls: type, stored: Mapping[str, Any]) -> dict[str, Any]:
    """The `stored` settings of a method of type `cls`, with what those meant that it lacks.

    Refused for one that the method does not know, and for a missing one without an `older`
    value; TextoError for one out of range.
    """
    known = settings_of(cls)
    for name in stored:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=3) or list(known)
            raise Refused(
                f"has the setting {name!r}, which its method does not know",
                f"fit it again (known are {', '.join(near)})",
            )
    values = {name: stored.get(name, setting.older) for name, setting in known.items()}
    for name, value in values.items():
        if value is ALWAYS:
            raise Refused(f"lacks the setting {name!r} of its method")
    return {name: known[name].check(value) for name, value in values.items()}


def of_format_1(method: str, stored: Mapping[str, Any]) -> dict[str, Any]:
    """The `stored` settings of format 1 with the values that null and missing ones stood for.

    Files of that format leave what a preset chose to the program. What it chose then is written
    down in `format1.json`, for ever: a default that changes later does not change those files.
    """
    then = _format_1().get(method)
    if then is None:
        return dict(stored)
    meant = then["values"].get(json.dumps(stored.get(then["preset_setting"])), {})
    unsaid = {name: value for name, value in meant.items() if stored.get(name) is None}
    return {**stored, **unsaid}


@cache
def _format_1() -> dict[str, Any]:
    """By method: its preset's setting, and by the JSON of that its settings in format 1."""
    return json.loads((files(__package__) / "format1.json").read_text())


def _is_path(name: str, value: Any) -> bool:
    return name in _PATHS and isinstance(value, str) and value not in ("", *_PATHS[name])
