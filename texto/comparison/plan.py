"""What a comparison is asked to do, as its folder keeps it: continuing compares it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import __version__
from ..core.errors import TextoError
from . import store
from .results import FORMAT, PLAN, Entry, Exemplar, Results, read_json, to_bytes

_WORDS = {
    "texto": "the version of texto",
    "entries": "methods or their settings",
    "exemplars": "exemplars",
    "size": "the size",
    "seeds": "seeds",
    "columns": "score columns, or which of them can run here",
    "deterministic": "--deterministic",
}


@dataclass(frozen=True)
class Plan:
    """One comparison. `request` is what must be the same for it to be continued.

    The fields are those of `texto.comparison.Results`.
    """

    folder: Path
    title: str
    seeds: Sequence[int]
    entries: Sequence[Entry]
    exemplars: Sequence[Exemplar]
    columns: Sequence[Mapping[str, Any]]
    machine: Mapping[str, Any]
    created: str
    request: Mapping[str, Any]

    def runs(self) -> Iterator[tuple[str, str, int]]:
        """(exemplar, label, seed) of each cell, in the order in which they run.

        All methods on all exemplars with the first seed come first: what an interrupted
        comparison has is of use.
        """
        for seed in self.seeds:
            for exemplar in self.exemplars:
                for entry in self.entries:
                    yield exemplar.name, entry.label, seed

    def entry(self, label: str) -> Entry:
        """The entry of this label."""
        return next(entry for entry in self.entries if entry.label == label)

    def exemplar(self, name: str) -> Exemplar:
        """The exemplar of this name."""
        return next(each for each in self.exemplars if each.name == name)

    def save(self) -> None:
        """Write it into its folder."""
        values = {
            "format": FORMAT,
            "title": self.title,
            "seeds": list(self.seeds),
            "entries": [entry.to_json() for entry in self.entries],
            "exemplars": [each.to_json() for each in self.exemplars],
            "columns": [dict(column) for column in self.columns],
            "machine": dict(self.machine),
            "created": self.created,
            "request": dict(self.request),
        }
        store.write(self.folder / PLAN, to_bytes(values))

    def continuing(self, earlier: Plan) -> Plan:
        """This plan as the one that continues `earlier`; TextoError where it asks for another.

        Title and published scores may change.
        """
        changed = [
            words
            for key, words in _WORDS.items()
            if self.request.get(key) != earlier.request.get(key)
        ]
        if changed:
            raise TextoError(
                f"folder {str(self.folder)!r}",
                f"holds another comparison: {', '.join(changed)} differ",
                "give what it was made with, another folder with -o, or --force to start anew",
            )
        return dataclasses.replace(self, created=earlier.created, machine=earlier.machine)


def request(
    entries: Sequence[Mapping[str, Any]],
    exemplars: Sequence[Exemplar],
    seeds: Sequence[int],
    columns: Sequence[Mapping[str, Any]],
    *,
    deterministic: bool,
) -> dict[str, Any]:
    """What decides the results, as plain data."""
    return {
        "texto": __version__,
        "entries": [dict(entry) for entry in entries],
        "exemplars": [[each.name, each.sha256] for each in exemplars],
        "size": [list(each.result_size) for each in exemplars],
        "seeds": list(seeds),
        "columns": [[column["name"], column["reason"] is None] for column in columns],
        "deterministic": deterministic,
    }


def read(folder: Path) -> Plan:
    """The plan in `folder`; TextoError where there is none or it is damaged."""
    what = f"comparison {str(folder)!r}"
    if not (folder / PLAN).is_file():
        raise TextoError(what, f"has no {PLAN}", "give a folder that 'texto compare' made")
    values = read_json(folder / PLAN, what)
    if not isinstance(values, dict) or values.get("format") != FORMAT:
        raise TextoError(what, "was made by another version", "start anew with --force")
    try:
        return Plan(
            folder=folder,
            title=str(values["title"]),
            seeds=tuple(map(int, values["seeds"])),
            entries=tuple(Entry.from_json(each, what) for each in values["entries"]),
            exemplars=tuple(Exemplar.from_json(each, what) for each in values["exemplars"]),
            columns=tuple(_column(each) for each in values["columns"]),
            machine=dict(values["machine"]),
            created=str(values["created"]),
            request=dict(values["request"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, TextoError):
            raise
        raise TextoError(what, f"its {PLAN} is damaged", "start anew with --force") from error


def load(folder: str | Path) -> Results:
    """The comparison in `folder`, finished or not; TextoError where there is none."""
    return results(read(Path(folder)))


def results(plan: Plan) -> Results:
    """What is in the plan's folder so far."""
    found = (store.saved_cell(plan.folder, *key) for key in plan.runs())
    floors = {each.name: store.saved_floor(plan.folder, each.name) for each in plan.exemplars}
    sizes = {each.result_size for each in plan.exemplars}
    return Results(
        folder=plan.folder,
        title=plan.title,
        size=sizes.pop() if len(sizes) == 1 else None,
        seeds=plan.seeds,
        entries=plan.entries,
        exemplars=plan.exemplars,
        columns=plan.columns,
        floors={name: scores for name, scores in floors.items() if scores is not None},
        cells=tuple(cell for cell in found if cell is not None),
        machine=plan.machine,
        created=plan.created,
    )


def opened(plan: Plan, *, force: bool) -> Plan:
    """`plan` saved in its folder, as the continuation of what is there unless `force`."""
    check_folder(plan.folder, force=force)
    if (plan.folder / PLAN).exists():
        if force:
            store.clear(plan.folder)
        else:
            plan = plan.continuing(read(plan.folder))
    plan.save()
    return plan


def check_folder(folder: Path, *, force: bool) -> None:
    """Raise TextoError where a comparison cannot go into `folder`; nothing is written."""
    what = f"folder {str(folder)!r}"
    if folder.exists() and not folder.is_dir():
        raise TextoError(what, "is a file", "name a folder with -o")
    if folder.is_dir() and not (folder / PLAN).exists() and not _is_empty(folder):
        raise TextoError(what, "holds other files", "name a new or an empty folder with -o")
    if not folder.exists() and not folder.absolute().parent.is_dir():
        raise TextoError(what, "its parent folder does not exist", "create that first")
    if not force and (folder / PLAN).exists():
        read(folder)


def _is_empty(folder: Path) -> bool:
    return all(path.name.startswith(".") for path in folder.iterdir())


def _column(values: Any) -> dict[str, Any]:
    return {key: values[key] for key in ("name", "help", "better", "reason")}
