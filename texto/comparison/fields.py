"""Fields of the comparison's JSON files, checked when they are read."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any, ClassVar

from ..core.errors import TextoError


class Checked:
    """to_json and from_json of a dataclass whose `_CHECKS` accept each field."""

    _CHECKS: ClassVar[Mapping[str, Callable[[Any], bool]]] = {}

    def to_json(self) -> dict[str, Any]:
        """The fields as plain data."""
        return {name: plain(getattr(self, name)) for name in self._CHECKS}

    @classmethod
    def from_json(cls, values: Any, what: str):
        """From plain data; TextoError naming `what` and the first wrong field."""
        if not isinstance(values, dict):
            raise damaged(what, "holds no object")
        for name, accepts in cls._CHECKS.items():
            if name not in values or not accepts(values[name]):
                raise damaged(what, f"has a wrong {name!r}")
        return cls(**{name: frozen(values[name]) for name in cls._CHECKS})


def damaged(what: str, why: str) -> TextoError:
    """The error of a file of the comparison that cannot be used."""
    return TextoError(what, f"{why}, so it is damaged", "start anew with --force")


def plain(value: Any) -> Any:
    """`value` as JSON has it."""
    if isinstance(value, Mapping):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str | bytes):
        return [plain(each) for each in value]
    return value


def frozen(value: Any) -> Any:
    """Lists as tuples."""
    return tuple(map(frozen, value)) if isinstance(value, list) else value


def text(value: Any) -> bool:
    """A text that is not empty."""
    return isinstance(value, str) and value != ""


def place(value: Any) -> bool:
    """A file's name within the folder."""
    return text(value) and not PurePosixPath(value).is_absolute() and ".." not in value.split("/")


def whole(value: Any) -> bool:
    """A whole number of at least 0."""
    return type(value) is int and value >= 0


def number(value: Any) -> bool:
    """A finite number."""
    return type(value) in (int, float) and math.isfinite(value)


def mapping(value: Any, accepts: Callable[[Any], bool]) -> bool:
    """A table whose values are all accepted."""
    return isinstance(value, dict) and all(map(accepts, value.values()))


def size(value: Any) -> bool:
    """(width, height) in pixels."""
    return isinstance(value, list) and len(value) == 2 and all(whole(v) and v > 0 for v in value)


def loss(value: Any) -> bool:
    """A pair of iteration and loss."""
    return isinstance(value, list) and len(value) == 2 and whole(value[0]) and number(value[1])


def score(value: Any) -> bool:
    """{"value", "spread", "reason"}."""
    if not isinstance(value, dict) or set(value) != {"value", "spread", "reason"}:
        return False
    numbers = (value["value"], value["spread"])
    told = value["reason"] is None or isinstance(value["reason"], str)
    return told and all(each is None or number(each) for each in numbers)
