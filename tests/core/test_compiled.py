"""Compiled loops: where numba is absent, and where nothing can be kept."""

import builtins
import sys
import threading

import numba
import numpy as np
import pytest

from texto.core import compiled as module
from texto.core.compiled import compiled
from texto.core.errors import TextoWarning


@pytest.fixture(autouse=True)
def fresh():
    """No loops compiled and nothing told: before and after."""
    caches = (module._machine_code, module._tell_missing, module._tell_uncached)
    for cache in caches:
        cache.cache_clear()
    yield
    for cache in caches:
        cache.cache_clear()


def add(values, factor, total):
    """The loops of these tests."""
    for i in range(len(values)):
        total[0] += factor * values[i]
    return total[0]


def more(values):
    """Other loops."""
    return values[0] + 1


VALUES = np.arange(5, dtype=np.float32)


def without_numba(monkeypatch):
    real = builtins.__import__

    def absent(name, *rest, **more):
        if name == "numba":
            raise ModuleNotFoundError("No module named 'numba'")
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", absent)


def test_without_numba_the_loops_run_interpreted_and_it_is_told_once(monkeypatch):
    without_numba(monkeypatch)
    first, second = compiled(add), compiled(more)
    with pytest.warns(TextoWarning, match="pip install numba") as told:
        assert first(VALUES, 2, np.zeros(1)) == 20
        assert second(VALUES) == 1
        assert first(VALUES, 3, np.zeros(1)) == 30
    assert len(told) == 1


def test_a_vote_is_the_same_without_numba(monkeypatch):
    from texto.patches.extraction import grid
    from texto.patches.vote import sharp_vote

    rng = np.random.default_rng(0)
    picture = rng.random((8, 7, 2), np.float32)
    spots, window = grid((6, 5), 3, 2), np.array([0.5, 1, 0.4], np.float32)
    found = rng.integers(0, 5, (len(spots.rows), len(spots.columns), 2), dtype=np.int32)
    fast = sharp_vote(picture, found, spots, window, 3.0)
    module._machine_code.cache_clear()
    without_numba(monkeypatch)
    with pytest.warns(TextoWarning, match="numba is not installed"):
        slow = sharp_vote(picture, found, spots, window, 3.0)
    np.testing.assert_allclose(slow[0], fast[0], rtol=1e-5)
    assert np.array_equal(slow[1], fast[1])


def test_where_nothing_can_be_kept_it_compiles_anew_and_tells_so_once(monkeypatch):
    kept, real = [], numba.njit

    def njit(**options):
        if options.pop("cache", False):
            kept.append(True)
            raise RuntimeError("cannot cache function: no locator available")
        return real(**options)

    monkeypatch.setattr(numba, "njit", njit)
    first, second = compiled(add), compiled(more)
    with pytest.warns(TextoWarning, match="NUMBA_CACHE_DIR") as told:
        assert first(VALUES, 2.0, np.zeros(1, np.float32)) == 20
        assert second(VALUES) == 1
        assert first(VALUES, 3.0, np.zeros(1, np.float32)) == 30
    assert len(told) == 1 and len(kept) == 2


def test_several_threads_at_the_first_call_compile_once(monkeypatch):
    asked, both = [], threading.Barrier(2)

    def njit(**options):
        asked.append(options["nogil"])
        threading.Event().wait(0.05)
        return lambda loops: loops

    monkeypatch.setattr(numba, "njit", njit)
    loops = compiled(more)

    def call():
        both.wait()
        loops(VALUES)

    threads = [threading.Thread(target=call) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert asked == [True]


def test_nothing_is_imported_before_the_first_call(monkeypatch):
    monkeypatch.delitem(sys.modules, "numba")
    compiled(add)
    assert "numba" not in sys.modules
