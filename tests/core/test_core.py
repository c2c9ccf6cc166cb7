"""The shared types, the registry, and what importing loads."""

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import texto
from texto.core import registry
from texto.core.errors import TextoError
from texto.core.types import as_image, as_shape, generator

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("torch", "torchvision", "ot", "sklearn", "faiss", "skimage", "PIL", "matplotlib")


def loaded_by(statement):
    """Names of all modules that a fresh interpreter holds after `statement`."""
    script = f"{statement}; import sys; print(*sys.modules)"
    command = [sys.executable, "-c", script]
    return set(subprocess.check_output(command, cwd=ROOT, text=True).split())


def test_import_texto_loads_nothing_else():
    loaded = loaded_by("import texto")
    assert {name for name in loaded if name.split(".")[0] == "texto"} == {"texto"}
    assert not {"numpy", *HEAVY} & loaded


@pytest.mark.parametrize(
    "name", ["core.registry", "core.settings", "core.state", "io.files", "io.model_files"]
)
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
