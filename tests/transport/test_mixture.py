"""Gaussian mixtures against scipy's densities."""

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from texto.transport.mixture import GaussianMixture


def mixture(k=4, dimension=3, diagonal=False, seed=0):
    rng = np.random.default_rng(seed)
    weights = rng.random(k) + 0.2
    factors = rng.standard_normal((k, dimension, dimension))
    full = factors @ np.swapaxes(factors, 1, 2) + 0.1 * np.eye(dimension)
    covariances = np.diagonal(full, axis1=1, axis2=2).copy() if diagonal else full
    means = rng.standard_normal((k, dimension))
    return GaussianMixture(weights / weights.sum(), means, covariances)


def log_joint(model, points):
    columns = [
        np.log(weight)
        + multivariate_normal(mean, np.diag(covariance) if model.diagonal else covariance).logpdf(
            points
        )
        for weight, mean, covariance in zip(
            model.weights, model.means, model.covariances, strict=True
        )
    ]
    return np.column_stack(columns)


@pytest.mark.parametrize("diagonal", [False, True])
@pytest.mark.parametrize(("k", "dimension"), [(1, 1), (4, 3), (6, 20)])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_log_joint_is_the_log_density(diagonal, k, dimension, kind):
    model = mixture(k, dimension, diagonal)
    points = 2 * np.random.default_rng(1).standard_normal((50, dimension))
    found = model.log_joint(points.astype(kind))
    assert found.shape == (50, k) and found.dtype == np.float32
    assert np.allclose(found, log_joint(model, points), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("diagonal", [False, True])
def test_responsibilities_are_the_posterior(diagonal):
    model = mixture(diagonal=diagonal)
    points = np.random.default_rng(2).standard_normal((60, 3))
    joint = log_joint(model, points)
    expected = np.exp(joint - logsumexp(joint, axis=1, keepdims=True))
    assert np.allclose(model.responsibilities(points), expected, atol=1e-4)


@pytest.mark.parametrize("distance", [0, 1e3, 1e6, 1e9])
@pytest.mark.parametrize("diagonal", [False, True])
def test_far_away_responsibilities_still_sum_to_one(distance, diagonal):
    model = mixture(diagonal=diagonal)
    points = np.random.default_rng(3).standard_normal((20, 3)) + distance
    shares = model.responsibilities(points)
    assert np.isfinite(shares).all() and shares.min() >= 0
    assert np.allclose(shares.sum(axis=1), 1, atol=1e-5)


def test_an_empty_component_takes_nothing():
    full = mixture()
    model = GaussianMixture(np.array([0.5, 0, 0.25, 0.25]), full.means, full.covariances)
    points = np.random.default_rng(4).standard_normal((20, 3))
    shares = model.responsibilities(points)
    assert (shares[:, 1] == 0).all() and np.allclose(shares.sum(axis=1), 1, atol=1e-5)
    kept = model.restricted(model.weights > 0)
    assert np.allclose(kept.responsibilities(points), shares[:, [0, 2, 3]], atol=1e-6)


def test_restricted_scales_the_weights_to_one():
    model = mixture()
    kept = model.restricted(np.array([True, False, True, False]))
    assert kept.n_components == 2 and kept.weights.sum() == pytest.approx(1)
    assert kept.weights[0] / kept.weights[1] == pytest.approx(model.weights[0] / model.weights[2])
    assert np.array_equal(kept.means, model.means[[0, 2]])
    assert np.array_equal(kept.covariances, model.covariances[[0, 2]])


def test_diagonal_agrees_with_the_same_full_covariances():
    diagonal = mixture(diagonal=True)
    full = GaussianMixture(
        diagonal.weights, diagonal.means, np.array([np.diag(v) for v in diagonal.covariances])
    )
    points = np.random.default_rng(5).standard_normal((40, 3))
    assert np.allclose(diagonal.log_joint(points), full.log_joint(points), atol=1e-3)
    assert diagonal.diagonal and not full.diagonal
