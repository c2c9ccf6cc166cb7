"""Tiny exemplars, and methods of a third party registered through an entry point."""

from __future__ import annotations

import numpy as np
import pytest

import texto

METHODS = '''
import dataclasses, os, signal, time
from typing import ClassVar
import numpy as np
from texto.core.settings import check_settings, setting

@dataclasses.dataclass(frozen=True)
class Third:
    """Noise in the colours of the exemplar, after what `does` says."""

    summary: ClassVar = "noise"
    good_for: ClassVar = "tests"
    quick: ClassVar = {}

    does: str = setting("nothing", "what goes wrong")
    amount: float = setting(1.0, "how much of it", low=0.0)

    __post_init__ = check_settings

    def absent(self):
        return "its weights are not here" if self.does == "absent" else None

    def fit(self, exemplar, *, rng=None, progress=None):
        if self.does == "raise":
            raise RuntimeError("the sky\\nis falling")
        if self.does == "import":
            import a_package_that_nobody_has
        if self.does == "exit":
            os._exit(3)
        if self.does == "abort":
            print("out of luck", flush=True)
            os.kill(os.getpid(), signal.SIGSEGV)
        if self.does == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        while self.does == "for ever":
            time.sleep(1)
        if self.does == "late import":
            import slowly_imported
        if self.does == "take long":
            import clock_of_a_test
            clock_of_a_test.now += 5
        self.wait()
        return Model(self, exemplar)

    def restore(self, state):
        return Model(self, state["exemplar"])

    def wait(self):
        """With seed 1, tell that we are here and wait for leave to go on."""
        place = os.environ.get("THIRD_WAITS_IN")
        if place and self.does == "wait":
            open(os.path.join(place, "here"), "w").write(str(os.getpid()))
            while not os.path.exists(os.path.join(place, "go")):
                time.sleep(0.02)

@dataclasses.dataclass(frozen=True)
class Model:
    method: Third
    exemplar: np.ndarray

    def synthesize(self, shape, *, rng=None, progress=None):
        if self.method.does == "memory":
            np.ones(int(self.method.amount * 2**20), np.uint8)
        if self.method.does == "shape":
            shape = (shape[0] + 1, shape[1])
        channels = self.exemplar.shape[2]
        noise = np.random.default_rng(rng).random((*shape, channels), np.float32)
        return noise * np.nan if self.method.does == "nan" else noise
'''


def make_plugin(folder):
    """A package in `folder` that registers the method `third`."""
    info = folder / "third-2.5.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: third\nVersion: 2.5\n")
    (info / "entry_points.txt").write_text("[texto.methods]\nthird = third_methods:Third\n")
    (folder / "third_methods.py").write_text(METHODS)
    (folder / "slowly_imported.py").write_text("import clock_of_a_test\nclock_of_a_test.now += 3\n")
    return folder


@pytest.fixture
def third(tmp_path, monkeypatch):
    """The folder of a third party's package that registers the method `third`."""
    folder = make_plugin(tmp_path / "plugin")
    monkeypatch.syspath_prepend(folder)
    return folder


def texture(seed=0, height=32, width=32):
    """Stripes with noise, (H, W, 3) float32 in [0, 1]."""
    rng = np.random.default_rng(seed)
    stripes = 0.5 + 0.3 * np.sin(np.arange(width) * 0.8 + seed)[None, :, None]
    return np.clip(stripes + 0.1 * rng.standard_normal((height, width, 3)), 0, 1).astype(np.float32)


@pytest.fixture
def pictures(tmp_path):
    """Two exemplars of 32 x 32."""
    paths = [tmp_path / "wall.png", tmp_path / "bark.png"]
    for seed, path in enumerate(paths):
        texto.write_image(path, texture(seed))
    return paths


@pytest.fixture
def quick(tmp_path):
    """`texto.compare` with one cheap column, one seed, two jobs and a folder of its own."""

    def call(exemplars, methods, **changes):
        given = {"seeds": 1, "jobs": 2, "columns": ["autocorrelation"]}
        return texto.compare(exemplars, methods, **{"folder": tmp_path / "out", **given, **changes})

    return call
