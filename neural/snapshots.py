"""Descents kept in a file, to go on after an interruption."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass

import numpy as np
import torch

from texto.files import replacing
from texto.protocols import TextoError
from texto.tensorfile import Refused, opened, pack, read_header, read_tensors

from .losses.base import Loss

_FORMAT = "texto-descent 1"


@dataclass(frozen=True)
class Checkpoint:
    """Where a descent is kept, every so many steps. One that is there is gone on with."""

    path: str | os.PathLike
    every: int = 50


@dataclass(frozen=True, eq=False)
class Held:
    """What a snapshot held: the picture, its steps done, and the optimiser's state."""

    picture: torch.Tensor
    done: int
    optimizer: dict[str, torch.Tensor]


class Snapshot:
    """The file of a descent on `loss`. `name` tells runs apart: optimiser and steps.

    `rng` is the generator that the loss draws from; its state is kept too, so that a run that
    was interrupted ends where it would have ended.
    """

    def __init__(
        self, path: str | os.PathLike, loss: Loss, rng: np.random.Generator | None, name: str
    ):
        self._path, self._loss, self._rng, self._name = path, loss, rng, name

    def save(self, picture: torch.Tensor, done: int, optimizer: dict[str, torch.Tensor]) -> None:
        """Write the file anew, whole or not at all."""
        parts = {"picture": {"": picture}, "optimizer": optimizer, "loss": self._loss.state()}
        tensors = {
            f"{part}.{name}": tensor.detach().cpu().numpy()
            for part, found in parts.items()
            for name, tensor in found.items()
        }
        state = self._rng.bit_generator.state if self._rng is not None else None
        about = {"format": _FORMAT, "run": self._name, "done": done, "rng": state}
        with replacing(self._path) as file:
            file.write(pack(tensors, json.dumps(about, sort_keys=True)))

    def load(self, picture: torch.Tensor) -> Held | None:
        """What the file holds of a descent of `picture`; None where there is no file.

        The loss and the generator go to where they were. TextoError for a file of another run.
        """
        if not os.path.exists(self._path):
            return None
        try:
            with opened(self._path) as (file, size):
                header = read_header(file, size)
                arrays = read_tensors(file, size, header)
            about = json.loads(header.metadata)
        except (Refused, ValueError) as refused:
            raise self._other("is damaged or no checkpoint") from refused
        if not isinstance(about, dict) or about.get("format") != _FORMAT:
            raise self._other("is no checkpoint of a descent")
        tensors = {name: torch.tensor(array) for name, array in arrays.items()}
        held = tensors.get("picture.")
        if about.get("run") != self._name or held is None or held.shape != picture.shape:
            raise self._other("is of another picture or other settings")
        self._loss.load(_part(tensors, "loss"))
        if self._rng is not None:
            self._rng.bit_generator.state = about["rng"]
        return Held(held.to(picture), int(about["done"]), _part(tensors, "optimizer"))

    def _other(self, why: str) -> TextoError:
        return TextoError(f"checkpoint {str(self._path)!r}", why, "remove it to start anew")


def _part(tensors: dict[str, torch.Tensor], part: str) -> dict[str, torch.Tensor]:
    start = f"{part}."
    return {name[len(start) :]: each for name, each in tensors.items() if name.startswith(start)}
