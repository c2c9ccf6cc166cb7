"""Tones brought to an exemplar's proportions: what moves, what stays, and what is left alone."""

import dataclasses

import numpy as np
import pytest
import scipy.ndimage

import texto
from texto.core.settings import settings_of
from texto.patches.pyramid import halve
from texto.steps.flow.tone import toned


def blobs(side=128, seed=0):
    """(side, side, 3) in [0.1, 0.9]: smooth on a torus, with flat places at both ends."""
    field = np.random.default_rng(seed).standard_normal((side, side, 3))
    field = scipy.ndimage.gaussian_filter(field, (5, 5, 0), mode="wrap")
    return (0.5 + 0.25 * field / field.std()).clip(0.1, 0.9).astype(np.float32)


def quantiles(picture):
    means = halve(halve(picture)).reshape(-1, picture.shape[2])
    return np.quantile(means, np.linspace(0.02, 0.98, 25), axis=0)


def moved(picture, exemplar, share=1.0, **options):
    return toned(picture, exemplar, share, rng=np.random.default_rng(0), **options)


def test_tones_come_in_the_exemplars_proportions():
    exemplar, picture = blobs(), blobs(seed=1) ** 2
    before, halfway, there = (
        np.abs(quantiles(moved(picture, exemplar, share)) - quantiles(exemplar)).mean()
        for share in (0.0, 0.5, 1.0)
    )
    assert there < 0.02 < 0.1 < before
    assert halfway == pytest.approx(before / 2, rel=0.2)


def test_a_picture_in_proportion_stays():
    exemplar = blobs()
    picture = np.roll(exemplar, 40, axis=0)
    assert np.abs(moved(picture, exemplar) - picture).max() < 2e-3


def test_flat_ground_stays_flat():
    """Equal values have no order: whatever their number, they move together."""
    ground = blobs()
    picture = ground.copy()
    picture[:, 40:100] = 0.5
    change = moved(picture, ground) - picture
    assert np.ptp(change[8:-8, 48:92], axis=(0, 1)).max() < 1e-5


def test_detail_smaller_than_the_means_stays_as_it_is():
    smooth = 0.4 + 0.2 * np.sin(np.arange(128) / 20)[:, None, None].repeat(128, 1)
    smooth = smooth.repeat(3, 2).astype(np.float32)
    checks = 0.05 * (-1.0) ** np.add.outer(np.arange(128), np.arange(128))[:, :, None]
    grey = blobs().mean(axis=2, keepdims=True).repeat(3, 2)
    change = moved((smooth + checks).astype(np.float32), grey) - smooth
    assert np.abs(np.diff(change - checks, 2, axis=1)).max() < 0.01
    assert np.abs(change - checks).max() > 0.02


def test_grey_stays_grey_and_a_torus_has_no_seam():
    grey = blobs().mean(axis=2, keepdims=True).repeat(3, 2)
    result = moved(blobs(seed=1).mean(axis=2, keepdims=True).repeat(3, 2) ** 2, grey)
    assert np.ptp(result, axis=2).max() < 2e-3
    picture = np.full((128, 128, 3), 0.5, np.float32)
    picture[:, :64] = 0.3
    change = moved(picture, blobs(), periodic=(True, True)) - picture
    edge, inside = np.abs(change[:, 0] - change[:, -1]), np.abs(change[:, 64] - change[:, 63])
    assert np.allclose(edge, inside, atol=1e-5)


def test_what_is_small_or_not_wanted_is_left_alone():
    small, large = blobs(56), blobs(seed=1)
    assert moved(small, large) is small and moved(large, small) is large
    assert moved(large, blobs(), share=0.0) is large


def test_only_textures_of_models_with_a_tone_change():
    """Older models have none, nor has the published flow."""
    exemplar = blobs(72) ** 2
    method = texto.OTFlow(patch_size=8, n_iter=2, n_dims=16, n_iter_dual=0)
    model = method.fit(exemplar, rng=0)
    plain = dataclasses.replace(model, method=dataclasses.replace(model.method, tone=0.0))
    results = [each.synthesize((72, 72), rng=1) for each in (model, plain)]
    near, far = (np.abs(quantiles(result) - quantiles(exemplar)).mean() for result in results)
    assert near < 0.7 * far, (near, far)
    assert settings_of(texto.OTFlow)["tone"].older == 0 and texto.Nifty().tone_share == 0
