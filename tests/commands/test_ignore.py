"""`--ignore` of `texto synth` and `texto fit`: pixels of the exemplar that nothing is made of."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import texto as package
from texto.io.images import open_image, read_text

QUICK = ("-m", "gaussian", "-s", "20")
LOGO = np.zeros((40, 48), bool)
LOGO[4:14, 30:44] = True


@pytest.fixture(autouse=True)
def quick_fill(monkeypatch):
    """The fill by the quickest method in place of the default."""
    monkeypatch.setattr("texto.editing.inpainting.DEFAULT_METHOD", "gaussian")


@pytest.fixture
def spoiled(folder, bricks):
    """spoiled.png, a wall with a white logo, and logo.png, its mask."""
    colours = np.where(LOGO[:, :, None], 255, bricks()).astype(np.uint8)
    Image.fromarray(colours).save("spoiled.png")
    Image.fromarray(LOGO).save("logo.png")
    opacity = np.where(LOGO, 0, 255).astype(np.uint8)
    Image.fromarray(np.dstack([colours, opacity])).save("clear.png")


def record_of(path):
    return json.loads(read_text(path)["texto"])


def test_ignored_pixels_are_filled_first(spoiled, done, pixels):
    path = done("synth", "spoiled.png", "--ignore", "logo.png", *QUICK, "--seed", 1).paths[0]
    wall = open_image("spoiled.png").pixels
    whole = package.inpaint(wall, LOGO, package.Gaussian(), rng=0)
    made = package.Gaussian().fit(whole, rng=0).synthesize((20, 20), rng=1)
    assert np.abs(pixels(path) / 255 - made).max() <= 0.5001 / 255
    assert record_of(path)["ignore"] == "logo.png" and len(record_of(path)["ignore_hash"]) == 64


def test_what_is_under_them_has_no_influence(spoiled, done, pixels):
    arguments = ("--ignore", "logo.png", *QUICK, "--seed", 1, "-o")
    done("synth", "spoiled.png", *arguments, "a.png")
    done("synth", "wall.png", *arguments, "b.png")
    done("synth", "clear.png", "--ignore", "alpha", *QUICK, "--seed", 1, "-o", "c.png")
    assert np.array_equal(pixels("a.png"), pixels("b.png"))
    assert np.array_equal(pixels("a.png"), pixels("c.png"))
    assert record_of("c.png")["ignore"] == "alpha" and record_of("c.png")["alpha"] == "ignore"


@pytest.mark.parametrize("exemplar, ignore", [("spoiled.png", "logo.png"), ("clear.png", "alpha")])
def test_a_picture_is_repeated_with_them(spoiled, done, exemplar, ignore):
    done("synth", exemplar, "--ignore", ignore, *QUICK, "--seed", 1, "-o", "a.png")
    outcome = done("synth", "--from", "a.png", "-o", "b.png")
    assert Path("a.png").read_bytes() == Path("b.png").read_bytes() and "note" not in outcome.err


def test_models_are_fitted_without_them(spoiled, done, refused, pixels):
    arguments = ("-m", "gaussian", "--seed", 0, "-o", "m.safetensors")
    done("fit", "spoiled.png", "--ignore", "logo.png", *arguments)
    whole = package.load("m.safetensors").exemplar
    assert np.array_equal(whole[~LOGO], open_image("spoiled.png").pixels[~LOGO])
    assert whole[LOGO].mean() < 0.6
    line = refused("synth", "m.safetensors", "--ignore", "logo.png")
    assert "--ignore: a model is fitted already" in line


def test_refused_with_advice(spoiled, refused):
    Image.new("L", (9, 9), 255).save("small.png")
    Image.new("L", (48, 40), 255).save("all.png")
    for name, told in {
        "small.png": "is 9x9, the exemplar is 48x40",
        "all.png": "selects every pixel",
        "alpha": "is opaque everywhere",
    }.items():
        assert told in refused("synth", "wall.png", "--ignore", name, *QUICK)
    line = refused("synth", "clear.png", "--ignore", "alpha", "--alpha", "keep", *QUICK)
    assert "--alpha keep: says nothing beside --ignore 'alpha'" in line
