"""What guides and exemplars have in common: luminance, its levels, its checks."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from texto.core.errors import TextoError, TextoWarning
from texto.steps.guiding.guidance import checked, guidances
from texto.steps.guiding.luminance import halved, luminance, matched, resized


@pytest.fixture(scope="module")
def leaves():
    """(48, 48, 3): blobs with some colour."""
    field = gaussian_filter(np.random.default_rng(3).standard_normal((48, 48, 4)), (2, 2, 0))
    field /= field.std()
    return np.clip(0.5 + 0.1 * field[:, :, :1] + 0.04 * field[:, :, 1:], 0, 1).astype(np.float32)


@pytest.fixture(scope="module")
def guide():
    """(48, 60, 1): a ramp with a light half."""
    rows, columns = np.mgrid[:48, :60]
    return (0.1 + columns / 300 + 0.4 * (rows < 20))[:, :, None].astype(np.float32)


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


def test_the_brightness_and_contrast_of_the_guide_do_not_matter(leaves, guide):
    dark, light = (guidances(leaves, each, 3) for each in (guide / 8, guide / 2 + 0.5))
    for one, other in zip(dark, light, strict=True):
        assert np.abs(one.channel - other.channel).mean() < 0.01 * one.channel.std()


def test_levels_of_the_guidance(leaves, guide):
    levels = guidances(leaves, luminance(leaves), 3, 2.0)
    for level in levels:
        assert np.allclose(level.along(level.colours), level.joint, atol=1e-3)  # its own guide
        share = level.joint[:, :, 3].var() / level.colours.var(axis=(0, 1)).sum()
        assert share == pytest.approx(2, rel=0.01)
    wide = levels[2].along(np.zeros((18, 9, 3), np.float32))
    assert wide.shape == (18, 9, 4)
    assert np.array_equal(wide[12:, :, 3], np.repeat(wide[11:12, :, 3], 6, axis=0))
    assert not guidances(leaves, guide, 1, 0)[0].joint[:, :, 3].any()


def test_what_cannot_lead_is_refused_by_name(leaves, guide):
    def given(tileable="none", exemplar=leaves, guide=guide, shape=None, weight=1.0):
        method = SimpleNamespace(tileable=tileable)
        return checked(method, exemplar, guide, shape, weight, smallest=4)

    for weight in (-0.1, 1001, float("nan")):
        with pytest.raises(TextoError, match="guide weight: must be a number from 0 to 1000"):
            given(weight=weight)
    for changes, told in (
        ({"tileable": "x"}, "does not repeat"),
        ({"guide": guide * 9}, "guide: has values outside"),
        ({"exemplar": leaves[:3, :3]}, "exemplar: is 3x3"),
        ({"shape": (0, 5)}, "size"),
    ):
        with pytest.raises(TextoError, match=told):
            given(**changes)
    exemplar, channel = given(shape=(13, 60))
    assert exemplar is not leaves and np.array_equal(exemplar, leaves)
    assert channel.shape == (13, 60, 1)


def test_a_guide_of_one_luminance_is_told_of(leaves):
    with pytest.warns(TextoWarning, match="one luminance only"):
        checked(SimpleNamespace(tileable="none"), leaves, 0 * leaves + 0.9, None, 1, smallest=4)
