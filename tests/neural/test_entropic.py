"""The generator of data by entropic transport, against closed forms, and its benchmark."""

import csv
import importlib.util
import struct
import sys
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from neural.losses.ctransform import Targets, value  # noqa: E402
from neural.methods.entropic import EntropicGenerator, EntropicTask, sheet  # noqa: E402
from neural.training.loop import Keeping, train  # noqa: E402
from neural.training.resuming import Checkpoint  # noqa: E402
from texto.core.errors import TextoError  # noqa: E402
from texto.transport.plan import exact_cost  # noqa: E402

SMALL = {"width": 16, "n_layers": 2, "n_noise": 4, "batch_size": 40, "device": "cpu"}
RING = np.linspace(0, 2 * np.pi, 80, endpoint=False)
CIRCLE = (0.5 + 0.4 * np.stack([np.cos(RING), np.sin(RING)], axis=1)).astype(np.float32)


@pytest.fixture(scope="module")
def pictures():
    """(60, 4, 3) in [0, 1]."""
    return np.random.default_rng(1).random((60, 4, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def benchmark():
    """benchmarks/digits.py as a module."""
    path = Path(__file__).parents[2] / "benchmarks" / "digits.py"
    spec = importlib.util.spec_from_file_location("benchmark_digits", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look for annotations
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def dense(samples, data, potential, entropic):
    """F(psi, theta) as the formula has it, in float64, with all costs in a matrix."""
    costs = (samples[:, None] - data[None]).square().mean(dim=2)
    soft = -entropic * torch.logsumexp((potential - costs) / entropic - np.log(len(data)), dim=1)
    return soft.mean() + potential.mean()


@pytest.mark.parametrize("entropic", [0.003, 0.1])
def test_gradients_are_those_of_the_formula(pictures, entropic):
    method = EntropicGenerator(entropic=entropic, **SMALL)
    task = EntropicTask(method, pictures, rng=np.random.default_rng(0))
    task.step(0)  # potentials that are not 0
    data = torch.from_numpy(pictures.reshape(60, 12)).double()
    potential = task._potential.value.clone().requires_grad_()
    state = task.rng.bit_generator.state
    task.network.zero_grad()
    loss = task.loss()
    loss.backward()
    found = [each.grad.clone() for each in task.network.parameters()]
    task.rng.bit_generator.state = state
    task.network.zero_grad()
    noise = torch.from_numpy(task.rng.standard_normal((40, 4), dtype=np.float32))
    samples = task.network(noise)
    wanted = dense(samples.double(), data, potential, entropic)
    wanted.backward()
    assert float(potential.detach().abs().max()) > 0.003
    assert loss.item() == pytest.approx(wanted.item(), rel=1e-4)
    for ours, each in zip(found, task.network.parameters(), strict=True):
        torch.testing.assert_close(ours, each.grad, rtol=1e-3, atol=1e-6)
    scaled = samples.detach().T * 12**-0.5
    masses = task._potential.targets.match(scaled, potential.detach()).masses
    torch.testing.assert_close(1 / 60 - masses, potential.grad, rtol=1e-3, atol=1e-6)


def test_regularisation_makes_the_slope_continuous():
    """One point between two: without it the slope jumps where the nearest one changes."""

    def slope(at, entropic):
        targets = Targets(torch.tensor([[0.0, 1.0]]), entropic=entropic)
        point = torch.tensor([[at]], requires_grad=True)
        value(targets, point, torch.zeros(2, dtype=torch.float64)).backward()
        return point.grad.item()

    jump = slope(0.5 - 1e-3, 0.0) - slope(0.5 + 1e-3, 0.0)
    smooth = slope(0.5 - 1e-3, 0.1) - slope(0.5 + 1e-3, 0.1)
    assert jump == pytest.approx(2, abs=0.01)
    assert abs(smooth) < 0.05


@pytest.mark.parametrize("entropic", [0.06])
def test_of_gaussian_data_the_variance_less_half_lambda_is_left(entropic):
    quantiles = [NormalDist(0.5, 0.15).inv_cdf((i + 0.5) / 150) for i in range(150)]
    data = np.array(quantiles, np.float32)[:, None]
    options = {**SMALL, "n_noise": 1, "batch_size": 200, "n_iter": 100, "learning_rate": 0.01}
    model = EntropicGenerator(entropic=entropic, dual_rate=4, **options).fit(data, rng=0)
    samples = model.sample(5000, rng=1)
    left = max(data.var() - entropic / 2, 0)
    assert samples.mean() == pytest.approx(0.5, abs=0.02)
    assert samples.var() == pytest.approx(left, rel=0.2, abs=4e-4)


@pytest.mark.parametrize("entropic", [0.002])
def test_training_lowers_the_exact_cost(entropic):
    options = {**SMALL, "width": 32, "n_noise": 2, "batch_size": 80, "learning_rate": 0.01}
    method = EntropicGenerator(entropic=entropic, n_iter=80, n_iter_dual=5, **options)
    task = method.task(CIRCLE, rng=np.random.default_rng(0))
    before = exact_cost(task.sample(200, rng=5), CIRCLE)
    losses = train(task, 80, run={})
    after = exact_cost(task.sample(200, rng=5), CIRCLE)
    assert losses.shape == (80,)
    assert after < 0.6 * before


def test_one_seed_makes_one_generator(pictures):
    method = EntropicGenerator(n_iter=5, **SMALL)
    untouched = torch.random.get_rng_state()
    first, again, other = (method.fit(pictures, rng=seed) for seed in (3, 3, 4))
    samples = first.sample(9, rng=1)
    assert samples.shape == (9, 4, 3) and samples.dtype == np.float32
    assert samples.min() >= 0 and samples.max() <= 1
    assert np.array_equal(samples, again.sample(9, rng=1))
    assert np.array_equal(first.losses, again.losses)
    assert not np.array_equal(samples, other.sample(9, rng=1))
    assert not np.array_equal(samples, first.sample(9, rng=2))
    assert torch.equal(untouched, torch.random.get_rng_state())


def test_a_training_goes_on_from_its_checkpoint(pictures, tmp_path):
    method = EntropicGenerator(n_iter=6, **SMALL)
    keeping = Keeping(Checkpoint(tmp_path / "run", every=1), preview=tmp_path / "preview.png")

    def stop(step):
        if step.iteration == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        method.fit(pictures, rng=0, keeping=keeping, progress=stop)
    with pytest.raises(TextoError, match="another run: data"):
        method.fit(pictures[1:], rng=0, keeping=keeping)
    with pytest.raises(TextoError, match="another run: entropic was"):
        EntropicGenerator(entropic=0.5, n_iter=6, **SMALL).fit(pictures, rng=0, keeping=keeping)
    seen = []
    model = method.fit(pictures, rng=0, keeping=keeping, progress=seen.append)
    whole = method.fit(pictures, rng=0)
    assert [step.iteration for step in seen] == [5, 6]
    assert np.array_equal(model.sample(5, rng=0), whole.sample(5, rng=0))
    assert np.array_equal(model.losses, whole.losses)
    assert (tmp_path / "preview.png").exists()


@pytest.mark.parametrize("shape", [(1, 3), (2, 1), (3, 5), (5, 2, 2, 3), (4, 1, 2, 5)])
def test_few_points_of_any_shape(shape):
    data = np.random.default_rng(0).random(shape)
    method = EntropicGenerator(n_iter=2, **SMALL)
    assert method.fit(data, rng=0).sample(2, rng=0).shape == (2, *shape[1:])
    preview = method.task(data, rng=np.random.default_rng(0)).preview()
    assert preview.ndim == 3 and preview.shape[2] in (1, 3)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (np.zeros(4), "has shape"),
        (np.zeros((0, 4)), "has shape"),
        (np.full((2, 2), np.nan), "not all in"),
        (np.full((2, 2), 255), "not all in"),
        (np.full((2, 2), "x"), "of type"),
        (np.zeros((2, 2), complex), "of type"),
    ],
)
def test_data_that_cannot_be_learned_is_refused(data, why):
    with pytest.raises(TextoError, match=why):
        EntropicGenerator(**SMALL).fit(data, rng=0)


def test_settings_out_of_range_are_refused():
    with pytest.raises(TextoError, match="too small for float32"):
        EntropicGenerator(entropic=1e-9)
    with pytest.raises(TextoError, match="n_iter"):
        EntropicGenerator(n_iter=0)
    with pytest.raises(TextoError, match="count"):
        EntropicGenerator(n_iter=1, **SMALL).fit(CIRCLE, rng=0).sample(0)


def test_a_sheet_has_its_pictures_in_order():
    points = np.arange(1, 4)[:, None, None] * np.ones((3, 2, 2))
    made = sheet(points, 2)[..., 0]
    assert made.shape == (7, 7)
    assert made[1, 1] == 1 and made[1, 4] == 2 and made[4, 1] == 3
    assert not made[4:, 4:].any() and not made[0].any() and not made[:, 3].any()


def test_adams_rate_falls_in_the_second_half():
    method = EntropicGenerator(
        n_iter=4, n_first_dual=0, batch_size=4, width=4, n_layers=1, device="cpu"
    )
    data = np.random.default_rng(0).random((6, 3, 3), dtype=np.float32)
    task, rates = method.task(data, rng=np.random.default_rng(0)), []
    for number in range(4):
        task.step(number)
        rates.append(task._adam.param_groups[0]["lr"] / method.learning_rate)
    assert rates == pytest.approx([1, 1, 1, 0.5])


def test_the_benchmark_shows_blur_growing_with_lambda(benchmark, tmp_path, capsys):
    words = ["--n-iter", "8", "--limit", "120", "--lambdas", "0.001", "0.1", "--device", "cpu"]
    assert benchmark.main([str(tmp_path / "out"), *words]) == 0
    for name in ("sheet.png", "curves.png"):
        assert (tmp_path / "out" / name).stat().st_size > 10_000
    rows = list(csv.DictReader((tmp_path / "out" / "table.csv").read_text().splitlines()))
    sharp, blurred = ({k: float(v) for k, v in row.items() if k != "digits"} for row in rows[:2])
    assert sharp["variance"] > 2 * blurred["variance"]
    assert sharp["variation"] > 1.05 * blurred["variation"]
    assert sharp["nearest"] < blurred["nearest"]
    assert sharp["exact_cost"] < blurred["exact_cost"]
    assert "lambda 0.001" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [
        ["--mnist", "nowhere"],
        ["--limit", "0"],
        ["--seed", "-1"],
        ["--n-iter", "0"],
        ["--lambdas", "-1"],
        ["--lambdas", "nan"],
        ["--device", "cuda:99"],
    ],
)
def test_the_benchmark_refuses_in_one_line(benchmark, tmp_path, capsys, words):
    assert benchmark.main([str(tmp_path / "out"), *words]) == 2
    error = capsys.readouterr().err
    assert error.startswith("digits: error: ") and error.count("\n") == 1
    if words[0] == "--mnist":
        assert "train-images-idx3-ubyte" in error and not (tmp_path / "out").exists()


def test_mnist_is_read_from_a_folder(benchmark, tmp_path):
    """Files of the format, with three pictures."""
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    pixels = np.random.default_rng(0).integers(0, 256, (3, 28, 28), dtype=np.uint8)
    for name in ("train", "t10k"):
        images = struct.pack(">iiii", 0x803, 3, 28, 28) + pixels.tobytes()
        (raw / f"{name}-images-idx3-ubyte").write_bytes(images)
        (raw / f"{name}-labels-idx1-ubyte").write_bytes(struct.pack(">ii", 0x801, 3) + bytes(3))
    read = benchmark.mnist(tmp_path)
    assert read.dtype == np.float32
    assert np.array_equal(read, pixels.astype(np.float32) / 255)
    (raw / "train-images-idx3-ubyte").write_bytes(b"")
    with pytest.raises(TextoError, match="no readable"):
        benchmark.mnist(tmp_path)
