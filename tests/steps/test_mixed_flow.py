"""Sliced transport towards several pictures at once."""

import numpy as np
import pytest

from texto.steps.mixing.barycentre_flow import barycentre_flow, blended_flow
from texto.steps.mixing.zones import even


def pictures():
    """Two of noise, about 0.2 and 0.8."""
    noise = np.random.default_rng(0).normal(0, 0.02, (2, 24, 24, 1))
    return list((noise + np.array([0.2, 0.8])[:, None, None, None]).astype(np.float32))


@pytest.mark.parametrize("share", [0.25, 0.9])
def test_the_target_is_at_the_weights(share):
    rng = np.random.default_rng(1)
    flow = barycentre_flow(pictures(), even([1 - share, share]), rng=rng)
    image = rng.random((24, 24, 1), dtype=np.float32)
    for _ in range(6):
        flow.step(image, rng=rng, stride=2, periodic=(True, True))
    assert image.mean() == pytest.approx(0.2 + 0.6 * share, abs=0.01)
    assert image.std() < 0.05


@pytest.mark.parametrize("share", [0.25, 0.9])
def test_a_blend_takes_patches_as_often_as_its_shares_say(share):
    (sample,) = blended_flow(
        pictures(), np.array([[1 - share, share]]), even([1.0]), rng=np.random.default_rng(1)
    ).samples
    assert (sample.mean(axis=1) > 0.5).mean() == pytest.approx(share, abs=0.001)
