"""Guided synthesis: layout from the guide, texture from the exemplar; more is in the contract."""

import dataclasses

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

import texto
from texto.commands.powers import methods_with
from texto.core.contract import Guides
from texto.core.settings import settings_of
from texto.steps.guiding.luminance import luminance

BETTER = {  # than the method's quick settings, whose pictures follow nothing yet
    "textogmm": {"n_dims": 16, "stride": 2},
    "patch-ot": {"n_iter": 8, "n_iter_dual": 4, "n_queries": 600, "n_patches": 1000},
    "ot-flow": {"n_iter": 4},
    "nifty": {"n_iter": 6, "stride": 4},
}
NAMES = methods_with(Guides)


def leaves(side):
    """(side, side, 3): blobs of several sizes, light and dark, with some colour."""
    noise = np.random.default_rng(3).standard_normal((side, side, 4))
    parts = [gaussian_filter(noise, (scale, scale, 0), mode="wrap") for scale in (1, 3)]
    mixed = sum(part / part.std() for part in parts)
    picture = 0.5 + 0.1 * mixed[:, :, :1] + 0.04 * mixed[:, :, 1:]
    return np.clip(picture, 0, 1).astype(np.float32)


def portrait(height, width):
    """(height, width, 1): a light disc with a soft shade on a dark ground."""
    rows, columns = np.mgrid[:height, :width]
    radius = np.hypot(rows - height / 2, columns - width / 2)
    picture = 0.1 + 0.2 * columns / width + 0.4 * (radius < height / 3)
    return picture[:, :, None].astype(np.float32)


EXEMPLAR = leaves(64)


def likeness(result, guide):
    """The correlation of luminances, smoothed at the scale of a patch."""
    views = [gaussian_filter(luminance(each)[:, :, 0], 3).ravel() for each in (result, guide)]
    return float(np.corrcoef(*views)[0, 1])


@pytest.fixture(scope="module", params=NAMES)
def method(request):
    cls = texto.method(request.param).__class__
    return cls(**{**cls.quick, **BETTER.get(request.param, {})})


@pytest.fixture(scope="module")
def plain(method):
    """(56, 64, 3): without a guide."""
    return method.fit(EXEMPLAR, rng=0).synthesize((56, 64), rng=1)


def test_the_guide_is_followed_by_its_weight(method, plain):
    guide = portrait(56, 64)
    result = method.guide(EXEMPLAR, guide, rng=1)
    started = method.guide(EXEMPLAR, guide, weight=0, rng=1)
    assert likeness(result, guide) > 0.8 > 0.5 > abs(likeness(plain, guide))
    assert likeness(started, guide) < likeness(result, guide) - 0.05
    scores = [texto.metrics.patch_ot(each, EXEMPLAR, n_patches=400) for each in (result, plain)]
    assert scores[0] < 1.7 * scores[1]


def test_the_exemplar_as_its_own_guide_comes_back(method, plain):
    if "search_share" in settings_of(method) and "n_components" in settings_of(method):
        method = dataclasses.replace(method, search_share=1.0, n_patches=10_000)
    result = method.guide(EXEMPLAR, EXEMPLAR, weight=20, rng=1)
    assert likeness(result, EXEMPLAR) > 0.97
    distances = [np.square(each - EXEMPLAR[:56]).mean() for each in (result[:56], plain)]
    assert distances[0] < 0.4 * distances[1]


@pytest.mark.filterwarnings("ignore:the guide has one luminance only")
@pytest.mark.parametrize("exemplar", [EXEMPLAR[:40, :40], np.full((40, 40, 3), 0.25, np.float32)])
def test_one_colour(method, exemplar):
    result = method.guide(exemplar, np.full((24, 32, 3), 0.9, np.float32), rng=1)
    assert abs(float(np.median(luminance(result)) - np.median(luminance(exemplar)))) < 0.1


def test_methods_without_a_guide_are_left_out():
    assert set(BETTER) <= set(NAMES) and "gaussian" not in NAMES
