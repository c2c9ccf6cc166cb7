"""The README's tables say what the code says."""

import importlib.util
from pathlib import Path

import pytest

from texto.core.registry import METHODS
from texto.metrics.table import columns

PATH = Path(__file__).resolve().parents[1] / "benchmarks" / "tables.py"


@pytest.fixture(scope="module")
def tables():
    spec = importlib.util.spec_from_file_location("readme_tables", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_readme_is_fresh(tables):
    text = tables.README.read_text("utf-8")
    assert tables.written(text) == text, "README.md is stale: run make tables"


def test_every_method_and_score_has_a_row(tables):
    rows = "".join(body for _, body in tables.tables()).splitlines()
    named = [row.split("`")[1] for row in rows if row.startswith("| `")]
    assert sorted(named) == sorted([*METHODS, *columns()])
    assert all(row.count(" | ") == rows[0].count(" | ") for row in rows[: len(METHODS)])


def test_what_is_stale_is_written_anew_and_the_rest_stays(tables):
    text = tables.README.read_text("utf-8")
    stale = text.replace("| good for |", "| bad for |").replace("| what it is |", "| what |")
    assert stale != text and tables.written(stale) == text
    with pytest.raises(ValueError, match="needs one <!-- scores -->"):
        tables.written(text.replace("<!-- /scores -->", ""))
