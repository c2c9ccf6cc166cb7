"""What files say besides their pixels, brought into `Metadata` within limits."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any

from . import exif
from .samples import Metadata

MAX_EXTRA = 4 << 20  # bytes of all text of a file, or of one profile or EXIF block
_MAX_TEXT = 1 << 20  # bytes of the text that goes along with the pixels
_METRE = 0.0254  # metres an inch
# Whole blocks that some programs hide in texts; they tell of the picture as it was.
_BLOCKS = ("XML:com.adobe.xmp", "Raw profile type ")
_KEYWORD = re.compile(r"[!-~\xa1-\xff]( ?[!-~\xa1-\xff]){0,78}")


def gathered(
    notes: list[str],
    *,
    profile: bytes | None = None,
    block: bytes | None = None,
    dpi: tuple[float, float] | None = None,
    text: Iterable[tuple[str, str] | None] = (),
    **others: Any,
) -> Metadata:
    """Metadata of what a decoder found; what is broken or too large is left out with a note.

    A note on the profile, which the colours depend on, goes to `notes`, all others to `lost`.

    block : an EXIF block, with or without the mark that JPEG puts before it. text : of each
    keyword the first counts, and None is a damaged one. others : further fields of Metadata.
    """
    if profile is not None and not 0 < len(profile) <= MAX_EXTRA:
        notes.append("has a damaged or oversized colour profile, which is ignored")
        profile = None
    lost = []
    block = (block or b"").removeprefix(b"Exif\0\0")
    if block and (len(block) > MAX_EXTRA or not exif.sound(block)):
        lost.append("has a damaged or oversized EXIF block, which is left out")
        block = b""
    if dpi is not None and not all(math.isfinite(one) and 0 < one < 1e6 for one in dpi):
        dpi = None
    texts = [pair for pair in text if pair is None or not pair[0].startswith(_BLOCKS)]
    kept, skipped = _kept(texts)
    if skipped:
        lost.append(f"has {skipped} texts that are damaged, too long or oddly named and left out")
    return Metadata(profile, block or None, dpi, kept, lost=tuple(lost), **others)


def is_keyword(key: str) -> bool:
    """Whether PNG, the strictest about it, takes `key` for a text."""
    return len(key) <= 79 and _KEYWORD.fullmatch(key) is not None


def _kept(texts: Iterable[tuple[str, str] | None]) -> tuple[dict[str, str], int]:
    """What any format could write, and how many texts are left out."""
    kept: dict[str, str] = {}
    room, skipped = _MAX_TEXT, 0
    for pair in texts:
        key, value = pair or ("", "")
        size = len(key) + len(value.encode("utf-8", "backslashreplace")) + 64  # what a pair costs
        if size > room or not is_keyword(key) or "\0" in value:
            skipped += 1
            continue
        room -= size
        kept.setdefault(key, value)
    return kept, skipped


def decoded(text: bytes) -> str:
    """`text` of a format that leaves its encoding open, and often ends in a NUL."""
    text = text.rstrip(b"\0")
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError:
        return text.decode("latin-1")


def per_inch(count: int) -> float:
    """Pixels an inch: the whole number that would be stored as `count` a metre, if any."""
    whole = round(count * _METRE)
    return float(whole) if per_metre(whole) == count else count * _METRE


def per_metre(dpi: float) -> int:
    """Pixels a metre, as PNG, BMP and JPEG 2000 store it."""
    return round(dpi / _METRE)
