"""A folder with an exemplar, and the command line called in this process."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from texto.cli import main


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str

    @property
    def paths(self) -> list[str]:
        return self.out.splitlines()


def _bricks(height=40, width=48, channels=3) -> np.ndarray:
    """(H, W, C) uint8: rows of bricks with some noise."""
    rows, columns = np.mgrid[:height, :width]
    joints = (rows % 8 < 2) | ((columns + 6 * (rows // 8 % 2)) % 12 < 2)
    noise = np.random.default_rng(5).integers(0, 60, (height, width, channels))
    return (np.where(joints, 150, 60)[:, :, None] + noise).astype(np.uint8)


def snapshot(folder: Path) -> dict[str, bytes | None]:
    """All files below `folder` with their bytes."""
    return {
        os.path.join(root, name): Path(root, name).read_bytes()
        for root, _, names in os.walk(folder)
        for name in names
        if os.path.isfile(os.path.join(root, name))
    }


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, holding the exemplar wall.png (48 x 40, RGB)."""
    monkeypatch.chdir(tmp_path)
    Image.fromarray(_bricks()).save("wall.png")
    return tmp_path


@pytest.fixture
def texto(capsys):
    """Calls `texto ARGUMENTS` and returns its outcome."""

    def call(*arguments) -> Outcome:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        return Outcome(code, *capsys.readouterr())

    return call


@pytest.fixture
def done(texto):
    """Calls `texto ARGUMENTS`, which must succeed."""

    def call(*arguments) -> Outcome:
        outcome = texto(*arguments)
        assert outcome.code == 0, outcome.err
        return outcome

    return call


@pytest.fixture
def refused(texto, folder):
    """Calls `texto ARGUMENTS`, which must be refused in one line and change nothing."""

    def call(*arguments) -> str:
        before = snapshot(folder)
        outcome = texto(*arguments)
        assert outcome.code == 2, (arguments, outcome)
        assert outcome.out == ""
        assert outcome.err.endswith("\n")
        (line,) = outcome.err[:-1].split("\n")
        assert line.startswith("texto: error: ") and line.isprintable()
        assert snapshot(folder) == before
        return line

    return call


@pytest.fixture
def model(folder, done):
    """wall_gaussian.safetensors, fitted with seed 3."""
    return Path(done("fit", "wall.png", "-m", "gaussian", "--seed", 3).paths[0])


@pytest.fixture
def bricks():
    """Makes pictures: bricks(channels=3) is (40, 48, 3) uint8."""
    return _bricks


@pytest.fixture
def pixels():
    """Reads the pixels of a file as Pillow sees them."""

    def read(path) -> np.ndarray:
        with Image.open(path) as image:
            return np.array(image)

    return read
