"""For all tests: one library thread, and the exemplars of data/."""

import json
import os
import tempfile
import threading
from pathlib import Path

import pytest

# Before numpy is loaded. Threads that spin and wait for each other make a busy machine crawl;
# what the library promises about threads, its own tests ask for in processes of their own.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

DATA = Path(__file__).resolve().parents[1] / "data"


@pytest.fixture(scope="session")
def exemplar():
    """(64, 72, 3) float32: a part of data/pebbles.png at half size, read-only."""
    from texto.io.images import read_image
    from texto.patches.pyramid import halve

    picture = halve(read_image(DATA / "pebbles.png"))[:64, :72].copy()
    picture.flags.writeable = False
    return picture


@pytest.fixture
def cells_here(monkeypatch):
    """Jobs of a comparison run in this process, one at a time: interpreters take long to start.

    tests/comparison/test_run.py has what processes of their own are for.
    """
    from texto.comparison import cell, local, process

    turn = threading.Lock()
    kinds = {"run": cell._run, "floor": cell._floor, "probe": cell._probe}

    def execute(job, pixels=None, stopped=None):
        import numpy as np

        job = json.loads(json.dumps(dict(job)))
        with turn, tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            if pixels is not None:
                np.save(folder / cell.PIXELS, pixels)
            result = json.loads(json.dumps(kinds[job["kind"]](folder, job)))
            picture = folder / cell.PICTURE
            return process.Outcome(result, picture.read_bytes() if picture.exists() else None)

    monkeypatch.setattr(local, "execute", execute)
