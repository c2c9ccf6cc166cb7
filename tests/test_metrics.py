"""Scores: zero for the picture itself, a second path for transport, and their direction."""

import numpy as np
import pytest
import scipy.ndimage
from scipy.optimize import linear_sum_assignment

from texto import metrics
from texto.images import read_image
from texto.metrics import originality, patch_ot, patch_ot_8, spectrum
from texto.patches import all_corners, extract_at
from texto.protocols import TextoError
from texto.pyramid import pyramid

SCORES = (patch_ot, patch_ot_8, spectrum, originality)


@pytest.fixture(autouse=True)
def few_draws(monkeypatch):
    """Small assignment problems."""
    monkeypatch.setattr(metrics, "DRAWS", 400)


@pytest.fixture(scope="module")
def wood(pytestconfig):
    return read_image(pytestconfig.rootpath / "data" / "wood.png")


@pytest.fixture(scope="module")
def bricks(pytestconfig):
    return read_image(pytestconfig.rootpath / "data" / "bricks.png")


def noise(shape, channels=3, seed=0):
    return np.random.default_rng(seed).random((*shape, channels), np.float32)


@pytest.mark.parametrize(("score", "size", "scale"), [(patch_ot, 4, 1), (patch_ot_8, 8, 1 / 4)])
def test_transport_is_the_best_assignment_of_all_patches(score, size, scale, monkeypatch):
    monkeypatch.setattr(metrics, "LEVELS", 2)
    a, b = noise((20, 20)), noise((20, 20), seed=1) ** 2  # few enough patches to draw them all
    costs = []
    for u, v in zip(pyramid(a, 2), pyramid(b, 2), strict=True):
        clouds = [extract_at(w, all_corners(w.shape, size), size) for w in (u, v)]
        cost = np.square(clouds[0][:, None].astype(float) - clouds[1][None]).sum(axis=2)
        costs.append(cost[linear_sum_assignment(cost)].mean())
    assert score(a, b) == pytest.approx(scale * np.mean(costs), rel=1e-4)


def test_a_picture_costs_nothing_against_itself_when_all_patches_are_drawn(monkeypatch):
    monkeypatch.setattr(metrics, "DRAWS", 1500)
    image = noise((40, 36))
    assert patch_ot(image, image) == pytest.approx(0, abs=1e-9)


def test_transport_is_symmetric_when_all_patches_are_drawn(monkeypatch):
    monkeypatch.setattr(metrics, "DRAWS", 1500)
    a, b = noise((32, 32)), noise((32, 32), seed=1) ** 2
    assert patch_ot(a, b) == pytest.approx(patch_ot(b, a))


def test_transport_knows_the_same_texture_from_another(wood, bricks, monkeypatch):
    monkeypatch.setattr(metrics, "DRAWS", 300)
    same = patch_ot(wood[:128], wood[128:])
    assert same < 0.5 * patch_ot(wood[:128], bricks[128:])
    assert same < 0.5 * patch_ot(noise((128, 256)), wood[128:])


def test_the_seed_decides_and_nothing_else(wood, monkeypatch):
    monkeypatch.setattr(metrics, "DRAWS", 100)
    a, b = wood[:96, :96], wood[100:200, 100:200]
    values = [patch_ot(a, b, rng=seed) for seed in (0, 0, 1)]
    assert values[0] == values[1] == patch_ot(a, b) != values[2]
    assert patch_ot(a, b, rng=np.random.default_rng(0)) == values[0]


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
    assert all(np.isfinite(score(image, image)) for score in SCORES)


@pytest.mark.parametrize("score", SCORES)
def test_grey_pictures_may_lack_the_last_axis(score):
    image = noise((96, 96), 1)
    assert score(image[:, :, 0], image) == pytest.approx(score(image, image))


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_constant_pictures_have_finite_scores(score, value):
    image = np.full((96, 96, 3), value, np.float32)
    assert np.isfinite(score(image, noise((96, 96)))) and np.isfinite(score(image, image))


@pytest.mark.parametrize("score", SCORES)
def test_inputs_are_left_alone(score):
    a, b = noise((96, 96)), noise((96, 96), seed=1)
    before = a.tobytes(), b.tobytes()
    score(a, b)
    assert (a.tobytes(), b.tobytes()) == before


@pytest.mark.parametrize(
    ("score", "smallest"), [(patch_ot, 32), (patch_ot_8, 64), (spectrum, 94), (originality, 9)]
)
@pytest.mark.parametrize("which", [0, 1])
def test_too_small_pictures_are_refused(score, smallest, which):
    pictures = [noise((96, 96)), noise((96, 96))]
    pictures[which] = noise((smallest - 1, 96))
    with pytest.raises(TextoError, match=f"96x{smallest - 1}"):
        score(*pictures)
    pictures[which] = noise((smallest, 96))
    assert np.isfinite(score(*pictures))


@pytest.mark.parametrize("score", [patch_ot, patch_ot_8, originality])
def test_different_channels_are_refused(score):
    with pytest.raises(TextoError, match="channels"):
        score(noise((96, 96)), noise((96, 96), 1))


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("value", [np.nan, 255, -0.1])
def test_pictures_outside_the_range_are_refused(score, value):
    with pytest.raises(TextoError, match=r"\[0, 1\]"):
        score(np.full((96, 96, 3), value, np.float32), noise((96, 96)))
