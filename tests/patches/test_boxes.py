"""Boxes find what comparing every point finds."""

import numpy as np
import pytest

from texto.patches.boxes import FAR, Boxes


@pytest.mark.parametrize("count", [1, 31, 32, 33, 512, 513, 3000])
@pytest.mark.parametrize("dimension", [1, 7, 20])
@pytest.mark.parametrize("kind", ["plain", "shares", "heights"])
def test_boxes_find_the_least_value(count, dimension, kind):
    rng = np.random.default_rng(count + dimension)
    points = rng.standard_normal((count, dimension)).astype(np.float32)
    queries = rng.standard_normal((50, dimension)).astype(np.float32)
    shares = rng.random(count) + 0.1 if kind == "shares" else np.ones(count)
    heights = 3 * rng.random(count) if kind == "heights" else np.zeros(count)
    found, seen = Boxes(points).weighed(shares=shares, heights=heights).search(queries)
    squares = np.square(queries[:, None].astype(float) - points).sum(axis=2)
    values = shares * squares - heights
    assert np.allclose(values[np.arange(50), found], values.min(axis=1), atol=1e-5)
    assert 0 <= seen <= 1


def test_equal_points_and_far_queries_have_an_answer():
    boxes = Boxes(np.zeros((700, 3), np.float32))
    found, _ = boxes.search(np.array([[0, 0, 0], [1e6, 0, 0]], np.float32))
    assert ((found >= 0) & (found < 700)).all() and FAR > 1e9
    assert boxes.search(np.empty((0, 3), np.float32))[0].shape == (0,)


def test_of_points_on_a_curve_few_are_seen():
    rng = np.random.default_rng(0)
    place = rng.random(20_000)
    points = np.stack([np.cos(9 * place), np.sin(9 * place), place], axis=1).astype(np.float32)
    _, seen = Boxes(points).search(points[::7])
    assert seen < 0.02


def test_of_equal_points_the_first_is_found():
    rng = np.random.default_rng(1)
    points = rng.random((900, 9)).astype(np.float32)
    queries = (points + 0.1 * rng.standard_normal(points.shape)).astype(np.float32)
    once, _ = Boxes(points).search(queries)
    thrice, _ = Boxes(np.concatenate([points] * 3)).search(queries)
    assert np.array_equal(once, thrice)
