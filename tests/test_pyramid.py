"""Dyadic levels: means of 2 x 2 blocks and their sizes."""

import numpy as np
import pytest

from texto.pyramid import halve, level_sizes, pyramid, spread


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


@pytest.mark.parametrize("shape", [(4, 6), (5, 8), (9, 7)])
def test_spread_is_the_adjoint_of_halve(shape):
    rng = np.random.default_rng(1)
    fine = rng.standard_normal((*shape, 2)).astype(np.float32)
    coarse = rng.standard_normal((shape[0] // 2, shape[1] // 2, 2)).astype(np.float32)
    left, right = np.vdot(halve(fine), coarse), np.vdot(fine, spread(coarse, shape))
    assert left == pytest.approx(right, abs=1e-4)


def test_pyramid_starts_with_the_picture_and_halves_down():
    image = np.random.default_rng(2).random((21, 16, 3), np.float32)
    levels = pyramid(image, 4)
    assert levels[0] is image
    assert [level.shape[:2] for level in levels] == [(21, 16), (10, 8), (5, 4), (2, 2)]
    for fine, coarse in zip(levels[:-1], levels[1:], strict=True):
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
    for fine, coarse in zip(sizes[:-1], sizes[1:], strict=True):
        assert all(2 * small >= large for small, large in zip(coarse, fine, strict=True))
