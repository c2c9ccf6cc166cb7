"""Quilting: exact patterns, whole seams, and what it promises of its pixels."""

import dataclasses

import numpy as np
import pytest

from texto import Quilting
from texto.core.errors import TextoError
from texto.methods.quilting import _Axis, _Quilt
from texto.metrics import copied


def noise(height, width, channels=3, seed=0):
    return np.random.default_rng(seed).random((height, width, channels), dtype=np.float32)


def stripes(height, width, period=6):
    rows, columns = np.mgrid[:height, :width]
    return (((rows + 2 * columns) % period) / period).astype(np.float32)[:, :, None]


def own_pixels(exemplar):
    return {pixel.tobytes() for pixel in exemplar.reshape(-1, exemplar.shape[2])}


@pytest.mark.parametrize("tileable", ["none", "xy"])
def test_every_pixel_is_one_of_the_exemplar(exemplar, tileable):
    model = Quilting(tileable=tileable).fit(exemplar, rng=0)
    assert own_pixels(model.synthesize((61, 83), rng=1)) <= own_pixels(exemplar)


@pytest.mark.parametrize("novelty", [0.0, 0.5, 1.0])
def test_a_pattern_is_continued_exactly(novelty):
    model = Quilting(block_size=14, novelty=novelty).fit(stripes(40, 45), rng=0)
    result = model.synthesize((70, 80), rng=1)
    larger = stripes(90, 90)
    assert any(np.array_equal(result, larger[shift : shift + 70, :80]) for shift in range(6))


@pytest.mark.parametrize("size", [(24, 36), (30, 48), (66, 72)])
def test_a_pattern_meets_itself(size):
    model = Quilting(block_size=14, overlap=6, tolerance=0, tileable="xy").fit(stripes(40, 45))
    result = np.tile(model.synthesize(size, rng=1), (2, 2, 1))
    larger = stripes(2 * size[0] + 6, 2 * size[1])
    fits = (np.array_equal(result, larger[shift : shift + len(result)]) for shift in range(6))
    assert any(fits)


def test_the_published_form_copies_and_novelty_ends_the_copy(exemplar):
    def largest_copy(novelty):
        model = Quilting(block_size=16, novelty=novelty).fit(exemplar, rng=0)
        return copied(model.synthesize((64, 64), rng=2), exemplar)

    assert largest_copy(0.0) > 1.5 * largest_copy(1.0)


def test_one_block_is_a_piece_of_the_exemplar():
    exemplar = noise(20, 23)
    result = Quilting(block_size=9).fit(exemplar, rng=0).synthesize((9, 9), rng=1)
    windows = np.lib.stride_tricks.sliding_window_view(exemplar, (9, 9), (0, 1))
    assert (windows == result.transpose(2, 0, 1)).all(axis=(2, 3, 4)).sum() == 1


@pytest.mark.parametrize(("tolerance", "count"), [(0.0, 1), (0.1, 2), (0.25, 3), (10.0, 4)])
def test_blocks_within_the_tolerance_are_drawn(tolerance, count):
    method, axis = Quilting(tolerance=tolerance), _Axis.of(8, False, 8, 2)
    quilt, rng = _Quilt(method, noise(8, 11), axis, axis), np.random.default_rng(0)
    errors = np.array([[1.2, 1.0, 3.0, 1.05]])
    drawn = {tuple(quilt.draw(errors, 0, 0, rng)) for _ in range(200)}
    assert drawn == {(0, column) for column in [1, 3, 0, 2][:count]}


def test_a_novel_block_keeps_away_from_where_its_neighbours_go_on():
    axis = _Axis.of(20, False, 8, 2)
    quilt, rng = _Quilt(Quilting(novelty=1.0), noise(40, 40), axis, axis), np.random.default_rng(0)
    quilt.places[0, 1], quilt.places[1, 0] = np.array([3, 25]), np.array([20, 4])
    drawn = {tuple(quilt.draw(np.ones((33, 33)), 1, 1, rng)) for _ in range(2000)}
    for row, column in [(3 + 6, 25), (20, 4 + 6)]:
        assert all(max(abs(r - row), abs(c - column)) > 4 for r, c in drawn)
    everywhere = np.ones((1, 1))
    quilt.places[0, 1], quilt.places[1, 0] = np.array([-6, 0]), np.array([0, 0])
    assert tuple(quilt.draw(everywhere, 1, 1, rng)) == (0, 0), "no block is left"


@pytest.mark.parametrize("closed", [False, True])
@pytest.mark.parametrize(("side", "overlap"), [(4, 1), (4, 2), (16, 3), (32, 16), (31, 15)])
def test_blocks_cover_an_axis_and_meet_once(closed, side, overlap):
    for length in range(1, 140):
        axis = _Axis.of(length, closed, side, overlap)
        times = np.zeros(axis.length, int)
        for number in range(len(axis.starts)):
            pixels = axis.pixels(number)
            assert len(set(pixels)) == axis.side <= side
            before, after = axis.shared(number)
            known = times[pixels] > 0
            expected = np.ones(axis.side, bool)
            expected[before : axis.side - after] = False
            assert np.array_equal(known, expected) and before + after <= axis.side
            times[pixels] += 1
        assert times.all() and axis.length == length if closed else axis.length >= length


def test_sizes_follow_from_the_exemplar_and_are_kept():
    model = Quilting().fit(noise(96, 130), rng=0)
    assert (model.method.block_size, model.method.overlap) == (24, 4)
    assert model.method == Quilting().adapted(model.exemplar)
    assert Quilting(overlap=9).fit(noise(20, 30), rng=0).method.block_size == 18
    assert Quilting().fit(noise(4, 5), rng=0).method.overlap == 2
    again = dataclasses.replace(model.method, tileable="x")
    assert (again.block_size, again.overlap) == (24, 4)


@pytest.mark.parametrize(
    ("settings", "side", "what"),
    [
        ({"block_size": 16}, 15, "15x40, smaller than a block of 16 pixels"),
        ({"overlap": 9}, 17, "block of 18 pixels with an overlap of 9; lower"),
        ({}, 3, "block of 4 pixels"),
    ],
)
def test_an_exemplar_smaller_than_a_block_is_refused(settings, side, what):
    with pytest.raises(TextoError, match=what):
        Quilting(**settings).fit(noise(40, side), rng=0)


def test_an_overlap_of_more_than_half_a_block_is_refused():
    with pytest.raises(TextoError, match="overlap: is 9, more than half of block_size=16"):
        Quilting(block_size=16, overlap=9)
