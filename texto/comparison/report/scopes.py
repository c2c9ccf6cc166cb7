"""The tables of the report: the mean over exemplars, and each exemplar by itself."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from ..kept import ScoreDict
from ..results import Cell, Column, Entry, Results
from .wording import figure, seconds, seconds_spread, spread_of


def _cost(name: str, unit: str, help: str) -> Column:
    return {"name": name, "help": help, "better": "lower", "reason": None, "unit": unit}


_COSTS = (
    _cost("fit", "s", "wall-clock time of fitting or training"),
    _cost("synthesis", "s", "wall-clock time of making one picture"),
    _cost(
        "memory",
        "MiB",
        "the most memory that the run's own process held, with Python and its libraries",
    ),
)


@dataclass(frozen=True)
class Value:
    """One number of a table: `value`, or the `reason` why there is none, which is note `note`.

    `rank` is among `ranked` methods, `published` the number a paper gives, with its own rank.
    """

    value: float | None = None
    text: str | None = None
    spread: str | None = None
    rank: int | None = None
    ranked: int = 0
    published: str | None = None
    published_rank: int | None = None
    published_ranked: int = 0
    reason: str | None = None
    note: int | None = None

    @property
    def best(self) -> bool:
        """Whether nothing in this column is better."""
        return self.rank == 1


@dataclass(frozen=True)
class Row:
    """One method: its `values` by column; what went wrong in some of its runs, if anything."""

    label: str
    method: str
    values: Sequence[Value]
    trouble: str | None = None
    failed: bool = False
    reason: str | None = None
    note: int | None = None


@dataclass(frozen=True)
class Scope:
    """One table: the `floor`, a row for each entry, and the `notes` that their numbers name."""

    title: str
    floor: Sequence[Value]
    rows: Sequence[Row]
    notes: Sequence[str]


def columns(results: Results) -> list[Column]:
    """What a run costs, then the scores; each has a unit or None."""
    return [*_COSTS, *(cast(Column, {"unit": None, **column}) for column in results.columns)]


def scopes(results: Results) -> list[Scope]:
    """The mean over exemplars, then each exemplar; one table only where there is one exemplar."""
    cells = [_with_costs(cell) for cell in results.cells]
    whole = dataclasses.replace(results, columns=columns(results), cells=cells)
    exemplars = results.exemplars
    if len(exemplars) == 1:
        return [_scope(whole, exemplars[0].name, published=True)]
    parts = [dataclasses.replace(whole, exemplars=[each]) for each in exemplars]
    mean = _scope(whole, f"Mean over {len(exemplars)} exemplars", published=True)
    return [mean, *(_scope(part, part.exemplars[0].name) for part in parts)]


def _with_costs(cell: Cell) -> Cell:
    """`cell` with its times and memory among its scores, and no number where it is not done."""
    if cell.status != "done":
        return cell.replaced(scores={})
    memory = None if cell.peak_bytes is None else cell.peak_bytes / 2**20
    costs: dict[str, ScoreDict] = {
        column["name"]: {"value": value, "spread": None, "reason": "was not measured"}
        for column, value in zip(_COSTS, (cell.fit_s, cell.synthesis_s, memory), strict=True)
    }
    return cell.replaced(scores={**costs, **cell.scores})


class _Notes:
    """Numbers for reasons, the same one for the same reason."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def number(self, text: str) -> int:
        if text not in self.texts:
            self.texts.append(text)
        return 1 + self.texts.index(text)


def _scope(results: Results, title: str, *, published: bool = False) -> Scope:
    notes = _Notes()
    names = [column["name"] for column in results.columns]
    floor = [_floor(results, column, notes) for column in results.columns]
    ranks = {column["name"]: _ranks(results, column) for column in results.columns}
    theirs = {name: results.published(name) if published else {} for name in names}
    their_ranks = {name: results.published_ranks(name) if published else {} for name in names}
    rows = []
    for entry in results.entries:
        values = [
            _value(results, entry, column, ranks[column["name"]], notes)
            for column in results.columns
        ]
        values = [
            _published(value, theirs[name], their_ranks[name], entry.label)
            for name, value in zip(names, values, strict=True)
        ]
        rows.append(_row(results, entry, values, notes))
    return Scope(title, floor, rows, notes.texts)


def _value(
    results: Results, entry: Entry, column: Column, ranks: Mapping[str, int], notes: _Notes
) -> Value:
    mean = results.mean(entry.label, column["name"])
    if mean is None:
        reason = column["reason"] or _missing(results, entry.label, column["name"])
        return Value(reason=reason, note=notes.number(reason))
    value, spread = mean
    rank = ranks.get(entry.label)
    if column["unit"] == "s":
        text, around = seconds(value), seconds_spread(value, spread)
    else:
        text, around = figure(value), spread_of(value, spread)
    return Value(value, text, around, rank, len(ranks))


def _ranks(results: Results, column: Column) -> Mapping[str, int]:
    """The rank of each label; times are equal where they are printed as equal milliseconds."""
    name = column["name"]
    if column["unit"] != "s":
        return results.ranks(name)
    means = {entry.label: results.mean(entry.label, name) for entry in results.entries}
    found = {label: round(mean[0], 3) for label, mean in means.items() if mean is not None}
    ordered = sorted(found.values())
    return {label: 1 + ordered.index(value) for label, value in found.items()}


def _published(
    value: Value, scores: Mapping[str, float], ranks: Mapping[str, int], label: str
) -> Value:
    if label not in scores:
        return value
    return dataclasses.replace(
        value,
        published=figure(scores[label]),
        published_rank=ranks[label],
        published_ranked=len(ranks),
    )


def _row(results: Results, entry: Entry, values: Sequence[Value], notes: _Notes) -> Row:
    """The row with a line on the runs that have no picture, if there are such."""
    cells = [
        (exemplar.name, seed, results.cell(exemplar.name, entry.label, seed))
        for exemplar in results.exemplars
        for seed in results.seeds
    ]
    counts = {
        "failed": sum(cell is not None and cell.status == "failed" for *_, cell in cells),
        "cannot run here": sum(
            cell is not None and cell.status == "unavailable" for *_, cell in cells
        ),
        "not run yet": sum(cell is None for *_, cell in cells),
    }
    method = entry.method + (", random weights" if results.is_random(entry.label) else "")
    told = [(words, count) for words, count in counts.items() if count]
    if not told:
        return Row(entry.label, method, values)
    failed = counts["failed"] > 0
    trouble = ", ".join(
        words if count == len(cells) else f"{count} of {len(cells)} {words}"
        for words, count in told
    )
    reason = _troubles(results, entry.label)
    return Row(entry.label, method, values, trouble, failed, reason, notes.number(reason))


def _floor(results: Results, column: Column, notes: _Notes) -> Value:
    """The mean of the exemplars' floors; none unless each that has scores has one."""
    if column["unit"] is not None:
        return Value()  # a cost has no floor
    name = column["name"]
    values: list[float] = []
    spreads: list[float] = []
    missing = []
    for exemplar in results.exemplars:
        score = results.floors.get(exemplar.name, {}).get(name)
        if score is not None and score["value"] is not None:
            values.append(score["value"])
            spreads += [] if score["spread"] is None else [score["spread"]]
        else:
            missing.append((exemplar.name, (score and score["reason"]) or "has no floor yet"))
    if missing or not values:
        reason = column["reason"] or _told(results, [(name, {why: ""}) for name, why in missing])
        return Value(reason=reason, note=notes.number(reason))
    value = statistics.fmean(values)
    spread = statistics.fmean(spreads) if spreads else None
    return Value(value, figure(value), spread_of(value, spread))


def _missing(results: Results, label: str, name: str) -> str:
    """Why an entry has no mean in a column."""
    found = []
    for exemplar in results.exemplars:
        cells = _cells(results, exemplar.name, label)
        if not any(cell is not None and cell.value(name) is not None for cell in cells.values()):
            found.append((exemplar.name, _causes(cells, name)))
    return _told(results, found)


def _troubles(results: Results, label: str) -> str:
    """Why those of an entry's runs that are not done are not."""
    found = []
    for exemplar in results.exemplars:
        cells = _cells(results, exemplar.name, label)
        found.append((exemplar.name, _causes(cells)))
    return _told(results, [(name, causes) for name, causes in found if causes])


def _cells(results: Results, exemplar: str, label: str) -> dict[int, Cell | None]:
    return {seed: results.cell(exemplar, label, seed) for seed in results.seeds}


def _causes(cells: Mapping[int, Cell | None], name: str | None = None) -> dict[str, str]:
    """Reasons with the seeds they hold for, "" for all, of runs that are not done.

    With the `name` of a column: of all its missing scores.
    """
    seeds: dict[str, list[int]] = {}
    for seed, cell in cells.items():
        if cell is None or cell.status != "done":
            seeds.setdefault(_trouble(cell), []).append(seed)
        elif name is not None:
            score = cell.scores.get(name)
            reason = (score and score["reason"]) or "was not computed"
            seeds.setdefault(reason, []).append(seed)
    return {
        reason: "" if len(which) == len(cells) else f"seed {', '.join(map(str, which))}"
        for reason, which in seeds.items()
    }


def _trouble(cell: Cell | None) -> str:
    if cell is None:
        return "has not run yet"
    return f"failed: {cell.reason}" if cell.status == "failed" else str(cell.reason)


def _told(results: Results, found: Sequence[tuple[str, Mapping[str, str]]]) -> str:
    """Reasons with the exemplars and seeds that share them; no place where one holds for all."""
    places: dict[str, list[tuple[str, str]]] = {}
    for exemplar, causes in found:
        for reason, seeds in causes.items():
            places.setdefault(reason, []).append((exemplar, seeds))
    texts = []
    for reason, where in places.items():
        everywhere = len(where) == len(results.exemplars)
        if everywhere and len({seeds for _, seeds in where}) == 1:
            place = where[0][1]  # the same seeds of all exemplars
        else:
            place = ", ".join(f"{name} ({seeds})" if seeds else name for name, seeds in where)
        texts.append(f"{place}: {reason}" if place else reason)
    return "; ".join(texts)
