"""Generators of digits by entropic transport: `python benchmarks/digits.py OUT [options]`.

One generator for each lambda of the slides (0.001, 0.01, 0.1; the cost is the mean square of a
pixel in [0, 1]). Into the folder OUT go samples beside real digits (sheet.png), the costs during
training (curves.png) and how sharp the samples are (table.csv). Digits are scikit-learn's, 1797
of 8 x 8, or with --mnist those in a local folder; nothing is downloaded.
"""

from __future__ import annotations

import argparse
import csv
import io
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import texto
from texto.core.errors import TextoError
from texto.core.types import Step, generator
from texto.io.files import replacing

if TYPE_CHECKING:
    from neural.methods.entropic import EntropicGenerator

LAMBDAS = (0.001, 0.01, 0.1)
HELD_OUT = 360  # digits that no training sees, and samples that are compared with them
ROWS, COLUMNS = 6, 12  # digits of a panel
PANEL = 460  # pixels across
CHECKS = 25  # exact costs along a training
COLUMNS_OF_TABLE = {
    "digits": "",
    "exact_cost": "to held-out digits, mean square of a pixel",
    "nearest": "mean square to the nearest digit of the training set",
    "variance": "over that of held-out digits",
    "variation": "total variation over that of held-out digits",
}


@dataclass(frozen=True, eq=False)
class Outcome:
    """A training: samples (n, h, w), entropic costs by step, exact costs [(step, cost)]."""

    entropic: float
    samples: np.ndarray
    losses: np.ndarray
    exact: list[tuple[int, float]]


def digits() -> np.ndarray:
    """(1797, 8, 8) float32 in [0, 1], scikit-learn's."""
    from sklearn.datasets import load_digits

    return (load_digits().images / 16).astype(np.float32)


def mnist(folder: Path) -> np.ndarray:
    """(60000, 28, 28) float32 in [0, 1], from files as torchvision lays them out in `folder`."""
    from torchvision.datasets import MNIST

    try:
        images = MNIST(str(folder), train=True, download=False).data
    except (RuntimeError, OSError, ValueError) as error:
        where = f"{folder / 'MNIST' / 'raw'}"
        raise TextoError(
            f"--mnist {str(folder)!r}",
            f"has no readable train-images-idx3-ubyte and train-labels-idx1-ubyte in {where!r}",
            "put them there, or leave out --mnist for scikit-learn's digits",
        ) from error
    return images.numpy().astype(np.float32) / 255


def parted(data: np.ndarray, limit: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """At most `limit` digits to learn from, and `HELD_OUT` others."""
    if limit < 1:
        raise TextoError("--limit", f"is {limit}", "give 1 or more")
    if len(data) <= HELD_OUT:
        raise TextoError("data", f"has {len(data)} digits", f"give more than {HELD_OUT}")
    shuffled = data[generator(seed).permutation(len(data))]
    return shuffled[HELD_OUT : HELD_OUT + limit], shuffled[:HELD_OUT]


def trained(method: EntropicGenerator, learned: np.ndarray, held: np.ndarray, seed: int) -> Outcome:
    """A generator by `method`, with exact costs on the way."""
    from neural.training.loop import train

    task = method.task(learned, rng=generator(seed))
    exact = [(0, cost(task.sample(HELD_OUT, rng=seed), held))]
    every = max(1, method.n_iter // CHECKS)

    def watch(step: Step) -> None:
        if step.iteration % every == 0 or step.iteration == step.total:
            exact.append((step.iteration, cost(task.sample(HELD_OUT, rng=seed), held)))

    losses = train(task, method.n_iter, run={}, progress=watch)
    return Outcome(method.entropic, task.sample(HELD_OUT, rng=seed), losses, exact)


def cost(samples: np.ndarray, held: np.ndarray) -> float:
    """The exact transport cost between two sets of digits (n, h, w), per pixel."""
    from texto.transport.plan import exact_cost

    rows, others = flat(samples), flat(held)
    return exact_cost(rows, others) / rows.shape[1]


def nearest(samples: np.ndarray, learned: np.ndarray) -> float:
    """The mean over `samples` of the mean square to the nearest digit of `learned`."""
    from texto.transport.plan import squared_costs

    rows, others = flat(samples).astype(np.float64), flat(learned).astype(np.float64)
    return float(squared_costs(rows, others).min(axis=1).mean() / rows.shape[1])


def flat(points: np.ndarray) -> np.ndarray:
    """(n, d): a row a digit."""
    return points.reshape(len(points), -1)


def variance(points: np.ndarray) -> float:
    """The mean over pixels of the variance over `points` (n, h, w)."""
    return float(points.var(axis=0, dtype=np.float64).mean())


def variation(points: np.ndarray) -> float:
    """The mean total variation of `points` (n, h, w), per pixel."""
    return float(sum(np.abs(np.diff(points, axis=axis)).mean() for axis in (1, 2)))


def table(outcomes: Sequence[Outcome], learned: np.ndarray, held: np.ndarray) -> list[list]:
    """A row for each lambda, and one for as many digits of the training set: what real ones get."""
    real, others = learned[:HELD_OUT], learned[HELD_OUT:]
    rows = [(f"lambda {each.entropic:g}", each.samples, learned) for each in outcomes]
    rows += [("real", real, others)] if len(others) else []
    return [
        [
            name,
            cost(points, held),
            nearest(points, among),
            variance(points) / variance(held),
            variation(points) / variation(held),
        ]
        for name, points, among in rows
    ]


def shown(rows: list[list]) -> str:
    """The table in plain text."""
    lines = [[*COLUMNS_OF_TABLE]] + [
        [row[0], *(f"{value:.4f}" for value in row[1:])] for row in rows
    ]
    return "\n".join("".join(f"{cell:<14}" for cell in line).rstrip() for line in lines)


def sheet_of(outcomes: Sequence[Outcome], held: np.ndarray) -> np.ndarray:
    """Panels with titles, two a row, dark on white: one a lambda, and real digits last."""
    from matplotlib.figure import Figure

    from neural.methods.entropic import sheet
    from texto.io.plots import RESOLUTION, drawn

    panels = [(f"λ = {each.entropic:g}", each.samples) for each in outcomes]
    panels.append(("real digits", held))
    rows = -(-len(panels) // 2)
    size = (2 * PANEL / RESOLUTION, rows * (PANEL * ROWS / COLUMNS + 36) / RESOLUTION)
    figure = Figure(figsize=size, dpi=RESOLUTION, layout="constrained")
    grid = figure.subplots(rows, 2, squeeze=False).ravel()
    for axes in grid:
        axes.set_axis_off()
    for axes, (title, points) in zip(grid, panels, strict=False):  # an odd number leaves one
        cells = sheet(points[: ROWS * COLUMNS], COLUMNS)[..., 0]
        axes.imshow(cells, cmap="gray_r", vmin=0, vmax=1, interpolation="nearest")
        axes.set_title(title)
    return drawn(figure)


def curves(outcomes: Sequence[Outcome]) -> np.ndarray:
    """The entropic cost by step, a running mean, and the exact cost to held-out digits."""
    from matplotlib.figure import Figure

    from texto.io.plots import HEIGHT, RESOLUTION, WIDTH, drawn

    figure = Figure(figsize=(1.5 * WIDTH, HEIGHT), dpi=RESOLUTION, layout="constrained")
    left, right = figure.subplots(1, 2)
    for each in outcomes:
        label = f"λ = {each.entropic:g}"
        width = max(1, len(each.losses) // 50)
        means = np.convolve(each.losses, np.full(width, 1 / width), mode="valid")
        left.plot(np.arange(width, len(each.losses) + 1), means, label=label)
        right.plot(*zip(*each.exact, strict=True), marker=".", label=label)
    left.set_title("entropic cost, mean over batches")
    right.set_title("exact cost to held-out digits")
    for axes in (left, right):
        axes.set_xlabel("step")
        axes.set_ylabel("cost per pixel")
        axes.grid(alpha=0.3)
        axes.legend()
    return drawn(figure)


def write(folder: Path, outcomes: Sequence[Outcome], rows: list[list], held: np.ndarray) -> None:
    """sheet.png, curves.png and table.csv in `folder`."""
    texto.write_image(folder / "sheet.png", sheet_of(outcomes, held))
    texto.write_image(folder / "curves.png", curves(outcomes))
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([[*COLUMNS_OF_TABLE], *rows])
    with replacing(folder / "table.csv") as file:
        file.write(text.getvalue().encode())


def run(options, say: Callable[[str], None] = print) -> None:
    """All of it."""
    from neural.methods.entropic import EntropicGenerator

    settings = {"n_iter": options.n_iter, "device": options.device}
    methods = [EntropicGenerator(entropic=each, **settings) for each in options.lambdas]
    data = mnist(options.mnist) if options.mnist else digits()
    learned, held = parted(data, options.limit, options.seed)
    try:
        options.output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        what = f"output {str(options.output)!r}"
        raise TextoError(what, f"is no folder: {error.strerror}", "name another one") from error
    say(f"{len(learned)} digits, {options.n_iter} steps a lambda")
    outcomes = []
    for method in methods:
        outcomes.append(trained(method, learned, held, options.seed))
        say(f"lambda {method.entropic:g}: exact cost {outcomes[-1].exact[-1][1]:.4f}")
    rows = table(outcomes, learned, held)
    write(options.output, outcomes, rows, held)
    say(shown(rows))
    say("\n".join(f"{name}: {what}" for name, what in COLUMNS_OF_TABLE.items() if what))


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line, train, write; 2 and a line on stderr where that cannot be."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("output", type=Path, help="a folder, made if need be")
    parser.add_argument("--mnist", type=Path, metavar="FOLDER", help="that holds MNIST/raw")
    parser.add_argument("--lambdas", type=float, nargs="+", default=LAMBDAS)
    parser.add_argument("--n-iter", type=int, default=800, help="training steps a lambda")
    parser.add_argument("--limit", type=int, default=10_000, help="digits to learn from at most")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="auto")
    options = parser.parse_args(arguments)
    try:
        run(options)
    except TextoError as error:
        print(f"digits: error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
