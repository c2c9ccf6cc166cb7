"""PNG as a sequence of chunks: what must be decoded, what is only read, and text to be added.

Walked here, because Pillow refuses a picture for the sake of a text or profile that is too long
or damaged, reduces 16 bits to 8, and libpng takes what is wrong outside the pixels without a word.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from PIL.PngImagePlugin import PngInfo, putchunk

from ...core.errors import TextoError
from .samples import RESAVE

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MAX_EXTRA = 4 << 20  # bytes of all text, or of one profile, inflated
_MAX_CHUNKS = 1 << 20
_PIXELS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")


@dataclass
class Parts:
    """What a PNG says about its pixels, and `essential`, a PNG of nothing but pixels."""

    essential: bytes = b""
    profile: bytes | None = None
    exif: bytes | None = None
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
    """Everything in the PNG `data` that matters for its pixels; TextoError if it is damaged."""
    found, kept, n_colours = Parts(), io.BytesIO(), 0
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
        elif kind == b"eXIf" and len(content) <= MAX_EXTRA:
            found.exif = content
        elif kind == b"iCCP":
            found.profile = inflate(content.partition(b"\0")[2][1:], MAX_EXTRA)
            if found.profile is None:
                found.notes.append("has a damaged or oversized colour profile, which is ignored")
        elif kind == b"acTL":
            found.animated = int.from_bytes(content[:4], "big") > 1
    found.essential = kept.getvalue()
    return found


def texts(data: bytes, what: str) -> tuple[dict[str, str], int]:
    """The text chunks by keyword (the first of each), and how many were left out.

    Left out are texts that are damaged, and those that would bring the total over `MAX_EXTRA`.
    """
    found: dict[str, str] = {}
    room, skipped = MAX_EXTRA, 0
    for kind, content in chunks(data, what):
        if kind not in _READERS:
            continue
        pair = _READERS[kind](content, room) if len(content) <= MAX_EXTRA else None
        if pair is None or sum(map(len, pair)) > room:
            skipped += 1
            continue
        room -= sum(map(len, pair)) + 64  # 64: what a pair of short strings costs at least
        found.setdefault(*pair)
    return found, skipped


def with_text(png: bytes, text: Mapping[str, str]) -> bytes:
    """`png` with `text` as chunks right after its header, sorted by keyword."""
    after_header = len(SIGNATURE) + 25
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
    return b"".join([png[:after_header], added.getvalue(), png[after_header:]])


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


def _check_text(key: str, value: str) -> None:
    """Raise TextoError for what PNG does not allow, which Pillow would write."""
    name = key.encode("latin-1", "replace")
    plain = all(32 <= byte < 127 or byte > 160 for byte in name) and name.decode("latin-1") == key
    if not plain or not 1 <= len(name) <= 79 or key != key.strip() or "  " in key:
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
