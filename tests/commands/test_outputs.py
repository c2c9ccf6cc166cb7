"""Where results go, and what is refused before anything is computed."""

import os
from pathlib import Path

import pytest
from PIL import Image

import texto
from texto.commands import outputs
from texto.methods.gaussian import Gaussian

QUICK = ("-m", "gaussian", "-s", "16", "--seed", "1")


@pytest.fixture
def never_fits(monkeypatch):
    """A fit would be an error: outputs are checked before."""

    def fit(*_, **__):
        raise AssertionError("computed before checking")

    monkeypatch.setattr(Gaussian, "fit", fit)


@pytest.mark.parametrize(
    "command, extra, told",
    [
        ("synth", ["-o", "wall.png"], "also an input"),
        ("synth", ["-o", "wall.png", "--force"], "also an input"),
        ("synth", ["-o", "./link.png", "--force"], "also an input"),
        ("synth", ["-o", "hard.png", "--force"], "also an input"),
        ("fit", ["-o", "wall.png", "--force"], "is the name of a picture"),
        ("synth", ["-o", "there.png"], "--force"),
        ("synth", ["-o", "missing/a.png"], "folder does not exist"),
        ("synth", ["-o", "missing/"], "folder does not exist"),
        ("synth", ["-o", "wall.png/a.png"], "texto: error: output"),
        ("synth", ["-o", ""], "empty"),
        ("synth", ["-o", "fifo.png", "--force"], "not a regular file"),
        ("synth", ["-o", "x" * 300 + ".png"], "255"),
        ("synth", ["-o", "{sed}.png"], "{stem} {method} {size} {seed}"),
        ("synth", ["-o", "{stem.__class__}.png", "-n", "2"], "more than once"),
        ("synth", ["-o", "a.png", "-n", "2"], "more than once"),
        ("synth", ["-o", "a.xyz"], "xyz"),
        ("synth", ["-o", "a"], "has the suffix ''"),
        ("synth", ["-o", "a.jpg", "--bits", "16"], ".jpg cannot hold it"),
        ("fit", ["-o", "missing/a.safetensors"], "folder does not exist"),
        ("fit", ["-o", "there.safetensors"], "--force"),
    ],
)
def test_refused_before_computing(command, extra, told, folder, refused, never_fits):
    os.symlink("wall.png", "link.png")
    os.link("wall.png", "hard.png")
    os.mkfifo("fifo.png")
    Path("there.png").write_bytes(b"precious")
    Path("there.safetensors").write_bytes(b"precious")
    method = QUICK if command == "synth" else ("-m", "gaussian")
    assert told in refused(command, "wall.png", *method, *extra)


@pytest.mark.parametrize("given", [("--device", "cuda:999"), ("--set", "device=cuda:999")])
def test_missing_device_is_refused_before_computing(given, folder, refused, monkeypatch):
    def fit(*_, **__):
        raise AssertionError("computed before checking")

    monkeypatch.setattr(texto.TextoGMM, "fit", fit)
    assert "cuda:999" in refused("synth", "wall.png", "-m", "textogmm", *given)


def test_model_is_not_replaced_by_its_picture(folder, refused, model):
    model = model.rename("model.png")
    assert "also an input" in refused("synth", model, "-s", 16, "-o", model, "--force")


def test_existing_output_is_refused_then_forced(folder, done, refused, pixels):
    path = done("synth", "wall.png", *QUICK).paths[0]
    Path(path).write_bytes(b"precious")
    assert "--force" in refused("synth", "wall.png", *QUICK)
    done("synth", "wall.png", *QUICK, "--force")
    assert pixels(path).shape == (16, 16, 3)


def test_folder_template_and_plain_name(folder, done, pixels):
    os.mkdir("out")
    for output, path in (
        ("out", "out/wall_gaussian_16x16_s1.png"),
        ("out/", "out/wall_gaussian_16x16_s1.png"),
        ("out/{stem}-{size}-{method}.png", "out/wall-16x16-gaussian.png"),
        ("plain.png", "plain.png"),
        ("{not this}.png", "{not this}.png"),
        ("{{stem}}{{{size}.png", "{stem}{16x16.png"),
    ):
        assert done("synth", "wall.png", *QUICK, "-o", output, "--force").paths == [path]
        assert pixels(path).shape == (16, 16, 3)
    paths = done("synth", "wall.png", *QUICK, "-n", 2, "-o", "t_{seed}.png").paths
    assert paths == ["t_1.png", "t_2.png"]


@pytest.mark.parametrize(
    "name",
    [
        "a b.png",
        "ü漢.png",
        "-x.png",
        "a\nb\x1b.png",
        'q"<>|*?.png',
        "{stem}.png",
        ".hidden.png",
        "x" * 250 + ".png",
        "漢" * 80 + ".png",
        "\udcff.png",
        "..png",
    ],
)
def test_odd_exemplar_names(name, folder, done, bricks):
    try:
        Image.fromarray(bricks()).save("source.png")
        os.rename("source.png", name)
    except OSError:
        pytest.skip("this file system does not take the name")
    outcome = done("synth", *QUICK, "--", name)
    (path,) = outcome.paths
    made = set(os.listdir()) - {"wall.png", name}
    assert made == {path} and path.isprintable() and not path.startswith(("-", "."))
    repeated = done("synth", "--from", path, "-o", "again.png")
    assert repeated.paths == ["again.png"]
    assert Path("again.png").read_bytes() == Path(path).read_bytes()


@pytest.mark.parametrize(
    "path, stem",
    [
        ("a/wall.old.png", "wall.old"),
        ("--help", "_help"),
        (" .png", "texture"),
        ("C:\\a.png", None),
    ],
)
def test_safe_stem(path, stem):
    assert outputs.safe_stem(path) == (stem or "C__a")


def test_symbolic_links(folder, done):
    os.symlink("wall.png", "link.png")
    assert done("synth", "link.png", *QUICK).paths == ["link_gaussian_16x16_s1.png"]


def test_fifo_is_refused_without_waiting(folder, refused):
    os.mkfifo("pipe.png")
    assert "pipe.png" in refused("synth", "pipe.png", *QUICK)
    assert "pipe.png" in refused("info", "pipe.png")


def test_stdout(folder, capfdbinary):
    from texto.cli import main

    assert main(["synth", "wall.png", *QUICK, "-o", "a.png"]) == 0
    capfdbinary.readouterr()
    assert main(["synth", "wall.png", *QUICK, "-o", "-"]) == 0
    out, err = capfdbinary.readouterr()
    assert out == Path("a.png").read_bytes() and err == b""


def test_failure_while_writing_leaves_nothing(folder, refused, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    assert "No space left on device" in refused("synth", "wall.png", *QUICK)
    assert "No space left on device" in refused("fit", "wall.png", "-m", "gaussian", "--seed", 1)
