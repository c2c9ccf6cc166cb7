"""Random weights in files, real ones where they are at hand, and no weights found by chance."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
SHARED = [folder / "shared" / "data" / "weights" for folder in (REPOSITORY, REPOSITORY.parent)]


@pytest.fixture(autouse=True)
def no_weights(monkeypatch, tmp_path):
    """An empty cache, nothing in the environment, and one thread for torch."""
    import sys

    monkeypatch.delenv("TEXTO_WEIGHTS", raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


@pytest.fixture(scope="session")
def picture() -> np.ndarray:
    """(112, 128, 3) float32: smooth random waves with noise."""
    rng = np.random.default_rng(4)
    rows, columns = np.mgrid[:112, :128]
    waves = [np.sin(rows * a + columns * b + c) for a, b, c in rng.uniform(0.1, 0.9, (3, 3))]
    noisy = np.stack(waves, axis=-1) / 3 + 0.5 + rng.normal(0, 0.05, (112, 128, 3))
    return np.clip(noisy, 0, 1).astype(np.float32)


@pytest.fixture(scope="session")
def real_weights() -> Path:
    """The folder with trained weights cut to their first layers; skips where it is absent."""
    for folder in SHARED:
        if folder.is_dir():
            return folder
    pytest.skip("shared/data/weights is not here: needs real VGG-19 and Inception-v3 weights")


def stored(folder: Path, name: str, module) -> Path:
    """Random weights of `module`, a torchvision network on the meta device, in half precision."""
    from safetensors.torch import save_file

    from neural.runtime.weight_files import random_state

    shapes = {
        key: tuple(tensor.shape)
        for key, tensor in module.state_dict().items()
        if not key.startswith(("classifier", "fc")) and "num_batches" not in key
    }
    path = folder / f"{name}.safetensors"
    save_file({key: each.half() for key, each in random_state(shapes, seed=7).items()}, path)
    return path


@pytest.fixture(scope="session")
def vgg_file(tmp_path_factory) -> Path:
    """All layers of VGG-19 without the classifier, random."""
    torch = pytest.importorskip("torch")
    from torchvision.models import vgg19

    with torch.device("meta"):
        module = vgg19(weights=None, init_weights=False)
    return stored(tmp_path_factory.mktemp("vgg"), "vgg19-random", module)


@pytest.fixture(scope="session")
def inception_file(tmp_path_factory) -> Path:
    """All layers of Inception-v3 without the classifier, random."""
    torch = pytest.importorskip("torch")
    from torchvision.models import inception_v3

    with torch.device("meta"):
        module = inception_v3(weights=None, init_weights=False, aux_logits=False)
    return stored(tmp_path_factory.mktemp("inception"), "inception_v3-random", module)
