"""The methods that train a generator: what they share with those on pixels, and the commands."""

import json
import os
import signal
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import texto  # noqa: E402
from neural.features.even import EvenSlopes  # noqa: E402
from neural.generators.task import GeneratorTask  # noqa: E402
from neural.steps.work import Work  # noqa: E402
from neural.training.fitting import arrays_of  # noqa: E402
from texto.core import registry  # noqa: E402
from texto.core.errors import TextoError  # noqa: E402
from texto.core.settings import settings_of  # noqa: E402
from texto.metrics import recurrence  # noqa: E402

NETS = [name for name in registry.METHODS if name.endswith("-net")]
QUICK = {"n_iter": 4, "sample_size": 32, "width": 2, "n_scales": 2, "n_calibration": 1}
PATCHES = QUICK | {"n_patches": 100, "n_queries": 50, "n_levels": 2, "device": "cpu"}
ROOT = Path(texto.__file__).parents[1]

pytestmark = pytest.mark.filterwarnings("ignore:.* runs on random weights")


@pytest.fixture(scope="module")
def exemplar(picture):
    return picture[:40, :44]


@pytest.fixture
def work(exemplar):
    return Work(exemplar, exemplar.shape, 0, (32, 32), "cpu", np.random.default_rng(0))


@pytest.mark.parametrize("name", NETS)
def test_the_loss_is_that_of_the_method_on_pixels(name, work):
    same = {"n_queries": 40, "device": "cpu"}
    if name != "gotex-patch-net":
        same |= {"weights": "random", "layers": "random3,random5"}
    drawn = torch.rand((1, 3, 32, 32), generator=torch.Generator().manual_seed(1))
    values = []
    for method in (texto.method(name, **same), texto.method(name.removesuffix("-net"), **same)):
        at = {"n_patches": 50} if "n_patches" in settings_of(method) else {}
        method = type(method)(**{**same, **at})
        work.rng.bit_generator.state = np.random.default_rng(3).bit_generator.state
        loss = 1.0 * method.loss(work)
        values.append(float(loss.value(loss.maps(drawn))))
    assert values[0] == values[1] > 0


def test_messages_name_the_net_and_not_its_source(exemplar):
    for name in (*NETS, "texnet"):
        method = texto.method(name, device="cpu")
        assert registry.name_of(method.picture_method()) == name
    with pytest.raises(TextoError, match="n_levels: is 9, at most"):
        texto.method("gotex-patch-net", n_levels=9, device="cpu").fit(exemplar, rng=0)
    net = texto.method("texnet", **QUICK, weights="random", layers="random5", device="cpu")
    with pytest.warns(match="texnet runs on random weights"):
        net.fit(exemplar, rng=0)


def test_published_settings_reach_the_loss():
    published = texto.method("gotex-patch-net", as_published=True)
    assert published.picture_method().as_published
    wanted = {"n_iter": 5000, "learning_rate": 0.01, "n_iter_dual": 10, "width": 2, "n_scales": 6}
    adapted = published.adapted(np.zeros((300, 300, 3), np.float32))
    assert {name: getattr(adapted, name) for name in wanted} == wanted
    source = published.picture_method()
    assert (source.n_patches, source.n_queries) == (2000, None)
    assert source.dual_step == "plain" and set(published.rates()) == {0.01}


def test_generators_see_coarser_patches_than_pictures_do():
    def levels(name, side, **settings):
        method = texto.method(name, **settings)
        source = method.picture_method() if name.endswith("-net") else method
        return source.count_levels((side, side, 3))

    sides = (64, 128, 256, 512)
    assert [levels("gotex-patch", side) for side in sides] == [3, 4, 4, 5]
    assert [levels("gotex-patch-net", side) for side in sides] == [3, 4, 5, 6]
    assert levels("gotex-patch-net", 256, as_published=True) == 4
    assert levels("gotex-patch-net", 256, n_levels=3) == 3


def test_rates_fall():
    ours = texto.method("gotex-patch-net", n_iter=50).rates()
    assert len(ours) == 50 and all(a > b for a, b in pairwise(ours))
    rates = texto.method("texnet", n_iter=100).rates()
    assert rates[0] == rates[9] == 0.1 and rates[10] == pytest.approx(0.08)
    assert len(set(rates)) == 10 and min(rates) > 0.001


def test_even_slopes_have_norm_one_and_values_stay():
    class Doubled:
        layers = ("a", "b")

        def __call__(self, pictures):
            return {"a": 2 * pictures, "b": pictures**2}

    features, pictures = EvenSlopes(Doubled()), torch.rand(1, 1, 4, 4, requires_grad=True)
    maps = features(pictures)
    assert features.layers == ("a", "b") and torch.equal(maps["b"], pictures**2)
    (slope,) = torch.autograd.grad(1000 * maps["a"].sum(), pictures)
    assert torch.allclose(slope, torch.full_like(slope, 2 / 16))


def test_grey_stays_grey_and_costs_one_channel(exemplar):
    grey = np.repeat(exemplar[:, :, :1], 3, axis=2)
    model = texto.method("gotex-patch-net", **PATCHES).fit(grey, rng=0)
    result = model.synthesize((20, 30), rng=0)
    assert result.shape == (20, 30, 3) and (result == result[:, :, :1]).all()
    assert model.network["last.weight"].shape[0] == 1


def test_the_sample_has_the_exemplars_size_within_bounds():
    net = texto.method("gotex-patch-net")
    sides = {(20, 30): 64, (100, 64): 96, (200, 128): 192, (300, 900): 256}
    for shape, side in sides.items():
        adapted = net.adapted(np.zeros((*shape, 3), np.float32))
        assert adapted.sample_size == side and adapted.adapted(np.zeros((*shape, 3))) == adapted


@pytest.mark.parametrize("value", [0.0, 0.5], ids=["black", "grey"])
def test_exemplars_of_one_colour(value):
    flat = np.full((24, 24, 3), value, np.float32)
    result = texto.method("gotex-patch-net", **PATCHES).fit(flat, rng=0).synthesize((9, 9), rng=0)
    assert np.isfinite(result).all()


def test_calibration_is_part_of_the_model_and_training_moves_all(exemplar):
    net = texto.method("gotex-patch-net", **PATCHES)
    model = net.fit(exemplar, rng=0)
    untrained = arrays_of(net.network(exemplar, rng=np.random.default_rng(0)))
    assert untrained.keys() == model.network.keys()
    moved = [name for name in untrained if not np.array_equal(untrained[name], model.network[name])]
    still = set(untrained) - set(moved)
    assert not still, still


def test_losses_are_those_that_were_told(exemplar, tmp_path):
    seen = []
    model = texto.method("gotex-patch-net", **PATCHES).fit(exemplar, rng=0, progress=seen.append)
    assert np.array_equal(model.losses, np.float32([step.loss for step in seen]))
    texto.save(model, tmp_path / "model.safetensors")
    assert np.array_equal(texto.load(tmp_path / "model.safetensors").losses, model.losses)


def test_seeds_differ_and_no_period_is_made(exemplar):
    model = texto.method("gotex-patch-net", **PATCHES | {"n_iter": 15}).fit(exemplar, rng=0)
    pictures = [model.synthesize((128, 128), rng=seed) for seed in range(3)]
    assert np.var(pictures, axis=0).mean() > 0.5 * np.mean([each.var() for each in pictures])
    assert max(map(recurrence, pictures)) < max(0.25, recurrence(exemplar))


# -- the command line -------------------------------------------------------------------------

SETTINGS = [f"--set={key}={value}" for key, value in PATCHES.items() if key != "n_iter"]
FIT = ["fit", "wall.png", "-m", "gotex-patch-net", "--checkpoint", "kept", *SETTINGS]


@pytest.fixture
def folder(tmp_path, monkeypatch, exemplar):
    monkeypatch.chdir(tmp_path)
    texto.write_image("wall.png", exemplar)
    return tmp_path


@pytest.fixture
def run(capsys):
    from texto.cli import main

    def call(*arguments):
        capsys.readouterr()
        code = main([*map(str, arguments)])
        return code, *capsys.readouterr()

    return call


class Killed(BaseException):
    """Nothing of the program may react to it."""


def test_killed_and_resumed_is_as_if_nothing_had_been(folder, run, monkeypatch):
    def dying(self, number):
        if number == 2:
            raise Killed
        return step(self, number)

    step = GeneratorTask.step
    assert run(*FIT, "--set=n_iter=5", "--seed=3", "-o", "whole.safetensors")[0] == 0
    os.unlink("kept")
    Path("old.safetensors").write_bytes(b"old")
    again = ("--set=n_iter=5", "-o", "old.safetensors", "--force")
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(GeneratorTask, "step", dying)
        run(*FIT, *again, "--seed=3", "--every=1")
    assert Path("old.safetensors").read_bytes() == b"old"
    ended = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True
    )
    stale = Path(f".texto-tmp-{int(ended.stdout)}-dead")
    stale.write_bytes(b"")  # what a kill while writing leaves
    code, out, err = run(*FIT, *again, "--resume")
    assert (code, out, err) == (0, "old.safetensors\n", "")  # the seed was in the checkpoint
    assert Path("old.safetensors").read_bytes() == Path("whole.safetensors").read_bytes()
    assert not list(folder.glob(".texto-tmp-*"))


def test_interrupted_says_how_to_resume(folder, run, monkeypatch):
    def interrupt(self, number):
        if number == 2:
            signal.raise_signal(signal.SIGTERM)
        return step(self, number)

    step = GeneratorTask.step
    with monkeypatch.context() as patch:
        patch.setattr(GeneratorTask, "step", interrupt)
        found = run(*FIT, "--set=n_iter=5", "--seed=3")
    advice = "texto: interrupted; resume with --checkpoint kept --resume\n"
    assert found == (143, "", advice)
    assert sorted(os.listdir()) == ["kept", "wall.png"]
    assert run(*FIT, "--set=n_iter=5", "--resume")[0] == 0


def test_commands_around_a_training(folder, run):
    more = ("--set=n_iter=3", "--preview=now.png", "--plot", "-o", "m.safetensors")
    assert run(*FIT, *more, "--seed=1")[0] == 0
    assert texto.read_image("m_loss.png").shape == (540, 960, 3)
    assert texto.read_image("now.png").shape == (32, 32, 3)
    code, out, _ = run("info", "m.safetensors", "--json")
    assert code == 0 and json.loads(out)["notes"]["seed"] == 1
    assert run("synth", "m.safetensors", "-s", "50x30", "--seed=2", "--plot", "-o", "x.png")[0] == 0
    assert texto.read_image("x.png").shape == (30, 50, 3) and os.path.exists("x_loss.png")
    # What may not be gone on with, in one line, with nothing changed.
    before = {name: Path(name).read_bytes() for name in os.listdir()}
    refused = {
        "exists already": (*FIT, "--set=n_iter=3", "-o", "n.safetensors"),
        "seed was 1, and is 2": (*FIT, "--set=n_iter=3", "--seed=2", "--resume"),
        "n_iter was 3, and is 4": (*FIT, "--set=n_iter=4", "--resume"),
        "goes with --checkpoint only": ("fit", "wall.png", "--resume"),
        "trains no network": ("fit", "wall.png", "-m", "gaussian", "--checkpoint", "other"),
        "has two uses": (*FIT, "--preview=kept", "--resume"),
        "is fixed when the model is fitted": ("synth", "m.safetensors", "--set=n_iter=5"),
        "--every": (*FIT, "--every=0"),
    }
    for reason, arguments in refused.items():
        code, out, err = run(*arguments)
        assert code == 2 and out == "" and reason in err and err.count("\n") == 1, err
    Path("kept").write_bytes(before["kept"][:-3])
    code, _, err = run(*FIT, "--set=n_iter=3", "--resume")
    assert code == 2 and "is damaged or no checkpoint" in err
    Path("kept").write_bytes(before["kept"])
    assert {name: Path(name).read_bytes() for name in os.listdir()} == before


def test_resuming_nothing_starts_anew_with_a_note(folder, run):
    code, _, err = run(*FIT, "--set=n_iter=2", "--seed=1", "--resume")
    assert (
        code == 0
        and err == "texto: note: there is no checkpoint 'kept' yet: the training starts anew\n"
    )
