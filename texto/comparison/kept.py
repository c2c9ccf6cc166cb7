"""What the comparison's JSON files keep: records whose types are checked when they are read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, TypedDict, TypeVar

import msgspec
from msgspec import Meta

from ..core.errors import TextoError

Text = Annotated[str, Meta(min_length=1)]
Whole = Annotated[int, Meta(ge=0)]
Side = Annotated[int, Meta(ge=1)]
Place = Annotated[str, Meta(pattern=r"(?s)^(?!/|(.*/)?\.\.(/|\Z)).")]  # a file within the folder

K = TypeVar("K", bound="Kept")
T = TypeVar("T")


class Kept(msgspec.Struct, frozen=True):
    """A record with typed fields, all of which its JSON has."""

    def replaced(self: K, **changes: Any) -> K:
        """This record with some fields changed."""
        return msgspec.structs.replace(self, **changes)


class ScoreDict(TypedDict):
    """A score as plain data: no value has a reason."""

    value: float | None
    spread: float | None
    reason: str | None


def to_bytes(value: Any) -> bytes:
    """`value` as the bytes of a JSON file: keys sorted, so that equal values are equal files."""
    plain = msgspec.to_builtins(value)
    text = json.dumps(plain, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return text.encode() + b"\n"


def read_json(path: Path, what: str) -> Any:
    """The JSON in the file `path`; TextoError where it is missing or damaged."""
    try:
        return msgspec.json.decode(path.read_bytes())
    except OSError as error:
        raise TextoError(what, error.strerror or str(error), "run the comparison again") from error
    except (ValueError, RecursionError) as error:
        raise damaged(what, "is no JSON") from error


def checked(values: Any, kind: type[T], what: str) -> T:
    """Plain data as a `kind`; TextoError naming `what` and the first field that is wrong."""
    try:
        found = msgspec.convert(values, kind)
    except msgspec.ValidationError as error:
        raise damaged(what, f"has a wrong field: {error}") from error
    for name in found.__struct_encode_fields__ if isinstance(found, Kept) else ():
        if name not in values:  # fields with a default may not lack either
            raise damaged(what, f"lacks the field {name!r}")
    return found


def damaged(what: str, why: str) -> TextoError:
    """The error of a file of the comparison that cannot be used."""
    return TextoError(what, f"{why}, so it is damaged", "start anew with --force")
