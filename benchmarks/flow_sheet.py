"""The sheet of the flow: `python benchmarks/flow_sheet.py OUT.jpg PICTURE ...`.

Each exemplar, up to 256 x 256 of it, beside 512 x 512 by `nifty` and by `ot-flow`, as
`texto synth PICTURE -m NAME -s 512 --seed 1` makes them.
"""

from __future__ import annotations

import argparse

import numpy as np
from sheet import GAP, shrunk, stacked

import texto

SIDE, SEED, METHODS = 512, 1, ("nifty", "ot-flow")


def row(path: str) -> np.ndarray:
    """Exemplar and results side by side, on white."""
    exemplar = texto.read_image(path, alpha="ignore")
    left = np.ones((SIDE, 300, 3), np.float32)
    left[: exemplar.shape[0], : exemplar.shape[1]] = exemplar[:SIDE, :300]
    parts = [left]
    for name in METHODS:
        model = texto.method(name).fit(exemplar, rng=0)  # as the command does
        parts.append(np.ones((SIDE, GAP, 3), np.float32))
        parts.append(model.synthesize((SIDE, SIDE), rng=SEED))
    return np.concatenate(parts, axis=1)


def main() -> None:
    """Read the command line, write the sheet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output")
    parser.add_argument("exemplars", nargs="+")
    parser.add_argument("--width", type=int, default=1400, help="of the sheet, in pixels")
    options = parser.parse_args()
    rows = [row(path) for path in options.exemplars]
    texto.write_image(options.output, shrunk(stacked(rows, 2), options.width))


if __name__ == "__main__":
    main()
