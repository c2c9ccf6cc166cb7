"""For all tests: one library thread, and the exemplars of data/."""

import os
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
