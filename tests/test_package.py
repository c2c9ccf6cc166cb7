"""What importing the package loads, in interpreters of their own."""

import subprocess
import sys
from pathlib import Path

import pytest

import texto

ROOT = Path(__file__).resolve().parents[1]
HEAVY = ("torch", "torchvision", "ot", "sklearn", "faiss", "skimage", "PIL", "matplotlib", "numba")


def loaded_by(statement):
    """Names of all modules that a fresh interpreter holds after `statement`."""
    script = f"{statement}; import sys; print(*sys.modules)"
    command = [sys.executable, "-c", script]
    return set(subprocess.check_output(command, cwd=ROOT, text=True).split())


def test_import_texto_loads_nothing_else():
    loaded = loaded_by("import texto")
    assert {name for name in loaded if name.split(".")[0] == "texto"} == {"texto"}
    assert not {"numpy", *HEAVY} & loaded


def test_light_modules():
    names = {f"texto.{name}" for name in ("core.registry", "core.settings", "core.state")}
    names |= {"texto.io.files", "texto.io.model_files"}
    loaded = loaded_by(f"import {', '.join(sorted(names))}")
    assert names <= loaded and not set(HEAVY) & loaded


def test_what_only_names_methods_scores_and_weights_loads_no_torch():
    script = (
        "import sys, texto.core.registry as r, texto.metrics as m; from texto.cli import main\n"
        "[r.method_class(name)() for name in r.METHODS]\n"
        "[column.absent() for column in m.columns().values()]\n"
        "code = main(['weights', 'list'])\n"
        "assert not {'torch', 'torchvision', 'ot'} & set(sys.modules)\n"
        "sys.exit(code)"
    )
    pytest.importorskip("torch", reason="needs torch, from the extra 'neural'")
    done = subprocess.run([sys.executable, "-W", "error", "-c", script], cwd=ROOT)
    assert done.returncode == 0


def test_importing_alone_does_nothing_else():
    script = "import texto, warnings, random; assert texto.__version__ and dir(texto)"
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], cwd=ROOT, capture_output=True
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, b"", b"")


def test_unknown_public_name():
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = texto.nonsense


def test_a_method_by_name_takes_its_settings_only():
    assert texto.method("textogmm", patch_size=6) == texto.TextoGMM(patch_size=6)
    with pytest.raises(texto.TextoError, match=r"'patch_sze': is no setting.*patch_size"):
        texto.method("textogmm", patch_sze=3)


def test_editors_see_every_name():
    stub = Path(texto.__file__).with_suffix(".pyi").read_text()
    told = {line.split(" as ")[1] for line in stub.splitlines() if " as " in line}
    assert told | {"method"} == set(texto.__all__)
