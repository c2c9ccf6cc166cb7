"""Runs that draw and report, on a device whose memory may turn out too small."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TypeVar

import numpy as np

from texto.core.types import Progress, Step

from .devices import on_device

T = TypeVar("T")


def attempted(
    device: str,
    run: Callable[[str, Progress], T],
    what: str,
    *,
    rng: np.random.Generator,
    progress: Progress,
) -> T:
    """`run(device, progress)` as `on_device` does; a second attempt draws what the first drew.

    `rng` : all that `run` draws from. The progress never counts back.
    """
    start, seen = copy.deepcopy(rng.bit_generator.state), _Steps(progress)

    def again() -> None:
        rng.bit_generator.state = start

    return on_device(device, lambda place: run(place, seen), what, again=again)


class _Steps:
    """Progress that is silent up to where it was before."""

    def __init__(self, then: Progress):
        self._then, self._reached = then, 0

    def __call__(self, step: Step) -> None:
        if step.iteration > self._reached:
            self._reached = step.iteration
            self._then(step)
