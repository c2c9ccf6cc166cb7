"""Pictures of curves. matplotlib is loaded when one is drawn, and draws without a display."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from ..core.types import Step

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH, HEIGHT, RESOLUTION = 8.0, 4.5, 120  # inches, inches, pixels an inch


def loss_curve(steps: Sequence[Step], title: str = "") -> np.ndarray:
    """The losses of `steps` over their number: a picture (540, 960, 3) float32 in [0, 1].

    Each stretch of one pyramid level has a colour of its own: the loss of a level that joins is
    another one, so the curve jumps there. The scale is logarithmic where all losses are positive.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, HEIGHT), dpi=RESOLUTION, layout="constrained")
    axes = figure.add_subplot()
    numbered = list(enumerate(steps, 1))
    for level, run in groupby(numbered, key=lambda pair: pair[1].level):
        numbers, losses = zip(*((number, step.loss) for number, step in run), strict=True)
        axes.plot(numbers, losses, marker="." if len(numbers) == 1 else "", label=f"level {level}")
    if steps and all(step.loss is not None and step.loss > 0 for step in steps):
        axes.set_yscale("log")
    axes.set_xlabel("step")
    axes.set_ylabel("loss")
    axes.set_title(title)
    axes.grid(alpha=0.3)
    if steps:
        axes.legend()
    return drawn(figure)


def drawn(figure: Figure) -> np.ndarray:
    """`figure` of matplotlib as a picture (H, W, 3) float32 in [0, 1]."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[:, :, :3].astype(np.float32) / 255
