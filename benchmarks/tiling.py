"""Bench of tiling: time, share kept, and the seam.

`python benchmarks/tiling.py [--method NAME] [--axis x|y|xy] [--width N] [--sheets FOLDER]
[PICTURE ...]`, by default all axes of the exemplars of `data/`, by strips and not a method.
For each axis that was tiled the mean absolute difference across these lines, over that across
all lines outside the band:

before   the wrap line of the picture as it was, over its other lines;
seam     the wrap line of the result;
edges    the two lines where the band begins and ends;
band     all lines of the band with its edges: below 1 where the band is blurred;
usual    the range of 9 in 10 single lines inside the picture as it was: what chance does.

A sheet shows the picture and the result rolled by half, and the middle of 2 x 2 results.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

import numpy as np
from timing import EXEMPLAR, line, once

NAMES = ("bricks", "pebbles", "spots", "wood", "woven")


def lines(image: np.ndarray, along: int) -> np.ndarray:
    """(n,): the mean absolute difference across each line; line 0 is where it wraps."""
    return np.abs(image - np.roll(image, 1, along)).mean(axis=(1 - along, 2))


def ratios(image: np.ndarray, result: np.ndarray, along: int, width: int) -> str:
    """The ratios of the head of this file for the axis `along`."""
    old, new = lines(image, along), lines(result, along)
    first = width // 2
    inside = (np.arange(len(new)) + first) % len(new) <= width
    mean = new[~inside].mean()
    edges = new[[-first, width - first]].mean()
    low, high = np.quantile(old[1:], [0.05, 0.95]) / old[1:].mean()
    return (
        f"before {old[0] / old[1:].mean():.2f} seam {new[0] / mean:.2f} edges {edges / mean:.2f} "
        f"band {new[inside].mean() / mean:.2f} usual {low:.2f} to {high:.2f}"
    )


def sheet(image: np.ndarray, result: np.ndarray) -> np.ndarray:
    """The picture and the result rolled by half, and the middle of 2 x 2 results."""
    height, width = image.shape[:2]
    half = (height // 2, width // 2)
    gap = np.ones((height, 6, image.shape[2]), np.float32)
    middle = np.tile(result, (2, 2, 1))[height // 4 :, width // 4 :][:height, :width]
    parts = [np.roll(image, half, (0, 1)), gap, np.roll(result, half, (0, 1)), gap, middle]
    return np.concatenate(parts, axis=1)


def measure(path: Path, axis: str, options: argparse.Namespace) -> None:
    """Tile one picture along `axis` and tell the figures."""
    import texto
    from texto.editing.tiling import band_width

    image = texto.read_image(path, alpha="ignore")
    method = texto.method(options.method) if options.method else None
    name = options.method or "strips"
    results: list[np.ndarray] = []
    seconds = once(
        lambda: results.append(
            texto.tile(image, method, axis=axis, width=options.width, rng=options.seed)
        )
    )
    width = band_width(image.shape, axis, options.width)
    kept = (results[0] == image).all(axis=2).mean()
    line(f"{path.stem}, {name}, {axis}, {width} pixels", seconds, f"kept {kept:.0%}")
    for each in axis:
        print(f"    {each}  {ratios(image, results[0], 1 if each == 'x' else 0, width)}")
    if options.sheets:
        target = options.sheets / f"{path.stem}_{name}_{axis}.png"
        texto.write_image(target, sheet(image, results[0]))


def main() -> None:
    """Every picture along every axis."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pictures", nargs="*", type=Path)
    parser.add_argument("--method")
    parser.add_argument("--axis", choices=("x", "y", "xy"))
    parser.add_argument("--width", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sheets", type=Path)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    print("tiling: seconds, share of pixels kept, and gradients over those outside the band")
    for path in options.pictures or [EXEMPLAR.with_name(f"{name}.png") for name in NAMES]:
        for axis in [options.axis] if options.axis else ["x", "y", "xy"]:
            measure(path, axis, options)


if __name__ == "__main__":
    main()
