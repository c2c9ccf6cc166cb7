"""PNG as a sequence of chunks: what must be decoded, what is only read, and what is to be added.

Walked here, because Pillow refuses a picture for the sake of a text or profile that is too long
or damaged, reduces 16 bits to 8, and libpng takes what is wrong outside the pixels without a word.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from PIL.PngImagePlugin import PngInfo, putchunk

from ...core.errors import TextoError
from . import exif
from .extras import MAX_EXTRA, gathered, is_keyword, per_inch, per_metre
from .samples import NOTHING, RESAVE, SEVERAL, Metadata, Samples, Source, split

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_MAX_CHUNKS = 1 << 20
_PIXELS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
_METADATA = (b"iCCP", b"eXIf", b"pHYs", b"gAMA", b"cHRM", b"sRGB", b"tEXt", b"zTXt", b"iTXt")
_UNIT = 100_000  # gAMA and cHRM are stored in hundred thousandths


def decode(source: Source) -> Samples:
    """The samples of a PNG of any depth."""
    import imagecodecs

    source.check_size(*size(source.data, source.what))
    found = parts(source.data, source.what)
    values = imagecodecs.png_decode(found.essential)  # Pillow reduces 16 bits to 8
    return replace(
        split(values, float(np.iinfo(values.dtype).max)),
        orientation=exif.orientation(found.metadata.exif),
        metadata=found.metadata,
        notes=(*found.notes, *[SEVERAL] * found.animated),
    )


def encode(values: np.ndarray, metadata: Metadata) -> bytes:
    """A PNG of uint8 or uint16 `values` with `metadata` between its header and its pixels."""
    import imagecodecs

    png = bytes(imagecodecs.png_encode(values))
    after_header = len(SIGNATURE) + 25
    added = _metadata_chunks(metadata) + _text_chunks(metadata.text)
    return b"".join([png[:after_header], added, png[after_header:]])


@dataclass
class Parts:
    """What a PNG says about its pixels, and `essential`, a PNG of nothing but pixels."""

    essential: bytes = b""
    metadata: Metadata = NOTHING
    animated: bool = False
    notes: list[str] = field(default_factory=list)


def chunks(data: bytes, what: str) -> Iterator[tuple[bytes, bytes]]:
    """Kind and content of the chunks of a PNG up to IEND, each checked against its CRC."""
    position = len(SIGNATURE)
    for _ in range(_MAX_CHUNKS):
        kind, start = data[position + 4 : position + 8], position + 8
        position = start + int.from_bytes(data[position : position + 4], "big") + 4
        if len(kind) < 4 or position > len(data):
            raise TextoError(what, "is truncated", RESAVE)
        content, check = data[start : position - 4], data[position - 4 : position]
        if zlib.crc32(content, zlib.crc32(kind)) != int.from_bytes(check, "big"):
            raise TextoError(what, "is damaged: a checksum does not match", RESAVE)
        yield kind, content
        if kind == b"IEND":
            return
    raise TextoError(what, f"has more than {_MAX_CHUNKS} chunks", RESAVE)


def size(data: bytes, what: str) -> tuple[int, int]:
    """The width and height that the PNG `data` starts with."""
    kind, content = next(chunks(data, what))
    if kind != b"IHDR" or len(content) != 13:
        raise TextoError(what, "is damaged: it does not start with a PNG header", RESAVE)
    width, height = struct.unpack(">II", content[:8])
    return width, height


def parts(data: bytes, what: str) -> Parts:
    """Everything in the PNG `data` that matters; TextoError if it is damaged."""
    found, kept, n_colours = Parts(), io.BytesIO(), 0
    others: list[tuple[bytes, bytes]] = []
    kept.write(SIGNATURE)
    depth, colour = data[24:26]
    for kind, content in chunks(data, what):
        if kind == b"PLTE":
            n_colours = min(len(content) // 3, 1 << depth)
        elif kind == b"tRNS" and colour == 3:
            content = content[:n_colours]  # libpng would take a longer one for none
        elif kind == b"tRNS" and len(content) != {0: 2, 2: 6}.get(colour, len(content)):
            raise TextoError(what, "is damaged: its transparent colour makes no sense", RESAVE)
        if kind in _PIXELS:
            putchunk(kept, kind, content)
        elif kind in _METADATA:
            others.append((kind, content))
        elif kind == b"acTL":
            found.animated = int.from_bytes(content[:4], "big") > 1
    found.essential = kept.getvalue()
    found.metadata = _metadata(others, found.notes)
    return found


def texts(data: bytes, what: str) -> tuple[dict[str, str], int]:
    """The text chunks by keyword (the first of each), and how many were left out.

    Left out are texts that are damaged, and those that would bring the total over `MAX_EXTRA`.
    """
    return _texts(chunks(data, what))


def _texts(pieces: Iterable[tuple[bytes, bytes]]) -> tuple[dict[str, str], int]:
    found: dict[str, str] = {}
    room, skipped = MAX_EXTRA, 0
    for kind, content in pieces:
        if kind not in _READERS:
            continue
        pair = _READERS[kind](content, room) if len(content) <= MAX_EXTRA else None
        if pair is None or sum(map(len, pair)) > room:
            skipped += 1
            continue
        room -= sum(map(len, pair)) + 64  # 64: what a pair of short strings costs at least
        found.setdefault(*pair)
    return found, skipped


def _metadata(pieces: list[tuple[bytes, bytes]], notes: list[str]) -> Metadata:
    first = dict(reversed(pieces))
    profile = None
    if b"iCCP" in first:
        profile = inflate(first[b"iCCP"].partition(b"\0")[2][1:], MAX_EXTRA) or b""
    found, skipped = _texts(pieces)
    gamma = _integers(">I", first.get(b"gAMA"))
    primaries = _integers(">8I", first.get(b"cHRM"))
    across, down, unit = _integers(">IIB", first.get(b"pHYs")) or (0, 0, 0)
    return gathered(
        notes,
        profile=profile,
        block=first.get(b"eXIf"),
        dpi=(per_inch(across), per_inch(down)) if unit == 1 else None,
        text=[*found.items(), *[None] * skipped],
        gamma=gamma[0] / _UNIT if gamma and gamma[0] else None,
        chromaticities=tuple(value / _UNIT for value in primaries) if primaries else None,
        srgb=b"sRGB" in first,
    )


def _integers(layout: str, content: bytes | None) -> tuple[int, ...]:
    """The fields of a chunk, () if there is none of this length."""
    sized = content is not None and len(content) == struct.calcsize(layout)
    return struct.unpack(layout, content) if content is not None and sized else ()


def _metadata_chunks(metadata: Metadata) -> bytes:
    added = io.BytesIO()
    if metadata.gamma is not None:
        putchunk(added, b"gAMA", struct.pack(">I", round(metadata.gamma * _UNIT)))
    primaries = [round(value * _UNIT) for value in metadata.chromaticities or ()]
    if primaries and min(primaries) >= 0:  # EXR knows negative ones
        putchunk(added, b"cHRM", struct.pack(">8I", *primaries))
    if metadata.profile is not None:
        putchunk(added, b"iCCP", b"ICC profile\0\0" + zlib.compress(metadata.profile, 9))
    elif metadata.srgb:  # beside a profile it would be one statement too many
        putchunk(added, b"sRGB", b"\0")
    if metadata.dpi is not None:
        putchunk(added, b"pHYs", struct.pack(">IIB", *map(per_metre, metadata.dpi), 1))
    if metadata.exif is not None:
        putchunk(added, b"eXIf", metadata.exif)
    return added.getvalue()


def _text_chunks(text: Mapping[str, str]) -> bytes:
    """`text` as chunks, sorted by keyword."""
    info, added = PngInfo(), io.BytesIO()
    for key in sorted(text):
        _check_text(key, text[key])
        # A lone surrogate, as in undecodable file names, has no UTF-8; it is spelled out.
        value = text[key].encode("utf-8", "backslashreplace").decode()
        (info.add_text if value == text[key] else info.add_itxt)(key, value)
    for kind, content, *_ in info.chunks:
        putchunk(added, kind, content)
    if added.tell() > MAX_EXTRA // 2:
        raise TextoError("text", f"is over {MAX_EXTRA >> 21} MiB", "store less text in the PNG")
    return added.getvalue()


def inflate(data: bytes, most: int) -> bytes | None:
    """`data` decompressed, or None if it is damaged or longer than `most` bytes."""
    stream = zlib.decompressobj()
    try:
        plain = stream.decompress(data, max(most, 1))
    except zlib.error:
        return None
    return plain if stream.eof else None


def _check_text(key: str, value: str) -> None:
    """Raise TextoError for what PNG does not allow, which Pillow would write."""
    if not is_keyword(key):
        raise TextoError(f"text keyword {key!r}", "is not allowed in PNG", "use 1-79 plain letters")
    if "\0" in value:
        raise TextoError(f"text {key!r}", "holds a NUL character", "remove it")


def _read_text(content: bytes, room: int) -> tuple[str, str]:
    key, _, value = content.partition(b"\0")
    return key.decode("latin-1"), value.decode("latin-1")


def _read_packed(content: bytes, room: int) -> tuple[str, str] | None:
    key, _, value = content.partition(b"\0")
    plain = inflate(value[1:], room)
    return None if plain is None else (key.decode("latin-1"), plain.decode("latin-1"))


def _read_unicode(content: bytes, room: int) -> tuple[str, str] | None:
    key, _, rest = content.partition(b"\0")
    fields = rest[2:].split(b"\0", 2)  # language, translated keyword, text
    if len(fields) < 3:
        return None
    plain = inflate(fields[2], room) if rest[0] else fields[2]
    return None if plain is None else (key.decode("latin-1"), plain.decode("utf-8", "replace"))


_READERS: dict[bytes, Callable[[bytes, int], tuple[str, str] | None]] = {
    b"tEXt": _read_text,
    b"zTXt": _read_packed,
    b"iTXt": _read_unicode,
}
