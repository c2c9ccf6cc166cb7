"""The losses that a run reports, kept for a curve."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from .contract import KeepsLosses, Model
from .types import Progress, Step, silent

KEY = "texto-loss"


@dataclass(frozen=True)
class History:
    """A progress callback that keeps every step with a loss and passes all steps on to `then`.

    >>> history = History()
    >>> picture = model.synthesize((256, 256), rng=0, progress=history)
    >>> [step.loss for step in history.steps]
    """

    then: Progress = silent
    steps: list[Step] = field(default_factory=list)

    def __call__(self, step: Step) -> None:
        if step.loss is not None:
            self.steps.append(step)
        self.then(step)

    def text(self) -> dict[str, str]:
        """The curve as a PNG's text chunk: pairs of level and loss; {} where there is none."""
        if not self.steps:
            return {}
        return {KEY: json.dumps([[step.level, float(f"{step.loss:.6g}")] for step in self.steps])}


def training_steps(model: Model) -> list[Step]:
    """The steps of the training of `model`, with their losses; [] where it keeps none."""
    if not isinstance(model, KeepsLosses):
        return []
    total = len(model.losses)
    return [Step("train", 0, number, total, float(x)) for number, x in enumerate(model.losses, 1)]
