"""The floor plan: each folder imports only from those before it, and nothing goes in a circle."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FLOORS = {  # each imports only from itself and from those before it
    "texto": "core io patches transport steps methods editing metrics comparison commands",
    "neural": "runtime features losses training generators steps methods metrics",
}
TOP = ["cli", "__main__"]  # above all floors of texto
NEURAL_SEES = "metrics"  # the last floor of texto that neural may import from
ENTRIES = {"texto": 15, "neural": 10}  # at most, as `ls` shows them
LINES = 370  # a file is shorter


def module_name(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


SOURCES = {module_name(p): p for package in FLOORS for p in sorted((ROOT / package).rglob("*.py"))}


def named(module, source, is_package=False):
    """Full names of all that `source` imports, anywhere in it, by statement or by function."""
    package = module.split(".") if is_package else module.split(".")[:-1]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *filter(None, [node.module])])
            yield from (f"{base}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and node.args:
            called = getattr(node.func, "attr", getattr(node.func, "id", ""))
            name = getattr(node.args[0], "value", None)
            if called in ("import_module", "__import__") and isinstance(name, str):
                yield name


def imports(module):
    """The modules of ours that `module` imports."""
    path, found = SOURCES[module], set()
    for name in named(module, path.read_text(), path.name == "__init__.py"):
        while name not in SOURCES and "." in name:
            name = name.rpartition(".")[0]
        if name in SOURCES and name not in FLOORS:  # the packages themselves hold names only
            found.add(name)
    return found - {module}


def floor(module):
    """(package, number) of the floor that `module` lies on."""
    package, name = module.split(".")[:2]
    return package, [*FLOORS[package].split(), *TOP].index(name)


def may_import(module, other):
    (package, number), (of, level) = floor(module), floor(other)
    if package == of:
        return level <= number
    return package == "neural" and level <= FLOORS[of].split().index(NEURAL_SEES)


def test_the_scan_sees_every_way_to_import():
    source = """
import a.b as c
from torch import nn
from . import x
from .y import z
from .. import up
def f():
    import inside
    importlib.import_module("named"); __import__("old"); import_module(f"{unknown}")
"""
    assert set(named("texto.pack.module", source)) == {
        *("a.b", "torch.nn", "texto.pack.x", "texto.pack.y.z", "texto.up"),
        *("inside", "named", "old"),
    }
    assert set(named("texto.pack", "from .y import z", is_package=True)) == {"texto.pack.y.z"}
    assert "texto.core.errors" in imports("texto.io.files")
    assert may_import("texto.steps.sweep", "texto.patches.extraction")
    assert not may_import("texto.patches.extraction", "texto.steps.sweep")
    assert not may_import("neural.runtime.weights", "texto.commands.weights")


@pytest.mark.parametrize("module", [name for name in SOURCES if name not in FLOORS])
def test_imports_come_from_lower_floors(module):
    above = {other for other in imports(module) if not may_import(module, other)}
    assert not above, f"{module} imports {above} from a floor above its own"


def test_no_circle():
    TopologicalSorter({module: imports(module) for module in SOURCES}).prepare()


@pytest.mark.parametrize("module", [name for name in SOURCES if name.startswith("texto")])
def test_texto_does_without_torch(module):
    path = SOURCES[module]
    tops = {name.split(".")[0] for name in named(module, path.read_text(), path.stem == "__init__")}
    assert not tops & {"torch", "torchvision", "neural"}


@pytest.mark.parametrize("package", FLOORS)
def test_the_house_can_be_taken_in_at_a_glance(package):
    entries = {path.name for path in (ROOT / package).iterdir()} - {"__pycache__"}
    assert len(entries) <= ENTRIES[package] and set(FLOORS[package].split()) <= entries
    long = {
        name: n for name, p in SOURCES.items() if (n := len(p.read_text().splitlines())) >= LINES
    }
    assert not long
