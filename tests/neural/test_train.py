"""The training loop: what is kept, what is gone on with, and what is refused."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from neural.generators.network import TextureGenerator  # noqa: E402
from neural.generators.task import GeneratorTask  # noqa: E402
from neural.runtime.devices import takes_bfloat16  # noqa: E402
from neural.steps.work import Work  # noqa: E402
from neural.training import loop  # noqa: E402
from neural.training.loop import Keeping, train  # noqa: E402
from neural.training.resuming import Checkpoint  # noqa: E402
from texto import method, read_image  # noqa: E402
from texto.core.errors import TextoError  # noqa: E402

N_ITER = 7
RUN = {"method": "a test", "seed": 0}


class Interrupted(KeyboardInterrupt):
    pass


@pytest.fixture(scope="module")
def exemplar(picture):
    return picture[:48, :48]


@pytest.fixture
def task(exemplar):
    """Makes the same task anew: a small generator on patches."""

    def make(seed=0, batch_size=1, **more):
        rng = np.random.default_rng(seed)
        network = TextureGenerator(3, n_scales=2, width=2, rng=rng)
        gotex = method("gotex-patch", n_patches=80, n_queries=60, n_levels=2, device="cpu")
        loss = gotex.loss(Work(exemplar, exemplar.shape, 0, (32, 32), "cpu", rng))
        rates = [0.01 / (1 + number) for number in range(N_ITER)]
        same = {"sides": (32, 32), "rates": rates, "batch_size": batch_size, "rng": rng}
        same |= more
        return GeneratorTask(network, loss, n_iter_dual=2, **same)

    return make


def end_of(made):
    """All that a training leaves, as bytes."""
    return {name: each.numpy().tobytes() for name, each in made.state().items()}


@pytest.fixture
def whole(task):
    made = task()
    losses = train(made, N_ITER, run=RUN)
    return end_of(made), losses


def test_the_loss_falls(exemplar, picture):
    rng = np.random.default_rng(0)
    gotex = method("gotex-patch", n_patches=200, n_queries=200, n_levels=2, device="cpu")
    loss = gotex.loss(Work(exemplar, exemplar.shape, 0, (32, 32), "cpu", rng))
    network = TextureGenerator(3, n_scales=2, width=4, rng=rng)
    made = GeneratorTask(network, loss, sides=(32, 32), rates=[0.02] * 40, n_iter_dual=0, rng=rng)
    losses = train(made, 40, run=RUN)
    assert losses.dtype == np.float32 and losses.shape == (40,)
    assert losses[-10:].mean() < 0.3 * losses[:3].mean()


def test_bfloat16_is_close_and_ends_before_the_pixels(task):
    losses, steps = [], []
    for made in (task(bfloat16=False), task(bfloat16=True)):
        before = next(made.network.parameters()).detach().clone()
        losses.append([made.step(number) for number in range(3)])
        steps.append(next(made.network.parameters()).detach() - before)
        assert all(each.dtype == torch.float32 for each in made.network.parameters())
        # Pixels in bfloat16 would be multiples of 1 / 256 where they are above a half.
        bright = made._latest[made._latest.abs() > 0.5] * 256
        assert (bright != bright.round()).float().mean() > 0.9
    assert 1e-7 < np.abs(np.subtract(*losses)).max() < 0.05 * losses[0][0]
    assert torch.nn.functional.cosine_similarity(*map(torch.ravel, steps), dim=0) > 0.7


def test_coarse_levels_come_first(task):
    made = task(coarse_first=0.6, n_first_dual=4)
    (term,), ascents, seen = made._layered, [], []
    ascend = term.ascend
    term.ascend = lambda maps: (ascents.append(term.active), ascend(maps))
    for number in range(N_ITER):
        made.step(number)
        seen.append(term.active)
    both = ("level0", "level1")
    assert seen == [("level1",)] * 5 + [both] * 2  # the finer one joins after 0.6 of 7 steps
    assert [ascents.count(("level1",)), ascents.count(both)] == [5 * 2 + 4, 2 * 2 + 4]
    plain = task()
    plain.step(0)
    assert plain._layered[0].active == both


def test_precision_follows_the_processor():
    assert takes_bfloat16("bfloat16", "cuda:0") and not takes_bfloat16("float32", "cpu")
    assert not takes_bfloat16("auto", "cuda:0")
    assert takes_bfloat16("auto", "cpu") in (False, True)


def test_a_batch_has_the_mean_gradient(task):
    """Adam's first moments after one step are (1 - beta) times the gradient."""
    made = task(batch_size=3)
    made.step(0)
    moments = {k: v for k, v in made.state().items() if k.endswith("exp_avg")}
    again = task(batch_size=3)
    noise = again.network.noise((32, 32), rng=again.rng, batch=3, periodic=(True, True))
    pictures = again.network(noise, periodic=(True, True))
    objective = again._objective
    slopes = [objective.pull(each, 2)[1] for each in pictures.detach().split(1)]
    pictures.backward(torch.cat(slopes) / 3)
    for (name, moment), parameter in zip(
        sorted(moments.items(), key=lambda item: int(item[0].split(".")[1])),
        again.network.parameters(),
        strict=True,
    ):
        assert torch.allclose(moment, 0.1 * parameter.grad, atol=1e-7), name


@pytest.mark.parametrize("stopped_at", [1, 2, 3, N_ITER - 1, N_ITER])
def test_a_training_goes_on_from_its_checkpoint(task, whole, tmp_path, stopped_at):
    keeping = Keeping(Checkpoint(tmp_path / "run", every=3))

    def stop(step):
        if step.iteration == stopped_at:
            raise Interrupted

    with pytest.raises(Interrupted):
        train(task(), N_ITER, run=RUN, keeping=keeping, progress=stop)
    made, seen = task(), []
    made.rng.random(9)  # the generator's state is in the file
    losses = train(made, N_ITER, run=RUN, keeping=keeping, progress=seen.append)
    assert 0 < seen[0].iteration <= stopped_at + 1 and seen[-1].iteration == N_ITER
    assert end_of(made) == whole[0] and np.array_equal(losses, whole[1])


def test_a_step_that_is_broken_off_is_not_kept(task, whole, tmp_path, monkeypatch):
    """The potentials have risen and Adam has not stepped: that fits no number of steps."""
    made, keeping = task(), Keeping(Checkpoint(tmp_path / "run", every=1000))
    pull, count = made._objective.pull, []

    def broken(*arguments):
        found = pull(*arguments)
        count.append(found)
        if len(count) == 4:
            raise Interrupted
        return found

    monkeypatch.setattr(loop, "COPY_SECONDS", 0)
    monkeypatch.setattr(made._objective, "pull", broken)
    with pytest.raises(Interrupted):
        train(made, N_ITER, run=RUN, keeping=keeping)
    again, seen = task(), []
    train(again, N_ITER, run=RUN, keeping=keeping, progress=seen.append)
    assert seen[0].iteration == 4 and end_of(again) == whole[0]


def test_a_finished_training_is_not_repeated(task, whole, tmp_path):
    keeping = Keeping(Checkpoint(tmp_path / "run"))
    train(task(), N_ITER, run=RUN, keeping=keeping)
    before = (tmp_path / "run").read_bytes()
    made, seen = task(), []
    losses = train(made, N_ITER, run=RUN, keeping=keeping, progress=seen.append)
    assert [step.iteration for step in seen] == [N_ITER]
    assert end_of(made) == whole[0] and np.array_equal(losses, whole[1])
    assert (tmp_path / "run").read_bytes() == before


def test_checkpoints_of_other_runs_and_damaged_ones_are_refused(task, tmp_path):
    path = tmp_path / "run"
    keeping = Keeping(Checkpoint(path))
    train(task(), N_ITER, run=RUN, keeping=keeping)
    with pytest.raises(TextoError, match="is of another run: seed was 0, and is 1"):
        train(task(), N_ITER, run={**RUN, "seed": 1}, keeping=keeping)
    with pytest.raises(TextoError, match="n_iter was 7, and is 8"):
        train(task(), N_ITER + 1, run=RUN, keeping=keeping)
    data = path.read_bytes()
    flipped = bytearray(data)
    flipped[-40] ^= 1
    newer = data.replace(b'\\"version\\":1', b'\\"version\\":9')
    assert newer != data
    for broken in (data[:-5], bytes(flipped), b"", b"\x89PNG\r\n", newer):
        path.write_bytes(broken)
        with pytest.raises(TextoError, match=r"checkpoint .*run.*: is damaged or no checkpoint"):
            train(task(), N_ITER, run=RUN, keeping=keeping)


def test_the_preview_is_a_picture_of_the_newest_sample(task, tmp_path):
    path = tmp_path / "preview.png"
    made = task()
    train(made, N_ITER, run=RUN, keeping=Keeping(preview=path))
    shown = read_image(path)
    assert shown.shape == (32, 32, 3)
    assert np.allclose(shown, made.preview(), atol=0.5 / 255 + 1e-6)


def test_a_loss_that_is_not_finite_is_told(tmp_path):
    class Diverging:
        rng = np.random.default_rng(0)

        def step(self, number):
            return np.inf if number == 2 else 1.0

    with pytest.raises(TextoError, match="loss: is inf at step 3"):
        train(Diverging(), 5, run=RUN)
