"""Dyadic levels: means of 2 x 2 blocks and their sizes."""

from itertools import pairwise

import numpy as np
import pytest

from texto.patches.pyramid import halve, level_sizes, pyramid


@pytest.mark.parametrize("shape", [(2, 2), (4, 6), (5, 8), (9, 7), (3, 2)])
def test_halve_takes_means_and_leaves_an_odd_end_out(shape):
    image = np.random.default_rng(0).random((*shape, 3), np.float32)
    half = halve(image)
    assert half.shape == (shape[0] // 2, shape[1] // 2, 3) and half.dtype == np.float32
    for row in range(half.shape[0]):
        for column in range(half.shape[1]):
            block = image[2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
            assert half[row, column] == pytest.approx(block.mean(axis=(0, 1)), abs=1e-6)


def test_halve_keeps_a_constant_and_the_range():
    white = np.ones((5, 5, 1), np.float32)
    assert np.array_equal(halve(white), np.ones((2, 2, 1)))


def test_pyramid_starts_with_the_picture_and_halves_down():
    image = np.random.default_rng(2).random((21, 16, 3), np.float32)
    levels = pyramid(image, 4)
    assert levels[0] is image
    assert [level.shape[:2] for level in levels] == [(21, 16), (10, 8), (5, 4), (2, 2)]
    for fine, coarse in pairwise(levels):
        assert np.array_equal(coarse, halve(fine))


@pytest.mark.parametrize(
    ("shape", "n_levels", "expected"),
    [
        ((16, 16), 1, [(16, 16)]),
        ((16, 24), 3, [(16, 24), (8, 12), (4, 6)]),
        ((17, 23), 3, [(17, 23), (9, 12), (5, 6)]),
        ((1, 1), 3, [(1, 1), (1, 1), (1, 1)]),
    ],
)
def test_level_sizes_round_up_so_that_twice_a_level_covers_the_finer_one(shape, n_levels, expected):
    sizes = level_sizes(shape, n_levels)
    assert sizes == expected
    for fine, coarse in pairwise(sizes):
        assert all(2 * small >= large for small, large in zip(coarse, fine, strict=True))
