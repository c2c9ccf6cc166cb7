"""What a comparison found, as frozen data that a folder of JSON files holds.

Layout of the folder:

    plan.json                         what was asked
    exemplars/NAME.png                the exemplars
    floors/NAME.json                  what a perfect result would get
    runs/NAME/LABEL_sSEED.png, .json  one cell; its JSON is written last and makes it a cell
"""

from __future__ import annotations

import dataclasses
import json
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from ..core.errors import TextoError
from . import fields

PLAN, EXEMPLARS, RUNS, FLOORS = "plan.json", "exemplars", "runs", "floors"
STATUSES = ("done", "failed", "unavailable")
FORMAT = 1  # of the folder

ScoreDict = Mapping[str, Any]  # {"value": float | None, "spread": float | None, "reason": str}


@dataclass(frozen=True)
class Entry(fields.Checked):
    """One column of pictures: a registered `method` with `settings` under a `label`.

    `published` : scores that a paper prints for it, means over its textures, by column.
    """

    label: str
    method: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    published: Mapping[str, float] | None = None

    _CHECKS: ClassVar = {
        "label": fields.text,
        "method": fields.text,
        "settings": lambda v: isinstance(v, dict),
        "published": lambda v: v is None or fields.mapping(v, fields.number),
    }


@dataclass(frozen=True)
class Exemplar(fields.Checked):
    """One row: `size` (width, height) of the exemplar, `result_size` of what is made from it.

    `path` : as it was given. `sha256` : of the pixels. `picture` : its file in the folder.
    """

    name: str
    path: str
    sha256: str
    size: tuple[int, int]
    result_size: tuple[int, int]
    picture: str

    _CHECKS: ClassVar = {
        "name": fields.text,
        "path": fields.text,
        "sha256": fields.text,
        "size": fields.size,
        "result_size": fields.size,
        "picture": fields.place,
    }


@dataclass(frozen=True)
class Cell(fields.Checked):
    """One run of one entry on one exemplar with one seed.

    `status` : "done"; "failed" with the `reason` in one line; "unavailable" where the method
    cannot run here, with the reason. Times in seconds, imports not counted. `peak_bytes` : the
    most memory that its process held up to the end of the synthesis. `scores` : by column,
    {"value", "spread", "reason"}. `picture` : its file in the folder. `loss` : pairs
    (iteration, loss). `settings` : all of the method's. `threads` : what it might use.
    """

    exemplar: str
    label: str
    seed: int
    status: str
    reason: str | None = None
    fit_s: float | None = None
    synthesis_s: float | None = None
    peak_bytes: int | None = None
    scores: Mapping[str, ScoreDict] = field(default_factory=dict)
    picture: str | None = None
    loss: Sequence[tuple[int, float]] | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    threads: int = 1

    _CHECKS: ClassVar = {
        "exemplar": fields.text,
        "label": fields.text,
        "seed": fields.whole,
        "status": lambda v: v in STATUSES,
        "reason": lambda v: v is None or fields.text(v),
        "fit_s": lambda v: v is None or fields.number(v),
        "synthesis_s": lambda v: v is None or fields.number(v),
        "peak_bytes": lambda v: v is None or fields.whole(v),
        "scores": lambda v: fields.mapping(v, fields.score),
        "picture": lambda v: v is None or fields.place(v),
        "loss": lambda v: v is None or (isinstance(v, list) and all(map(fields.loss, v))),
        "settings": lambda v: isinstance(v, dict),
        "versions": lambda v: fields.mapping(v, fields.text),
        "threads": fields.whole,
    }

    def value(self, column: str) -> float | None:
        """The score in `column`; None where there is none."""
        return self.scores.get(column, {}).get("value")

    @property
    def weights(self) -> str:
        """What its network ran on, a file or "random", with random layers; "" without one."""
        name, layers = (self.settings.get(k) for k in ("network_weights", "random_layers"))
        return f"{name}, random in {layers}" if layers and name != "random" else str(name or "")

    def replaced(self, **changes: Any) -> Cell:
        """This cell with some fields changed."""
        return dataclasses.replace(self, **changes)


@dataclass(frozen=True)
class Results:
    """Everything that a comparison found.

    `size` : (width, height) of all results, None where each exemplar has its own, see
    `Exemplar.result_size`. `columns` : {"name", "help", "better": "lower" | "higher", "reason":
    why it could not run here, or None}. `floors` : by exemplar, then by column, {"value",
    "spread", "reason"}. `machine` : {"cores", "cpu", "gpu"}. `created` : ISO 8601, UTC.
    Cells that have not run yet are not among `cells`.
    """

    folder: Path
    title: str
    size: tuple[int, int] | None
    seeds: Sequence[int]
    entries: Sequence[Entry]
    exemplars: Sequence[Exemplar]
    columns: Sequence[Mapping[str, Any]]
    floors: Mapping[str, Mapping[str, ScoreDict]]
    cells: Sequence[Cell]
    machine: Mapping[str, Any]
    created: str

    def cell(self, exemplar: str, label: str, seed: int) -> Cell | None:
        """The cell of these, None where it has not run."""
        return self._by_key().get((exemplar, label, seed))

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
            if column in given or bare in given:
                found[entry.label] = given.get(column, given.get(bare))
        return found

    def published_ranks(self, column: str) -> dict[str, int]:
        """The rank of each label by its published score, 1 the best."""
        return _ranked(self.published(column), higher=self._better(column) == "higher")

    def _better(self, column: str) -> str:
        return next((c["better"] for c in self.columns if c["name"] == column), "lower")

    def _by_key(self) -> dict[tuple[str, str, int], Cell]:
        cells = self.__dict__.get("_cells")
        if cells is None:
            cells = {(cell.exemplar, cell.label, cell.seed): cell for cell in self.cells}
            object.__setattr__(self, "_cells", cells)
        return cells

    def _values(self, exemplar: str, label: str, column: str) -> dict[int, float]:
        """The scores that there are, by seed."""
        found = {}
        for seed in self.seeds:
            cell = self.cell(exemplar, label, seed)
            value = None if cell is None else cell.value(column)
            if value is not None:
                found[seed] = value
        return found


def read_json(path: Path, what: str) -> Any:
    """The JSON in the file `path`; TextoError where it is missing or damaged."""
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise TextoError(what, error.strerror or str(error), "run the comparison again") from error
    except (ValueError, RecursionError) as error:
        raise fields.damaged(what, "is no JSON") from error


def to_bytes(value: Any) -> bytes:
    """`value` as the bytes of a JSON file: keys sorted, so that equal values are equal files."""
    text = json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return text.encode() + b"\n"


def score_dict(score: Any) -> dict[str, Any]:
    """A `texto.metrics.Score` as plain data; a value that is no number becomes a reason."""
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
