"""Exact plans against scipy's assignment, and refusals where POT's solver would crash."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment, linprog

from texto.transport.plan import exact_plan


@pytest.mark.parametrize("n", [1, 2, 7, 60])
def test_equal_weights_give_the_best_assignment(n):
    cost = np.random.default_rng(n).random((n, n))
    plan = exact_plan(np.full(n, 1 / n), np.full(n, 1 / n), cost)
    rows, columns = linear_sum_assignment(cost)
    assert (plan * cost).sum() == pytest.approx(cost[rows, columns].mean())
    assert plan[rows, columns] == pytest.approx(np.full(n, 1 / n))


@pytest.mark.parametrize(("n", "m"), [(1, 5), (4, 1), (5, 7), (12, 9)])
def test_the_cost_is_the_linear_programs(n, m):
    rng = np.random.default_rng(n + m)
    source, target, cost = rng.dirichlet(np.ones(n)), rng.dirichlet(np.ones(m)), rng.random((n, m))
    plan = exact_plan(source, target, cost)
    constraints = np.vstack(
        [np.kron(np.eye(n), np.ones((1, m))), np.kron(np.ones((1, n)), np.eye(m))]
    )
    best = linprog(cost.ravel(), A_eq=constraints, b_eq=np.concatenate([source, target]))
    assert (plan * cost).sum() == pytest.approx(best.fun, abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(1, 9),
    m=st.integers(1, 9),
    scale=st.sampled_from([0.0, 1e-9, 1.0, 1e9]),
)
def test_marginals_sign_and_size_of_the_support(seed, n, m, scale):
    rng = np.random.default_rng(seed)
    source, target = rng.dirichlet(np.full(n, 0.4)), rng.dirichlet(np.full(m, 0.4))
    plan = exact_plan(source, target, scale * rng.standard_normal((n, m)))
    assert plan.shape == (n, m) and plan.min() >= 0
    assert np.allclose(plan.sum(axis=1), source, atol=1e-9)
    assert np.allclose(plan.sum(axis=0), target, atol=1e-9)
    assert np.count_nonzero(plan) <= n + m - 1  # a vertex of the polytope


def test_a_cloud_to_itself_costs_nothing():
    points = np.random.default_rng(0).random((30, 4))
    cost = np.square(points[:, None] - points[None]).sum(axis=2)
    weights = np.random.default_rng(1).dirichlet(np.ones(30))
    assert np.allclose(exact_plan(weights, weights, cost), np.diag(weights))


def test_weights_without_mass_take_no_part():
    plan = exact_plan(np.array([0, 1.0]), np.array([0.5, 0, 0.5]), np.ones((2, 3)))
    assert np.allclose(plan, [[0, 0, 0], [0.5, 0, 0.5]])


def test_any_float_type_and_order_is_accepted_and_left_alone():
    rng = np.random.default_rng(2)
    source, target = rng.random(6).astype(np.float32), rng.random(8)[::-1]
    cost = np.asfortranarray(rng.random((6, 8)).astype(np.float32))
    before = [array.copy() for array in (source, target, cost)]
    plan = exact_plan(source, target, cost)
    assert np.allclose(plan.sum(axis=1), source / source.sum(), atol=1e-6)
    assert np.allclose(plan.sum(axis=0), target / target.sum(), atol=1e-6)
    for array, old in zip((source, target, cost), before, strict=True):
        assert np.array_equal(array, old)


HALF = np.array([0.5, 0.5])


@pytest.mark.parametrize(
    ("source", "target", "cost"),
    [
        (np.zeros(0), np.zeros(0), np.zeros((0, 0))),
        (HALF, np.zeros(0), np.zeros((2, 0))),
        (np.zeros(0), HALF, np.zeros((0, 2))),
        (HALF, HALF, np.array([[0, np.nan], [1, 0]])),
        (HALF, HALF, np.full((2, 2), np.nan)),
        (HALF, HALF, np.array([[0, np.inf], [1, 0]])),
        (HALF, HALF, np.array([[0, -np.inf], [1, 0]])),
        (np.array([1.5, -0.5]), HALF, np.ones((2, 2))),
        (HALF, np.array([np.nan, 1]), np.ones((2, 2))),
        (HALF, np.array([np.inf, 1]), np.ones((2, 2))),
        (np.zeros(2), HALF, np.ones((2, 2))),
        (HALF, HALF, np.ones((2, 3))),
        (HALF, np.ones(3) / 3, np.ones((2, 2))),
        (np.full((1, 2), 0.5), HALF, np.ones((2, 2))),
    ],
)
def test_what_would_crash_the_solver_or_empty_the_plan_is_refused(source, target, cost):
    with pytest.raises(ValueError, match=r"weights|cost"):
        exact_plan(source, target, cost)


def test_a_plan_that_the_solver_did_not_find_is_refused(monkeypatch):
    import ot

    monkeypatch.setattr(ot, "emd", lambda *_, **__: np.zeros((2, 2)))
    with pytest.raises(ValueError, match="no plan"):
        exact_plan(HALF, HALF, np.ones((2, 2)))
