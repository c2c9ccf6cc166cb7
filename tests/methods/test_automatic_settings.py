"""Settings that follow from the exemplar: models hold the numbers, mixes find their own."""

import dataclasses

import numpy as np
import pytest

import texto
from texto.core import registry
from texto.core.errors import TextoError
from texto.core.settings import settings_of
from texto.steps.mixing.ingredients import automatic_settings, method_for_others

# The number of levels of a mix of a small and a large exemplar.
LEVELS = {"textogmm": max, "patch-ot": min}


def as_before(method):
    """`method` as files of before hold it: automatic settings are null."""
    return dataclasses.replace(method, **dict.fromkeys(automatic_settings(method)))


@pytest.fixture(scope="module", params=LEVELS)
def method(request):
    cls = registry.method_class(request.param)
    return as_before(cls(**cls.quick, finish="none"))


@pytest.fixture(scope="module")
def models(method, exemplar):
    """Of exemplars of 40 and of 64 pixels, which have different numbers of levels."""
    found = [method.fit(picture, rng=0) for picture in (exemplar[:40, :40].copy(), exemplar)]
    assert found[0].method.n_levels < found[1].method.n_levels
    return found


AUTOMATIC = ("n_levels", "stride", "block_size", "overlap")


@pytest.mark.parametrize(
    "name", [name for name, place in registry.METHODS.items() if place.startswith("texto.")]
)
def test_none_means_automatic_where_help_tells_a_number(name):
    """Settings of the classical methods whose None stands for a number say so."""
    for known in settings_of(registry.method_class(name)).values():
        assert known.automatic == (known.optional and known.name in AUTOMATIC)


def test_a_mix_of_other_sizes_holds_the_number_that_it_uses(method, models, tmp_path):
    expected = LEVELS[registry.name_of(method)](model.method.n_levels for model in models)
    for asked in (models[0].method, models[1].method):
        mixed = asked.mix(models, [0.5, 0.5])
        assert mixed.method.n_levels == expected
        assert mixed.method.adapted(mixed.exemplar) == mixed.method
    picture = mixed.synthesize((24, 31), rng=1)
    texto.save(mixed, tmp_path / "mix.safetensors")
    for again in (
        texto.load(tmp_path / "mix.safetensors"),
        as_before(mixed.method).restore(mixed.state()),  # a file of before
    ):
        assert again.method == mixed.method
        assert np.array_equal(again.synthesize((24, 31), rng=1), picture)
    remixed = method.mix([mixed, models[0]], [0.5, 0.5])
    assert remixed.method.n_levels == expected


def test_all_weight_on_one_leaves_it_its_own(method, models):
    for asked in (method, models[0].method):
        pure = asked.mix(models, [0, 1])
        assert pure.method == models[1].method
    along = method.mix_along([models[1], models[1]], np.eye(2), (20, 24), rng=2)
    assert np.array_equal(along, models[1].synthesize((20, 24), rng=2))


def test_a_file_of_before_gives_the_same_picture_and_the_numbers(models):
    model = models[1]
    again = as_before(model.method).restore(model.state())
    assert again.method == model.method
    assert np.array_equal(again.synthesize((24, 31), rng=1), model.synthesize((24, 31), rng=1))


def test_a_number_of_the_fit_that_no_model_has_is_refused(models):
    asked = dataclasses.replace(models[1].method, n_levels=1)
    if settings_of(asked)["n_levels"].stage == "fit":
        with pytest.raises(TextoError, match=r"n_levels.*is 1 for the mix and 2 in a model"):
            asked.mix([models[1], models[1]], [0.5, 0.5])
    else:
        assert asked.mix([models[1], models[0]], [1, 0]).method.n_levels == 1


def test_other_exemplars_are_fitted_with_what_a_model_was_asked_for(method, models, exemplar):
    assert method_for_others(models[0]) == method
    assert method_for_others(method.mix(models, [0.5, 0.5])) == method
    chosen = dataclasses.replace(method, n_levels=1).fit(exemplar, rng=0)
    assert method_for_others(chosen).n_levels == 1
