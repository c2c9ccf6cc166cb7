"""Finding and reading weights."""

import os
import pickle
import sys
from pathlib import Path

import pytest

from neural.runtime import weights
from texto.core.errors import TextoError

VGG = weights.NETWORKS["vgg19"]


def touch(path, content=b"x"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def cached(name="vgg19"):
    return weights.cache_folder() / weights.NETWORKS[name].file_name


# -- finding ----------------------------------------------------------------------------------


def test_files_are_called_as_torchvision_calls_them():
    models = pytest.importorskip("torchvision.models")
    assert models.VGG19_Weights.IMAGENET1K_V1.url == VGG.url
    inception = weights.NETWORKS["inception_v3"]
    assert models.Inception_V3_Weights.IMAGENET1K_V1.url == inception.url
    theirs = pytest.importorskip("torch_fidelity.feature_extractor_inceptionv3")
    assert weights.NETWORKS["fid_inception"].url == theirs.URL_INCEPTION_V3


def test_layers_are_torchvisions():
    torch = pytest.importorskip("torch")
    from torchvision.models import inception_v3, vgg19

    with torch.device("meta"):
        networks = {
            "vgg19": vgg19(weights=None, init_weights=False),
            "inception_v3": inception_v3(weights=None, init_weights=False, aux_logits=False),
        }
    for name, network in networks.items():
        layers = weights.NETWORKS[name].layers
        held = [key for key in network.state_dict() if not key.startswith(("classifier", "fc"))]
        assert {key for key in held if key.startswith(tuple(layers.values()))} == set(held)
        assert weights.lacking(weights.NETWORKS[name], held) is None


def test_the_cache_is_torchs(monkeypatch, tmp_path):
    torch = pytest.importorskip("torch")
    with_torch = weights.cache_folder()
    assert with_torch == Path(torch.hub.get_dir()) / "checkpoints"
    monkeypatch.delitem(sys.modules, "torch")
    assert weights.cache_folder() == with_torch == tmp_path / "torch" / "hub" / "checkpoints"
    monkeypatch.delenv("TORCH_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert weights.cache_folder() == with_torch


def test_the_order_of_places(monkeypatch, tmp_path):
    here = touch(cached())
    assert weights.find("vgg19").path == here
    named = touch(tmp_path / "nets" / "vgg19_cut.safetensors")
    monkeypatch.setenv("TEXTO_WEIGHTS", str(named.parent))
    assert weights.find("vgg19").path == named
    given = touch(tmp_path / "any name.bin")
    assert weights.find("vgg19", given).path == given
    assert weights.find("vgg19", "random").path is None
    origins = [weights.find("vgg19", each).origin for each in (None, given, "random")]
    assert origins == ["TEXTO_WEIGHTS", "given", "asked for"]


def test_names_in_a_folder(monkeypatch, tmp_path):
    for name in ("vgg19_bn-c79401a0.pth", "vgg19.txt", "inception_v3_x.pth", "vgg16.pth"):
        touch(tmp_path / name)
    monkeypatch.setenv("TEXTO_WEIGHTS", str(tmp_path))
    with pytest.raises(TextoError, match="are not here"):
        weights.find("vgg19")
    for name in ("vgg19b.pt", "vgg19a.safetensors", VGG.file_name):  # the later the better
        path = touch(tmp_path / name)
        assert weights.find("vgg19").path == path
    assert weights.find("inception_v3").path.name == "inception_v3_x.pth"


def test_several_places_in_the_environment(monkeypatch, tmp_path):
    first, second = touch(tmp_path / "a" / "inception_v3.pth"), touch(tmp_path / "vgg19.pth")
    monkeypatch.setenv("TEXTO_WEIGHTS", f"{first.parent}{os.pathsep}{os.pathsep}{second}")
    assert weights.find("inception_v3").path == first
    assert weights.find("vgg19").path == second


@pytest.mark.parametrize(
    "given, told",
    [
        (None, "the weights of VGG-19: are not here; run 'texto weights download vgg19'"),
        ("nope.pth", "weights '.*nope.pth': does not exist"),
        ("empty", "is a folder without a file for VGG-19; .*vgg19-dcbb9e9d.pth"),
    ],
)
def test_weights_that_are_not_there(given, told, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(TextoError, match=told):
        weights.find("vgg19", given and tmp_path / given)


def test_a_wrong_place_in_the_environment(monkeypatch, tmp_path):
    touch(cached())
    monkeypatch.setenv("TEXTO_WEIGHTS", str(tmp_path / "nope"))
    with pytest.raises(TextoError, match=r"TEXTO_WEIGHTS '.*nope': does not exist"):
        weights.find("vgg19")


# -- reading ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def vgg_state(vgg_file):
    """Float32 tensors of VGG-19's first block, by torchvision's names."""
    safetensors = pytest.importorskip("safetensors.torch")
    names = [f"features.{number}.{kind}" for number in (0, 2) for kind in ("weight", "bias")]
    held = safetensors.load_file(vgg_file)
    return {name: held[name].float() for name in names}


def loaded(path):
    """The first convolution's weights as the features use them."""
    from neural.features import VGG19Features

    return VGG19Features(("relu1_2",), weights=path, device="cpu").network.features[0].weight


def save_zip(state, path):
    import torch

    torch.save(state, path)


def save_legacy(state, path):
    import torch

    torch.save(state, path, _use_new_zipfile_serialization=False)


def save_safetensors(state, path):
    from safetensors.torch import save_file

    save_file(state, path)


@pytest.mark.parametrize("save", [save_zip, save_legacy, save_safetensors])
@pytest.mark.parametrize("half", [False, True])
def test_formats_and_precisions(save, half, vgg_state, tmp_path):
    import torch

    path = tmp_path / "weights"
    save({name: each.half() if half else each for name, each in vgg_state.items()}, path)
    found = loaded(path)
    assert found.dtype == torch.float32
    assert torch.equal(found, vgg_state["features.0.weight"])  # they come from a half-size file


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: state | {"classifier.0.weight": state["features.0.bias"]},
        lambda state: {"state_dict": state, "epoch": 3},
        lambda state: {f"module.{name}": each for name, each in state.items()},
    ],
    ids=["extra keys", "checkpoint", "wrapper"],
)
def test_what_is_around_the_tensors_does_not_matter(wrap, vgg_state, tmp_path):
    import torch

    save_zip(wrap(vgg_state), tmp_path / "weights.pth")
    assert torch.equal(loaded(tmp_path / "weights.pth"), vgg_state["features.0.weight"])


def without(state, name):
    return {key: each for key, each in state.items() if key != name}


@pytest.mark.parametrize(
    "change, told",
    [
        (
            lambda state: without(state, "features.2.weight"),
            r"lacks features.2.weight \(64x64x3x3\) of layer conv1_2",
        ),
        (
            lambda state: {key: each for key, each in state.items() if "s.0." in key},
            r"conv1_2 is the first layer that lacks weights \(features.2.weight, 64x64x3x3\)",
        ),
        (
            lambda state: (
                state | {"features.0.weight": state["features.0.weight"].permute(2, 3, 1, 0)}
            ),
            "features.0.weight is 3x3x3x64, and in VGG-19 64x3x3x3; .* as torchvision lays",
        ),
        (
            lambda state: state | {"features.2.bias": state["features.2.bias"] * float("nan")},
            "features.2.bias is not finite",
        ),
        (
            lambda state: {f"Conv2d_1a{key}": each for key, each in state.items()},
            r"is not VGG-19: it has no features.0.weight \(64x3x3x3\), but 'Conv2d_1afeatures",
        ),
        (lambda state: {"epoch": 3}, "holds no tensors"),
        (lambda state: [1, 2], "holds a list, no state dict"),
    ],
)
def test_wrong_tensors(change, told, vgg_state, tmp_path):
    pytest.importorskip("torch")
    save_zip(change(vgg_state), tmp_path / "weights.pth")
    with pytest.raises(TextoError, match=told) as caught:
        loaded(tmp_path / "weights.pth")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("save", [save_zip, save_legacy, save_safetensors])
@pytest.mark.parametrize("keep", [0.0, 0.00005, 0.001, 0.5, 0.999])
def test_truncated_files(save, keep, vgg_state, tmp_path):
    path = tmp_path / "vgg19.pth"
    save(vgg_state, path)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])
    with pytest.raises(TextoError, match=r"is empty|is broken|is neither") as caught:
        loaded(path)
    assert "\n" not in str(caught.value)


class Bomb:
    def __init__(self, canary):
        self.canary = canary

    def __reduce__(self):
        return os.mkdir, (str(self.canary),)


@pytest.mark.parametrize("name", ["weights.pth", "weights.safetensors"])
def test_code_in_a_file_is_not_run(name, tmp_path):
    pytest.importorskip("torch")
    canary = tmp_path / "canary"
    for number, save in enumerate(
        (save_zip, save_legacy, lambda o, p: p.write_bytes(pickle.dumps(o)))
    ):
        path = tmp_path / f"{number}{name}"
        save({"features.0.weight": Bomb(canary)}, path)
        with pytest.raises(TextoError, match=r"is broken|holds more than tensors"):
            loaded(path)
    assert not canary.exists()


@pytest.mark.parametrize(
    "content", [b"<!DOCTYPE html><html>not found</html>", b"\x89PNG\r\n\x1a\n000"]
)
def test_other_files(content, tmp_path):
    pytest.importorskip("torch")
    with pytest.raises(TextoError, match="is neither a torch nor a safetensors file"):
        loaded(touch(tmp_path / "vgg19.pth", content))
