"""The shared types, and the direction in which imports may point."""

import ast
import pickle
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import texto
from texto import registry
from texto.protocols import TextoError, as_image, as_shape, generator

ROOT = Path(__file__).resolve().parents[1]
HEAVY = ("torch", "torchvision", "ot", "sklearn", "faiss", "skimage", "PIL", "matplotlib")
NEVER = ("torch", "torchvision", "neural")

# A module may import from its own layer and from those before it. A package counts as one
# module; modules that are planned but not written yet may stand here.
LAYERS = [
    {
        "protocols",
        "processes",
        "settings",
        "files",
        "checks",
        "tensorfile",
        "checkpoint",
        "threads",
        "backends",
        "descent",
        "history",
        "plots",
    },
    {"codecs"},
    {"images", "masks", "patches", "pyramid", "noise", "recompose", "patch_space", "resample"},
    {"gmm", "em", "neighbors", "masked_search", "growth", "transport", "patch_level"},
    {
        "completeness",
        "conditional",
        "finish",
        "metrics",
        "patch_energy",
        "patch_descent",
        "gmm_level",
        "semidual_level",
        "sweep",
        "inpainting",
        "mixing",
        "guiding",
        "recoloring",
    },
    {"methods"},
    {"registry", "storage"},
    {"comparison", "tiling", "maps"},
    {"commands", "cli"},
    {"__main__"},
]
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}


def module_name(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


SOURCES = {module_name(path): path for path in sorted((ROOT / "texto").rglob("*.py"))}


def imports(module, source, is_package=False):
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


def imports_of(module):
    path = SOURCES[module]
    return set(imports(module, path.read_text(), path.name == "__init__.py"))


def part(name):
    """The layer table's word for a module of ours: "transport" for texto.transport.plan."""
    return name.split(".")[1]


def own_imports(module):
    """Which parts of texto `module` imports, as the layer table names them."""
    found = (name.split(".") for name in imports_of(module))
    ours = (name[1] for name in found if name[0] == "texto" and len(name) > 1)
    return {name for name in ours if f"texto.{name}" in SOURCES or name in LEVEL}


# -- imports ----------------------------------------------------------------------------------


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
    assert set(imports("texto.pack.module", source)) == {
        *("a.b", "torch.nn", "texto.pack.x", "texto.pack.y.z", "texto.up"),
        *("inside", "named", "old"),
    }
    assert set(imports("texto.pack", "from .y import z", is_package=True)) == {"texto.pack.y.z"}
    assert "protocols" in own_imports("texto.files")


@pytest.mark.parametrize("module", SOURCES)
def test_no_import_of_torch_or_neural(module):
    assert not {name for name in imports_of(module) if name.split(".")[0] in NEVER}


@pytest.mark.parametrize("module", [name for name in SOURCES if name != "texto"])
def test_imports_point_one_way(module):
    own = part(module)
    assert own in LEVEL, f"give {module} a place in the table of layers in {Path(__file__).name}"
    above = {name for name in own_imports(module) if LEVEL.get(name, 0) > LEVEL[own]}
    assert not above, f"{module} imports {above} from a layer above its own"


def test_no_import_cycles():
    graph = {}
    for module in SOURCES:
        if module != "texto":
            graph.setdefault(part(module), set()).update(own_imports(module) - {part(module)})
    while leaves := {name for name in graph if not graph[name] & graph.keys()}:
        for name in leaves:
            del graph[name]
    assert not graph


def test_registry_names_classes_by_string_only():
    assert own_imports("texto.registry") == {"protocols"}
    for target in registry.METHODS.values():
        assert re.fullmatch(r"(texto|neural)\.methods\.\w+:[A-Z]\w*", target)
        module, _, name = target.partition(":")
        if module in SOURCES:
            body = ast.parse(SOURCES[module].read_text()).body
            assert name in {node.name for node in body if isinstance(node, ast.ClassDef)}


def loaded_by(statement):
    """Names of all modules that a fresh interpreter holds after `statement`."""
    script = f"{statement}; import sys; print(*sys.modules)"
    command = [sys.executable, "-c", script]
    return set(subprocess.check_output(command, cwd=ROOT, text=True).split())


def test_import_texto_loads_nothing_else():
    loaded = loaded_by("import texto")
    assert {name for name in loaded if name.split(".")[0] == "texto"} == {"texto"}
    assert not {"numpy", *HEAVY} & loaded


@pytest.mark.parametrize("name", ["registry", "settings", "files", "checks", "storage"])
def test_light_modules(name):
    loaded = loaded_by(f"import texto.{name}")
    assert f"texto.{name}" in loaded
    assert not set(HEAVY) & loaded


def test_importing_alone_does_nothing_else():
    script = "import texto, warnings, random; assert texto.__version__ and dir(texto)"
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], cwd=ROOT, capture_output=True
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, b"", b"")


def test_unknown_public_name():
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = texto.nonsense


# -- registry ---------------------------------------------------------------------------------


def test_registry_finds_and_names_a_method():
    assert registry.method_class("gaussian") is texto.Gaussian
    assert registry.name_of(texto.method("gaussian", tileable="x")) == "gaussian"
    assert registry.names()[: len(registry.METHODS)] == list(registry.METHODS)


@pytest.mark.parametrize(
    ("name", "remedy"), [("gausian", "did you mean gaussian"), ("zzz", "gaussian, textogmm")]
)
def test_unknown_method(name, remedy):
    with pytest.raises(TextoError, match=f"method '{name}': is not known; .*{remedy}"):
        registry.method_class(name)


# -- shared types -----------------------------------------------------------------------------


def test_error_is_one_line_in_three_parts():
    error = TextoError("exemplar", "is 5x9", "lower patch_size")
    assert str(error) == "exemplar: is 5x9; lower patch_size"
    again = pickle.loads(pickle.dumps(error))
    assert (again.what, again.why, again.remedy) == ("exemplar", "is 5x9", "lower patch_size")


def test_generator_from_any_seed():
    rng = np.random.default_rng(3)
    assert generator(rng) is rng
    assert generator(3).random() == np.random.default_rng(3).random()
    assert generator(np.int64(3)).random() == np.random.default_rng(3).random()
    assert generator(2**32 - 1).random() != generator(0).random()
    assert generator(None).random() != generator(None).random()


@pytest.mark.parametrize("seed", [-1, 2**32, 2**70])
def test_seed_out_of_range(seed):
    with pytest.raises(TextoError, match=f"seed: must be from 0 to 4294967295, got {seed}"):
        generator(seed)


@pytest.mark.parametrize("shape", [(3, 4), (3, 4, 1), (3, 4, 7)])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_as_image(shape, dtype):
    pixels = np.linspace(0, 1, int(np.prod(shape)), dtype=dtype).reshape(shape)
    image = as_image(np.asfortranarray(pixels))
    assert image.dtype == np.float32 and image.flags.c_contiguous
    np.testing.assert_array_equal(image, pixels.reshape(3, 4, -1).astype(np.float32))


@pytest.mark.parametrize(
    ("pixels", "why"),
    [
        (np.zeros(5), "has shape"),
        (np.zeros((2, 2, 2, 2)), "has shape"),
        (np.zeros((4, 4, 0)), "has shape"),
        (np.zeros((0, 4, 3)), "smaller"),
        (np.zeros((4, 4, 3), np.uint8), "holds uint8"),
        (np.full((4, 4), np.nan), "outside|finite"),
        (np.full((4, 4), np.inf), "outside|finite"),
        (np.full((4, 4), 1.01), "outside"),
        (np.full((4, 4), -0.01), "outside"),
        (np.zeros((1, 9)), "is 9x1, smaller than the 2 pixels"),
    ],
)
def test_as_image_refuses(pixels, why):
    with pytest.raises(TextoError, match=f"mask: .*({why})"):
        as_image(pixels, "mask", smallest=2)


def test_as_shape():
    assert as_shape((3, 4)) == (3, 4) == as_shape(np.array([3, 4]))
    for bad in [(0, 4), (4, -1), (2.5, 4)]:
        with pytest.raises(TextoError, match="size"):
            as_shape(bad)
