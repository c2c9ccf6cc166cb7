"""Losses on feature maps: closed forms, the classical twin, POT, memory, seeds."""

import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from neural.features import PatchFeatures  # noqa: E402
from neural.losses import Gram, SemiDual, Sliced, detached  # noqa: E402
from neural.losses.ctransform import Targets  # noqa: E402
from texto.core.errors import TextoError  # noqa: E402
from texto.core.threads import single_blas  # noqa: E402
from texto.methods.patch_ot.energy import LevelEnergy, Torus  # noqa: E402
from texto.patches.database import PatchLevel, draw_corners  # noqa: E402
from texto.patches.extraction import extract_at, grid  # noqa: E402
from texto.patches.pyramid import pyramid  # noqa: E402
from texto.patches.space import principal_space  # noqa: E402

SIZE = 4


class Points:
    """Features that are the picture itself: its channels at its pixels."""

    layers = ("points",)

    def __call__(self, pictures):
        return {"points": pictures}


def cloud(points, **options):
    """(n, d) as maps (1, d, n, 1)."""
    tensor = torch.tensor(np.asarray(points), **options)
    return {"points": tensor.T[None, :, :, None]}


def semidual(targets, **options):
    options = {"rng": np.random.default_rng(0), **options}
    return SemiDual(Points(), cloud(targets), **options)


def value_and_slope(loss, points):
    """The value at points (n, d), and its gradient (n, d)."""
    maps = cloud(points)
    maps["points"].requires_grad_()
    value = loss.value(maps)
    (slope,) = torch.autograd.grad(value, maps["points"])
    return float(value.detach()), slope[0, :, :, 0].T.numpy()


def planes(picture):
    return torch.tensor(np.moveaxis(picture, 2, 0)[None].copy())


# -- the semi-dual ----------------------------------------------------------------------------


def test_patches_agree_with_the_closed_form_of_patch_ot(picture):
    exemplar, rng = picture[:64, :64], np.random.default_rng(1)
    result = rng.random((64, 48, 3), dtype=np.float32)
    features = PatchFeatures(SIZE, 3, device="cpu")
    tensor = planes(result).requires_grad_()
    target_maps, potentials, expected, values = {}, [], np.zeros_like(result), []
    for level, (source, view) in enumerate(
        zip(pyramid(exemplar, 3), pyramid(result, 3), strict=True)
    ):
        corners = draw_corners(source.shape, SIZE, 100, rng)
        patches = extract_at(source, corners, SIZE)
        space = principal_space(patches, kept_variance=1.0)
        energy = LevelEnergy(
            PatchLevel(source, corners, space, SIZE),
            n_queries=10**6,
            rate=0.1,
            device="cpu",
            places=Torus(SIZE),
        )
        energy._ascent.potential = rng.normal(0, 0.3, len(corners))
        spots = grid(view.shape[:2], SIZE, 1, (True, True))
        value, residual = energy.pull(view, spots, ascend=False)
        values.append(value)
        slope = 2 / len(spots) * residual / 4**level / 3
        expected += slope.repeat(2**level, 0).repeat(2**level, 1)
        potentials.append(energy.potential)
        blocks = patches.reshape(len(patches), SIZE, SIZE, 3).transpose(0, 3, 1, 2)
        target_maps[f"level{level}"] = torch.tensor(blocks.reshape(len(patches), -1).T.copy())
    loss = SemiDual(features, target_maps, rng=rng)
    for found, potential in zip(loss.potentials.values(), potentials, strict=True):
        found.value = torch.tensor(potential)

    value = loss.value(features(tensor))
    value.backward()

    assert float(value.detach()) == pytest.approx(np.mean(values), rel=1e-4)
    found = np.moveaxis(tensor.grad[0].numpy(), 0, 2)
    assert np.abs(found - expected).max() < 1e-4 * np.abs(expected).max()


def test_the_ascent_steps_are_those_of_patch_ot(picture):
    """Unit of cost, falling steps: the same potentials after three steps."""
    source, view = picture[:40, :40], picture[60:100, 60:100]
    corners = draw_corners(source.shape, SIZE, 10**6, np.random.default_rng(0))
    patches = extract_at(source, corners, SIZE)
    level = PatchLevel(source, corners, principal_space(patches, kept_variance=1.0), SIZE)
    energy = LevelEnergy(level, n_queries=10**6, rate=0.3, device="cpu", places=Torus(SIZE))
    features = PatchFeatures(SIZE, 1, device="cpu")
    targets = PatchFeatures(SIZE, 1, periodic=(False, False), device="cpu").of(source)
    options = {"rate": 0.3, "step": "cost", "schedule": "sqrt"}
    loss = SemiDual(features, targets, rng=np.random.default_rng(0), **options)
    maps = features(planes(view))
    for _ in range(3):
        energy.ascend_at(view, grid(view.shape[:2], SIZE, 1, (True, True)))
        loss.ascend(maps)
    (found,) = loss.potentials.values()
    energy_scale = np.abs(energy.potential).max()
    assert energy_scale > 0.01
    agree = np.abs(found.value.numpy() - energy.potential) < 1e-4 * energy_scale
    assert agree.mean() > 0.99  # a tie may go either way
    energy.settle()
    loss.settle()
    assert np.abs(found.value.numpy() - energy.potential).mean() < 1e-3 * energy_scale


def test_converged_potentials_give_the_exact_cost():
    ot = pytest.importorskip("ot")
    rng = np.random.default_rng(2)
    points = rng.normal(0, 1, (150, 3)).astype(np.float32)
    targets = rng.normal(0.5, [0.3, 1, 2], (100, 3)).astype(np.float32)
    exact = ot.emd2([], [], ot.dist(points.astype(float), targets.astype(float)))
    loss = semidual(targets, rate=0.3, step="cost", schedule="sqrt")
    before, _ = value_and_slope(loss, points)
    with single_blas():
        for _ in range(800):
            loss.ascend(cloud(points))
    loss.settle()
    value, _ = value_and_slope(loss, points)
    assert before < 0.8 * exact
    assert 0.99 * exact < value <= exact * (1 + 1e-5)


def test_entropic_value_with_converged_potentials_is_the_entropic_cost():
    ot = pytest.importorskip("ot")
    rng = np.random.default_rng(3)
    points, targets = rng.normal(0, 1, (40, 2)), rng.normal(0.5, 0.5, (30, 2))
    costs = ot.dist(points, targets)
    plan = ot.sinkhorn([], [], costs, 0.5, stopThr=1e-12, numItermax=10000)
    # <C, P> + lambda KL(P | mu nu)
    exact = (plan * costs).sum() + 0.5 * (plan * np.log(plan * plan.size)).sum()
    loss = semidual(targets, entropic=0.5, rate=0.3, step="cost", schedule="sqrt")
    with single_blas():
        for _ in range(500):
            loss.ascend(cloud(points))
    loss.settle()
    value, _ = value_and_slope(loss, points)
    assert value == pytest.approx(exact, rel=1e-3)
    assert value <= exact + 1e-9


@pytest.mark.parametrize("place", [-0.7, -0.2, -1e-3, 1e-3, 0.2, 0.7])
@pytest.mark.parametrize("entropic", [0.0, 0.5])
def test_one_dirac_against_two(place, entropic):
    """The slides' counter-example: targets -1 and 1, psi = 0, the best for a Dirac at 0."""
    loss = semidual([[-1.0], [1.0]], entropic=entropic)
    value, slope = value_and_slope(loss, [[place]])
    costs = np.array([(place + 1) ** 2, (place - 1) ** 2])
    if entropic:
        expected = -entropic * np.log(np.exp(-costs / entropic).mean())
        mean = np.tanh(2 * place / entropic)
    else:
        expected, mean = costs.min(), np.sign(place)
    assert value == pytest.approx(expected, rel=1e-6)
    assert slope[0, 0] == pytest.approx(2 * (place - mean), rel=1e-6)


def test_the_dirac_gradient_flips_at_the_midpoint_and_the_entropic_one_does_not():
    hard, soft = semidual([[-1.0], [1.0]]), semidual([[-1.0], [1.0]], entropic=0.5)
    jumps = [
        value_and_slope(loss, [[1e-4]])[1][0, 0] - value_and_slope(loss, [[-1e-4]])[1][0, 0]
        for loss in (hard, soft)
    ]
    assert jumps[0] == pytest.approx(-4, abs=1e-2)
    assert abs(jumps[1]) < 2e-3
    # At its own best potential, wherever the Dirac is, the entropic gradient is the cost's.
    soft = semidual([[-1.0], [1.0]], entropic=0.5, rate=0.5, step="plain")
    with single_blas():
        for _ in range(100):
            soft.ascend(cloud([[0.3]]))
    assert value_and_slope(soft, [[0.3]])[1][0, 0] == pytest.approx(2 * 0.3, abs=1e-6)


def test_entropic_tends_to_the_minimum_and_its_gradient_is_that_of_its_value():
    rng = np.random.default_rng(4)
    points, targets = rng.normal(0, 1, (7, 3)), rng.normal(0, 1, (9, 3))
    potential = torch.tensor(rng.normal(0, 0.5, 9))
    hard, soft, sharp = (semidual(targets, entropic=size) for size in (0.0, 0.3, 1e-4))
    for loss in (hard, soft, sharp):
        loss.potentials["points"].value = potential
    assert value_and_slope(sharp, points)[0] == pytest.approx(
        value_and_slope(hard, points)[0], abs=1e-3
    )
    for loss in (hard, soft):
        maps = cloud(points)["points"].requires_grad_()
        assert torch.autograd.gradcheck(lambda x, loss=loss: loss.value({"points": x}), maps)


def test_one_step_of_each_kind():
    """Three points in two cells of masses 2/3 and 1/3, of cost 1 each."""
    points, targets = [[0.0, 1], [0, -1], [5, 1]], [[0.0, 0], [5, 0]]
    slope = np.array([0.5 - 2 / 3, 0.5 - 1 / 3])
    steps = {"plain": slope, "normalised": slope / np.linalg.norm(slope), "cost": slope / 0.5}
    for step, expected in steps.items():
        loss = semidual(targets, rate=0.1, step=step)
        loss.ascend(cloud(points))
        found = loss.potentials["points"].value.numpy()
        np.testing.assert_allclose(found, 0.1 * expected, rtol=1e-6)


def test_a_bounded_step_lowers_no_potential_by_more_than_three_units():
    """Where all of 20 points, of cost 1 each, crowd round one of 20 targets."""
    targets = np.column_stack([np.arange(20.0), np.zeros(20)])
    loss = semidual(targets, rate=0.1, step="bounded")
    loss.ascend(cloud([[0.0, 1.0]] * 20))
    expected = [-0.3] + [0.1] * 19
    np.testing.assert_allclose(loss.potentials["points"].value.numpy(), expected, rtol=1e-6)


def test_settling_goes_to_the_uniform_mean_of_constant_steps():
    rng = np.random.default_rng(5)
    points, targets = rng.normal(size=(50, 2)), rng.normal(size=(8, 2))
    loss, seen = semidual(targets), []
    potential = loss.potentials["points"]
    for _ in range(2):  # the second average forgets the first
        seen = []
        for _ in range(5):
            loss.ascend(cloud(points))
            seen.append(potential.value.numpy().copy())
        loss.settle()
        np.testing.assert_allclose(potential.value.numpy(), np.mean(seen, axis=0), atol=1e-12)
    loss.settle()
    np.testing.assert_allclose(potential.value.numpy(), np.mean(seen, axis=0), atol=1e-12)


def test_search_by_torch_is_that_of_the_classical_part():
    """What a GPU runs, on the CPU, far from the origin where distances cancel."""
    rng = np.random.default_rng(6)
    targets = torch.tensor(rng.normal(100, 1, (12, 500)), dtype=torch.float32)
    points = torch.tensor(rng.normal(100, 1, (12, 3000)), dtype=torch.float32)
    potential = torch.tensor(rng.normal(0, 1, 500))
    here = Targets(targets)
    classical = here.match(points, potential)
    here._neighbors = None
    blocked = here.match(points, potential)
    exact = torch.cdist(points.T.double(), targets.T.double()) ** 2 - potential
    for match in (classical, blocked):
        torch.testing.assert_close(match.values, exact.min(dim=1).values, rtol=0, atol=1e-4)
        assert float(match.masses.sum()) == pytest.approx(1)


@pytest.mark.skipif(sys.platform == "win32", reason="no resource module")
@pytest.mark.parametrize("entropic", [0.0, 0.1])
def test_no_matrix_of_points_and_targets_in_memory(entropic):
    import resource

    rng = np.random.default_rng(7)
    points = rng.random((16_000, 2), dtype=np.float32)
    loss = semidual(rng.random((12_000, 2), dtype=np.float32), entropic=entropic)
    unit = 1 if sys.platform == "darwin" else 1024
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    value_and_slope(loss, points)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    assert after - before < 200e6  # the matrix has 768e6


def test_random_parts_repeat_for_a_seed_and_are_what_is_looked_at():
    rng = np.random.default_rng(8)
    points, targets = rng.normal(size=(60, 2)), rng.normal(size=(40, 2))

    def run(seed):
        options = {"n_targets": 10, "n_queries": 7, "n_image_queries": 9}
        loss = semidual(targets, rng=np.random.default_rng(seed), **options)
        for _ in range(4):
            loss.ascend(cloud(points))
        loss.settle()
        return loss, value_and_slope(loss, points)

    loss, (value, slope) = run(0)
    _, (again, _) = run(0)
    _, (other, _) = run(1)
    assert value == again != other
    assert len(loss.potentials["points"].targets) == 10
    assert (slope != 0).any(axis=1).sum() == 9
    masses = loss.potentials["points"].value.numpy() * 7 * 10
    assert np.abs(masses.sum()) < 1e-9


def test_only_positions_that_take_part_count():
    rng = np.random.default_rng(9)
    points, targets = rng.normal(size=(20, 2)), rng.normal(size=(6, 2))
    where = {"points": torch.arange(20) < 5}
    value, slope = value_and_slope(semidual(targets, where=where), points)
    alone, part = value_and_slope(semidual(targets), points[:5])
    assert value == pytest.approx(alone)
    np.testing.assert_allclose(slope[:5], part)
    assert not slope[5:].any()
    nothing = semidual(targets, where={"points": torch.zeros(20, dtype=torch.bool)})
    nothing.ascend(cloud(points))
    assert float(nothing.value(cloud(points))) == 0


def test_a_state_goes_on_where_it_was():
    rng = np.random.default_rng(10)
    points, targets = rng.normal(size=(60, 2)), rng.normal(size=(9, 2))
    make = {"rate": 0.3, "step": "cost", "schedule": "sqrt"}
    first, second = (0.5 * semidual(targets, **make) for _ in range(2))
    maps = {id(first.features[0]): cloud(points)}
    for _ in range(3):
        first.ascend(maps)
    saved = {name: tensor.clone() for name, tensor in first.state().items()}
    first.ascend(maps)
    first.settle()
    second.load(saved)
    other = {id(second.features[0]): cloud(points)}
    second.ascend(other)
    second.settle()
    assert float(first.value(maps)) == float(second.value(other))
    with pytest.raises(TextoError, match="does not fit points"):
        (0.5 * semidual(targets[:5])).load(saved)
    with pytest.raises(TextoError, match="another loss"):
        (1 * Gram(Points(), cloud(targets))).load(saved)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rate": -1.0}, "rate: is -1.0"),
        ({"rate": float("nan")}, "rate: is nan"),
        ({"entropic": -0.1}, "entropic: is -0.1"),
        ({"n_targets": 0}, "n_targets: is 0"),
        ({"n_queries": 0}, "n_queries: is 0"),
        ({"step": "other"}, "step: is 'other'"),
        ({"schedule": "linear"}, "schedule: is 'linear'"),
        ({"layers": ["level0"]}, "layer 'level0'"),
        ({"layers": []}, "layers: are none"),
        ({"weights": {"other": 1}}, "layer 'points': has no weight"),
    ],
)
def test_settings_out_of_range_are_told(options, message):
    with pytest.raises(TextoError, match=message):
        semidual([[0.0], [1.0]], **options)


@pytest.mark.parametrize("entropic", [0.0, 0.1])
def test_features_that_are_not_finite_are_told(entropic):
    loss = semidual([[0.0], [1.0]], entropic=entropic)
    with pytest.raises(TextoError, match="features: are not finite"):
        loss.value(cloud([[0.0], [np.nan]]))
    if not entropic:
        with pytest.raises(TextoError, match="features: are not finite"):
            loss.ascend(cloud([[0.0], [np.inf]]))


def test_an_exemplar_without_features_is_told():
    with pytest.raises(TextoError, match="exemplar: has no feature at points"):
        semidual(np.empty((0, 2)))


# -- sums -------------------------------------------------------------------------------------


def test_losses_add_and_scale_and_share_their_features():
    class Counted(Points):
        calls = 0

        def __call__(self, pictures):
            self.calls += 1
            return super().__call__(pictures)

    features, rng = Counted(), np.random.default_rng(11)
    targets = cloud(rng.normal(size=(30, 2)))
    parts = [SemiDual(features, targets, rng=rng), Gram(features, targets)]
    loss = parts[0] + 0.05 * (parts[1] + 2 * parts[0]) * 3
    assert [weight for weight, _ in loss.terms] == pytest.approx([1, 0.15, 0.3])
    assert len(sum(parts).terms) == 2
    maps = loss.maps(cloud(rng.normal(size=(20, 2)))["points"])
    loss.ascend(detached(maps))
    loss.settle()
    found = float(loss.value(maps))
    values = [float(part.value(next(iter(maps.values())))) for part in parts]
    assert features.calls == 1
    assert found == pytest.approx(1.3 * values[0] + 0.15 * values[1])
    with pytest.raises(TypeError):
        _ = loss + 1


def test_layer_weights():
    class Two(Points):
        layers = ("a", "b")

    rng = np.random.default_rng(12)
    targets = {name: torch.tensor(rng.normal(size=(3, 20))) for name in "ab"}
    maps = {name: torch.tensor(rng.normal(size=(1, 3, 4, 6))) for name in "ab"}
    one = [Gram(Two(), targets, layers=[name]).value(maps) for name in "ab"]
    cases = {None: (0.5, 0.5), 1.0: (1, 1), (2, 3): (2, 3)}
    for given, weights in cases.items():
        given = dict(zip("ab", given, strict=True)) if isinstance(given, tuple) else given
        found = Gram(Two(), targets, weights=given).value(maps)
        assert float(found) == pytest.approx(
            float(weights[0] * one[0] + weights[1] * one[1]), rel=1e-9
        )


# -- Gram matrices ----------------------------------------------------------------------------


def test_gram_is_as_published_and_as_the_score():
    rng = np.random.default_rng(13)
    points, targets = rng.normal(size=(50, 4)), rng.normal(size=(70, 4))
    found, wanted = points.T @ points / 50, targets.T @ targets / 70
    square = np.square(found - wanted).sum()
    expected = {"published": square / (4 * 4**2), "relative": square / np.square(wanted).sum()}
    for scale, value in expected.items():
        loss = Gram(Points(), cloud(targets), scale=scale)
        assert float(loss.value(cloud(points))) == pytest.approx(value)
        assert float(loss.value(cloud(targets))) < 1e-20
        maps = cloud(points[:5])["points"].requires_grad_()
        assert torch.autograd.gradcheck(lambda x, loss=loss: loss.value({"points": x}), maps)
    with pytest.raises(TextoError, match="scale: is 'other'"):
        Gram(Points(), cloud(targets), scale="other")


# -- sliced -----------------------------------------------------------------------------------


def sliced(targets, **options):
    return Sliced(Points(), cloud(targets), rng=np.random.default_rng(0), **options)


@pytest.mark.parametrize("n_targets", [40, 90, 13])
def test_sliced_distance_in_one_dimension_is_that_of_quantiles(n_targets):
    rng = np.random.default_rng(14)
    points, targets = rng.normal(size=40), rng.normal(2, 3, n_targets)
    ranks = (np.arange(40) + 0.5) / 40
    aims = np.interp(ranks, (np.arange(n_targets) + 0.5) / n_targets, np.sort(targets))
    value, slope = value_and_slope(sliced(targets[:, None], n_directions=3), points[:, None])
    assert value == pytest.approx(np.mean((np.sort(points) - aims) ** 2))
    expected = np.empty(40)
    expected[np.argsort(points)] = 2 / 40 * (np.sort(points) - aims)
    np.testing.assert_allclose(slope[:, 0], expected, atol=1e-12)


def test_sliced_distance_of_a_shift_is_its_square_over_the_dimension():
    rng = np.random.default_rng(15)
    points, shift = rng.normal(size=(30, 5)), np.array([1.0, -2, 0, 3, 1])
    loss = sliced(points + shift, n_directions=4000)
    value, slope = value_and_slope(loss, points)
    assert value == pytest.approx(shift @ shift / 5, rel=0.05)
    np.testing.assert_allclose(slope, np.tile(-2 / 30 / 5 * shift, (30, 1)), atol=0.01)


def test_sliced_blocks_of_directions_change_nothing(monkeypatch):
    rng = np.random.default_rng(16)
    points, targets = rng.normal(size=(30, 5)), rng.normal(size=(41, 5))
    whole = value_and_slope(sliced(targets), points)
    monkeypatch.setattr("neural.losses.matching.CPU_BLOCK", 90)
    parts = value_and_slope(sliced(targets), points)
    assert parts[0] == pytest.approx(whole[0])
    np.testing.assert_allclose(parts[1], whole[1], atol=1e-12)


def test_sliced_directions_are_new_each_time_and_repeat_for_a_seed():
    rng = np.random.default_rng(17)
    points, targets = rng.normal(size=(30, 5)), rng.normal(size=(41, 5))
    first, second = sliced(targets), sliced(targets)
    values = [value_and_slope(loss, points)[0] for loss in (first, first, second)]
    assert values[0] != values[1]
    assert values[0] == values[2]
