"""Cells on the workers of a Dask cluster."""

import sys
import time

import numpy as np
import pytest

import texto
from texto.comparison.running import Engine
from texto.core.errors import TextoError

from .conftest import texture

distributed = pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A local cluster of two workers, one thread each."""
    with distributed.LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=False,
        protocol="tcp",
        dashboard_address=None,
        local_directory=str(tmp_path_factory.mktemp("dask")),
    ) as started:
        yield started


def test_two_workers_make_the_same_as_this_machine(cluster, quick, tmp_path, cells_here):
    exemplars, told = {"x": texture()}, []
    methods = {"plain": texto.Gaussian(), "tiles": texto.Gaussian(tileable="x")}
    there = quick(
        exemplars,
        methods,
        scheduler=cluster.scheduler_address,
        told=lambda cell, number, total: told.append((number, total)),
    )
    here = quick(exemplars, methods, folder=tmp_path / "here")
    assert told == [(1, 2), (2, 2)]
    assert [cell.status for cell in there.cells] == ["done"] * 2
    assert there.floors == here.floors
    for one, other in zip(there.cells, here.cells, strict=True):
        assert (one.label, one.scores, one.settings) == (other.label, other.scores, other.settings)
        pictures = [texto.read_image(r.folder / one.picture) for r in (there, here)]
        assert np.array_equal(*pictures)
        assert one.threads == 1 and one.peak_bytes > 20e6


def test_what_runs_is_ended_with_the_comparison(cluster):
    import psutil

    before = set(psutil.Process().children())

    def children():
        return set(psutil.Process().children()) - before  # workers are threads of this process

    job = {"kind": "run", "settings": {}, "seed": 0, "record": {}, "columns": ["autocorrelation"]}
    slow = {**job, "method": "efros-leung", "shape": [400, 400]}
    quick = {**job, "method": "gaussian", "shape": [32, 32]}
    work = [("slow", slow, texture()), ("quick", quick, texture())]
    with Engine(scheduler=cluster.scheduler_address).running(work) as outcomes:
        key, outcome = next(outcomes)
        assert key == "quick" and outcome.result["status"] == "done"
        assert len(children()) == 1
    for _ in range(6000):  # five minutes, against hanging for ever
        if not children():
            return
        time.sleep(0.05)
    pytest.fail("it still runs")


def test_a_scheduler_that_does_not_answer(quick, monkeypatch):
    monkeypatch.setattr("texto.comparison.cluster._PATIENCE", 0.5)
    for address in ("tcp://127.0.0.1:1", "nonsense://x", "x", " "):
        with pytest.raises(TextoError, match=r"--scheduler.*(does not answer|is empty)") as caught:
            quick({"x": texture()}, ["gaussian"], scheduler=address)
        assert "\n" not in str(caught.value)


def test_without_the_extra(quick, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(TextoError, match=r"--scheduler: needs the extra 'cluster'"):
        quick({"x": texture()}, ["gaussian"], scheduler="tcp://127.0.0.1:8786")
