"""Which methods a comparison is asked for, before anything of them is loaded."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from ..core import registry
from ..core.errors import TextoError
from . import store
from .results import Entry

if TYPE_CHECKING:
    from ..core.contract import Method

ALL = "all"
_MAX_LABEL = 60  # characters


@dataclass(frozen=True)
class Asked:
    """A method under a label. `settings` are values, `pairs` texts KEY=VALUE on top of them."""

    label: str
    method: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    pairs: Sequence[str] = ()
    published: Mapping[str, float] | None = None

    def request(self) -> dict[str, Any]:
        """What decides the results, as plain data."""
        return {
            "label": self.label,
            "method": self.method,
            "settings": dict(self.settings),
            "pairs": list(self.pairs),
        }


def by_names(names: str | Iterable[str], preset: Sequence[Asked] = ()) -> list[Asked]:
    """The entries of these names, as `A,B,...` or one by one: labels of the preset, or methods.

    "all" stands for every registered method. TextoError for names unknown or given twice.
    """
    words = names.split(",") if isinstance(names, str) else list(names)
    words = [word.strip() for word in words if word.strip()]
    if not words:
        raise TextoError("-m/--methods", "names no method", "give all, or NAME,NAME,...")
    labels = {entry.label: entry for entry in preset}
    found = []
    for word in words:
        if word == ALL:
            found += [Asked(name, name) for name in registry.names()]
        else:
            found.append(labels.get(word) or _of_method(word, labels))
    return checked(found)


def of_instance(method: Method) -> Asked:
    """The entry of a method with its settings, labelled with its registered name."""
    name = registry.name_of(method)
    return Asked(name, name, dataclasses.asdict(cast(Any, method)))


def relabelled(entry: Asked, label: str) -> Asked:
    """`entry` under another label."""
    return dataclasses.replace(entry, label=label)


def checked(entries: Sequence[Asked]) -> list[Asked]:
    """`entries`; TextoError where labels are not told apart, also by a file system."""
    seen: dict[str, str] = {}
    for entry in entries:
        if not entry.label.strip() or len(entry.label) > _MAX_LABEL:
            raise TextoError(
                f"label {entry.label!r}", f"is empty or above {_MAX_LABEL} characters", "change it"
            )
        if not entry.label.isprintable():
            raise TextoError(f"label {entry.label!r}", "has control characters", "change it")
        name = store.file_name(entry.label).lower()
        if name in seen:
            also = seen[name]
            why = "is given twice" if also == entry.label else f"is too near to {also!r}"
            raise TextoError(f"method {entry.label!r}", why, "give each once, under its own label")
        seen[name] = entry.label
    if not entries:
        raise TextoError("methods", "there are none", "give at least one")
    return list(entries)


def with_settings(entries: Sequence[Asked], texts: Iterable[str]) -> list[Asked]:
    """`entries` with `METHOD.KEY=VALUE` texts, where METHOD is a label or a method's name."""
    found = list(entries)
    for text in texts:
        left, equals, value = text.partition("=")
        target, dot, key = left.rpartition(".")
        if not (equals and dot and target.strip() and key.strip()):
            raise TextoError(f"--set {text!r}", "names no setting", "write it METHOD.KEY=VALUE")
        target = target.strip()
        hit = [number for number, e in enumerate(found) if target in (e.label, e.method)]
        if not hit:
            known = list(dict.fromkeys(entry.label for entry in found))
            near = difflib.get_close_matches(target, known, n=3) or known
            raise TextoError(
                f"--set {text!r}", f"{target!r} is not compared", f"did you mean {', '.join(near)}?"
            )
        for number in hit:
            pairs = (*found[number].pairs, f"{key.strip()}={value}")
            found[number] = dataclasses.replace(found[number], pairs=pairs)
    return found


def entry_of(asked: Asked, probed: Mapping[str, Any]) -> Entry:
    """The entry with the settings that the probe found, in their types."""
    given = probed.get("given")
    if given is None:  # what cannot run here keeps its texts
        given = {**asked.settings, **dict(pair.split("=", 1) for pair in asked.pairs)}
    return Entry(asked.label, asked.method, given, asked.published)


def _of_method(name: str, labels: Mapping[str, Asked]) -> Asked:
    known = registry.names()
    if name not in known:
        near = difflib.get_close_matches(name, [*labels, *known], n=3) or [*labels, *known]
        raise TextoError(f"method {name!r}", "is not known", f"did you mean {', '.join(near)}?")
    return Asked(name, name)
