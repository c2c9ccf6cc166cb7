"""Several pictures, folders and sets: each is done for itself, once started."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from texto.commands import workers
from texto.commands.gathered import Piece, gathered
from texto.methods.gaussian import Gaussian

from .test_process import CHILD, ENVIRONMENT

QUICK = ("-m", "gaussian", "--seed", 1)


@pytest.fixture
def textures(folder, bricks):
    """textures/ with a.png, b.JPG, a broken c.png, and files that are no pictures of it."""
    os.makedirs("textures/inside.png")
    for name in ("a.png", "b.JPG", ".hidden.png"):
        Image.fromarray(bricks()).save(f"textures/{name}")
    Path("textures/c.png").write_bytes(b"\x89PNG")
    Path("textures/notes.txt").write_text("mine")
    return Path("textures")


@pytest.fixture
def untouched(monkeypatch):
    """A fit would be an error."""

    def fit(*_, **__):
        raise AssertionError("computed before checking")

    monkeypatch.setattr(Gaussian, "fit", fit)


def test_a_folder_with_a_broken_picture(textures, texto):
    outcome = texto("synth", "textures", *QUICK, "-s", 16, "-o", "out/", "-q")
    assert outcome.code == 2
    assert outcome.paths == [f"out/{stem}_gaussian_16x16_s1.png" for stem in "ab"]
    (line,) = outcome.err.splitlines()
    assert line.startswith("texto: error: ") and "textures/c.png" in line
    assert sorted(os.listdir("out")) == [Path(path).name for path in outcome.paths]


def test_results_are_those_of_each_alone_and_seeds_are_drawn_once(folder, done, bricks):
    Image.fromarray(bricks(36)).save("small.png")
    outcome = done("tile", "wall.png", "-m", "gaussian", "small.png", "-o", "{stem}_new.png")
    told = outcome.err.splitlines()
    (seed,) = [line.split()[-1] for line in told if line.startswith("texto: seed ")]
    for stem in ("wall", "small"):
        assert any(line.startswith(f"texto: {stem}.png: ") for line in told)
        done("tile", f"{stem}.png", "-m", "gaussian", "--seed", seed, "-o", "alone.png", "--force")
        assert Path("alone.png").read_bytes() == Path(f"{stem}_new.png").read_bytes()


def test_one_document(textures, texto):
    outcome = texto("fit", "textures/", "-m", "gaussian", "--seed", 5, "--json")
    told = json.loads(outcome.out)
    assert [each["source"] for each in told["pictures"]] == ["textures/a.png", "textures/b.JPG"]
    assert [each["path"] for each in told["pictures"]] == [
        f"{stem}_gaussian.safetensors" for stem in "ab"
    ]
    assert (told["seed"], told["skipped"]) == (5, [])
    (failed,) = told["failed"]
    assert failed["source"] == "textures/c.png" and failed["error"] in outcome.err


def test_models_of_a_folder(folder, done, model):
    os.mkdir("models")
    os.rename(model, "models/m.safetensors")
    assert done("synth", "models", "-s", 8, "--seed", 1).paths == ["m_gaussian_8x8_s1.png"]


@pytest.mark.parametrize(
    "arguments, told",
    [
        (["-o", "-"], "stdout takes one picture"),
        (["-o", "one.png"], "put {stem} into it"),
        (["-o", "new"], "with a / at its end"),
        (["-o", "no/new/"], "its folder does not exist"),
        (["-o", "no/{stem}.png"], "its folder does not exist"),
        (["-o", "{stem}.xyz"], "xyz"),
        (["-o", "{stm}_{stem}.png"], "{stm} is no field"),
        (["-o", "{stem}.png", "-n", "2"], "put {seed} into it"),
        (["-o", "textures"], "is where the results would go"),
        (["--with", "wall.png"], "names the maps of one picture"),
        (["--from", "wall.png"], "--from: is for one picture"),
        (["-m", "gausian"], "did you mean gaussian"),
        (["--set", "nope=1"], "nope"),
        (["--kind", "nope"], "nope"),
        (["--guide", "none.png"], "none.png"),
        (["--skip-existing"], "give --seed"),
        (["--skip-existing", "--force"], "exclude each other"),
        (["empty"], "folder 'empty': holds no pictures"),
        (
            ["wall.png", "textures/wall.png", "-s", "9"],
            "for 'textures/wall.png' and for 'wall.png'",
        ),
    ],
)
def test_refused_once_at_the_start(arguments, told, textures, refused, untouched, bricks):
    os.mkdir("empty")
    Image.fromarray(bricks()).save("textures/wall.png")
    method = [] if "-m" in arguments else ["-m", "gaussian"]
    assert told in refused("synth", "textures", *method, *arguments)


def test_one_name_is_fine_where_the_outputs_differ(textures, done, bricks):
    Image.fromarray(bricks(36)).save("textures/wall.png")
    made = done("synth", "wall.png", "textures/wall.png", *QUICK, "-s", "0.5x").paths
    assert made == ["wall_gaussian_24x20_s1.png", "wall_gaussian_24x18_s1.png"]


def test_pictures_of_the_run_are_not_replaced(textures, texto, bricks):
    """a.png is a picture of its own, and would be the result of textures/a.png."""
    Image.fromarray(bricks()).save("a.png")
    before = Path("a.png").read_bytes()
    outcome = texto("tile", "textures/a.png", "a.png", "-o", "{stem}.png", "--force", *QUICK)
    assert outcome.code == 2 and Path("a.png").read_bytes() == before


def test_existing_ones_are_passed_over(textures, texto, done, monkeypatch):
    more = ("textures/a.png", "textures/b.JPG", *QUICK, "--check", "-o", "out/")
    first = done("tile", *more).paths
    seconds = {path: Path(path).stat().st_mtime_ns for path in first}
    os.remove(first[1])  # as a run that was interrupted leaves it
    assert texto("tile", *more).code == 2
    outcome = done("tile", *more, "--skip-existing", "-v")
    assert outcome.paths == first[:2]
    assert "texto: textures/b.JPG: all its files are there" in outcome.err
    again = {path: Path(path).stat().st_mtime_ns for path in first}
    assert [again[path] == seconds[path] for path in first] == [False, False, True, True]
    alone = ("tile", "textures/a.png", *QUICK, "--check", "-o", "out/", "--skip-existing")
    assert done(*alone).out == ""


def test_masks_of_a_folder(textures, texto, bricks, pixels):
    os.mkdir("masks")
    mask = np.zeros((40, 48), np.uint8)
    mask[10:20, 10:20] = 255
    Image.fromarray(mask).save("masks/a.png")
    Image.fromarray(mask).save("masks/b.png")
    Image.fromarray(bricks()).save("textures/d.png")
    outcome = texto("inpaint", "textures", "--mask", "masks", *QUICK, "-o", "{stem}.png", "-q")
    assert outcome.paths == ["a.png", "b.png"]
    assert len(outcome.err.splitlines()) == 2 and "masks/d.png" in outcome.err
    assert (pixels("a.png")[mask == 0] == pixels("textures/a.png")[mask == 0]).all()


def test_sets_in_folders(folder):
    names = "x.png wall.png wall_normal.png wall_rough.png brick_albedo_1k.png brick_nor_gl_1k.exr"
    more = " brick.png lone_height.png Stone_Color.png Stone_NormalGL.png Stone_Normal.txt"
    os.mkdir("sets")
    for name in (names + more).split():
        Path("sets", name).touch()
    pieces = gathered(["sets"], models=False)
    assert [Path(piece.source).name for piece in pieces] == [
        *("Stone_Color.png", "brick.png", "brick_albedo_1k.png", "lone_height.png"),
        *("wall.png", "x.png"),
    ]
    assert [piece.maps for piece in pieces if piece.maps] == [
        ("sets/Stone_NormalGL.png",),
        ("sets/brick_nor_gl_1k.exr",),
        ("sets/wall_normal.png", "sets/wall_rough.png"),
    ]
    assert gathered(["a.png"], models=False) == [Piece("a.png")]


def test_a_set_is_as_with_maps(folder, done, bricks):
    os.mkdir("set")
    Image.fromarray(bricks()).save("set/w.png")
    Image.fromarray(bricks()[..., 0]).save("set/w_height.png")
    made = done("synth", "set", *QUICK, "-s", 16, "-o", "many/").paths
    os.mkdir("one")
    maps = ("--with", "set/w_height.png")
    alone = done("synth", "set/w.png", *maps, *QUICK, "-s", 16, "-o", "one/").paths
    assert [path.replace("many", "one") for path in made] == alone and len(alone) == 2
    assert all(
        Path(a).read_bytes() == Path(b).read_bytes() for a, b in zip(made, alone, strict=True)
    )


# -- several processes ------------------------------------------------------------------------


def test_jobs_give_the_same_bytes(textures, texto):
    more = (*QUICK, "-s", 24, "-q")
    one, two = (
        texto("synth", "textures", *more, "-o", f"out{jobs}/", "--jobs", jobs) for jobs in (1, 2)
    )
    assert (one.code, two.code) == (2, 2) and one.err == two.err
    assert sorted(one.paths) == [path.replace("out2", "out1") for path in sorted(two.paths)]
    for path in one.paths:
        assert Path(path).read_bytes() == Path(path.replace("out1", "out2")).read_bytes()


def test_a_process_that_dies_fails_its_picture_only(folder, monkeypatch):
    monkeypatch.setattr(workers, "_CHILD", "import sys; sys.exit('no memory')")
    heard = []
    options = workers.Options({"command": "tile", "quiet": True, "verbose": False})
    workers.attempt_all(options, [{}, {}, {}], 2, lambda *what: heard.append(what))
    assert sorted(number for number, _, _ in heard) == [0, 1, 2]
    assert all("ended with code 1: no memory" in end.line for _, _, end in heard)


def test_interrupted_with_jobs(folder, bricks):
    """All processes end and leave whole files only; three pictures would take minutes."""
    os.mkdir("in")
    for number in range(3):
        Image.fromarray(bricks(400, 480)).save(f"in/{number}.png")
    program = [sys.executable, "-c", CHILD % ""]  # which a background shell's SIGINT reaches too
    command = [*program, "synth", "in", "-m", "textogmm", "--seed", "1", "-s", "4x", "--jobs", "2"]
    child = subprocess.Popen(
        [*command, "-o", "out/"], env=ENVIRONMENT, stderr=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        while not os.path.exists("out"):  # made once all is checked, right before the work
            assert child.poll() is None
            time.sleep(0.05)
        child.send_signal(signal.SIGINT)
        _, err = child.communicate(timeout=120)
    finally:
        child.kill()
        child.communicate()
    assert child.returncode == 130 and err.startswith(b"texto: interrupted")
    assert not os.path.exists("out") or os.listdir("out") == []
