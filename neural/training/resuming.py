"""Runs kept in a file, to go on after an interruption: descents of pictures, and trainings."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from texto.core.errors import TextoError
from texto.io import checkpoints

from ..losses.base import Loss

Tensors = Mapping[str, torch.Tensor]


@dataclass(frozen=True)
class Checkpoint:
    """Where a run is kept, every so many steps. One that is there is gone on with."""

    path: str | os.PathLike
    every: int = 50


@dataclass(frozen=True, eq=False)
class Moment:
    """A run as it is after `done` steps: its tensors by part and name, and its generator."""

    done: int
    parts: Mapping[str, Tensors]
    rng: Any


class Archive:
    """The file of one run, which `run`, plain data, tells from others.

    `rng` is what the run draws from. Its state is kept too, so that a run that was interrupted
    ends where it would have ended.
    """

    def __init__(
        self, path: str | os.PathLike, run: Mapping[str, Any], rng: np.random.Generator | None
    ):
        self.path, self._run, self._rng = path, dict(run), rng

    def moment(self, done: int, parts: Mapping[str, Tensors]) -> Moment:
        """A copy of the run as it is, which later steps leave alone."""
        copies = {
            part: {name: each.detach().cpu().clone() for name, each in tensors.items()}
            for part, tensors in parts.items()
        }
        rng = checkpoints.stored_generator(self._rng) if self._rng is not None else None
        return Moment(done, copies, rng)

    def save(self, moment: Moment) -> None:
        """Write the file anew, whole or not at all."""
        tensors = {name: each.numpy() for name, each in joined(moment.parts).items()}
        about = {"done": moment.done, "rng": moment.rng, "run": self._run}
        checkpoints.write(self.path, tensors, about)

    def load(self) -> Moment | None:
        """What the file holds, and the generator put where it was; None where there is no file.

        TextoError for a damaged file, and one of another run, which is told by the first thing
        that differs.
        """
        if not os.path.exists(self.path):
            return None
        arrays, about = checkpoints.read(self.path)
        self._check(about.get("run"))
        parts = parted({name: torch.tensor(array) for name, array in arrays.items()})
        if self._rng is not None:
            try:
                checkpoints.set_generator(self._rng, about["rng"])
            except ValueError as error:
                raise self.refusal("was drawn by another kind of generator") from error
        return Moment(int(about["done"]), parts, about["rng"])

    def refusal(self, why: str) -> TextoError:
        """What to say about a file that does not suit."""
        return checkpoints.refusal(self.path, why)

    def _check(self, stored: Any) -> None:
        stored = stored if isinstance(stored, dict) else {}
        for name in sorted({*stored, *self._run}):
            if stored.get(name) != self._run.get(name):
                was, now = (_shown(each.get(name)) for each in (stored, self._run))
                raise checkpoints.refusal(
                    self.path,
                    f"is of another run: {name} was {was}, and is {now}",
                    "give what it was, or remove it to start anew",
                )


@dataclass(frozen=True, eq=False)
class Held:
    """What a snapshot held: the picture, its steps done, and the optimiser's state."""

    picture: torch.Tensor
    done: int
    optimizer: dict[str, torch.Tensor]


class Snapshot:
    """The file of a descent on `loss`, kept as `kept` says.

    `name` tells runs apart: optimiser and steps.
    """

    def __init__(self, kept: Checkpoint, loss: Loss, rng: np.random.Generator | None, name: str):
        self._archive, self._loss = Archive(kept.path, {"descent": name}, rng), loss
        self.every = kept.every

    def save(self, picture: torch.Tensor, done: int, optimizer: dict[str, torch.Tensor]) -> None:
        """Write the file anew, whole or not at all."""
        parts = {"picture": {"": picture}, "optimizer": optimizer, "loss": self._loss.state()}
        self._archive.save(self._archive.moment(done, parts))

    def load(self, picture: torch.Tensor) -> Held | None:
        """What the file holds of a descent of `picture`; None where there is no file.

        The loss and the generator go to where they were. TextoError for a file of another run.
        """
        held = self._archive.load()
        if held is None:
            return None
        kept = held.parts.get("picture", {}).get("")
        if kept is None or kept.shape != picture.shape:
            raise self._archive.refusal("is of another picture")
        self._loss.load(held.parts.get("loss", {}))
        return Held(kept.to(picture), held.done, dict(held.parts.get("optimizer", {})))


def joined(parts: Mapping[str, Tensors]) -> dict[str, torch.Tensor]:
    """Tensors by part and name as tensors by "part.name"; parts have no dots."""
    return {f"{part}.{name}": each for part, found in parts.items() for name, each in found.items()}


def parted(state: Tensors) -> dict[str, dict[str, torch.Tensor]]:
    """The parts that were `joined`."""
    parts: dict[str, dict[str, torch.Tensor]] = {}
    for key, value in state.items():
        part, _, name = key.partition(".")
        parts.setdefault(part, {})[name] = value
    return parts


def load_module(module: nn.Module, state: Tensors) -> None:
    """Load all tensors of `module`; TextoError where `state` is of another."""
    try:
        module.load_state_dict(state)
    except RuntimeError as error:
        raise TextoError("checkpoint", "is of another network", "start anew") from error


def optimizer_state(optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """All that `optimizer` keeps about its parameters, one tensor a name; rates are left out."""
    state = joined(optimizer.state_dict()["state"])
    return {name: torch.as_tensor(value) for name, value in state.items()}


def load_optimizer(optimizer: torch.optim.Optimizer, state: Tensors) -> None:
    """Go on from `optimizer_state`; TextoError where it is of other parameters."""
    kept = {int(number): found for number, found in parted(state).items()}
    whole = optimizer.state_dict()
    try:
        optimizer.load_state_dict({**whole, "state": kept})
    except (ValueError, KeyError, RuntimeError) as error:
        raise TextoError("checkpoint", "is of another network", "start anew") from error


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
