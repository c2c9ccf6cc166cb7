"""`texto tile`: seams, kept pixels at any depth, previews, records, refusals."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import texto as package
from texto.cli import main
from texto.core import registry
from texto.editing.tiling import bands, seam
from texto.io import model_files
from texto.io.images import open_image, read_text, write_image

QUICK = ("-m", "gaussian", "--seed", 1)


def save(name, values):
    Image.fromarray(values).save(name)
    return name


def record_of(path):
    return json.loads(read_text(path)["texto"])


def ramp(top, dtype, channels=3):
    """(40, 48[, channels]) from dark to light along both axes, with noise."""
    rows, columns = np.mgrid[:40, :48] / 47
    noise = np.random.default_rng(1).random((40, 48, channels)) / 8
    values = (0.4 * (rows + columns)[:, :, None] + noise) * top
    return values.astype(dtype)[:, :, 0] if channels == 1 else values.astype(dtype)


@pytest.fixture
def picture(folder):
    """ramp.png, 48 x 40."""
    return save("ramp.png", ramp(255, np.uint8))


# -- results ----------------------------------------------------------------------------------


def test_the_seams_go_and_nothing_else(done, picture, pixels):
    outcome = done("tile", picture, *QUICK)
    assert outcome.paths == ["ramp_gaussian_tile_s1.png"]
    mask = bands((40, 48))
    told = f"texto: 10 pixels round the seams, {100 * mask.mean():.1f} % of the picture\n"
    assert outcome.err == told
    before, after = pixels(picture), pixels(outcome.paths[0])
    assert np.array_equal(after[~mask], before[~mask]) and (after != before).any()
    result = open_image(outcome.paths[0]).pixels
    for axis in "xy":
        assert seam(result, axis) < 0.4 * seam(open_image(picture).pixels, axis)
    expected = package.tile(open_image(picture).pixels, package.Gaussian(), rng=1)
    assert np.abs(result - expected).max() <= 0.5001 / 255


@pytest.mark.parametrize("axis, other", ["xy", "yx"])
def test_one_axis(done, picture, pixels, axis, other):
    (path,) = done("tile", picture, *QUICK, "--axis", axis, "--width", 6).paths
    mask = bands((40, 48), axis, 6)
    before, after = pixels(picture), pixels(path)
    assert np.array_equal(after[~mask], before[~mask]) and mask.sum() in (6 * 40, 6 * 48)
    image, result = open_image(picture).pixels, open_image(path).pixels
    assert seam(result, axis) < 0.4 * seam(image, axis)
    assert seam(result, other) > 0.6 * seam(image, other)


@pytest.mark.parametrize("method", [[], ["-m", "strips"]])
def test_strips_are_laid_where_no_method_is_named(done, refused, picture, pixels, method):
    (path,) = done("tile", picture, "--seed", 1, "-q", *method).paths
    assert path == "ramp_strips_tile_s1.png"
    image = open_image(picture).pixels
    expected = package.tile(image, rng=1)
    assert np.abs(open_image(path).pixels - expected).max() <= 0.5001 / 255
    assert record_of(path)["method"] == "strips" and record_of(path)["settings"] == {}
    line = refused("tile", picture, *method, "--set", "patch_size=4")
    assert "--set: strips have no settings; name a method with -m" in line
    assert "on the CPU" in refused("tile", picture, *method, "--device", "cuda")


@pytest.mark.parametrize(
    "name, values",
    [
        ("a.png", ramp(255, np.uint8, 1)),
        ("a.png", ramp(65535, np.uint16, 1)),
        ("a.tif", ramp(65535, np.uint16, 1)),
        ("a.bmp", ramp(255, np.uint8)),
    ],
)
def test_kept_pixels_keep_their_values_and_depth(folder, done, pixels, name, values):
    save(name, values)
    path, preview = done("tile", name, *QUICK, "--check").paths
    after, mask = pixels(path), bands((40, 48))
    assert after.dtype == values.dtype and after.shape == values.shape
    assert np.array_equal(after[~mask], values[~mask])
    assert np.array_equal(pixels(preview), np.tile(after, (2, 2) + (1,) * (after.ndim - 2)))


def test_deep_colour_keeps_its_depth(folder, done):
    import imagecodecs

    values = ramp(65535, np.uint16)
    Path("deep.png").write_bytes(imagecodecs.png_encode(values))
    path, preview = done("tile", "deep.png", *QUICK, "--check").paths
    after, twice = (imagecodecs.png_decode(Path(name).read_bytes()) for name in (path, preview))
    mask = bands((40, 48))
    assert after.dtype == np.uint16 and np.array_equal(after[~mask], values[~mask])
    assert np.array_equal(twice, np.tile(after, (2, 2, 1)))


def test_float_pictures_stay_float(folder, done, refused):
    values = ramp(1, np.float32, 1)
    write_image("height.tif", values, bits=32)
    line = refused("tile", "height.tif", *QUICK, "-o", "height.png")
    assert "would not keep the 32-bit pixels" in line and ".tif" in line
    path, preview = done("tile", "height.tif", *QUICK, "--check").paths
    assert (path, preview) == ("height_gaussian_tile_s1.tif", "height_gaussian_tile_s1_2x2.png")
    after, mask = open_image(path), bands((40, 48))
    assert after.bits == 32 and np.array_equal(after.pixels[~mask, 0], values[~mask])
    twice = open_image(preview)
    assert twice.bits == 16
    np.testing.assert_allclose(twice.pixels, np.tile(after.pixels, (2, 2, 1)), atol=1e-5)


def test_transparent_pictures(folder, done, refused, pixels):
    values = ramp(255, np.uint8)
    save("clear.png", np.dstack([values, np.full((40, 48), 99, np.uint8)]))
    assert "transparent" in refused("tile", "clear.png", *QUICK)
    (path,) = done("tile", "clear.png", *QUICK, "--alpha", "ignore").paths
    mask = bands((40, 48))
    assert np.array_equal(pixels(path)[~mask], values[~mask])
    assert record_of(path)["alpha"] == "ignore"


def test_a_seamless_picture_is_noted_once(folder, done):
    wave = np.sin((np.arange(48) + 4) / 48 * 6 * np.pi)  # slow where it wraps
    save("wave.png", (127 + 60 * (wave[:, None] + wave)).astype(np.uint8))
    outcome = done("tile", "wave.png", *QUICK, "--axis", "x", "-n", 2)
    notes = [line for line in outcome.err.splitlines() if "note" in line]
    assert len(notes) == 1 and "along x the picture may be seamless already" in notes[0]
    assert len(outcome.paths) == 2


# -- names, seeds, records --------------------------------------------------------------------


def test_several_pictures(done, picture, pixels):
    arguments = ("tile", picture, "-m", "gaussian", "--seed", 7)
    outcome = done(*arguments, "-n", 2, "--check", "--json")
    answer = json.loads(outcome.out)
    assert answer["width"] == 10
    for seed, entry in zip((7, 8), answer["outputs"], strict=True):
        assert entry["path"] == f"ramp_gaussian_tile_s{seed}.png" and entry["seed"] == seed
        assert entry["check"] == f"ramp_gaussian_tile_s{seed}_2x2.png"
        assert 0 < entry["changed"] <= bands((40, 48)).mean() and entry["size"] == [48, 40]
        image = open_image(entry["path"]).pixels
        for axis in "xy":
            assert entry["seam"][axis] == pytest.approx(seam(image, axis), rel=0.02)
            assert entry["seam_before"][axis] > 2 * entry["seam"][axis]
    paths = [entry["path"] for entry in answer["outputs"]]
    (alone,) = done(*arguments[:-1], 8, "-o", "alone.png").paths
    assert Path(alone).read_bytes() == Path(paths[1]).read_bytes()
    assert not np.array_equal(*map(pixels, paths))


def test_drawn_seed_and_verbose(done, picture):
    outcome = done("tile", picture, "-m", "gaussian", "-o", "{stem}_{size}.png", "-v")
    assert outcome.paths == ["ramp_48x40.png"]
    lines = outcome.err.splitlines()
    assert lines[-1] == f"texto: seed {record_of('ramp_48x40.png')['seed']}"
    assert [line[:19] for line in lines[3:5]] == ["texto: seam along x", "texto: seam along y"]


def test_record_and_info(done, picture, refused):
    path, preview = done("tile", picture, *QUICK, "--check", "--set", "tileable=x").paths
    fields = record_of(path)
    assert fields == {
        "alpha": "refuse",
        "axis": "xy",
        "bits": 8,
        "command": "tile",
        "deterministic": False,
        "image": "ramp.png",
        "image_hash": model_files.exemplar_hash(open_image(picture).pixels),
        "method": "gaussian",
        "seed": 1,
        "settings": {"tileable": "x"},
        "size": [48, 40],
        "version": package.__version__,
        "width": 10,
    }
    assert record_of(preview) == {**fields, "size": [96, 80], "preview": "2x2"}
    shown = done("info", path).out
    assert "tile\n" in shown and "ramp.png\n" in shown
    assert "was made by 'texto tile'" in refused("synth", "--from", path)


def test_stdout(picture, capfdbinary):
    arguments = ["tile", picture, "-m", "gaussian", "--seed", "1", "-o"]
    assert main([*arguments, "file.png"]) == 0
    capfdbinary.readouterr()
    assert main([*arguments, "-"]) == 0
    assert capfdbinary.readouterr().out == Path("file.png").read_bytes()


# -- refusals ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments, told",
    [
        ([], "IMAGE: is missing"),
        (["wall.png", "-m", "gausian"], "did you mean gaussian, singan?"),
        (["wall.png", *QUICK, "--axis", "z"], "choose from x, y, xy"),
        (["wall.png", *QUICK, "--width", "1"], "--width"),
        (["wall.png", *QUICK, "--width", "30"], "width: is 30, not from 2 to the 12 pixels"),
        (["wall.png", *QUICK, "--width", "25", "--axis", "x"], "not from 2 to the 24 pixels"),
        (["wall.png", *QUICK, "-o", "a.jpg"], ".jpg files would not keep"),
        (["wall.png", *QUICK, "-o", "a.gif"], "has the suffix '.gif'"),
        (["wall.png", *QUICK, "-o", "wall.png", "--force"], "also an input"),
        (["wall.png", *QUICK, "-o", "no/a.png"], "its folder does not exist"),
        (["wall.png", *QUICK, "-n", "2", "-o", "a.png"], "more than once"),
        (["wall.png", *QUICK, "-n", "2", "-o", "-"], "one picture, not 2"),
        (["wall.png", *QUICK, "--json", "-o", "-"], "--json"),
        (["wall.png", *QUICK, "--device", "cuda"], "runs on the CPU only"),
        (["wall.png", *QUICK, "--max-pixels", "9"], "over the limit"),
        (["gone.png", *QUICK], "gone.png"),
    ],
)
def test_refused_with_advice(arguments, told, refused):
    assert told in refused("tile", *arguments)


def test_previews_are_checked_before_anything_is_computed(picture, refused, monkeypatch):
    def never(*_, **__):
        raise AssertionError("computed")

    monkeypatch.setattr(package.Gaussian, "inpaint", never)
    save("a_2x2.png", np.zeros((4, 4), np.uint8))
    line = refused("tile", picture, *QUICK, "-o", "a.png", "--check")
    assert "'a_2x2.png': exists already; use --force" in line
    save("b_2x2.png", ramp(255, np.uint8))
    line = refused("tile", "b_2x2.png", *QUICK, "-o", "b.png", "--check", "--force")
    assert "also an input" in line


def test_check_needs_a_file(picture, refused, monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: False, raising=False)
    line = refused("tile", picture, *QUICK, "-o", "-", "--check")
    assert "--check: has no file to stand beside" in line


def test_pictures_too_small_and_models_are_refused(refused, model):
    save("tiny.png", np.zeros((3, 40), np.uint8))
    assert "too small for a band" in refused("tile", "tiny.png", *QUICK)
    save("small.png", ramp(255, np.uint8)[:9, :9])
    line = refused("tile", "small.png", "-m", "textogmm", "--set", "patch_size=12", "-q")
    assert "patch_size" in line
    assert "is a model" in refused("tile", model, *QUICK)


def test_methods_that_fill_nothing_name_those_that_do(refused):
    line = refused("tile", "wall.png", "-m", "efros-leung")
    assert "'efros-leung' fills no bands; use gaussian" in line
    assert "efros-leung" not in line.partition("use ")[2] and "efros-leung" in registry.names()


def test_memory_that_runs_out_is_told(refused, picture, monkeypatch):
    def greedy(self, image, mask, **_):
        raise MemoryError

    monkeypatch.setattr(package.Gaussian, "inpaint", greedy)
    line = refused("tile", picture, *QUICK, "-q")
    assert "memory: there is not enough for this picture; scale the picture down" in line
