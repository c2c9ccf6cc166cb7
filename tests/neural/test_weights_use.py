"""Weights on the command line: refused before anything is computed, and named in every output."""

import csv
import dataclasses
import json
import os
import zipfile

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from safetensors.torch import load_file, save_file  # noqa: E402

import texto  # noqa: E402
from neural.methods.families.descent import PictureDescent  # noqa: E402
from neural.runtime import weights  # noqa: E402
from texto.cli import main  # noqa: E402
from texto.comparison import load as load_comparison  # noqa: E402
from texto.core.errors import TextoError, TextoWarning  # noqa: E402
from texto.io import model_files, records  # noqa: E402
from texto.io.images import read_text, write_image  # noqa: E402

QUICK = ("-s", "32", "--seed", "1", "--device", "cpu")
STEPS = ("--set", "n_iter=1", "--set", "start=noise")
EARLY = ("--set", "layers=relu1_1")
LATE = ("--set", "layers=relu1_1,relu3_1")


@pytest.fixture(scope="module")
def whole(vgg_file):
    """Tensors of VGG-19 by torchvision's names, float16, up to conv3_4."""
    return {
        name: each
        for name, each in load_file(vgg_file).items()
        if int(name.split(".")[1]) < 19  # conv4_1
    }


@pytest.fixture
def folder(tmp_path, monkeypatch, picture):
    """The current folder, with the exemplar wall.png (48 x 40, RGB)."""
    place = tmp_path / "here"
    place.mkdir()
    monkeypatch.chdir(place)
    write_image(place / "wall.png", picture[:40, :48])
    return place


@pytest.fixture
def cut(whole, tmp_path):
    """A file of weights that ends at conv3_4."""
    path = tmp_path / "cut" / "vgg19_to_conv3_4.safetensors"
    path.parent.mkdir()
    save_file(whole, path)
    return path


def listed(folder):
    return sorted(path.name for path in folder.iterdir())


def info(path, capsys):
    capsys.readouterr()
    assert main(["info", str(path), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


# -- files that do not suit ---------------------------------------------------------------------


def on_cuda(state, path):
    """As a program saves it whose tensors are on a GPU: the pickle tags each as "cuda:0"."""
    torch.save(state, path)
    with zipfile.ZipFile(path) as packed:
        content = {name: packed.read(name) for name in packed.namelist()}
    with zipfile.ZipFile(path, "w") as packed:
        for name, data in content.items():
            if name.endswith("data.pkl"):  # BINUNICODE, length, text
                tagged = data.replace(b"X\x03\x00\x00\x00cpu", b"X\x06\x00\x00\x00cuda:0")
                assert tagged != data
                data = tagged
            packed.writestr(name, data)


class Bomb:
    def __init__(self, canary):
        self.canary = canary

    def __reduce__(self):
        return os.mkdir, (str(self.canary),)


def first(state):
    return {name: each for name, each in state.items() if name.startswith("features.0.")}


WRONG = {
    "another network": (
        lambda state: {name.replace("features", "layer1"): each for name, each in state.items()},
        "is not VGG-19: it has no features.0.weight (64x3x3x3), but 'layer1.0.",
    ),
    "another size": (
        lambda state: state | {"features.0.weight": torch.zeros(32, 3, 3, 3)},
        "features.0.weight is 32x3x3x3, and in VGG-19 64x3x3x3",
    ),
    "another layout": (
        lambda state: {
            name: each.permute(2, 3, 1, 0).contiguous() if each.ndim == 4 else each
            for name, each in state.items()
        },
        "features.0.weight is 3x3x3x64, and in VGG-19 64x3x3x3",
    ),
    "a layer missing": (
        first,
        "conv1_2 is the first layer that lacks weights (features.2.weight, 64x64x3x3)",
    ),
    "a tensor missing": (
        lambda state: {name: each for name, each in state.items() if name != "features.2.bias"},
        "lacks features.2.bias (64) of layer conv1_2",
    ),
    "whole numbers": (
        lambda state: state | {"features.2.bias": torch.zeros(64, dtype=torch.int64)},
        "features.2.bias (64) is of type int64, not of floating-point numbers",
    ),
    "no tensors": (lambda state: {"epoch": 3}, "holds no tensors"),
    "a network, not its state": (
        lambda state: torch.nn.Linear(2, 2),
        "holds more than tensors",
    ),
}


@pytest.mark.parametrize("case", list(WRONG))
@pytest.mark.parametrize("method", ["gatys", "gotex-vgg"])
def test_wrong_weights_are_one_line_and_no_work(
    case, method, whole, folder, tmp_path, capsys, monkeypatch
):
    change, told = WRONG[case]
    torch.save(change(whole), tmp_path / "w.pth")
    monkeypatch.setattr(PictureDescent, "fit", lambda *_, **__: pytest.fail("fit has begun"))
    arguments = ["wall.png", "-m", method, "--weights", str(tmp_path / "w.pth"), *LATE]
    for command, more in (("synth", QUICK), ("fit", ())):
        assert main([command, *arguments, *more]) == 2
        error = capsys.readouterr().err
        assert error.startswith("texto: error: weights '") and error.count("\n") == 1
        assert told in error and "w.pth" in error
        assert listed(folder) == ["wall.png"]


@pytest.mark.parametrize("name", ["w.pth", "w.safetensors", "vgg19.pkl", "w.npz"])
def test_a_pickle_bomb(name, folder, tmp_path, capsys):
    canary = tmp_path / "canary"
    torch.save({"features.0.weight": Bomb(canary)}, tmp_path / name)
    given = ["--weights", str(tmp_path / name)]
    assert main(["synth", "wall.png", "-m", "gatys", *given, *QUICK]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "holds more than tensors" in error
    assert not canary.exists() and listed(folder) == ["wall.png"]


@pytest.mark.parametrize(
    "name, save",
    [
        ("half.pth", lambda state, path: torch.save(state, path)),
        ("cuda.pth", on_cuda),
        (
            "whole.pth",
            lambda state, path: torch.save(
                state | {"classifier.0.weight": torch.zeros(4, 4), "classifier.0.bias": None}, path
            ),
        ),
    ],
)
def test_weights_that_do(name, save, whole, folder, tmp_path, capsys):
    """Half precision, saved on a GPU, with the classifier: the same picture."""
    made = {}
    for path, how in ((tmp_path / name, save), (tmp_path / "plain.safetensors", save_file)):
        how(first(whole), path)
        given = ["--weights", str(path), *QUICK, *STEPS, *EARLY]
        assert main(["synth", "wall.png", "-m", "gatys", *given, "-o", f"{path.stem}.png"]) == 0
        made[path.stem] = texto.read_image(folder / f"{path.stem}.png")
    assert np.array_equal(*made.values())


def test_a_file_from_a_gpu_is_tagged(whole, tmp_path, monkeypatch):
    """Without a map to the CPU, torch would ask for a GPU."""
    on_cuda(first(whole), tmp_path / "cuda.pth")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(RuntimeError, match="Attempting to deserialize object on a CUDA device"):
        torch.load(tmp_path / "cuda.pth", weights_only=True)


def test_altered_weights_are_listed(monkeypatch, tmp_path, capsys):
    """Wrong values fit any network: only the checksum in torchvision's names tells."""
    monkeypatch.setenv("TEXTO_WEIGHTS", str(tmp_path))
    path = tmp_path / weights.NETWORKS["vgg19"].file_name
    path.write_bytes(b"wrong")
    assert main(["weights", "list"]) == 0
    vgg, *rest = capsys.readouterr().out.splitlines()
    assert vgg.endswith("(TEXTO_WEIGHTS, damaged: its SHA-256 is not that of its name)")
    assert not any("damaged" in line for line in rest)
    assert weights.find("vgg19").altered
    path.rename(tmp_path / "vgg19-mine.pth")
    assert not weights.find("vgg19").altered
    assert main(["weights", "list", "--json"]) == 0
    entry = json.loads(capsys.readouterr().out)[0]
    assert entry["altered"] is False and len(entry["sha256"]) == 64


# -- random layers are named --------------------------------------------------------------------


FIVE = ("synth", "wall.png", "-m", "gotex-vgg", *QUICK, *STEPS, "--set", "n_iter_dual=1")


def test_a_file_that_ends_early(cut, folder, capsys):
    arguments = [*FIVE, "--weights", str(cut)]
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert (
        "conv4_1 is the first layer that lacks weights (features.19.weight, 512x256x3x3)" in error
    )
    assert error.count("\n") == 1 and listed(folder) == ["wall.png"]


def test_random_layers_are_named_in_every_output(cut, folder, capsys):
    layers = "conv4_1, conv4_2, conv4_3, conv4_4, conv5_1"
    assert main([*FIVE, "--weights", str(cut), "--set", "fill_missing=true"]) == 0
    seen = capsys.readouterr()
    assert f"runs on {cut.name}, random in {layers} weights: not on VGG-19" in seen.err
    assert seen.out == "wall_gotex-vgg-random_32x32_s1.png\n"
    stated = info(seen.out.strip(), capsys)
    assert (stated["network_weights"], stated["random_layers"]) == (cut.name, layers)
    assert stated["network_hash"] == weights.find("vgg19", cut).checksum
    assert stated["method"] == "gotex-vgg" and stated["settings"]["weights"] == cut.name
    given = ["--weights", str(cut), "--set", "fill_missing=true"]
    assert main(["fit", "wall.png", "-m", "gotex-vgg", *given]) == 0
    assert capsys.readouterr().out == "wall_gotex-vgg-random.safetensors\n"
    notes = info("wall_gotex-vgg-random.safetensors", capsys)["notes"]
    assert (notes["network_weights"], notes["random_layers"]) == (cut.name, layers)


@pytest.mark.parametrize("command", ["synth", "fit"])
def test_random_weights_are_named_in_every_output(command, folder, capsys):
    more = [*QUICK, *STEPS] if command == "synth" else []
    assert main([command, "wall.png", "-m", "gatys", "--weights", "random", *more]) == 0
    seen = capsys.readouterr()
    assert "runs on random weights" in seen.err and "wall_gatys-random" in seen.out
    stated = info(seen.out.strip(), capsys)
    stated = stated.get("notes", stated)
    assert (stated["network_weights"], stated["random_layers"]) == ("random", "all")


def test_a_model_with_random_weights_says_so(folder, capsys):
    assert main(["fit", "wall.png", "-m", "gatys", "--weights", "random", "-o", "m.st"]) == 0
    capsys.readouterr()
    assert main(["synth", "m.st", *QUICK, *STEPS]) == 0
    seen = capsys.readouterr()
    assert "random weights in the layers all of gatys" in seen.err
    assert seen.out == "m_gatys-random_32x32_s1.png\n"


def test_trained_weights_get_a_plain_name(whole, folder, tmp_path, capsys):
    path = tmp_path / "random-vgg19.safetensors"  # the name says nothing
    save_file(first(whole), path)
    arguments = ["synth", "wall.png", "-m", "gatys", *QUICK, *STEPS, *EARLY]
    assert main([*arguments, "--weights", str(path)]) == 0
    seen = capsys.readouterr()
    assert seen.out == "wall_gatys_32x32_s1.png\n" and "random weights" not in seen.err
    assert "random_layers" not in info("wall_gatys_32x32_s1.png", capsys)


# -- stored paths -------------------------------------------------------------------------------

STORED = [
    "../../secret/vgg19.pth",
    "/etc/passwd",
    "~/vgg19.pth",
    "here.safetensors",
    "evil\x1b[31m\nname.pth",
]


def with_weights(path, stored, how, monkeypatch):
    """The model or picture `path`, as a stranger made it, with `stored` as its weights."""
    if how == "model":
        method = texto.method("gatys", device="cpu", layers="relu1_1", n_iter=1, start="noise")
        model = method.restore({"exemplar": texto.read_image("wall.png")})
        object.__setattr__(method, "weights", stored)
        with monkeypatch.context() as patch:
            patch.setattr(model_files, "as_stored", dataclasses.asdict)
            model_files.save(model, path)
        return
    fields = json.loads(read_text("made.png")[records.KEY])
    fields["settings"]["weights"] = stored
    write_image(path, texto.read_image("made.png"), text={records.KEY: json.dumps(fields)})


@pytest.mark.parametrize("stored", STORED)
@pytest.mark.parametrize("how", ["model", "picture"])
def test_stored_paths_are_not_opened(how, stored, whole, folder, tmp_path, capsys, monkeypatch):
    mine = tmp_path / "mine" / "vgg19_mine.safetensors"
    mine.parent.mkdir()
    save_file(first(whole), mine)
    save_file(first(whole), folder / "here.safetensors")
    monkeypatch.setenv("TEXTO_WEIGHTS", str(mine.parent))
    made = ["synth", "wall.png", "-m", "gatys", *QUICK, *STEPS, *EARLY, "-o", "made.png"]
    assert main(made) == 0
    asked, real = [], weights.find
    for module in ("neural.runtime.weights", "neural.features.backbones", "neural.features.base"):
        monkeypatch.setattr(f"{module}.find", lambda *a: asked.append(a) or real(*a))
    path = folder / ("m.st" if how == "model" else "p.png")
    with_weights(path, stored, how, monkeypatch)
    source = [str(path), *QUICK] if how == "model" else ["--from", str(path)]
    capsys.readouterr()
    assert main(["synth", *source, "-o", "again.png"]) == 0
    error = capsys.readouterr().err
    assert f"made with weights {stored!r}, and stored paths are not opened" in error
    assert "\x1b[31m" not in error
    assert {given for _, *rest in asked for given in rest} <= {None, str(mine)}
    assert info("again.png", capsys)["network_weights"] == mine.name
    if how == "picture":
        assert np.array_equal(*map(texto.read_image, ("made.png", "again.png")))
    # named now, weights are taken, and need no note about others
    assert main(["synth", *source, "-o", "third.png", "--weights", str(mine)]) == 0
    assert how == "model" or "not opened" not in capsys.readouterr().err


def test_paths_are_stored_without_folders(cut, folder, capsys):
    arguments = ["wall.png", "-m", "gatys", "--weights", str(cut), "--set", "layers=relu1_1"]
    assert main(["synth", *arguments, *QUICK, *STEPS, "-o", "p.png"]) == 0
    assert main(["fit", *arguments, "-o", "m.st"]) == 0
    for name in ("p.png", "m.st"):
        content = (folder / name).read_bytes()
        assert str(cut.parent).encode() not in content and cut.name.encode() in content
    with pytest.warns(TextoWarning, match="m.st' was made with weights 'vgg19_to_conv3_4.safet"):
        model = model_files.load(folder / "m.st")
    assert model.method.weights == ""
    with pytest.raises(TextoError, match="the weights of VGG-19: are not here"):
        model.synthesize((32, 32), rng=1)
    capsys.readouterr()
    assert main(["synth", "--from", "p.png", "-o", "q.png"]) == 2
    assert "the weights of VGG-19: are not here" in capsys.readouterr().err
    assert listed(folder) == ["m.st", "p.png", "wall.png"]


def test_random_stays_as_stored(folder, capsys):
    made = ["synth", "wall.png", "-m", "gatys", "--weights", "random", *QUICK, *STEPS]
    assert main([*made, "-o", "p.png"]) == 0
    assert main(["synth", "--from", "p.png", "-o", "q.png"]) == 0
    assert "not opened" not in capsys.readouterr().err
    assert np.array_equal(*map(texto.read_image, ("p.png", "q.png")))


def test_a_repeat_on_other_weights_is_told(whole, folder, tmp_path, capsys):
    for name, factor in (("a.safetensors", 1.0), ("b.safetensors", 2.0)):
        state = {key: each * factor for key, each in first(whole).items()}
        save_file(state, tmp_path / name)
    made = ["synth", "wall.png", "-m", "gatys", *QUICK, *STEPS, *EARLY, "-o", "p.png"]
    assert main([*made, "--weights", str(tmp_path / "a.safetensors")]) == 0
    told = "weights 'b.safetensors' are not those of the picture, 'a.safetensors'"
    for name in ("a.safetensors", "b.safetensors"):
        capsys.readouterr()
        again = ["synth", "--from", "p.png", "-o", "q.png", "--force", "--weights"]
        assert main([*again, str(tmp_path / name)]) == 0
        assert (told in capsys.readouterr().err) == (name == "b.safetensors")


# -- comparisons --------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::texto.core.errors.TextoWarning")
def test_a_comparison_names_random_weights(cut, folder, capsys, cells_here):
    sets = {
        "gatys": {"weights": "random", "n_iter": 1, "start": "noise", "device": "cpu"},
        "gotex-vgg": {"weights": cut, "n_iter": 1, "start": "noise", "device": "cpu"}
        | {"layers": "relu1_1,relu4_1", "fill_missing": "true"},
    }
    pairs = [f"{name}.{key}={value}" for name, each in sets.items() for key, value in each.items()]
    arguments = [word for pair in pairs for word in ("--set", pair)]
    names = ["-m", "gatys,gotex-vgg,gaussian", "--seeds", "1", "-s", "32", "-q"]
    names += ["--columns", "autocorrelation", "--jobs", "1"]
    assert main(["compare", "wall.png", *names, *arguments, "-o", "out"]) == 0
    with open(folder / "out" / "scores.csv", newline="") as file:
        rows = {row["label"]: row for row in csv.DictReader(file) if row["kind"] == "result"}
    assert {name: row["status"] for name, row in rows.items()} == dict.fromkeys(rows, "done")
    layers = "conv4_1"
    assert {name: row["network_weights"] for name, row in rows.items()} == {
        "gatys": "random",
        "gotex-vgg": f"{cut.name}, random in {layers}",
        "gaussian": "",
    }
    report = (folder / "out" / "report.html").read_text()
    for name, count in (("gatys", 1), ("gotex-vgg", 1), ("gaussian", 0)):
        assert report.count(f"<bdi>{name}, random weights</bdi>") == count
    results = load_comparison(folder / "out")
    assert [results.is_random(name) for name in rows] == [name != "gaussian" for name in rows]
    picture = next((folder / "out" / "runs").rglob("gotex-vgg*.png"))
    stated = info(picture, capsys)
    assert (stated["network_weights"], stated["random_layers"]) == (cut.name, layers)
    assert str(cut.parent) not in picture.read_bytes().decode("latin-1")
