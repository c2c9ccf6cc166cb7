"""`texto synth --from` and `texto info`."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from texto.io.images import read_text, write_image

QUICK = ("-m", "gaussian", "-s", "20x12")


@pytest.fixture
def picture(folder, done):
    """made.png, with settings that are not the defaults."""
    done(
        "synth", "wall.png", *QUICK, "--seed", 8, "--tileable", "y", "--bits", 16, "-o", "made.png"
    )
    return Path("made.png")


def tampered(picture, **changes) -> Path:
    """A copy of `picture` with other fields in its record; ... removes a field."""
    fields = {**json.loads(read_text(picture)["texto"]), **changes}
    fields = {key: value for key, value in fields.items() if value is not ...}
    write_image("bad.png", np.zeros((4, 4, 3), np.float32), text={"texto": json.dumps(fields)})
    return Path("bad.png")


@pytest.mark.parametrize("source", [(), ("wall.png",)])
def test_repeats_a_picture_exactly(folder, done, picture, source):
    outcome = done("synth", *source, "--from", picture, "-o", "again.png")
    assert Path("again.png").read_bytes() == picture.read_bytes()
    assert outcome.err == ""


def test_repeats_one_of_several(folder, done):
    paths = done("synth", "wall.png", *QUICK, "--seed", 7, "-n", 3).paths
    done("synth", "--from", paths[2], "-o", "again.png")
    assert Path("again.png").read_bytes() == Path(paths[2]).read_bytes()


def test_repeats_a_picture_of_a_model(folder, done, refused, model, pixels):
    path = done("synth", model, "-s", 16, "--seed", 4, "--tileable", "x").paths[0]
    for source in ((), (model,), ("wall.png",)):
        done("synth", *source, "--from", path, "-o", "again.png", "--force")
        assert np.array_equal(pixels("again.png"), pixels(path))
    os.rename(model, "elsewhere.safetensors")
    assert "model 'wall_gaussian.safetensors' is not beside it" in refused("synth", "--from", path)


def test_looks_beside_the_picture(folder, done, picture):
    os.mkdir("other")
    for name in ("wall.png", "made.png"):
        shutil.move(name, f"other/{name}")
    done("synth", "--from", "other/made.png", "-o", "again.png")
    assert Path("again.png").read_bytes() == Path("other/made.png").read_bytes()


def test_another_exemplar_of_the_same_name_is_not_taken(folder, done, refused, picture):
    Image.linear_gradient("L").resize((48, 40)).convert("RGB").save("wall.png")
    assert "has changed" in refused("synth", "--from", picture, "-o", "again.png")
    outcome = done("synth", "wall.png", "--from", picture, "-o", "again.png")
    assert outcome.err.startswith("texto: note: ") and outcome.err.count("\n") == 1


def test_explicit_options_override(folder, done, refused, picture):
    outcome = done("synth", "--from", picture, "-s", "8x6", "--seed", 9, "--bits", 8, "-n", 2)
    assert outcome.paths == ["wall_gaussian_8x6_s9.png", "wall_gaussian_8x6_s10.png"]
    fields = json.loads(read_text(outcome.paths[0])["texto"])
    assert (fields["seed"], fields["fit_seed"], fields["bits"]) == (9, 0, 8)
    assert fields["settings"] == {"tileable": "y"}
    done("synth", "--from", picture, "--set", "tileable=x", "-o", "x.png")
    assert json.loads(read_text("x.png")["texto"])["settings"] == {"tileable": "x"}
    assert "--from repeats" in refused("synth", "--from", picture, "-m", "textogmm")


def test_the_picture_itself_is_not_replaced(folder, done, refused):
    path = done("synth", "wall.png", *QUICK, "--seed", 8).paths[0]
    assert "also an input" in refused("synth", "--from", path, "--force")


def test_transparency_is_repeated(folder, done):
    Image.new("RGBA", (32, 32), (200, 100, 50, 128)).save("glass.png")
    path = done("synth", "glass.png", *QUICK, "--seed", 1, "--alpha", "ignore").paths[0]
    done("synth", "--from", path, "-o", "again.png")
    assert Path("again.png").read_bytes() == Path(path).read_bytes()


@pytest.mark.parametrize(
    "changes, told",
    [
        ({"exemplar": "../wall.png"}, "'exemplar'"),
        ({"exemplar": "/etc/passwd"}, "'exemplar'"),
        ({"exemplar": ".."}, "'exemplar'"),
        ({"exemplar": 5}, "'exemplar'"),
        ({"exemplar": "gone.png"}, "'gone.png'"),
        ({"exemplar": ...}, "its exemplar is not named in it"),
        ({"exemplar_hash": "0" * 64}, "has changed"),
        ({"exemplar_hash": "x"}, "'exemplar_hash'"),
        ({"model": "a/b.safetensors", "model_hash": "0" * 64}, "'model'"),
        ({"size": [0, 5]}, "'size'"),
        ({"size": [5.0, 5]}, "'size'"),
        ({"size": [10**9, 10**9]}, "GiB"),
        ({"seed": -1}, "'seed'"),
        ({"seed": True}, "'seed'"),
        ({"seed": ...}, "'seed'"),
        ({"fit_seed": 2**32}, "'fit_seed'"),
        ({"bits": 9}, "'bits'"),
        ({"alpha": ["white"]}, "'alpha'"),
        ({"method": ["gaussian"]}, "'method'"),
        ({"method": "gausian"}, "did you mean gaussian, singan?"),
        ({"settings": {"tileable": 1}}, "tileable"),
        ({"settings": {"depth": 1}}, "'depth'"),
        ({"settings": []}, "'settings'"),
        ({"version": None}, "'version'"),
    ],
)
def test_tampered_records(changes, told, folder, refused, picture):
    path = tampered(picture, **changes)
    assert told in refused("synth", "--from", path, "-o", "again.png")


@pytest.mark.parametrize("text", ["", "[]", "{", "5", "[" * 5000])
def test_records_that_are_none(text, folder, refused):
    write_image("bad.png", np.zeros((4, 4, 3), np.float32), text={"texto": text})
    for command in (("synth", "--from"), ("info",)):
        assert "texto record" in refused(*command, "bad.png")


def test_picture_of_another_version_is_noted(folder, done, picture):
    path = tampered(picture, version="9.9")
    assert "texto: note: the picture was made by texto 9.9" in done("synth", "--from", path).err


def test_picture_without_record(folder, refused):
    assert "no texto record" in refused("synth", "--from", "wall.png")


def test_info_of_a_picture(folder, done, picture):
    shown = done("info", picture).out
    rows = dict(line.split(maxsplit=1) for line in shown.splitlines())
    assert rows["method"] == "gaussian" and rows["settings.tileable"] == "y"
    assert (rows["size"], rows["seed"], rows["fit_seed"], rows["bits"]) == ("20x12", "8", "0", "16")
    assert json.loads(done("info", picture, "--json").out) == json.loads(
        read_text(picture)["texto"]
    )


def test_info_of_a_model(folder, done, model):
    shown = done("info", model).out
    assert "wall.png" in shown and "gaussian" in shown
    described = json.loads(done("info", model, "--json").out)
    assert described["notes"] == {"exemplar": "wall.png", "seed": 3}


def test_info_sends_no_control_characters(folder, done, picture):
    path = tampered(picture, exemplar="\x1b[2J.png", **{"new\x07": "\x1b]0;"})
    for line in done("info", path).out.splitlines():
        assert line.isprintable()
