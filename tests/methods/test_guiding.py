"""Guided synthesis: layout from the guide, texture from the exemplar, weights, refusals."""

import dataclasses

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

import texto
from texto.core import registry
from texto.core.contract import Guides
from texto.core.errors import TextoError, TextoWarning
from texto.steps.guiding.guidance import guidances
from texto.steps.guiding.luminance import halved, luminance, matched, resized

QUICK = {
    "textogmm": {
        "patch_size": 6,
        "n_components": 3,
        "n_patches": 600,
        "n_iter": 2,
        "n_iter_em": 5,
        "n_iter_sliced": 0,
        "n_dims": 16,
        "stride": 2,
        "device": "cpu",
    },
    "patch-ot": {
        "n_iter": 8,
        "n_iter_dual": 4,
        "n_queries": 600,
        "n_patches": 1000,
        "device": "cpu",
    },
    "ot-flow": {"patch_size": 8, "n_iter": 4, "n_dims": 16},
    "nifty": {"patch_size": 8, "n_iter": 6},
}
METHODS = {name: texto.method(name, **more) for name, more in QUICK.items()}


def leaves(side=80, channels=3):
    """(side, side, channels): blobs of several sizes, light and dark, with some colour."""
    noise = np.random.default_rng(3).standard_normal((side, side, channels + 1))
    parts = [gaussian_filter(noise, (scale, scale, 0), mode="wrap") for scale in (1, 3)]
    mixed = sum(part / part.std() for part in parts)
    picture = 0.5 + 0.1 * mixed[:, :, :1] + 0.04 * mixed[:, :, 1:]
    return np.clip(picture, 0, 1).astype(np.float32)


def portrait(height=48, width=60):
    """(height, width, 1): a light disc with a soft shade on a dark ground."""
    rows, columns = np.mgrid[:height, :width]
    radius = np.hypot(rows - height / 2, columns - width / 2)
    picture = 0.1 + 0.2 * columns / width + 0.4 * (radius < height / 3)
    return picture[:, :, None].astype(np.float32)


EXEMPLAR, GUIDE = leaves(), portrait()


def likeness(result, guide=GUIDE):
    """The correlation of luminances, smoothed at the scale of a patch."""
    views = [gaussian_filter(luminance(each)[:, :, 0], 3).ravel() for each in (result, guide)]
    return float(np.corrcoef(*views)[0, 1])


@pytest.fixture(params=METHODS)
def method(request):
    return METHODS[request.param]


# -- results ----------------------------------------------------------------------------------


def test_the_guide_is_followed_by_its_weight(method):
    exemplar, guide = EXEMPLAR, portrait(56, 70)
    plain = method.fit(exemplar, rng=0).synthesize((56, 70), rng=1)
    result = method.guide(exemplar, guide, rng=1)
    started = method.guide(exemplar, guide, weight=0, rng=1)
    assert likeness(result, guide) > 0.8 > 0.5 > abs(likeness(plain, guide))
    assert likeness(started, guide) < likeness(result, guide) - 0.05
    assert result.shape == (56, 70, 3) and result.dtype == np.float32
    assert result.min() >= 0 and result.max() <= 1
    scores = [texto.metrics.patch_ot(each, exemplar, n_patches=500) for each in (result, plain)]
    assert scores[0] < 1.7 * scores[1]


def test_the_exemplar_as_its_own_guide_comes_back(method):
    if hasattr(method, "n_components"):
        method = dataclasses.replace(method, search_share=1.0, n_patches=10_000)
    result = method.guide(EXEMPLAR, EXEMPLAR, weight=20, rng=1)
    assert likeness(result, EXEMPLAR) > 0.97
    other = method.fit(EXEMPLAR, rng=0).synthesize((80, 80), rng=1)
    distances = [np.square(each - EXEMPLAR).mean() for each in (result, other)]
    assert distances[0] < 0.4 * distances[1]


def test_seeds(method):
    one, same, other = (
        method.guide(EXEMPLAR[:48, :48], GUIDE, (24, 25), weight=0.1, rng=seed)
        for seed in (1, 1, 2)
    )
    assert one.shape == (24, 25, 3)
    assert np.array_equal(one, same) and not np.array_equal(one, other)


def test_inputs_stay_as_they_are_and_progress_is_whole(method):
    exemplar, guide, steps = EXEMPLAR.copy(), GUIDE.copy(), []
    method.guide(exemplar, guide, (30, 33), rng=1, progress=steps.append)
    assert np.array_equal(exemplar, EXEMPLAR) and np.array_equal(guide, GUIDE)
    for stage in {step.stage for step in steps}:
        own = [step for step in steps if step.stage == stage]
        assert own[-1].iteration == own[-1].total
        counts = [step.iteration for step in own]
        assert counts == sorted(set(counts))


@pytest.mark.parametrize("channels", [1, 2])
def test_any_channels(method, channels):
    result = method.guide(leaves(48, channels), np.repeat(portrait(20, 31), 4, axis=2), rng=1)
    assert result.shape == (20, 31, channels) and np.isfinite(result).all()


@pytest.mark.parametrize("exemplar", [EXEMPLAR, np.full((48, 48, 3), 0.25, np.float32)])
def test_one_colour(method, exemplar):
    guide = np.full((24, 32, 3), 0.9, np.float32)
    with pytest.warns(TextoWarning, match="one luminance only"):
        result = method.guide(exemplar, guide, rng=1)
    assert abs(float(np.median(luminance(result)) - np.median(luminance(exemplar)))) < 0.1


@pytest.mark.parametrize("size", [(1, 9)])
def test_tiny_results(method, size):
    assert method.guide(EXEMPLAR, GUIDE, size, rng=1).shape == (*size, 3)


# -- refusals ---------------------------------------------------------------------------------


def test_wrong_weights(method):
    for weight in (-0.1, 1001, float("nan")):
        with pytest.raises(TextoError, match="guide weight: must be a number from 0 to 1000"):
            method.guide(EXEMPLAR, GUIDE, weight=weight)


def test_other_refusals(method):
    with pytest.raises(TextoError, match="does not repeat"):
        dataclasses.replace(method, tileable="x").guide(EXEMPLAR, GUIDE)
    with pytest.raises(TextoError, match="guide: has values outside"):
        method.guide(EXEMPLAR, GUIDE * 9)
    with pytest.raises(TextoError, match="exemplar: is 3x3"):
        method.guide(EXEMPLAR[:3, :3], GUIDE)
    with pytest.raises(TextoError, match="size"):
        method.guide(EXEMPLAR, GUIDE, (0, 5))


def test_the_protocol():
    able = {name for name in registry.names() if hasattr(registry.method_class(name), "guide")}
    assert able == set(METHODS)
    assert all(isinstance(each, Guides) for each in METHODS.values())
    assert not isinstance(texto.Gaussian(), Guides)


# -- the parts --------------------------------------------------------------------------------


def test_matching_is_monotone_and_onto():
    rng = np.random.default_rng(0)
    values, target = rng.random((40, 50)), rng.standard_normal(2000)
    moved = matched(values, target)
    assert np.array_equal(np.sort(moved, axis=None), np.sort(target).astype(np.float32))
    assert (np.diff(moved.ravel()[np.argsort(values, axis=None)]) >= 0).all()
    assert np.array_equal(matched(values, values), values.astype(np.float32))
    assert np.allclose(matched(np.zeros((3, 3)), target), np.median(target))


def test_luminance_and_sizes():
    picture = np.zeros((5, 7, 3), np.float32)
    picture[:, :, 1] = 1
    assert np.allclose(luminance(picture), 0.587)
    assert np.allclose(luminance(picture[:, :, :2]), 0.5)
    assert halved(picture).shape == (3, 4, 3)
    stripes = np.tile(np.float32([[0], [1]]), (40, 80))[:, :, None]
    assert abs(resized(stripes, (13, 11)) - 0.5).max() < 0.2
    assert resized(stripes, (200, 7)).shape == (200, 7, 1)


def test_the_brightness_and_contrast_of_the_guide_do_not_matter():
    dark, light = (guidances(EXEMPLAR, each, 3) for each in (GUIDE / 8, GUIDE / 2 + 0.5))
    for one, other in zip(dark, light, strict=True):
        assert np.abs(one.channel - other.channel).mean() < 0.01 * one.channel.std()


def test_levels_of_the_guidance():
    levels = guidances(EXEMPLAR, luminance(EXEMPLAR), 3, 2.0)
    for level in levels:
        assert np.allclose(level.along(level.colours), level.joint, atol=1e-3)  # its own guide
        share = level.joint[:, :, 3].var() / level.colours.var(axis=(0, 1)).sum()
        assert share == pytest.approx(2, rel=0.01)
    wide = levels[2].along(np.zeros((26, 15, 3), np.float32))
    assert wide.shape == (26, 15, 4)
    assert np.array_equal(wide[20:, :, 3], np.repeat(wide[19:20, :, 3], 6, axis=0))
    assert not guidances(EXEMPLAR, GUIDE, 1, 0)[0].joint[:, :, 3].any()
