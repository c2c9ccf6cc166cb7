"""SinGAN: its scales, networks and training, and what it makes."""

import copy
import os

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import texto  # noqa: E402
from neural.generators import tiles  # noqa: E402
from neural.methods.singan import sampling  # noqa: E402
from neural.methods.singan.method import SinGAN  # noqa: E402
from neural.methods.singan.networks import Critic, Generator, Pyramid, frozen  # noqa: E402
from neural.methods.singan.scales import scales_of  # noqa: E402
from neural.methods.singan.training import gradient_penalty  # noqa: E402
from neural.training import adversarial  # noqa: E402
from neural.training.loop import Keeping, train  # noqa: E402
from neural.training.resuming import Checkpoint  # noqa: E402
from texto.core.errors import TextoError, TextoWarning  # noqa: E402
from texto.core.types import silent  # noqa: E402
from texto.metrics import patch_ot  # noqa: E402

TINY = {"n_iter": 3, "n_critic": 2, "n_generator": 2, "width": 4, "factor": 0.6, "coarsest": 16}
TINY |= {"device": "cpu"}
PUBLISHED = {"factor": 0.75, "coarsest": 25, "largest": 250}


@pytest.fixture(scope="module")
def exemplar(picture):
    """(32, 40, 3): scales of 16, 23 and 32 pixels."""
    return picture[:32, :40].copy()


@pytest.fixture(scope="module")
def model(exemplar):
    return SinGAN(**TINY).fit(exemplar, rng=0)


@pytest.fixture
def task(exemplar):
    """Makes the same training anew."""

    def make(**changes):
        method, rng = SinGAN(**{**TINY, **changes}), np.random.default_rng(0)
        return method.task(exemplar, method.network(exemplar, rng).train(), rng)

    return make


def noise(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def end_of(made):
    """All that a training leaves, as bytes."""
    return {name: each.numpy().tobytes() for name, each in made.state().items()}


# -- scales -----------------------------------------------------------------------------------


def test_published_scales():
    scales = scales_of((256, 256, 3), **PUBLISHED)
    sizes = [side for side, _ in scales.sizes((256, 256))]
    assert sizes == [25, 32, 42, 54, 70, 90, 116, 150, 194, 250]
    assert scales.widths(32, 128) == [32] * 4 + [64] * 4 + [128] * 2


@pytest.mark.parametrize(
    "shape, options, sizes",
    [
        ((128, 96), {}, [(33, 25), (44, 33), (57, 43), (75, 56), (98, 73), (128, 96)]),
        ((25, 25), {}, [(25, 25)]),
        ((20, 300), {}, [(17, 250)]),
        ((100, 100), {"factor": 0.5, "largest": 50}, [(25, 25), (50, 50)]),
        ((100, 100), {"factor": 0.5, "largest": 1024}, [(25, 25), (50, 50), (100, 100)]),
    ],
)
def test_scales_meet_both_ends(shape, options, sizes):
    assert scales_of(shape, **{**PUBLISHED, **options}).sizes(shape) == sizes


def test_a_picture_of_another_size_has_the_same_shares():
    scales = scales_of((100, 100), **{**PUBLISHED, "factor": 0.5})
    assert scales.sizes((200, 50)) == [(50, 12), (100, 25), (200, 50)]
    assert scales.sizes((1, 2)) == [(1, 1), (1, 1), (1, 2)]


# -- networks ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Generator, Critic])
def test_an_output_depends_on_11_x_11_pixels(kind):
    network, inputs = kind(3, 4).eval(), noise(1, 3, 31, 33)
    before = network(inputs)
    assert before.shape == (1, 3 if kind is Generator else 1, 21, 23)
    inputs[0, 1, 15, 16] += 1
    changed = (network(inputs) != before).any(dim=1)[0].nonzero()
    assert changed.min(dim=0).values.tolist() == [5, 6]
    assert changed.max(dim=0).values.tolist() == [15, 16]


def test_a_frozen_generator_is_the_same_function():
    generator = Generator(3, 8)
    for seed in range(3):  # statistics other than 0 and 1
        generator(noise(1, 3, 40, 40, seed=seed))
    inputs = noise(1, 3, 31, 25, seed=9)
    wanted = copy.deepcopy(generator).eval()(inputs)
    assert torch.allclose(frozen(generator)(inputs), wanted, atol=1e-6)
    assert generator.training


def test_the_gradient_penalty_is_that_of_differences():
    critic = Critic(2, 3).double()
    with torch.no_grad():
        for weight in critic.parameters():
            weight *= 5  # slopes near 1
    real, made = noise(2, 1, 2, 13, 12).double()
    between = 0.3 * real + 0.7 * made
    slopes, step = torch.zeros_like(between), 1e-6
    with torch.no_grad():
        for place in np.ndindex(*between.shape):
            for sign in (1, -1):
                moved = between.clone()
                moved[place] += sign * step
                slopes[place] += sign * critic(moved).sum() / (2 * step)
    wanted = (slopes.square().sum(dim=1).sqrt() - 1).square().mean()
    found = gradient_penalty(critic, real, made, 0.3)
    assert found.item() == pytest.approx(float(wanted), rel=1e-4)


def test_the_gradient_penalty_has_a_gradient_in_the_weights():
    critic = Critic(2, 3).double()
    real, made = noise(2, 1, 2, 14, 12).double()
    gradient_penalty(critic, real, made, 0.5).backward()
    weight = critic[3].weight
    slope, values = float(weight.grad[1, 2, 0, 1]), []
    for step in (1e-6, -1e-6):
        with torch.no_grad():
            weight[1, 2, 0, 1] += step
        values.append(gradient_penalty(critic, real, made, 0.5).item())
        with torch.no_grad():
            weight[1, 2, 0, 1] -= step
    assert slope == pytest.approx((values[0] - values[1]) / 2e-6, rel=1e-3)
    assert slope != 0


# -- pictures between scales ------------------------------------------------------------------


def test_enlarging_keeps_planes_and_is_the_published_cubic():
    rows = torch.arange(20.0)[:, None].expand(20, 30)[None, None]
    large = sampling.enlarged(rows, (33, 41))
    places = (torch.arange(33) + 0.5) * (20 / 33) - 0.5
    assert torch.allclose(large[0, 0, 4:-4, 0], places[4:-4], atol=1e-5)
    picture = noise(1, 3, 20, 30)
    wanted = torch.nn.functional.interpolate(picture, (33, 41), mode="bicubic", antialias=True)
    found = sampling.enlarged(picture, (33, 41))
    assert torch.allclose(found[:, :, 4:-4, 4:-4], wanted[:, :, 4:-4, 4:-4], atol=1e-5)


def test_enlarging_and_padding_wrap_on_a_torus():
    picture, wraps = noise(1, 3, 12, 8), (True, True)
    moved = torch.roll(sampling.enlarged(picture, (24, 16), wraps), (6, 4), (2, 3))
    again = sampling.enlarged(torch.roll(picture, (3, 2), (2, 3)), (24, 16), wraps)
    assert torch.allclose(moved, again, atol=1e-6)
    small = noise(1, 2, 3, 20)  # narrower than the margin
    for wraps, modes in {
        (True, False): ("wrap", "constant"),
        (True, True): ("wrap", "wrap"),
    }.items():
        wanted = small.numpy()
        for axis, mode in zip((2, 3), modes, strict=True):
            margins = [(5, 5) if each == axis else (0, 0) for each in range(4)]
            wanted = np.pad(wanted, margins, mode)
        assert np.array_equal(sampling.padded(small, wraps).numpy(), wanted)


@pytest.mark.parametrize("wraps", [(False, False), (True, True)])
def test_tiles_make_the_whole_picture(monkeypatch, wraps):
    pyramid = Pyramid(3, [4, 8], (12, 12), rng=np.random.default_rng(0)).eval()
    pyramid.amplitudes[1] = 0.5
    pictures, counts = [], []
    for tile in (256, 16):
        monkeypatch.setattr(tiles, "TILE", tile)
        steps, rng = [], np.random.default_rng(1)
        sizes = [(20, 17), (40, 33)]
        pictures.append(sampling.paint(pyramid, sizes, rng=rng, wraps=wraps, progress=steps.append))
        counts.append([(step.level, step.iteration, step.total) for step in steps])
    assert torch.allclose(*pictures, atol=1e-6) and pictures[0].shape == (1, 3, 40, 33)
    assert counts[0] == [(1, 1, 2), (0, 2, 2)]
    assert counts[1] == [(1, n, 13) for n in range(1, 5)] + [(0, n, 13) for n in range(5, 14)]


# -- training ---------------------------------------------------------------------------------


def test_amplitudes_are_what_the_coarser_scales_leave(model, exemplar):
    """The reconstruction by generators that are not folded, from the stored anchor."""
    network, method = model._network, model.method
    sizes = method.scales(exemplar.shape).sizes(exemplar.shape)
    planes = adversarial.to_planes(exemplar, "cpu")
    picture, added = torch.zeros(1, 3, *sizes[0]), network.anchor
    assert network.anchor.shape == (1, 1, *sizes[0])
    with torch.no_grad():
        for scale, finer in enumerate(sizes[1:]):
            around = torch.nn.functional.pad(picture + added, (5, 5, 5, 5))
            picture = sampling.enlarged(picture + network.generators[scale](around), finer)
            real = sampling.shrunk(planes, finer)
            left = float((picture - real).square().mean().sqrt())
            assert float(network.amplitudes[scale + 1]) == pytest.approx(0.1 * left, rel=1e-4)
            added = 0
    assert float(network.amplitudes[0]) == 1


def test_the_reconstruction_comes_near(exemplar):
    """With its weight alone; the adversarial part has none of its own."""
    settings = {"n_iter": 30, "coarsest": 32, "reconstruction": 1000.0, "learning_rate": 0.003}
    method, rng = SinGAN(**{**TINY, **settings}), np.random.default_rng(0)
    task = method.task(exemplar, method.network(exemplar, rng).train(), rng)
    errors, (real,) = [], task._reals
    for number in range(30):
        task.step(number)
        with torch.no_grad():
            errors.append((task.reconstruction() - real).square().mean().item())
    assert errors[-1] < 0.5 * errors[0]


def test_a_step_changes_its_scale_alone(task):
    made = task(n_iter=5)
    made.step(0)
    before = copy.deepcopy(made.network.state_dict())
    made.step(5)  # the first of the second scale
    changed = {
        name.split(".")[1]
        for name, tensor in made.network.state_dict().items()
        if not torch.equal(tensor, before[name]) and name.startswith("generators.")
    }
    assert changed == {"1"} and made.latest.shape == (1, 3, 23, 28)
    rates = [group["lr"] for adam in made.optimizers.values() for group in adam.param_groups]
    assert rates == [5e-4, 5e-4]
    made.step(9)  # in its last fifth
    rates = [group["lr"] for adam in made.optimizers.values() for group in adam.param_groups]
    assert rates == pytest.approx([5e-5, 5e-5])


def test_scales_of_one_width_hand_their_weights_on(task):
    made = task()
    made.step(0)
    first, critic = copy.deepcopy(made.network.generators[0]), made.modules["critic"]
    made._begin(1)
    for name, tensor in made.network.generators[1].state_dict().items():
        assert torch.equal(tensor, first.state_dict()[name]), name
    assert made.modules["critic"] is critic
    made.network.widths[2] = 5
    made._begin(2)
    assert made.modules["critic"] is not critic


@pytest.fixture(scope="module")
def whole():
    """What a training that nothing stopped left, and its losses; made by the first that asks."""
    return []


@pytest.mark.parametrize("stopped_at", [3, 4, 9])
def test_a_training_goes_on_from_its_checkpoint(task, whole, tmp_path, stopped_at):
    """Within scales, at their ends, and at the end."""
    if not whole:
        made = task()
        losses = train(made, 9, run={})
        whole += [end_of(made), losses]

    def stop(step):
        if step.iteration == stopped_at:
            raise KeyboardInterrupt

    keeping = Keeping(Checkpoint(tmp_path / "run", every=1))
    with pytest.raises(KeyboardInterrupt):
        train(task(), 9, run={}, keeping=keeping, progress=stop)
    made, seen = task(), []
    again = train(made, 9, run={}, keeping=keeping, progress=seen.append)
    assert seen[0].iteration == min(stopped_at + 1, 9)
    assert end_of(made) == whole[0] and np.array_equal(again, whole[1])


def test_a_checkpoint_of_other_networks_is_refused(task):
    state = task()
    state.step(0)
    with pytest.raises(TextoError, match="checkpoint: is of another network"):
        task(width=5).load(state.state())


# -- collapse ---------------------------------------------------------------------------------


@pytest.fixture
def spoilt(monkeypatch):
    """Fills all weights of new generators with a value."""
    original = SinGAN.network

    def fill(value):
        def network(self, exemplar, rng):
            made = original(self, exemplar, rng)
            with torch.no_grad():
                for weight in made.generators.parameters():
                    weight.fill_(value)
            return made

        monkeypatch.setattr(SinGAN, "network", network)

    return fill


def test_one_colour_is_refused(spoilt, exemplar, monkeypatch):
    spoilt(0.0)
    method = SinGAN(**{**TINY, "learning_rate": 1e-6, "coarsest": 32})
    with pytest.raises(TextoError, match="training: has collapsed: its last pictures are of one"):
        method.fit(exemplar, rng=0)
    monkeypatch.setattr(adversarial, "PATIENCE", 2)
    with pytest.raises(TextoError, match="have been of one colour for 2 steps; try another seed"):
        method.fit(exemplar, rng=0)


def test_a_pyramid_that_samples_one_colour_is_refused(task):
    """Its last picture in training was none: sampling takes other statistics."""
    made = task()
    for number in (0, 3, 6):
        made.step(number)
    made.finish()
    with torch.no_grad():
        for generator in made.network.generators:
            generator[10].running_var.fill_(1e20)
            generator[12].bias.zero_()
            generator[10].bias.zero_()
        made.network.amplitudes.zero_()
    with pytest.raises(TextoError, match="has collapsed: its last pictures are of one colour"):
        made.finish()


def test_losses_that_are_not_finite_are_refused(spoilt, exemplar):
    spoilt(np.nan)
    with pytest.raises(TextoError, match="training: has collapsed: its losses are nan and nan"):
        SinGAN(**TINY).fit(exemplar, rng=0)


def test_exemplars_of_one_colour_are_learned():
    flat = np.full((16, 20, 3), 0.4, np.float32)
    result = SinGAN(**TINY).fit(flat, rng=0).synthesize((9, 9), rng=0)
    assert np.isfinite(result).all()


# -- the method -------------------------------------------------------------------------------


def test_it_learns_stripes():
    rows, columns = np.mgrid[:36, :36]
    colours = np.array([[0.9, 0.8, 0.2], [0.1, 0.2, 0.6], [0.7, 0.1, 0.1]], np.float32)
    stripes = colours[(rows + columns) // 4 % 3]
    settings = {"width": 12, "max_width": 12, "factor": 0.5, "coarsest": 12, "device": "cpu"}
    method = SinGAN(preset="fast", n_iter=25, learning_rate=0.003, **settings)
    start = method.network(stripes, np.random.default_rng(0)).eval()
    options = {"rng": np.random.default_rng(1), "progress": silent}
    before = patch_ot(method.paint(start, stripes, (48, 48), **options), stripes)
    after = patch_ot(method.fit(stripes, rng=0).synthesize((48, 48), rng=1), stripes)
    assert after < 0.5 * before


def test_presets():
    published, fast = SinGAN(), SinGAN(preset="fast", n_iter=7)
    names = ("n_iter", "n_critic", "n_generator", "learning_rate", "max_width", "factor")
    assert [getattr(published, name) for name in names] == [2000, 3, 3, 5e-4, 128, 0.75]
    assert [getattr(fast, name) for name in names][:3] == [7, 1, 1]
    assert published.n_steps(np.zeros((256, 256, 3))) == 20_000


def test_exemplars_too_small_and_too_large(exemplar):
    with pytest.raises(TextoError, match="exemplar: is 40x10, smaller than the 11 pixels"):
        SinGAN(**TINY).fit(exemplar[:10], rng=0)
    with pytest.raises(TextoError, match=r"is 40x16, seen at 0.5 of it, smaller .* raise largest"):
        SinGAN(**TINY, largest=20).fit(exemplar[:16], rng=0)
    with pytest.warns(TextoWarning, match="40x32 is trained on at 0.5 of its size"):
        model = SinGAN(**TINY, largest=20).fit(exemplar, rng=0)
    assert model.synthesize((50, 31), rng=0).shape == (50, 31, 3)


def test_grey_stays_grey_and_costs_one_channel(exemplar):
    grey = np.repeat(exemplar[:, :, :1], 3, axis=2)
    model = SinGAN(**TINY).fit(grey, rng=0)
    result = model.synthesize((20, 30), rng=0)
    assert result.shape == (20, 30, 3) and (result == result[:, :, :1]).all()
    assert model.network["generators.0.12.weight"].shape[0] == 1


def test_training_from_the_command_line(tmp_path, monkeypatch, capsys, exemplar):
    from texto.cli import main

    monkeypatch.chdir(tmp_path)
    texto.write_image("wall.png", exemplar)
    settings = [f"--set={key}={value}" for key, value in TINY.items()]
    fit = ["fit", "wall.png", "-m", "singan", *settings, "--seed=3"]
    kept = ["--checkpoint=kept", "--preview=now.png", "--plot"]
    assert main([*fit, *kept, "-o", "a.safetensors"]) == 0
    assert texto.read_image("now.png").shape == (32, 40, 3) and os.path.exists("a_loss.png")
    resumed = ["--checkpoint=kept", "--resume", "-o", "b.safetensors"]
    assert main([*fit, *resumed]) == 0
    assert main(["synth", "b.safetensors", "-s", "50x30", "--seed=2", "-o", "x.png"]) == 0
    assert texto.read_image("x.png").shape == (30, 50, 3)
    first, second = (texto.load(f"{name}.safetensors").state() for name in "ab")
    assert all(np.array_equal(first[name], second[name]) for name in first)
