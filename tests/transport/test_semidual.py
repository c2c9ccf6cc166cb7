"""Potentials of semi-discrete transport, in one layer and in two."""

import numpy as np
import pytest

from texto.transport.layered import Layers, cluster, solve_layers
from texto.transport.plan import exact_plan
from texto.transport.semidual import (
    Ascent,
    Average,
    Schedule,
    cell_masses,
    nearest,
    sampler,
    semidual_value,
    shortfall,
    solve_semidual,
)


def clouds(n=500, m=500, d=6, seed=0):
    """A Gaussian cloud and a skewed one elsewhere, (n, d) and (m, d) float32."""
    rng = np.random.default_rng(seed)
    source = rng.standard_normal((n, d))
    target = rng.exponential(np.linspace(0.5, 1.5, d), (m, d))
    return source.astype(np.float32), target.astype(np.float32)


def exact(source, target, weights=None):
    """The optimal cost and the plan."""
    cost = np.square(source[:, None].astype(float) - target[None]).sum(axis=2)
    masses = np.ones(len(target)) if weights is None else weights
    plan = exact_plan(np.ones(len(source)), masses, cost)
    return float((plan * cost).sum()), plan


def test_the_value_reaches_the_exact_cost():
    source, target = clouds(200, 200)
    potential = solve_semidual(
        source, target, rng=np.random.default_rng(0), schedule=Schedule(600, batch=200)
    )
    cost, _ = exact(source, target)
    value = semidual_value(target, potential, source)
    assert 0.99 * cost <= value <= cost + 1e-6
    assert semidual_value(target, np.zeros(200), source) < 0.9 * cost, "it was no problem at all"


def test_weights_that_differ_are_met():
    source, target = clouds(n=10_000, m=30)
    weights = np.random.default_rng(1).dirichlet(np.full(30, 2.0))
    potential = solve_semidual(
        source, target, rng=np.random.default_rng(0), weights=weights, schedule=Schedule(400, 1000)
    )
    masses = cell_masses(target, potential, source)
    assert np.abs(masses - weights).sum() < 0.05
    assert np.abs(cell_masses(target, np.zeros(30), source) - weights).sum() > 0.5
    part, _ = exact(source[:2000], target, weights)
    assert semidual_value(target, potential, source[:2000], weights=weights) <= part + 1e-6


@pytest.mark.parametrize("weighted", [False, True])
def test_equal_masses_of_a_continuous_law(weighted):
    rng = np.random.default_rng(3)
    target = clouds(m=40)[1]
    weights = np.linspace(1, 3, 40) / 80 if weighted else None
    potential = solve_semidual(
        lambda count: rng.standard_normal((count, 6), dtype=np.float32),
        target,
        rng=rng,
        weights=weights,
        schedule=Schedule(300, 1000),
    )
    masses = cell_masses(target, potential, rng.standard_normal((20_000, 6), dtype=np.float32))
    assert np.abs(masses - (1 / 40 if weights is None else weights)).sum() < 0.07
    assert abs(potential.mean()) < 1e-12


def test_the_super_gradient_is_the_slope_of_the_value():
    source, target = clouds(n=4000, m=12)
    rng = np.random.default_rng(2)
    potential, weights = rng.normal(0, 0.1, 12), rng.dirichlet(np.ones(12))
    slope = weights - cell_masses(target, potential, source)
    for j in range(12):
        ends = [potential + sign * 1e-3 * np.eye(12)[j] for sign in (1, -1)]
        high, low = (semidual_value(target, end, source, weights=weights) for end in ends)
        assert (high - low) / 2e-3 == pytest.approx(slope[j], abs=2e-3)


def test_the_value_is_concave_and_below_the_cost():
    source, target = clouds(n=300, m=200)
    rng = np.random.default_rng(4)
    first, second = rng.normal(0, 1, (2, 200))
    shares = np.linspace(0, 1, 21)
    values = [
        semidual_value(target, (1 - share) * first + share * second, source) for share in shares
    ]
    assert np.diff(values, 2).max() < 1e-5
    assert max(values) < exact(source, target)[0]
    raised = semidual_value(target, first + 5, source)
    assert raised == pytest.approx(values[0], abs=1e-5), "a constant changes nothing"


def test_an_ascent_step_moves_by_the_super_gradient():
    target = clouds(m=4)[1]
    ascent = Ascent(target, weights=np.array([0.5, 0.25, 0.25, 0.0]))
    ascent.step(np.array([0, 0, 1, 1, 1, 1, 2, 3]), rate=0.1)
    # expected 4, 2, 2, 0 of 8; the counts were 2, 4, 1, 1
    assert ascent.potential == pytest.approx([0.05, -0.1, 0.05, -0.1])
    assert np.array_equal(
        shortfall(np.array([4.0, 2, 0.5]), np.array([2, 4, 1])), [0.5, -1.0, -0.5]
    )


def test_nearest_is_the_biased_search():
    source, target = clouds(n=5000, m=700)
    potential = np.random.default_rng(0).normal(0, 0.5, 700)
    found = nearest(source, target, potential)
    assert np.array_equal(
        found[:50], [(((x - target) ** 2).sum(1) - potential).argmin() for x in source[:50]]
    )
    ascent = Ascent(target)
    ascent.potential = potential
    assert (ascent.assign(source) == found).mean() > 0.999


def test_a_tolerance_ends_the_ascent_early():
    source, target = clouds(n=20_000, m=50)
    drawn = []

    def draw(count):
        drawn.append(count)
        return source[np.random.default_rng(len(drawn)).integers(len(source), size=count)]

    potential = solve_semidual(
        draw, target, rng=np.random.default_rng(0), schedule=Schedule(100_000, tolerance=0.2)
    )
    assert len(drawn) < 1000
    assert np.abs(cell_masses(target, potential, source) - 1 / 50).sum() < 0.25
    drawn.clear()
    solve_layers(
        draw, target, rng=np.random.default_rng(0), schedule=Schedule(100_000, tolerance=0.3)
    )
    assert len(drawn) < 3000


def test_the_average_forgets_its_start():
    average = Average(np.array([1e9]))
    for number in range(1, 201):
        average.add(np.array([0.0 if number < 100 else 1.0]))
    assert 0.9 < average.value[0] < 1
    constant = Average(np.zeros(1))
    for _ in range(7):
        constant.add(np.array([3.0]))
    assert constant.value[0] == pytest.approx(3)


def test_a_cloud_is_drawn_without_repetition():
    cloud = np.arange(10.0)[:, None]
    draw = sampler(cloud, np.random.default_rng(0))
    first = np.concatenate([draw(4), draw(6)])[:, 0]
    assert sorted(first) == list(range(10)) and list(first) != list(range(10))
    assert np.bincount(draw(25)[:, 0].astype(int)).tolist() in [[2] * 10, *_one_more()]
    assert draw(25).shape == (25, 1)


def _one_more():
    """Every way in which 25 draws of 10 can come about: two or three of each."""
    from itertools import combinations

    for three in combinations(range(10), 5):
        yield [3 if k in three else 2 for k in range(10)]


# -- two layers -------------------------------------------------------------------------------


def test_two_layers_share_the_mass_out():
    source, target = clouds(n=20_000, m=200)
    weights = np.linspace(1, 2, 200) / 300
    for nu in (None, weights):
        layers, v1, v2 = solve_layers(
            source, target, rng=np.random.default_rng(0), weights=nu, schedule=Schedule(300, 1000)
        )
        found = layers.visit(source, v1, v2)
        masses = np.bincount(found, minlength=200) / len(found)
        expected = 1 / 200 if nu is None else nu
        assert np.abs(masses - expected).sum() < 0.12
        unmoved = np.bincount(layers.visit(source, 0 * v1, 0 * v2), minlength=200) / len(found)
        assert np.abs(unmoved - expected).sum() > 0.5
        cost = np.square(source - target[found]).sum(axis=1).mean()
        flat = solve_semidual(
            source, target, rng=np.random.default_rng(0), schedule=Schedule(100, 1000)
        )
        best = semidual_value(target, flat, source)
        assert cost < 1.5 * best


def test_a_visit_is_two_biased_searches():
    source, target = clouds(n=9000, m=300)
    layers = cluster(target, 17, rng=np.random.default_rng(0))
    rng = np.random.default_rng(1)
    v1, v2 = rng.normal(0, 0.2, len(layers.centres)), rng.normal(0, 0.2, 300)
    found = layers.visit(source, v1, v2)
    assert found.shape == (9000,)
    for x, j in list(zip(source, found, strict=True))[::301]:
        k = (np.square(x - layers.centres).sum(axis=1) - v1).argmin()
        inside = np.flatnonzero(layers.labels == k)
        assert j == inside[(np.square(x - target[inside]).sum(axis=1) - v2[inside]).argmin()]
    assert layers.visit(source[:0], v1, v2).shape == (0,)


def test_one_cluster_is_one_layer():
    source, target = clouds(n=2000, m=50)
    layers = Layers(target, np.zeros(50, np.intp), target.mean(axis=0, keepdims=True))
    potential = np.random.default_rng(0).normal(0, 0.3, 50)
    found = layers.visit(source, np.zeros(1), potential)
    assert (found == nearest(source, target, potential)).mean() > 0.999


def test_clusters_are_never_empty():
    points = np.repeat(np.eye(3, dtype=np.float32), 40, axis=0)
    layers = cluster(points, 10, rng=np.random.default_rng(0))
    assert np.array_equal(np.unique(layers.labels), np.arange(3))
    assert np.allclose(layers.centres[layers.labels], points, atol=1e-6)
    constant = cluster(np.ones((9, 2), np.float32), 3, rng=np.random.default_rng(0))
    assert constant.centres.tolist() == [[1, 1]]


@pytest.mark.parametrize("solve", [solve_semidual, solve_layers])
def test_the_same_seed_gives_the_same_bytes(solve):
    source, target = clouds(n=3000, m=200)

    def flat():
        found = solve(source, target, rng=np.random.default_rng(5), schedule=Schedule(20))
        arrays = found if isinstance(found, tuple) else (found,)
        return b"".join(a.tobytes() for a in arrays if isinstance(a, np.ndarray))

    assert flat() == flat()


@pytest.mark.parametrize("solve", [solve_semidual, solve_layers])
@pytest.mark.parametrize("target", [np.ones((5, 2)), np.zeros((1, 2))], ids=["equal", "single"])
def test_degenerate_targets_give_finite_potentials(solve, target):
    source = np.random.default_rng(0).standard_normal((50, 2), dtype=np.float32)
    found = solve(
        source, target.astype(np.float32), rng=np.random.default_rng(0), schedule=Schedule(20)
    )
    for array in found if isinstance(found, tuple) else (found,):
        if isinstance(array, np.ndarray):
            assert np.isfinite(array).all()


@pytest.mark.parametrize("scale", [1e-3, 255.0])
def test_potentials_follow_the_scale_of_the_data(scale):
    source, target = clouds(n=2000, m=64)
    small, large = (
        solve_semidual(
            np.float32(factor) * source,
            np.float32(factor) * target,
            rng=np.random.default_rng(0),
            schedule=Schedule(100, 256),
        )
        for factor in (1, scale)
    )
    assert np.allclose(large / scale**2, small, atol=0.05 * small.std())
