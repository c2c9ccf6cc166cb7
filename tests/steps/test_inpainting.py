"""Holes filled by patches: what is known stays, what is copied is allowed, what repeats goes on."""

import numpy as np
import pytest

import texto
from texto.core.errors import TextoError
from texto.methods.patch_ot.energy import LevelEnergy
from texto.methods.patch_ot.inpainting import HolePlaces
from texto.patches.extraction import extract_at, grid
from texto.patches.masks import touching_corners
from texto.patches.pyramid import pyramid
from texto.patches.recompose import recompose, recompose_finer, squared_distances
from texto.steps.inpainting.filling import LEAST_PATCHES, Match
from texto.steps.inpainting.levels import as_holed, hole_levels
from texto.steps.inpainting.spots import HolePatches, touching

GMM = {"patch_size": 6, "n_components": 3, "n_patches": 600, "n_iter_em": 5, "device": "cpu"}
METHODS = {
    "textogmm": texto.TextoGMM(**GMM),
    "kwatra": texto.Kwatra(patch_size=16, n_iter=4, device="cpu"),
    "patch-ot": texto.PatchOT(n_iter=10, n_iter_dual=3, device="cpu"),
}
every_method = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)


def hole(shape, *boxes):
    """A mask (H, W) with `boxes` of (top, bottom, left, right)."""
    mask = np.zeros(shape, bool)
    for top, bottom, left, right in boxes:
        mask[top:bottom, left:right] = True
    return mask


@pytest.fixture(scope="module")
def picture(exemplar):
    return exemplar[:56, :61]


@pytest.fixture(scope="module")
def level(picture):
    """The finest level of a picture with a hole and a loose pixel in it."""
    mask = hole(picture.shape[:2], (20, 33, 18, 30), (3, 4, 60, 61))
    return hole_levels(picture, mask, None, 1)[0]


# -- lists of patches agree with grids ----------------------------------------------------------


def test_the_grid_of_patches_that_touch_covers_the_holes(level):
    spots = touching(level, 8)
    assert np.array_equal(spots.corners, touching_corners(level.holes, 8))
    for stride in (1, 3, 8):
        covered = np.zeros(level.holes.shape, bool)
        for row, column in touching(level, 8, stride).corners:
            assert level.holes[row : row + 8, column : column + 8].any()
            covered[row : row + 8, column : column + 8] = True
        assert covered[level.holes].all()


def test_fold_is_the_adjoint_of_extraction(level):
    rng, spots = np.random.default_rng(0), touching(level, 5, 2)
    image = np.zeros_like(level.picture)
    values = rng.random((len(level.pixels), 3), dtype=np.float32)
    level.put(image, values)
    patches = rng.random((len(spots), 75), dtype=np.float32)
    total = np.zeros_like(values)
    spots.fold(total, patches)
    assert (spots.extract(image) * patches).sum() == pytest.approx((values * total).sum(), 1e-4)


@pytest.mark.parametrize("weighting", ["mean", "gaussian", "robust"])
@pytest.mark.parametrize("weighed", [False, True])
def test_averages_are_those_of_a_grid(level, weighting, weighed):
    rng, spots = np.random.default_rng(1), grid(level.holes.shape, 6, 2)
    found = rng.integers(0, 40, (len(spots), 2))
    importance = rng.random(len(spots)) + 0.1 if weighed else None
    options = {"weighting": weighting, "importance": importance}
    expected = recompose(level.picture, found, spots, **options)
    corners = np.array([(row, column) for row in spots.rows for column in spots.columns])
    some = HolePatches(level, corners, 6)
    values, covered = some.average(level.picture, found, **options)
    assert covered.all()
    np.testing.assert_allclose(values, level.values(expected), atol=2e-5)
    squares = some.squared_distances(expected, level.picture, found, weighting=weighting)
    other = squared_distances(expected, level.picture, found, spots, weighting=weighting)
    np.testing.assert_allclose(squares, other, rtol=1e-4)


def test_a_match_goes_up_as_on_a_grid(picture):
    mask = hole(picture.shape[:2], (20, 40, 10, 34), (50, 52, 58, 61))  # down to an odd border
    fine, coarse = hole_levels(picture, mask, None, 2)
    spots = grid(coarse.holes.shape, 4)
    corners = np.array([(row, column) for row in spots.rows for column in spots.columns])
    found = np.random.default_rng(2).integers(0, 20, (len(corners), 2))
    canvas = Match(HolePatches(coarse, corners, 4), found).enlarged(fine)
    expected = recompose_finer(fine.picture, found, spots, (56, 60))
    assert np.array_equal(canvas[~mask], picture[~mask])
    np.testing.assert_allclose(canvas[:, :60][mask[:, :60]], expected[mask[:, :60]], atol=1e-5)
    np.testing.assert_array_equal(canvas[50:52, 60], canvas[50:52, 59])


def test_the_gradient_at_holes_is_the_mean_residual_there(level):
    size = 4
    database = level.database(
        size, n_patches=None, n_dims=None, kept_variance=1.0, rng=np.random.default_rng(0)
    )
    places = HolePlaces(level, size)
    energy = LevelEnergy(database, n_queries=10**7, rate=0.0, device="cpu", places=places)
    canvas = np.random.default_rng(3).random(level.picture.shape, dtype=np.float32)
    value, slope = energy.gradient(canvas, np.random.default_rng(0))
    patches = extract_at(canvas, touching_corners(level.holes, size), size)
    targets = extract_at(level.picture, level.known(size), size)
    distances = np.square(patches[:, None] - targets[None]).sum(axis=2)
    assert value == pytest.approx(distances.min(axis=1).mean(), rel=1e-4)
    found = level.known(size)[distances.argmin(axis=1)]
    matched, _ = places.every.average(level.picture, found)
    np.testing.assert_allclose(level.values(canvas) - slope, matched, atol=2e-6)


# -- what every method must do ------------------------------------------------------------------


@every_method
def test_what_repeats_goes_on(method):
    tile = np.random.default_rng(0).random((8, 8, 3), dtype=np.float32)
    tile = (tile + np.roll(tile, 1, 0) + np.roll(tile, 1, 1)) / 3
    image = np.tile(tile, (9, 9, 1))
    mask = hole((72, 72), (30, 46, 27, 43))
    result = method.inpaint(image, mask, rng=0)
    error, spread = np.abs(result - image)[mask].mean(), np.abs(image - image.mean()).mean()
    assert error < (0.35 if isinstance(method, texto.PatchOT) else 0.05) * spread


@every_method
def test_a_picture_of_one_colour_stays_one(method):
    image = np.full((40, 40, 3), (0.2, 0.5, 0.8), np.float32)
    result = method.inpaint(image, hole((40, 40), (12, 25, 9, 23)), rng=0)
    np.testing.assert_allclose(result, image, atol=1 / 255)


@every_method
def test_sources_tell_where_patches_come_from(method):
    rng = np.random.default_rng(0)
    image = 0.02 * rng.random((64, 64, 3), dtype=np.float32)
    image[:, :32, 0] += 0.9  # red on the left, blue on the right
    image[:, 32:, 2] += 0.9
    mask = hole((64, 64), (24, 40, 24, 40))
    for colour, columns in ((0, (0, 32)), (2, (32, 64))):
        sources = hole((64, 64), (0, 64, *columns))
        inner = method.inpaint(image, mask, sources=sources, rng=0)[28:36, 28:36]
        assert inner[:, :, colour].min() > 0.85 and inner[:, :, 2 - colour].max() < 0.1


@every_method
def test_any_channels(method):
    image = np.random.default_rng(0).random((36, 36, 5), dtype=np.float32)
    mask = hole((36, 36), (10, 18, 10, 20))
    result = method.inpaint(image, mask, rng=0)
    assert result.shape == image.shape and np.array_equal(result[~mask], image[~mask])


@pytest.mark.parametrize(
    ("mask", "told"),
    [
        (hole((56, 61), (0, 0, 0, 0)), "mask: selects no pixel"),
        (~hole((56, 61), (0, 0, 0, 0)), "mask: selects every"),
        (hole((61, 56), (3, 9, 3, 9)), "mask: is 56x61"),
    ],
)
def test_bad_masks_are_refused(picture, mask, told):
    with pytest.raises(TextoError, match=told):
        as_holed(picture, mask)


@every_method
def test_too_few_patches_to_copy_are_refused(method, picture):
    most, sources = hole((56, 61), (3, 56, 0, 61)), hole((56, 61), (30, 35, 30, 35))
    with pytest.raises(TextoError, match=r"mask: leaves \d+ patches .* patch_size"):
        method.inpaint(picture, most, rng=0)
    with pytest.raises(TextoError, match=r"mask: leaves \d+ patches"):
        method.inpaint(picture, hole((56, 61), (10, 20, 10, 20)), sources=sources, rng=0)


def test_levels_without_sources_are_left_out(picture):
    """A frame of 9 pixels has patches of 8 at full size only: that level alone is filled."""
    mask = hole((56, 61), (9, 47, 9, 52))
    steps = []
    texto.TextoGMM(**{**GMM, "patch_size": 8}).inpaint(picture, mask, rng=0, progress=steps.append)
    assert {step.level for step in steps} == {0}
    levels = hole_levels(picture, mask, None, 2)
    assert len(levels[0].known(8)) >= LEAST_PATCHES > len(levels[1].known(8)) == 0


def test_coarse_pixels_know_nothing_of_holes(picture):
    mask = hole((56, 61), (11, 30, 20, 33))
    image, holes = as_holed(picture, mask)
    for level, plain in zip(hole_levels(image, holes, None, 3), pyramid(picture, 3), strict=True):
        np.testing.assert_allclose(level.picture[~level.holes], plain[~level.holes], atol=1e-6)
        assert level.barred[level.holes].all() and level.number < 3
