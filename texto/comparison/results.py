"""What a comparison found, as frozen data that a folder of JSON files holds.

Layout of the folder:

    plan.json                         what was asked
    exemplars/NAME.png                the exemplars
    floors/NAME.json                  what a perfect result would get
    runs/NAME/LABEL_sSEED.png, .json  one cell; its JSON is written last and makes it a cell
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NotRequired, TypedDict

from msgspec import field

from .kept import Kept, Place, ScoreDict, Side, Text, Whole
from .machine import Machine

if TYPE_CHECKING:
    from ..metrics import Score

PLAN, EXEMPLARS, RUNS, FLOORS = "plan.json", "exemplars", "runs", "floors"
FORMAT = 1  # of the folder

Shape = tuple[Side, Side]
Scores = Mapping[str, ScoreDict]  # by column


class Entry(Kept, frozen=True):
    """One column of pictures: a registered `method` with `settings` under a `label`.

    `published` : scores that a paper prints for it, means over its textures, by column.
    """

    label: Text
    method: Text
    settings: Mapping[str, Any]
    published: Mapping[str, float] | None


class Exemplar(Kept, frozen=True):
    """One row: `shape` (height, width) of the exemplar, `result_shape` of what is made from it.

    `path` : as it was given. `sha256` : of the pixels. `picture` : its file in the folder.
    """

    name: Text
    path: Text
    sha256: Text
    shape: Shape = field(name="size")
    result_shape: Shape = field(name="result_size")
    picture: Place

    def turned(self) -> Exemplar:
        """This one with height and width exchanged: files have sizes, (width, height)."""
        return self.replaced(shape=self.shape[::-1], result_shape=self.result_shape[::-1])


class Column(TypedDict):
    """A score. `reason` : why it could not run here, or None. `unit` : of a cost, in reports."""

    name: str
    help: str
    better: Literal["lower", "higher"]
    reason: str | None
    unit: NotRequired[str | None]


class Cell(Kept, frozen=True):
    """One run of one entry on one exemplar with one seed.

    `status` : "done"; "failed" with the `reason` in one line; "unavailable" where the method
    cannot run here, with the reason. Times in seconds, imports not counted. `peak_bytes` : the
    most memory that its process held up to the end of the synthesis. `scores` : by column.
    `picture` : its file in the folder. `loss` : pairs (iteration, loss). `settings` : all of the
    method's. `threads` : what it might use.
    """

    exemplar: Text
    label: Text
    seed: Whole
    status: Literal["done", "failed", "unavailable"]
    reason: Text | None = None
    fit_s: float | None = None
    synthesis_s: float | None = None
    peak_bytes: Whole | None = None
    scores: Scores = field(default_factory=dict)
    picture: Place | None = None
    loss: tuple[tuple[Whole, float], ...] | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, Text] = field(default_factory=dict)
    threads: Whole = 1

    def value(self, column: str) -> float | None:
        """The score in `column`; None where there is none."""
        score = self.scores.get(column)
        return None if score is None else score["value"]

    @property
    def seconds(self) -> float:
        """Of fit and synthesis together."""
        return (self.fit_s or 0) + (self.synthesis_s or 0)

    @property
    def weights(self) -> str:
        """What its network ran on, a file or "random", with random layers; "" without one."""
        name, layers = (self.settings.get(k) for k in ("network_weights", "random_layers"))
        return f"{name}, random in {layers}" if layers and name != "random" else str(name or "")


@dataclass(frozen=True)
class Results:
    """Everything that a comparison found.

    `shape` : (height, width) of all results, None where each exemplar has its own, see
    `Exemplar.result_shape`. `floors` : by exemplar, then by column. `created` : ISO 8601, UTC.
    Cells that have not run yet are not among `cells`.
    """

    folder: Path
    title: str
    shape: tuple[int, int] | None
    seeds: Sequence[int]
    entries: Sequence[Entry]
    exemplars: Sequence[Exemplar]
    columns: Sequence[Column]
    floors: Mapping[str, Scores]
    cells: Sequence[Cell]
    machine: Machine
    created: str

    def cell(self, exemplar: str, label: str, seed: int) -> Cell | None:
        """The cell of these, None where it has not run."""
        return self._by_key.get((exemplar, label, seed))

    def is_random(self, label: str) -> bool:
        """Whether layers of this label's network have random weights."""
        return any(c.settings.get("random_layers") for c in self.cells if c.label == label)

    def mean(
        self, label: str, column: str, exemplar: str | None = None
    ) -> tuple[float, float | None] | None:
        """The mean of a score and its spread over seeds; None where there is no such mean.

        Without an exemplar: the mean over those that any entry has a score for, and None where
        this entry lacks one of them, as its mean would not be comparable. The spread is the
        standard deviation over seeds (of the means over exemplars); None for one seed.
        """
        if exemplar is not None:
            values = self._values(exemplar, label, column)
            return _mean_and_spread(list(values.values()))
        rows = [
            self._values(name, label, column)
            for name in (each.name for each in self.exemplars)
            if any(self._values(name, other.label, column) for other in self.entries)
        ]
        if not rows or not all(rows):
            return None
        shared = [seed for seed in self.seeds if all(seed in row for row in rows)]
        by_seed = [statistics.fmean(row[seed] for row in rows) for seed in shared]
        whole = statistics.fmean(statistics.fmean(row.values()) for row in rows)
        return whole, _spread(by_seed)

    def ranks(self, column: str) -> dict[str, int]:
        """The rank of each label by its mean over exemplars, 1 the best; equal ones share it.

        Labels without a mean have no rank.
        """
        means = {entry.label: self.mean(entry.label, column) for entry in self.entries}
        found = {label: mean[0] for label, mean in means.items() if mean is not None}
        return _ranked(found, higher=self._better(column) == "higher")

    def published(self, column: str) -> dict[str, float]:
        """The published score of each label that has one.

        It is looked for under the column's name, then under that name without its digits: a
        paper that does not tell which layer it used is read for both `sifid64` and `sifid192`.
        """
        bare = column.rstrip("0123456789")
        found = {}
        for entry in self.entries:
            given = entry.published or {}
            name = column if column in given else bare
            if name in given:
                found[entry.label] = given[name]
        return found

    def published_ranks(self, column: str) -> dict[str, int]:
        """The rank of each label by its published score, 1 the best."""
        return _ranked(self.published(column), higher=self._better(column) == "higher")

    def _better(self, column: str) -> str:
        return next((c["better"] for c in self.columns if c["name"] == column), "lower")

    @cached_property
    def _by_key(self) -> dict[tuple[str, str, int], Cell]:
        return {(cell.exemplar, cell.label, cell.seed): cell for cell in self.cells}

    def _values(self, exemplar: str, label: str, column: str) -> dict[int, float]:
        """The scores that there are, by seed."""
        found = {}
        for seed in self.seeds:
            cell = self.cell(exemplar, label, seed)
            value = None if cell is None else cell.value(column)
            if value is not None:
                found[seed] = value
        return found


def score_dict(score: Score) -> ScoreDict:
    """`score` as plain data; a value that is no number becomes a reason."""
    value, spread = _finite(score.value), _finite(score.spread)
    reason = score.reason
    if value is None and reason is None:
        reason = "is no finite number"
    return {"value": value, "spread": spread, "reason": reason}


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)


def _ranked(values: Mapping[str, float], *, higher: bool) -> dict[str, int]:
    sign = -1 if higher else 1
    ordered = sorted(sign * value for value in values.values())
    return {label: 1 + ordered.index(sign * value) for label, value in values.items()}


def _mean_and_spread(values: Sequence[float]) -> tuple[float, float | None] | None:
    return (statistics.fmean(values), _spread(values)) if values else None


def _spread(values: Sequence[float]) -> float | None:
    return statistics.stdev(values) if len(values) > 1 else None
