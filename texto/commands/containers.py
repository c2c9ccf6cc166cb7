"""What a file of some suffix can hold of a picture: one rule for all commands.

A depth, an opacity, values beyond 1 or a profile that has no place in the file is refused where
the picture stays the same picture, and where something would be lost beyond rounding; else the
nearest depth is taken, with a note.
"""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ..core.errors import TextoError, TextoWarning
from ..core.kinds import PLAIN, Meaning, encoded, light
from ..io.codecs.encode import FORMATS, Format
from ..io.codecs.samples import NOTHING, Metadata
from ..io.images import encode_image, write_image
from .console import write_bytes


def default_suffix(bits: int, meaning: Meaning) -> str:
    """The suffix of a file that holds all of such a picture."""
    if meaning.linear:
        return ".exr"
    return ".tif" if bits == 32 else ".png"


def check_suffix(path: Path | None, option: str = "output") -> Format:
    """What a file `path` can hold; None is stdout, a PNG. TextoError for an unknown suffix.

    `option` : what named the file.
    """
    suffix = _suffix(path)
    if suffix not in FORMATS:
        why = f"has the suffix {suffix!r}"
        raise TextoError(f"{option} {str(path)!r}", why, f"use {', '.join(FORMATS)}")
    return FORMATS[suffix]


def depth(
    path: Path | None,
    bits: int,
    channels: int,
    meaning: Meaning,
    *,
    given: int | None = None,
    keeps: bool = False,
) -> int:
    """The bits of the file `path`: as `given`, or as near to the picture's `bits` as it has them.

    `keeps` : pixels of the picture are to stay what they are. TextoError where that cannot be.
    """
    form, suffix, what = check_suffix(path), _suffix(path), f"output {str(path or '-')!r}"
    curved = meaning.kind == "colour" and form.linear != meaning.linear
    if channels - meaning.opacity not in (1, 3):
        raise TextoError(
            what, f"has {channels} channels", "use a model of a grey or colour picture"
        )
    if meaning.opacity and not form.alpha:
        able = ", ".join(name for name, each in FORMATS.items() if each.alpha)
        raise TextoError(what, f"{suffix} cannot hold the opacity", f"use {able}")
    if not meaning.in_range and 32 not in form.depths:
        able = ", ".join(name for name, each in FORMATS.items() if 32 in each.depths)
        raise TextoError(
            what,
            f"{suffix} cannot hold values from {meaning.low:.6g} to {meaning.high:.6g}",
            f"use {able}",
        )
    if given is not None and given not in form.depths:
        able = ", ".join(name for name, each in FORMATS.items() if given in each.depths)
        raise TextoError(f"--bits {given}", f"{suffix} cannot hold it", f"use {able}")
    if given is not None:
        return given
    found = min((each for each in form.depths if each >= bits), default=max(form.depths))
    if keeps and (found < bits or not form.lossless or curved):
        able = ", ".join(_keeping(bits, meaning))
        raise TextoError(
            what, f"{suffix} files would not keep the {bits}-bit pixels that stay", f"use {able}"
        )
    if found < bits:
        note = f"{what}: {suffix} holds {found} bits, the picture has {_depth_name(bits)}"
        warnings.warn(note, TextoWarning, stacklevel=2)
    return found


def _depth_name(bits: int) -> str:
    return "floating-point values" if bits == 32 else str(bits)


def _keeping(bits: int, meaning: Meaning) -> list[str]:
    """The suffixes of files that keep such pixels."""
    return [
        suffix
        for suffix, form in FORMATS.items()
        if max(form.depths) >= bits
        and form.lossless
        and (form.alpha or not meaning.opacity)
        and (form.linear == meaning.linear or meaning.kind != "colour")
    ]


def kept_metadata(path: Path | None, metadata: Metadata, *, strip: bool) -> Metadata:
    """What goes into the file `path` of the `metadata` of a picture that stays the same picture.

    All of it, unless `strip`: then what says which colours the pixels are. What has no place in
    the file is told in a note.
    """
    if strip:
        bare = dataclasses.replace(metadata, exif=None, dpi=None, text={})
        return kept_metadata(path, bare, strip=False)
    held = check_suffix(path).held(metadata)
    told = ("profile", "exif", "dpi", "text")
    lost = [name for name in told if getattr(metadata, name) and not getattr(held, name)]
    if lost:
        note = f"output {str(path or '-')!r}: {_suffix(path)} has no place for its {_listed(lost)}"
        warnings.warn(note, TextoWarning, stacklevel=2)
    return metadata


def _listed(names: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def write_picture(
    values: np.ndarray,
    path: Path | None,
    *,
    bits: int,
    text: Mapping[str, str],
    meaning: Meaning = PLAIN,
    metadata: Metadata = NOTHING,
) -> None:
    """Write `values` (H, W, C), as `Meaning.stored` gives them, to `path`, or as PNG to stdout.

    The file is there whole or not at all. Colours of another curve than that of the format get
    the one they need.
    """
    if meaning.kind == "colour" and FORMATS[_suffix(path)].linear != meaning.linear:
        n = values.shape[2] - meaning.opacity
        values = values.copy()
        values[..., :n] = encoded(values[..., :n]) if meaning.linear else light(values[..., :n])
    if path is None:
        write_bytes(encode_image(".png", values, bits=bits, text=text, metadata=metadata))
    else:
        write_image(path, values, bits=bits, text=text, metadata=metadata)


def _suffix(path: Path | None) -> str:
    return path.suffix.lower() if path else ".png"
