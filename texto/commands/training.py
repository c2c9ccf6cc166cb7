"""What `texto fit` keeps of a training on its way: a checkpoint, a preview."""

from __future__ import annotations

import argparse
import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..core import processes, registry
from ..core.contract import Method, Model, Trains, TrainsTogether
from ..core.errors import TextoError, TextoWarning
from ..core.types import Progress
from ..io import checkpoints
from ..io.files import check_writable
from ..io.records import is_seed
from . import outputs, powers
from .running import chosen_seed
from .signals import Interrupted

_POWER = "trains no network, so there is nothing to keep on its way"


def seed_of(options: argparse.Namespace) -> int:
    """The seed: as given, that of the training to resume, or drawn.

    TextoError for options that do not go together, and where the checkpoint is damaged.
    """
    for name in ("resume", "every"):
        if getattr(options, name) and options.checkpoint is None:
            raise TextoError(f"--{name}", "goes with --checkpoint only", "name the file with it")
    if options.resume and os.path.lexists(options.checkpoint):
        run = checkpoints.read_about(options.checkpoint).get("run")
        stored = run.get("seed") if isinstance(run, dict) else None
        if options.seed is None and is_seed(stored):
            options.seed = stored
    return chosen_seed(options)


def check(options: argparse.Namespace, method: Method, channels: int, others: list[Path]) -> None:
    """TextoError where the files that `options` name could not be written; `others` are too."""
    if processes.count() > 1 and not _trains_together(method):
        name, several = registry.name_of(method), f"started {processes.count()} processes"
        raise TextoError("torchrun", f"{several}, and {name} runs in one", "start texto without it")
    kept = [Path(each) for each in (options.checkpoint, options.preview) if each is not None]
    if kept:
        powers.require(method, Trains, _POWER)
    taken = {os.path.realpath(each): each for each in others}
    for path in kept:
        real = os.path.realpath(path)
        if real in taken:
            raise TextoError(f"output {str(path)!r}", "has two uses", "choose another name")
        taken[real] = path
        check_writable(path, force=options.force or options.resume)
    if options.preview is not None:
        outputs.check_format(Path(options.preview), 8, channels)


def fitted(
    options: argparse.Namespace, method: Method, exemplar: Any, seed: int, progress: Progress
) -> Model:
    """The model of `exemplar`, trained with what `options` ask to keep."""
    if options.checkpoint is None and options.preview is None:
        return method.fit(exemplar, rng=seed, progress=progress)
    trained = powers.require(method, Trains, _POWER)
    kept = {"checkpoint": options.checkpoint, "preview": options.preview}
    if options.every:
        kept["every"] = options.every
    if options.checkpoint is not None:
        _begin(options)
    with _told_how_to_resume(options.checkpoint):
        return trained.train(exemplar, rng=seed, progress=progress, **kept)


def _trains_together(method: Method) -> bool:
    return isinstance(method, TrainsTogether) and method.trains_together


def _begin(options: argparse.Namespace) -> None:
    """Remove a checkpoint that --force gives up; note one to resume that is not there."""
    there = os.path.lexists(options.checkpoint)
    if processes.rank() > 0:
        return
    if there and not options.resume:
        os.unlink(options.checkpoint)
    elif options.resume and not there:
        import warnings

        note = f"there is no checkpoint {options.checkpoint!r} yet: the training starts anew"
        warnings.warn(note, TextoWarning, stacklevel=3)


@contextlib.contextmanager
def _told_how_to_resume(path: str | None) -> Iterator[None]:
    try:
        yield
    except Interrupted as stop:
        if path is not None and os.path.exists(path):
            stop.advice = f"resume with --checkpoint {path} --resume"
        raise
