"""`texto score`: the table, CSV, JSON, and what it refuses."""

import csv
import json

import numpy as np
import pytest
from PIL import Image

from texto.cli import main
from texto.core.errors import TextoError
from texto.metrics import Judge, columns

QUICK = ("--columns", "sliced_w,autocorrelation,copied")
NAMES = ("sliced_w", "autocorrelation", "copied")


@pytest.fixture
def pictures(folder, bricks):
    """noise.png and part.png, a part of wall.png."""
    noise = np.random.default_rng(0).integers(0, 256, (50, 60, 3), np.uint8)
    Image.fromarray(noise).save(folder / "noise.png")
    Image.fromarray(bricks()[4:36, 4:44]).save(folder / "part.png")
    return folder


def read(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_table_has_a_row_for_each_picture_and_the_floor(pictures, done):
    lines = done("score", "wall.png", "noise.png", "part.png", *QUICK).out.splitlines()
    assert lines[0].split() == list(NAMES)
    assert [line.split()[0] for line in lines[1:4]] == ["noise.png", "part.png", "floor"]
    assert lines[2].count("*") == 2 and lines[1].rstrip().endswith("0*")  # part.png is copied
    assert f"{32 * 40}" in lines[2]
    assert "±" in lines[1] and lines[4] == ""
    notes = "\n".join(lines[5:])
    assert "lower is better" in notes and "2 draws" in notes and "halves" in notes


def test_json_holds_the_numbers_of_the_library(pictures, done):
    from texto import read_image

    given = ("score", "wall.png", "part.png", *QUICK, "--seed", 3, "--draws", 3, "--json")
    found = json.loads(done(*given).out)
    judge = Judge(read_image("wall.png"), NAMES, seed=3, n_draws=3)
    expected = judge.scores(read_image("part.png"))
    (row,) = found["results"]
    assert (row["path"], row["size"]) == ("part.png", [40, 32])
    for name in NAMES:
        assert row["scores"][name] == vars(expected[name])
        assert found["floor"][name] == vars(judge.floor()[name])
        assert found["best"][name] == ["part.png"]
    assert [column["name"] for column in found["columns"]] == list(NAMES)
    assert (found["exemplar"], found["seed"], found["draws"]) == ("wall.png", 3, 3)


def test_csv_holds_them_too(pictures, done):
    given = ("score", "wall.png", "part.png", "noise.png", *QUICK)
    done(*given, "-o", "scores.csv")
    *rows, floor = read("scores.csv")
    found = json.loads(done(*given, "--json").out)
    assert [row["picture"] for row in rows] == ["part.png", "noise.png"]
    assert (floor["kind"], floor["picture"]) == ("floor", "wall.png")
    for row, other in zip(rows, found["results"], strict=True):
        assert row["kind"] == "result" and int(row["width"]) == other["size"][0]
        for name in NAMES:
            assert float(row[name]) == other["scores"][name]["value"]
            spread = other["scores"][name]["spread"]
            assert row[f"{name}_spread"] == ("" if spread is None else repr(spread))


def test_csv_on_stdout(pictures, capfdbinary):
    given = ["score", "wall.png", "part.png", *QUICK, "-o"]
    assert main([*given, "file.csv"]) == 0
    capfdbinary.readouterr()
    assert main([*given, "-"]) == 0
    assert capfdbinary.readouterr().out == (pictures / "file.csv").read_bytes()


def test_the_seed_decides(pictures, done):
    given = ("score", "wall.png", "noise.png", "--columns", "sliced_w", "--no-floor")
    first, again, other = (done(*given, "--seed", seed).out for seed in (0, 0, 1))
    assert first == again == done(*given).out != other
    assert done(*given, "--deterministic").out == first
    assert "floor" not in first


def test_columns_that_cannot_run_say_why_once(pictures, done, monkeypatch):
    from texto.metrics import table

    monkeypatch.setattr(table, "_OTHERS", {"nowhere.metrics": ("neural", {"gram": "help"})})
    given = ("score", "wall.png", "noise.png", "part.png")
    outcome = done(*given, "--columns", "gram,patch_ot_8,copied", "--draws", 1)
    table_lines, notes = outcome.out.split("\n\n")
    for line in table_lines.splitlines()[1:]:
        assert line.split()[1:3] == ["-", "-"]
    assert notes.count("needs the extra 'neural'") == 1
    assert notes.count("patch_ot_8") == 2  # the exemplar's size, and that of its halves
    assert "48x40" in notes


def test_all_columns_by_default(pictures, done):
    found = json.loads(done("score", "wall.png", "part.png", "--json", "--draws", 1).out)
    assert [column["name"] for column in found["columns"]] == list(columns())
    assert found["results"][0]["scores"]["patch_ot"]["value"] > 0
    assert "40x32" in found["results"][0]["scores"]["spectrum"]["reason"] or (
        "48x40" in found["results"][0]["scores"]["spectrum"]["reason"]
    )


def test_names_with_strange_characters(pictures, done):
    Image.open("part.png").save("a\nb, \x1b[2J.png")
    lines = done("score", "wall.png", "a\nb, \x1b[2J.png", "--columns", "copied", "-q").out
    assert r"a\nb, \x1b[2J.png" in lines
    done("score", "wall.png", "a\nb, \x1b[2J.png", "--columns", "copied", "-o", "s.csv")
    assert read("s.csv")[0]["picture"] == "a\nb, \x1b[2J.png"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nope.png"], "nope.png"),
        (["part.png", "nope.png"], "nope.png"),
        (["."], "folder"),
        (["part.png", "--columns", "sliced,copied"], "did you mean sliced_w"),
        (["part.png", "--columns", ","], "none"),
        (["part.png", "--draws", "0"], "--draws"),
        (["part.png", "-o", "scores.txt"], ".csv"),
        (["part.png", "-o", "nowhere/scores.csv"], "folder does not exist"),
        (["part.png", "-o", "there.csv"], "use --force"),
        (["part.png", "-o", "-", "--json"], "--json"),
        (["grey.png"], "grey.png': is grey, and the exemplar in colour"),
        (["tiny.png"], "tiny.png': is 5x5"),
        (["clear.png"], "transparent"),
        (["part.png", "--max-pixels", "100"], "pixels"),
        (["text.png"], "text.png"),
        ([], "RESULT: is missing"),
    ],
)
def test_refused_with_advice(arguments, told, pictures, refused):
    Image.open("part.png").convert("L").save("grey.png")
    Image.open("part.png").resize((5, 5)).save("tiny.png")
    Image.new("RGBA", (40, 40), (9, 9, 9, 0)).save("clear.png")
    (pictures / "text.png").write_text("no picture")
    (pictures / "there.csv").write_text("old")
    assert told in refused("score", "wall.png", *arguments)


def test_a_model_is_no_picture(model, refused):
    for given in ((model, "wall.png"), ("wall.png", model)):
        assert "is a model; make a picture" in refused("score", *given)


def test_a_tiny_exemplar_is_refused(pictures, refused):
    Image.open("part.png").resize((30, 7)).save("tiny.png")
    assert "exemplar 'tiny.png': is 30x7" in refused("score", "tiny.png", "part.png")


def test_force_replaces(pictures, done):
    (pictures / "there.csv").write_text("old")
    given = ("wall.png", "part.png", "--columns", "copied", "-o", "there.csv", "--force")
    done("score", *given)
    assert read("there.csv")[0]["copied"] == "1280.0"


def test_an_output_that_is_an_input_is_refused(pictures, refused):
    Image.open("part.png").save("part.csv", format="png")
    assert "is also an input" in refused("score", "wall.png", "part.csv", "-o", "part.csv")


def test_the_help_names_all_columns_and_the_default_of_the_library():
    from texto.commands.arguments import build_parser, subparsers
    from texto.metrics.judge import N_DRAWS

    parser = subparsers(build_parser())["score"]
    text = " ".join(parser.format_help().split())
    assert all(name in text for name in columns())
    assert parser.get_default("draws") == N_DRAWS


def test_nothing_is_written_when_scoring_fails(pictures, texto, monkeypatch):
    def fail(self, result):
        raise TextoError("score", "failed", "never mind")

    monkeypatch.setattr(Judge, "scores", fail)
    outcome = texto("score", "wall.png", "part.png", "-o", "s.csv")
    assert outcome.code == 2 and outcome.out == "" and not (pictures / "s.csv").exists()
