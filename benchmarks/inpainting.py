"""Bench of inpainting: time, statistics inside the holes, and the seam.

`python benchmarks/inpainting.py [PICTURE ...]`, by default the exemplars of `data/`, each with
a square hole in the middle, a scratch and blobs. Two ratios, both 1 for the picture itself:

ot    the exact transport cost between the 4 x 4 patches that touch the holes and those that
      touch none, the mean over 4 levels, over that of as many patches of known regions of the
      same shape against the rest;
seam  the mean gradient across the holes' edges over that elsewhere outside the holes. In
      brackets the same in the picture without a hole: edges may lie on busy or on flat parts.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from timing import EXEMPLAR, line, once

METHODS = ("ot-flow", "textogmm", "kwatra", "patch-ot")
SIDE = 256  # pixels: pictures are cut to this, and masks are resized to them
SQUARE = 64  # pixels: the side of the square hole, a third of smaller pictures
DRAWS, REGIONS, LEVELS, PATCH = 800, 6, 4, 4


def square(shape: tuple[int, int]) -> np.ndarray:
    """A square hole in the middle."""
    side = min(SQUARE, min(shape) // 3)
    top, left = ((size - side) // 2 for size in shape)
    mask = np.zeros(shape, bool)
    mask[top : top + side, left : left + side] = True
    return mask


def drawn(name: str, shape: tuple[int, int]) -> np.ndarray:
    """The mask of `data/` with this name, resized."""
    from PIL import Image

    with Image.open(EXEMPLAR.with_name(f"mask_{name}.png")) as mask:
        return np.asarray(mask.convert("L").resize(shape[::-1])) > 127


def touch(holes: np.ndarray) -> np.ndarray:
    """Which patches, by their corners (H - w + 1, W - w + 1), touch a hole."""
    windows = np.lib.stride_tricks.sliding_window_view(holes, (PATCH, PATCH))
    return windows.any(axis=(2, 3))


def transport(
    image: np.ndarray, region: np.ndarray, barred: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """(LEVELS,): the cost from patches that touch `region`, not `barred`, to those that touch none.

    NaN where a level has hardly any of either.
    """
    from texto.patches.extraction import extract_at
    from texto.patches.masks import hole_pyramid
    from texto.patches.pyramid import pyramid
    from texto.transport.plan import exact_plan

    levels = zip(
        pyramid(image, LEVELS),
        hole_pyramid(region, LEVELS),
        hole_pyramid(barred, LEVELS),
        strict=True,
    )
    costs = np.full(LEVELS, np.nan)
    for level, (picture, inside, no) in enumerate(levels):
        inner, out = touch(inside), touch(no)
        corners = [np.argwhere(inner & ~out), np.argwhere(~inner & ~out)]
        if min(map(len, corners)) < PATCH:
            continue
        corners = [some[rng.permutation(len(some))[:DRAWS]] for some in corners]
        first, second = (extract_at(picture, some, PATCH).astype(np.float64) for some in corners)
        norms = np.square(first).sum(axis=1)[:, None] + np.square(second).sum(axis=1)
        cost = np.maximum(norms - 2 * first @ second.T, 0)
        weights = [np.full(len(some), 1 / len(some)) for some in corners]
        costs[level] = (exact_plan(*weights, cost) * cost).sum()
    return costs


def statistics(result: np.ndarray, mask: np.ndarray) -> float:
    """The ratio `ot` of the head of this file."""
    rng = np.random.default_rng(0)
    inside = transport(result, mask, np.zeros_like(mask), rng)
    usual = []
    for _ in range(REGIONS):
        moved = np.roll(mask, [int(rng.integers(size)) for size in mask.shape], (0, 1))
        usual.append(transport(result, moved & ~mask, mask, rng))
    usual = np.mean(usual, axis=0)
    both = np.isfinite(inside) & np.isfinite(usual)
    return float(inside[both].mean() / usual[both].mean())


def seam(result: np.ndarray, mask: np.ndarray) -> float:
    """The ratio `seam` of the head of this file."""
    across, elsewhere = [], []
    for axis in (0, 1):
        gradient = np.abs(np.diff(result, axis=axis)).mean(axis=2)
        first, second = (np.delete(mask, end, axis=axis) for end in (-1, 0))
        across.append(gradient[first != second])
        elsewhere.append(gradient[~(first | second)])
    return float(np.concatenate(across).mean() / np.concatenate(elsewhere).mean())


def main(paths: list[Path]) -> None:
    """Every method on every picture and mask."""
    import texto

    print("inpainting: seconds, and ot and seam, which are 1 for untouched pictures")
    for path in paths:
        image = texto.read_image(path, alpha="ignore")[:SIDE, :SIDE]
        shape = image.shape[:2]
        masks = {"square": square(shape), "scratch": drawn("scratch", shape)}
        masks["blobs"] = drawn("blobs", shape)
        for kind, mask in masks.items():
            before = seam(image, mask)
            for name in METHODS:
                results: list[np.ndarray] = []
                method = texto.method(name)
                seconds = once(
                    lambda: results.append(method.inpaint(image, mask, rng=0))  # noqa: B023
                )
                note = f"ot {statistics(results[0], mask):.2f}, seam {seam(results[0], mask):.2f}"
                line(f"{path.stem}, {kind}, {name}", seconds, f"{note} ({before:.2f})")


if __name__ == "__main__":
    names = ("bricks", "pebbles", "spots", "wood", "woven")
    given = [Path(path) for path in sys.argv[1:]]
    main(given or [EXEMPLAR.with_name(f"{name}.png") for name in names])
