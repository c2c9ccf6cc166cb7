"""Hyper-parameters as dataclass fields that know their range, their help and their stage.

A method declares `patch_size: int = setting(8, "side of a patch in pixels", low=1)`, calls
`check_settings(self)` in `__post_init__`, and gets validation, `texto methods NAME` and
`--set key=value` from that one line. What a method uses is what its fields hold: presets are
expanded by `fill` when it is made, automatic settings by `adapted` when it is fitted, so that a
model file keeps its meaning when a default changes.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
from collections.abc import Iterable, Mapping
from functools import cache
from types import NoneType
from typing import Any, Final, Literal, TypeVar, cast, get_args, get_type_hints

import numpy as np

from .contract import HasPresets
from .errors import TextoError

T = TypeVar("T")
ALWAYS: Final = object()  # `older` of a setting that was there from the first version on

PERIODIC = {  # the values of the setting `tileable`, as (vertically, horizontally)
    "none": (False, False),
    "x": (False, True),
    "y": (True, False),
    "xy": (True, True),
}
_TRUE, _FALSE = {"true", "yes", "on", "1"}, {"false", "no", "off", "0"}


@dataclasses.dataclass(frozen=True)
class Setting:
    """One hyper-parameter: its name, type, default, range, help and the stage that reads it.

    `automatic` : None stands for a value that follows from the exemplar, see `Adapts`. `older` :
    what files hold that were written before this setting existed. `of_search` : it names the
    device of the neighbour search. `unused_by` : commands that leave it aside.
    """

    name: str
    kind: type
    optional: bool
    default: Any
    help: str
    low: float | None
    high: float | None
    choices: tuple[str, ...]
    stage: Literal["fit", "synthesis"]
    automatic: bool
    older: Any
    of_search: bool
    unused_by: tuple[str, ...]

    @property
    def range(self) -> str:
        """The values allowed, in words."""
        if self.choices:
            words = " | ".join(self.choices)
        elif self.kind is bool:
            words = "true | false"
        elif self.kind is str:
            words = "text"
        else:
            words = "an integer" if self.kind is int else "a number"
            if self.low is not None and self.high is not None:
                words += f" from {self.low:g} to {self.high:g}"
            elif self.low is not None:
                words += f", at least {self.low:g}"
            elif self.high is not None:
                words += f", at most {self.high:g}"
        return words + (" | none" if self.optional else "")

    def accepts(self, value: Any) -> bool:
        """Whether `value` has the right type and lies in the range."""
        if value is None:
            return self.optional
        whole = self.kind is float and type(value) is int
        if type(value) is not self.kind and not whole:
            return False
        if self.choices:
            return value in self.choices
        if self.kind in (int, float):
            low = -math.inf if self.low is None else self.low
            high = math.inf if self.high is None else self.high
            return low <= value <= high and abs(value) < math.inf
        return True

    def parse(self, text: str) -> Any:
        """The value written as `text` on the command line; TextoError if it is not allowed."""
        word = text.strip().lower()
        value: Any = text.strip()
        try:
            if self.optional and word in ("none", "auto"):
                value = None
            elif self.kind is bool and word in _TRUE | _FALSE:
                value = word in _TRUE
            elif self.kind in (int, float):
                value = self.kind(text)
        except (ValueError, OverflowError):
            pass
        return self.check(value)

    def check(self, value: Any) -> Any:
        """`value` itself, a number of numpy as one of Python; TextoError if it is not allowed."""
        value = value.item() if isinstance(value, np.generic) else value
        if not self.accepts(value):
            raise TextoError(
                self.name, f"must be {self.range}, got {value!r}", f"the default is {self.default}"
            )
        return value


def setting(
    default: Any,
    help: str,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    stage: Literal["fit", "synthesis"] = "fit",
    automatic: bool = False,
    older: Any = ALWAYS,
    of_search: bool = False,
    unused_by: tuple[str, ...] = (),
) -> Any:
    """A dataclass field for a hyper-parameter.

    Where `default` is None it stands for a value that is set when the method is made, or fitted:
    the type is that of the value. `stage="synthesis"` marks a setting that a fitted model may
    still change; `automatic` one whose None is set by `adapted`. A setting that is added to a
    method declares as `older` the value with which the method does what it did before.
    `unused_by` : commands, such as "inpaint", for which the method does not look at it.
    """
    metadata = {"help": help, "low": low, "high": high, "choices": choices, "stage": stage}
    metadata |= {"automatic": automatic, "older": older, "of_search": of_search}
    metadata["unused_by"] = unused_by
    return dataclasses.field(default=default, metadata=metadata)


def tileable_setting() -> Any:
    """The setting `tileable` of every method; PERIODIC tells what its values mean."""
    return setting(
        "none",
        "axes along which the texture repeats without a seam",
        choices=tuple(PERIODIC),
        stage="synthesis",
    )


def finish_setting(default: str = "none", *, unused_by: tuple[str, ...] = ()) -> Any:
    """The setting `finish` of every method that averages patches."""
    return setting(
        default,
        "finishing pass against the blur of averaging; none: the published form",
        choices=("sliced", "none"),
        stage="synthesis",
        unused_by=unused_by,
    )


def device_setting() -> Any:
    """The setting `device` of every method that searches neighbours."""
    return setting(
        "auto",
        "where neighbours are searched: auto, cpu, cuda or cuda:i",
        stage="synthesis",
        of_search=True,
    )


def settings_of(method: Any) -> dict[str, Setting]:
    """All settings of a method (class or instance), by name, in the order of declaration."""
    return dict(_declared(method if isinstance(method, type) else type(method)))


@cache
def _declared(cls: type) -> Mapping[str, Setting]:
    """The settings of a class; evaluating its annotations takes milliseconds."""
    hints = get_type_hints(cls)
    found = {}
    for field in dataclasses.fields(cast(Any, cls)):
        kinds = [kind for kind in get_args(hints[field.name]) if kind is not NoneType]
        found[field.name] = Setting(
            name=field.name,
            kind=kinds[0] if kinds else hints[field.name],
            optional=NoneType in get_args(hints[field.name]) or field.default is None,
            default=field.default,
            **field.metadata,
        )
    return found


def check_settings(method: Any) -> None:
    """Raise TextoError for the first setting of `method` that is out of range.

    Numbers of numpy become those of Python: the method is a frozen dataclass and still new.
    """
    for name, known in settings_of(method).items():
        given = getattr(method, name)
        value = known.check(given)
        if value is not given:
            object.__setattr__(method, name, value)


def fill(method: Any, values: Mapping[str, Any]) -> None:
    """Set each setting of `method` that is None and has one of `values` to it.

    How `__post_init__` expands a preset; the method is a frozen dataclass and still new.
    """
    for name in settings_of(method):
        if getattr(method, name) is None and values.get(name) is not None:
            object.__setattr__(method, name, values[name])


def replaced(thing: T, **changes: Any) -> T:
    """`dataclasses.replace`; of a method with another preset, what the old one set is set anew."""
    if isinstance(thing, HasPresets) and thing.preset_setting in changes:
        values = thing.presets[getattr(thing, thing.preset_setting)]
        preset = [name for name in settings_of(thing) if name in values]
        anew = [name for name in preset if getattr(thing, name) == values[name]]
        changes = {**dict.fromkeys(anew), **changes}
    return cast(T, dataclasses.replace(cast(Any, thing), **changes))


def no_setting(what: str, name: str, known: Iterable[str]) -> TextoError:
    """The error for `name`, called `what`, which is none of the `known` settings."""
    near = difflib.get_close_matches(name, known := list(known), n=3) or known
    return TextoError(what, "is no setting of this method", f"did you mean {', '.join(near)}?")


def parse_settings(method: type, pairs: list[str]) -> dict[str, Any]:
    """Values for `key=value` texts, in the types of `method`'s fields."""
    known = settings_of(method)
    values: dict[str, Any] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        key = key.strip().replace("-", "_")
        if not equals:
            raise TextoError(f"--set {pair!r}", "has no '='", "write it as key=value")
        if key not in known:
            raise no_setting(f"--set {key!r}", key, known)
        if key in values:
            raise TextoError(f"--set {key}", "is given twice", "give it once")
        values[key] = known[key].parse(text)
    return values
