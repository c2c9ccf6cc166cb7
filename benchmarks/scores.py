"""Scores of a method over pictures: `python benchmarks/scores.py PICTURE ... [--set key=value]`.

Prints, for each picture and on average over seeds: `patch_ot` and its floor (the exemplar
against itself), the ratio of the two, `originality`, and `spectrum`. Results are as large as
256 x 256, or as `-s` says.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

import texto
from texto.core.registry import method_class
from texto.core.settings import parse_settings


def scores(exemplar: np.ndarray, method, side: int, seed: int) -> list[float]:
    """patch_ot, originality and spectrum of one result."""
    result = method.fit(exemplar, rng=seed).synthesize((side, side), rng=seed)
    return [
        texto.metrics.patch_ot(result, exemplar),
        texto.metrics.originality(result, exemplar),
        texto.metrics.spectrum(result, exemplar),
    ]


def main() -> None:
    """Read the command line, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("exemplars", nargs="+")
    parser.add_argument("-m", "--method", default="textogmm")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("-s", "--side", type=int, default=256)
    parser.add_argument("--seeds", type=int, default=1)
    options = parser.parse_args()
    cls = method_class(options.method)
    method = cls(**parse_settings(cls, options.set))
    print(method)
    print(
        f"{'exemplar':<12}{'floor':>8}{'patch_ot':>10}{'ratio':>7}{'original':>10}{'spectrum':>10}"
    )
    table = []
    for path in options.exemplars:
        exemplar = texto.read_image(path, alpha="ignore")
        floor = texto.metrics.patch_ot(exemplar, exemplar)
        runs = [scores(exemplar, method, options.side, seed) for seed in range(options.seeds)]
        cost, original, spectrum = np.mean(runs, axis=0)
        table.append([floor, cost, original, spectrum])
        least = min(run[1] for run in runs)
        print(
            f"{Path(path).stem:<12}{floor:8.3f}{cost:10.3f}{cost / floor:7.2f}"
            f"{original:10.2f}{spectrum:10.2f}   least original of the seeds {least:.2f}",
            flush=True,
        )
    floor, cost, original, spectrum = np.mean(table, axis=0)
    print(
        f"{'mean':<12}{floor:8.3f}{cost:10.3f}{cost / floor:7.2f}{original:10.2f}{spectrum:10.2f}"
    )


if __name__ == "__main__":
    main()
