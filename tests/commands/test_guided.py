"""`texto synth --guide`: sizes, records, models, refusals."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from texto.cli import main
from texto.core import registry
from texto.io import model_files
from texto.io.images import open_image, read_text

SETTINGS = ("n_iter=2", "patch_size=4", "n_dims=8", "n_iter_dual=2")
QUICK = (*(f"--set={pair}" for pair in SETTINGS), "--seed", 1)


def record_of(path):
    return json.loads(read_text(path)["texto"])


@pytest.fixture
def guide(folder):
    """face.png, 36 x 28, with a light half; wall.png is beside it."""
    values = np.full((28, 36, 3), 40, np.uint8)
    values[:, 18:] = (200, 180, 90)
    Image.fromarray(values).save("face.png")
    return "face.png"


def test_the_picture_is_the_methods(folder, done, guide, pixels):
    outcome = done("synth", "wall.png", "--guide", guide, *QUICK, "--guide-weight", 2)
    assert outcome.paths == ["wall_ot-flow_36x28_s1.png"] and outcome.err == ""
    method = registry.method_class("ot-flow")(n_iter=2, patch_size=4, n_dims=8, n_iter_dual=2)
    expected = method.guide(
        open_image("wall.png").pixels, open_image(guide).pixels, weight=2, rng=1
    )
    assert np.abs(open_image(outcome.paths[0]).pixels - expected).max() <= 0.5001 / 255
    grey = pixels(outcome.paths[0]).mean(axis=(0, 2))
    assert grey[18:].mean() > grey[:18].mean() + 10


@pytest.mark.parametrize(
    "given, size", [((), (36, 28)), (("-s", "40x20"), (40, 20)), (("-s", "0.5x"), (18, 14))]
)
def test_sizes(folder, done, guide, pixels, given, size):
    (path,) = done("synth", "wall.png", "--guide", guide, *QUICK, *given).paths
    assert pixels(path).shape == (size[1], size[0], 3)


@pytest.mark.parametrize("mode", ["LA", "I;16", "P"])
def test_guides_of_other_kinds(folder, done, guide, mode):
    image = Image.open(guide)
    if mode == "I;16":
        image = Image.fromarray(np.array(image.convert("L")).astype(np.uint16) * 257)
    else:
        image = image.convert(mode)
    image.save("other.png")
    (path,) = done("synth", "wall.png", "--guide", "other.png", *QUICK).paths
    assert open_image(path).bits == 8


def test_grey_exemplar(folder, done, guide, pixels, bricks):
    Image.fromarray(bricks()[:, :, 0]).save("grey.png")
    (path,) = done("synth", "grey.png", "--guide", guide, *QUICK).paths
    assert pixels(path).shape == (28, 36)


def test_record(folder, done, guide, refused):
    (path,) = done("synth", "wall.png", "--guide", guide, *QUICK).paths
    fields = record_of(path)
    assert fields["command"] == "synth --guide" and fields["guide"] == "face.png"
    assert fields["guide_hash"] == model_files.exemplar_hash(open_image(guide).pixels)
    assert fields["guide_weight"] == 0.5 and fields["seed"] == 1 and fields["size"] == [36, 28]
    assert fields["exemplar"] == "wall.png" and fields["method"] == "ot-flow"
    assert "face.png\n" in done("info", path).out
    line = refused("synth", "--from", path)
    assert "was made by 'texto synth --guide', which 'texto synth' cannot repeat" in line


def test_several_pictures(folder, done, guide, pixels):
    outcome = done("synth", "wall.png", "--guide", guide, *QUICK, "-n", 2, "--json")
    entries = json.loads(outcome.out)["outputs"]
    assert [entry["seed"] for entry in entries] == [1, 2]
    paths = [entry["path"] for entry in entries]
    assert len({pixels(path).tobytes() for path in paths}) == 2
    again = done("synth", "wall.png", "--guide", guide, *QUICK[:-1], 2, "-o", "again.png").paths
    assert Path(again[0]).read_bytes() == Path(paths[1]).read_bytes()


def test_a_model_gives_its_exemplar_and_settings(folder, done, guide, pixels):
    (model,) = done("fit", "wall.png", *QUICK, "-o", "m.safetensors").paths
    (path,) = done("synth", model, "--guide", guide, "--seed", 1, "-o", "a.png").paths
    (other,) = done("synth", "wall.png", "--guide", guide, *QUICK, "-o", "b.png").paths
    assert np.array_equal(pixels(path), pixels(other))
    assert record_of(path)["model"] == "m.safetensors"


def test_settings_from_a_picture(folder, done, guide, pixels):
    (made,) = done("synth", "wall.png", *QUICK, "-s", "1x", "-o", "made.png").paths
    (path,) = done("synth", "--from", made, "--guide", guide, "-o", "a.png").paths
    (other,) = done("synth", "wall.png", "--guide", guide, *QUICK, "-o", "b.png").paths
    assert np.array_equal(pixels(path), pixels(other))


def test_plot_and_depth(folder, done, guide):
    quick = ("-m", "patch-ot", "--set", "n_iter=2", "--set", "n_iter_dual=1", "--seed", 1)
    path, drawn = done("synth", "wall.png", "--guide", guide, *quick, "--plot", "--bits", 16).paths
    assert drawn == "wall_patch-ot_36x28_s1_loss.png" and Path(drawn).exists()
    assert open_image(path).bits == 16 and record_of(path)["guide_weight"] == 0.4


def test_stdout(folder, guide, capfdbinary):
    arguments = ["synth", "wall.png", "--guide", guide, *map(str, QUICK), "-o"]
    assert main([*arguments, "file.png"]) == 0
    capfdbinary.readouterr()
    assert main([*arguments, "-"]) == 0
    assert capfdbinary.readouterr().out == Path("file.png").read_bytes()


def test_one_colour_is_told(folder, done):
    Image.new("RGB", (20, 20), (9, 9, 9)).save("flat.png")
    outcome = done("synth", "wall.png", "--guide", "flat.png", *QUICK)
    assert "one luminance only" in outcome.err


@pytest.mark.parametrize(
    "arguments, told",
    [
        (["--guide", "face.png", "--tileable"], "--tileable: a guided texture"),
        (["--guide", "face.png", "--set", "tileable=x"], "does not repeat"),
        (["--guide", "face.png", "--with", "face.png"], "--with: maps cannot be led"),
        (["--guide", "nope.png"], "nope.png"),
        (["--guide", "clear.png"], "transparent"),
        (["--guide", "text.png"], "text.png"),
        (["--guide", "m.safetensors"], "is a model"),
        (["--guide", "face.png", "-m", "gaussian"], "no guide; use ot-flow, nifty, textogmm"),
        (["--guide", "face.png", "-o", "face.png", "--force"], "is also an input"),
        (["--guide", "face.png", "-o", "-", "--json"], "--json"),
        (["--guide", "face.png", "-o", "-", "--plot"], "--plot"),
        (["--guide", "face.png", "-s", "90000"], "needs about"),
        (["--guide-weight", "1"], "--guide-weight: there is no guide"),
        (["--guide"], "--guide: expected one argument"),
        *(
            (["--guide", "face.png", f"--guide-weight={value}"], f"got {value!r}")
            for value in ("-1", "nan", "inf", "1001", "x", "")
        ),
    ],
)
def test_refused_in_one_line(arguments, told, refused, guide):
    alpha = np.full((28, 36, 4), 90, np.uint8)
    Image.fromarray(alpha).save("clear.png")
    Path("text.png").write_text("no picture")
    assert told in refused("synth", "wall.png", *arguments)
