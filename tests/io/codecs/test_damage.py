"""Damaged files of every format: one TextoError of one line, or samples that make sense."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from texto.core.errors import TextoError
from texto.io.codecs.decode import decode
from texto.io.codecs.encode import FORMATS, encoded, quantised
from texto.io.codecs.samples import Metadata, Source

RAMP = np.add.outer(np.arange(12), np.arange(10))[:, :, None] * np.array([1, 2, 3, 4]) / 84
METADATA = Metadata(profile=b"profile" * 9, dpi=(72, 72), text={"Comment": "text"})
SEEDS = [
    encoded(suffix, form.encode, quantised(RAMP[:, :, : 4 if form.alpha else 3], bits), METADATA)
    for suffix, form in FORMATS.items()
    for bits in form.depths
]
NUMBERS = (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\x80", b"\0\1\0\1")
SHARES = st.floats(0, 1, exclude_max=True)


def check(data):
    try:
        found = decode(Source("image", bytes(data), 10**5))
    except TextoError as error:
        assert str(error).isprintable()
    else:
        height, width, n_channels = found.values.shape
        assert 0 < height * width <= 10**5 and n_channels in (1, 3)
        assert found.alpha is None or found.alpha.shape == (height, width)
        assert 1 <= found.orientation <= 8


@settings(max_examples=250, deadline=None, derandomize=True)
@given(seed=st.sampled_from(SEEDS), place=SHARES, bit=st.integers(0, 7), near=st.booleans())
def test_flipped_bits(seed, place, bit, near):
    data = bytearray(seed)
    data[int(place * (min(len(data), 200) if near else len(data)))] ^= 1 << bit
    check(data)


@settings(max_examples=250, deadline=None, derandomize=True)
@given(seed=st.sampled_from(SEEDS), place=SHARES, number=st.sampled_from(NUMBERS))
def test_absurd_numbers(seed, place, number):
    at = int(place * min(len(seed), 300))
    check(seed[:at] + number + seed[at + 4 :])


@settings(max_examples=250, deadline=None, derandomize=True)
@given(seed=st.sampled_from(SEEDS), other=st.sampled_from(SEEDS), place=SHARES)
def test_the_head_of_one_on_the_body_of_another(seed, other, place):
    at = int(place * len(seed))
    check(seed[:at] + other[at:])
