"""The sheets of the tasks in docs/: `python benchmarks/task_sheets.py EXEMPLARS [NAME ...]`.

EXEMPLARS is a folder with leaf.png, grass.png and the other pictures of the literature; the drawn
ones come from data/. Every picture is made by the command that the README gives for it.
NAMEs: inpainting, mixing, tiling, maps, guided, recolor; all by default.
"""

from __future__ import annotations

import sys
import tempfile
import warnings
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import numpy as np
from inpainting import square
from sheet import shrunk, stacked
from timing import EXEMPLAR, ROOT

import texto
from texto.cli import main as command

DATA, DOCS = EXEMPLAR.parent, ROOT / "docs"
WIDEST = 960  # pixels: sheets stay under a megabyte


class Desk:
    """A folder to work in, and the pictures to work on."""

    def __init__(self, folder: Path, exemplars: Path):
        self.folder, self._exemplars = folder, exemplars

    def __call__(self, name: str) -> Path:
        """The exemplar with this name."""
        drawn = DATA / f"{name}.png"
        return drawn if drawn.exists() else self._exemplars / f"{name}.png"

    def read(self, path: str | Path) -> np.ndarray:
        """(H, W, 3): the picture at `path`, in the folder where it is relative."""
        image = texto.read_image(self.folder / path, alpha="ignore")
        return np.broadcast_to(image, (*image.shape[:2], 3))

    def written(self, name: str, image: np.ndarray, **options: object) -> Path:
        """The file of `image` (H, W) or (H, W, C) in [0, 1], written as `name`."""
        path = self.folder / name
        texto.write_image(path, np.asarray(image, np.float32), **options)
        return path

    def run(self, *words: object) -> None:
        """`texto WORDS --seed 1`, quietly."""
        options = ["--seed", "1", "-q", "--alpha", "ignore", "--force"]
        with redirect_stdout(StringIO()):
            status = command([*map(str, words), *options])
        if status:
            raise SystemExit(status)


def inpainting(desk: Desk) -> np.ndarray:
    """Two holes in each picture, by four methods."""
    rows = []
    for number, name in enumerate(("wicker", "wall", "leaf", "grass", "pebbles", "bricks")):
        image = desk.read(desk(name))[:256, :256]
        source = desk.written(f"{name}.png", image)
        mask = square(image.shape[:2])
        if number % 2:
            mask = desk.read(DATA / "mask_scratch.png")[:256, :256].mean(axis=2) > 0.5
        holes = desk.written("mask.png", mask.astype(np.float32))
        shown = [np.where(mask[:, :, None], 1, image).astype(np.float32)]
        for method in ("ot-flow", "textogmm", "kwatra", "patch-ot"):
            out = desk.folder / f"{name}_{method}.png"
            desk.run("inpaint", source, "--mask", holes, "-m", method, "-o", out)
            shown.append(desk.read(out))
        rows += shown
    return stacked(rows, 5)


def mixing(desk: Desk) -> np.ndarray:
    """Rows from one texture to another by three methods, and along a map."""
    shown = []
    for a, b in (("leaf", "grass"), ("pebbles", "bricks")):
        for method in ("ot-flow", "textogmm", "patch-ot"):
            out = desk.folder / f"{a}_{method}.png"
            words = ("-m", method, "--steps", 5, "-s", 256, "-o", out)
            desk.run("mix", desk(a), desk(b), *words)
            shown.append(desk.read(out))
    ramp = desk.written("ramp.png", np.tile(np.linspace(0, 1, 1280, dtype=np.float32), (256, 1)))
    out = desk.folder / "along.png"
    desk.run("mix", desk("leaf"), desk("grass"), "--map", ramp, "-s", "1280x256", "-o", out)
    return stacked([*shown, desk.read(out)], 1)


def tiling(desk: Desk) -> np.ndarray:
    """Each picture repeated as it is, and made seamless."""
    shown = []
    for name in ("wall", "grass", "pebbles", "wood"):
        image = desk.read(desk(name))[:256, :256]
        source = desk.written(f"{name}.png", image)
        desk.run("tile", source, "--check", "-o", desk.folder / f"{name}_tile.png")
        shown += [np.tile(image, (2, 2, 1)), desk.read(f"{name}_tile_2x2.png")]
    return stacked(shown, 4)


def maps(desk: Desk) -> np.ndarray:
    """A material of bricks: given, made anew, made seamless (rolled by half), holed and healed."""
    from scipy.ndimage import gaussian_filter

    colour = texto.read_image(desk("bricks"))
    height = gaussian_filter(colour @ np.float32([0.299, 0.587, 0.114]), 1.5)
    height = (height - height.min()) / np.ptp(height) * 0.9 + 0.05
    rows, columns = np.gradient(6 * height)
    normal = np.stack([-columns, rows, np.ones_like(rows)], axis=-1)
    normal /= np.linalg.norm(normal, axis=2, keepdims=True)
    rough = 0.35 + 0.5 * (1 - height) + 0.4 * np.abs(colour[..., 0] - gaussian_filter(height, 3))
    hole = square(colour.shape[:2])
    given = [
        desk.written("bricks_colour.png", colour),
        desk.written("bricks_normal.png", normal / 2 + 0.5),
        desk.written("bricks_height.png", height, bits=16),
        desk.written("bricks_rough.png", np.clip(rough, 0, 1)),
    ]
    mask = desk.written("hole_mask.png", hole.astype(np.float32))
    side, shown = colour.shape[0], [desk.read(path) for path in given]
    for name, words in {
        "new": ("synth", given[0], "--with", *given[1:], "-s", side),
        "tile": ("tile", given[0], "--with", *given[1:]),
        "healed": ("inpaint", given[0], "--with", *given[1:], "--mask", mask),
    }.items():
        desk.run(*words, "-o", desk.folder / f"{name}_{{stem}}.png")
        made = [desk.read(f"{name}_{path.stem}.png") for path in given]
        if name == "tile":
            made = [np.roll(image, side // 2, (0, 1)) for image in made]
        if name == "healed":
            shown += [np.where(hole[..., None], 1, image) for image in shown[: len(given)]]
        shown += made
    return stacked(shown, len(given))


def guided(desk: Desk) -> np.ndarray:
    """A portrait laid out of textures."""
    from skimage.data import astronaut

    guide = desk.written("guide.png", astronaut()[:384, 32:416].astype(np.float32) / 255)
    shown = [desk.read(guide)]
    for name, method in (
        ("grass", "ot-flow"),
        ("wicker", "ot-flow"),
        ("spots", "ot-flow"),
        ("grass", "patch-ot"),
        ("wicker", "patch-ot"),
    ):
        out = desk.folder / f"{name}_{method}.png"
        desk.run("synth", desk(name), "--guide", guide, "-m", method, "-o", out)
        shown.append(desk.read(out))
    return stacked(shown, 3)


def recolor(desk: Desk) -> np.ndarray:
    """Pictures, those with the colours, and the results, two of each in a row."""
    from skimage import data

    shown = []
    for name, like in (
        ("coffee", "astronaut"),
        ("astronaut", "coffee"),
        ("chelsea", "wood"),
        ("rocket", "chelsea"),
        ("camera", "coffee"),
        ("pebbles", "woven"),
    ):
        paths = []
        for each in (name, like):
            if hasattr(data, each):
                photograph = np.atleast_3d(getattr(data, each)()).astype(np.float32) / 255
                paths.append(desk.written(f"{each}.png", photograph))
            else:
                paths.append(desk(each))
        out = desk.folder / f"{name}_like_{like}.png"
        desk.run("recolor", paths[0], "--like", paths[1], "-o", out)
        shown += [_middle(desk.read(path), 256) for path in (*paths, out)]
    return stacked(shown, 6)


def _middle(image: np.ndarray, side: int) -> np.ndarray:
    """The largest square in the middle of `image` (H, W, 3), at `side` pixels."""
    least = min(image.shape[:2])
    top, left = ((size - least) // 2 for size in image.shape[:2])
    return shrunk(image[top : top + least, left : left + least], side)


def _on_white(image: np.ndarray, side: int) -> np.ndarray:
    """`image` (H, W, 3) in the middle of a white square."""
    rows, columns = (side - size for size in image.shape[:2])
    pads = [(rows // 2, rows - rows // 2), (columns // 2, columns - columns // 2), (0, 0)]
    return np.pad(image, pads, constant_values=1)


SHEETS: dict[str, Callable[[Desk], np.ndarray]] = {
    sheet.__name__: sheet for sheet in (inpainting, mixing, tiling, maps, guided, recolor)
}


def main(words: Sequence[str]) -> None:
    """Make the named sheets."""
    exemplars, *names = words
    warnings.simplefilter("ignore")
    for name in names or SHEETS:
        with tempfile.TemporaryDirectory() as folder:
            sheet = SHEETS[name](Desk(Path(folder), Path(exemplars).resolve()))
        if sheet.shape[1] > WIDEST:
            sheet = shrunk(sheet, WIDEST)
        texto.write_image(DOCS / f"{name}.jpg", sheet)
        print(DOCS / f"{name}.jpg", sheet.shape[1], "x", sheet.shape[0])


if __name__ == "__main__":
    main(sys.argv[1:])
