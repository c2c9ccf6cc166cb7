"""The training loop of every network here: steps, checkpoints, a preview, a learning curve."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import nn

from texto.core.errors import TextoError
from texto.core.types import Progress, Step, silent
from texto.io.images import write_image

from ..runtime import processes
from .resuming import Archive, Checkpoint, Moment

STAGE = "train"
COPY_SECONDS = 1.0  # between copies in memory, which an interruption writes to the file
PREVIEW_SECONDS = 5.0  # between previews


class Task(Protocol):
    """What is trained: networks, optimisers, losses and all else that a step changes.

    `rng` : the only source of chance in `step`.
    """

    rng: np.random.Generator

    def step(self, number: int) -> float:
        """Step `number`, from 0, and its loss. The learning rate is a function of `number`."""
        ...

    def state(self) -> dict[str, torch.Tensor]:
        """All that `step` changes, beside `rng`: not copied, on any device."""
        ...

    def load(self, state: Mapping[str, torch.Tensor]) -> None:
        """Go back to a `state()`. TextoError where it is of another task."""
        ...

    def preview(self) -> np.ndarray:
        """A picture (H, W, C) in [0, 1] of what the network makes by now; draws nothing."""
        ...


class NetworkTask(Task, Protocol):
    """The training of a network."""

    @property
    def result(self) -> nn.Module:
        """What the model keeps."""
        ...

    def finish(self) -> None:
        """What is left to do after the last step, like measuring statistics. Then `rng` is free.

        TextoError where the network is of no use.
        """
        ...


@dataclass(frozen=True)
class Keeping:
    """What a training writes on its way.

    `checkpoint` : where it is kept, every so many steps, when interrupted and at its end. One
    that is there is gone on with. `preview` : a picture file, written anew every few seconds.
    """

    checkpoint: Checkpoint | None = None
    preview: str | os.PathLike | None = None


def train(
    task: Task,
    n_iter: int,
    *,
    run: Mapping[str, Any],
    keeping: Keeping | None = None,
    progress: Progress = silent,
) -> np.ndarray:
    """The losses (n_iter,) float32 of `n_iter` steps of `task`.

    `run` : plain data that tells this training from others; a checkpoint of another one is
    refused by what differs. A training that was stopped at any moment and goes on from its
    checkpoint ends at the same bytes as one that was not, on the same machine and threads.
    `progress` gets every step; an interruption (Ctrl-C) within or from it writes the checkpoint
    first. TextoError where a loss is not finite. Of several processes the leading one writes.
    """
    record = _Record(task, n_iter, run, keeping or Keeping())
    try:
        while record.done < n_iter:
            loss = task.step(record.done)
            if not np.isfinite(loss):
                raise TextoError(
                    "loss", f"is {loss} at step {record.done + 1}", "lower learning_rate"
                )
            record.add(loss)
            progress(Step(STAGE, 0, record.done, n_iter, loss))
    except KeyboardInterrupt:
        record.rescue()
        raise
    if record.resumed_at == n_iter:
        progress(Step(STAGE, 0, n_iter, n_iter, float(record.losses[-1])))
    return record.losses


class _Record:
    """How far a training is, and what of it is kept.

    A step that is interrupted in its middle leaves a task that fits no count of steps. So what
    an interruption writes is a copy from the end of a step, renewed once a second.
    """

    def __init__(self, task: Task, n_iter: int, run: Mapping[str, Any], keeping: Keeping):
        self._task, self._keeping = task, keeping
        self.losses, self.done = np.zeros(n_iter, np.float32), 0
        self._archive, self._copy = None, None
        self._copied = self._shown = time.monotonic()
        self._shows = keeping.preview is not None and processes.leads()
        if keeping.checkpoint is not None:
            run = {**run, "n_iter": n_iter}
            self._archive = Archive(keeping.checkpoint.path, run, task.rng)
            self._go_on()
            if self.done != processes.of_leader(self.done):
                raise self._archive.refusal("is not the same for all processes")
        self.resumed_at = self.done

    def add(self, loss: float) -> None:
        """One more step is done."""
        self.losses[self.done] = loss
        self.done += 1
        ended, now = self.done == len(self.losses), time.monotonic()
        if self._archive is not None:
            due = ended or self.done % self._keeping.checkpoint.every == 0
            if due or self._copy is None or now - self._copied >= COPY_SECONDS:
                self._copied, self._copy = now, self._moment()
            if due:
                self.rescue()
        if self._shows and (ended or now - self._shown >= PREVIEW_SECONDS):
            self._shown = now
            write_image(self._keeping.preview, self._task.preview())

    def rescue(self) -> None:
        """Write the latest copy, unless it is written."""
        if self._copy is not None and processes.leads():
            self._archive.save(self._copy)
            self._copy = None

    def _moment(self) -> Moment:
        losses = torch.from_numpy(self.losses[: self.done])
        return self._archive.moment(
            self.done, {"task": self._task.state(), "curve": {"losses": losses}}
        )

    def _go_on(self) -> None:
        held = self._archive.load()
        if held is None:
            return
        losses = held.parts.get("curve", {}).get("losses")
        if losses is None or len(losses) != held.done or held.done > len(self.losses):
            raise self._archive.refusal("is damaged: its losses do not fit its steps")
        self._task.load(held.parts.get("task", {}))
        self.losses[: held.done] = losses.numpy()
        self.done = held.done
