"""DDS files through Pillow: plain pixels and most kinds of block compression, as 8 bits."""

from __future__ import annotations

import struct
from dataclasses import replace

from ...core.errors import TextoError
from . import by_pillow
from .samples import SEVERAL, Samples, Source

_BC6 = (94, 95, 96)  # DXGI formats
_CUBE_OR_VOLUME = 0x200 | 0x200000
_decode = by_pillow.decoder("DDS")


def decode(source: Source) -> Samples:
    """The largest level of the first picture."""
    caps = struct.unpack_from("<I", source.data, 112)[0]
    if source.data[84:88] == b"DX10":
        dxgi, _, _, n_pictures = struct.unpack_from("<4I", source.data, 128)
        if dxgi in _BC6:
            raise TextoError(source.what, "holds light (BC6H)", "save it as OpenEXR")
        caps |= _CUBE_OR_VOLUME * (n_pictures > 1)
    samples = _decode(source)
    notes = (*samples.notes, *[SEVERAL] * bool(caps & _CUBE_OR_VOLUME))
    return replace(samples, notes=notes)
