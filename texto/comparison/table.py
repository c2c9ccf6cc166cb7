"""scores.csv: one line a cell with all its numbers, then the floors."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import store
from .results import Cell, Results, Scores

FLOOR = "floor"
_HEAD = (
    "kind",
    "exemplar",
    "label",
    "method",
    "seed",
    "status",
    "reason",
    "width",
    "height",
    "fit_s",
    "synthesis_s",
    "peak_bytes",
    "threads",
    "network_weights",
)


def write_csv(results: Results, path: Path) -> None:
    """UTF-8, full precision, empty where there is no value.

    `kind` is "result" or "floor"; a score's column is followed by its spread over draws.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    names = [column["name"] for column in results.columns]
    writer.writerow([*_HEAD, *(word for name in names for word in (name, f"{name}_spread"))])
    methods = {entry.label: entry.method for entry in results.entries}
    shapes = {each.name: each.result_shape for each in results.exemplars}
    for cell in results.cells:
        first = _first(cell, methods[cell.label], shapes[cell.exemplar])
        writer.writerow([*first, *_numbers(cell.scores, names)])
    for exemplar, scores in results.floors.items():
        blank = [""] * (len(_HEAD) - 2)
        writer.writerow([FLOOR, exemplar, *blank, *_numbers(scores, names)])
    store.write(path, text.getvalue().encode("utf-8", "backslashreplace"))


def _first(cell: Cell, method: str, shape: tuple[int, int]) -> list[Any]:
    """The values of _HEAD; size and threads are told of a picture that there is."""
    height, width = shape
    there = [width, height] if cell.status == "done" else ["", ""]
    threads = cell.threads if cell.status == "done" else ""
    return [
        "result",
        cell.exemplar,
        cell.label,
        method,
        cell.seed,
        cell.status,
        cell.reason,
        *there,
        cell.fit_s,
        cell.synthesis_s,
        cell.peak_bytes,
        threads,
        cell.weights,
    ]


def _numbers(scores: Scores, names: Sequence[str]) -> list[float | None]:
    found = (scores.get(name) for name in names)
    pairs = ((each["value"], each["spread"]) if each else (None, None) for each in found)
    return [number for pair in pairs for number in pair]
