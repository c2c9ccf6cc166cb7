"""Recomposition against a plain loop, the identity, outliers and the order of the work."""

import numpy as np
import pytest

from texto import patches
from texto.patches import coverage, fold, grid
from texto.recompose import EXPONENT, SOFTEST, WEIGHTINGS, recompose

SHAPES = [
    ((12, 15), (False, False), 1),
    ((13, 10), (False, False), 3),
    ((11, 14), (True, True), 2),
    ((9, 3), (False, True), 1),
    ((16, 12), (True, False), 4),
]


def source(shape=(20, 17), channels=3, seed=0):
    return np.random.default_rng(seed).random((*shape, channels), np.float32)


def correspondence(spots, picture, seed=1):
    rng = np.random.default_rng(seed)
    limits = [side - spots.patch_size + 1 for side in picture.shape[:2]]
    return np.column_stack([rng.integers(0, limit, len(spots)) for limit in limits])


def votes(picture, corners, spots):
    """For each pixel: the offsets (i, j) of the patches over it and the colours they say."""
    size, found = spots.patch_size, {}
    places = [(row, column) for row in spots.rows for column in spots.columns]
    for (row, column), (top, left) in zip(places, corners, strict=True):
        for i in range(size):
            for j in range(size):
                pixel = (row + i) % spots.shape[0], (column + j) % spots.shape[1]
                found.setdefault(pixel, []).append(((i, j), picture[top + i, left + j]))
    return found


def slow(picture, corners, spots, weighting):
    """The docstring's formulas, pixel by pixel in float64."""
    size = spots.patch_size
    falloff = np.exp(-0.5 * ((np.arange(size) - (size - 1) / 2) / (size / 4)) ** 2)
    out = np.empty((*spots.shape, picture.shape[2]))
    for pixel, said in votes(picture, corners, spots).items():
        colours = np.array([colour for _, colour in said], np.float64)
        weights = np.ones(len(said))
        if weighting == "gaussian":
            weights = np.array([falloff[i] * falloff[j] for (i, j), _ in said])
        if weighting == "robust":
            squares = np.square(colours - colours.mean(axis=0)).sum(axis=1)
            weights = (squares + SOFTEST) ** (EXPONENT / 2 - 1)
        out[pixel] = weights @ colours / weights.sum()
    return out


@pytest.mark.parametrize("weighting", WEIGHTINGS)
@pytest.mark.parametrize(("shape", "periodic", "stride"), SHAPES)
def test_it_is_the_plain_loop(weighting, shape, periodic, stride):
    picture, spots = source(), grid(shape, 4, stride, periodic)
    corners = correspondence(spots, picture)
    found = recompose(picture, corners, spots, weighting=weighting)
    assert found.shape == (*shape, 3) and found.dtype == np.float32
    assert np.allclose(found, slow(picture, corners, spots, weighting), atol=1e-5)


@pytest.mark.parametrize("weighting", WEIGHTINGS)
@pytest.mark.parametrize("channels", [1, 3, 5])
@pytest.mark.parametrize("stride", [1, 2, 4])
def test_the_identity_gives_the_source_back(weighting, channels, stride):
    picture = source((19, 18), channels)
    spots = grid((19, 18), 4, stride)
    corners = np.array([(row, column) for row in spots.rows for column in spots.columns])
    assert np.allclose(recompose(picture, corners, spots, weighting=weighting), picture, atol=2e-6)


def test_the_mean_is_the_fold_over_the_coverage():
    picture, spots = source(), grid((14, 15), 5, 2)
    corners = correspondence(spots, picture)
    values = np.stack([picture[r : r + 5, c : c + 5].ravel() for r, c in corners])
    total = np.zeros((14, 15, 3), np.float32)
    fold(total, values, spots)
    assert np.allclose(recompose(picture, corners, spots), total / coverage(spots)[:, :, None])


@pytest.mark.parametrize("weighting", WEIGHTINGS)
@pytest.mark.parametrize("value", [0.0, 1 / 3, 0.7, 1.0])
def test_no_weighting_leaves_the_range_of_the_source(weighting, value):
    picture = np.full((20, 20, 3), value, np.float32)
    spots = grid((33, 31), 8, 2, (True, True))
    found = recompose(picture, correspondence(spots, picture), spots, weighting=weighting)
    assert np.abs(found - value).max() < 1e-6
    assert found.min() >= 0 and found.max() <= 1


def test_robust_resists_an_outlier():
    picture = np.zeros((8, 16, 1), np.float32)
    picture[:, 8:] = 1  # the right half is the outlier's colour
    spots = grid((4, 4), 4, 1, (True, True))
    corners = np.zeros((len(spots), 2), int)
    corners[5] = (0, 12)
    mean, robust = (
        recompose(picture, corners, spots, weighting=weighting) for weighting in ("mean", "robust")
    )
    assert np.allclose(mean, 1 / 16)
    assert robust.max() < mean.min() / 5


def test_a_gaussian_window_listens_to_the_middle_of_a_patch():
    picture = np.zeros((5, 12, 1), np.float32)
    picture[:, 6:] = 1
    spots = grid((5, 8), 5, 3)  # two patches, which share columns 3 and 4
    corners = np.array([[0, 0], [0, 7]])
    found = recompose(picture, corners, spots, weighting="gaussian")[2, :, 0]
    assert np.allclose(found[:3], 0, atol=1e-6) and np.allclose(found[5:], 1, atol=1e-6)
    assert 0 < found[3] < 0.5 < found[4] < 1
    assert found[3] == pytest.approx(1 - found[4], abs=1e-6)


@pytest.mark.parametrize("weighting", WEIGHTINGS)
@pytest.mark.parametrize(("shape", "periodic", "stride"), SHAPES)
def test_bands_of_any_size_give_the_same_picture(weighting, shape, periodic, stride, monkeypatch):
    picture, spots = source(), grid(shape, 4, stride, periodic)
    corners = correspondence(spots, picture)
    results = []
    for block in (64, 1000, 1 << 40):
        monkeypatch.setattr(patches, "BLOCK", block)
        results.append(recompose(picture, corners, spots, weighting=weighting))
    if not periodic[0]:  # the sums' order is fixed but for rows that wrap round
        assert len({result.tobytes() for result in results}) == 1
    assert all(np.allclose(result, results[0], rtol=0, atol=5e-7) for result in results)


def test_the_inputs_are_left_alone():
    picture, spots = source(), grid((14, 15), 4, 2)
    corners = correspondence(spots, picture)
    before = picture.tobytes(), corners.tobytes()
    for weighting in WEIGHTINGS:
        recompose(picture, corners, spots, weighting=weighting)
    assert (picture.tobytes(), corners.tobytes()) == before
