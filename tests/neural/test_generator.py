"""The texture generator: its size, its windows, its tiles, its torus, its statistics."""

from __future__ import annotations

import copy

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402

from neural.generators import windows  # noqa: E402
from neural.generators.calibration import calibrate, match_mean  # noqa: E402
from neural.generators.folding import folded  # noqa: E402
from neural.generators.network import PAPER, TEXNET, TextureGenerator  # noqa: E402
from neural.generators.noise_field import NoiseField  # noqa: E402
from neural.generators.painting import paint  # noqa: E402
from texto.core.errors import TextoError  # noqa: E402

SCALES = 4
NORMS = nn.BatchNorm2d


def made(channels: int = 3, **options) -> TextureGenerator:
    """A calibrated generator of random weights, norms included, in evaluation mode."""
    network = TextureGenerator(channels, **({"n_scales": SCALES, "rng": 3} | options))
    rng = np.random.default_rng(5)
    with torch.no_grad():
        for norm in (each for each in network.modules() if isinstance(each, NORMS)):
            norm.weight.copy_(torch.tensor(rng.uniform(0.5, 1.5, len(norm.weight))))
            norm.bias.copy_(torch.tensor(rng.uniform(-0.5, 0.5, len(norm.bias))))
        network.last.weight.mul_(0.3)
        if network.last.bias is not None:
            network.last.bias.fill_(0.5)
    calibrate(network, rng=0, side=64, batch=2, rounds=1)
    return network.eval()


@pytest.fixture(scope="module")
def network() -> TextureGenerator:
    return made(bias=True)


@pytest.mark.parametrize(("options", "count"), [(PAPER, 7_968), (TEXNET, 116_835)])
def test_published_sizes(options, count):
    network = TextureGenerator(**options)
    assert sum(each.numel() for each in network.parameters()) == count
    assert network.factor == 32


@pytest.mark.parametrize("n_scales", [1, 2, 5])
@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (7, 33), (50, 31), (64, 64)])
@pytest.mark.parametrize("periodic", [(False, False), (True, False), (True, True)])
def test_exact_sizes_forward_and_painted(n_scales, shape, periodic):
    network = TextureGenerator(2, n_scales=n_scales, rng=0)
    noise = network.noise(shape, rng=1, batch=2, periodic=periodic)
    assert len(noise) == n_scales
    assert all(each.shape[:2] == (2, 3) and each.min() >= 0 and each.max() < 1 for each in noise)
    assert network(noise, periodic=periodic).shape == (2, 2, *shape)
    picture = paint(network, shape, rng=1, periodic=periodic)
    assert picture.shape == (*shape, 2) and picture.dtype == np.float32


def test_noise_of_another_size_is_refused(network):
    noise = network.noise((30, 40), rng=0)
    with pytest.raises(ValueError, match="noise has sizes"):
        network([*noise[:-1], noise[-1][:, :, :-8]])
    with pytest.raises(ValueError, match="noise has sizes"):
        network(noise[1:])


def test_wrong_sizes_are_refused(network):
    for shape in ((0, 5), (5, -1), (2.5, 3)):
        with pytest.raises(TextoError, match="size"):
            paint(network, shape, rng=0)
        with pytest.raises(TextoError, match="size"):
            network.noise(shape, rng=0)
    with pytest.raises(TextoError, match="tile"):
        paint(network, (5, 5), rng=0, tile=0)


def cut(maps, start, low, high):
    """The positions low ... high of `maps` (1, c, n, n), whose first is `start`."""
    return maps[:, :, low - start : high - start, low - start : high - start]


def test_forward_is_the_published_network(network):
    """Norms after the doubling, and windows far larger than needed that are cut at the end."""
    low, high, spare = 0, 16, 40
    field = NoiseField(SCALES, 3, rng=7)
    features, start = None, 0
    with torch.no_grad():
        for scale in range(SCALES):
            halvings = SCALES - 1 - scale
            first, last = (low >> halvings) - spare, (high >> halvings) + spare
            entry = network.entries[scale](plane(field, scale, first, last))
            first, last = first + 2, last - 2  # a block takes two positions off each side
            if scale:
                up = functional.interpolate(features, scale_factor=2.0, mode="nearest")
                up, up_start = network.norms[scale - 1](up), 2 * start
                begin, end = max(first, up_start), min(last, up_start + up.shape[2])
                joined = [cut(up, up_start, begin, end), cut(entry, first, begin, end)]
                entry, first = network.blocks[scale - 1](torch.cat(joined, 1)), begin + 2
            features, start = entry, first
        wanted = cut(network.last(features), start, low, high)
        view = windows.whole((high, high), n_scales=SCALES)
        np.testing.assert_allclose(network.part(field.of(view), view), wanted, atol=1e-5)


def plane(field: NoiseField, scale: int, first: int, last: int) -> torch.Tensor:
    """The noise (1, 3, n, n) of one scale at the positions first ... last."""
    span = windows.Span(first, last, (first, last), None, np.empty(0, int), None)
    return field.of(windows.Window((span,) * (scale + 1), (span,) * (scale + 1)))[scale]


@pytest.mark.parametrize("periods", [(None, None), (48, None), (37, 45)])
def test_any_window_is_a_part_of_the_infinite_picture(network, periods):
    field = NoiseField(SCALES, 3, rng=7)

    def part(rows, columns):
        view = windows.window(rows, columns, n_scales=SCALES, periods=periods)
        with torch.inference_mode():
            return network.part(field.of(view), view)[0].numpy()

    large = part((-50, 60), (-40, 70))
    for top, bottom, left, right in ((-13, 10, 5, 6), (0, 1, -33, 41), (7, 59, 1, 70)):
        small = part((top, bottom), (left, right))
        expected = large[:, top + 50 : bottom + 50, left + 40 : right + 40]
        np.testing.assert_allclose(small, expected, atol=1e-5)


@pytest.mark.parametrize("periodic", [(False, False), (True, True)])
@pytest.mark.parametrize("shape", [(45, 61)])
def test_tiles_change_nothing(network, shape, periodic):
    whole = paint(network, shape, rng=4, periodic=periodic, tile=1000)
    for tile in (1, 16, 40):
        tiled = paint(network, shape, rng=4, periodic=periodic, tile=tile)
        np.testing.assert_allclose(tiled, whole, rtol=0, atol=1e-5)
    noise = NoiseField(SCALES, 3, rng=4).of(
        windows.whole(shape, n_scales=SCALES, periodic=periodic)
    )
    with torch.no_grad():
        plain = network(noise, periodic=periodic)[0].permute(1, 2, 0).clamp(0, 1).numpy()
    np.testing.assert_allclose(whole, plain, rtol=0, atol=1e-4)  # norms were folded
    assert whole.std() > 0.03 and whole.min() < whole.max()


def test_a_larger_picture_contains_the_smaller_one(network):
    large, small = paint(network, (90, 80), rng=2), paint(network, (33, 47), rng=2)
    np.testing.assert_allclose(large[:33, :47], small, rtol=0, atol=1e-5)


@pytest.mark.parametrize("periodic", [(True, True), (False, True), (True, False)])
@pytest.mark.parametrize("shape", [(64, 32), (53, 41), (9, 70), (1, 3)])
def test_periodic_pictures_wrap(network, shape, periodic):
    """Windows across the seams, of the noise that repeats for ever, against the picture."""
    picture = paint(network, shape, rng=6, periodic=periodic)
    ends = [
        (-side, side + 5) if wraps else (0, side)
        for side, wraps in zip(shape, periodic, strict=True)
    ]
    periods = windows.periods_of(shape, periodic)
    view = windows.window(*ends, n_scales=SCALES, periods=periods)
    with torch.inference_mode():
        around = network.part(NoiseField(SCALES, 3, rng=6).of(view), view)[0]
    found = around.permute(1, 2, 0).clamp(0, 1).numpy()
    rows, columns = (np.arange(*each) % side for each, side in zip(ends, shape, strict=True))
    np.testing.assert_allclose(found, picture[rows][:, columns], rtol=0, atol=1e-4)


def test_training_noise_wraps_too():
    """Noise drawn once round the torus, of a side that its scales do not divide."""
    network = TextureGenerator(1, n_scales=3, rng=0)
    maps = network.noise((21, 30), rng=0, periodic=(True, False))
    for noise, period in zip(maps, (5, 11, 21), strict=True):
        assert torch.equal(noise[:, :, :1], noise[:, :, period : period + 1])


@pytest.mark.parametrize("channels", [1, 3, 5])
def test_channels_seeds_and_determinism(channels):
    network = made(channels, width=4)
    first, again, other = (paint(network, (40, 50), rng=seed) for seed in (1, 1, 2))
    assert first.shape == (40, 50, channels)
    assert np.array_equal(first, again)
    assert np.abs(first - other).mean() > 0.02


def test_first_weights_come_from_the_seed_and_leave_torch_alone():
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    one, same, other = (TextureGenerator(rng=seed).state_dict() for seed in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["last.weight"], other["last.weight"])


def test_calibration_finds_the_statistics_of_sampling():
    """A norm's inputs in evaluation mode, on other samples, have the mean and variance it has."""
    network = TextureGenerator(n_scales=3, rng=0).train()
    weights = {name: each.clone() for name, each in network.named_parameters()}
    norms = {n: each for n, each in network.named_modules() if isinstance(each, NORMS)}
    momenta = {name: norm.momentum for name, norm in norms.items()}
    calibrate(network, rng=0, side=128, batch=2, rounds=2)
    assert all(torch.equal(weights[name], each) for name, each in network.named_parameters())
    assert all(each.training for each in network.modules())
    assert {name: norm.momentum for name, norm in norms.items()} == momenta
    seen = {}
    for name, norm in norms.items():
        norm.register_forward_pre_hook(lambda _, inputs, n=name: seen.update({n: inputs[0]}))
    with torch.no_grad():
        network.eval()(network.noise((256, 256), rng=9))
    assert len(seen) == len(norms)
    for name, norm in norms.items():
        deviation = norm.running_var.sqrt()
        found = seen[name].transpose(0, 1).flatten(1)
        assert ((found.mean(1) - norm.running_mean).abs() / deviation).max() < 0.15, name
        assert (found.std(1) / deviation - 1).abs().max() < 0.15, name


def test_the_mean_colour_is_set_and_nothing_else(network):
    rng = np.random.default_rng(5)
    exemplar = rng.random((20, 30, 3), dtype=np.float32) * [0.5, 1, 0.2]
    made = TextureGenerator(3, n_scales=3, width=2, bias=True, rng=4)
    made.eval()
    before = {name: tensor.clone() for name, tensor in made.state_dict().items()}
    match_mean(made, exemplar.astype(np.float32), rng=0, side=128, batch=4, rounds=2)
    moved = [name for name, tensor in made.state_dict().items() if not tensor.equal(before[name])]
    assert moved == ["last.bias"]
    with torch.no_grad():
        picture = made(made.noise((400, 400), rng=1))[0]
    spread = picture.std(dim=(1, 2)).max().item()
    found = picture.mean(dim=(1, 2)).numpy()
    np.testing.assert_allclose(found, exemplar.mean(axis=(0, 1)), atol=0.05 * spread)


def test_state_goes_round(network):
    other = TextureGenerator(n_scales=SCALES, bias=True, rng=99)
    other.load_state_dict(copy.deepcopy(network.state_dict()))
    one, two = (paint(each, (20, 30), rng=0) for each in (network, other))
    assert np.array_equal(one, two)


def test_folding_leaves_the_network_and_its_function(network):
    before = {name: each.clone() for name, each in network.state_dict().items()}
    plain = folded(network)
    assert not any(isinstance(each, NORMS) for each in plain.modules())
    assert all(torch.equal(before[name], each) for name, each in network.state_dict().items())
    noise = network.noise((30, 31), rng=0)
    with torch.no_grad():
        exact = copy.deepcopy(network).double()([each.double() for each in noise])
        np.testing.assert_allclose(plain(noise), exact, atol=1e-4)


def test_gradients_reach_every_weight_but_those_that_norms_cancel():
    network = TextureGenerator(n_scales=3, rng=0).train()
    network(network.noise((24, 24), rng=0)).square().mean().backward()
    for name, each in network.named_parameters():
        assert each.grad is not None and torch.isfinite(each.grad).all(), name


def test_threads_are_as_before(network):
    for count in (1, 2):
        torch.set_num_threads(count)
        paint(network, (40, 40), rng=0)
        assert torch.get_num_threads() == count
    torch.set_num_threads(1)


def test_progress_counts_tiles(network):
    steps = []
    paint(network, (70, 40), rng=0, tile=32, progress=steps.append)
    assert [(each.iteration, each.total) for each in steps] == [(i, 6) for i in range(1, 7)]
    assert {each.stage for each in steps} == {"synthesize"}


def test_noise_field_is_uniform_and_independent():
    view = windows.whole((400, 400), n_scales=2)
    coarse, fine = (each[0].double() for each in NoiseField(2, 2, rng=0).of(view))
    (other,) = NoiseField(1, 1, rng=1).of(windows.whole((400, 400), n_scales=1))
    assert fine.min() >= 0 and fine.max() < 1
    counts = torch.histc(fine, 64, 0, 1).numpy()
    expected = fine.numel() / 64
    assert ((counts - expected) ** 2 / expected).sum() < 130  # 63 degrees of freedom
    corner = fine[0, :300, :300]
    for neighbour in (
        fine[0, 1:301, :300],
        fine[0, :300, 1:301],
        fine[0, 1:301, 1:301],
        fine[1, :300, :300],
        other[0, 0, :300, :300].double(),
    ):
        assert abs(np.corrcoef(corner.flatten(), neighbour.flatten())[0, 1]) < 0.015  # 4.5 sigma
    small = coarse[0, :200, :200]
    assert abs(np.corrcoef(small.flatten(), fine[0, :200, :200].flatten())[0, 1]) < 0.025
    spectrum = np.abs(np.fft.fft2(corner.numpy() - 0.5)) ** 2 / corner.numel() * 12
    assert spectrum[1:, 1:].max() < 20  # an exponential law: no line stands out
