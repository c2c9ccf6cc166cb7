"""`texto compare`: outputs, what is told, config files, and what it refuses."""

import csv
import json
import re

import numpy as np
import pytest
from PIL import Image

from texto.comparison import load

pytestmark = pytest.mark.usefixtures("cells_here")

QUICK = ("--columns", "autocorrelation", "--seeds", 1, "--jobs", 2)
CONFIG = """
title = "A preset"
exemplars = ["wall.png"]
size = 32
seeds = [7]
columns = ["autocorrelation", "gram"]
[[entries]]
label = "Plain one"
method = "gaussian"
published = { autocorrelation = 0.5 }
[[entries]]
label = "Net"
method = "a-method-of-tomorrow"
published = { autocorrelation = 0.25 }
"""


def rows(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_outputs_of_a_comparison(folder, done):
    outcome = done("compare", "wall.png", "-m", "gaussian", "--seeds", 2, "--seed", 4, *QUICK[:2])
    assert outcome.paths == [
        f"compare_wall/{name}" for name in ("grid.png", "scores.csv", "report.html")
    ]
    lines = outcome.err.splitlines()
    for number, line in enumerate(lines, 1):
        assert re.fullmatch(
            rf"texto: {number}/2 wall gaussian seed {number + 3}: \d+\.\d\d s", line
        )
    assert len(lines) == 2
    first, second, floor = rows("compare_wall/scores.csv")
    assert (first["kind"], first["label"], first["seed"], first["status"]) == (
        ("result", "gaussian", "4", "done")
    )
    assert (first["width"], first["height"]) == ("48", "40")
    assert float(first["autocorrelation"]) != float(second["autocorrelation"])
    assert int(first["peak_bytes"]) > 20e6 and float(first["fit_s"]) >= 0
    assert floor["kind"] == "floor" and float(floor["autocorrelation"]) > 0
    assert not floor["label"] and not floor["fit_s"]
    again = done("compare", "wall.png", "-m", "gaussian", "--seeds", 2, "--seed", 4, *QUICK[:2])
    assert again.out == outcome.out and again.err == ""  # nothing is left to do


def test_a_picture_of_a_cell_can_be_repeated(folder, done, pixels):
    done("compare", "wall.png", "-m", "gaussian", "-s", "33x20", *QUICK, "-q")
    picture = "compare_wall/runs/wall/gaussian_s0.png"
    done("synth", "wall.png", "--from", picture, "-o", "again.png")
    assert np.array_equal(pixels(picture), pixels("again.png"))


def test_a_config_with_options_on_top(folder, done):
    (folder / "preset.toml").write_text(CONFIG)
    arguments = ("compare", "--config", "preset.toml", "--json", "-o", "out", "-q")
    outcome = done(*arguments, "--set", "Plain one.tileable=x")
    assert outcome.err == ""
    told = json.loads(outcome.out)
    assert told["cells"] == {"done": 1, "failed": 0, "unavailable": 1}
    assert told["ranks"]["autocorrelation"] == {"Plain one": 1}
    assert told["published_ranks"]["autocorrelation"] == {"Plain one": 2, "Net": 1}
    assert told["means"]["Plain one"]["autocorrelation"]["mean"] > 0
    assert told["means"]["Net"]["autocorrelation"] is None
    assert told["not_done"][0]["reason"] == "there is no method 'a-method-of-tomorrow' here"
    found = load("out")
    assert (found.title, found.seeds, found.shape) == ("A preset", (7,), (32, 32))
    assert found.entries[0].settings == {"tileable": "x"}
    assert found.cell("wall", "Plain one", 7).settings == {"tileable": "x"}
    (folder / "preset.toml").write_text(CONFIG.replace("A preset", "Another title"))
    outcome = done(*arguments[:-1], "--set", "Plain one.tileable=x")
    assert load("out").title == "Another title" and "Plain one" not in outcome.err


def test_a_column_that_cannot_run_says_so_once(folder, texto, monkeypatch):
    monkeypatch.setenv("TEXTO_WEIGHTS", str(folder / "nothing"))
    outcome = texto("compare", "wall.png", "-m", "gaussian", "--seeds", 2, "--columns", "gram",
                    "--jobs", 2)  # fmt: skip
    assert outcome.code == 0
    assert len(re.findall(r"note: no gram: .+", outcome.err)) == 1
    assert [row["gram"] for row in rows("compare_wall/scores.csv")] == ["", "", ""]


def test_no_cell_made_is_an_error_with_outputs(folder, texto):
    outcome = texto("compare", "wall.png", "-m", "kwatra", "-s", 5, "--set",
                    "kwatra.n_levels=9", *QUICK)  # fmt: skip
    assert outcome.code == 2 and outcome.out == ""
    last = outcome.err.splitlines()[-1]
    assert last.startswith("texto: error: kwatra on wall: ") and "n_levels" in last
    assert (folder / "compare_wall" / "report.html").exists()
    with Image.open("compare_wall/grid.png") as grid:
        assert grid.size[0] > 2 * 128


def test_exemplars_of_one_name_in_two_folders(folder, done, bricks):
    (folder / "other").mkdir()
    Image.fromarray(bricks()[::-1].copy()).save("other/wall.png")
    done("compare", "wall.png", "other/wall.png", "-m", "gaussian", *QUICK)
    assert [each.name for each in load("compare_wall_and_1").exemplars] == ["wall", "wall-2"]


@pytest.mark.parametrize(
    "arguments, told",
    [
        (["-m", "gausian"], "method 'gausian': is not known; did you mean gaussian"),
        (["-m", "gaussian,gaussian"], "is given twice"),
        (["-m", ""], "names no method"),
        (["wall.png", "-m", "gaussian"], "exemplar 'wall.png': is given twice"),
        (["none.png", "-m", "gaussian"], "none.png"),
        (["-m", "gaussian", "--set", "tileable=x"], "METHOD.KEY=VALUE"),
        (["-m", "gaussian", "--set", "gaussian.tilable=x"], "did you mean tileable"),
        (["-m", "gaussian", "--set", "gaussian.tileable=z"], "tileable: must be none | x"),
        (["-m", "gaussian", "--set", "kwatra.n_iter=3"], "'kwatra' is not compared"),
        (["-m", "gaussian", "--columns", "patchot"], "column 'patchot': is not known"),
        (["-m", "gaussian", "--columns", ""], "columns: there are none"),
        (["-m", "gaussian", "--config", "none.toml"], "none.toml"),
        (["-m", "gaussian", "--config", "wall.png"], "is no TOML"),
        (["-m", "gaussian", "--timeout", "0"], "--timeout"),
        (["-m", "gaussian", "--timeout", "nan"], "--timeout"),
        (["-m", "gaussian", "--seed", 2**32 - 1], "--seed"),
        (["-m", "gaussian", "-o", "wall.png"], "folder 'wall.png': is a file"),
        (["-m", "gaussian", "-o", "."], "folder '.': holds other files"),
        (["-m", "gaussian", "-o", "none/out"], "its parent folder does not exist"),
        (["-m", "gaussian", "-o", ""], "is empty"),
        (["-m", "gaussian", "-s", "100000x100000"], "of memory"),
        (["-m", "gaussian", "--scheduler", ""], "--scheduler"),
    ],
)
def test_refused(refused, arguments, told):
    assert told in refused("compare", "wall.png", *arguments)


def test_no_exemplar(refused):
    assert "EXEMPLAR: is missing" in refused("compare", "-m", "gaussian")


def test_seeds_of_a_config_and_of_the_command_line(folder, refused):
    (folder / "preset.toml").write_text(CONFIG)
    line = refused("compare", "--config", "preset.toml", "--seed", 3)
    assert "--seed: the config lists its seeds" in line
    (folder / "preset.toml").write_text(CONFIG.replace("size = 32", "size = 'big'"))
    assert "size" in refused("compare", "--config", "preset.toml")
