"""Draw the five exemplars and two masks: `python data/make_exemplars.py [FOLDER]`.

Fixed seeds: the same versions of the libraries give the same bytes. FOLDER is the script's own
folder unless named.
"""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]  # runs from a bare checkout, texto not installed

import built  # noqa: E402
import natural  # noqa: E402
from drawing import MARGIN, SCALE, SIZE, fractal  # noqa: E402

from texto.io.images import write_image  # noqa: E402

EXEMPLARS = {
    "woven": (built.woven, 1),
    "bricks": (built.bricks, 2),
    "pebbles": (natural.pebbles, 6),
    "spots": (natural.spots, 4),
    "wood": (built.wood, 5),
}

# centre row, centre column and mean radius of each hole; the last one crosses the border
BLOBS = ((66, 74, 27), (96, 190, 20), (178, 126, 33), (212, 40, 12), (196, 250, 22))

# strokes of five letters, in a box 1 wide and 1 high: (row, column) to (row, column)
LETTERS = {
    "T": [((0, 0), (0, 1)), ((0, 0.5), (1, 0.5))],
    "E": [((0, 0), (1, 0)), ((0, 0), (0, 1)), ((0.5, 0), (0.5, 0.8)), ((1, 0), (1, 1))],
    "X": [((0, 0), (1, 1)), ((0, 1), (1, 0))],
    "U": [((0, 0), (0.8, 0)), ((0.8, 0), (1, 0.5)), ((1, 0.5), (0.8, 1)), ((0.8, 1), (0, 1))],
    "R": [
        ((0, 0), (1, 0)),
        ((0, 0), (0.1, 0.9)),
        ((0.1, 0.9), (0.5, 0.8)),
        ((0.5, 0.8), (0.5, 0)),
        ((0.5, 0.4), (1, 1)),
    ],
}


def blobs(rng: np.random.Generator) -> np.ndarray:
    """Mask (SIZE, SIZE) float32 in {0, 1} of irregular holes, one of them over the border."""
    row, column = np.mgrid[:SIZE, :SIZE] + 0.5
    ragged = 0.22 * _at_pixels(fractal(rng, 30, 2.0))
    holes = [np.hypot(row - y, column - x) / r + ragged < 1 for y, x, r in BLOBS]
    return np.any(holes, axis=0).astype(np.float32)


def scratches(rng: np.random.Generator) -> np.ndarray:
    """Mask (SIZE, SIZE) float32 in {0, 1} of bent thin scratches and a line of lettering."""
    width = 1.1 + 0.35 * _at_pixels(fractal(rng, 18, 2.4))
    mask = np.zeros((SIZE, SIZE), bool)
    for start, end, bow in [
        ((-4, 30), (262, 96), 26),
        ((30, -4), (12, 262), -14),
        ((70, 262), (262, 168), 20),
        ((236, -4), (170, 150), 12),
        ((46, 150), (98, 216), -9),
    ]:
        mask |= _near_path(_arc(start, end, bow)) < width
    for place, letter in enumerate("TEXTURE"):
        for start, end in LETTERS[letter]:
            corner = np.array([122, 34 + 28 * place]) + rng.normal(0, 0.8, 2)
            path = corner + np.array([start, end]) * (24, 16)
            mask |= _near_path(path) < 1.9
    return mask.astype(np.float32)


def _at_pixels(field: np.ndarray) -> np.ndarray:
    """A canvas field at the pixels of the picture, (SIZE, SIZE)."""
    inner = slice(MARGIN * SCALE + SCALE // 2, -MARGIN * SCALE, SCALE)
    return field[inner, inner]


def _arc(start: tuple[float, float], end: tuple[float, float], bow: float) -> np.ndarray:
    """Points (24, 2) from `start` to `end` that swerve by `bow` pixels half-way."""
    t = np.linspace(0, 1, 24)[:, None]
    along = np.subtract(end, start)
    aside = np.array([-along[1], along[0]]) / np.hypot(*along)
    return start + t * along + 4 * bow * t * (1 - t) * aside


def _near_path(points: np.ndarray) -> np.ndarray:
    """Distance (SIZE, SIZE) of each pixel from a polyline (n, 2)."""
    pixels = np.moveaxis(np.mgrid[:SIZE, :SIZE] + 0.5, 0, -1)
    nearest = np.full((SIZE, SIZE), np.inf)
    for start, end in itertools.pairwise(points):
        along = end - start
        t = np.clip((pixels - start) @ along / (along @ along), 0, 1)
        nearest = np.minimum(nearest, np.linalg.norm(pixels - start - t[..., None] * along, axis=2))
    return nearest


def main(folder: Path) -> None:
    """Write all PNGs into `folder`, which is made if missing."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, (draw, seed) in EXEMPLARS.items():
        write_image(folder / f"{name}.png", draw(np.random.default_rng(seed)), bits=8)
    for name, draw in (("mask_blobs", blobs), ("mask_scratch", scratches)):
        write_image(folder / f"{name}.png", draw(np.random.default_rng(11))[..., None], bits=8)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
