"""Recomposition against a plain loop, the identity, outliers and the order of the work."""

import numpy as np
import pytest

from texto.patches import extraction
from texto.patches.extraction import coverage, extract, extract_at, fold, grid
from texto.patches.recompose import (
    EXPONENT,
    SOFTEST,
    WEIGHTINGS,
    falloff,
    recompose,
    recompose_finer,
    squared_distances,
)

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


def test_a_window_that_falls_off_leaves_no_lines_along_the_grid():
    """Patches of one colour each: flat windows change at their rims only, every second pixel."""
    picture = np.repeat(np.linspace(0, 1, 200, dtype=np.float32), 8)[None, :, None].repeat(8, 0)
    spots = grid((64, 64), 8, 2, (True, True))
    corners = np.zeros((len(spots), 2), int)
    corners[:, 1] = 8 * np.random.default_rng(0).integers(0, 200, len(spots))
    steps = {}
    for weighting in ("mean", "gaussian"):
        found = recompose(picture, corners, spots, weighting=weighting)[:, :, 0]
        change = np.abs(found - np.roll(found, 1, axis=1))
        steps[weighting] = change[:, 0::2].mean(), change[:, 1::2].mean()
    assert steps["mean"][0] > 0.03 and steps["mean"][1] < 1e-6
    assert steps["gaussian"][0] == pytest.approx(steps["gaussian"][1], rel=0.2)


@pytest.mark.parametrize("weighting", WEIGHTINGS)
@pytest.mark.parametrize(("shape", "periodic", "stride"), SHAPES)
def test_bands_of_any_size_give_the_same_picture(weighting, shape, periodic, stride, monkeypatch):
    picture, spots = source(), grid(shape, 4, stride, periodic)
    corners = correspondence(spots, picture)
    results = []
    for block in (64, 1000, 1 << 40):
        monkeypatch.setattr(extraction, "BLOCK", block)
        results.append(recompose(picture, corners, spots, weighting=weighting))
    if not periodic[0]:  # the sums' order is fixed but for rows that wrap round
        assert len({result.tobytes() for result in results}) == 1
    assert all(np.allclose(result, results[0], rtol=0, atol=5e-7) for result in results)


def arrays(picture, corners, spots, weighting, importance):
    """`recompose` in array code, in the order that kept models were made with."""
    size = spots.patch_size
    window = falloff(size) if weighting == "gaussian" else np.ones(size)
    window = window.astype(np.float32)
    blocks = extract_at(picture, corners, size).reshape(
        len(spots.rows), len(spots.columns), size, size, -1
    )
    places = {
        (i, j): np.ix_((spots.rows + i) % spots.shape[0], (spots.columns + j) % spots.shape[1])
        for i in reversed(range(size))
        for j in range(size)
    }
    own = (
        None if importance is None else importance.astype(np.float32).reshape(*blocks.shape[:2], 1)
    )

    def mean(weigh):
        total = np.zeros((*spots.shape, picture.shape[2]), np.float32)
        weights = np.zeros((*spots.shape, 1), np.float32)
        for (i, j), at in places.items():
            weight = weigh(i, j)
            total[at] += blocks[:, :, i, j] * weight
            weights[at] += weight
        return total, weights

    def flat(i, j):
        weight = window[i] * window[j]
        return weight if own is None else own / own.max() * weight

    total, weights = mean(flat)
    plain = total / (coverage(spots, window)[:, :, None] if own is None else weights)
    if weighting != "robust":
        return plain

    def robust(i, j):
        apart = np.square(blocks[:, :, i, j] - plain[places[i, j]])
        weight = (apart.sum(axis=2, keepdims=True) + SOFTEST) ** (EXPONENT / 2 - 1)
        return weight if own is None else weight * own

    total, weights = mean(robust)
    return total / weights


@pytest.mark.parametrize("weighting", WEIGHTINGS)
@pytest.mark.parametrize(("shape", "periodic", "stride"), SHAPES)
@pytest.mark.parametrize("channels", [1, 3, 10])
@pytest.mark.parametrize("weighed", [False, True])
def test_sums_are_bit_by_bit_those_of_arrays(weighting, shape, periodic, stride, channels, weighed):
    picture, spots = source(channels=channels), grid(shape, 4, stride, periodic)
    corners = correspondence(spots, picture)
    importance = np.random.default_rng(5).random(len(spots)) + 0.1 if weighed else None
    found = recompose(picture, corners, spots, weighting=weighting, importance=importance)
    assert np.array_equal(found, arrays(picture, corners, spots, weighting, importance))


def test_the_inputs_are_left_alone():
    picture, spots = source(), grid((14, 15), 4, 2)
    corners = correspondence(spots, picture)
    before = picture.tobytes(), corners.tobytes()
    for weighting in WEIGHTINGS:
        recompose(picture, corners, spots, weighting=weighting)
    assert (picture.tobytes(), corners.tobytes()) == before


# -- whole patches weighed, distances, and the next finer level -----------------------------------


@pytest.mark.parametrize("weighting", WEIGHTINGS)
@pytest.mark.parametrize(("shape", "periodic", "stride"), SHAPES)
def test_equal_importance_changes_nothing(weighting, shape, periodic, stride):
    picture, spots = source(), grid(shape, 4, stride, periodic)
    corners = correspondence(spots, picture)
    plain = recompose(picture, corners, spots, weighting=weighting)
    for value in (1e-20, 1.0, 3e8):
        importance = np.full(len(spots), value)
        found = recompose(picture, corners, spots, weighting=weighting, importance=importance)
        assert found.dtype == np.float32 and np.allclose(found, plain, atol=1e-5)


@pytest.mark.parametrize("weighting", ["mean", "gaussian"])
def test_importance_of_two_is_a_patch_given_twice(weighting):
    picture, spots = source(), grid((4, 7), 4, 3)  # two patches sharing a column
    corners = np.array([[0, 0], [5, 9]])
    found = recompose(picture, corners, spots, weighting=weighting, importance=np.array([2.0, 1.0]))
    window = (
        np.exp(-0.5 * ((np.arange(4) - 1.5) / 1) ** 2) if weighting == "gaussian" else np.ones(4)
    )
    left, right = picture[0:4, 3], picture[5:9, 9]
    weights = np.array([2 * window[3], window[0]])
    wanted = (weights[0] * left + weights[1] * right) / weights.sum()
    assert np.allclose(found[:, 3], wanted, atol=1e-6)
    assert np.allclose(found[:, :3], picture[0:4, 0:3], atol=1e-6)


def test_overwhelming_importance_decides():
    picture, spots = source(), grid((12, 12), 4, 1)
    corners = correspondence(spots, picture)
    importance = np.full(len(spots), 1e-6)
    importance[40] = 1
    found = recompose(picture, corners, spots, importance=importance)
    row, column = spots.rows[40 // len(spots.columns)], spots.columns[40 % len(spots.columns)]
    top, left = corners[40]
    wanted = picture[top : top + 4, left : left + 4]
    assert np.allclose(found[row : row + 4, column : column + 4], wanted, atol=1e-4)


@pytest.mark.parametrize("weighting", ["mean", "gaussian"])
@pytest.mark.parametrize(("shape", "periodic", "stride"), SHAPES)
def test_squared_distances_are_the_plain_ones(weighting, shape, periodic, stride, monkeypatch):
    picture, spots = source(), grid(shape, 4, stride, periodic)
    corners, image = correspondence(spots, picture), source(shape, seed=7)
    theirs = np.stack([picture[r : r + 4, c : c + 4].ravel() for r, c in corners])
    window = np.exp(-0.5 * (np.arange(4) - 1.5) ** 2) if weighting == "gaussian" else np.ones(4)
    weights = np.repeat(np.outer(window, window).ravel(), 3)
    wanted = (weights * np.square(extract(image, spots) - theirs)).sum(axis=1)
    for block in (64, 1 << 20):
        monkeypatch.setattr(extraction, "BLOCK", block)
        found = squared_distances(image, picture, corners, spots, weighting=weighting)
        assert np.allclose(found, wanted, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("weighting", ["mean", "gaussian"])
def test_the_weighted_mean_makes_the_weighted_distances_least(weighting):
    picture, spots = source(), grid((13, 14), 4, 2)
    corners = correspondence(spots, picture)
    importance = np.random.default_rng(3).random(len(spots)) + 0.1
    best = recompose(picture, corners, spots, weighting=weighting, importance=importance)

    def loss(image):
        squares = squared_distances(image, picture, corners, spots, weighting=weighting)
        return float(importance @ squares)

    for seed in range(5):
        other = best + 0.01 * np.random.default_rng(seed).standard_normal(best.shape)
        assert loss(best) < loss(other.astype(np.float32))


@pytest.mark.parametrize("size", [(16, 18), (15, 17), (16, 17)])
@pytest.mark.parametrize("periodic", [(False, False), (True, True), (False, True)])
def test_the_next_finer_level_has_its_size_and_no_gap(size, periodic):
    finer = source((40, 40))
    coarse = tuple(-(-side // 2) for side in size)
    spots = grid(coarse, 4, 2, periodic)
    corners = correspondence(spots, finer[::2, ::2])
    found = recompose_finer(finer, corners, spots, size, periodic=periodic)
    assert found.shape == (*size, 3) and found.flags.c_contiguous
    assert np.isfinite(found).all() and found.min() >= 0 and found.max() <= 1


def test_the_identity_carries_the_finer_picture_up():
    finer = source((20, 24))
    spots = grid((10, 12), 4, 2)
    corners = np.array([(row, column) for row in spots.rows for column in spots.columns])
    found = recompose_finer(finer, corners, spots, (20, 23), importance=np.ones(len(spots)))
    assert np.allclose(found, finer[:, :23], atol=2e-6)


@pytest.mark.parametrize("size", [(15, 17), (15, 16), (16, 17)])
def test_round_a_periodic_axis_the_finer_picture_closes(size):
    torus = source(size)
    finer = np.pad(torus, ((0, 8), (0, 8), (0, 0)), mode="wrap")
    spots = grid(tuple(-(-side // 2) for side in size), 4, 2, (True, True))
    corners = np.array([(row, column) for row in spots.rows for column in spots.columns])
    found = recompose_finer(finer, corners, spots, size, periodic=(True, True))
    assert np.allclose(found, torus, atol=2e-6)
