"""Means, spreads and ranks, and reading back what was written."""

import json

import pytest

from texto.comparison.kept import checked, read_json, to_bytes
from texto.comparison.results import Cell, Entry, Exemplar, Results, score_dict
from texto.comparison.store import save_cell, saved_cell
from texto.core.errors import TextoError
from texto.metrics import Score

COLUMNS = [
    {"name": "low", "help": "", "better": "lower", "reason": None},
    {"name": "high2", "help": "", "better": "higher", "reason": None},
]


def cell(exemplar, label, seed, **scores):
    full = {name: {"value": v, "spread": None, "reason": None} for name, v in scores.items()}
    return Cell(exemplar, label, seed, "done", scores=full)


def results(cells, labels=("a", "b"), published=None):
    exemplars = [Exemplar(n, n, "0", (8, 8), (8, 8), n) for n in ("x", "y")]
    entries = [Entry(label, label, {}, (published or {}).get(label)) for label in labels]
    return Results("", "", None, [0, 1], entries, exemplars, COLUMNS, {}, cells, {}, "")


def test_means_over_seeds_then_exemplars():
    found = results([cell("x", "a", 0, low=1), cell("x", "a", 1, low=3), cell("y", "a", 0, low=10)])
    assert found.mean("a", "low", "x") == (2, pytest.approx(2**0.5))
    assert found.mean("a", "low", "y") == (10, None)
    assert found.mean("a", "low") == (6, None)  # only seed 0 is on both exemplars
    assert found.mean("b", "low", "x") is None


def test_the_spread_is_that_of_the_means_over_exemplars():
    values = {("x", 0): 1, ("x", 1): 5, ("y", 0): 7, ("y", 1): 3}
    found = results([cell(name, "a", seed, low=v) for (name, seed), v in values.items()])
    assert found.mean("a", "low") == (4, 0)


def test_no_mean_over_fewer_exemplars_than_others_have():
    cells = [cell("x", "a", 0, low=1), cell("y", "a", 0, low=1), cell("x", "b", 0, low=0)]
    assert results(cells).mean("b", "low") is None
    assert results(cells).ranks("low") == {"a": 1}
    assert results(cells[2:]).mean("b", "low") == (0, None)  # nobody has y


def test_ranks_share_a_place_and_know_the_direction():
    cells = [
        cell("x", label, 0, low=value, high2=value)
        for label, value in {"a": 1, "b": 2, "c": 2, "d": 3}.items()
    ]
    found = results(cells, "abcd")
    assert found.ranks("low") == {"a": 1, "b": 2, "c": 2, "d": 4}
    assert found.ranks("high2") == {"d": 1, "b": 2, "c": 2, "a": 4}


def test_published_scores_are_found_with_and_without_the_columns_digits():
    found = results([], published={"a": {"high": 3.0}, "b": {"high2": 2.0, "high": 9.0}})
    assert found.published("high2") == {"a": 3.0, "b": 2.0}
    assert found.published_ranks("high2") == {"a": 1, "b": 2}
    assert found.published("low") == {}


def read_back(values, path):
    path.write_text(json.dumps(values))
    return checked(read_json(path, "cell"), Cell, "cell")


def test_a_cell_is_read_back_as_it_was(tmp_path):
    whole = Cell(
        "x",
        "Algo 1",
        3,
        "done",
        None,
        0.5,
        1,
        10**9,
        {"low": {"value": None, "spread": None, "reason": "too small"}},
        "runs/x/Algo_1_s3.png",
        ((1, 0.5), (2, 0.25)),
        {"n": 1, "finish": None},
        {"texto": "1"},
        2,
    )
    assert read_back(json.loads(to_bytes(whole)), tmp_path / "a") == whole


@pytest.mark.parametrize(
    "wrong",
    [
        {"status": "perhaps"},
        {"seed": -1},
        {"seed": True},
        {"fit_s": "1"},
        {"scores": {"low": 3}},
        {"scores": {"low": {"value": 1}}},
        {"scores": {"low": {"value": "1", "spread": None, "reason": None}}},
        {"loss": [[1]]},
        {"versions": {"a": 1}},
        {"picture": "../../etc/passwd.png"},
        {"picture": "/etc/passwd.png"},
        {"picture": "a\n/../../etc/passwd.png"},
        {"picture": ".."},
    ],
)
def test_a_damaged_cell_is_refused(tmp_path, wrong):
    values = json.loads(to_bytes(Cell("x", "a", 0, "done")))
    with pytest.raises(
        TextoError, match=rf"cell: has a wrong field: .*\.{next(iter(wrong))}.*--force"
    ):
        read_back({**values, **wrong}, tmp_path / "a")


def test_a_cell_without_its_picture_is_not_done(tmp_path):
    kept = save_cell(tmp_path, Cell("x", "a", 0, "done"), b"a picture")
    assert saved_cell(tmp_path, "x", "a", 0) == kept
    (tmp_path / kept.picture).unlink()
    assert saved_cell(tmp_path, "x", "a", 0) is None


@pytest.mark.parametrize("name", ["threads", "seed"])
def test_a_cell_that_lacks_a_field_is_refused(tmp_path, name):
    values = json.loads(to_bytes(Cell("x", "a", 0, "done")))
    del values[name]
    with pytest.raises(TextoError, match=f"cell: .*lacks.*{name}|cell: .*missing.*{name}"):
        read_back(values, tmp_path / "a")


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
def test_a_number_that_is_not_finite_is_no_json(tmp_path, number):
    text = to_bytes(Cell("x", "a", 0, "done", fit_s=0.5)).replace(b"0.5", number.encode())
    (tmp_path / "a").write_bytes(text)
    with pytest.raises(TextoError, match=r"cell: is no JSON.*--force"):
        read_json(tmp_path / "a", "cell")


def test_a_score_that_is_no_number_has_a_reason():
    assert score_dict(Score(float("inf"), 1.0))["reason"] == "is no finite number"
    assert score_dict(Score(reason="too small"))["reason"] == "too small"
    assert score_dict(Score(2.0, None)) == {"value": 2.0, "spread": None, "reason": None}
