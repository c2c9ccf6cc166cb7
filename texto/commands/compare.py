"""`texto compare`: every method on every exemplar, side by side."""

from __future__ import annotations

import argparse
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..comparison import Cell, Results, api, asked, preset, running, store
from ..comparison.exemplars import Opened, Wanted, described, open_exemplars
from ..core.choices import MAX_SEED
from ..core.errors import TextoError
from . import outputs, values
from .console import complain, say, say_json
from .options import Options
from .reading import Reading
from .running import told_time

DEFAULT_SEEDS = 3


def run(options: Options) -> None:
    """Check everything, run what is missing, write the outputs.

    Cells that fail are part of the result: the outcome is an error only where no cell was made.
    """
    told = _Told(options)
    comparison = _prepared(options)
    told.columns(comparison.plan.columns)
    try:
        comparison.run(told)
    except KeyboardInterrupt:
        _write_what_there_is(comparison, told)
        raise
    with told_time("grid, table and report", options):
        results = running.finish(comparison)
    _conclude(results, options, told)


def _prepared(options: Options) -> running.Comparison:
    given = preset.read(Path(options.config)) if options.config else preset.Preset()
    paths = options.exemplars or given.exemplars
    if not paths:
        raise TextoError("EXEMPLAR", "is missing", "name pictures, or give them in --config")
    entries = given.entries
    if options.methods is not None or not entries:
        entries = asked.by_names(asked.ALL if options.methods is None else options.methods, entries)
    entries = asked.with_settings(entries, options.settings)
    seeds, wanted = _seeds(options, given), _wanted(options, given)
    reading = Reading.of(options)
    opened = open_exemplars(paths, maps=options.maps, alpha=reading.alpha, read=reading.open)
    for each in opened:
        exemplar = described(each, wanted)
        outputs.check_memory(exemplar.result_shape, each.pixels.shape[2])
    columns = options.columns.split(",") if options.columns is not None else given.columns
    return running.prepare(
        opened,
        entries,
        folder=_folder(options, opened),
        seeds=seeds,
        wanted=wanted,
        columns=columns and [name.strip() for name in columns if name.strip()],
        title=given.title,
        engine=running.Engine(options.jobs, options.scheduler, options.timeout),
        deterministic=options.deterministic,
        force=options.force,
    )


def _folder(options: Options, opened: Sequence[Opened]) -> Path:
    if options.output == "":
        raise TextoError("-o/--output", "is empty", "name a folder")
    return Path(api.default_folder(opened) if options.output is None else options.output)


def _seeds(options: Options, given: preset.Preset) -> tuple[int, ...]:
    first = options.seed or 0
    if options.seeds is None and given.seeds is not None and not isinstance(given.seeds, int):
        if options.seed is not None:
            raise TextoError("--seed", "the config lists its seeds", "give --seeds too")
        return running.check_seeds(given.seeds)
    counted = given.seeds if isinstance(given.seeds, int) else None
    count = options.seeds or counted or DEFAULT_SEEDS
    if first + count - 1 > MAX_SEED:
        raise TextoError("--seed", f"{first} + {count - 1} is above {MAX_SEED}", "give a smaller")
    return tuple(range(first, first + count))


def _wanted(options: Options, given: preset.Preset) -> Wanted:
    size = options.size
    if size is None and given.size is not None:
        try:
            size = values.Size.parse(given.size)
        except argparse.ArgumentTypeError as error:
            why, _, remedy = str(error).partition("; ")
            raise TextoError("config key 'size'", why, remedy) from error
    if size is None:
        return None
    return size.scale or size.shape


class _Told:
    """Tells each cell in one line on stderr."""

    def __init__(self, options: Options):
        self.quiet = options.quiet

    def note(self, text: str) -> None:
        """Tell `text`, unless quiet."""
        if not self.quiet:
            complain(f"texto: {text}")

    def columns(self, columns: Sequence[Mapping[str, Any]]) -> None:
        """Tell once which columns cannot run here."""
        reasons: dict[str, list[str]] = {}
        for column in columns:
            if column["reason"] is not None:
                reasons.setdefault(column["reason"], []).append(column["name"])
        for reason, names in reasons.items():
            self.note(f"note: no {', '.join(names)}: {reason}")

    def __call__(self, cell: Cell, number: int, total: int) -> None:
        done = cell.status == "done"
        end = f"{cell.seconds:.2f} s" if done else f"{cell.status}: {cell.reason}"
        self.note(f"{number}/{total} {cell.exemplar} {cell.label} seed {cell.seed}: {end}")


def _write_what_there_is(comparison: running.Comparison, told: _Told) -> None:
    """The outputs of an interrupted comparison, and how to continue."""
    results = running.finish(comparison)
    total = len(list(comparison.plan.runs()))
    done = sum(cell.status == "done" for cell in results.cells)
    told.note(
        f"{done} of {total} cells are in {str(results.folder)!r}; "
        "the same command continues with the others"
    )


def _conclude(results: Results, options: Options, told: _Told) -> None:
    counts = Counter(cell.status for cell in results.cells)
    if not counts["done"]:
        first = next(cell for cell in results.cells if cell.status != "done")
        raise TextoError(
            f"{first.label} on {first.exemplar}",
            f"{first.reason} (and no other cell was made)".rstrip("."),
            "correct it and run the same command again",
        )
    if counts["failed"]:
        told.note(
            f"note: {counts['failed']} of {len(results.cells)} cells failed, "
            "the same command tries them again"
        )
    if options.json:
        say_json(summary(results))
        return
    for name in store.OUTPUTS:
        say(str(results.folder / name))


def summary(results: Results) -> dict[str, Any]:
    """What `--json` prints: counts, failures, and by column means and ranks over exemplars."""
    counts = Counter(cell.status for cell in results.cells)
    names = [column["name"] for column in results.columns]
    return {
        "folder": str(results.folder),
        "outputs": {name: str(results.folder / name) for name in store.OUTPUTS},
        "cells": {status: counts[status] for status in ("done", "failed", "unavailable")},
        "columns": list(results.columns),
        "means": {
            entry.label: {name: _mean(results, entry.label, name) for name in names}
            for entry in results.entries
        },
        "ranks": {name: results.ranks(name) for name in names},
        "published_ranks": {name: results.published_ranks(name) for name in names},
        "floors": results.floors,
        "not_done": [
            {key: getattr(cell, key) for key in ("exemplar", "label", "seed", "status", "reason")}
            for cell in results.cells
            if cell.status != "done"
        ],
    }


def _mean(results: Results, label: str, column: str) -> dict[str, float | None] | None:
    mean = results.mean(label, column)
    if mean is None:
        return None
    value, spread = mean
    return {"mean": value, "spread": None if spread is None or math.isnan(spread) else spread}
