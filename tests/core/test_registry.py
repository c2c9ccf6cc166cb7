"""Methods by name."""

import pytest

import texto
from texto.core import registry
from texto.core.errors import TextoError


def test_registry_finds_and_names_a_method():
    assert registry.method_class("gaussian") is texto.Gaussian
    assert registry.name_of(texto.method("gaussian", tileable="x")) == "gaussian"
    assert registry.names()[: len(registry.METHODS)] == list(registry.METHODS)


@pytest.mark.parametrize(
    ("name", "remedy"),
    [("gausian", "did you mean gaussian"), ("zzz", "gaussian, ot-flow, nifty, textogmm")],
)
def test_unknown_method(name, remedy):
    with pytest.raises(TextoError, match=f"method '{name}': is not known; .*{remedy}"):
        registry.method_class(name)
