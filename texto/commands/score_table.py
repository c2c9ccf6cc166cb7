"""The table of scores: as text, as CSV, as plain data."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .console import one_line

if TYPE_CHECKING:
    from ..metrics import Column, Score

FLOOR = "floor"
_MARK = "*"
_DASH = "-"


@dataclasses.dataclass(frozen=True)
class Row:
    """The scores of one picture of `shape` (height, width) by column."""

    path: str
    shape: tuple[int, int]
    scores: Mapping[str, Score]


@dataclasses.dataclass(frozen=True)
class ScoreTable:
    """Pictures down, scores across; `floor` is None where it was not asked for."""

    exemplar: str
    columns: Sequence[Column]
    rows: Sequence[Row]
    floor: Mapping[str, Score] | None
    seed: int
    draws: int

    def best(self) -> dict[str, list[int]]:
        """For each column the numbers of the best rows."""
        from ..metrics import best

        return {
            column.name: best(column, [row.scores[column.name].value for row in self.rows])
            for column in self.columns
        }

    def plain(self) -> dict[str, Any]:
        """What `--json` prints."""
        return {
            "exemplar": self.exemplar,
            "seed": self.seed,
            "draws": self.draws,
            "columns": [
                {"name": column.name, "better": column.better, "help": column.help}
                for column in self.columns
            ],
            "floor": self.floor and _plain(self.floor),
            "results": [
                {
                    "path": row.path,
                    "size": [*row.shape[::-1]],
                    "scores": _plain(row.scores),
                }
                for row in self.rows
            ],
            "best": {
                name: [self.rows[number].path for number in numbers]
                for name, numbers in self.best().items()
            },
        }

    def csv(self) -> bytes:
        """UTF-8, one line a picture and the floor last; full precision, empty where no value is."""
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n")
        names = [column.name for column in self.columns]
        pairs = [word for name in names for word in (name, f"{name}_spread")]
        writer.writerow(["kind", "picture", "width", "height", *pairs])
        for row in self.rows:
            writer.writerow(["result", row.path, *row.shape[::-1], *_cells(row.scores, names)])
        if self.floor is not None:
            writer.writerow([FLOOR, self.exemplar, "", "", *_cells(self.floor, names)])
        return text.getvalue().encode("utf-8", "backslashreplace")

    def lines(self) -> list[str]:
        """The table as text, and what its signs mean."""
        best = self.best()
        head = ["", *(column.name for column in self.columns)]
        body = [
            [
                one_line(row.path),
                *(
                    _shown(column, row.scores[column.name], number in best[column.name])
                    for column in self.columns
                ),
            ]
            for number, row in enumerate(self.rows)
        ]
        if self.floor is not None:
            cells = (_shown(column, self.floor[column.name], False) for column in self.columns)
            body.append([FLOOR, *cells])
        widths = [max(map(len, cells)) for cells in zip(head, *body, strict=True)]
        table = [
            "  ".join(
                [cells[0].ljust(widths[0])]
                + [cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True)]
            ).rstrip()
            for cells in (head, *body)
        ]
        return [*table, "", *self._notes()]

    def _notes(self) -> list[str]:
        """What the table does not say by itself."""
        higher = [column.name for column in self.columns if column.better == "higher"]
        but = f", of {', '.join(higher)} higher" if higher else ""
        notes = [f"{_MARK} the best; lower is better{but}"]
        if any(column.drawn for column in self.columns) and self.draws > 1:
            notes.append(f"± the spread over {self.draws} draws of patches")
        if self.floor is not None:
            notes.append(f"{FLOOR}: halves of the exemplar against each other, ± over 4 pairs")
        return notes + [f"{name}: {reason}" for name, reason in self._reasons()]

    def _reasons(self) -> list[tuple[str, str]]:
        """Why a column has a dash, each reason once, with the picture where it is not all."""
        found: dict[tuple[str, str], list[str]] = {}
        rows = [(one_line(row.path), row.scores) for row in self.rows]
        if self.floor is not None:
            rows.append((FLOOR, self.floor))
        for path, scores in rows:
            for name, score in scores.items():
                if score.reason is not None:
                    found.setdefault((name, score.reason), []).append(path)
        return [
            (name if len(paths) == len(rows) else f"{name} of {', '.join(paths)}", reason)
            for (name, reason), paths in found.items()
        ]


def _plain(scores: Mapping[str, Score]) -> dict[str, dict[str, Any]]:
    return {name: dataclasses.asdict(score) for name, score in scores.items()}


def _cells(scores: Mapping[str, Score], names: Sequence[str]) -> list[str]:
    values = [part for name in names for part in (scores[name].value, scores[name].spread)]
    return ["" if value is None else repr(value) for value in values]


def _shown(column: Column, score: Score, best: bool) -> str:
    """A cell; a blank in place of the mark keeps the figures of a column in line."""
    if score.value is None:
        return f"{_DASH} "
    if column.whole:
        text = f"{score.value:.0f}"
    else:
        text = _figure(score.value)
        if score.spread is not None:
            text += f" ±{_figure(score.spread)}"
    return text + (_MARK if best else " ")


def _figure(value: float) -> str:
    """Four decimals, three figures below a thousandth."""
    return f"{value:.4f}" if value == 0 or abs(value) >= 0.001 else f"{value:.1e}"
