"""`texto score`: pictures scored against the exemplar whose texture they should have."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..core.choices import Kind
from ..core.errors import TextoError
from ..core.types import Progress, Step
from ..io.files import replacing
from ..io.images import Picture
from . import outputs, score_table
from .console import progress_bar, say, say_json, write_bytes
from .options import Options
from .reading import Reading, is_model
from .running import threads, told_time
from .values import written

if TYPE_CHECKING:
    from ..metrics import Column, Judge

CSV = ".csv"
_KINDS = {True: "grey", False: "in colour"}  # by whether there is one channel


def run(options: Options) -> None:
    """Check everything, then score each picture and print the table."""
    from .. import metrics

    columns = metrics.chosen(_names(options.columns))
    path = _output(options)
    reading = Reading.of(options)
    exemplar = _opened("exemplar", options.source, reading, options.kind)
    _check_results(options, reading, exemplar, columns)
    names = [column.name for column in columns]
    judge = metrics.Judge(exemplar.pixels, names, seed=options.seed, n_draws=options.draws)
    with (
        threads(deterministic=options.deterministic),
        progress_bar(quiet=options.quiet) as progress,
    ):
        table = _scored(judge, options, reading, exemplar, progress)
    if path is not None:
        with replacing(path) as file:
            file.write(table.csv())
    if options.json:
        say_json(table.plain())
    elif options.output == "-":
        write_bytes(table.csv())
    else:
        for line in table.lines():
            say(line)


def _scored(
    judge: Judge, options: Options, reading: Reading, exemplar: Picture, progress: Progress
) -> score_table.ScoreTable:
    total = len(options.results) + (not options.no_floor)
    rows = []
    for number, path in enumerate(options.results, 1):
        with told_time(f"score {path}", options):
            pixels = _result(path, reading, exemplar)
            rows.append(score_table.Row(path, pixels.shape[:2], judge.scores(pixels)))
        progress(Step("score", 0, number, total))
    floor = None
    if not options.no_floor:
        with told_time("floor", options):
            floor = judge.floor()
        progress(Step("score", 0, total, total))
    return score_table.ScoreTable(
        options.source, judge.columns, rows, floor, seed=options.seed, draws=options.draws
    )


def _names(given: str | None) -> Sequence[str] | None:
    if given is None:
        return None
    return [name.strip() for name in given.split(",") if name.strip()]


def _output(options: Options) -> Path | None:
    """The CSV file to write, checked."""
    if options.output is None:
        return None
    if options.output == "-":
        if options.json:
            raise TextoError("--json", "would mix with the CSV on stdout", "name a file with -o")
        return None
    path = Path(options.output)
    if path.suffix.lower() != CSV:
        raise TextoError(
            f"output {options.output!r}", f"has the suffix {path.suffix!r}", f"name it ...{CSV}"
        )
    outputs.check_outputs([path], [options.source, *options.results], options)
    return path


def _check_results(
    options: Options, reading: Reading, exemplar: Picture, columns: Sequence[Column]
) -> None:
    """Raise TextoError where a picture cannot be opened or compared, before anything is computed.

    A picture is opened again when it is scored: all of them need not fit in memory.
    """
    least = min((column.smallest for column in columns if column.absent() is None), default=1)
    _check_size(f"exemplar {options.source!r}", exemplar.pixels, least)
    for path in options.results:
        pixels = _result(path, reading, exemplar)
        _check_size(f"result {path!r}", pixels, least)
        if pixels.shape[2] != exemplar.pixels.shape[2]:
            raise TextoError(
                f"result {path!r}",
                f"is {_KINDS[pixels.shape[2] == 1]}, and the exemplar "
                f"{_KINDS[exemplar.pixels.shape[2] == 1]}",
                "convert one of them",
            )


def _check_size(what: str, pixels: np.ndarray, least: int) -> None:
    shape = pixels.shape[:2]
    if min(shape) < least:
        raise TextoError(
            what,
            f"is {written(shape)}, and these scores need {least} pixels a side",
            "give a larger picture",
        )


def _result(path: str, reading: Reading, exemplar: Picture) -> np.ndarray:
    """The pixels (H, W, C) of the result at `path`, in what is 0 and 1 for the `exemplar`."""
    picture = _opened("result", path, reading, exemplar.meaning.kind)
    if exemplar.meaning.in_range and picture.meaning.in_range:
        return picture.pixels
    return np.clip(exemplar.meaning.worked(picture.stored), 0, 1)


def _opened(what: str, path: str, reading: Reading, kind: Kind | None = None) -> Picture:
    """The picture at `path`."""
    if is_model(path):
        raise TextoError(
            f"{what} {path!r}", "is a model", "make a picture of it with 'texto synth'"
        )
    return reading.open(path, kind)
