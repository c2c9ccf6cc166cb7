"""The pictures in data/ are what data/make_exemplars.py draws, and fit to be exemplars."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

DATA = Path(__file__).resolve().parents[1] / "data"
EXEMPLARS = ("woven", "bricks", "pebbles", "spots", "wood")
MASKS = ("mask_blobs", "mask_scratch")


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory) -> Path:
    """A new folder in which the script, run from elsewhere, drew everything."""
    folder = tmp_path_factory.mktemp("exemplars") / "new"
    script = [sys.executable, "-W", "error", str(DATA / "make_exemplars.py"), str(folder)]
    done = subprocess.run(script, capture_output=True, text=True, cwd=folder.parent)
    assert done.returncode == 0, done.stderr
    return folder


def test_the_script_writes_all_pictures_and_nothing_else(drawn):
    names = {path.name for path in drawn.iterdir()}
    assert names == {f"{name}.png" for name in EXEMPLARS + MASKS}
    assert names == {path.name for path in DATA.glob("*.png")}


@pytest.mark.parametrize("name", EXEMPLARS + MASKS)
def test_drawing_again_gives_the_committed_picture(drawn, name):
    old, new = (pixels(folder / f"{name}.png").astype(int) for folder in (DATA, drawn))
    assert old.shape == new.shape
    # other versions of numpy and scipy round differently; none may move a feature
    assert np.abs(old - new).max() <= 2


@pytest.mark.parametrize("name", EXEMPLARS)
def test_an_exemplar_is_a_lively_stationary_colour_picture(name):
    picture = pixels(DATA / f"{name}.png")
    assert picture.shape == (256, 256, 3) and picture.dtype == np.uint8
    assert 70 < picture.mean() < 185
    assert picture.std(axis=(0, 1)).min() > 20
    assert np.ptp(picture.reshape(-1, 3).mean(axis=0)) > 10  # not grey
    assert np.mean((picture == 0) | (picture == 255)) < 0.02  # not clipped
    quarters = picture.reshape(2, 128, 2, 128, 3).mean(axis=(1, 3, 4))
    assert np.ptp(quarters) < 25


@pytest.mark.parametrize("name", MASKS)
def test_a_mask_has_two_values_and_a_sensible_share(name):
    mask = pixels(DATA / f"{name}.png")
    assert mask.shape == (256, 256)
    assert set(np.unique(mask)) == {0, 255}
    assert 0.03 < np.mean(mask == 255) < 0.40


def test_a_hole_touches_the_border():
    mask = pixels(DATA / "mask_blobs.png")
    border = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]])
    assert 0 < np.mean(border == 255) < 0.1


@pytest.mark.parametrize("name", EXEMPLARS + MASKS)
def test_files_are_small(name):
    assert (DATA / f"{name}.png").stat().st_size < 200_000
