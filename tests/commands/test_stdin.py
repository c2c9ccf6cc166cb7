"""`-` in the place of a picture."""

import io
import json
import os
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest

from texto.cli import main
from texto.commands import stages, stdin
from texto.commands.arguments import parse
from texto.io import images

QUICK = ("-m", "gaussian", "--seed", "1")
SYNTH = (*QUICK, "-s", "16")


@pytest.fixture
def sent(monkeypatch):
    """sent(data) puts bytes on standard input; a terminal where `data` is None."""

    def send(data, terminal=False):
        stream = SimpleNamespace(buffer=io.BytesIO(data), isatty=lambda: terminal)
        monkeypatch.setattr("sys.stdin", stream)

    return send


def test_from_pipe_to_pipe(folder, sent, capfdbinary):
    assert main(["synth", "wall.png", *SYNTH, "-o", "file.png"]) == 0
    sent(Path("wall.png").read_bytes())
    capfdbinary.readouterr()
    assert main(["synth", "-", *SYNTH, "-o", "-"]) == 0
    made = capfdbinary.readouterr().out
    Path("piped.png").write_bytes(made)
    assert (images.read_image("piped.png") == images.read_image("file.png")).all()
    assert json.loads(images.read_text("piped.png")["texto"])["exemplar"] == "stdin"
    sent(made)
    assert main(["info", "-"]) == 0
    assert b"stdin" in capfdbinary.readouterr().out


@pytest.mark.parametrize(
    "command",
    [
        ["tile", "-"],
        ["fit", "-"],
        ["inpaint", "-", "--mask", "wall.png"],
        ["inpaint", "wall.png", "--mask", "-"],
        ["recolor", "wall.png", "--like", "-"],
        ["synth", "wall.png", "--guide", "-", "-m", "textogmm"],
        ["synth", "wall.png", "--with", "-", "-m", "gaussian"],
        ["mix", "wall.png", "-", "-m", "textogmm"],
    ],
    ids=" ".join,
)
def test_every_place_of_a_picture(command, folder, sent):
    """All is opened and found to be right."""
    sent(Path("wall.png").read_bytes())
    options = stdin.filled(parse([*command, "-o", "{stem}.out/"])).but(until="writing")
    with pytest.raises(stages.Reached):
        import_module(f"texto.commands.{command[0]}").run(options)


def test_judged(folder, sent, done, refused, cells_here):
    sent(Path("wall.png").read_bytes())
    assert "exemplar '-': is 48x40" in refused("score", "-", "wall.png", "--columns", "spectrum")
    sent(Path("wall.png").read_bytes())
    done("compare", "-", "--columns", "spectrum", "--seeds", 1, "-s", 8, "-m", "gaussian", "-q")
    assert Path("compare_stdin", "exemplars", "stdin.png").exists()


@pytest.mark.parametrize(
    "arguments, told",
    [
        (["inpaint", "-", "--mask", "-"], "-: is given more than once"),
        (["mix", "-", "-"], "-: is given more than once"),
        (["tile", "-", "--with", "-"], "-: is given more than once"),
        (["tile", "./-"], "'-': cannot be read"),
    ],
)
def test_refused(arguments, told, refused, sent):
    sent(b"")
    assert told in refused(*arguments)


def test_refused_for_what_comes(folder, refused, sent, monkeypatch):
    sent(b"")
    assert "nothing came on standard input" in refused("synth", "-")
    sent(b"no picture")
    assert "image 'stdin': is not a supported image" in refused("synth", "-")
    sent(Path("wall.png").read_bytes(), terminal=True)
    assert "a terminal" in refused("synth", "-")
    monkeypatch.setattr(images, "MAX_BYTES", 20)
    monkeypatch.setattr(
        images.open_image, "__kwdefaults__", {**images.open_image.__kwdefaults__, "max_bytes": 20}
    )
    sent(Path("wall.png").read_bytes())
    line = refused("synth", "-")
    assert "over the limit" in line and "max_bytes" not in line


def test_a_file_of_that_name(folder, done):
    os.rename("wall.png", "-")
    assert parse(["tile", "./-"]).source == "./-"
    assert done("tile", "./-", *QUICK, "-q", "-o", "a.png").paths == ["a.png"]
