"""Checks of the arrays of a model: valid ones pass, each fault names its tensor."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from texto.core.errors import TextoError
from texto.core.state import check_covariances, check_probabilities, only, take

STATE = {"means": np.zeros((3, 4), np.float32), "seed": np.array(7)}


def test_only():
    only(STATE, ["seed", "means"])
    with pytest.raises(TextoError, match="tensor 'weights': is missing"):
        only(STATE, ["seed", "means", "weights"])
    with pytest.raises(TextoError, match=r"tensor 'seed': .* \(known are means\)"):
        only(STATE, ["means"])


@pytest.mark.parametrize("shape", [(3, 4), (None, 4), (3, None), (None, None)])
def test_take_gives_the_array_itself(shape):
    assert take(STATE, "means", shape=shape, dtype=np.float32) is STATE["means"]


def test_take_of_a_scalar():
    assert take(STATE, "seed", shape=(), dtype=np.int64) == 7


@pytest.mark.parametrize(
    ("name", "shape", "dtype", "why"),
    [
        ("weights", (3,), np.float32, "tensor 'weights': is missing"),
        ("means", (3, 4), np.float64, "tensor 'means': is float32, expected float64"),
        ("means", (2, 4), np.float32, "has shape (3, 4), expected (2, 4)"),
        ("means", (3, None, 1), np.float32, "has shape (3, 4), expected (3, any, 1)"),
        ("means", (12,), np.float32, "expected (12,)"),
        ("seed", (1,), np.int64, "has shape (), expected (1,)"),
    ],
)
def test_take_refuses(name, shape, dtype, why):
    with pytest.raises(TextoError, match=re.escape(why)):
        take(STATE, name, shape=shape, dtype=dtype)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_take_refuses_what_is_not_finite(value):
    spoilt = np.array([0, value], np.float32)
    with pytest.raises(TextoError, match=r"tensor 'x': .*finite"):
        take({"x": spoilt}, "x", shape=(2,), dtype=np.float32)


def test_any_size_means_at_least_one():
    with pytest.raises(TextoError, match="shape"):
        take({"x": np.empty((0, 2))}, "x", shape=(None, 2), dtype=float)


@given(st.lists(st.floats(0, 1e3), min_size=1, max_size=50).filter(lambda ws: sum(ws) > 1e-3))
def test_probabilities_pass_in_both_precisions(weights):
    weights = np.array(weights) / sum(weights)
    check_probabilities(weights, "weights")
    check_probabilities(weights.astype(np.float32), "weights")


@pytest.mark.parametrize(
    ("weights", "why"),
    [
        ([], "sums to 0, expected 1"),
        ([0.7, 0.6], "sums to 1.3, expected 1"),
        ([1.5, -0.5], "negative weight -0.5"),
        ([np.nan, 1], "is not finite"),
        ([np.inf, 1], "is not finite"),
        ([1e308, 1e308], "sums to inf"),
        ([0.9998], "sums to 0.9998"),
    ],
)
def test_probabilities_refused(weights, why):
    with pytest.raises(TextoError, match=f"tensor 'weights': .*{why}"):
        check_probabilities(np.array(weights), "weights")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rank", [1, 3, 40])
@pytest.mark.parametrize("scale", [1e-6, 1, 255.0])
def test_covariances_of_real_data_pass(dtype, rank, scale):
    rng = np.random.default_rng(rank)
    data = rng.normal(size=(2, 60, rank)) @ rng.normal(size=(2, rank, 40)) * scale
    covariances = np.swapaxes(data, 1, 2) @ data / 60
    check_covariances(covariances.astype(dtype), "covariances")
    check_covariances(np.zeros_like(covariances, dtype), "covariances")
    check_covariances(np.diagonal(covariances, axis1=1, axis2=2).astype(dtype), "covariances")


@pytest.mark.parametrize(
    ("covariances", "why"),
    [
        ([[[1, 0.5], [0.4, 1]]], "covariance 0 is not symmetric"),
        ([[[1, 0], [0, 1]], [[1, 2], [2, 1]]], "covariance 1 is not positive.* eigenvalue -1"),
        ([[[1, 0], [0, -1e-3]]], "covariance 0 is not positive"),
        ([[[1, np.nan], [np.nan, 1]]], "is not finite"),
        ([[[1, 1e308], [-1e308, 1]]], "is not symmetric"),
        ([[1, 0], [1, 1]], "has the variance 0"),
        ([[1, -2], [1, 1]], "has the variance -2"),
        ([1, 2], r"has shape \(2,\), expected \(K, d, d\)"),
        (np.ones((2, 3, 4)), r"has shape \(2, 3, 4\)"),
    ],
)
def test_covariances_refused(covariances, why):
    with pytest.raises(TextoError, match=f"tensor 'covariances': .*{why}"):
        check_covariances(np.array(covariances, dtype=float), "covariances")
