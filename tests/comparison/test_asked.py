"""Which methods are compared: names, labels, settings, config files."""

from pathlib import Path

import pytest

import texto
from texto.comparison import preset
from texto.comparison.asked import Asked, by_names, of_instance, with_settings
from texto.core import registry
from texto.core.errors import TextoError

ALGO = Asked("Algo 1", "patch-ot", {"n_iter": 5})


def test_all_is_every_registered_method(third):
    found = [entry.method for entry in by_names("all")]
    assert found == registry.names() and found[-1] == "third"


def test_names_are_labels_of_the_preset_first():
    assert by_names("Algo 1, kwatra", [ALGO]) == [ALGO, Asked("kwatra", "kwatra")]


def test_an_instance_brings_its_settings():
    entry = of_instance(texto.Gaussian(tileable="x"))
    assert (entry.label, entry.settings) == ("gaussian", {"tileable": "x"})


@pytest.mark.parametrize(
    "names, told",
    [
        ("gausian", "method 'gausian': is not known; did you mean gaussian"),
        ("Algo 2", "did you mean Algo 1"),
        ("gaussian,gaussian", "method 'gaussian': is given twice"),
        ("gaussian,all", "is given twice"),
        (",", "names no method"),
        ([], "names no method"),
    ],
)
def test_names_refused(names, told):
    with pytest.raises(TextoError, match=told):
        by_names(names, [ALGO])


def test_settings_go_to_a_label_or_to_all_of_a_method():
    entries = [ALGO, Asked("v1.5", "patch-ot"), Asked("kwatra", "kwatra")]
    texts = ["patch-ot.n_iter=3", "v1.5.stride=2", "kwatra.n_levels=a=b"]
    pairs = [entry.pairs for entry in with_settings(entries, texts)]
    assert pairs == [("n_iter=3",), ("n_iter=3", "stride=2"), ("n_levels=a=b",)]


@pytest.mark.parametrize("text", ["", "n_iter=3", "gaussian.tileable", ".x=1", "gaussian.=1", "="])
def test_settings_that_name_nothing(text):
    with pytest.raises(TextoError, match=r"METHOD\.KEY=VALUE"):
        with_settings([Asked("gaussian", "gaussian")], [text])


def test_settings_of_what_is_not_compared():
    with pytest.raises(TextoError, match="'kwatra' is not compared; did you mean gaussian"):
        with_settings([Asked("gaussian", "gaussian")], ["kwatra.n_iter=1"])


WHOLE = """
title = "Two"
exemplars = ["pictures/a.png"]
size = "2x"
seeds = [4, 7]
columns = ["patch_ot"]
[[entries]]
method = "gaussian"
[[entries]]
label = "Algo 1"
method = "patch-ot"
settings = { n_iter = 150, n_levels = 4 }
published = { patch_ot = 0.35, sifid = 1 }
"""


def test_a_config_is_read(tmp_path):
    (tmp_path / "compare.toml").write_text(WHOLE)
    found = preset.read(tmp_path / "compare.toml")
    assert found.exemplars == [tmp_path / "pictures" / "a.png"]
    assert (found.title, found.size, found.seeds, found.columns) == (
        "Two",
        "2x",
        [4, 7],
        ["patch_ot"],
    )
    algo = Asked(
        "Algo 1", "patch-ot", {"n_iter": 150, "n_levels": 4}, (), {"patch_ot": 0.35, "sifid": 1}
    )
    assert found.entries == [Asked("gaussian", "gaussian"), algo]


ENTRY = '[[entries]]\nmethod = "gaussian"\n'


@pytest.mark.parametrize(
    "text, told",
    [
        ("titel = 'x'\n" + ENTRY, "key 'titel': is not known; did you mean title"),
        (ENTRY + "lable = 'x'", "entry 1 key 'lable': is not known; did you mean label"),
        ("title = 3\n" + ENTRY, "key 'title': is 3; give a text"),
        ("seeds = 0\n" + ENTRY, "key 'seeds'"),
        ("seeds = []\n" + ENTRY, "key 'seeds'"),
        ("seeds = [-1]\n" + ENTRY, "key 'seeds'"),
        ("columns = 'gram'\n" + ENTRY, "key 'columns'"),
        ("exemplars = [1]\n" + ENTRY, "key 'exemplars'"),
        ("size = 2.5\n" + ENTRY, "key 'size'"),
        ("title = 'x'", "key 'entries': is missing"),
        ("entries = []", "key 'entries'"),
        ("entries = [3]", "entry 1: is no table"),
        ("[[entries]]\nlabel = 'x'", "entry 1 key 'method': is missing"),
        (ENTRY + "settings = { a = [1] }", "key 'settings'"),
        (ENTRY + "published = { sifid = 'low' }", "key 'published'"),
        (ENTRY + "published = { sifid = nan }", "key 'published'"),
        (ENTRY + ENTRY, "is given twice"),
        (ENTRY + "label = 'A b'\n" + ENTRY + "label = 'A/b'", "is too near"),
        ("a = ", "is no TOML"),
        ("\x00", "is no TOML"),
    ],
)
def test_a_wrong_config_is_refused(tmp_path, text, told):
    path = tmp_path / "compare.toml"
    path.write_text(text)
    with pytest.raises(TextoError, match=told) as caught:
        preset.read(path)
    assert "\n" not in str(caught.value)


def test_no_config(tmp_path):
    with pytest.raises(TextoError, match=r"none.toml.*No such file"):
        preset.read(tmp_path / "none.toml")
    with pytest.raises(TextoError, match="directory"):
        preset.read(tmp_path)


def test_the_preset_of_the_slides():
    path = Path(__file__).parents[2] / "benchmarks" / "slides_table.toml"
    found = preset.read(path)
    labels = ["Algo 1", "Algo 2", "TexNet", "SinGAN", "PSGAN", "Texto"]
    assert [entry.label for entry in found.entries] == labels
    for entry in found.entries:
        assert set(entry.published) == {"sifid", "gram", "patch_ot"}
        if entry.method in registry.names():
            registry.method_class(entry.method)(**entry.settings)
