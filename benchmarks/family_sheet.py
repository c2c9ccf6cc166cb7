"""A sheet of methods by exemplars: `python benchmarks/family_sheet.py OUT.jpg PICTURE ...`.

Every cell is what `texto synth PICTURE -m NAME -s 256 --seed 1` makes. With `--results FOLDER`
the pictures are kept there as STEM_METHOD.png, and those that are there are not made again.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from sheet import GAP, shrunk

import texto
from texto.registry import METHODS

SIDE = 256
HEADER = 40  # pixels


def cell(path: str, method: str, results: str | None) -> np.ndarray:
    """The result of `method` on the picture at `path`, (256, 256, 3)."""
    kept = Path(results, f"{Path(path).stem}_{method}.png") if results else None
    if kept and kept.exists():
        return texto.read_image(kept)
    exemplar = texto.read_image(path, alpha="ignore")
    result = texto.method(method).fit(exemplar, rng=1).synthesize((SIDE, SIDE), rng=1)
    if kept:
        texto.write_image(kept, result)
    return result


def padded(picture: np.ndarray) -> np.ndarray:
    """`picture`, at most 256 x 256 of it, in the middle of a white cell."""
    top, left = (max(0, SIDE - side) // 2 for side in picture.shape[:2])
    white = np.ones((SIDE, SIDE, 3), np.float32)
    part = picture[:SIDE, :SIDE]
    white[top : top + part.shape[0], left : left + part.shape[1]] = part
    return white


def header(names: list[str]) -> np.ndarray:
    """The names above their columns."""
    from PIL import Image, ImageDraw, ImageFont

    strip = Image.new("RGB", (len(names) * (SIDE + GAP) - GAP, HEADER), "white")
    draw, font = ImageDraw.Draw(strip), ImageFont.load_default(30)
    for number, name in enumerate(names):
        middle = number * (SIDE + GAP) + SIDE / 2
        draw.text((middle, HEADER / 2), name, "black", font, anchor="mm")
    return np.asarray(strip, np.float32) / 255


def joined(cells: list[np.ndarray], axis: int) -> np.ndarray:
    """`cells` side by side with white gaps."""
    shape = list(cells[0].shape)
    shape[axis] = GAP
    gap = np.ones(shape, np.float32)
    return np.concatenate([part for c in cells for part in (gap, c)][1:], axis=axis)


def main() -> None:
    """Read the command line, write the sheet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output")
    parser.add_argument("exemplars", nargs="+")
    classical = [name for name, target in METHODS.items() if target.startswith("texto.")]
    parser.add_argument("-m", "--methods", default=",".join(classical))
    parser.add_argument("--results", metavar="FOLDER")
    parser.add_argument("--width", type=int, default=1050, help="of the sheet, in pixels")
    options = parser.parse_args()
    methods = options.methods.split(",")
    rows = [header(["exemplar", *methods])]
    for path in options.exemplars:
        exemplar = padded(texto.read_image(path, alpha="ignore"))
        rows.append(joined([exemplar, *(cell(path, m, options.results) for m in methods)], 1))
    texto.write_image(options.output, shrunk(joined(rows, 0), options.width))


if __name__ == "__main__":
    main()
