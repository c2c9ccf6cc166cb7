"""What the commands that change a part of a picture share: the rest keeps its bits."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from .. import __version__
from ..core.contract import Method
from ..core.errors import TextoError
from ..io import model_files, stored_settings
from ..io.images import Picture
from ..io.records import Record
from . import outputs
from .options import Options
from .running import Seeds
from .source import Reading
from .values import written
from .wanted import made_with, name_in_files

if TYPE_CHECKING:
    from ..editing.recoloring import Recoloring

_LOSSY = (".jpg", ".jpeg")
_KEEPING = {32: (".tif", ".tiff"), 16: outputs.DEEP}  # by bits


def record_of(
    command: str,
    options: Options,
    name: str,
    method: Method | Recoloring | None,
    picture: Picture,
    seed: int,
) -> Record:
    """What the records of all pictures of a run share; `method` : what is called `name`."""
    height, width = picture.pixels.shape[:2]
    return Record(
        command=command,
        version=__version__,
        method=name,
        settings=stored_settings.as_stored(method) if method else {},
        shape=(height, width),
        seed=seed,
        bits=picture.bits,
        deterministic=options.deterministic,
        alpha=Reading.of(options).alpha,
        image=Path(options.source).name,
        image_hash=model_files.exemplar_hash(picture.pixels),
    ).looking_through(made_with(method))


def paths(options: Options, default: str, plan: Record, seeds: Seeds) -> dict[int, Path | None]:
    """The file of each picture by its seed, named as `-o` or `default` say; None: stdout."""
    if options.output == "-":
        return dict.fromkeys(seeds)
    fields = {
        "stem": outputs.safe_stem(options.source),
        "method": name_in_files(plan.method, plan.random_layers),
        "size": written(plan.shape),
    }
    default += ".tif" if plan.bits == 32 else ".png"
    return {
        seed: outputs.output_path(options.output, default, {**fields, "seed": seed})
        for seed in seeds
    }


def check_keeps(path: Path | None, picture: Picture) -> None:
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
