"""Votes against plain loops, and what sharp votes decide."""

import numpy as np
import pytest

from texto.patches import vote as module
from texto.patches.extraction import grid
from texto.patches.vote import sharp_vote, vote

SIZE = 4
WINDOW = np.array([0.3, 1.0, 0.9, 0.4], np.float32)
CASES = [  # shape of the result, periodic axes, stride: last rows are irregular
    ((15, 13), (False, False), 3),
    ((11, 14), (True, True), 2),
    ((9, 3), (False, True), 1),  # a period smaller than a patch
    ((2, 12), (True, False), 3),
]


def noise(shape=(20, 17), channels=3, seed=0):
    return np.random.default_rng(seed).random((*shape, channels), np.float32)


def matches(spots, picture, k, seed=1):
    """(R, S, k, 2) int32 corners and (R, S, k) weights, by chance."""
    rng = np.random.default_rng(seed)
    shape = (len(spots.rows), len(spots.columns), k)
    limits = [side - spots.patch_size + 1 for side in picture.shape[:2]]
    found = np.stack([rng.integers(0, limit, shape, dtype=np.int32) for limit in limits], axis=3)
    weights = rng.random(shape, np.float32)
    return found, weights / weights.sum(axis=2, keepdims=True)


def said(found, spots):
    """For each pixel: the patch, its offset and the source pixels of its k matches."""
    over = {}
    for r, row in enumerate(spots.rows):
        for s, column in enumerate(spots.columns):
            for i, j in np.ndindex(spots.patch_size, spots.patch_size):
                pixel = (row + i) % spots.shape[0], (column + j) % spots.shape[1]
                over.setdefault(pixel, []).append((r, s, i, j, found[r, s] + [i, j]))
    return over


def slow_vote(picture, found, weights, spots):
    """The docstring's formula in float64."""
    result = np.empty((*spots.shape, picture.shape[2]))
    for pixel, votes in said(found, spots).items():
        shares = np.array([WINDOW[i] * WINDOW[j] * weights[r, s] for r, s, i, j, _ in votes])
        colours = np.array([picture[tuple(places.T)] for *_, places in votes], np.float64)
        result[pixel] = (shares[..., None] * colours).sum((0, 1)) / shares.sum()
    return result


def votes_of_sources(found, spots):
    """For each pixel: its source pixels and their summed votes."""
    result = {}
    for pixel, votes in said(found[:, :, None], spots).items():
        total = result.setdefault(pixel, {})
        for _, _, i, j, ((row, column),) in votes:
            source = int(row), int(column)
            total[source] = total.get(source, 0.0) + float(WINDOW[i] * WINDOW[j])
    return result


def places(spots):
    whole = np.meshgrid(spots.rows, spots.columns, indexing="ij")
    return np.stack(whole, axis=2).astype(np.int32)


@pytest.mark.parametrize("stride", [1, 3])
def test_exact_sources_give_the_picture_back(stride):
    picture = noise()
    spots = grid(picture.shape[:2], SIZE, stride)
    found = places(spots)
    ones = np.ones((*found.shape[:2], 1), np.float32)
    again = vote(picture, found[:, :, None], ones, spots, WINDOW)
    np.testing.assert_allclose(again, picture, atol=1e-6)
    sharp, sources = sharp_vote(picture, found, spots, WINDOW, 4.0)
    assert np.array_equal(sharp, picture)
    assert np.array_equal(sources, np.stack(np.indices(picture.shape[:2]), axis=2))


@pytest.mark.parametrize(("shape", "periodic", "stride"), CASES)
def test_votes_are_the_formula(shape, periodic, stride):
    picture, spots = noise(), grid(shape, SIZE, stride, periodic)
    found, weights = matches(spots, picture, 3)
    result = vote(picture, found, weights, spots, WINDOW)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, slow_vote(picture, found, weights, spots), atol=1e-5)


@pytest.mark.parametrize(("shape", "periodic", "stride"), CASES)
def test_sharp_votes_are_of_the_source_that_most_agree_on(shape, periodic, stride):
    picture, spots = noise((9, 9)), grid(shape, SIZE, stride, periodic)
    found, _ = matches(spots, picture, 1)
    found = (found // 2)[:, :, 0]  # few sources: many patches agree
    ones = np.ones((*found.shape[:2], 1), np.float32)
    mean = vote(picture, found[:, :, None], ones, spots, WINDOW)
    np.testing.assert_allclose(sharp_vote(picture, found, spots, WINDOW, 1)[0], mean, atol=1e-5)
    power = 3.0
    result, sources = sharp_vote(picture, found, spots, WINDOW, power)
    for pixel, votes in votes_of_sources(found, spots).items():
        assert votes[tuple(sources[pixel].tolist())] >= max(votes.values()) - 1e-5
        shares = np.array(list(votes.values())) ** power
        colours = np.array([picture[source] for source in votes])
        expected = shares @ colours / shares.sum()
        np.testing.assert_allclose(result[pixel], expected, atol=1e-4)


def test_a_large_power_copies_the_sources_that_it_tells():
    picture, spots = noise(), grid((21, 18), SIZE, 2)
    found = matches(spots, picture, 1)[0][:, :, 0]
    # votes of a float32 window are never equal but by symmetry: make them differ
    window = np.array([0.2, 1.0, 0.6, 0.37], np.float32)
    result, sources = sharp_vote(picture, found, spots, window, 1e4)
    np.testing.assert_array_equal(result, picture[sources[..., 0], sources[..., 1]])


def test_threads_make_no_difference(monkeypatch):
    picture, spots = noise(), grid((37, 18), SIZE, 2, (True, False))
    found, weights = matches(spots, picture, 3)

    def both():
        best = np.ascontiguousarray(found[:, :, 0])
        return vote(picture, found, weights, spots, WINDOW), *sharp_vote(
            picture, best, spots, WINDOW, 4.0
        )

    threaded = both()
    monkeypatch.setattr(module, "mapped", map)
    monkeypatch.setattr(module, "BAND", 5)
    for one, two in zip(threaded, both(), strict=True):
        assert one.tobytes() == two.tobytes()
