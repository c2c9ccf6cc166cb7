"""Mixes of pictures in one call."""

import numpy as np
import pytest

import texto
from texto.core.errors import TextoError

QUICK = {"patch_size": 6, "n_iter": 1, "n_iter_dual": 2}


@pytest.fixture
def pictures():
    random = np.random.default_rng(0)
    return [random.random((24, 28, 3), np.float32) ** power for power in (0.5, 3)]


def test_it_is_a_fit_of_each_a_mix_and_a_synthesis(pictures):
    method = texto.OTFlow(**QUICK)
    made = texto.mix(pictures, method, weights=[3, 1], shape=(20, 30), rng=5)
    models = [method.fit(picture, rng=0) for picture in pictures]
    expected = method.mix(models, [0.75, 0.25]).synthesize((20, 30), rng=5)
    assert np.array_equal(made, expected)
    ramp = np.linspace(0, 1, 12, dtype=np.float32)[None].repeat(4, 0)
    along = texto.mix(pictures, method, weight_map=ramp, shape=(20, 40), rng=5)
    assert along.shape == (20, 40, 3) and along[:, :10].mean() > along[:, -10:].mean() + 0.1


@pytest.mark.parametrize(
    "change, why",
    [
        ({"pictures": 1}, "two or more"),
        ({"weights": [1, -1]}, "numbers of 0 or more"),
        ({"weights": [1]}, "are 1 for 2 pictures"),
        ({"weights": [1, 1], "weight_map": np.zeros((4, 4))}, "no weights"),
        ({"method": "gaussian"}, "mixes no textures"),
    ],
)
def test_refused(pictures, change, why):
    given = dict(change)
    count, name = given.pop("pictures", 2), given.pop("method", None)
    with pytest.raises(TextoError, match=why):
        texto.mix(pictures[:count], name and texto.method(name), **given)
