"""Every clause of contract.py on every registered method."""

import importlib.util
import inspect
import sys
from pathlib import Path

import pytest

from texto.core import registry


def _contract():
    """The module beside this file, which pytest's import mode keeps off the path."""
    spec = importlib.util.spec_from_file_location(
        "texto_contract", Path(__file__).with_name("contract.py")
    )
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


contract = _contract()
pytestmark = pytest.mark.filterwarnings("ignore:.* runs on random weights")


@pytest.fixture(scope="module", params=registry.names())
def case(request, exemplar):
    try:
        registry.method_class(request.param)
    except ModuleNotFoundError as error:
        pytest.skip(f"{request.param} needs the package {error.name!r}")
    return contract.Case(request.param, exemplar[:48, :56].copy())


@pytest.mark.parametrize("clause", contract.CLAUSES, ids=lambda clause: clause.__name__)
def test_contract(clause, case, tmp_path):
    if clause in contract.OF_A_FAMILY and contract.of_a_known_family(case.name):
        pytest.skip("the first and the last method of its family stand for it")
    if "folder" in inspect.signature(clause).parameters:
        clause(case, tmp_path)
    else:
        clause(case)


def test_every_clause_is_listed():
    assert set(contract.CLAUSES) > contract.OF_A_FAMILY
    clauses = {
        function
        for function in vars(contract).values()
        if inspect.isfunction(function)
        and function.__module__ == contract.__name__
        and next(iter(inspect.signature(function).parameters), None) == "case"
    }
    assert clauses == set(contract.CLAUSES)
