"""The shared types, and the checks of what users give for them."""

import numpy as np
import pytest

from texto.core.errors import TextoError
from texto.core.types import as_image, as_shape, generator


def test_generator_from_any_seed():
    rng = np.random.default_rng(3)
    assert generator(rng) is rng
    assert generator(3).random() == np.random.default_rng(3).random()
    assert generator(np.int64(3)).random() == np.random.default_rng(3).random()
    assert generator(2**32 - 1).random() != generator(0).random()
    assert generator(None).random() != generator(None).random()


@pytest.mark.parametrize("seed", [-1, 2**32, 2**70])
def test_seed_out_of_range(seed):
    with pytest.raises(TextoError, match=f"seed: must be from 0 to 4294967295, got {seed}"):
        generator(seed)


@pytest.mark.parametrize("shape", [(3, 4), (3, 4, 1), (3, 4, 7)])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_as_image(shape, dtype):
    pixels = np.linspace(0, 1, int(np.prod(shape)), dtype=dtype).reshape(shape)
    image = as_image(np.asfortranarray(pixels))
    assert image.dtype == np.float32 and image.flags.c_contiguous
    np.testing.assert_array_equal(image, pixels.reshape(3, 4, -1).astype(np.float32))


@pytest.mark.parametrize(
    ("pixels", "why"),
    [
        (np.zeros(5), "has shape"),
        (np.zeros((2, 2, 2, 2)), "has shape"),
        (np.zeros((4, 4, 0)), "has shape"),
        (np.zeros((0, 4, 3)), "smaller"),
        (np.zeros((4, 4, 3), np.uint8), "holds uint8"),
        (np.full((4, 4), np.nan), "outside|finite"),
        (np.full((4, 4), np.inf), "outside|finite"),
        (np.full((4, 4), 1.01), "outside"),
        (np.full((4, 4), -0.01), "outside"),
        (np.zeros((1, 9)), "is 9x1, smaller than the 2 pixels"),
    ],
)
def test_as_image_refuses(pixels, why):
    with pytest.raises(TextoError, match=f"mask: .*({why})"):
        as_image(pixels, "mask", smallest=2)


def test_as_shape():
    assert as_shape((3, 4)) == (3, 4) == as_shape(np.array([3, 4]))
    for bad in [(0, 4), (4, -1), (2.5, 4)]:
        with pytest.raises(TextoError, match="size"):
            as_shape(bad)
