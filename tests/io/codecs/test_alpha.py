"""Transparency through every format that has a place for it."""

import io

import numpy as np
import pytest
import tifffile

from texto.io.codecs.decode import decode
from texto.io.codecs.encode import FORMATS, quantised
from texto.io.codecs.samples import NOTHING, Source

RNG = np.random.default_rng(0)
CASES = [(suffix, bits) for suffix, form in FORMATS.items() if form.alpha for bits in form.depths]


def read(data):
    return decode(Source("image", data, 10**6))


@pytest.mark.parametrize("n_channels", [2, 4])
@pytest.mark.parametrize(("suffix", "bits"), CASES)
def test_straight_alpha_comes_back(suffix, bits, n_channels):
    image = RNG.random((6, 9, n_channels), dtype=np.float32)
    image[:2, :, -1] = 0  # colours under transparent pixels count
    values = quantised(image, bits)
    found = read(FORMATS[suffix].encode(values, NOTHING))
    assert found.premultiplied == (suffix == ".exr") and found.notes == ()
    assert np.array_equal(found.alpha, values[:, :, -1])
    expected = values[:, :, :-1] * (values[:, :, -1:] if found.premultiplied else 1)
    assert (found.values == expected).all()  # in three channels where WebP has no grey
    assert found.bits == bits


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_an_unspecified_sample_of_a_tiff_is_taken_for_alpha_with_a_note(dtype):
    top = 1 if dtype == np.float32 else np.iinfo(dtype).max
    values = np.full((4, 4, 4), top, dtype)
    buffer = io.BytesIO()
    for smallest, n_notes in ((top, 0), (0, 1)):  # nobody needs to hear of an opaque one
        values[1, 1, 3] = smallest
        buffer.seek(0)
        tifffile.imwrite(buffer, values, photometric="rgb", extrasamples=["unspecified"])
        found = read(buffer.getvalue())
        assert np.array_equal(found.alpha, values[:, :, 3])
        assert len(found.notes) == n_notes and all("unspecified" in note for note in found.notes)
