"""A sheet of exemplars and results: `python benchmarks/sheet.py OUT.jpg PICTURE ... [options]`.

Each exemplar stands beside what `texto synth EXEMPLAR -s 512x384 --seed 1` makes of it. For a
fitted model (.safetensors) that keeps its exemplar, beside what the model makes.
"""

from __future__ import annotations

import argparse

import numpy as np

import texto

GAP = 12


def pair(path: str, method: str, shape: tuple[int, int], seed: int) -> np.ndarray:
    """Exemplar and result side by side, (height, width, 3) in [0, 1], on white."""
    if path.endswith(".safetensors"):
        model = texto.load(path)
        exemplar = model.exemplar
    else:
        exemplar = texto.read_image(path, alpha="ignore")
        model = texto.method(method).fit(exemplar, rng=0)  # as the command does
    result = model.synthesize(shape, rng=seed)
    left = np.ones((shape[0], max(256, exemplar.shape[1]), 3), np.float32)
    left[: exemplar.shape[0], : exemplar.shape[1]] = exemplar[: shape[0]]
    gap = np.ones((shape[0], GAP, 3), np.float32)
    return np.concatenate([left, gap, np.broadcast_to(result, (*shape, 3))], axis=1)


def stacked(pictures: list[np.ndarray], columns: int) -> np.ndarray:
    """`pictures` in rows of `columns`, padded with white."""
    width = max(picture.shape[1] for picture in pictures)
    padded = [
        np.pad(p, ((0, 2 * GAP), (0, width - p.shape[1] + 2 * GAP), (0, 0)), constant_values=1)
        for p in pictures
    ]
    while len(padded) % columns:
        padded.append(np.ones_like(padded[0]))
    rows = [np.concatenate(padded[i : i + columns], 1) for i in range(0, len(padded), columns)]
    return np.concatenate(rows)[: -2 * GAP, : -2 * GAP]


def shrunk(sheet: np.ndarray, width: int) -> np.ndarray:
    """`sheet` (H, W, 3) at this width."""
    from skimage.transform import resize

    height = round(sheet.shape[0] * width / sheet.shape[1])
    return resize(sheet, (height, width), anti_aliasing=True).astype(np.float32)


def main() -> None:
    """Read the command line, write the sheet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output")
    parser.add_argument("exemplars", nargs="+")
    parser.add_argument("-m", "--method", default="ot-flow")
    parser.add_argument("-s", "--size", default="512x384", help="WIDTHxHEIGHT")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--columns", type=int, default=2)
    parser.add_argument("--width", type=int, help="shrink the sheet to this width")
    options = parser.parse_args()
    width, height = map(int, options.size.split("x"))
    pictures = [
        pair(path, options.method, (height, width), options.seed) for path in options.exemplars
    ]
    sheet = stacked(pictures, options.columns)
    texto.write_image(options.output, shrunk(sheet, options.width or sheet.shape[1]))


if __name__ == "__main__":
    main()
