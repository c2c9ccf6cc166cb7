"""PBM, PGM and PPM, text or binary. Read here: Pillow reduces colours of 16 bits to 8."""

from __future__ import annotations

import re

import numpy as np

from ...core.errors import TextoError
from .samples import RESAVE, Metadata, Samples, Source, split

SIGNATURES = tuple(b"P%d%c" % (kind, gap) for kind in range(1, 7) for gap in b" \t\r\n#")
_GAP = rb"(?:\s|#[^\n\r]*[\n\r])+"
_NUMBER = rb"(\d{1,9})"
_BITMAP = re.compile(rb"P[14]" + (_GAP + _NUMBER) * 2 + rb"\s")
_LEVELS = re.compile(rb"P[2356]" + (_GAP + _NUMBER) * 3 + rb"\s")
_MAX_HEADER = 1 << 16


def decode(source: Source) -> Samples:
    """The samples; a PBM has the levels 0 and 1, of which 1 is black."""
    number = int(source.data[1:2])
    is_bitmap, is_text = number in (1, 4), number < 4
    found = (_BITMAP if is_bitmap else _LEVELS).match(source.data[:_MAX_HEADER])
    if found is None:
        raise TextoError(source.what, "has a damaged header", RESAVE)
    width, height, *rest = map(int, found.groups())
    source.check_size(width, height)
    top = rest[0] if rest else 1
    if not 1 <= top <= 65535:
        raise TextoError(source.what, f"has {top} as its white", "choose one of 1 to 65535")
    n_channels = 3 if number in (3, 6) else 1
    count = width * height * n_channels
    dtype = np.dtype("u1" if top < 256 else ">u2")
    body = source.data[found.end() :]
    if is_text:
        values = _numbers(body, count, is_bitmap)
    elif is_bitmap:
        rows = np.frombuffer(body, np.uint8, height * -(-width // 8)).reshape(height, -1)
        values = np.unpackbits(rows, axis=1)[:, :width]
    else:
        values = np.frombuffer(body, dtype, count)
    if values.max() > top:
        raise TextoError(source.what, f"has values above its white, {top}", RESAVE)
    values = values.astype(dtype.newbyteorder("=")).reshape(height, width, n_channels)
    return split(1 - values if is_bitmap else values, float(top))


def encode(values: np.ndarray, metadata: Metadata) -> bytes:
    """A binary PPM of colours, or PGM of grey."""
    top = int(np.iinfo(values.dtype).max)
    kind = b"P6" if values.ndim == 3 else b"P5"
    header = b"%s\n%d %d\n%d\n" % (kind, values.shape[1], values.shape[0], top)
    return header + values.astype(values.dtype.newbyteorder(">")).tobytes()


def _numbers(text: bytes, count: int, is_bitmap: bool) -> np.ndarray:
    """`count` numbers of a text; those of a bitmap are digits that need no gaps."""
    text = re.sub(rb"#[^\n\r]*", b"", text)
    if is_bitmap:
        return np.frombuffer(re.sub(rb"\s", b"", text), np.uint8, count) - np.uint8(ord("0"))
    values = np.fromstring(text.decode("ascii"), np.int64, sep=" ")[:count]  # no limit: it pads
    if len(values) < count or values.min() < 0:
        raise ValueError("these are not as many numbers as there should be")
    return values
