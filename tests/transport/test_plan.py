"""Exact plans against scipy's assignment, and refusals where POT's solver would crash."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment, linprog

from texto.transport import plan as plans
from texto.transport.plan import (
    entropic_potentials,
    exact_plan,
    extended_potential,
    optimal_assignment,
    squared_costs,
)


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

    monkeypatch.setattr(ot, "emd", lambda *_, **__: (np.zeros((2, 2)), {"warning": None}))
    with pytest.raises(ValueError, match="no plan"):
        exact_plan(HALF, HALF, np.ones((2, 2)))


# -- assignments and potentials -----------------------------------------------------------------


def clouds(n, m, dimension=3, seed=0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    return rng.random((n, dimension)).astype(dtype), rng.random((m, dimension)).astype(dtype)


@pytest.mark.parametrize("n", [1, 2, 5, 80])
@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
def test_the_assignment_is_a_permutation_of_least_cost(n, scale):
    cost = scale * np.random.default_rng(n).random((n, n))
    found = optimal_assignment(cost)
    rows, columns = linear_sum_assignment(cost)
    assert np.array_equal(np.sort(found), np.arange(n))
    assert cost[np.arange(n), found].sum() == pytest.approx(cost[rows, columns].sum())


@pytest.mark.parametrize("distinct", [1, 2, 10])
def test_ties_still_give_a_permutation(distinct):
    cost = np.random.default_rng(0).integers(0, distinct, (150, 150)).astype(float)
    found = optimal_assignment(cost)
    assert np.array_equal(np.sort(found), np.arange(150))


def test_points_on_a_line_are_assigned_in_order():
    first, second = clouds(60, 60, 1)
    found = optimal_assignment(squared_costs(first, second))
    order = np.argsort(first[:, 0])
    assert (np.diff(second[found[order], 0]) > 0).all()


@pytest.mark.parametrize("cost", [np.zeros((2, 3)), np.zeros(4), np.full((2, 2), np.nan)])
def test_no_assignment_of_a_bad_cost(cost):
    with pytest.raises(ValueError, match="cost"):
        optimal_assignment(cost)


@pytest.mark.parametrize(("n", "m"), [(1, 1), (20, 20), (30, 17)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_potentials_make_a_plan_with_equal_marginals(n, m, dtype):
    first, second = clouds(n, m, dtype=dtype)
    cost, reg = squared_costs(first, second), 0.05
    phi, psi = entropic_potentials(cost, reg=reg, n_iter=2000, tolerance=1e-5)
    plan = np.exp((phi[:, None] + psi - cost) / reg) / (n * m)
    assert phi.shape == (n,) and psi.shape == (m,)
    assert np.allclose(plan.sum(axis=0), 1 / m, rtol=2e-3)
    assert np.allclose(plan.sum(axis=1), 1 / n, rtol=2e-3)


def test_small_regularisation_gives_the_exact_cost_and_assignment():
    first, second = clouds(12, 12)
    cost = squared_costs(first, second)
    phi, psi = entropic_potentials(cost, reg=5e-4, n_iter=5000, tolerance=1e-6)
    exact = optimal_assignment(cost)
    best = cost[np.arange(12), exact].mean()
    assert phi.mean() + psi.mean() == pytest.approx(best, abs=2e-3)
    assert np.array_equal((cost - psi).argmin(axis=1), exact)


@pytest.mark.parametrize("shift", [-3.0, 0.0, 1e4])
def test_potentials_move_with_the_cost(shift):
    first, second = clouds(12, 9)
    cost = squared_costs(first, second)
    phi, psi = entropic_potentials(cost, reg=0.1)
    moved = entropic_potentials(cost + shift, reg=0.1)
    assert np.allclose(moved[0][:, None] + moved[1], phi[:, None] + psi + shift, atol=1e-6)


@pytest.mark.parametrize("reg", [1e-6, 1e-3, 1e3])
@pytest.mark.parametrize("cost", [np.zeros((4, 4)), np.eye(5), 1e6 * np.eye(3)])
def test_potentials_are_finite_without_a_warning(cost, reg):
    for potential in entropic_potentials(cost, reg=reg, n_iter=5):
        assert np.isfinite(potential).all()


@pytest.mark.parametrize(
    ("cost", "reg"),
    [
        (np.zeros((0, 2)), 1.0),
        (np.zeros(3), 1.0),
        (np.full((2, 2), np.nan), 1.0),
        (np.full((2, 2), np.inf), 1.0),
        *((np.ones((2, 2)), reg) for reg in (0.0, -1.0, np.nan, np.inf)),
    ],
)
def test_bad_entropic_problems_are_refused(cost, reg):
    with pytest.raises(ValueError, match=r"cost|reg"):
        entropic_potentials(cost, reg=reg)


@pytest.mark.parametrize("block", [1, 100, 1 << 21])
def test_the_extension_agrees_with_the_potentials_where_both_are_known(block, monkeypatch):
    monkeypatch.setattr(plans, "BLOCK", block)
    first, second = clouds(40, 30)
    cost, reg = squared_costs(first, second), 0.05
    phi, psi = entropic_potentials(cost, reg=reg, n_iter=5000, tolerance=1e-8)
    assert np.allclose(extended_potential(second, first, phi, reg=reg), psi, atol=1e-5)


def test_the_extension_tends_to_the_c_transform():
    first, second = clouds(40, 30)
    phi = np.random.default_rng(5).random(40)
    exact = (squared_costs(second, first) - phi).min(axis=1)
    assert np.allclose(extended_potential(second, first, phi, reg=1e-5), exact, atol=1e-3)


@pytest.mark.parametrize("offset", [0.0, 1e3])
def test_squared_costs(offset):
    first, second = (points + np.float32(offset) for points in clouds(7, 9, dtype=np.float32))
    plain = np.square(first[:, None] - second[None]).sum(axis=2)
    assert np.allclose(squared_costs(first, second), plain, atol=1e-3 if offset else 1e-6)
