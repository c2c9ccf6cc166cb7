"""Transport between Gaussians: closed forms, POT's functions, and A S0 A = S1."""

import numpy as np
import pytest

from texto.transport.gaussian import bures_cost, matrix_power, monge_matrices


def covariances(k, dimension, seed=0, ridge=0.05):
    factors = np.random.default_rng(seed).standard_normal((k, dimension, dimension))
    return factors @ np.swapaxes(factors, 1, 2) / dimension + ridge * np.eye(dimension)


def means(k, dimension, seed=1):
    return np.random.default_rng(seed).standard_normal((k, dimension))


@pytest.mark.parametrize("dimension", [1, 2, 5, 48])
def test_equal_gaussians_cost_nothing(dimension):
    centres, spreads = means(3, dimension), covariances(3, dimension)
    cost = bures_cost(centres, spreads, centres, spreads)
    assert cost.shape == (3, 3)
    assert np.allclose(np.diag(cost), 0, atol=1e-6) and cost.min() >= 0
    assert np.allclose(cost, cost.T, atol=1e-8)


def test_in_one_dimension_it_is_the_difference_of_means_and_deviations():
    rng = np.random.default_rng(2)
    m0, m1, s0, s1 = rng.random(4), rng.random(5), rng.random(4) + 0.1, rng.random(5) + 0.1
    expected = (m0[:, None] - m1) ** 2 + (s0[:, None] - s1) ** 2
    full = bures_cost(m0[:, None], s0[:, None, None] ** 2, m1[:, None], s1[:, None, None] ** 2)
    diagonal = bures_cost(m0[:, None], s0[:, None] ** 2, m1[:, None], s1[:, None] ** 2)
    assert np.allclose(full, expected) and np.allclose(diagonal, expected)


def test_commuting_covariances_compare_their_roots():
    axes = np.linalg.qr(np.random.default_rng(3).standard_normal((6, 6)))[0]
    v0, v1 = np.random.default_rng(4).random((2, 6)) + 0.1
    s0, s1 = ((axes * values) @ axes.T for values in (v0, v1))
    cost = bures_cost(np.zeros((1, 6)), s0[None], np.ones((1, 6)), s1[None])
    assert cost[0, 0] == pytest.approx(6 + np.square(np.sqrt(v0) - np.sqrt(v1)).sum())
    linear = monge_matrices(s0[None], s1[None])[0, 0]
    assert np.allclose(linear, (axes * np.sqrt(v1 / v0)) @ axes.T)


def test_the_diagonal_form_is_the_full_form():
    rng = np.random.default_rng(5)
    m0, m1 = means(3, 4), means(5, 4, seed=9)
    v0, v1 = rng.random((3, 4)) + 0.1, rng.random((5, 4)) + 0.1
    s0, s1 = (np.einsum("kd,de->kde", v, np.eye(4)) for v in (v0, v1))
    assert np.allclose(bures_cost(m0, v0, m1, v1), bures_cost(m0, s0, m1, s1))
    small, full = monge_matrices(v0, v1), monge_matrices(s0, s1)
    assert small.shape == (3, 5, 4) and full.shape == (3, 5, 4, 4)
    assert np.allclose(np.einsum("kld,de->klde", small, np.eye(4)), full)


@pytest.mark.parametrize("dimension", [1, 3, 10])
def test_pots_functions_agree(dimension):
    import ot

    m0, m1 = means(2, dimension), means(3, dimension, seed=7)
    s0, s1 = covariances(2, dimension), covariances(3, dimension, seed=8)
    cost, linear = bures_cost(m0, s0, m1, s1), monge_matrices(s0, s1)
    for k in range(2):
        for l in range(3):
            theirs = ot.gaussian.bures_wasserstein_distance(m0[k], m1[l], s0[k], s1[l])
            assert np.sqrt(cost[k, l]) == pytest.approx(float(theirs))
            matrix, _ = ot.gaussian.bures_wasserstein_mapping(m0[k], m1[l], s0[k], s1[l])
            assert np.allclose(linear[k, l], matrix)
    assert np.allclose(cost, ot.gmm.dist_bures_squared(m0, m1, s0, s1))


@pytest.mark.parametrize("dimension", [1, 4, 32])
@pytest.mark.parametrize("ridge", [0.05, 1e-6])
def test_the_monge_map_is_symmetric_positive_and_pushes_s0_to_s1(dimension, ridge):
    s0, s1 = (covariances(3, dimension, seed, ridge) for seed in (10, 11))
    linear = monge_matrices(s0, s1)
    pushed = linear @ s0[:, None] @ linear
    assert np.allclose(pushed, np.broadcast_to(s1[None], pushed.shape), atol=1e-6)
    scale = np.abs(linear).max(axis=(2, 3), keepdims=True)
    assert (np.abs(linear - np.swapaxes(linear, 2, 3)) <= 1e-7 * scale).all()
    assert np.linalg.eigvalsh((linear + np.swapaxes(linear, 2, 3)) / 2).min() > -1e-7 * scale.max()


def test_the_cost_is_the_mean_displacement_of_the_map():
    m0, m1 = means(2, 3), means(2, 3, seed=12)
    s0, s1 = covariances(2, 3), covariances(2, 3, seed=13)
    cost, linear = bures_cost(m0, s0, m1, s1), monge_matrices(s0, s1)
    for k in range(2):
        for l in range(2):
            step = linear[k, l] - np.eye(3)
            moved = np.square(m1[l] - m0[k]).sum() + np.trace(step @ s0[k] @ step)
            assert cost[k, l] == pytest.approx(moved)


def test_the_map_to_itself_is_the_identity():
    spreads = covariances(3, 6)
    linear = monge_matrices(spreads, spreads)
    assert np.allclose(linear[range(3), range(3)], np.eye(6), atol=1e-7)


@pytest.mark.parametrize("rank", [0, 1, 3])
def test_singular_targets_are_fine(rank):
    factor = np.random.default_rng(14).standard_normal((5, rank))
    target = (factor @ factor.T)[None]
    source = covariances(1, 5)
    cost = bures_cost(np.zeros((1, 5)), source, np.zeros((1, 5)), target)
    linear = monge_matrices(source, target)[0, 0]
    assert np.isfinite(cost).all()
    assert np.allclose(linear @ source[0] @ linear, target[0], atol=1e-6)
    if rank == 0:
        assert cost[0, 0] == pytest.approx(np.trace(source[0]))


@pytest.mark.parametrize("power", [0.5, -0.5, 2.0, 1.0, -1.0])
def test_matrix_powers(power):
    matrices = covariances(4, 5).reshape(2, 2, 5, 5)
    found = matrix_power(matrices, power)
    expected = {
        0.5: lambda a: found @ found - a,
        -0.5: lambda a: found @ a @ found - np.eye(5),
        2.0: lambda a: found - a @ a,
        1.0: lambda a: found - a,
        -1.0: lambda a: found @ a - np.eye(5),
    }[power](matrices)
    assert found.shape == (2, 2, 5, 5) and np.allclose(expected, 0, atol=1e-8)


@pytest.mark.parametrize("diagonal", [False, True])
def test_chosen_pairs_are_those_of_all(diagonal):
    s0, s1 = covariances(3, 4), covariances(5, 4, seed=15)
    if diagonal:
        s0, s1 = (np.diagonal(s, axis1=1, axis2=2).copy() for s in (s0, s1))
    pairs = np.array([[2, 0], [0, 4], [2, 3], [0, 0]])
    every = monge_matrices(s0, s1)
    assert np.allclose(monge_matrices(s0, s1, pairs), every[pairs[:, 0], pairs[:, 1]])
