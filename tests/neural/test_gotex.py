"""The GOTEX family, and what all methods on pixels share: weights, torch, devices, tiles."""

import dataclasses
import json
import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import texto  # noqa: E402
from neural.features import (  # noqa: E402
    InceptionV3Features,
    PatchFeatures,
    RandomFeatures,
    backbones,
)
from neural.features.normalised import rms_norms  # noqa: E402
from neural.runtime import devices  # noqa: E402
from neural.steps import synthesis  # noqa: E402
from neural.steps.canvas import enlarged  # noqa: E402
from neural.steps.work import Work  # noqa: E402
from texto import metrics  # noqa: E402
from texto.cli import main  # noqa: E402
from texto.core import registry  # noqa: E402
from texto.core.errors import TextoError, TextoWarning  # noqa: E402
from texto.core.history import History  # noqa: E402
from texto.core.settings import replaced  # noqa: E402
from texto.io import model_files  # noqa: E402
from texto.io.images import write_image  # noqa: E402
from texto.patches.noise import field_like  # noqa: E402

NETWORKS = ["gotex-vgg", "gotex-mix", "gotex-all", "gotex-mix-iv3", "gatys", "sw-vgg"]
QUICK = {"n_iter": 2, "device": "cpu"}


@pytest.fixture(autouse=True)
def no_networks_kept():
    backbones.forget()


def made(name, picture, shape=(32, 40), rng=1, progress=lambda step: None, **settings):
    """A synthesis by the method called `name`, notes on random weights left out."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "(?s).*random.* weights")
        model = texto.method(name, **QUICK | settings).fit(picture, rng=0)
    return model.synthesize(shape, rng=rng, progress=progress)


# -- weights and packages -----------------------------------------------------------------------


@pytest.mark.parametrize("name", NETWORKS)
def test_without_weights_one_line_says_what_to_do(name, picture):
    method = texto.method(name)
    file = "inception_v3" if name.endswith("iv3") else "vgg19"
    with pytest.raises(TextoError, match=f"are not here; run 'texto weights download {file}'"):
        method.fit(picture, rng=0)
    assert f"texto weights download {file}" in method.absent()


def test_the_program_says_it_before_anything_is_computed(picture, tmp_path, capsys):
    write_image(tmp_path / "wall.png", picture)
    code = main(["synth", str(tmp_path / "wall.png"), "-m", "gatys", "-o", str(tmp_path / "x.png")])
    err = capsys.readouterr().err.strip().splitlines()
    assert code == 2 and err[-1].startswith("texto: error: the weights of VGG-19: are not here;")
    assert [each.name for each in tmp_path.iterdir()] == ["wall.png"]


@pytest.mark.parametrize("name", NETWORKS)
def test_random_weights_are_told_of(name, picture):
    with pytest.warns(TextoWarning, match=f"{name} runs on random weights: not on .* as trained"):
        texto.method(name, weights="random").fit(picture, rng=0)
    assert texto.method(name, weights="random").absent() is None


def test_random_weights_are_in_the_record(picture, tmp_path, capsys):
    source, made = tmp_path / "wall.png", tmp_path / "made.png"
    write_image(source, picture[:40, :40])
    given = ["--weights", "random", "--set", "layers=random5", "--set", "n_iter=2"]
    code = main(["synth", str(source), "-m", "gatys", *given, "-s", "20", "-o", str(made)])
    told = capsys.readouterr().err
    assert code == 0 and "gatys runs on random weights" in told
    assert main(["info", str(made), "--json"]) == 0
    assert '"weights": "random"' in json.dumps(json.loads(capsys.readouterr().out))


@pytest.mark.parametrize("package", ["torch", "torchvision"])
def test_without_torch_methods_are_listed_and_refused(package, monkeypatch, capsys, tmp_path):
    model = texto.method("gotex-patch").fit(np.zeros((20, 20, 3), np.float32), rng=0)
    model_files.save(model, tmp_path / "model")
    real = registry.find_spec
    monkeypatch.setattr(registry, "find_spec", lambda name: None if name == package else real(name))
    assert main(["methods"]) == 0
    lines = capsys.readouterr().out.splitlines()
    (first,) = [number for number, line in enumerate(lines) if line.startswith("gatys ")]
    assert "Gram matrices" in lines[first]
    assert lines[first + 2].strip() == f"needs {package}: pip install 'texto[neural]'"
    with pytest.raises(TextoError, match=f"method 'gatys': needs {package}.*; pip install") as told:
        registry.method_class("gatys")
    assert isinstance(told.value, ModuleNotFoundError) and told.value.name == package
    with pytest.raises(TextoError, match=f"needs the package '{package}'"):
        model_files.load(tmp_path / "model")


def test_a_cut_file_serves_its_layers_and_names_the_first_it_lacks(picture, real_weights):
    small, weights = picture[:64, :64], str(real_weights)
    found = made("gotex-vgg", small, weights=weights, layers="relu1_1, relu3_1")
    assert found.shape == (32, 40, 3) and found.std() > 0.02
    with pytest.raises(TextoError, match="conv4_1 is the first layer that lacks weights"):
        made("gotex-vgg", small, weights=weights)
    with pytest.warns(TextoWarning, match="random in conv4_1.*conv5_1"):
        method = texto.method("gotex-vgg", weights=weights, fill_missing=True, **QUICK)
        method.fit(small, rng=0)


# -- losses -------------------------------------------------------------------------------------


def work(exemplar, sides=(48, 48), seed=0):
    return Work(exemplar, exemplar.shape, 0, sides, "cpu", np.random.default_rng(seed))


def test_mixes_are_the_sums_that_they_say(picture, inception_file):
    method = texto.method("gotex-mix-iv3", weights=str(inception_file), feature_weight=0.25)
    patches, network = method.loss(work(picture)).terms
    assert patches[0] == 1 and network[0] == 0.25
    assert isinstance(patches[1].features, PatchFeatures)
    assert network[1].layers == ("Conv2d_4a_3x3", "Mixed_5d", "Mixed_6e")
    assert set(network[1].weights.values()) == {1.0}
    assert sum(patches[1].weights.values()) == pytest.approx(1)


def test_target_features_have_norm_one(picture, vgg_file):
    method = texto.method("gotex-vgg", weights=str(vgg_file))
    ((_, term),) = method.loss(work(picture)).terms
    for layer, potential in term.potentials.items():
        norm = float(potential.targets.points.square().sum(dim=1).mean())
        assert norm == pytest.approx(1, rel=1e-3), layer


def test_the_published_norms_are_those_of_other_layers(picture, inception_file):
    names = ("Conv2d_4a_3x3", "Mixed_5d", "Mixed_6e", "Mixed_7c")
    method = texto.method("gotex-mix-iv3", weights=str(inception_file), as_published=True)
    picture = picture[:80, :80]
    _, (weight, term) = method.loss(work(picture)).terms
    assert weight == 0.05
    raw = InceptionV3Features(names, weights=str(inception_file), device="cpu")
    norms = rms_norms(raw.of((picture + 1) / 2))
    assert term.features.norms == pytest.approx(
        {names[0]: norms[names[3]], names[1]: norms[names[2]], names[2]: norms[names[1]]}, rel=1e-4
    )


def test_published_forms_are_chosen_and_can_be_changed():
    ours, published = (texto.method("gotex-vgg", as_published=on) for on in (False, True))
    assert (ours.start, ours.optimizer) == ("coarse", "adam")
    assert (published.start, published.n_iter, published.n_queries) == ("noise", 1000, 64 * 64)
    changed = dataclasses.replace(published, n_iter=7, optimizer="adam", n_queries=9)
    assert (changed.n_iter, changed.optimizer, changed.n_queries) == (7, "adam", 9)
    assert texto.method("gotex-patch", as_published=True).n_patches == 2000
    assert replaced(published, as_published=False) == ours
    assert replaced(changed, as_published=False).n_queries == 9


def test_published_forms_that_do_not_repeat_say_so():
    texto.method("gotex-vgg", as_published=True, tileable="xy")
    for name in ("gotex-mix-iv3", "gatys", "sw-vgg"):
        with pytest.raises(TextoError, match="tileable: is 'x', and the published form"):
            texto.method(name, as_published=True, tileable="x")


@pytest.mark.parametrize("name", ["gotex-patch", "gotex-mix", "gatys", "sw-vgg"])
def test_published_forms_run(name, picture, vgg_file):
    more = {} if name == "gotex-patch" else {"weights": str(vgg_file)}
    if name == "gotex-mix":
        more["layers"] = "relu1_1,relu3_1"
    found = made(name, picture[:64, :64], shape=(19, 23), as_published=True, **more)
    assert found.shape == (19, 23, 3) and np.isfinite(found).all()


# -- pictures -----------------------------------------------------------------------------------


def test_patches_come_near_the_exemplars(picture):
    small, history = picture[:48, :48], History()
    found = made("gotex-patch", small, (48, 48), progress=history, n_iter=10, n_queries=500)
    field = field_like(small, (48, 48), np.random.default_rng(1), periodic=(True, True))
    assert len(history.steps) > 20
    assert metrics.patch_ot(small, found) < 0.7 * metrics.patch_ot(small, field.clip(0, 1))


def test_random_filters_bring_the_loss_down(picture):
    history, layers = History(), "random3,random7"
    settings = {"weights": "random", "n_iter": 15, "start": "noise", "layers": layers}
    made("gotex-vgg", picture[:40, :40], (40, 40), progress=history, n_queries=400, **settings)
    losses = [step.loss for step in history.steps]
    assert len(losses) == 15 and np.mean(losses[-5:]) < 0.7 * max(losses)


def test_grey_exemplars_give_grey_pictures(picture, inception_file):
    found = made(
        "gotex-mix-iv3", picture[:80, :80, :1], weights=str(inception_file), layers="Conv2d_4a"
    )
    assert found.shape == (32, 40, 1)


@pytest.mark.parametrize("name", NETWORKS)
def test_other_channels_are_refused(name, picture):
    five = np.concatenate([picture, picture[:, :, :2]], axis=2)
    with pytest.raises(TextoError, match="exemplar: has 5 channels, and networks take 1 or 3"):
        texto.method(name, weights="random").fit(five, rng=0)


def test_exemplars_too_small_for_a_layer_are_refused(picture, vgg_file):
    with pytest.raises(TextoError, match=r"exemplar: is 90x100, and relu5_1 needs \d+ pixels"):
        made("gotex-vgg", picture[:100, :90], weights=str(vgg_file), as_published=True)


def test_layers_are_checked(picture, vgg_file):
    with pytest.raises(TextoError, match="layers: are 'relu1_1,,'"):
        texto.method("gotex-vgg", layers="relu1_1,,")
    for weights, layer in (
        (str(vgg_file), "relu9_1"),
        ("random", "relu1_1"),
        ("random", "random0"),
    ):
        with pytest.raises(TextoError, match=f"layer '{layer}': is not"):
            texto.method("gotex-vgg", weights=str(weights), layers=layer).fit(picture, rng=0)


def test_too_many_levels_are_refused(picture):
    with pytest.raises(TextoError, match="n_levels: is 9, at most 5 suit an exemplar of 128x112"):
        texto.method("gotex-patch", n_levels=9).fit(picture, rng=0)


# -- the torus, the start, the device -----------------------------------------------------------


def test_torus_features_shift_with_the_picture():
    torus = backbones.Torus(RandomFeatures([5], n_filters=4, stride=2, device="cpu"), multiple=8)
    pictures = torch.rand(1, 3, 16, 24, generator=torch.Generator().manual_seed(0))
    maps, shifted = torus(pictures), torus(pictures.roll((4, 6), (2, 3)))
    assert torch.allclose(shifted["random5"], maps["random5"].roll((2, 3), (2, 3)), atol=1e-6)


def test_torus_takes_any_size():
    torus = backbones.Torus(RandomFeatures([5], n_filters=4, stride=2, device="cpu"), multiple=8)
    for sides, expected in (((1, 1), (4, 4)), ((9, 16), (8, 8))):
        assert torus(torch.rand(1, 3, *sides))["random5"].shape[2:] == expected


@pytest.mark.parametrize("side", [24, 25])
def test_enlarged_is_periodic(side):
    def wave(count):
        return torch.sin((torch.arange(count) + 0.5) * 2 * torch.pi / count)

    coarse = wave(12)[None, None, None].expand(1, 1, 12, 12)
    finer = enlarged(coarse, (24, side))
    assert finer.shape == (1, 1, 24, side)
    assert torch.allclose(finer[0, 0], wave(side).expand(24, side), atol=0.04)
    assert torch.allclose(enlarged(coarse.mT, (side, 24)), enlarged(coarse, (24, side)).mT)


class Tight(synthesis._Synthesis):
    """A GPU that has no memory left."""

    asked = ()

    def __init__(self, *rest):
        Tight.asked += (rest[-1],)
        super().__init__(*rest[:-1], "cpu")
        self._real = rest[-1]

    def run(self):
        result = super().run()
        if self._real != "cpu":
            raise torch.OutOfMemoryError
        return result


def test_a_gpu_without_memory_gives_way_to_the_cpu(picture, monkeypatch):
    small = picture[:40, :40]
    expected = made("gotex-patch", small)
    monkeypatch.setattr(synthesis, "_Synthesis", Tight)
    monkeypatch.setattr(devices, "resolve_device", lambda name: torch.device("cuda", 0))
    model = texto.method("gotex-patch", n_iter=2, device="auto").fit(small, rng=0)
    seen = []
    with pytest.warns(TextoWarning, match="cuda:0 has too little memory for 40x32: the CPU goes"):
        found = model.synthesize((32, 40), rng=1, progress=seen.append)
    assert np.array_equal(found, expected) and Tight.asked == ("cuda:0", "cpu")
    counts = [step.iteration for step in seen]
    assert counts == sorted(set(counts)) and counts[-1] == seen[-1].total


def test_a_named_gpu_without_memory_is_an_error(picture, monkeypatch):
    model = texto.method("gotex-patch", n_iter=2).fit(picture[:40, :40], rng=0)
    model = dataclasses.replace(model, method=dataclasses.replace(model.method, device="cuda"))
    monkeypatch.setattr(synthesis, "_Synthesis", Tight)
    monkeypatch.setattr(devices, "resolve_device", lambda name: torch.device("cuda", 0))
    with pytest.raises(TextoError, match="memory of cuda:0: is too small for 40x32; make a"):
        model.synthesize((32, 40), rng=1)


def test_an_absent_device_is_an_error_in_fit(picture):
    for name, more in (("gotex-patch", {}), ("gatys", {"weights": "random"})):
        with pytest.raises(TextoError, match="device 'cuda:97'"):
            texto.method(name, device="cuda:97", **more).fit(picture, rng=0)


def test_files_called_random_are_not_random_weights(picture, vgg_file):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "random" in vgg_file.name
        texto.method("gotex-vgg", weights=str(vgg_file), device="cpu").fit(picture, rng=0)


def test_weights_as_an_option_are_for_networks_only(picture, tmp_path, capsys):
    source = tmp_path / "wall.png"
    write_image(source, picture[:40, :40])
    for more, told in (
        (["-m", "gaussian", "--weights", "random"], "--weights random: this method has no network"),
        (["-m", "gatys", "--weights", "random", "--set", "weights=x"], "--weights: is given again"),
        (["-m", "gatys", "--weights", str(tmp_path / "nowhere")], "nowhere': does not exist; name"),
    ):
        for command, end in (("synth", "a.png"), ("fit", "a.safetensors")):
            assert main([command, str(source), *more, "-o", str(tmp_path / end)]) == 2
            assert told in capsys.readouterr().err


# -- mixing -------------------------------------------------------------------------------------


def test_a_mix_lies_between_and_is_the_sum_of_losses(picture):
    dark, light = 0.3 * picture[:40, :40], 0.6 + 0.3 * picture[:40, 40:88]
    method = texto.method("gotex-patch", n_queries=400, n_levels=2, **QUICK | {"n_iter": 6})
    models = [method.fit(each, rng=0) for each in (dark, light)]
    means = [
        float(method.mix(models, [1 - share, share]).synthesize((32, 32), rng=1).mean())
        for share in (0.0, 0.25, 1.0)
    ]
    assert means == sorted(means)
    expected = [dark.mean() + share * (light.mean() - dark.mean()) for share in (0, 0.25, 1)]
    assert np.allclose(means, expected, atol=0.04)


def test_mixes_are_saved_and_refused(picture, tmp_path):
    method = texto.method("gotex-patch", **QUICK)
    models = [method.fit(each, rng=0) for each in (picture[:30, :30], picture[40:72, :30])]
    mixed = method.mix(models, [0.25, 0.75])
    model_files.save(mixed, tmp_path / "mixed")
    again = model_files.load(tmp_path / "mixed")
    assert np.array_equal(*(each.synthesize((20, 20), rng=1) for each in (mixed, again)))
    state = mixed.state()
    for changes, told in (
        ({"mix.weights": np.array([0.5, 0.2])}, "mix.weights"),
        ({"mix.weights": np.array([1.0])}, "is not of a mix"),
        ({"mix.exemplar1": picture[:30, :30, :1]}, "mix.exemplar1.*other channels"),
        ({"stowaway": np.zeros(3)}, "stowaway"),
    ):
        with pytest.raises(TextoError, match=told):
            method.restore(state | changes)
    with pytest.raises(TextoError, match="channels"):
        method.mix([models[0], method.fit(picture[:30, :30, :1], rng=0)], [0.5, 0.5])
