"""Whole comparisons: what cells hold, failures, and continuing."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

import texto
from texto.cli import main
from texto.comparison import cell as cell_module
from texto.comparison import load, local, measure
from texto.comparison.local import shared_out
from texto.comparison.process import execute
from texto.core.errors import TextoError

from .conftest import texture

# A shell that starts pytest in the background hands down an ignored SIGINT.
PROGRAM = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from texto.cli import main
sys.exit(main())
"""
OUTPUTS = {"grid.png", "scores.csv", "report.html"}
TIMES = ("fit_s", "synthesis_s", "peak_bytes")


def by_does(results):
    return {cell.settings["does"]: cell for cell in results.cells}


def third_doing(*what, **changes):
    cls = texto.method("third").__class__
    return {word: cls(does=word, **changes) for word in what}


def test_cells_are_what_the_method_makes_and_the_judge_says(pictures, quick, cells_here):
    methods = {"plain": texto.Gaussian(), "tiles": texto.Gaussian(tileable="xy")}
    results = quick(pictures, methods, seeds=[5], shape=(24, 40))
    assert {path.name for path in results.folder.iterdir()} >= OUTPUTS
    assert len(results.cells) == 4 and results.shape == (24, 40)
    exemplar = texto.read_image(pictures[1])
    cell = results.cell("bark", "tiles", 5)
    assert cell.status == "done" and cell.reason is None and cell.loss is None
    made = methods["tiles"].fit(exemplar, rng=5).synthesize((24, 40), rng=5)
    picture = texto.read_image(results.folder / cell.picture)
    assert np.array_equal(picture, np.round(made * 255).astype(np.uint8) / np.float32(255))
    judge = texto.metrics.Judge(exemplar, ["autocorrelation"])
    assert cell.value("autocorrelation") == judge.scores(picture)["autocorrelation"].value
    assert (
        results.floors["bark"]["autocorrelation"]["value"] == judge.floor()["autocorrelation"].value
    )
    assert cell.settings == {"tileable": "xy"} and cell.versions["texto"] == texto.__version__
    assert load(results.folder) == results
    with Image.open(results.folder / "grid.png") as grid:
        assert grid.width > 3 * 128 and grid.height > 2 * 128


FAILS = {
    "raise": ("failed", "RuntimeError: the sky is falling"),
    "shape": ("failed", r"has shape \(33, 32, 3\)"),
    "nan": ("failed", "result: has values outside"),
    "absent": ("unavailable", "its weights are not here"),
    "import": ("unavailable", "a_package_that_nobody_has"),
}
DIES = {
    "exit": ("failed", "its process ended with code 3"),
    "abort": ("failed", "its process died of SIGSEGV"),
    "kill": ("failed", "SIGKILL"),
}


def fail_as_told(cells, told):
    """Whether all but the last cell tell why there is none."""
    assert set(cells) == {*told, "nothing"}
    for word, (status, reason) in told.items():
        assert cells[word].status == status, word
        assert cells[word].picture is None and "\n" not in cells[word].reason
        assert re.search(reason, cells[word].reason), cells[word].reason
    assert cells["nothing"].status == "done" and cells["nothing"].versions["third"] == "2.5"
    return True


def test_what_fails_says_why_and_the_rest_goes_on(third, quick, cells_here):
    results = quick({"x": texture()}, third_doing(*FAILS, "nothing"))
    assert fail_as_told(by_does(results), FAILS)
    assert (results.folder / "report.html").read_bytes().count(b"the sky is falling")


def test_what_dies_takes_nothing_along_and_memory_is_the_runs_own(third, quick):
    """In processes of their own, which take long to start: all in one comparison."""
    methods = {**third_doing(*DIES, "nothing"), **third_doing("memory", amount=300)}
    results = quick({"x": texture()}, methods)
    cells = by_does(results)
    alone, large = cells["nothing"].peak_bytes, cells.pop("memory").peak_bytes
    assert fail_as_told(cells, DIES)
    assert 20e6 < alone < 300e6 and 250e6 < large - alone < 400e6


def test_a_runs_time_is_its_own_without_imports(third, quick, cells_here, monkeypatch):
    """By a clock that goes on in an import and in a fit only."""
    clock = SimpleNamespace(now=0.0)
    clock.perf_counter = lambda: clock.now
    monkeypatch.setitem(sys.modules, "clock_of_a_test", clock)
    for module in (cell_module, measure):
        monkeypatch.setattr(module, "time", clock)
    cells = by_does(quick({"x": texture()}, third_doing("late import", "take long"), jobs=1))
    assert clock.now == 3 + 5 and all(cell.status == "done" for cell in cells.values())
    assert cells["late import"].fit_s == 0 and cells["take long"].fit_s == 5
    assert not any(cell.synthesis_s for cell in cells.values())


def test_a_run_that_takes_too_long_is_ended(third):
    """One that never ends by itself, however short the time that it is given."""
    job = {"kind": "run", "method": "third", "settings": {"does": "for ever"}, "seed": 0}
    job |= {"record": {}, "columns": [], "shape": [8, 8], "timeout": 0.01}
    assert execute(job, texture()).failure == "took longer than the 0.01 s of --timeout"


def test_the_timeout_is_every_jobs(quick, cells_here, monkeypatch):
    seen, here = [], local.execute
    monkeypatch.setattr(local, "execute", lambda job, *rest: seen.append(job) or here(job, *rest))
    quick({"x": texture()}, ["gaussian"], timeout=7.5)
    given = {job["kind"]: job.get("timeout") for job in seen}
    assert given["run"] == given["floor"] == 7.5


def test_failed_cells_are_tried_again(third, quick, cells_here, monkeypatch):
    told = []
    monkeypatch.delitem(sys.modules, "third_methods", raising=False)
    methods = ["third", "gaussian"]
    (third / "third_methods.py").rename(third / "hidden.py")
    first = quick({"x": texture()}, methods, jobs=1, told=lambda *cell: told.append(cell))
    assert [cell.status for cell in first.cells] == ["unavailable", "done"]
    (third / "hidden.py").rename(third / "third_methods.py")
    again = quick({"x": texture()}, methods, told=lambda *cell: told.append(cell))
    assert [cell.status for cell in again.cells] == ["done", "done"]
    assert [(cell.label, number, total) for cell, number, total in told] == [
        ("third", 1, 2),
        ("gaussian", 2, 2),
        ("third", 2, 2),
    ]


@pytest.mark.parametrize(
    "processors, jobs, shares",
    [
        ([0, 1], 1, [None]),
        ([0, 1, 5], 2, [[0, 5], [1]]),
        ([3], 2, [[3], [3]]),
    ],
)
def test_processors_are_shared_out(processors, jobs, shares):
    assert shared_out(processors, jobs) == shares


@pytest.mark.parametrize(
    "changes, told",
    [
        ({"seeds": 2}, "seeds differ"),
        ({"methods": {"gaussian": texto.Gaussian(tileable="x")}}, "methods or their settings"),
        ({"exemplars": {"x": texture(1)}, "shape": 2.0}, "exemplars, the size differ"),
        ({"columns": ["copied"], "deterministic": True}, "score columns.*, --deterministic"),
    ],
)
def test_another_comparison_in_the_folder_is_refused(quick, finished, cells_here, changes, told):
    before = snapshot(finished)
    given = {"exemplars": {"x": texture()}, "methods": ["gaussian"], **changes}
    with pytest.raises(TextoError, match=f"another comparison: .*{told}"):
        quick(given.pop("exemplars"), given.pop("methods"), folder=finished, **given)
    assert snapshot(finished) == before


@pytest.fixture
def finished(tmp_path, cells_here):
    folder = tmp_path / "finished"
    texto.compare(
        {"x": texture()}, ["gaussian"], seeds=1, columns=["autocorrelation"], folder=folder
    )
    return folder


def test_force_starts_anew(quick, cells_here):
    first = quick({"x": texture()}, ["gaussian"], seeds=[0])
    second = quick({"x": texture(1)}, ["gaussian"], seeds=[1], force=True)
    left = {path.name for path in first.folder.glob("runs/x/*")}
    assert len(second.cells) == 1 and left == {"gaussian_s1.json", "gaussian_s1.png"}


def test_a_folder_of_other_files_is_left_alone(quick, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    for force in (False, True):
        with pytest.raises(TextoError, match="holds other files"):
            quick({"x": texture()}, ["gaussian"], force=force)
    assert os.listdir(tmp_path / "out") == ["mine.txt"]


def test_a_damaged_cell_is_told(finished):
    (path,) = finished.glob("runs/x/*.json")
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    with pytest.raises(TextoError, match=r"is no JSON.*--force"):
        load(finished)


@pytest.mark.parametrize(
    "changes, told",
    [
        ({"seeds": 0}, "seeds: there are none"),
        ({"seeds": [1, 1]}, "given twice"),
        ({"seeds": [2**32]}, "is not from 0"),
        ({"shape": (0, 5)}, "shape"),
        ({"shape": -1}, "shape"),
        ({"shape": (5, 5, 5)}, "shape"),
        ({"columns": ["patch_otto"]}, "column 'patch_otto': is not known"),
        ({"jobs": 0}, "jobs"),
        ({"timeout": 0}, "timeout"),
        ({"exemplars": {}}, "exemplars: there are none"),
        ({"exemplars": {"a": texture(), "b": texture()}}, "is the same as 'a'"),
        ({"exemplars": {"a": np.zeros((8, 8, 2), np.float32)}}, "has 2 channels"),
        ({"methods": ["kwatro"]}, "method 'kwatro': is not known; did you mean kwatra"),
        ({"methods": ["gaussian", "gaussian"]}, "is given twice"),
    ],
)
def test_wrong_arguments_leave_nothing(quick, tmp_path, changes, told):
    given = {"exemplars": {"x": texture()}, "methods": ["gaussian"], **changes}
    with pytest.raises(TextoError, match=told):
        quick(given.pop("exemplars"), given.pop("methods"), **given)
    assert not (tmp_path / "out").exists()


# -- interrupted --------------------------------------------------------------------------------


def snapshot(folder):
    files = (path for path in Path(folder).rglob("*") if path.is_file())
    return {path.relative_to(folder): path.read_bytes() for path in files}


def same_but_for_times(one, two, drop=()):
    """Whether both folders hold the same files, times and memory apart."""
    first, second = snapshot(one), snapshot(two)
    assert first.keys() == second.keys()
    for name, data in first.items():
        if name.suffix == ".json":
            values = [json.loads(each) for each in (data, second[name])]
            for each in values:
                for key in (*TIMES, *drop, "created"):
                    each.pop(key, None)
            assert values[0] == values[1], name
        elif name.parts[0] in ("runs", "exemplars"):
            assert data == second[name], name
    return True


@pytest.fixture
def started(third, pictures, monkeypatch):
    """Starts `texto compare` as a program, with gaussian and then a method that waits."""
    wait = third.parent / "wait"
    wait.mkdir()
    monkeypatch.setenv("THIRD_WAITS_IN", str(wait))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, sys.path)))
    children = []

    def arguments(folder):
        words = ["compare", str(pictures[0]), "-m", "gaussian,third", "--set", "third.does=wait"]
        return [*words, "--seeds", "2", "--columns", "autocorrelation", "-o", str(folder)]

    def start(folder):
        command = [sys.executable, "-c", PROGRAM, *arguments(folder)]
        children.append(subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE))
        return children[-1]

    start.wait, start.arguments = wait, arguments
    yield start
    for child in children:
        child.kill()
        child.communicate()


def until(condition):
    for _ in range(15_000):  # five minutes, against hanging for ever
        if condition():
            return
        time.sleep(0.02)
    pytest.fail("it does not come")


def alive(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{process}/stat").read_text().split()[2]


def interrupted(started, folder, number):
    """Lines on stderr of a comparison that gets signal `number` in its second cell."""
    first = started(folder)
    here = started.wait / "here"
    until(lambda: here.exists() and here.read_text())  # there, and written
    run = int(here.read_text())
    first.send_signal(number)
    _, err = first.communicate(timeout=300)
    until(lambda: not alive(run))
    assert first.returncode == (-number if number == signal.SIGKILL else 128 + number)
    cells = {path.name for path in folder.glob("runs/*/*")}
    assert cells == {"gaussian_s0.json", "gaussian_s0.png"}
    return err.decode().splitlines()


def test_an_interrupted_comparison_says_how_to_continue(started, tmp_path):
    lines = interrupted(started, tmp_path / "out", signal.SIGTERM)
    assert lines[-1] == "texto: interrupted"
    assert "1 of 4 cells" in lines[-2] and "the same command continues" in lines[-2]
    assert set(os.listdir(tmp_path / "out")) >= OUTPUTS


def test_continuing_computes_the_rest_only(started, tmp_path, cells_here, capsys):
    folder = tmp_path / "out"
    interrupted(started, folder, signal.SIGKILL)
    before = {path: path.stat().st_mtime_ns for path in folder.glob("runs/*/*")}
    (started.wait / "go").touch()
    assert main(started.arguments(folder)) == 0
    out, err = capsys.readouterr()
    told = [line.split()[1] for line in err.splitlines()]
    assert told == ["2/4", "3/4", "4/4"] and len(out.splitlines()) == 3
    assert before == {path: path.stat().st_mtime_ns for path in before}
    assert main([*started.arguments(tmp_path / "whole"), "-q"]) == 0
    assert same_but_for_times(folder, tmp_path / "whole", drop=("versions",))
