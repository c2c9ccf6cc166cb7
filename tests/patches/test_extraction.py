"""Patches against a plain loop, and folding as the exact adjoint of extraction."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from texto.patches import extraction
from texto.patches.extraction import (
    all_corners,
    coverage,
    extract,
    extract_at,
    fold,
    grid,
)

# height, width, patch_size, stride, periodic
GRIDS = [
    ((8, 8), 8, 1, (False, False)),
    ((9, 12), 4, 1, (False, False)),
    ((9, 13), 4, 3, (False, False)),
    ((11, 7), 5, 5, (False, False)),
    ((9, 12), 4, 2, (True, True)),
    ((9, 13), 4, 3, (False, True)),
    ((9, 13), 4, 4, (True, False)),
    ((3, 5), 4, 1, (True, True)),
    ((1, 2), 8, 3, (True, True)),
    ((3, 20), 7, 2, (True, False)),
]


def picture(shape, channels=3, seed=0):
    return np.random.default_rng(seed).random((*shape, channels), np.float32)


def slow_extract(image, spots):
    height, width = image.shape[:2]
    reach = np.arange(spots.patch_size)
    return np.array(
        [
            image[(row + reach) % height][:, (column + reach) % width].ravel()
            for row in spots.rows
            for column in spots.columns
        ]
    )


@pytest.mark.parametrize("arguments", GRIDS)
@pytest.mark.parametrize("channels", [1, 3])
def test_extract_is_the_plain_loop(arguments, channels):
    spots = grid(*arguments)
    image = picture(arguments[0], channels)
    found = extract(image, spots)
    assert found.shape == (len(spots), spots.patch_size**2 * channels)
    assert np.array_equal(found, slow_extract(image, spots))


@pytest.mark.parametrize("arguments", GRIDS)
def test_fold_is_the_adjoint_of_extract(arguments):
    spots = grid(*arguments)
    image = picture(arguments[0]).astype(np.float64)
    values = np.random.default_rng(1).standard_normal((len(spots), spots.patch_size**2 * 3))
    total = np.zeros_like(image)
    fold(total, values, spots)
    assert np.vdot(extract(image, spots), values) == pytest.approx(np.vdot(image, total), rel=1e-12)


@pytest.mark.parametrize("arguments", GRIDS)
def test_coverage_is_the_fold_of_ones_and_leaves_no_pixel_out(arguments):
    spots = grid(*arguments)
    total = np.zeros((*spots.shape, 1), np.float32)
    fold(total, np.ones((len(spots), spots.patch_size**2), np.float32), spots)
    assert np.array_equal(coverage(spots), total[:, :, 0])
    assert total.min() >= 1


@pytest.mark.parametrize("arguments", GRIDS)
def test_coverage_sums_a_window(arguments):
    spots = grid(*arguments)
    window = np.random.default_rng(2).random(spots.patch_size)
    total = np.zeros((*spots.shape, 1))
    fold(total, np.tile(np.outer(window, window).ravel(), (len(spots), 1)), spots)
    assert np.allclose(coverage(spots, window), total[:, :, 0], rtol=1e-5)


@settings(max_examples=60, deadline=None)
@given(
    height=st.integers(1, 14),
    width=st.integers(1, 14),
    patch_size=st.integers(1, 9),
    stride=st.integers(1, 9),
    periodic=st.tuples(st.booleans(), st.booleans()),
)
def test_any_grid_covers_stays_inside_and_has_an_adjoint(
    height, width, patch_size, stride, periodic
):
    shape = tuple(
        size if wraps else max(size, patch_size)
        for size, wraps in zip((height, width), periodic, strict=True)
    )
    spots = grid(shape, patch_size, min(stride, patch_size), periodic)
    for starts, size, wraps in zip((spots.rows, spots.columns), shape, periodic, strict=True):
        assert starts[0] == 0 and (np.diff(starts) > 0).all()
        assert starts[-1] < size if wraps else starts[-1] == size - patch_size
    assert coverage(spots).min() >= 1
    image = np.arange(shape[0] * shape[1], dtype=np.float64).reshape(*shape, 1)
    taken = extract(image, spots)
    assert np.array_equal(taken, slow_extract(image, spots))
    total = np.zeros_like(image)
    fold(total, taken, spots)
    assert np.vdot(taken, taken) == np.vdot(image, total)  # integers: exact


def in_order(total, values, spots):
    """`fold` in array code, in the order that kept models were made with."""
    blocks = values.reshape(len(spots.rows), len(spots.columns), *[spots.patch_size] * 2, -1)
    for i in reversed(range(spots.patch_size)):
        for j in range(spots.patch_size):
            rows, columns = (spots.rows + i) % spots.shape[0], (spots.columns + j) % spots.shape[1]
            total[np.ix_(rows, columns)] += blocks[:, :, i, j]


@pytest.mark.parametrize("arguments", GRIDS)
@pytest.mark.parametrize("channels", [1, 3, 9])
def test_sums_are_bit_by_bit_those_of_arrays(arguments, channels):
    spots, rng = grid(*arguments), np.random.default_rng(4)
    values = rng.standard_normal((len(spots), spots.patch_size**2 * channels), dtype=np.float32)
    found = np.zeros((*spots.shape, channels), np.float32)
    wanted = found.copy()
    fold(found, values, spots)
    in_order(wanted, values, spots)
    assert np.array_equal(found, wanted)


@pytest.mark.parametrize("arguments", GRIDS)
@pytest.mark.parametrize("block", [1, 64, 1000, 1 << 40])
def test_bands_hold_every_patch_once(arguments, block, monkeypatch):
    monkeypatch.setattr(extraction, "BLOCK", block)
    spots, image = grid(*arguments), picture(arguments[0])
    parts = list(spots.blocks(3))
    assert [part.start for _, part in parts[1:]] == [part.stop for _, part in parts[:-1]]
    assert (parts[0][1].start, parts[-1][1].stop) == (0, len(spots))
    assert all(len(band) == part.stop - part.start for band, part in parts)
    pieces = [extract(image, band) for band, _ in parts]
    assert np.array_equal(np.concatenate(pieces), extract(image, spots))


def test_bands_stay_below_the_block(monkeypatch):
    monkeypatch.setattr(extraction, "BLOCK", 10_000)
    sizes = [len(band) * 8 * 8 * 3 for band, _ in grid((60, 20), 8).blocks(3)]
    assert max(sizes) <= 10_000 and len(sizes) > 1


def test_extract_at_and_all_corners_agree_with_extract():
    image = picture((9, 7))
    corners = all_corners(image.shape, 4)
    assert corners.shape == (6 * 4, 2)
    assert np.array_equal(extract_at(image, corners, 4), extract(image, grid((9, 7), 4)))
    some = np.array([[5, 0], [0, 3], [5, 0]])
    expected = [image[r : r + 4, c : c + 4].ravel() for r, c in some]
    assert np.array_equal(extract_at(image, some, 4), expected)


@pytest.mark.parametrize("shape", [(6, 6), (7, 9)])
@pytest.mark.parametrize("periodic", [(False, False), (True, True)])
def test_a_scaled_grid_holds_the_blocks_of_the_coarse_patches(shape, periodic):
    coarse = picture(shape)
    fine = coarse.repeat(2, axis=0).repeat(2, axis=1)
    spots = grid(shape, 3, 2, periodic)
    small = extract(coarse, spots).reshape(-1, 3, 3, 3)
    large = extract(fine, spots.scaled(2, fine.shape[:2])).reshape(-1, 6, 6, 3)
    assert np.array_equal(small.repeat(2, axis=1).repeat(2, axis=2), large)
