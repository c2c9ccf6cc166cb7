"""Between Gaussian mixtures: closed forms, geodesics, marginals, and what the barycentre costs."""

import itertools

import numpy as np
import pytest

from texto.transport.barycenter import (
    barycenter_cost,
    bures_geodesic,
    gaussian_barycenters,
    glued,
    gmm_barycenter,
    interpolated,
)
from texto.transport.gaussian import bures_cost, monge_matrices
from texto.transport.gmm_map import gmm_plan
from texto.transport.mixture import GaussianMixture

PAIR = np.array([[0, 0]])


def covariances(k, dimension, seed=0, ridge=0.05):
    factors = np.random.default_rng(seed).standard_normal((k, dimension, dimension))
    return factors @ np.swapaxes(factors, 1, 2) / dimension + ridge * np.eye(dimension)


def mixture(k, dimension=3, seed=0, *, diagonal=False):
    rng = np.random.default_rng(seed)
    spread = rng.random((k, dimension)) + 0.1 if diagonal else covariances(k, dimension, seed)
    return GaussianMixture(
        rng.dirichlet(np.ones(k)), 3 * rng.standard_normal((k, dimension)), spread
    )


def distance(first, second):
    """W2 between centred Gaussians (d, d)."""
    centre = np.zeros((1, len(first)))
    return np.sqrt(bures_cost(centre, first[None], centre, second[None])[0, 0])


# -- Gaussians --------------------------------------------------------------------------------


def test_geodesic_of_commuting_covariances_interpolates_their_roots():
    axes = np.linalg.qr(np.random.default_rng(3).standard_normal((5, 5)))[0]
    v0, v1 = np.random.default_rng(4).random((2, 5)) + 0.1
    s0, s1 = ((axes * values) @ axes.T for values in (v0, v1))
    for time in (0, 0.3, 1):
        expected = (axes * ((1 - time) * np.sqrt(v0) + time * np.sqrt(v1)) ** 2) @ axes.T
        assert np.allclose(bures_geodesic(s0[None], s1[None], PAIR, time)[0], expected)
        diagonal = bures_geodesic(v0[None], v1[None], PAIR, time)[0]
        assert np.allclose((axes * diagonal) @ axes.T, expected)


@pytest.mark.parametrize("time", [0.2, 0.5, 0.9])
def test_geodesic_has_constant_speed(time):
    s0, s1 = covariances(2, 6)
    between = bures_geodesic(s0[None], s1[None], PAIR, time)[0]
    whole = distance(s0, s1)
    assert distance(s0, between) == pytest.approx(time * whole, rel=1e-6)
    assert distance(between, s1) == pytest.approx((1 - time) * whole, rel=1e-6)


def test_geodesic_is_the_same_from_both_ends_and_batched():
    first, second = covariances(3, 4, seed=1), covariances(2, 4, seed=2)
    pairs = np.array([[0, 1], [2, 0], [1, 1]])
    forth = bures_geodesic(first, second, pairs, 0.3)
    back = bures_geodesic(second, first, pairs[:, ::-1], 0.7)
    assert forth.shape == (3, 4, 4) and np.allclose(forth, back)
    assert np.array_equal(forth, np.swapaxes(forth, 1, 2))
    for pair, found in zip(pairs, forth, strict=True):
        alone = bures_geodesic(first[pair[:1]], second[pair[1:]], PAIR, 0.3)[0]
        assert np.allclose(found, alone)


def test_barycentre_of_two_gaussians_is_on_their_geodesic():
    s0, s1 = covariances(2, 8)
    found = gaussian_barycenters(np.stack([s0, s1])[None], np.array([0.7, 0.3]))[0]
    assert np.allclose(found, bures_geodesic(s0[None], s1[None], PAIR, 0.3)[0], atol=1e-7)


def test_barycentre_of_commuting_gaussians_averages_their_roots():
    variances = np.random.default_rng(5).random((4, 3, 6)) + 0.1
    weights = np.array([0.5, 0.2, 0.3])
    expected = np.square(np.einsum("r,prd->pd", weights, np.sqrt(variances)))
    assert np.allclose(gaussian_barycenters(variances, weights), expected)
    full = gaussian_barycenters(np.einsum("prd,de->prde", variances, np.eye(6)), weights)
    assert np.allclose(full, np.einsum("pd,de->pde", expected, np.eye(6)), atol=1e-8)


def test_barycentre_of_gaussians_satisfies_its_equation():
    # Agueh, Carlier 2011: the maps from the barycentre average to the identity.
    spreads, weights = covariances(3, 7), np.array([0.2, 0.5, 0.3])
    found = gaussian_barycenters(spreads[None], weights)
    maps = monge_matrices(found, spreads)[0]
    assert np.allclose(np.einsum("r,rde->de", weights, maps), np.eye(7), atol=1e-6)


# -- mixtures ---------------------------------------------------------------------------------


@pytest.mark.parametrize("diagonal", [False, True])
def test_weights_zero_and_one_give_the_mixtures(diagonal):
    first, second = mixture(4, seed=1, diagonal=diagonal), mixture(3, seed=2, diagonal=diagonal)
    plan = gmm_plan(first, second)
    for found, pure in ((interpolated(plan, 0), first), (interpolated(plan, 1), second)):
        assert np.array_equal(found.means, pure.means)
        assert np.array_equal(found.covariances, pure.covariances)
    assert gmm_barycenter([first, second], [0, 1]).n_components == 3
    near = interpolated(plan, 1e-9)
    assert gmm_plan(near, first).cost < 1e-6


@pytest.mark.parametrize("diagonal", [False, True])
@pytest.mark.parametrize("time", [0.25, 0.5])
def test_interpolation_has_constant_speed_and_few_components(diagonal, time):
    first, second = mixture(4, seed=1, diagonal=diagonal), mixture(5, seed=2, diagonal=diagonal)
    plan = gmm_plan(first, second)
    between = interpolated(plan, time)
    assert between.n_components <= 4 + 5 - 1 and between.diagonal == diagonal
    assert between.weights.sum() == pytest.approx(1) and between.weights.min() > 0
    assert gmm_plan(first, between).cost == pytest.approx(time**2 * plan.cost, rel=1e-6)
    assert gmm_plan(between, second).cost == pytest.approx((1 - time) ** 2 * plan.cost, rel=1e-6)


def test_interpolation_is_symmetric():
    first, second = mixture(3, seed=3), mixture(4, seed=4)
    forth = gmm_barycenter([first, second], [0.3, 0.7])
    back = gmm_barycenter([second, first], [0.7, 0.3])
    assert gmm_plan(forth, back).cost == pytest.approx(0, abs=1e-7)


def test_components_without_weight_do_not_matter():
    first, second = mixture(3, seed=3), mixture(2, seed=4)
    weights = np.append(first.weights, 0.0)
    padded = GaussianMixture(
        weights,
        np.append(first.means, [[99.0] * 3], axis=0),
        np.append(first.covariances, np.eye(3)[None], axis=0),
    )
    found = gmm_barycenter([padded, second], [0.5, 0.5])
    assert np.allclose(found.means, gmm_barycenter([first, second], [0.5, 0.5]).means)


def test_barycentre_of_single_gaussians_is_the_gaussian_barycentre():
    parts, weights = [mixture(1, seed=seed) for seed in (1, 2, 3)], [0.2, 0.5, 0.3]
    found = gmm_barycenter(parts, weights)
    spreads = np.stack([part.covariances[0] for part in parts])[None]
    assert found.n_components == 1
    assert np.allclose(found.means[0], np.dot(weights, [part.means[0] for part in parts]))
    assert np.allclose(found.covariances, gaussian_barycenters(spreads, np.array(weights)))


def test_barycentre_of_equal_mixtures_is_that_mixture():
    part = mixture(4, seed=6)
    found = gmm_barycenter([part] * 3, [0.2, 0.3, 0.5])
    assert gmm_plan(found, part).cost == pytest.approx(0, abs=1e-6)


def test_barycentre_of_three_is_the_best_multi_marginal_plan_of_points():
    # With equal covariances and equal weights the problem is discrete: try all assignments.
    rng = np.random.default_rng(0)
    spread = np.repeat(0.1 * np.eye(2)[None], 3, axis=0)
    third = np.full(3, 1 / 3)
    for _ in range(5):
        parts = [GaussianMixture(third, rng.standard_normal((3, 2)), spread) for _ in range(3)]
        best = min(
            _spread_of(parts, s, t)
            for s in itertools.permutations(range(3))
            for t in itertools.permutations(range(3))
        )
        found = gmm_barycenter(parts, third)
        reached = barycenter_cost(found, parts, third)
        assert best - 1e-9 <= reached <= 1.1 * best


def _spread_of(parts, s, t):
    means = np.stack([parts[0].means, parts[1].means[list(s)], parts[2].means[list(t)]])
    return float(np.square(means - means.mean(axis=0)).sum(axis=2).mean())


@pytest.mark.parametrize("diagonal", [False, True])
def test_barycentre_of_three_costs_no_more_than_any_of_them(diagonal):
    parts = [mixture(k, seed=k, diagonal=diagonal) for k in (3, 4, 5)]
    weights = [0.3, 0.3, 0.4]
    found = gmm_barycenter(parts, weights)
    cost = barycenter_cost(found, parts, weights)
    assert cost < min(barycenter_cost(part, parts, weights) for part in parts)
    assert cost < barycenter_cost(gmm_barycenter(parts[:2], [0.5, 0.5]), parts, weights)
    assert found.n_components <= 60
    if not diagonal:
        np.linalg.cholesky(found.covariances)
    mean = np.dot(weights, [part.weights @ part.means for part in parts])
    assert np.allclose(found.weights @ found.means, mean)


def test_glued_plans_keep_their_marginals():
    source, parts = mixture(5, seed=1), [mixture(k, seed=k) for k in (3, 4, 6)]
    matrices = [gmm_plan(source, part).matrix for part in parts]
    tuples, masses = glued(matrices)
    assert len(np.unique(tuples, axis=0)) == len(tuples) and masses.min() > 0
    for column, part in zip(tuples.T, parts, strict=True):
        assert np.allclose(np.bincount(column, masses), part.weights)
