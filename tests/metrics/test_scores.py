"""Scores: zero for the picture itself, a second path for transport, and their direction."""

import warnings

import numpy as np
import pytest
import scipy.ndimage
import scipy.spatial
from scipy.optimize import linear_sum_assignment

from texto.core.errors import TextoError
from texto.io.images import read_image
from texto.metrics import (
    autocorrelation,
    copied,
    originality,
    patch_ot,
    patch_ot_8,
    recurrence,
    sliced_w,
    spectrum,
)
from texto.patches.extraction import all_corners, extract_at
from texto.patches.pyramid import pyramid

# Small problems, which are quick.
FEW = {"n_patches": 400}
OPTIONS = {patch_ot: FEW, patch_ot_8: FEW, sliced_w: {**FEW, "n_directions": 64}}
SCORES = (patch_ot, patch_ot_8, sliced_w, spectrum, autocorrelation, originality, copied)


def quick(score, *pictures, **more):
    return score(*pictures, **{**OPTIONS.get(score, {}), **more})


@pytest.fixture(scope="module")
def wood(pytestconfig):
    return read_image(pytestconfig.rootpath / "data" / "wood.png")


@pytest.fixture(scope="module")
def bricks(pytestconfig):
    return read_image(pytestconfig.rootpath / "data" / "bricks.png")


def noise(shape, channels=3, seed=0):
    return np.random.default_rng(seed).random((*shape, channels), np.float32)


@pytest.mark.parametrize(("score", "size", "scale"), [(patch_ot, 4, 1), (patch_ot_8, 8, 1 / 4)])
def test_transport_is_the_best_assignment_of_all_patches(score, size, scale):
    a, b = noise((20, 20)), noise((20, 20), seed=1) ** 2  # few enough patches to draw them all
    costs = []
    for u, v in zip(pyramid(a, 2), pyramid(b, 2), strict=True):
        clouds = [extract_at(w, all_corners(w.shape, size), size) for w in (u, v)]
        cost = np.square(clouds[0][:, None].astype(float) - clouds[1][None]).sum(axis=2)
        costs.append(cost[linear_sum_assignment(cost)].mean())
    assert score(a, b, n_levels=2) == pytest.approx(scale * np.mean(costs), rel=1e-4)


def test_a_picture_costs_nothing_against_itself_when_all_patches_are_drawn():
    image = noise((40, 36))
    assert patch_ot(image, image) == pytest.approx(0, abs=1e-9)


def test_transport_is_symmetric_when_all_patches_are_drawn():
    a, b = noise((32, 32)), noise((32, 32), seed=1) ** 2
    assert patch_ot(a, b) == pytest.approx(patch_ot(b, a))


def test_transport_knows_the_same_texture_from_another(wood, bricks):
    same = quick(patch_ot, wood[:128], wood[128:])
    assert same < 0.5 * quick(patch_ot, wood[:128], bricks[128:])
    assert same < 0.5 * quick(patch_ot, noise((128, 256)), wood[128:])


def test_the_seed_decides_and_nothing_else(wood):
    a, b = wood[:96, :96], wood[100:200, 100:200]
    values = [patch_ot(a, b, rng=seed, n_patches=100) for seed in (0, 0, 1)]
    assert values[0] == values[1] == patch_ot(a, b, n_patches=100) != values[2]
    again = np.random.default_rng(0)
    assert patch_ot(a, b, rng=again, n_patches=100) == values[0]


def test_the_spectrum_is_zero_for_itself_and_grows_with_blur(wood):
    blurred = [
        scipy.ndimage.gaussian_filter(wood, (sigma, sigma, 0)).astype(np.float32)
        for sigma in (0.4, 0.7, 1.2)
    ]
    values = [spectrum(image, wood) for image in blurred]
    assert spectrum(wood, wood) == 0
    assert 0 < values[0] < values[1] < values[2]


def test_the_spectrum_is_the_logarithm_of_the_power():
    image = noise((128, 128))
    flat = image.mean(axis=2, keepdims=True)
    dim = (0.5 + 0.5 * (flat - 0.5)).astype(np.float32)  # half the contrast
    assert spectrum(dim, flat) == pytest.approx(2 * np.log(2), rel=1e-3)
    assert spectrum(image, flat) == pytest.approx(0, abs=1e-3)  # grey values only


def test_originality_is_none_for_a_crop_and_high_for_noise(wood):
    assert originality(wood[30:90, 40:110], wood[:120, :128]) == 0
    assert originality(noise((60, 60)), noise((70, 70), seed=1)) > 0.6


def test_originality_counts_a_seam():
    exemplar = noise((60, 60))
    pasted = np.concatenate([exemplar[:30, :20], exemplar[30:, 30:50]], axis=1)
    found = originality(pasted, exemplar)
    assert 0 < found < 0.5


def test_only_the_corner_is_looked_at():
    exemplar = noise((40, 40))
    result = np.concatenate([exemplar, noise((40, 30), seed=5)], axis=1)
    assert originality(result, exemplar, side=40) == 0
    assert originality(result, exemplar) > 0.1


@pytest.mark.parametrize("channels", [1, 2, 5])
def test_any_number_of_channels(channels):
    image = noise((96, 96), channels)
    assert all(np.isfinite(quick(score, image, image)) for score in SCORES)


@pytest.mark.parametrize("score", SCORES)
def test_grey_pictures_may_lack_the_last_axis(score):
    image = noise((96, 96), 1)
    assert quick(score, image[:, :, 0], image) == pytest.approx(quick(score, image, image))


@pytest.mark.parametrize("score", SCORES)
def test_constant_pictures_have_finite_scores(score):
    black = np.zeros((96, 96, 3), np.float32)
    assert np.isfinite(quick(score, black + np.float32(0.5), noise((96, 96))))
    assert np.isfinite(quick(score, black, black))


@pytest.mark.parametrize("score", SCORES)
def test_inputs_are_left_alone(score):
    a, b = noise((96, 96)), noise((96, 96), seed=1)
    before = a.tobytes(), b.tobytes()
    quick(score, a, b)
    assert (a.tobytes(), b.tobytes()) == before


@pytest.mark.parametrize(
    ("score", "smallest"),
    list(zip(SCORES, (32, 64, 16, 94, 8, 9, 8), strict=True)),
)
@pytest.mark.parametrize("which", [0, 1])
def test_too_small_pictures_are_refused(score, smallest, which):
    pictures = [noise((96, 96)), noise((96, 96))]
    pictures[which] = noise((smallest - 1, 96))
    with pytest.raises(TextoError, match=f"96x{smallest - 1}"):
        quick(score, *pictures)
    pictures[which] = noise((smallest, 96))
    assert np.isfinite(quick(score, *pictures))


@pytest.mark.parametrize("score", [patch_ot, patch_ot_8, sliced_w, originality, copied])
def test_different_channels_are_refused(score):
    with pytest.raises(TextoError, match="channels"):
        score(noise((96, 96)), noise((96, 96), 1))


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("value", [np.nan, 255, -0.1])
def test_pictures_outside_the_range_are_refused(score, value):
    with pytest.raises(TextoError, match=r"\[0, 1\]"):
        score(np.full((96, 96, 3), value, np.float32), noise((96, 96)))


# -- transport --------------------------------------------------------------------------------


def test_transport_agrees_with_pot():
    """The same draws, and ot.emd2 on the dense costs of each level."""
    import ot

    a, b = noise((70, 64)), noise((64, 80), seed=1) ** 2
    rng, costs = np.random.default_rng(7), []
    for pair in zip(pyramid(a, 4), pyramid(b, 4), strict=True):
        clouds = []
        for image in pair:
            corners = all_corners(image.shape, 4)
            chosen = rng.choice(len(corners), min(300, len(corners)), replace=False)
            clouds.append(extract_at(image, corners[chosen], 4).astype(float))
        uniform = [ot.unif(len(cloud)) for cloud in clouds]
        costs.append(ot.emd2(*uniform, ot.dist(*clouds)))
    assert patch_ot(a, b, rng=7, n_patches=300) == pytest.approx(np.mean(costs), rel=1e-6)


def test_draws_follow_one_another():
    a, b = noise((64, 64)), noise((64, 64), seed=1) ** 2
    rng = np.random.default_rng(3)
    single = [patch_ot(a, b, rng=rng, n_patches=60) for _ in range(3)]
    assert patch_ot(a, b, rng=3, n_patches=60, n_draws=3) == pytest.approx(np.mean(single))
    assert len(set(single)) == 3


@pytest.mark.parametrize("channels", [1, 3])
def test_the_sliced_distance_of_a_brighter_picture_is_the_square_of_the_step(channels):
    a = 0.5 * noise((48, 40), channels)
    b = a + np.float32(0.2)
    found = sliced_w(b, a, n_directions=2048, n_draws=2)  # all patches are drawn
    assert found == pytest.approx(16 * channels * 0.2**2, rel=0.05)
    assert sliced_w(a, a) == pytest.approx(0, abs=1e-9)


def test_the_sliced_distance_is_that_of_each_direction():
    """One channel and direction, against the sorted projections."""
    a, b = noise((30, 30), 1), noise((30, 30), 1, seed=1) ** 2
    rng, count = np.random.default_rng(5), 15 * 15
    corners = all_corners(a.shape, 16)
    x, y = (extract_at(u, corners[rng.choice(count, count, replace=False)], 16) for u in (a, b))
    direction = rng.standard_normal((1, 256), np.float32)[0].astype(float)
    direction /= np.linalg.norm(direction)
    expected = np.square(np.sort(x @ direction) - np.sort(y @ direction)).mean()
    found = sliced_w(a, b, rng=5, n_directions=1)
    assert found == pytest.approx(16 * expected, rel=1e-4)


# -- autocorrelation --------------------------------------------------------------------------


def test_the_autocorrelation_is_the_mean_over_the_pairs():
    from texto.metrics.stationary import _autocorrelation

    grey = noise((23, 19), 1)[:, :, 0].astype(float)
    u = grey - grey.mean()
    found = _autocorrelation(grey, 4)
    for y, x in ((0, 0), (3, 0), (0, 4), (-2, 3), (4, 1)):
        rows = slice(max(0, -y), 23 - max(0, y))
        moved = u[max(0, y) : 23 + min(0, y), x:]
        expected = (u[rows, : 19 - x] * moved).mean() / u.var()
        assert found[4 + y, x] == pytest.approx(expected)


def test_the_autocorrelation_sees_direction_and_spacing_and_no_contrast():
    rows = np.mgrid[:96, :96][0]
    stripes = {period: (rows // (period // 2) % 2).astype(np.float32) for period in (8, 12)}
    assert autocorrelation(stripes[8], stripes[8]) == 0
    assert autocorrelation(0.3 + 0.2 * stripes[8], stripes[8]) == pytest.approx(0, abs=1e-5)
    assert autocorrelation(stripes[8].T.copy(), stripes[8]) > 0.5
    assert autocorrelation(stripes[12], stripes[8]) > 0.5
    assert autocorrelation(noise((96, 96)), noise((128, 80), seed=1)) < 0.03


def test_what_repeats_itself_returns():
    tile = noise((40, 30), 1)
    assert recurrence(np.tile(tile, (4, 4, 1))) == pytest.approx(1, abs=0.02)
    assert recurrence(noise((160, 120), 1)) < 0.15
    mixed = 0.5 * np.tile(tile, (4, 4, 1)) + 0.5 * noise((160, 120), 1, seed=9)
    assert recurrence(mixed) == pytest.approx(0.5, abs=0.1)
    smooth = scipy.ndimage.gaussian_filter(noise((160, 120), 1)[:, :, 0], 3)
    assert 0 < recurrence(smooth[:, :, None] - smooth.min()) < 0.5
    assert recurrence(np.full((30, 30, 3), 0.5, np.float32)) == 0
    with pytest.raises(TextoError, match="24"):
        recurrence(tile[:20, :20])


# -- sources ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["same", "other", "noise", "flat", "crop"])
def test_the_pruned_search_is_exact(kind, wood, bricks):
    from texto.metrics.pruned_search import PrunedSearch

    patches = extract_at(wood[:60, :96], all_corners((60, 96), 8), 8)
    picture = {
        "same": wood[100:116, :30],
        "other": bricks[:20, :30],
        "noise": noise((20, 20)),
        "flat": np.full((12, 12, 3), 0.5, np.float32),
        "crop": wood[20:40, 30:60],
    }[kind]
    queries = extract_at(picture, all_corners(picture.shape, 8), 8)
    search = PrunedSearch(patches)
    found = search.search(queries)
    exact = scipy.spatial.distance.cdist(queries, patches, "sqeuclidean")
    chosen = exact[np.arange(len(queries)), found]
    np.testing.assert_allclose(chosen, exact.min(axis=1), rtol=1e-6, atol=1e-9)
    assert np.array_equal(search.search(queries[:1]), found[:1])


@pytest.mark.parametrize(("axes", "size"), [(2, 5), (24, 300)])
def test_the_pruned_search_of_few_points(axes, size):
    from texto.metrics.pruned_search import PrunedSearch

    points = np.random.default_rng(0).random((size, axes)).astype(np.float32)
    search = PrunedSearch(points)
    assert np.array_equal(search.search(points), np.arange(size))
    assert search.search(points[:0]).shape == (0,)
    assert np.array_equal(PrunedSearch(points[:1]).search(points), np.zeros(size))


# -- copies -----------------------------------------------------------------------------------


def test_a_crop_is_copied_whole_and_noise_not_at_all(wood):
    assert copied(wood[30:90, 40:110], wood) == 60 * 70
    assert copied(noise((60, 60)), noise((70, 70), seed=1)) == 0


def test_the_largest_of_several_copies_counts():
    exemplar, result = noise((60, 70)), noise((80, 90), seed=1)
    result[5:25, 7:37] = exemplar[30:50, 11:41]  # 20 x 30
    result[25:40, 7:37] = exemplar[0:15, 2:32]  # beside it, but from elsewhere
    result[60:75, 50:80] = exemplar[30:45, 11:41]  # from the same place, but apart
    assert copied(result, exemplar) == 600
    result[24, 37:60] = exemplar[49, 41:64]  # narrower than a patch
    assert copied(result, exemplar) == 600


def test_rounding_to_8_bits_hides_no_copy():
    exemplar, result = noise((64, 64)), noise((64, 64), seed=1)
    result[10:40, 12:52] = np.round(255 * exemplar[20:50, 3:43]) / 255
    assert copied(result, exemplar) == 1200
    assert copied(result, exemplar, tolerance=1e-4) == 0


def test_repeated_patterns_do_not_hide_a_copy():
    """Sources are ambiguous in flat areas; the area is not."""
    exemplar = np.full((64, 64, 3), 0.5, np.float32)
    exemplar[20:40, 20:40] = noise((20, 20))
    assert copied(exemplar[4:60, 8:60], exemplar) == 56 * 52
    assert copied(exemplar, exemplar[:30]) >= 30 * 64


def test_the_solver_refuses_what_it_cannot_solve():
    from texto.transport.plan import exact_cost

    points = np.zeros((3, 2), np.float32)
    for first, second in ((points[:0], points), (points, points[:0]), (points, points * np.nan)):
        with pytest.raises(ValueError, match=r"points|finite"):
            exact_cost(first, second)
    assert exact_cost(points, points + 1) == pytest.approx(2)


def test_scoring_in_threads_leaves_the_warning_filters_alone():
    """They are shared by all threads, and turning them into errors would outlive the score."""
    before = list(warnings.filters)
    patch_ot(noise((40, 40)), noise((40, 40), seed=1), n_patches=60, n_draws=8)
    assert warnings.filters == before
