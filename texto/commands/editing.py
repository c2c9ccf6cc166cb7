"""What the commands that change a part of a picture share: the rest keeps its bits."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .. import __version__
from ..core.errors import TextoError
from ..io import model_files
from . import outputs, source

_LOSSY = (".jpg", ".jpeg")
_KEEPING = {32: (".tif", ".tiff"), 16: outputs.DEEP}  # by bits


def opened(path: str, options: argparse.Namespace) -> Any:
    """The picture at `path`, read as `options` say."""
    return source.open_picture(path, alpha=options.alpha, max_pixels=options.max_pixels)


def record_fields(
    command: str, options: argparse.Namespace, method: tuple[str, Any], picture: Any
) -> dict[str, Any]:
    """What the records of all pictures of a run share; `method` : its name, and itself or None."""
    name, itself = method
    height, width = picture.pixels.shape[:2]
    return {
        "command": command,
        "method": name,
        "settings": model_files.stored_settings(itself) if itself else {},
        **source.made_with(itself),
        "size": [width, height],
        "bits": picture.bits,
        "alpha": options.alpha or "refuse",
        "deterministic": options.deterministic,
        "version": __version__,
        "image": Path(options.source).name,
        "image_hash": model_files.exemplar_hash(picture.pixels),
    }


def paths(
    options: argparse.Namespace, default: str, fields: Mapping[str, Any], first: int
) -> dict[int, Path | None]:
    """The file of each picture by its seed, `first` and up, for the `record_fields`."""
    named = {"method": source.name_in_files(fields["method"], fields)}
    named |= {key: fields[key] for key in ("size", "bits")}
    return {
        seed: _path(options, default, seed=seed, **named)
        for seed in range(first, first + options.num)
    }


def _path(
    options: argparse.Namespace, default: str, *, method: str, size: list[int], seed: int, bits: int
) -> Path | None:
    """The file for one picture, named as `-o` or `default` (without suffix) say; None: stdout."""
    if options.output == "-":
        return None
    fields = {
        "stem": outputs.safe_stem(options.source),
        "method": method,
        "size": f"{size[0]}x{size[1]}",
        "seed": seed,
    }
    return outputs.output_path(options.output, default + (".tif" if bits == 32 else ".png"), fields)


def check_keeps(path: Path | None, picture: Any) -> None:
    """Raise TextoError where a file named `path` would not keep the pixels of `picture`."""
    outputs.check_format(path, 8, picture.pixels.shape[2])
    suffix = path.suffix.lower() if path else ".png"
    kept = _KEEPING.get(picture.bits)
    if suffix in _LOSSY or (kept and suffix not in kept):
        raise TextoError(
            f"output {str(path or '-')!r}",
            f"{suffix} files would not keep the {picture.bits}-bit pixels that stay",
            f"use {', '.join(kept or outputs.DEEP)}",
        )


@contextlib.contextmanager
def told_memory() -> Iterator[None]:
    """Memory that runs out inside the block is told as a TextoError."""
    try:
        yield
    except MemoryError as error:
        why = str(error) or "there is not enough for this picture"
        raise TextoError("memory", why, "scale the picture down, or change less of it") from error


def percent(share: float) -> str:
    """`share` of 1 in words, with two figures where it is small."""
    return f"{100 * share:.1f} %" if share >= 1e-3 else f"{100 * share:.2g} %"
