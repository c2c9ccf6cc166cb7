"""The posterior and its potentials against closed forms and POT."""

import numpy as np
import pytest

from texto.transport.posterior import _use, balance, posterior
from texto.transport.pot_import import pot

EPSILON = 0.3


@pytest.fixture(scope="module")
def costs():
    """(400, 30): squared distances of points in the plane, some samples far from all queries."""
    rng = np.random.default_rng(0)
    queries, samples = rng.random((400, 2)), rng.random((30, 2)) + np.array([0.3, 0])
    return np.square(queries[:, None] - samples).sum(axis=2).astype(np.float32)


@pytest.fixture(scope="module")
def masses():
    weights = np.random.default_rng(1).random(30) + 0.5
    return (weights / weights.sum()).astype(np.float32)


def used(costs, potentials):
    return posterior(costs - potentials, EPSILON).mean(axis=0)


def test_the_posterior_is_the_closed_form(costs):
    costs = costs.copy()
    costs[0, :29] = np.inf
    weights = posterior(costs, EPSILON)
    assert weights.dtype == np.float32
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-6)
    expected = np.exp(-costs.astype(np.float64) / EPSILON)
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(weights, expected, rtol=1e-5)
    assert weights[0, 29] == 1


def test_far_costs_do_not_underflow():
    weights = posterior(np.array([[1e6, 1e6 + 1]], np.float32), 1.0)
    np.testing.assert_allclose(weights, [[1 / (1 + np.exp(-1)), 1 / (1 + np.e)]], rtol=1e-5)


def test_potentials_hold_the_marginal_and_are_those_of_sinkhorn(costs, masses):
    free = used(costs, 0)
    potentials = balance(costs, np.zeros(30, np.float32), masses, EPSILON, 300)
    assert np.abs(free / masses - 1).max() > 0.5, "nothing to balance"
    np.testing.assert_allclose(used(costs, potentials), masses, rtol=0.03)
    assert abs(potentials.mean()) < 1e-5
    queries = np.full(400, 1 / 400)
    _, log = pot().sinkhorn(
        queries, masses / masses.sum(dtype=np.float64), costs.astype(np.float64), EPSILON, log=True
    )
    expected = EPSILON * np.log(log["v"])
    np.testing.assert_allclose(potentials, expected - expected.mean(), atol=0.03 * EPSILON)


def test_potentials_go_on_from_where_they_were(costs, masses):
    whole = balance(costs, np.zeros(30, np.float32), masses, EPSILON, 7)
    part = balance(costs, np.zeros(30, np.float32), masses, EPSILON, 4)
    np.testing.assert_allclose(balance(costs, part, masses, EPSILON, 3), whole, atol=1e-6)


def test_the_exponential_of_squarings():
    rates = np.linspace(0, 30, 301).astype(np.float32)
    both = np.zeros((301, 2), np.float32)
    for row, cost in zip(both, rates, strict=True):
        _use(np.array([[0, cost]], np.float32), np.zeros(2, np.float32), np.float32(1), row)
    np.testing.assert_allclose(both.sum(axis=1), 1, rtol=1e-6)
    ratios, exact = both[:, 1] / both[:, 0], np.exp(-rates.astype(np.float64))
    near = rates < 9
    np.testing.assert_allclose(ratios[near], exact[near], rtol=0.01)
    assert (ratios[~near] <= 1.01 * np.exp(-9)).all() and (ratios >= 0).all()
