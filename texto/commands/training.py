"""What `texto fit` keeps of a training on its way: a checkpoint, a preview."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core import processes, registry
from ..core.contract import Method, Model, Trains, TrainsTogether
from ..core.errors import TextoError, TextoWarning
from ..core.types import Progress
from ..io import checkpoints
from ..io.files import check_writable
from ..io.records import is_seed
from . import powers
from .containers import check_suffix
from .options import Options
from .running import Seeds
from .signals import Interrupted
from .source import Source

_POWER = "trains no network, so there is nothing to keep on its way"


@dataclass(frozen=True)
class Kept:
    """What is kept: a `checkpoint` `every` so many steps, gone on with to `resume`, a `preview`."""

    checkpoint: str | None
    every: int | None
    resume: bool
    preview: str | None

    @classmethod
    def of(cls, options: Options) -> Kept:
        """What `options` ask for; TextoError where they do not go together."""
        for name, given in (("resume", options.resume), ("every", options.every)):
            if given and options.checkpoint is None:
                what, remedy = f"--{name}", "name the file with it"
                raise TextoError(what, "goes with --checkpoint only", remedy)
        return cls(options.checkpoint, options.every, options.resume, options.preview)

    @property
    def files(self) -> list[Path]:
        """The files to write."""
        return [Path(each) for each in (self.checkpoint, self.preview) if each is not None]

    def seeds(self, given: int | None) -> Seeds:
        """The seed: as `given`, that of the training to resume, or drawn.

        TextoError where the checkpoint is damaged.
        """
        if self.resume and self.checkpoint and os.path.lexists(self.checkpoint):
            run = checkpoints.read_about(self.checkpoint).get("run")
            stored = run.get("seed") if isinstance(run, dict) else None
            if given is None and is_seed(stored):
                given = stored
        return Seeds.chosen(given)

    def check(self, origin: Source, others: list[Path], *, force: bool) -> None:
        """TextoError where a file could not be written; `others` are written or read too."""
        _check_processes(origin.method)
        if self.files:
            powers.require(origin.method, Trains, _POWER)
        taken = {os.path.realpath(each) for each in others}
        for path in self.files:
            real = os.path.realpath(path)
            if real in taken:
                raise TextoError(f"output {str(path)!r}", "has two uses", "choose another name")
            taken.add(real)
            check_writable(path, force=force or self.resume)
        if self.preview is not None:
            check_suffix(Path(self.preview))

    def fitted(self, origin: Source, seed: int, progress: Progress) -> Model:
        """The model of the exemplar of `origin`, trained with what is to be kept."""
        if not self.files:
            return origin.method.fit(origin.whole, rng=seed, progress=progress)
        method = powers.require(origin.method, Trains, _POWER)
        more: dict[str, Any] = {"every": self.every} if self.every else {}
        self._begin()
        with _told_how_to_resume(self.checkpoint):
            return method.train(
                origin.whole,
                rng=seed,
                progress=progress,
                checkpoint=self.checkpoint,
                preview=self.preview,
                **more,
            )

    def _begin(self) -> None:
        """Remove a checkpoint that --force gives up; note one to resume that is not there."""
        if self.checkpoint is None or processes.rank() > 0:
            return
        there = os.path.lexists(self.checkpoint)
        if there and not self.resume:
            os.unlink(self.checkpoint)
        elif self.resume and not there:
            note = f"there is no checkpoint {self.checkpoint!r} yet: the training starts anew"
            warnings.warn(note, TextoWarning, stacklevel=3)


def _check_processes(method: Method) -> None:
    """TextoError where several processes were started for a method that runs in one."""
    together = isinstance(method, TrainsTogether) and method.trains_together
    if processes.count() > 1 and not together:
        name, several = registry.name_of(method), f"started {processes.count()} processes"
        raise TextoError("torchrun", f"{several}, and {name} runs in one", "start texto without it")


@contextlib.contextmanager
def _told_how_to_resume(path: str | None) -> Iterator[None]:
    try:
        yield
    except Interrupted as stop:
        if path is not None and os.path.exists(path):
            stop.advice = f"resume with --checkpoint {path} --resume"
        raise
