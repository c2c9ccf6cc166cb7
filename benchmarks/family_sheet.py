"""A sheet of methods by exemplars: `python benchmarks/family_sheet.py OUT.jpg PICTURE ...`.

Every cell is what `texto synth PICTURE -m NAME -s 256 --seed 1` makes. With `--results FOLDER`
the pictures are kept there as STEM_METHOD.png, and those that are there are not made again; in the
folder of a comparison, its pictures of seed 0 are taken.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from sheet import GAP, shrunk

import texto
from texto.core.registry import METHODS

SIDE = 256
HEADER = 40  # pixels


def cell(path: str, method: str, results: str | None, side: int) -> np.ndarray:
    """The result of `method` on the picture at `path`, (side, side, 3)."""
    stem = Path(path).stem
    kept = Path(results, f"{stem}_{method}.png") if results else None
    compared = Path(results, "runs", stem, f"{method}_s0.png") if results else None
    for there in filter(None, (kept, compared)):
        if there.exists():
            return texto.read_image(there)
    exemplar = texto.read_image(path, alpha="ignore")
    result = texto.method(method).fit(exemplar, rng=0).synthesize((side, side), rng=1)
    if kept:
        texto.write_image(kept, result)
    return result


def padded(picture: np.ndarray, side: int) -> np.ndarray:
    """`picture`, at most side x side of it, in the middle of a white cell."""
    top, left = (max(0, side - own) // 2 for own in picture.shape[:2])
    white = np.ones((side, side, 3), np.float32)
    part = picture[:side, :side]
    white[top : top + part.shape[0], left : left + part.shape[1]] = part
    return white


def header(names: list[str], side: int) -> np.ndarray:
    """The names above their columns."""
    from PIL import Image, ImageDraw, ImageFont

    strip = Image.new("RGB", (len(names) * (side + GAP) - GAP, HEADER), "white")
    draw, font = ImageDraw.Draw(strip), ImageFont.load_default(side // 9)
    for number, name in enumerate(names):
        middle = number * (side + GAP) + side / 2
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
    parser.add_argument("--side", type=int, default=SIDE, help="of a cell, in pixels")
    parser.add_argument("--width", type=int, default=1050, help="of the sheet, in pixels")
    options = parser.parse_args()
    methods = options.methods.split(",")
    side, rows = options.side, [header(["exemplar", *methods], options.side)]
    for path in options.exemplars:
        exemplar = padded(texto.read_image(path, alpha="ignore"), side)
        made = [cell(path, method, options.results, side) for method in methods]
        rows.append(joined([exemplar, *made], 1))
    texto.write_image(options.output, shrunk(joined(rows, 0), options.width))


if __name__ == "__main__":
    main()
