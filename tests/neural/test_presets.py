"""What a neural method uses is what its fields hold."""

import dataclasses

import numpy as np
import pytest

pytest.importorskip("torch")

import texto
from neural.methods.gotex.pixels import GotexPatch
from texto.core import registry
from texto.core.contract import Adapts, HasPresets
from texto.core.errors import TextoError
from texto.core.settings import replaced, settings_of

NAMES = [name for name, place in registry.METHODS.items() if place.startswith("neural")]
WITH_PRESETS = [name for name in NAMES if name != "psgan"]
ALL = {"n_targets", "n_patches", "n_queries", "n_directions"}  # None: all there are


def forms(name):
    """The method by each of its presets."""
    cls = registry.method_class(name)
    return [cls(**{cls.preset_setting: value}) for value in cls.presets]


@pytest.mark.parametrize("name", WITH_PRESETS)
def test_presets_are_expanded_and_kept(name):
    cls = registry.method_class(name)
    for method in forms(name):
        assert isinstance(method, HasPresets)
        held, known = dataclasses.asdict(method), settings_of(method)
        none = {key for key, value in held.items() if value is None}
        assert none <= ALL | {key for key in known if known[key].automatic}
        assert cls(**held) == method  # and all values are in range
        assert (
            cls(**{**dict.fromkeys(none), cls.preset_setting: held[cls.preset_setting]}) == method
        )


@pytest.mark.parametrize("name", WITH_PRESETS)
def test_another_preset_keeps_what_was_given(name):
    first, second = forms(name)
    assert (
        replaced(first, **{first.preset_setting: getattr(second, first.preset_setting)}) == second
    )
    given = dataclasses.replace(first, n_iter=7)
    other = replaced(given, **{first.preset_setting: getattr(second, first.preset_setting)})
    assert other == dataclasses.replace(second, n_iter=7)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(70, 90, 3), (300, 200, 1)])
def test_methods_adapt_to_an_exemplar_once(name, shape):
    method, exemplar = registry.method_class(name)(), np.zeros(shape, np.float32)
    assert isinstance(method, Adapts)
    adapted = method.adapted(exemplar)
    assert adapted.adapted(exemplar) == adapted
    known = settings_of(adapted)
    assert not [key for key in known if known[key].automatic and getattr(adapted, key) is None]


def test_a_changed_default_leaves_what_is_stored(monkeypatch):
    stored = dataclasses.asdict(GotexPatch())
    presets = {False: {**GotexPatch.presets[False], "n_iter": 9, "dual_step": "plain"}}
    monkeypatch.setattr(GotexPatch, "presets", {**GotexPatch.presets, **presets})
    assert GotexPatch().n_iter == 9 and GotexPatch().dual_step == "plain"
    assert dataclasses.asdict(GotexPatch(**stored)) == stored


def test_random_filters_have_layers_of_their_own():
    method = texto.method("gotex-vgg")
    assert method.layers.startswith("relu1_1,")
    assert dataclasses.replace(method, weights="random").layers == ""
    assert texto.method("texnet").layers != texto.method("gatys").layers


def test_a_colour_to_begin_with_needs_a_bias():
    with pytest.raises(TextoError, match="begin_like: is true, and bias false"):
        texto.method("gotex-patch-net", bias=False)


def test_mixes_hold_levels_where_their_exemplars_agree():
    rng, method = np.random.default_rng(0), texto.method("gotex-patch", n_iter=1, device="cpu")
    small, other, large = (
        method.fit(rng.random((side, side, 3), dtype=np.float32)) for side in (64, 70, 140)
    )
    assert [each.method.n_levels for each in (small, other, large)] == [3, 3, 4]
    half = [0.5, 0.5]
    for asked in (method, small.method):
        assert asked.mix([small, other], half).method.n_levels == 3
        mixed = asked.mix([small, large], half)
        assert mixed.method.n_levels is None  # each its own
        assert asked.mix([small, large], [0, 1]).method.n_levels == 4
        assert method.restore(mixed.state()).method == mixed.method
    given = dataclasses.replace(method, n_levels=2)
    assert given.mix([small, large], half).method.n_levels == 2
