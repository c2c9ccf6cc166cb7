"""JPEG XL through imagecodecs, which reads no sizes ahead and hands on no metadata."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...core.errors import TextoError
from .boxes import box, boxes
from .extras import gathered
from .samples import SEVERAL, Metadata, Samples, Source, split

SIGNATURE = b"\0\0\0\x0cJXL \r\n\x87\n"
CODESTREAM = b"\xff\x0a"
_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))  # width to height, from 1 on


def decode(source: Source) -> Samples:
    """The samples of the first frame, which the decoder turns upright."""
    import imagecodecs

    notes: list[str] = []
    is_bare = source.data.startswith(CODESTREAM)
    found = [] if is_bare else list(boxes(source.data))
    header = _Header(source.data if is_bare else _codestream(found))
    source.check_size(header.width, header.height)
    values = imagecodecs.jpegxl_decode(source.data, index=0, numthreads=1)
    if values.ndim > 3 or values.shape[2:] > (4,) or values.dtype.itemsize == 8:
        raise TextoError(source.what, "has further channels", "save it as RGB or grey")
    block = next((content[4:] for kind, content in found if kind == b"Exif"), None)
    metadata = gathered(notes, block=block, half=values.dtype == np.float16)
    top = 1.0 if values.dtype.kind == "f" else float(2**header.bits - 1)
    notes += [SEVERAL] * header.is_animated
    return replace(split(values, top), metadata=metadata, notes=tuple(notes))


def encode(values: np.ndarray, metadata: Metadata) -> bytes:
    """A lossless file of 8 or 16 bits."""
    import imagecodecs

    packed = imagecodecs.jpegxl_encode(values, lossless=True, usecontainer=True, numthreads=1)
    pieces = []
    for kind, content in boxes(bytes(packed)):
        if kind == b"jxlc" and metadata.exif is not None:
            pieces.append(box(b"Exif", bytes(4) + metadata.exif))
        pieces.append(box(kind, content))
    return b"".join(pieces)


def _codestream(found: list[tuple[bytes, bytes]]) -> bytes:
    """The start of the codestream, which may lie in several boxes."""
    for kind, content in found:
        if kind in (b"jxlc", b"jxlp"):
            return content[4:] if kind == b"jxlp" else content
    raise ValueError("there is no codestream")


class _Header:
    """The first fields of a codestream, up to its bits a sample (ISO 18181-1, annex D)."""

    def __init__(self, stream: bytes):
        if not stream.startswith(CODESTREAM):
            raise ValueError("no codestream starts here")
        self._bits = int.from_bytes(stream[2:66], "little")
        self._left = 8 * len(stream[2:66])
        self.bits, self.is_animated = 8, False
        self.width, self.height = self._size()
        all_default = self._take(1)
        if not all_default:
            if self._take(1):
                self._extra_fields()
            is_float = self._take(1)
            self.bits = (
                self._choose((32, 0), (16, 0), (24, 0), (1, 6))
                if is_float
                else (self._choose((8, 0), (10, 0), (12, 0), (1, 6)))
            )

    def _take(self, n: int) -> int:
        if n > self._left:
            raise ValueError("the header is cut off")
        value = self._bits & ((1 << n) - 1)
        self._bits >>= n
        self._left -= n
        return value

    def _choose(self, *options: tuple[int, int]) -> int:
        """One of four numbers: an offset and so many bits to add."""
        offset, n = options[self._take(2)]
        return offset + self._take(n)

    def _size(self) -> tuple[int, int]:
        in_eights = self._take(1)

        def side() -> int:
            if in_eights:
                return 8 * (self._take(5) + 1)
            return self._choose((1, 9), (1, 13), (1, 18), (1, 30))

        height, ratio = side(), self._take(3)
        if not ratio:
            return side(), height
        across, down = _RATIOS[ratio - 1]
        return height * across // down, height

    def _extra_fields(self) -> None:
        self._take(3)  # the orientation, which changes no number of pixels
        if self._take(1):
            self._size()  # the size to show it at
        if self._take(1):
            raise ValueError("previews are not supported")
        self.is_animated = bool(self._take(1))
        if self.is_animated:
            self._choose((100, 0), (1000, 0), (1, 10), (1, 30))
            self._choose((1, 0), (1001, 0), (1, 8), (1, 10))
            self._choose((0, 0), (0, 3), (0, 16), (0, 32))
            self._take(1)
