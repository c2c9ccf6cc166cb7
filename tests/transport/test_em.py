"""EM against scikit-learn's, its invariants, and degenerate data."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import mixture as sklearn_mixture

from texto.transport.em import REGULARISATION, fit_mixture


def clusters(n=900, dimension=4, k=3, seed=0, spread=8.0):
    """Well separated Gaussian clusters with weights about 1/6, 2/6, 3/6."""
    rng = np.random.default_rng(seed)
    means = spread * rng.standard_normal((k, dimension))
    labels = rng.choice(k, n, p=np.arange(1, k + 1) / (k * (k + 1) / 2))
    factors = rng.standard_normal((k, dimension, dimension)) / np.sqrt(dimension)
    noise = np.einsum("nd,nde->ne", rng.standard_normal((n, dimension)), factors[labels])
    return (means[labels] + noise).astype(np.float32)


def fitted(points, k, *, seed=0, **options):
    return fit_mixture(points, k, rng=np.random.default_rng(seed), **options)


def full_covariances(mixture):
    return (
        np.array([np.diag(variances) for variances in mixture.covariances])
        if mixture.diagonal
        else mixture.covariances
    )


def assert_sound(mixture, dimension):
    assert mixture.weights.min() >= 0 and mixture.weights.sum() == pytest.approx(1)
    assert np.isfinite(mixture.means).all() and mixture.means.shape[1] == dimension
    for covariance in full_covariances(mixture):
        assert np.array_equal(covariance, covariance.T)
        assert np.linalg.eigvalsh(covariance)[0] > 0
        np.linalg.cholesky(covariance)


@pytest.mark.parametrize("kind", ["full", "diag"])
def test_agrees_with_scikit_learn_on_separated_clusters(kind):
    points = clusters()
    ours = fitted(points, 3, covariance=kind, n_iter=100, tolerance=1e-6, regularisation=1e-7)
    theirs = sklearn_mixture.GaussianMixture(
        3, covariance_type=kind, n_init=5, tol=1e-7, max_iter=300, random_state=0
    ).fit(points.astype(np.float64))
    order, other = (np.lexsort(m.T) for m in (ours.mixture.means, theirs.means_))
    assert np.allclose(ours.mixture.means[order], theirs.means_[other], atol=0.01)
    assert np.allclose(ours.mixture.weights[order], theirs.weights_[other], atol=1e-3)
    assert np.allclose(
        ours.mixture.covariances[order], theirs.covariances_[other], rtol=0.02, atol=0.01
    )
    assert ours.log_likelihood == pytest.approx(theirs.lower_bound_, abs=0.01)


@pytest.mark.parametrize("data", [0, 1, 2])
def test_the_best_likelihood_is_no_worse_than_scikit_learns(data):
    points = clusters(k=4, spread=1.5, seed=data, n=500)
    options = {"n_iter": 100, "tolerance": 1e-4, "regularisation": 1e-6}
    ours = max(fitted(points, 4, seed=seed, **options).log_likelihood for seed in range(8))
    theirs = sklearn_mixture.GaussianMixture(
        4, init_params="k-means++", tol=1e-4, n_init=8, random_state=data
    ).fit(points.astype(np.float64))
    assert ours >= theirs.lower_bound_ - 0.02


def test_where_we_stop_scikit_learn_stops_too():
    points = clusters(k=4, spread=1.5, seed=3)
    found = fitted(points, 4, n_iter=500, tolerance=1e-6, regularisation=1e-7)
    theirs = sklearn_mixture.GaussianMixture(
        4,
        weights_init=found.mixture.weights,
        means_init=found.mixture.means,
        precisions_init=np.linalg.inv(found.mixture.covariances),
        max_iter=50,
    ).fit(points.astype(np.float64))
    assert theirs.lower_bound_ == pytest.approx(found.log_likelihood, abs=0.01)
    assert np.allclose(theirs.means_, found.mixture.means, atol=0.1)


def test_the_stated_likelihood_is_the_mixtures():
    points = clusters()
    found = fitted(points, 3, n_iter=100, tolerance=1e-7, regularisation=1e-7)
    joint = found.mixture.log_joint(points).astype(np.float64)
    assert np.logaddexp.reduce(joint, axis=1).mean() == pytest.approx(
        found.log_likelihood, abs=1e-3
    )


@pytest.mark.parametrize("kind", ["full", "diag"])
def test_the_likelihood_never_falls(kind):
    points = clusters(k=4, spread=1.0, seed=3)
    path = [
        fitted(
            points, 4, covariance=kind, n_iter=steps, tolerance=-np.inf, regularisation=1e-7
        ).log_likelihood
        for steps in range(1, 16)
    ]
    assert np.diff(path).min() > -1e-4 and path[-1] > path[0]


def test_more_steps_than_needed_end_early_and_too_few_are_told():
    points = clusters(k=4, spread=1.0, seed=3)
    enough = fitted(points, 4, n_iter=500)
    assert enough.converged and 1 < enough.n_iter < 500
    short = fitted(points, 4, n_iter=2, tolerance=1e-9)
    assert not short.converged and short.n_iter == 2
    assert not fitted(points, 4, n_iter=1).converged


def test_same_seed_same_bytes_and_points_unchanged():
    points = clusters(spread=1.0)
    before = points.tobytes()
    one, two, other = (fitted(points, 6, seed=seed).mixture for seed in (5, 5, 6))
    for name in ("weights", "means", "covariances"):
        assert getattr(one, name).tobytes() == getattr(two, name).tobytes()
        assert getattr(one, name).dtype == np.float64
    assert not np.allclose(one.means, other.means)
    assert points.tobytes() == before


def test_the_global_generator_is_left_alone():
    np.random.seed(3)  # noqa: NPY002 - the legacy state is what must not change
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    fitted(clusters(), 3)
    assert np.array_equal(np.random.get_state()[1], before)  # noqa: NPY002


DEGENERATE = {
    "constant": lambda rng: np.full((200, 6), 0.3),
    "zero": lambda rng: np.zeros((50, 6)),
    "two values": lambda rng: rng.integers(0, 2, 200)[:, None] * np.ones(6),
    "duplicated": lambda rng: rng.random((4, 6))[rng.integers(0, 4, 200)],
    "rank 2 in 27": lambda rng: rng.random((300, 2)) @ rng.random((2, 27)),
    "grey as RGB": lambda rng: rng.random((300, 9)).repeat(3, axis=1),
    "one outlier": lambda rng: np.vstack([np.zeros((99, 6)), np.ones((1, 6))]),
    "one point": lambda rng: np.full((1, 6), 0.5),
    "K points": lambda rng: rng.random((5, 6)),
}


@pytest.mark.parametrize("name", DEGENERATE)
@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("scale", [1, 255])
@pytest.mark.parametrize("covariance", ["full", "diag"])
def test_degenerate_data_give_a_sound_mixture(name, kind, scale, covariance):
    points = (scale * DEGENERATE[name](np.random.default_rng(0))).astype(kind)
    found = fitted(points, 5, covariance=covariance)
    assert_sound(found.mixture, points.shape[1])
    shares = found.mixture.responsibilities(points.astype(np.float32))
    assert np.isfinite(shares).all() and np.allclose(shares.sum(axis=1), 1, atol=1e-4)


def test_as_many_components_as_points():
    points = np.random.default_rng(1).random((12, 3)).astype(np.float32)
    found = fitted(points, 12, regularisation=1e-6).mixture
    assert_sound(found, 3)
    order, other = np.lexsort(found.means.T), np.lexsort(points.T)
    assert np.allclose(found.means[order], points[other], atol=1e-2)
    assert fitted(points, 40).mixture.n_components == 12


def test_constant_data_have_one_component_with_weight():
    found = fitted(np.full((80, 4), 0.25, np.float32), 3).mixture
    assert sorted(found.weights) == pytest.approx([0, 0, 1])
    assert np.allclose(found.means[found.weights.argmax()], 0.25, atol=1e-6)


@pytest.mark.parametrize("scale", [1 / 16, 64, 255])
@pytest.mark.parametrize("covariance", ["full", "diag"])
def test_the_fit_follows_the_scale_of_the_data(scale, covariance):
    points = clusters(spread=1.0, k=3)
    one = fitted(points, 4, covariance=covariance).mixture
    scaled = fitted((scale * points).astype(np.float32), 4, covariance=covariance).mixture
    assert np.allclose(scaled.weights, one.weights, atol=2e-3)
    assert np.allclose(scaled.means / scale, one.means, atol=0.02)
    assert np.allclose(scaled.covariances / scale**2, one.covariances, atol=0.02)


def test_one_component_is_the_sample_mean_and_covariance():
    points = clusters(spread=1.0)
    found = fitted(points, 1).mixture
    centred = points.astype(np.float64) - points.mean(axis=0, dtype=np.float64)
    covariance = centred.T @ centred / len(points)
    ridge = REGULARISATION * np.trace(covariance) / 4
    assert np.allclose(found.means[0], points.mean(axis=0), atol=1e-4)
    assert np.allclose(found.covariances[0], covariance + ridge * np.eye(4), atol=1e-4)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    rank=st.integers(0, 6),
    copies=st.integers(1, 5),
    exponent=st.integers(-6, 6),
    k=st.integers(1, 8),
)
def test_any_rank_scale_and_duplication_gives_a_sound_mixture(seed, rank, copies, exponent, k):
    rng = np.random.default_rng(seed)
    points = rng.standard_normal((40, rank)) @ rng.standard_normal((rank, 6))
    points = (np.tile(points, (copies, 1)) * 10.0**exponent).astype(np.float32)
    assert_sound(fitted(points, k, n_iter=8).mixture, 6)
