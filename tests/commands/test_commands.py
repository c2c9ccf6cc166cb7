"""`texto methods`, `doctor`, `demo`; notes and internal errors."""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest

import texto as package
from texto.commands import demo, doctor
from texto.core import registry
from texto.core.errors import TextoWarning
from texto.methods.gaussian import Gaussian

QUICK = ("-m", "gaussian", "-s", "16", "--seed", "1")


def test_methods_lists_every_registered_one(done, monkeypatch):
    monkeypatch.setitem(registry.METHODS, "broken", "texto.nowhere:Nothing")
    monkeypatch.setattr(registry, "missing_torch", lambda: "torch")
    lines = done("methods").out.splitlines()
    assert [line.split()[0] for line in lines if line[0] != " "] == registry.names()
    assert "stationary Gaussian model" in lines[0] and "good for: micro-textures" in lines[1]
    assert "cannot be loaded: ModuleNotFoundError" in lines[-1]
    listed = {entry["name"]: entry for entry in json.loads(done("methods", "--json").out)}
    assert list(listed) == registry.names() and listed["gaussian"]["missing"] is None
    told = listed["gatys"]  # also where it cannot run
    assert "Gram matrices" in told["summary"] and "texto[neural]" in told["missing"]


def test_settings_of_a_method(done):
    shown = done("methods", "gaussian").out
    assert "tileable = none   (none | x | y | xy; synthesis)" in shown
    (setting,) = json.loads(done("methods", "gaussian", "--json").out)["settings"]
    assert setting["name"] == "tileable" and setting["default"] == "none"
    assert set(setting) == {"name", "default", "range", "stage", "help"}


def test_doctor_finds_this_installation_sound(folder, done):
    findings = {entry["name"]: entry for entry in json.loads(done("doctor", "--json").out)}
    assert findings["numpy"]["value"] == np.__version__
    assert findings["texto"]["value"] == package.__version__
    assert {"faiss", "torch", "gpu", "threads", "current folder"} <= set(findings)
    assert not any(entry["broken"] for entry in findings.values())
    assert list(folder.iterdir()) == [folder / "wall.png"]


@pytest.mark.parametrize(
    "module, needed, told",
    [
        ("no_such_module", ("no-such-module", "1"), "not installed"),
        ("numpy", ("numpy", "999.1"), "is older than 999.1"),
        ("broken_module", ("numpy", "1"), "ImportError: no ABI"),
    ],
)
def test_doctor_names_what_is_broken(folder, texto, monkeypatch, module, needed, told):
    Path("broken_module.py").write_text("raise ImportError('no ABI')")
    monkeypatch.syspath_prepend(".")
    monkeypatch.setattr(doctor, "_REQUIRED", {module: needed})
    outcome = texto("doctor")
    assert outcome.code == 2
    assert "BROKEN" in outcome.out and told in outcome.out
    assert outcome.err.startswith(f"texto: error: installation: broken: {needed[0]};")


@pytest.mark.parametrize(
    "version, numbers", [("0.9.7.post1", (0, 9, 7)), ("2.4", (2, 4)), ("x", ())]
)
def test_version_numbers(version, numbers):
    assert doctor._numbers(version) == numbers


def test_demo(folder, done, refused, monkeypatch, pixels):
    monkeypatch.setattr(demo, "_DRAWN", "no-such-exemplar")
    first = done("demo", "-m", "gaussian", "-o", "shown")
    assert "texto: note: the repository's data folder is not here" in first.err
    made = {path.name: path.read_bytes() for path in Path("shown").iterdir()}
    assert len(made) == 6 and all(f"shown/{name}" in first.out for name in made)
    assert pixels("shown/gravel_exemplar.png").shape == (256, 256)
    assert pixels("shown/gravel_result.png").shape == (512, 512)
    sheet = pixels("shown/gravel_sheet.png")
    assert np.array_equal(sheet[:256, :256], pixels("shown/gravel_exemplar.png"))
    assert np.array_equal(sheet[:, -512:], pixels("shown/gravel_result.png"))
    assert (sheet[256:, :256] == 255).all()
    again = ("demo", "-m", "gaussian", "-o", "shown", "--json", "-q")
    assert "exists already; use --force" in refused(*again)
    report = json.loads(done(*again, "--force").out)
    assert {path.name: path.read_bytes() for path in Path("shown").iterdir()} == made
    assert [entry["exemplar"] for entry in report] == ["gravel", "brick"]


def test_demo_where_a_file_has_the_folder_s_name(folder, refused):
    assert "cannot be made" in refused("demo", "-m", "gaussian", "-o", "wall.png")


def test_each_note_is_told_once_and_others_only_when_verbose(folder, done, monkeypatch):
    fit = Gaussian.fit

    def noisy(self, exemplar, **kwargs):
        for _ in range(3):
            warnings.warn("a note", TextoWarning, stacklevel=2)
            warnings.warn("some detail", RuntimeWarning, stacklevel=2)
        return fit(self, exemplar, **kwargs)

    monkeypatch.setattr(Gaussian, "fit", noisy)
    told = [
        done("synth", "wall.png", *QUICK, "--force", *extra).err for extra in ((), ("-q",), ("-v",))
    ]
    assert told[0] == "texto: note: a note\n"
    assert told[1] == ""
    assert "texto: note: a note\ntexto: warning: some detail\ntexto: fit: " in told[2]


@pytest.mark.parametrize(
    "error, code, told",
    [
        (KeyError("x"), 1, "texto: error: internal error: KeyError: 'x'; please report"),
        (MemoryError(), 2, "texto: error: memory: there is not enough; "),
        (OSError(28, "No space left on device", "a.png"), 2, "'a.png': No space left on device"),
    ],
)
def test_errors_inside_a_method(folder, texto, monkeypatch, error, code, told):
    def fit(*_, **__):
        raise error

    monkeypatch.setattr(Gaussian, "fit", fit)
    outcome = texto("synth", "wall.png", *QUICK)
    assert outcome.code == code
    assert told in outcome.err and outcome.err.count("\n") == 1
    verbose = texto("synth", "wall.png", *QUICK, "-v").err
    assert ("Traceback" in verbose) == (code == 1)
    assert list(folder.iterdir()) == [folder / "wall.png"]


def test_verbose_tells_times(folder, done):
    assert "texto: fit: " in done("synth", "wall.png", *QUICK, "-v").err


def test_bars_on_a_terminal_only(folder, done, monkeypatch, capsys):
    assert done("synth", "wall.png", *QUICK).err == ""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    drawn = done("synth", "wall.png", *QUICK, "--force").err
    assert "fit" in drawn and "synthesize" in drawn and "/1 [" in drawn
    assert done("synth", "wall.png", *QUICK, "--force", "-q").err == ""
