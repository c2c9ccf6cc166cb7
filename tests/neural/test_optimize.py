"""The one loop: it finds minima that are known, shares features, goes on where it stopped."""

import itertools

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from neural.features import PatchFeatures  # noqa: E402
from neural.losses import SemiDual  # noqa: E402
from neural.losses.base import Term  # noqa: E402
from neural.steps.descent import BURST, Adam, Objective, optimise  # noqa: E402
from neural.training.resuming import Checkpoint  # noqa: E402
from texto.core.errors import TextoError  # noqa: E402


class Pixels:
    """Features that are the pixels, and how often they were asked for."""

    layers = ("pixels",)
    weights_name = None

    def __init__(self):
        self.calls = 0

    def __call__(self, pictures):
        self.calls += 1
        return {"pixels": pictures}


class Distance(Term):
    """|u - target|^2 / 2, whose ascents are only counted."""

    def __init__(self, features, target):
        super().__init__(features, {"pixels": target}, layers=None, weights=None)
        self.target, self.rises, self.settled = target, 0, 0

    def value(self, maps):
        return ((maps["pixels"] - self.target) ** 2).sum() / 2

    def ascend(self, maps):
        assert not maps["pixels"].requires_grad
        self.rises += 1

    def settle(self):
        self.settled += 1


@pytest.fixture
def target():
    return torch.tensor(np.random.default_rng(0).random((1, 2, 5, 6), dtype=np.float32))


def start():
    return torch.full((1, 2, 5, 6), 0.5)


@pytest.mark.parametrize(
    "options",
    [
        {"optimizer": "adam", "n_iter": 300, "learning_rate": list(np.geomspace(0.1, 1e-4, 300))},
        {"optimizer": "lbfgs", "n_iter": 30},
        {"optimizer": "lbfgs", "n_iter": 50, "rng": np.random.default_rng(0)},
    ],
)
def test_it_finds_the_minimum(target, options):
    result = optimise(start(), Distance(Pixels(), target), n_iter_dual=0, **options)
    assert torch.allclose(result, target, atol=1e-3)


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_pictures_stay_in_range(target, optimizer):
    outside = 3 * target - 1
    result = optimise(
        start(), Distance(Pixels(), outside), optimizer=optimizer, n_iter=200, learning_rate=0.05
    )
    assert torch.allclose(result, outside.clamp(0, 1), atol=0.01)


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_bounds_of_each_channel(target, optimizer):
    low = torch.tensor([0.4, 0.2])[:, None, None]
    options = {"optimizer": optimizer, "n_iter": 200, "learning_rate": 0.02}
    result = optimise(start(), Distance(Pixels(), target), bounds=(low, 0.7), **options)
    assert torch.allclose(result, target.clamp(max=0.7).maximum(low), atol=0.01)


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_pixels_outside_the_mask_stay(target, optimizer):
    mask = torch.zeros(5, 6, dtype=torch.bool)
    mask[1:3, 2:5] = True
    result = optimise(
        start(), Distance(Pixels(), target), optimizer=optimizer, n_iter=100, mask=mask
    )
    assert torch.equal(result[:, :, ~mask], start()[:, :, ~mask])
    assert torch.allclose(result[:, :, mask], target[:, :, mask], atol=0.02)


def test_features_are_computed_once_a_step_for_all_terms(target):
    features = Pixels()
    first, second = Distance(features, target), Distance(features, target)
    optimise(start(), first + 2 * second, n_iter=7, n_iter_dual=5, n_first_dual=3)
    assert features.calls == 7
    assert first.rises == second.rises == 7 * 5 + 3
    assert first.settled == 7


def test_distinct_features_are_each_computed_once(target):
    ones = [Pixels(), Pixels()]
    optimise(start(), sum(Distance(each, target) for each in ones), n_iter=4, n_iter_dual=2)
    assert [each.calls for each in ones] == [4, 4]


def test_single_ascents_are_one_long_ascent(target):
    term = Distance(Pixels(), target)
    optimise(start(), term, n_iter=6, n_iter_dual=1)
    assert term.rises == 6 and term.settled == 0


def test_weights_scale_the_gradient(target):
    term = Distance(Pixels(), target)
    value, slope = Objective(term).pull(start())
    double, steeper = Objective(0.5 * term + 1.5 * term).pull(start())
    assert double == pytest.approx(2 * value) and torch.allclose(steeper, 2 * slope)
    assert torch.allclose(slope, start() - target)


def test_adam_agrees_with_torch_on_even_slopes():
    ours, theirs = torch.full((1, 1, 3, 3), 0.5), torch.full((1, 1, 3, 3), 0.5, requires_grad=True)
    adam, reference = Adam(ours), torch.optim.Adam([theirs], lr=0.01)
    for number in range(1, 20):
        slope = torch.full_like(ours, np.sin(number) + 0.2)
        ours = adam.step(ours, slope, 0.01)
        theirs.grad = slope.clone()
        reference.step()
    assert torch.allclose(ours, theirs.detach(), atol=1e-3)


def counted(**options):
    seen = []
    optimise(start(), options.pop("loss"), progress=seen.append, **options)
    return seen


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_progress_tells_every_step_and_the_loss(target, optimizer):
    steps = counted(loss=Distance(Pixels(), target), optimizer=optimizer, n_iter=9)
    assert [step.iteration for step in steps][-1] == 9 and {step.total for step in steps} == {9}
    assert all(a.iteration < b.iteration for a, b in itertools.pairwise(steps))
    assert steps[-1].loss < steps[0].loss


def test_a_plateau_ends_the_run_and_the_count_is_whole(target):
    features = Pixels()
    steps = counted(loss=Distance(features, start()), n_iter=500, tolerance=0.01)
    assert features.calls == len(steps) < 30 and steps[-1].iteration == 500


def test_lbfgs_at_the_bottom_ends(target):
    features = Pixels()
    steps = counted(loss=Distance(features, start()), optimizer="lbfgs", n_iter=500)
    assert features.calls < 5 and steps[-1].iteration == 500


def test_lbfgs_keeps_chance_still_within_a_burst(target):
    class Noisy(Distance):
        seen = ()

        def value(self, maps):
            self.seen += (float(rng.random()),)
            return super().value(maps) * (1 + self.seen[-1])

    rng = np.random.default_rng(3)
    term = Noisy(Pixels(), target)
    optimise(start(), term, optimizer="lbfgs", n_iter=3 * BURST, rng=rng)
    assert len(term.seen) > len(set(term.seen))


def test_a_loss_that_is_not_finite_is_told(target):
    with pytest.raises(TextoError, match="loss: is nan; lower learning_rate"):
        optimise(start(), Distance(Pixels(), target * float("nan")), n_iter=3)


# -- with potentials ----------------------------------------------------------------------------


def transport(seed=0):
    """A transport loss of patches, its generator and a picture to start from."""
    rng = np.random.default_rng(seed)
    exemplar = rng.random((14, 15, 3), dtype=np.float32)
    same = {"patch_size": 3, "n_levels": 2, "device": "cpu"}
    targets = PatchFeatures(periodic=(False, False), **same).of(exemplar)
    loss = SemiDual(PatchFeatures(**same), targets, n_queries=60, rate=0.3, step="cost", rng=rng)
    return loss, rng, torch.tensor(rng.random((1, 3, 12, 12), dtype=np.float32))


class Interrupted(Exception):
    """Raised in the middle of a run."""


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_a_run_goes_on_from_its_checkpoint(tmp_path, optimizer):
    options = {"optimizer": optimizer, "n_iter": 35, "n_iter_dual": 2}
    loss, rng, picture = transport()
    whole = optimise(picture, loss, rng=rng, **options)
    checkpoint = Checkpoint(tmp_path / "run", every=5)

    def stop(step):
        if step.iteration == 27:
            raise Interrupted

    loss, rng, picture = transport()
    with pytest.raises(Interrupted):
        optimise(picture, loss, rng=rng, checkpoint=checkpoint, progress=stop, **options)
    loss, rng, picture = transport()
    seen = []
    again = optimise(picture, loss, rng=rng, checkpoint=checkpoint, progress=seen.append, **options)
    assert 1 < seen[0].iteration <= 27 and torch.equal(again, whole)


def test_checkpoints_of_other_runs_and_damaged_ones_are_refused(tmp_path):
    path = tmp_path / "run"
    loss, rng, picture = transport()
    optimise(picture, loss, n_iter=3, rng=rng, checkpoint=Checkpoint(path))
    for options in ({"n_iter": 4}, {"n_iter": 3, "optimizer": "lbfgs"}):
        with pytest.raises(TextoError, match="is of another run: descent was"):
            optimise(picture, loss, rng=rng, checkpoint=Checkpoint(path), **options)
    with pytest.raises(TextoError, match="another picture"):
        smaller = picture[:, :, :8].contiguous()
        optimise(smaller, loss, n_iter=3, rng=rng, checkpoint=Checkpoint(path))
    for broken in (path.read_bytes()[:-5], b"", b"\x89PNG\r\n"):
        path.write_bytes(broken)
        with pytest.raises(TextoError, match=r"checkpoint .*run.*: is damaged or no checkpoint"):
            optimise(picture, loss, n_iter=3, rng=rng, checkpoint=Checkpoint(path))


def test_transport_falls():
    loss, rng, picture = transport(1)
    objective = Objective(loss)
    objective.lift(picture, 30)
    before, _ = objective.pull(picture)
    result = optimise(picture, loss, n_iter=30, n_iter_dual=1, learning_rate=0.05, rng=rng)
    after, _ = objective.pull(result, 30)
    assert after < 0.7 * before
