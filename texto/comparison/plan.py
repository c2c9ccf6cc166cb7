"""What a comparison is asked to do, as its folder keeps it: continuing compares it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from .. import __version__
from ..core.errors import TextoError
from . import store
from .kept import Kept, Whole, checked, read_json, to_bytes
from .machine import Machine
from .results import FORMAT, PLAN, Column, Entry, Exemplar, Results, Shape

_WORDS = {
    "texto": "the version of texto",
    "entries": "methods or their settings",
    "exemplars": "exemplars",
    "size": "the size",
    "seeds": "seeds",
    "columns": "score columns, or which of them can run here",
    "deterministic": "--deterministic",
}


class Request(Kept, frozen=True):
    """What decides the results. `size` : (width, height) of those of each exemplar."""

    texto: str
    entries: tuple[Mapping[str, Any], ...]
    exemplars: tuple[tuple[str, str], ...]
    size: tuple[Shape, ...]
    seeds: tuple[Whole, ...]
    columns: tuple[tuple[str, bool], ...]
    deterministic: bool


class Plan(Kept, frozen=True):
    """One comparison. `request` is what must be the same for it to be continued.

    The other fields are those of `texto.comparison.Results`.
    """

    title: str
    seeds: tuple[Whole, ...]
    entries: tuple[Entry, ...]
    exemplars: tuple[Exemplar, ...]
    columns: tuple[Column, ...]
    machine: Machine
    created: str
    request: Request
    format: int = FORMAT

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

    def turned(self) -> Plan:
        """This plan with sizes as files have them, or the other way round."""
        return self.replaced(exemplars=tuple(each.turned() for each in self.exemplars))

    def continuing(self, earlier: Plan, folder: Path) -> Plan:
        """This plan as the one that continues `earlier`; TextoError where it asks for another.

        Title and published scores may change.
        """
        changed = [
            words
            for key, words in _WORDS.items()
            if getattr(self.request, key) != getattr(earlier.request, key)
        ]
        if changed:
            raise TextoError(
                f"folder {str(folder)!r}",
                f"holds another comparison: {', '.join(changed)} differ",
                "give what it was made with, another folder with -o, or --force to start anew",
            )
        return self.replaced(created=earlier.created, machine=earlier.machine)


def request(
    entries: Sequence[Mapping[str, Any]],
    exemplars: Sequence[Exemplar],
    seeds: Sequence[int],
    columns: Sequence[Column],
    *,
    deterministic: bool,
) -> Request:
    """What decides the results of this texto."""
    return Request(
        texto=__version__,
        entries=tuple(entries),
        exemplars=tuple((each.name, each.sha256) for each in exemplars),
        size=tuple(each.turned().result_shape for each in exemplars),
        seeds=tuple(seeds),
        columns=tuple((column["name"], column["reason"] is None) for column in columns),
        deterministic=deterministic,
    )


def read(folder: Path) -> Plan:
    """The plan in `folder`; TextoError where there is none or it is damaged."""
    what = f"comparison {str(folder)!r}"
    if not (folder / PLAN).is_file():
        raise TextoError(what, f"has no {PLAN}", "give a folder that 'texto compare' made")
    values = read_json(folder / PLAN, what)
    if not isinstance(values, dict) or values.get("format") != FORMAT:
        raise TextoError(what, "was made by another version", "start anew with --force")
    return checked(values, Plan, what).turned()


def load(folder: str | Path) -> Results:
    """The comparison in `folder`, finished or not; TextoError where there is none."""
    return results(read(Path(folder)), Path(folder))


def results(plan: Plan, folder: Path) -> Results:
    """What is in the plan's `folder` so far."""
    found = (store.saved_cell(folder, *key) for key in plan.runs())
    floors = {each.name: store.saved_floor(folder, each.name) for each in plan.exemplars}
    shapes = {each.result_shape for each in plan.exemplars}
    return Results(
        folder=folder,
        title=plan.title,
        shape=shapes.pop() if len(shapes) == 1 else None,
        seeds=plan.seeds,
        entries=plan.entries,
        exemplars=plan.exemplars,
        columns=plan.columns,
        floors={name: scores for name, scores in floors.items() if scores is not None},
        cells=tuple(cell for cell in found if cell is not None),
        machine=plan.machine,
        created=plan.created,
    )


def opened(plan: Plan, folder: Path, *, force: bool) -> Plan:
    """`plan` saved in its `folder`, as the continuation of what is there unless `force`."""
    check_folder(folder, force=force)
    if (folder / PLAN).exists():
        if force:
            store.clear(folder)
        else:
            plan = plan.continuing(read(folder), folder)
    store.write(folder / PLAN, to_bytes(plan.turned()))
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
