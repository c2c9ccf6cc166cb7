"""PNG as a sequence of chunks: what must be decoded, what is only read, and text to be added.

Walking the chunks ourselves costs one pass of CRC-32. It finds every flipped bit and every cut,
and keeps text, profiles and other extras, which may be bombs, away from the decoders.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO, NamedTuple

from ...core.errors import TextoError
from .samples import RESAVE

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREY, COLOUR, PALETTE = 0, 2, 3  # colour types; + 4 with alpha
MAX_EXTRA = 4 << 20  # bytes of all text, or of one profile, inflated
_MAX_CHUNKS = 1 << 20


class Chunk(NamedTuple):
    """One chunk: its four-letter kind, and where its data lies in the file."""

    kind: bytes
    start: int
    length: int


@dataclass
class Parts:
    """What a PNG says about its pixels, and `essential`, a PNG of nothing but pixels.

    `key` is the one transparent grey value or colour, in samples of `depth` bits.
    """

    width: int
    height: int
    depth: int
    colour: int
    essential: bytes = b""
    key: tuple[int, ...] | None = None
    profile: bytes | None = None
    exif: bytes | None = None
    animated: bool = False
    notes: list[str] = field(default_factory=list)


def chunks(stream: BinaryIO, what: str) -> Iterator[Chunk]:
    """The chunks of a PNG up to IEND, without reading their data."""
    position = len(SIGNATURE)
    for _ in range(_MAX_CHUNKS):
        stream.seek(position)
        head = stream.read(8)
        if len(head) < 8:
            raise TextoError(what, "is truncated", RESAVE)
        length, kind = struct.unpack(">I4s", head)
        yield Chunk(kind, position + 8, length)
        if kind == b"IEND":
            return
        position += length + 12
    raise TextoError(what, f"has more than {_MAX_CHUNKS} chunks", RESAVE)


def body(stream: BinaryIO, chunk: Chunk, what: str) -> bytes:
    """The data of `chunk`, checked against its CRC."""
    stream.seek(chunk.start)
    data = stream.read(chunk.length)
    check = stream.read(4)
    if len(data) < chunk.length or len(check) < 4:
        raise TextoError(what, "is truncated", RESAVE)
    if zlib.crc32(data, zlib.crc32(chunk.kind)) != int.from_bytes(check, "big"):
        raise TextoError(what, "is damaged: a checksum does not match", RESAVE)
    return data


def header(data: bytes, what: str) -> Parts:
    """The size, depth and colour type that the PNG `data` starts with."""
    stream = io.BytesIO(data)
    first = next(chunks(stream, what))
    if first.kind != b"IHDR" or first.length != 13:
        raise TextoError(what, "is damaged: it does not start with a PNG header", RESAVE)
    width, height, depth, colour = struct.unpack(">IIBB", body(stream, first, what)[:10])
    return Parts(width, height, depth, colour)


def parts(data: bytes, what: str) -> Parts:
    """Everything in the PNG `data` that matters for its pixels; TextoError if it is damaged."""
    found = header(data, what)
    stream, kept = io.BytesIO(data), [SIGNATURE]
    for index, chunk in enumerate(chunks(stream, what)):
        content = body(stream, chunk, what)
        with_palette = chunk.kind == b"tRNS" and found.colour == PALETTE
        if index == 0 or with_palette or chunk.kind in (b"PLTE", b"IDAT", b"IEND"):
            kept.append(pack(chunk.kind, content))
        elif chunk.kind == b"tRNS" and found.colour in (GREY, COLOUR):
            found.key = struct.unpack(f">{found.colour + 1}H", content)
        elif chunk.kind == b"eXIf" and chunk.length <= MAX_EXTRA:
            found.exif = content
        elif chunk.kind == b"iCCP":
            found.profile = _profile(content, found.notes)
        elif chunk.kind == b"acTL":
            found.animated = int.from_bytes(content[:4], "big") > 1
    found.essential = b"".join(kept)
    return found


def pack(kind: bytes, content: bytes) -> bytes:
    """One chunk as bytes."""
    check = zlib.crc32(content, zlib.crc32(kind))
    return b"".join([struct.pack(">I4s", len(content), kind), content, struct.pack(">I", check)])


def texts(stream: BinaryIO, what: str) -> tuple[dict[str, str], int]:
    """The text chunks by keyword (the first of each), and how many were left out.

    Left out are texts that are damaged, and those that would bring the total over `MAX_EXTRA`.
    """
    found: dict[str, str] = {}
    room, skipped = MAX_EXTRA, 0
    for chunk in chunks(stream, what):
        if chunk.kind not in _READERS:
            continue
        pair = None
        if chunk.length <= MAX_EXTRA:
            pair = _READERS[chunk.kind](body(stream, chunk, what), room)
        if pair is None or sum(map(len, pair)) > room:
            skipped += 1
            continue
        room -= sum(map(len, pair)) + 64  # 64: what a pair of short strings costs at least
        found.setdefault(*pair)
    return found, skipped


def with_text(png: bytes, text: Mapping[str, str]) -> bytes:
    """`png` with `text` as chunks right after its header, sorted by keyword."""
    after_header = len(SIGNATURE) + 25
    added = [_text_chunk(key, text[key]) for key in sorted(text)]
    if sum(map(len, added)) > MAX_EXTRA // 2:
        raise TextoError("text", f"is over {MAX_EXTRA >> 21} MiB", "store less text in the PNG")
    return b"".join([png[:after_header], *added, png[after_header:]])


def inflate(data: bytes, most: int) -> bytes | None:
    """`data` decompressed, or None if it is damaged or longer than `most` bytes."""
    stream = zlib.decompressobj()
    try:
        plain = stream.decompress(data, max(most, 1))
    except zlib.error:
        return None
    return plain if stream.eof else None


def _profile(content: bytes, notes: list[str]) -> bytes | None:
    _, _, packed = content.partition(b"\0")
    profile = inflate(packed[1:], MAX_EXTRA)
    if profile is None:
        notes.append("has a damaged or oversized colour profile, which is ignored")
    return profile


def _text_chunk(key: str, value: str) -> bytes:
    name = key.encode("latin-1", "replace")
    plain = all(32 <= byte < 127 or byte > 160 for byte in name) and name.decode("latin-1") == key
    if not plain or not 1 <= len(name) <= 79 or key != key.strip() or "  " in key:
        raise TextoError(f"text keyword {key!r}", "is not allowed in PNG", "use 1-79 plain letters")
    if "\0" in value:
        raise TextoError(f"text {key!r}", "holds a NUL character", "remove it")
    try:
        return pack(b"tEXt", name + b"\0" + value.encode("latin-1"))
    except UnicodeEncodeError:
        # A lone surrogate, as in undecodable file names, has no UTF-8; it is spelled out.
        words = value.encode("utf-8", "backslashreplace")
        return pack(b"iTXt", name + b"\0\0\0\0\0" + words)


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


_READERS = {b"tEXt": _read_text, b"zTXt": _read_packed, b"iTXt": _read_unicode}
