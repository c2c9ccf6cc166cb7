"""Radiance HDR: light as three 8-bit mantissas and one exponent a pixel, through imagecodecs."""

from __future__ import annotations

import re

import numpy as np

from ...core.errors import TextoError
from .samples import RESAVE, Metadata, Samples, Source

SIGNATURES = (b"#?RADIANCE", b"#?RGBE")
_SIZE = re.compile(rb"\n\n-Y (\d{1,9}) \+X (\d{1,9})\n")
_MAX_HEADER = 1 << 16


def decode(source: Source) -> Samples:
    """The samples as float32, not clipped."""
    import imagecodecs

    found = _SIZE.search(source.data[:_MAX_HEADER])
    if found is None:
        raise TextoError(source.what, "is turned, damaged or no picture", RESAVE)
    height, width = map(int, found.groups())
    source.check_size(width, height)
    if b"FORMAT=32-bit_rle_rgbe" not in source.data[: found.start() + 1]:
        raise TextoError(source.what, "is in another colour space than RGB", "save it as RGB")
    values = imagecodecs.rgbe_decode(source.data)
    if values.shape != (height, width, 3):
        raise TextoError(source.what, "is damaged", RESAVE)
    return Samples(values, top=1.0, linear=True)


def encode(values: np.ndarray, metadata: Metadata) -> bytes:
    """An HDR file of float `values`, grey as three equal colours; 8 bits are kept of each."""
    import imagecodecs

    colours = values if values.ndim == 3 else np.repeat(values[:, :, None], 3, axis=2)
    return bytes(imagecodecs.rgbe_encode(np.maximum(colours, 0)))
