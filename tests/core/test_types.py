"""The shared types, and the checks of what users give for them."""

import numpy as np
import pytest
from PIL import Image

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


def test_seed_of_another_type():
    with pytest.raises(TextoError, match=r"seed: is 1\.5; give a whole number"):
        generator(1.5)


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
    for bad in [(0, 4), (4, -1), (2.5, 4), 64, (5,), None]:
        with pytest.raises(TextoError, match="size"):
            as_shape(bad)


def test_pictures_of_other_libraries_are_taken():
    values = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)
    expected = values / np.float32(255)
    assert np.array_equal(as_image(Image.fromarray(values)), expected)
    tensor = SimpleTensor(np.moveaxis(values, -1, 0)[None])
    assert np.array_equal(as_image(tensor), expected)
    with pytest.raises(TextoError, match="alpha channel"):
        as_image(Image.new("RGBA", (4, 4)))


def test_masks_are_not_dropped():
    picture = np.ma.masked_array(np.full((4, 4), 0.5), np.eye(4, dtype=bool))
    with pytest.raises(TextoError, match="has masked pixels"):
        as_image(picture)


class SimpleTensor:
    """What a torch tensor answers to."""

    __module__ = "torch"

    def __init__(self, values):
        self._values = values

    def detach(self):
        return self

    cpu = detach

    def numpy(self):
        return self._values
