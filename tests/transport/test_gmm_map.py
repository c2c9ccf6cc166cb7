"""Mixture transport: POT's MW2, identities, affine maps, and moments of the random map."""

import numpy as np
import pytest

from texto.transport.gaussian import monge_matrices
from texto.transport.gmm_map import barycentric_map, gmm_plan, random_map
from texto.transport.mixture import GaussianMixture


def mixture(k, dimension=3, seed=0, diagonal=False, spread=2.0):
    rng = np.random.default_rng(seed)
    factors = rng.standard_normal((k, dimension, dimension)) / np.sqrt(dimension)
    full = factors @ np.swapaxes(factors, 1, 2) + 0.1 * np.eye(dimension)
    return GaussianMixture(
        rng.dirichlet(np.full(k, 5.0)),
        spread * rng.standard_normal((k, dimension)),
        np.diagonal(full, axis1=1, axis2=2).copy() if diagonal else full,
    )


def full(covariances):
    if covariances.ndim == 3:
        return covariances
    return np.array([np.diag(variances) for variances in covariances])


def draw(model, n, seed=1):
    rng = np.random.default_rng(seed)
    labels = rng.choice(model.n_components, n, p=model.weights)
    factors = np.linalg.cholesky(full(model.covariances))
    noise = np.einsum("nde,ne->nd", factors[labels], rng.standard_normal((n, len(factors[0]))))
    return (model.means[labels] + noise).astype(np.float32)


def moments(model):
    mean = model.weights @ model.means
    second = full(model.covariances) + np.einsum("kd,ke->kde", model.means, model.means)
    return mean, np.einsum("k,kde->de", model.weights, second) - np.outer(mean, mean)


@pytest.mark.parametrize(("k0", "k1"), [(1, 1), (3, 3), (4, 6), (5, 2)])
@pytest.mark.parametrize("dimension", [1, 3, 8])
def test_cost_and_plan_are_pots(k0, k1, dimension):
    import ot

    source, target = mixture(k0, dimension), mixture(k1, dimension, seed=1)
    plan = gmm_plan(source, target)
    arguments = (
        source.means,
        target.means,
        source.covariances,
        target.covariances,
        source.weights,
        target.weights,
    )
    assert plan.cost == pytest.approx(float(ot.gmm.gmm_ot_loss(*arguments)), abs=1e-9)
    assert np.allclose(plan.matrix, ot.gmm.gmm_ot_plan(*arguments), atol=1e-9)


@pytest.mark.parametrize("diagonal", [False, True])
def test_the_plan_has_the_weights_as_marginals(diagonal):
    source, target = mixture(4, diagonal=diagonal), mixture(6, seed=1, diagonal=diagonal)
    plan = gmm_plan(source, target)
    assert np.allclose(plan.matrix.sum(axis=1), source.weights)
    assert np.allclose(plan.matrix.sum(axis=0), target.weights)
    assert np.allclose(plan.shares.sum(axis=1), 1)


@pytest.mark.parametrize("diagonal", [False, True])
def test_a_mixture_to_itself_costs_nothing_and_moves_nothing(diagonal):
    model = mixture(4, diagonal=diagonal, spread=20.0)
    plan = gmm_plan(model, model)
    points = draw(model, 300)
    assert plan.cost == pytest.approx(0, abs=1e-6)
    assert np.allclose(barycentric_map(plan, points), points, atol=1e-3)
    assert np.allclose(random_map(plan, points, np.random.default_rng(0)), points, atol=1e-3)


@pytest.mark.parametrize("diagonal", [False, True])
def test_one_component_each_is_the_affine_monge_map(diagonal):
    source, target = mixture(1, diagonal=diagonal), mixture(1, seed=1, diagonal=diagonal)
    plan, points = gmm_plan(source, target), draw(source, 50)
    linear = monge_matrices(full(source.covariances), full(target.covariances))[0, 0]
    expected = target.means[0] + (points - source.means[0]) @ linear
    found = barycentric_map(plan, points)
    assert found.shape == points.shape and found.dtype == np.float32
    assert np.allclose(found, expected, atol=1e-4)
    drawn = random_map(plan, points, np.random.default_rng(0))
    assert drawn.dtype == np.float32 and np.allclose(drawn, expected, atol=1e-4)


@pytest.mark.parametrize("diagonal", [False, True])
def test_the_barycentric_map_is_the_papers_double_sum(diagonal):
    source, target = mixture(3, diagonal=diagonal), mixture(4, seed=1, diagonal=diagonal)
    plan, points = gmm_plan(source, target), draw(source, 40)
    shares = source.responsibilities(points).astype(np.float64)
    linear = monge_matrices(full(source.covariances), full(target.covariances))
    expected = np.zeros(points.shape)
    for k in range(3):
        for l in range(4):
            moved = target.means[l] + (points - source.means[k]) @ linear[k, l]
            expected += shares[:, k, None] * plan.matrix[k, l] / source.weights[k] * moved
    assert np.allclose(barycentric_map(plan, points), expected, atol=1e-3)


def test_the_random_maps_mean_over_draws_is_the_barycentric_map():
    source, target = mixture(3), mixture(4, seed=1)
    plan, points = gmm_plan(source, target), draw(source, 5)
    rng = np.random.default_rng(3)
    mean = random_map(plan, points.repeat(20_000, axis=0), rng).reshape(5, 20_000, 3).mean(axis=1)
    assert np.allclose(mean, barycentric_map(plan, points), atol=0.1)


@pytest.mark.parametrize("diagonal", [False, True])
@pytest.mark.parametrize("spread", [1.0, 10.0])
def test_the_random_map_gives_the_target_mixture(diagonal, spread):
    # pi_k g_k(x) shares of x ~ source give back N(m_k, S_k) within k, whatever the overlap
    source = mixture(3, diagonal=diagonal, spread=spread)
    target = mixture(5, seed=1, diagonal=diagonal, spread=spread)
    plan = gmm_plan(source, target)
    moved = random_map(plan, draw(source, 40_000), np.random.default_rng(2)).astype(np.float64)
    mean, covariance = moments(target)
    scale = np.sqrt(np.trace(covariance))
    assert np.allclose(moved.mean(axis=0), mean, atol=0.03 * scale)
    assert np.allclose(np.cov(moved.T), covariance, atol=0.06 * scale**2)


def test_separated_components_go_where_the_plan_says():
    source = GaussianMixture(np.array([0.5, 0.5]), np.array([[-50.0], [50.0]]), np.ones((2, 1, 1)))
    target = GaussianMixture(np.array([0.5, 0.5]), np.array([[40.0], [-60.0]]), np.ones((2, 1, 1)))
    plan = gmm_plan(source, target)
    assert np.allclose(plan.matrix, [[0, 0.5], [0.5, 0]])
    points = np.array([[-50.0], [-49.0], [50.0], [53.0]], np.float32)
    assert np.allclose(barycentric_map(plan, points), [[-60], [-59], [40], [43]], atol=1e-3)
    assert plan.cost == pytest.approx(100)


def test_empty_components_are_dropped():
    weights = np.array([0.4, 0, 0.6])
    base = mixture(3)
    source = GaussianMixture(weights, base.means, base.covariances)
    target = GaussianMixture(weights[::-1][[1, 0, 2]], base.means + 1, base.covariances)
    plan = gmm_plan(source, target)
    assert plan.source.n_components == plan.target.n_components == 2
    points = draw(base, 50)
    assert np.isfinite(barycentric_map(plan, points)).all()
    assert np.isfinite(random_map(plan, points, np.random.default_rng(0))).all()


@pytest.mark.parametrize("weight", [1e-6, 1e-12, 1e-17, 1e-300])
def test_a_component_of_hardly_any_weight_stays_finite(weight):
    base = mixture(2)
    source = GaussianMixture(np.array([1 - weight, weight]), base.means, base.covariances)
    for plan in (gmm_plan(source, mixture(3, seed=1)), gmm_plan(mixture(3, seed=1), source)):
        points = draw(base, 60)
        assert np.isfinite(barycentric_map(plan, points)).all()
        assert np.isfinite(random_map(plan, points, np.random.default_rng(0))).all()


def test_far_away_points_stay_finite():
    plan = gmm_plan(mixture(3), mixture(4, seed=1))
    points = np.array([[1e4, -1e4, 1e4], [0, 1e5, 0]], np.float32)
    assert np.isfinite(barycentric_map(plan, points)).all()
    assert np.isfinite(random_map(plan, points, np.random.default_rng(0))).all()


def test_same_generator_same_draws_and_the_barycentric_map_has_none():
    plan = gmm_plan(mixture(3), mixture(4, seed=1))
    points = draw(mixture(3), 500)
    draws = [random_map(plan, points, np.random.default_rng(seed)) for seed in (1, 1, 2)]
    assert np.array_equal(draws[0], draws[1]) and not np.array_equal(draws[0], draws[2])
    before = points.copy()
    assert np.array_equal(barycentric_map(plan, points), barycentric_map(plan, points))
    assert np.array_equal(points, before)
