"""Sorting rows with their columns, and quantiles."""

import numpy as np
import pytest

from texto.transport.ranks import least, quantiles, ranked


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rows_are_sorted_and_columns_lead_back(dtype):
    rng = np.random.default_rng(0)
    values = (rng.normal(size=(5, 1000)) * 10 ** rng.uniform(-30, 30, (5, 1000))).astype(dtype)
    values[0, :4] = [0, np.finfo(dtype).max, -np.finfo(dtype).max, np.finfo(dtype).tiny]
    found, order = ranked(values)
    assert np.array_equal(found, np.sort(values, axis=1))
    assert np.array_equal(found, np.take_along_axis(values, order, axis=1))
    assert all(np.array_equal(np.sort(row), np.arange(1000)) for row in order)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_of_equal_values_the_first_comes_first(dtype):
    values = np.random.default_rng(1).integers(-3, 4, (4, 500)).astype(dtype)
    assert np.array_equal(ranked(values)[1], np.argsort(values, axis=1, kind="stable"))


def test_the_values_given_are_left_alone():
    values = np.random.default_rng(2).normal(size=(2, 50)).astype(np.float32)
    before = values.copy()
    ranked(values)
    assert np.array_equal(values, before)


@pytest.mark.parametrize("count", [1, 7, 40, 41, 200])
def test_quantiles_are_those_of_numpy(count):
    values = np.sort(np.random.default_rng(3).normal(size=(3, 41)), axis=1)
    expected = np.quantile(values, (np.arange(count) + 0.5) / count, axis=1, method="hazen")
    np.testing.assert_allclose(quantiles(values, count), expected.T, atol=1e-12)


@pytest.mark.parametrize("count", [1, 3, 7])
def test_the_least_are_the_first_of_a_stable_sort(count):
    values = np.random.default_rng(6).integers(0, 9, (40, 7)).astype(np.float32)
    values[3, 2:] = np.inf
    found, columns = least(values, count)
    order = np.argsort(values, axis=1, kind="stable")[:, :count]
    assert np.array_equal(found, np.take_along_axis(values, order, axis=1))
    finite = np.isfinite(found)
    assert np.array_equal(columns[finite], order[finite])
