"""Coherent search: the identity, how matches spread, threads, closed corners, the penalty."""

import numpy as np
import pytest

from texto.patches import coherent
from texto.patches.coherent import NEVER, Sources, coherent_search
from texto.patches.extraction import extract, grid

SIZE = 4


def sources(picture, opened=None):
    """All patches of `picture`, in their own coordinates."""
    spots = grid(picture.shape[:2], SIZE)
    shape = (len(spots.rows), len(spots.columns))
    opened = np.ones(shape, bool) if opened is None else opened
    return Sources(extract(picture, spots).reshape(*shape, -1), opened)


def noise(shape=(20, 17), seed=0):
    return np.random.default_rng(seed).random((*shape, 2), np.float32)


def queries(picture, spots):
    return extract(picture, spots).reshape(len(spots.rows), len(spots.columns), -1)


def corners(spots, k=1):
    """(R, S, k, 2): where the patches are, the identity for a picture searched in itself."""
    places = np.stack(np.meshgrid(spots.rows, spots.columns, indexing="ij"), axis=2)
    return np.repeat(places[:, :, None], k, axis=2).astype(np.int32)


def no_strays(spots):
    return np.empty((len(spots.rows), len(spots.columns), 0, 2), np.int32)


def test_a_picture_is_found_in_itself_at_no_distance():
    picture = noise()
    spots = grid(picture.shape[:2], SIZE, 3)  # the last row and column are nearer
    start = corners(spots)
    found, squares = coherent_search(
        sources(picture), queries(picture, spots), spots, start, no_strays(spots)
    )
    assert np.array_equal(found, start) and not squares.any()


def test_one_right_match_spreads_over_the_whole_grid():
    picture = noise()
    spots = grid(picture.shape[:2], SIZE, 3)
    right, found = corners(spots), np.zeros((*corners(spots).shape[:2], 2, 2), np.int32)
    found[2, 3, 0] = right[2, 3, 0]
    reached = []
    for _ in range(len(spots.rows) + len(spots.columns)):
        found, squares = coherent_search(
            sources(picture), queries(picture, spots), spots, found, no_strays(spots)
        )
        reached.append(int((found[:, :, 0] == right[:, :, 0]).all(axis=2).sum()))
    # (0, 0) is right where it is, and the other match there is worse
    assert reached == sorted(reached) and reached[0] < len(spots) == reached[-1]
    assert not squares[:, :, 0].any() and (squares[:, :, 1] > 0).all()


@pytest.mark.parametrize("penalty", [0.0, 0.5])
def test_threads_make_no_difference(monkeypatch, penalty):
    picture, other, rng = noise((30, 21)), noise((41, 26), seed=1), np.random.default_rng(2)
    spots = grid(other.shape[:2], SIZE, 2, (True, False))
    shape = (len(spots.rows), len(spots.columns))
    start = rng.integers(0, 15, (*shape, 3, 2), dtype=np.int32)
    strays = rng.integers(-5, 6, (*shape, 2, 2), dtype=np.int32)

    def search():
        return coherent_search(
            sources(picture),
            queries(other, spots),
            spots,
            start,
            strays,
            extra=start[::-1].copy(),
            scale=0.7,
            reach=2,
            penalty=penalty,
            periodic=(True, False),
        )

    threaded = search()
    monkeypatch.setattr(coherent, "mapped", map)
    for one, two in zip(threaded, search(), strict=True):
        assert one.tobytes() == two.tobytes()
    monkeypatch.setattr(coherent, "BAND", 3)
    for one, two in zip(threaded, search(), strict=True):
        assert one.tobytes() == two.tobytes()


def test_matches_are_the_best_open_candidates_in_order():
    picture, other, rng = noise(), noise((14, 12), seed=1), np.random.default_rng(2)
    opened = rng.random((17, 14)) < 0.5
    opened[4, 5] = True
    spots = grid(other.shape[:2], SIZE, 2)
    shape = (len(spots.rows), len(spots.columns))
    start = np.broadcast_to(np.array([4, 5], np.int32), (*shape, 3, 2)).copy()
    extra = rng.integers(-3, 25, (*shape, 6, 2), dtype=np.int32)
    own = sources(picture, opened)
    points = queries(other, spots)
    found, squares = coherent_search(
        own, points, spots, start, no_strays(spots), extra=extra, scale=0.8
    )
    assert (squares[:, :, 0] < NEVER).all() and (np.diff(squares, axis=2) >= 0).all()
    for r, s in np.ndindex(shape):
        candidates = [(4, 5), *map(tuple, np.clip(extra[r, s], 0, [16, 13]))]
        for dr, ds in ((-1, 0), (1, 0), (0, -1), (0, 1)):
            a, b = r + dr, s + ds
            if 0 <= a < shape[0] and 0 <= b < shape[1]:
                way = (spots.rows[r] - spots.rows[a], spots.columns[s] - spots.columns[b])
                candidates.append((4 + way[0], 5 + way[1]))
        candidates = {tuple(map(int, np.clip(c, 0, [16, 13]))) for c in candidates}
        expected = sorted(
            float(np.square(points[r, s] - np.float32(0.8) * own.points[c]).sum())
            for c in candidates
            if opened[c]
        )[:3]
        real = squares[r, s][squares[r, s] < NEVER]
        np.testing.assert_allclose(real, expected, rtol=1e-5)
        assert opened[tuple(found[r, s, : len(real)].T)].all()
        assert len({tuple(each) for each in found[r, s, : len(real)]}) == len(real)


def test_the_penalty_ends_pieces():
    picture = noise()
    spots = grid(picture.shape[:2], SIZE, 2)
    start = corners(spots)
    strays = np.random.default_rng(0).integers(-4, 5, (*start.shape[:2], 8, 2), dtype=np.int32)
    own, points = sources(picture), queries(picture, spots)
    few, squares = coherent_search(own, points, spots, start, strays, penalty=1e-6)
    assert np.array_equal(few, start), "a distance of zero is worth a small penalty"
    inner = squares[2:-2, 2:-2]
    np.testing.assert_allclose(inner, 4e-6, rtol=1e-3)
    many, _ = coherent_search(own, points, spots, start, strays, penalty=100.0)
    moved = (many != start).any(axis=(2, 3))
    assert moved.mean() > 0.95


def test_pieces_are_penalised_at_their_reach_only():
    """A start that repeats every three patches continues at no reach but three."""
    picture = noise((30, 30))
    spots = grid((24, 24), SIZE, 2)
    start = corners(spots)
    start[3:] += 1  # rows above and below the third one are of two pieces
    own, points = sources(picture), queries(picture, spots)
    _, near = coherent_search(own, points, spots, start, no_strays(spots), penalty=1e-3)
    _, far = coherent_search(own, points, spots, start, no_strays(spots), penalty=1e-3, reach=3)
    # rows 0 .. 2 are exact: inside their piece 4 patches agree, at reach 3 only left and right
    np.testing.assert_allclose(near[1, 4:-4, 0], 4e-3, rtol=1e-3)
    np.testing.assert_allclose(far[1, 4:-4, 0], 2e-3, rtol=1e-3)


def test_the_way_round_a_periodic_border():
    """A torus searched in its own tiling: what the last patches know reaches the first."""
    tile = noise((12, 12))
    picture = np.tile(tile, (2, 2, 1))
    spots = grid((12, 12), SIZE, 3, (True, True))
    right = corners(spots) + np.int32(4)
    points = queries(np.roll(tile, (-4, -4), (0, 1)), spots)
    own = sources(picture)
    found = np.zeros_like(right)
    found[-1, -1] = right[-1, -1]  # as good: (row + 12 i, column + 12 j)
    after, squares = coherent_search(
        own, points, spots, found, no_strays(spots), periodic=(True, True)
    )
    exact = squares[:, :, 0] < 1e-6
    known = [(0, 3), (3, 0), (2, 3), (3, 2), (3, 3)]
    assert sorted(map(tuple, np.argwhere(exact).tolist())) == sorted(known)
    assert ((after[exact] - right[exact]) % 12 == 0).all()
    _, squares = coherent_search(own, points, spots, found, no_strays(spots))
    assert (squares[:, :, 0] < 1e-6).sum() == 3
