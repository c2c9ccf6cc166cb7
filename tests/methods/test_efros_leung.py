"""Non-parametric sampling against direct loops, exact patterns, and its promises."""

import dataclasses
import warnings

import numpy as np
import pytest

from texto import EfrosLeung
from texto.core.errors import TextoError, TextoWarning
from texto.methods.efros_leung import masked_search, method
from texto.methods.efros_leung.growth import Growth, independent_batches
from texto.methods.efros_leung.masked_search import MaskedSearch
from texto.methods.efros_leung.method import estimated_seconds
from texto.patches.extraction import all_corners

DARK, LIGHT = (0.125, 0.25, 0.75), (0.875, 0.5, 0.25)


def noise(height, width, channels=3, seed=0):
    return np.random.default_rng(seed).random((height, width, channels), dtype=np.float32)


def pattern(name, height, width):
    """(height, width, 3): two colours whose every pixel follows from a small neighbourhood."""
    rows, columns = np.mgrid[:height, :width]
    where = {
        "checkerboard": (rows + columns) % 2,
        "stripes": columns // 2 % 2,
        "diagonal": (rows + columns) % 3 == 0,
        "rows": rows % 3 == 0,
    }[name]
    return np.where(where[:, :, None], np.float32(LIGHT), np.float32(DARK))


def searching(exemplar, size, corners=None):
    corners = all_corners(exemplar.shape, size) if corners is None else corners
    return MaskedSearch(exemplar, corners, size)


def questions(exemplar, size, count, seed=1, known=0.5):
    """(count, size, size): windows that show random exemplar pixels, some unknown."""
    rng = np.random.default_rng(seed)
    sources = rng.integers(exemplar.shape[0] * exemplar.shape[1], size=(count, size, size))
    sources[rng.random(sources.shape) > known] = -1
    sources[:, 0, 0] = 0
    return sources


def direct_distance(exemplar, sources, corner):
    """The definition, pixel by pixel."""
    size, pixels = len(sources), exemplar.reshape(-1, exemplar.shape[2]).astype(np.float64)
    total = weights = 0.0
    for i in range(size):
        for j in range(size):
            if sources[i, j] >= 0:
                squares = (i - size // 2) ** 2 + (j - size // 2) ** 2
                weight = np.exp(-squares / (2 * (size / 6.4) ** 2))
                other = exemplar[corner[0] + i, corner[1] + j].astype(np.float64)
                total += weight * np.mean((pixels[sources[i, j]] - other) ** 2)
                weights += weight
    return total / weights


# -- the search -------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 3])
def test_distances_are_those_of_a_direct_loop(channels):
    exemplar = noise(9, 8, channels)
    sources, corners = questions(exemplar, 5, 6), all_corners((9, 8), 5)
    expected = [
        [direct_distance(exemplar, query, corner) for corner in corners] for query in sources
    ]
    assert np.allclose(searching(exemplar, 5).distances(sources), expected, atol=2e-6)


def test_pixels_are_the_middles_of_the_windows():
    exemplar = noise(9, 8)
    corners = all_corners((9, 8), 5)[::3]
    expected = [(row + 2) * 8 + column + 2 for row, column in corners]
    assert searching(exemplar, 5, corners).pixels.tolist() == expected


def test_candidates_are_within_the_tolerance_and_all_are_drawn():
    exemplar = noise(12, 12)
    search, sources = searching(exemplar, 5), questions(exemplar, 5, 1)
    distances = search.distances(sources)[0]
    within = set(search.pixels[distances <= 1.5 * distances.min()])
    assert 1 < len(within) < len(distances)
    many = np.repeat(sources, 2000, axis=0)
    randoms = np.random.default_rng(0).random(2000)
    found, errors = search.draw(many, randoms, tolerance=0.5, largest=0)
    assert set(found) == within
    assert np.allclose(errors, distances[[list(search.pixels).index(p) for p in found]], atol=1e-6)
    best, _ = search.draw(many, randoms, tolerance=0, largest=0)
    assert set(best) == {search.pixels[distances.argmin()]}


def test_a_random_number_of_one_draws_the_last_candidate():
    search = searching(np.full((9, 9, 1), 0.5, np.float32), 3)
    sources = questions(np.zeros((9, 9, 1)), 3, 1)
    found, _ = search.draw(sources, np.array([np.nextafter(1, 0)]), tolerance=0.1, largest=0)
    assert found[0] == search.pixels[-1]


@pytest.mark.parametrize("sizes", [{"SCORES": 1}, {"SCORES": 700, "PICKED": 300}, {"KEPT": 0}])
def test_blocks_of_any_size_draw_the_same(monkeypatch, sizes):
    exemplar, randoms = noise(15, 17), np.random.default_rng(2).random(40)
    sources = questions(exemplar, 5, 40)
    options = {"tolerance": 0.3, "largest": 0.05}
    expected = searching(exemplar, 5).draw(sources, randoms, **options)
    for name, value in sizes.items():
        monkeypatch.setattr(masked_search, name, value)
    found = searching(exemplar, 5).draw(sources, randoms, **options)
    assert np.array_equal(found[0], expected[0])
    assert np.allclose(found[1], expected[1], atol=1e-6)


def test_a_verbatim_copy_may_end_where_another_place_fits():
    tile = noise(6, 6)
    exemplar = np.tile(tile, (1, 3, 1))
    exemplar[:, 6:12] += 0.01 * (0.5 - exemplar[:, 6:12])
    search = searching(exemplar, 5)
    around = np.arange(-2, 3)
    sources = ((2 + around)[:, None] * 18 + 2 + around)[None].repeat(200, axis=0)
    sources[:, 3:] = -1
    randoms = np.random.default_rng(0).random(200)
    copied, _ = search.draw(sources, randoms, tolerance=0.1, largest=0)
    assert set(copied) == {2 * 18 + 2, 2 * 18 + 14}
    free, _ = search.draw(sources, randoms, tolerance=0.1, largest=1e-3)
    assert set(free) == {2 * 18 + 2, 2 * 18 + 14}, "an exact twin is the other place"
    exemplar[:, 12:] = 1 - exemplar[:, 12:]
    search = searching(exemplar, 5)
    for largest, expected in [(0, {38}), (1e-8, {38}), (1e-3, {38, 44})]:
        found, _ = search.draw(sources, randoms, tolerance=0.1, largest=largest)
        assert set(found) == expected, largest


def test_the_spread_is_a_quantile_of_the_distances_to_other_places():
    exemplar = noise(14, 15)
    search = searching(exemplar, 5)
    spreads = [search.spread(share, np.random.default_rng(0)) for share in (0, 0.5, 1)]
    assert 0 < spreads[0] < spreads[1] < spreads[2] < 1
    twice = np.tile(exemplar, (1, 2, 1))
    assert searching(twice, 5).spread(0.5, np.random.default_rng(0)) < 1e-6
    lonely = searching(exemplar, 5, np.array([[3, 4]]))
    assert lonely.spread(0.5, np.random.default_rng(0)) == 0, "there is no other place"


# -- the order --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sides", "reach"), [((30, 26), 3), ((9, 40), 5), ((4, 4), 7), ((1, 3), 1)]
)
def test_batches_hold_no_neighbours_and_keep_the_order(sides, reach):
    rng = np.random.default_rng(3)
    spots = rng.permutation(np.argwhere(rng.random(sides) < 0.5))
    sides = np.array(sides)
    batches = list(independent_batches(spots, reach, sides))
    rank = {tuple(spot): number for number, spot in enumerate(spots)}
    when = {tuple(spot): number for number, batch in enumerate(batches) for spot in batch}
    assert rank.keys() == when.keys()
    apart = np.abs(spots[:, None] - spots[None])
    conflict = (np.minimum(apart, sides - apart) <= reach).all(axis=2)
    for i, j in np.argwhere(np.triu(conflict, 1)):
        assert when[tuple(spots[i])] < when[tuple(spots[j])]


def test_the_frontier_surrounds_the_seed_most_neighbours_first():
    growth = Growth((9, 9), 4, (False, False))
    growth.plant((20, 20, 3), np.random.default_rng(0))
    assert growth.count == 9 and (growth.picture >= 0).sum() == 9
    frontier = np.concatenate(list(growth.batches(np.random.default_rng(0))))
    ring = np.argwhere(np.pad(np.zeros((3, 3)), 1, constant_values=1)) + 2
    assert sorted(map(tuple, frontier)) == sorted(map(tuple, ring))
    corners = {(2, 2), (2, 6), (6, 2), (6, 6)}
    assert {tuple(spot) for spot in frontier[-4:]} == corners


def test_an_open_window_sees_nothing_beyond_the_border():
    growth = Growth((6, 5), 2, (False, False))
    growth.fill(np.argwhere(np.ones((6, 5))), np.arange(30))
    (first, last) = growth.windows(np.array([[0, 0], [5, 4]]))
    assert (first[:2] == -1).all() and (first[:, :2] == -1).all() and first[2, 2] == 0
    assert (last[3:] == -1).all() and (last[:, 3:] == -1).all() and last[2, 2] == 29


def test_a_periodic_window_wraps_round():
    growth = Growth((6, 5), 2, (True, True))
    growth.fill(np.array([[5, 4], [0, 1]]), np.array([7, 8]))
    (window,) = growth.windows(np.array([[0, 0]]))
    assert window[1, 1] == 7 and window[2, 3] == 8 and (window >= 0).sum() == 2


# -- the method -------------------------------------------------------------------------------


@pytest.mark.parametrize("novelty", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("name", ["checkerboard", "stripes", "diagonal", "rows"])
def test_a_pattern_is_continued_exactly(name, novelty):
    exemplar = pattern(name, 21, 23)
    model = EfrosLeung(patch_size=9, novelty=novelty).fit(exemplar, rng=0)
    result = model.synthesize((40, 37), rng=1)
    larger = pattern(name, 60, 60)
    fits = [
        np.array_equal(result, larger[row : row + 40, column : column + 37])
        for row in range(12)
        for column in range(12)
    ]
    assert any(fits)


@pytest.mark.parametrize("name", ["checkerboard", "stripes"])
def test_a_pattern_meets_itself(name):
    model = EfrosLeung(patch_size=9, tileable="xy").fit(pattern(name, 21, 23), rng=0)
    result = np.tile(model.synthesize((24, 16), rng=1), (2, 2, 1))
    larger = pattern(name, 60, 60)
    assert any(np.array_equal(result, larger[:48, column : column + 32]) for column in range(4))


@pytest.mark.parametrize("tileable", ["none", "x", "xy"])
def test_every_pixel_is_one_of_the_exemplar(exemplar, tileable):
    settings = {"patch_size": 7, "n_patches": 300, "tileable": tileable}
    result = EfrosLeung(**settings).fit(exemplar, rng=0).synthesize((23, 31), rng=1)
    own = {pixel.tobytes() for pixel in exemplar.reshape(-1, 3)}
    assert {pixel.tobytes() for pixel in result.reshape(-1, 3)} <= own


def test_novelty_ends_the_verbatim_copy(exemplar):
    def originality(novelty):
        from texto.metrics import originality

        model = EfrosLeung(patch_size=9, novelty=novelty).fit(exemplar, rng=0)
        return originality(model.synthesize((48, 48), rng=1), exemplar)

    assert originality(0.0) < originality(0.3)


@pytest.mark.parametrize("sizes", [{"SCORES": 5000, "PICKED": 999}, {"KEPT": 0}])
def test_blocks_of_any_size_make_the_same_picture(monkeypatch, exemplar, sizes):
    model = EfrosLeung(patch_size=7).fit(exemplar[:30, :30], rng=0)
    expected = model.synthesize((20, 24), rng=1)
    for name, value in sizes.items():
        monkeypatch.setattr(masked_search, name, value)
    assert np.array_equal(model.synthesize((20, 24), rng=1), expected)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (2, 2), (3, 3), (4, 1)])
@pytest.mark.parametrize("tileable", ["none", "y", "xy"])
def test_outputs_smaller_than_the_seed_or_the_window(shape, tileable):
    exemplar = noise(9, 10)
    model = EfrosLeung(patch_size=7, tileable=tileable).fit(exemplar, rng=0)
    assert model.synthesize(shape, rng=1).shape == (*shape, 3)


def test_pixels_wait_where_nothing_fits(monkeypatch):
    monkeypatch.setattr(method, "THRESHOLD", 1e-5)
    steps = []
    model = EfrosLeung(patch_size=3, n_patches=2).fit(noise(12, 12), rng=0)
    result = model.synthesize((9, 9), rng=1, progress=steps.append)
    assert result.shape == (9, 9, 3) and steps[-1].iteration == steps[-1].total == 81


@pytest.mark.parametrize(("size", "width"), [(7, 6), (15, 14)])
def test_an_exemplar_smaller_than_the_window_is_refused(size, width):
    with pytest.raises(TextoError, match=f"{width}x40, smaller than patch_size={size}"):
        EfrosLeung(patch_size=size).fit(noise(40, width), rng=0)
    exact = EfrosLeung(patch_size=size).fit(noise(size, size), rng=0)
    assert len(np.unique(exact.synthesize((8, 8), rng=1)[0, 0])) == 3


def test_a_window_changed_after_the_fit_is_checked():
    model = EfrosLeung(patch_size=5).fit(noise(20, 22), rng=0)
    changed = dataclasses.replace(model, method=EfrosLeung(patch_size=21))
    with pytest.raises(TextoError, match="22x20, smaller than patch_size=21"):
        changed.synthesize((8, 8), rng=1)


@pytest.mark.parametrize("size", [4, 12, 62])
def test_an_even_window_is_refused(size):
    with pytest.raises(TextoError, match=rf"patch_size: must be odd.*{size - 1} or {size + 1}"):
        EfrosLeung(patch_size=size)


def test_a_long_estimate_is_told_before_anything_is_done():
    class Begun(Exception):
        pass

    def stop(step):
        raise Begun

    model = EfrosLeung().fit(noise(128, 128), rng=0)
    assert estimated_seconds((600, 600), 114**2, 15, 3) > 120
    with pytest.warns(TextoWarning, match=r"about [0-9]+ minutes; lower"), pytest.raises(Begun):
        model.synthesize((600, 600), rng=1, progress=stop)
    with warnings.catch_warnings(), pytest.raises(Begun):
        warnings.simplefilter("error")
        model.synthesize((128, 128), rng=1, progress=stop)


@pytest.mark.parametrize("tileable", ["x", "y"])
def test_the_axis_that_shall_repeat_closes_and_the_other_does_not(exemplar, tileable):
    method = EfrosLeung(patch_size=5, n_patches=500, tileable=tileable)
    model, seams = method.fit(exemplar[:48, :56]), {}
    made = [model.synthesize((24, 26), rng=seed) for seed in range(4)]
    for axis, name in enumerate("yx"):
        border = np.mean([np.abs(p.take(0, axis) - p.take(-1, axis)).mean() for p in made])
        seams[name] = border / np.mean([np.abs(np.diff(p, axis=axis)).mean() for p in made])
    closed = seams.pop(tileable)
    (open_one,) = seams.values()
    assert closed < 1.7 < 2 < open_one  # about 1.2 and 2.7
