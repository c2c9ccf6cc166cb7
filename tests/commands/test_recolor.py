"""`texto recolor`: results, depths, names, records, the figure, refusals."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import texto as package
from texto.cli import main
from texto.commands import recolor
from texto.io import model_files
from texto.io.images import open_image, read_text, write_image


def save(name, values):
    Image.fromarray(values).save(name)
    return name


def record_of(path):
    return json.loads(read_text(path)["texto"])


def clouds(height, width, top=255, dtype=np.uint8, channels=3):
    """(height, width[, channels]): waves of other colours than the bricks, with noise."""
    rows, columns = np.mgrid[:height, :width, :1][:2]
    phases = np.arange(channels)
    waves = 0.5 + 0.3 * np.sin(rows / 5 + phases) * np.cos(columns / (6 + phases))
    noise = np.random.default_rng(1).normal(0, 0.02, waves.shape)
    values = (np.clip(waves + noise, 0, 1) * top).astype(dtype)
    return values[:, :, 0] if channels == 1 else values


@pytest.fixture
def other(folder):
    """clouds.png, 70 x 30."""
    return save("clouds.png", clouds(30, 70))


def moments_of(path):
    points = open_image(path).pixels
    points = points.reshape(-1, points.shape[2]).astype(np.float64)
    return points.mean(axis=0), np.cov(points.T)


# -- results ----------------------------------------------------------------------------------


def test_mean_and_covariance_are_taken_over(done, other):
    outcome = done("recolor", "wall.png", "--like", other, "--seed", 1)
    assert outcome.paths == ["wall_like_clouds_s1.png"] and outcome.err == ""
    result = open_image("wall_like_clouds_s1.png")
    assert result.pixels.shape == (40, 48, 3) and result.bits == 8
    for got, wanted in zip(moments_of(outcome.paths[0]), moments_of(other), strict=True):
        assert np.linalg.norm(got - wanted) < 0.02 * np.linalg.norm(wanted)
    pictures = [open_image(name).pixels for name in ("wall.png", other)]
    expected = package.recolor(*pictures, rng=1)
    assert np.abs(result.pixels - expected).max() <= 0.5001 / 255


def test_a_picture_like_itself_stays(done, folder, pixels):
    (path,) = done("recolor", "wall.png", "--like", "wall.png", "--seed", 3).paths
    assert path == "wall_like_wall_s3.png"
    change = pixels(path).astype(int) - pixels("wall.png")
    assert np.abs(change).max() <= 1


@pytest.mark.parametrize(
    "options, settings",
    [
        (["-K", "3"], {"n_components": 3}),
        (["--components", "3", "--smooth", "0.5"], {"n_components": 3, "smooth": 0.5}),
        (["--radius", "0"], {"radius": 0}),
        (["--set", "radius=4", "--set", "smooth=1"], {"radius": 4, "smooth": 1.0}),
    ],
)
def test_settings(done, other, options, settings):
    (path,) = done("recolor", "wall.png", "--like", other, "--seed", 1, *options).paths
    defaults = {"n_components": 10, "radius": None, "smooth": 0.2}
    assert record_of(path)["settings"] == {**defaults, **settings}
    pictures = [open_image(name).pixels for name in ("wall.png", other)]
    expected = package.recolor(*pictures, rng=1, **settings)
    assert np.abs(open_image(path).pixels - expected).max() <= 0.5001 / 255


@pytest.mark.parametrize("channels, name", [(1, "a.png"), (1, "a.tif"), (3, "a.tif")])
def test_sixteen_bits_stay_sixteen(done, other, channels, name):
    values = clouds(24, 31, 65535, np.uint16, channels) / np.float32(65535)
    write_image(name, values, bits=16)
    (path,) = done("recolor", name, "--like", other, "--seed", 1, "-o", f"b{name[1:]}").paths
    result = open_image(path)
    assert result.bits == 16 and result.pixels.shape == (24, 31, 3)
    assert len(np.unique(result.pixels)) > 256
    (path,) = done("recolor", name, "--like", other, "--seed", 1, "--bits", 8).paths
    assert open_image(path).bits == 8
    (path,) = done("recolor", name, "--like", other, "--seed", 1, "-o", "c.jpg").paths
    assert open_image(path).bits == 8


def test_float_pictures_stay_float(done, refused, other):
    write_image("deep.tif", clouds(24, 31, 1, np.float32), bits=32)
    arguments = ("recolor", "deep.tif", "--like", other, "--seed", 1)
    (path,) = done(*arguments).paths
    assert path == "deep_like_clouds_s1.tif" and open_image(path).bits == 32
    (path,) = done(*arguments, "-o", "deep.png").paths
    assert open_image(path).bits == 16


def test_grey_pictures(done, other, pixels):
    save("grey.png", clouds(33, 20, channels=1))
    save("dark.png", clouds(50, 21, channels=1) // 3)
    (path,) = done("recolor", "grey.png", "--like", "dark.png", "--seed", 1).paths
    assert pixels(path).shape == (33, 20)
    assert abs(pixels(path).mean() - pixels("dark.png").mean()) < 1
    (path,) = done("recolor", "grey.png", "--like", other, "--seed", 1, "-q").paths
    assert pixels(path).shape == (33, 20, 3) and np.ptp(pixels(path), axis=2).max() > 10
    (path,) = done("recolor", "wall.png", "--like", "grey.png", "--seed", 1).paths
    assert pixels(path).shape == (40, 48, 3) and np.ptp(pixels(path), axis=2).max() <= 1


def test_transparent_pictures(done, refused, other):
    save("clear.png", np.dstack([clouds(20, 22), np.full((20, 22), 99, np.uint8)]))
    for pair in (("clear.png", other), (other, "clear.png")):
        arguments = ("recolor", pair[0], "--like", pair[1], "--seed", 1)
        assert "has transparent pixels" in refused(*arguments)
        (path,) = done(*arguments, "--alpha", "ignore", "--force").paths
        assert record_of(path)["alpha"] == "ignore"


# -- names, records, figure ---------------------------------------------------------------------


def test_names_and_drawn_seed(done, other):
    outcome = done("recolor", "wall.png", "--like", other, "-o", "{stem}_{like}_{size}.png", "-v")
    assert outcome.paths == ["wall_clouds_48x40.png"]
    lines = outcome.err.splitlines()
    assert lines[-1] == f"texto: seed {record_of(outcome.paths[0])['seed']}"
    assert any("mean and covariance within" in line for line in lines)
    Path("out").mkdir()
    outcome = done("recolor", "wall.png", "--like", other, "--seed", 2, "-o", "out")
    assert Path(outcome.paths[0]) == Path("out/wall_like_clouds_s2.png")


def test_record_and_info(done, other, refused):
    (path,) = done("recolor", "wall.png", "--like", other, "--seed", 1, "--deterministic").paths
    assert record_of(path) == {
        "alpha": "refuse",
        "bits": 8,
        "command": "recolor",
        "deterministic": True,
        "image": "wall.png",
        "image_hash": model_files.exemplar_hash(open_image("wall.png").pixels),
        "like": other,
        "like_hash": model_files.exemplar_hash(open_image(other).pixels),
        "method": "gmm-ot",
        "seed": 1,
        "settings": {"n_components": 10, "radius": None, "smooth": 0.2},
        "size": [48, 40],
        "version": package.__version__,
    }
    assert "recolor\n" in done("info", path).out
    assert "was made by 'texto recolor'" in refused("synth", "--from", path)


def test_json_figure_and_force(done, refused, other, pixels):
    arguments = ("recolor", "wall.png", "--like", other, "--seed", 1, "--figure", "plan.png")
    answer = json.loads(done(*arguments, "--json").out)
    (entry,) = answer["outputs"]
    assert entry["path"] == "wall_like_clouds_s1.png" and entry["figure"] == "plan.png"
    assert entry["size"] == [48, 40] and entry["seed"] == 1 and entry["s"] > 0
    assert 0 <= entry["moments_error"] < 0.02
    assert pixels("plan.png").shape == (960, 1080, 3) and pixels("plan.png").std() > 10
    assert "exists already; use --force" in refused(*arguments)
    assert "plan.png" in refused(*arguments, "-o", "new.png")
    assert done(*arguments, "--force").paths == ["wall_like_clouds_s1.png", "plan.png"]


def test_stdout(other, capfdbinary):
    arguments = ["recolor", "wall.png", "--like", "clouds.png", "--seed", "1", "-o"]
    assert main([*arguments, "file.png"]) == 0
    capfdbinary.readouterr()
    assert main([*arguments, "-"]) == 0
    assert capfdbinary.readouterr().out == Path("file.png").read_bytes()


def test_too_few_colours_are_noted(done, texto, other):
    save("flat.png", np.full((9, 9, 3), 50, np.uint8))
    outcome = done("recolor", "flat.png", "--like", other, "--seed", 1)
    assert outcome.err.count("\n") == 1 and "texto: note: the colours" in outcome.err
    assert done("recolor", "flat.png", "--like", other, "-q", "--seed", 2).err == ""


# -- refusals ---------------------------------------------------------------------------------

LIKE = ("wall.png", "--like", "clouds.png", "--seed", "1")


@pytest.mark.parametrize(
    "arguments, told",
    [
        ([], "IMAGE, --like: is missing"),
        (["wall.png"], "--like: is missing"),
        (["wall.png", "--like", "gone.png"], "gone.png"),
        (["gone.png", "--like", "wall.png"], "gone.png"),
        ([*LIKE, "-K", "0"], "give a whole number from 1 to 100"),
        ([*LIKE, "--radius", "-1"], "give a whole number from 0 to 10000"),
        ([*LIKE, "--smooth", "-1"], "smooth: must be a number from 0 to 100"),
        ([*LIKE, "--smooth", "nan"], "smooth: must be a number from 0 to 100"),
        ([*LIKE, "--set", "smoth=1"], "did you mean smooth"),
        ([*LIKE, "--set", "radius=3", "--radius", "3"], "--radius: is given again by --set radius"),
        ([*LIKE, "-o", "a.gif"], "has the suffix '.gif'"),
        ([*LIKE, "-o", "a.jpg", "--bits", "16"], ".jpg cannot hold it"),
        ([*LIKE, "-o", "wall.png", "--force"], "also an input"),
        ([*LIKE, "-o", "clouds.png", "--force"], "also an input"),
        ([*LIKE, "-o", "no/a.png"], "its folder does not exist"),
        ([*LIKE, "-o", "{methods}.png"], "{methods} is no field"),
        ([*LIKE, "-o", "-", "--json"], "--json"),
        ([*LIKE, "--figure", "-"], "has the suffix ''"),
        ([*LIKE, "--figure", "clouds.png", "--force"], "input; choose another name with --figure"),
        ([*LIKE, "-o", "a.png", "--figure", "a.png"], "choose another name with --figure"),
        ([*LIKE, "--figure", "no/a.png"], "--figure 'no/a.png': its folder does not exist"),
        ([*LIKE, "--max-pixels", "9"], "over the limit"),
        ([*LIKE, "-m", "gaussian"], "'-m': is not known"),
    ],
)
def test_refused_with_advice(arguments, told, refused, other, monkeypatch):
    def never(*_, **__):
        raise AssertionError("computed")

    monkeypatch.setattr(recolor, "recolored", never)
    assert told in refused("recolor", *arguments)


def test_models_are_refused(refused, model, other):
    assert "is a model" in refused("recolor", model, "--like", other)
    assert "is a model" in refused("recolor", other, "--like", model)


def test_memory(refused, other, monkeypatch):
    from texto.commands import outputs

    def greedy(*_, **__):
        raise MemoryError

    with monkeypatch.context() as patched:
        patched.setattr(outputs.memory, "available", lambda: 10**6)
        line = refused("recolor", *LIKE)
        assert "memory: a picture of 48x40 needs" in line and "are available" in line
    monkeypatch.setattr(recolor, "recolored", greedy)
    assert "memory: there is not enough" in refused("recolor", *LIKE, "-q")
