"""PSGAN: its networks, its noise on a torus, what it learns, and trainings that are stopped."""

import os

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import texto  # noqa: E402
from neural.generators.windows import window  # noqa: E402
from neural.methods.psgan import generator  # noqa: E402
from neural.methods.psgan.generator import SpatialGenerator, Waves  # noqa: E402
from neural.methods.psgan.training import Discriminator  # noqa: E402
from neural.training.adversarial import PATIENCE, Collapse, to_planes  # noqa: E402
from neural.training.fitting import arrays_of  # noqa: E402
from texto.core.errors import TextoError  # noqa: E402
from texto.core.types import silent  # noqa: E402
from texto.metrics import patch_ot  # noqa: E402

SMALL = {"n_doublings": 3, "width": 4, "discriminator_width": 4, "device": "cpu"}
QUICK = SMALL | {"n_iter": 5, "sample_size": 16, "batch_size": 2, "n_calibration": 2}
LEARNS = {
    "n_iter": 120,
    "sample_size": 32,
    "n_doublings": 3,
    "width": 16,
    "discriminator_width": 16,
    "n_global": 0,
    "learning_rate": 0.001,
    "n_calibration": 16,
    "device": "cpu",
}


def dots(side=64, period=16):
    """(side, side, 3) float32: red dots on blue, `period` pixels apart."""
    rows, columns = ((axis % period) - (period - 1) / 2 for axis in np.mgrid[:side, :side])
    share = np.clip(5.5 - np.hypot(rows, columns), 0, 1)[:, :, None]
    return (share * [0.9, 0.3, 0.1] + (1 - share) * [0.1, 0.3, 0.8]).astype(np.float32)


@pytest.fixture(scope="module")
def exemplar(picture):
    return picture[:40, :44]


@pytest.fixture
def network():
    """Makes a small generator whose statistics are not those of its first weights."""

    def make(**changes):
        options = {"n_doublings": 3, "width": 6, "n_global": 3, "n_local": 4, "n_periodic": 2}
        made = SpatialGenerator(3, **(options | changes), rng=np.random.default_rng(0))
        generator = torch.Generator().manual_seed(1)
        for name, each in made.state_dict().items():
            if each.is_floating_point():
                each.copy_(0.2 * torch.randn(each.shape, generator=generator))
                if name.endswith("running_var"):
                    each.abs_().add_(0.1)
        return made.eval()

    return make


@pytest.fixture
def painted():
    def paint(network, shape, **options):
        with torch.no_grad():
            rng = np.random.default_rng(3)
            return generator.paint(network, shape, rng=rng, progress=silent, **options)

    return paint


# -- learning ---------------------------------------------------------------------------------


def test_it_learns_a_periodic_exemplar():
    exemplar, method = dots(), texto.method("psgan", **LEARNS)
    start = texto.method("psgan", **(LEARNS | {"n_iter": 1})).fit(exemplar, rng=1)
    models = start, method.fit(exemplar, rng=1)
    before, after = (patch_ot(each.synthesize((64, 64), rng=1), exemplar) for each in models)
    assert after < before / 2, (before, after)


def test_training_moves_every_weight_and_tells_its_losses(exemplar):
    seen, method = [], texto.method("psgan", **QUICK)
    state = torch.random.get_rng_state()
    model = method.fit(exemplar, rng=0, progress=seen.append)
    assert torch.equal(state, torch.random.get_rng_state())
    assert np.array_equal(model.losses, np.float32([step.loss for step in seen]))
    first = arrays_of(method.network(exemplar, np.random.default_rng(0)))
    still = [name for name in first if np.array_equal(first[name], model.network[name])]
    assert first.keys() == model.network.keys() and not still, still


def test_bfloat16_is_close_and_ends_before_losses(exemplar):
    found = []
    for precision in ("float32", "bfloat16"):
        method, rng = texto.method("psgan", **QUICK, precision=precision), np.random.default_rng(0)
        network = method.network(exemplar, rng).train()
        task = method.task(exemplar, network, rng)
        *losses, samples = task.advance(0)
        assert samples.dtype == torch.float32
        assert all(each.dtype == torch.float32 for each in network.parameters())
        found.append((np.array(losses), samples))
    (one, exact), (other, rounded) = found
    assert 0 < np.abs(one - other).max() < 0.05
    assert 0 < (exact - rounded).abs().mean() < 0.05 * exact.abs().mean()


def test_grey_stays_grey_and_costs_one_channel(exemplar):
    grey = np.repeat(exemplar[:, :, :1], 3, axis=2)
    model = texto.method("psgan", **QUICK).fit(grey, rng=0)
    result = model.synthesize((20, 30), rng=0)
    assert result.shape == (20, 30, 3) and (result == result[:, :, :1]).all()
    assert len(model.network["convolutions.2.weight"]) == 1


# -- networks ---------------------------------------------------------------------------------


def test_defaults_are_the_published_networks():
    exemplar = np.zeros((200, 200, 3), np.float32)
    with torch.device("meta"):
        method = texto.method("psgan", n_periodic=0)  # as the patch papers compared with
        rng = np.random.default_rng(0)
        made = method.network(exemplar, rng)
        critic = Discriminator(3, n_halvings=4, width=80, rng=rng)
        logits = critic(torch.empty(8, 3, 160, 160))
    weights = [tuple(each.weight.shape[:2]) for each in made.convolutions]
    assert weights == [(320, 30), (160, 320), (80, 160), (3, 80)]
    strided = [each for each in critic if isinstance(each, torch.nn.Conv2d)]
    assert [tuple(each.weight.shape[:2]) for each in strided] == [
        *((80, 3), (160, 80), (320, 160), (1, 320))
    ]
    assert logits.shape == (8, 1, 10, 10)
    assert (method.n_iter, method.batch_size, method.learning_rate) == (25_000, 8, 2e-4)
    assert texto.method("psgan").n_periodic == 3


@pytest.mark.parametrize("kinds", [(0, 4, 0), (3, 0, 2), (0, 0, 1), (3, 4, 2)])
def test_any_kinds_of_noise_make_pictures_that_vary(network, painted, kinds):
    names = ("n_global", "n_local", "n_periodic")
    picture = painted(network(**dict(zip(names, kinds, strict=True))), (40, 50))
    assert picture.shape == (40, 50, 3) and picture.dtype == np.float32
    assert picture.min() >= 0 and picture.max() <= 1
    assert (picture.std(axis=(0, 1)) > 1e-4).all()


def test_pictures_of_a_seed_are_windows_of_one(network, painted):
    made = network()
    whole = painted(made, (75, 83), tile=100)
    assert np.allclose(painted(made, (75, 83), tile=32), whole, atol=1e-5)
    assert np.allclose(painted(made, (75, 83), tile=7), whole, atol=1e-5)
    assert np.allclose(painted(made, (21, 50)), whole[:21, :50], atol=1e-5)


@pytest.mark.parametrize("shape", [(32, 48), (37, 51), (5, 90)])
def test_a_torus_repeats_exactly(network, painted, shape):
    made, (height, width) = network(), shape
    picture = painted(made, shape, periodic=(True, True))
    with torch.no_grad():
        rng = np.random.default_rng(3)
        common = made.common(1, rng)
        view = made.view((-9, 2 * height), (-5, 2 * width), shape)
        field = generator.NoiseField(1, made.n_local, rng=rng)
        (local,) = field.of(generator._entry(view))
        around = made(generator.Noise(2 * local - 1, *common), view)[0].permute(1, 2, 0) / 2 + 0.5
    wrapped = np.pad(picture, ((9, height), (5, width), (0, 0)), mode="wrap")
    assert np.allclose(around.numpy(), wrapped, atol=1e-5)
    across = painted(made, shape, periodic=(False, True))
    assert np.abs(across - picture).max() > 1e-3


def test_waves_make_whole_turns_on_a_torus_only():
    waves = Waves(3, 0)
    with torch.no_grad():
        numbers = waves(torch.empty(1, 0))[:, :, 0]
    view = window((0, 50), (0, 50), n_scales=3, periods=(50, None))
    free, _ = generator._turning(numbers, view.columns[0])
    assert torch.equal(free, numbers)
    bent, where = generator._turning(numbers, view.rows[0])
    period = view.rows[0].period
    assert period == 13  # 50 / 4, rounded up
    turns = bent * period / (2 * np.pi)
    assert torch.allclose(turns, turns.round(), atol=1e-4)
    assert (bent - numbers).abs().max() <= np.pi / period + 1e-6
    assert where.min() >= 0 and where.max() < period


# -- trainings that are stopped ---------------------------------------------------------------


class Interrupted(KeyboardInterrupt):
    pass


def test_interrupted_and_resumed_is_as_if_nothing_had_been(exemplar, tmp_path):
    method, kept = texto.method("psgan", **QUICK), tmp_path / "kept"

    def stop(step):
        if step.iteration == 3:
            raise Interrupted

    whole = method.fit(exemplar, rng=4)
    with pytest.raises(Interrupted):
        method.train(exemplar, rng=4, checkpoint=kept, every=2, progress=stop)
    again = method.train(exemplar, rng=4, checkpoint=kept)
    assert np.array_equal(again.losses, whole.losses)
    for name, array in whole.network.items():
        assert np.array_equal(again.network[name], array), name
    before = kept.read_bytes()
    other = texto.method("psgan", **(QUICK | {"n_local": 9}))
    with pytest.raises(TextoError, match="n_local was 10, and is 9"):
        other.train(exemplar, rng=4, checkpoint=kept)
    assert kept.read_bytes() == before
    elsewhere = texto.method("psgan", **(QUICK | {"tileable": "xy"}))
    model = elsewhere.train(exemplar, rng=4, checkpoint=kept)  # done already
    assert np.array_equal(model.losses, whole.losses)


def flat(network, noise, view):
    return torch.zeros(len(noise.local), 3, *view_sides(view)) + 0 * network.norms[0].weight.sum()


def view_sides(view):
    return (each[-1].stop - each[-1].start for each in (view.rows, view.columns))


def test_a_training_that_goes_flat_is_stopped(exemplar, monkeypatch):
    monkeypatch.setattr(SpatialGenerator, "forward", flat)
    long = texto.method("psgan", **(QUICK | {"n_iter": 1000}))
    seen = []
    with pytest.raises(TextoError, match=r"has collapsed: .* of one colour for 100 steps"):
        long.fit(exemplar, rng=0, progress=seen.append)
    assert len(seen) == PATIENCE - 1
    with pytest.raises(TextoError, match="has collapsed: its last pictures"):
        texto.method("psgan", **QUICK).fit(exemplar, rng=0)


@pytest.mark.parametrize("which", [SpatialGenerator, Discriminator])
def test_a_training_that_is_not_finite_is_stopped(exemplar, monkeypatch, which):
    forward = which.forward
    monkeypatch.setattr(which, "forward", lambda *given: forward(*given) * float("nan"))
    with pytest.raises(TextoError, match="has collapsed: its losses are nan and nan at step 1"):
        texto.method("psgan", **QUICK).fit(exemplar, rng=0)


def test_only_many_flat_steps_in_a_row_count(exemplar):
    planes = to_planes(exemplar, "cpu")
    lively, dull = planes + torch.zeros(2, 1, 1, 1), 0.05 * planes
    watch = Collapse(planes)
    for _ in range(PATIENCE - 1):
        watch.see(dull)
    watch.see(lively)
    for _ in range(PATIENCE - 1):
        watch.see(dull)
    resumed = Collapse(planes)
    resumed.load(watch.state())
    for each in (watch, resumed):
        with pytest.raises(TextoError, match="has collapsed"):
            each.see(dull)
    watch.end(lively)
    with pytest.raises(TextoError, match="has collapsed"):
        watch.end(dull)
    of_one_colour = Collapse(torch.full((1, 3, 8, 8), 0.3))
    for _ in range(PATIENCE + 1):
        of_one_colour.see(torch.full((2, 3, 8, 8), 0.3))


@pytest.mark.parametrize("value", [0.0, 0.5], ids=["black", "grey"])
def test_exemplars_of_one_colour(value):
    plain = np.full((24, 24, 3), value, np.float32)
    result = texto.method("psgan", **QUICK).fit(plain, rng=0).synthesize((9, 9), rng=0)
    assert np.array_equal(result, plain[:9, :9])


def test_no_channel_leaves_the_exemplars_range(exemplar):
    narrow = exemplar * [0.1, 0.2, 0.5] + [0.3, 0, 0.5]
    result = texto.method("psgan", **QUICK).fit(narrow.astype(np.float32)).synthesize((30, 30))
    assert (result.min(axis=(0, 1)) >= narrow.min(axis=(0, 1)) - 1e-6).all()
    assert (result.max(axis=(0, 1)) <= narrow.max(axis=(0, 1)) + 1e-6).all()


# -- settings and commands --------------------------------------------------------------------

REFUSED = {
    "n_local: is 0, and so is n_periodic": {"n_local": 0, "n_periodic": 0},
    "discriminator_width: is 512: .* weights": {"discriminator_width": 512, "n_doublings": 6},
    "sample_size: is 8, and n_doublings=4": {"sample_size": 8, "n_doublings": 4},
    "exemplar: is 44x40, too small for sample_size=48": {"sample_size": 48},
    "exemplar: is 44x40, too small for n_doublings=6": {"n_doublings": 6, "width": 1},
}


@pytest.mark.parametrize("reason", REFUSED)
def test_settings_that_do_not_suit(exemplar, reason):
    settings = SMALL | {"n_iter": 1} | REFUSED[reason]
    with pytest.raises(TextoError, match=reason):
        texto.method("psgan", **settings).fit(exemplar, rng=0)


def test_the_command_keeps_a_preview_a_curve_and_a_model(exemplar, tmp_path, monkeypatch, capsys):
    from texto.cli import main

    monkeypatch.chdir(tmp_path)
    texto.write_image("wall.png", exemplar)
    given = [f"--set={name}={value}" for name, value in QUICK.items()]
    fit = ["fit", "wall.png", "-m", "psgan", *given, "--seed=1", "-o", "m.safetensors"]
    assert main([*fit, "--preview=now.png", "--plot", "--checkpoint=kept"]) == 0
    assert texto.read_image("now.png").shape == (16, 16, 3) and os.path.exists("m_loss.png")
    synth = ["synth", "m.safetensors", "-s", "50x30", "--seed=2", "--set=tileable=xy"]
    assert main([*synth, "-o", "x.png"]) == 0
    assert texto.read_image("x.png").shape == (30, 50, 3)
    capsys.readouterr()
    monkeypatch.setattr(SpatialGenerator, "forward", flat)
    again = [*fit[:-1], "n.safetensors"]
    assert main(again) == 2 and not os.path.exists("n.safetensors")
    error = capsys.readouterr().err
    assert error.startswith("texto: error: training: has collapsed: ") and error.count("\n") == 1
