"""The Frechet Inception distance of folders, through torch-fidelity."""

import subprocess

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("torchvision")

from PIL import Image  # noqa: E402

from neural import metrics  # noqa: E402
from neural.metrics import frechet_distance  # noqa: E402
from neural.metrics.frechet import moments  # noqa: E402
from neural.runtime.weight_files import random_state  # noqa: E402
from texto.core.errors import TextoError  # noqa: E402


@pytest.fixture(scope="module")
def fid_file(tmp_path_factory):
    """Random weights in the layout of torch-fidelity."""
    theirs = pytest.importorskip("torch_fidelity.feature_extractor_inceptionv3")
    with torch.device("meta"), pytest.MonkeyPatch.context() as patch:
        patch.setattr(theirs, "load_state_dict_from_url", lambda *_, **__: {})
        patch.setattr(theirs.FeatureExtractorInceptionV3, "load_state_dict", lambda *_: None)
        network = theirs.FeatureExtractorInceptionV3("random", ["64"])
    shapes = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    path = tmp_path_factory.mktemp("fid") / "weights-inception-2015-random.pth"
    torch.save({name: each.half() for name, each in random_state(shapes).items()}, path)
    return path


@pytest.fixture
def folders(tmp_path):
    """Two folders of three pictures of several sizes, light and dark."""
    rng = np.random.default_rng(3)
    for name, brightness in (("light", 255), ("dark", 90)):
        (tmp_path / name).mkdir()
        for number in range(3):
            pixels = rng.random((40, 44 + number, 3)) * brightness
            Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / name / f"{number}.png")
    return tmp_path / "light", tmp_path / "dark"


def test_fid_is_the_frechet_distance_of_torch_fidelitys_features(fid_file, folders):
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    extractor = FeatureExtractorInceptionV3(
        "random", ["64"], feature_extractor_weights_path=str(fid_file)
    )
    sets = []
    for folder in folders:
        pictures = [np.asarray(Image.open(path)) for path in sorted(folder.iterdir())]
        tensors = [torch.tensor(np.moveaxis(pixels, 2, 0)[None]) for pixels in pictures]
        sets.append(np.concatenate([extractor(each)[0].numpy() for each in tensors]))
    expected = frechet_distance(*map(moments, sets))
    options = {"dims": 64, "weights": fid_file, "device": "cpu"}
    assert metrics.fid(*folders, **options) == pytest.approx(expected, rel=1e-3)
    assert abs(metrics.fid(folders[0], folders[0], **options)) < 1e-4 * expected


def test_fid_without_what_it_needs(folders, tmp_path, monkeypatch, vgg_file, fid_file):
    from neural.metrics import folders as module

    (tmp_path / "empty").mkdir()
    code = tmp_path / "weights-inception-2015.pth"
    torch.save({"fc.weight": subprocess.Popen}, code)
    other = tmp_path / "other.pth"
    torch.save({"fc.weight": torch.zeros(1000, 2048)}, other)
    cases = [
        ({}, "torch-fidelity: are not here; run 'texto weights download fid_inception'"),
        ({"second": tmp_path / "nope"}, "folder '.*nope': is no folder"),
        ({"second": tmp_path / "empty"}, "holds 0 pictures"),
        ({"dims": 100}, "dims: is 100; use 64, 192, 768, 2048"),
        ({"weights": "random"}, "means nothing"),
        ({"weights": vgg_file}, "is a safetensors file"),
        ({"weights": other}, "it has no fc.weight of 1008x2048"),
        ({"weights": code}, "holds more than tensors"),
        ({"weights": fid_file, "device": "cuda:99"}, "device 'cuda:99'"),
    ]
    for given, told in cases:
        with pytest.raises(TextoError, match=told):
            metrics.fid(**({"first": folders[0], "second": folders[1]} | given))
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(TextoError, match="needs the extra 'neural'"):
        metrics.fid(*folders)
