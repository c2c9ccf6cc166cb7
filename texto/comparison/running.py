"""Plans a comparison and runs what is missing of it."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.choices import MAX_SEED
from ..core.errors import TextoError, TextoWarning
from . import asked as asking
from . import plan as planning
from . import store
from .asked import Asked
from .exemplars import Opened, Wanted, described, distinct
from .local import Work
from .plan import Plan
from .process import Outcome
from .results import Cell, Entry, Results

Told = Callable[[Cell, int, int], None]
_FLOOR = "floor"


def ignored(cell: Cell, number: int, total: int) -> None:
    """The callback that tells nothing."""


@dataclass(frozen=True)
class Engine:
    """Where runs take place: `jobs` at a time here, or on the cluster of `scheduler`.

    Times are comparable with one job only. `timeout` in seconds ends a run that takes longer.
    """

    jobs: int = 1
    scheduler: str | None = None
    timeout: float | None = None

    def __post_init__(self):
        if self.jobs < 1:
            raise TextoError("jobs", f"is {self.jobs}", "give at least 1")
        if self.timeout is not None and not self.timeout > 0:
            raise TextoError("timeout", f"is {self.timeout}", "give seconds above 0")

    @contextlib.contextmanager
    def running(self, work: Sequence[Work]) -> Iterator[Iterator[tuple[Any, Outcome]]]:
        """The outcomes of `work` as they come; what runs is ended with the block."""
        from . import cluster, local

        if self.scheduler is None:
            run = local.run(work, self.jobs)
        else:
            run = cluster.run(work, self.scheduler)
        with contextlib.closing(run):
            yield run


@dataclass(frozen=True, eq=False)
class Comparison:
    """A plan in its folder, ready to run."""

    folder: Path
    plan: Plan
    opened: Sequence[Opened]
    engine: Engine
    threads: int | None = None

    def run(self, told: Told = ignored) -> None:
        """Run the cells and floors that are missing; `told` hears of each cell as it is done.

        Each cell is written whole, or not at all. An exception ends the runs under way.
        """
        missing = list(self.missing())
        total = len(list(self.plan.runs()))
        number = total - len(missing)
        with self.engine.running([*self._floors(), *map(self._work, missing)]) as outcomes:
            for key, outcome in outcomes:
                if key[0] is _FLOOR:
                    self._keep_floor(key[1], outcome)
                    continue
                number += 1
                told(self._kept(key, outcome), number, total)

    def missing(self) -> Iterator[tuple[str, str, int]]:
        """The cells without a result; those that failed or could not run are tried again."""
        for key in self.plan.runs():
            cell = store.saved_cell(self.folder, *key)
            if cell is None or cell.status != "done":
                yield key

    def _work(self, key: tuple[str, str, int]) -> Work:
        name, label, seed = key
        entry, exemplar = self.plan.entry(label), self.plan.exemplar(name)
        given = self._given(name)
        job = {
            "kind": "run",
            "method": entry.method,
            "settings": dict(entry.settings),
            "seed": seed,
            "shape": list(exemplar.result_shape),
            "record": {
                "exemplar": Path(exemplar.path).name,
                "exemplar_hash": exemplar.sha256,
                "alpha": given.alpha,
                "deterministic": self.threads == 1,
                **({"maps": given.stack.notes(), "map": 1} if given.stack else {}),
            },
        }
        return key, self._job(job), given.pixels

    def _floors(self) -> Iterator[Work]:
        for each in self.opened:
            if store.saved_floor(self.folder, each.name) is None:
                yield (_FLOOR, each.name), self._job({"kind": "floor"}), each.shown

    def _job(self, job: Mapping[str, Any]) -> dict[str, Any]:
        threads = {"threads": self.threads} if self.threads else {}
        columns = [column["name"] for column in self.plan.columns]
        return {**job, **threads, "columns": columns, "timeout": self.engine.timeout}

    def _given(self, name: str) -> Opened:
        return next(each for each in self.opened if each.name == name)

    def _keep_floor(self, name: str, outcome: Outcome) -> None:
        if outcome.result is not None:
            store.save_floor(self.folder, name, outcome.result["scores"])
        else:  # it is tried again next time
            note = f"no floor for exemplar {name!r}: {outcome.failure}"
            warnings.warn(note, TextoWarning, stacklevel=2)

    def _kept(self, key: tuple[str, str, int], outcome: Outcome) -> Cell:
        name, label, seed = key
        if outcome.result is None:
            values: Mapping[str, Any] = {"status": "failed", "reason": outcome.failure}
        else:
            values = outcome.result
        settings = {"settings": dict(self.plan.entry(label).settings)}
        cell = Cell(name, label, seed, **{**settings, **values})
        picture = outcome.picture if cell.status == "done" else None
        return store.save_cell(self.folder, cell, picture)


def prepare(
    opened: Sequence[Opened],
    entries: Sequence[Asked],
    *,
    folder: Path,
    seeds: Sequence[int],
    wanted: Wanted = None,
    columns: Sequence[str] | None = None,
    title: str | None = None,
    engine: Engine | None = None,
    deterministic: bool = False,
    force: bool = False,
) -> Comparison:
    """Check everything, then open the folder. TextoError leaves the folder as it was."""
    engine = engine or Engine()
    planning.check_folder(folder, force=force)
    exemplars = [described(each, wanted) for each in distinct(opened)]
    probed = _probed(entries, columns, engine)
    asked = planning.request(
        [entry.request() for entry in entries],
        exemplars,
        seeds,
        probed["columns"],
        deterministic=deterministic,
    )
    names = ", ".join(each.name for each in exemplars[:4]) + (", ..." if exemplars[4:] else "")
    made = Plan(
        title=title or f"Comparison on {names}",
        seeds=tuple(seeds),
        entries=_entries(entries, probed["entries"]),
        exemplars=tuple(exemplars),
        columns=tuple(probed["columns"]),
        machine=probed["machine"],
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        request=asked,
    )
    made = planning.opened(made, folder, force=force)
    _keep_exemplars(made, folder, opened)
    return Comparison(folder, made, opened, engine, 1 if deterministic else None)


def finish(comparison: Comparison) -> Results:
    """Write grid, table and report of what there is, and return it."""
    from .grid import write_grid
    from .report import write_report
    from .table import write_csv

    folder = comparison.folder
    results = planning.results(comparison.plan, folder)
    write_csv(results, folder / store.TABLE)
    write_grid(results, folder / store.GRID)
    write_report(results, folder / store.REPORT)
    return results


def check_seeds(seeds: Sequence[int]) -> tuple[int, ...]:
    """`seeds`; TextoError where there is none, one is out of range or given twice."""
    if not seeds:
        raise TextoError("seeds", "there are none", "give at least one")
    for seed in seeds:
        if not 0 <= seed <= MAX_SEED:
            raise TextoError("seeds", f"{seed} is not from 0 to {MAX_SEED}", "choose others")
    if len(set(seeds)) < len(seeds):
        raise TextoError("seeds", "one is given twice", "give each once")
    return tuple(seeds)


def _keep_exemplars(plan: Plan, folder: Path, opened: Sequence[Opened]) -> None:
    from ..io.images import encode_image

    for each, given in zip(plan.exemplars, opened, strict=True):
        path = folder / each.picture
        if not path.exists():
            store.write(path, encode_image(".png", given.shown))


def _probed(
    entries: Sequence[Asked], columns: Sequence[str] | None, engine: Engine
) -> Mapping[str, Any]:
    """What can run where the runs will take place; TextoError for wrong settings or columns."""
    found = _probe(entries, columns, engine).result
    if found is None:  # a method's import ended the process: find out whose, cells will tell
        alone = [_probe([entry], columns, engine).result for entry in entries]
        without = _probe([], columns, engine)
        if without.result is None:
            raise TextoError("compare", str(without.failure), "see 'texto doctor'")
        found = {
            **without.result,
            "entries": [each["entries"][0] if each else {} for each in alone],
        }
    refusals = [found["columns"]] if isinstance(found["columns"], dict) else found["entries"]
    for each in refusals:
        if "refusal" in each:
            raise TextoError(*each["refusal"])
    return found


def _probe(entries: Sequence[Asked], columns: Sequence[str] | None, engine: Engine) -> Outcome:
    job = {
        "kind": "probe",
        "entries": [entry.request() for entry in entries],
        "columns": columns and list(columns),
    }
    alone = dataclasses.replace(engine, jobs=1)  # with all processors, which it counts
    with alone.running([("probe", job, None)]) as outcomes:
        return next(outcome for _, outcome in outcomes)


def _entries(entries: Sequence[Asked], probed: Sequence[Mapping[str, Any]]) -> tuple[Entry, ...]:
    return tuple(asking.entry_of(*pair) for pair in zip(entries, probed, strict=True))
