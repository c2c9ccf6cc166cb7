"""`texto synth MODEL --set ...`: numbers that a fitted model holds follow what is changed."""

import json

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra 'neural'")

from texto.cli import main
from texto.io.images import read_text, write_image

QUICK = ["--set", "n_iter=1", "--set", "n_queries=100", "-m", "gotex-patch", "--seed", "1"]


@pytest.fixture
def levels(tmp_path, monkeypatch):
    """Fits a model and tells the n_levels of a picture that it makes with other settings."""
    monkeypatch.chdir(tmp_path)
    write_image("wall.png", np.random.default_rng(0).random((64, 72, 3), dtype=np.float32))

    def made(fitted, *changes):
        given = [word for pair in fitted for word in ("--set", pair)]
        assert main(["fit", "wall.png", *QUICK, *given, "-o", "m.safetensors", "--force"]) == 0
        asked = [word for pair in changes for word in ("--set", pair)]
        again = ["synth", "m.safetensors", "-s", "32", "--seed", "2", "-o", "p.png", "--force"]
        assert main([*again, *asked]) == 0
        return json.loads(read_text("p.png")["texto"])["settings"]["n_levels"]

    return made


def test_another_patch_size_asks_the_exemplar_anew(levels):
    assert levels([]) == 3
    assert levels([], "patch_size=16") == 2  # three levels would be refused
    assert levels([], "device=cpu") == 3


def test_a_number_that_somebody_chose_stays(levels):
    assert levels([], "n_levels=1") == 1
    assert levels(["n_levels=1"], "patch_size=3") == 1
