"""Kept models mean what they meant: files of format 1, added settings, changed defaults.

The golden files were written by the program before format 2: a model of textogmm, a mixture, a
generator; beside each lies the picture that it made of seed 2.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

import texto
from texto.core import registry
from texto.core.settings import setting, settings_of
from texto.io import model_files
from texto.io.stored_settings import of_format_1

DATA = Path(__file__).with_name("data")
KEPT = ("textogmm", "mix", "gotex-patch-net")
SEED = 2
OTHER_PROCESSOR = 0.02  # mean difference of grey values that another one's rounding may make


def golden(name):
    """The model and the picture of `name`; skips where its packages are missing."""
    stored = model_files.inspect(DATA / f"{name}.safetensors")["method"]
    try:
        registry.method_class(stored)
    except ModuleNotFoundError as error:
        pytest.skip(f"{stored} needs the package {error.name!r}")
    return DATA / f"{name}.safetensors", texto.read_image(DATA / f"{name}.png")


def made(path):
    return texto.load(path).synthesize((32, 40), rng=SEED)


def assert_same_picture(path, picture):
    difference = np.abs(made(path) - picture)
    assert difference.mean() < OTHER_PROCESSOR and np.median(difference) <= 0.5 / 255 + 1e-6


@pytest.mark.parametrize("name", KEPT)
def test_pictures_of_format_1_come_back(name):
    assert_same_picture(*golden(name))


@pytest.mark.parametrize("name", KEPT)
def test_a_model_of_format_1_is_kept_with_its_numbers(name, tmp_path):
    path, picture = golden(name)
    assert model_files.inspect(path)["format_version"] == 1
    model = texto.load(path)
    texto.save(model, tmp_path / "again.safetensors")
    again = model_files.inspect(tmp_path / "again.safetensors")
    assert again["format_version"] == 2
    known = settings_of(model.method)
    assert not [
        key for key, value in again["settings"].items() if value is None and known[key].automatic
    ]
    assert_same_picture(tmp_path / "again.safetensors", picture)


def grown(cls):
    """`cls` with one setting more, as a later version may have it."""
    field = ("strangeness", float, setting(0.7, "a toy", low=0, high=1, older=0.0))
    grown = dataclasses.make_dataclass(cls.__name__, [field], bases=(cls,), frozen=True)
    grown.__module__ = cls.__module__  # so that the registry still knows it
    return grown


@pytest.mark.parametrize("name", KEPT)
def test_a_setting_added_later_leaves_kept_models_loading(name, monkeypatch):
    path, picture = golden(name)
    stored = model_files.inspect(path)["method"]
    cls = grown(registry.method_class(stored))
    monkeypatch.setattr(model_files, "_method_class", lambda _: cls)
    assert texto.load(path).method.strangeness == 0.0 and cls().strangeness == 0.7
    assert_same_picture(path, picture)


def test_a_setting_without_an_older_value_is_missed(monkeypatch):
    path, _ = golden("textogmm")
    field = ("strangeness", float, setting(0.7, "a toy", low=0, high=1))
    cls = dataclasses.make_dataclass("Bare", [field], bases=(texto.TextoGMM,), frozen=True)
    monkeypatch.setattr(model_files, "_method_class", lambda _: cls)
    with pytest.raises(texto.TextoError, match="lacks the setting 'strangeness'"):
        texto.load(path)


def test_a_changed_default_leaves_kept_models_alone(monkeypatch, tmp_path):
    """Of this format, all that a model uses is in its file; of format 1, what null meant."""
    old, picture = golden("gotex-patch-net")
    new = tmp_path / "new.safetensors"
    before = texto.load(old)
    texto.save(before, new)
    cls = type(before.method)
    changed = {
        key: {name: _other(value) for name, value in values.items()}
        for key, values in cls.presets.items()
    }
    monkeypatch.setattr(cls, "presets", changed)
    assert cls().n_iter == 2000, "the default has changed"
    for path in (old, new):
        assert texto.load(path).method == before.method
        assert_same_picture(path, picture)


def _other(value):
    """Another value than a preset's, in its type."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    return type(value)(value * 2) if value else value


def test_what_null_meant_in_format_1_is_written_down():
    """One entry a method that had presets then: the values of all that was null or not stored."""
    table = json.loads((Path(model_files.__file__).with_name("format1.json")).read_text())
    assert table["gotex-patch-net"]["values"]["false"]["n_iter"] == 1000
    assert table["gpdm"]["values"]['"fast"']["n_directions"] == 48
    stored = {"as_published": True, "n_iter": None, "learning_rate": 0.5, "n_targets": None}
    meant = of_format_1("gotex-vgg", stored)
    assert (meant["n_iter"], meant["learning_rate"], meant["n_targets"]) == (1000, 0.5, None)
