"""`texto recolor`: a picture in the colours of another one."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..core import memory
from ..core.errors import TextoError
from ..core.settings import parse_settings, settings_of
from ..core.types import Progress
from ..editing.recoloring import Recoloring, joined, recolored
from ..io import model_files
from ..io.images import Picture
from ..io.records import Record
from . import editing, outputs
from .console import complain, progress_bar, say, say_json
from .options import Options
from .running import Seeds, threads, told_time
from .source import Reading
from .values import written

DEFAULT_NAME = "{stem}_like_{like}_s{seed}"
METHOD = "gmm-ot"  # as the record calls it
FLOAT = (".tif", ".tiff")  # formats of 32 bits
_BYTES_PER_VALUE = 14  # the result, its copies when it is written
_BYTES_BESIDES = 500 << 20  # the filter's sums
_OPTIONS = {"components": "n_components", "smooth": "smooth", "radius": "radius"}


@dataclasses.dataclass(frozen=True, eq=False)
class Job:
    """Everything about a run that is known before it.

    pixels, like : (H, W, C) and (h, w, C') float32 in [0, 1]. A path of None is stdout, a figure
    of None is none.
    """

    settings: Recoloring
    pixels: np.ndarray
    like: np.ndarray
    seeds: Seeds
    record: Record
    path: Path | None
    figure: Path | None


def run(options: Options) -> None:
    """Check everything, then recolour the picture."""
    job = _planned(options)
    with (
        threads(deterministic=options.deterministic),
        progress_bar(quiet=options.quiet) as progress,
        editing.told_memory(),
    ):
        entry = _made(job, options, progress)
    job.seeds.tell(quiet=options.quiet)
    if options.json:
        say_json({"outputs": [entry]})


def _planned(options: Options) -> Job:
    seeds, reading = Seeds.chosen(options.seed), Reading.of(options)
    settings = _settings(options)
    picture, other = (reading.open(path) for path in (options.source, options.like))
    channels = joined(picture.pixels, other.pixels)[0].shape[2]
    path = _path(options, picture, seeds.first)
    bits = _bits(options, path, picture.bits)
    figure = Path(options.figure) if options.figure is not None else None
    outputs.check_stdout(options)
    outputs.check_format(path, min(bits, 16), channels)
    _check_files(options, path, figure)
    _check_memory(picture.pixels.shape[:2], channels)
    record = dataclasses.replace(
        editing.record_of("recolor", options, METHOD, settings, picture, seeds.first),
        bits=bits,
        like=Path(options.like).name,
        like_hash=model_files.exemplar_hash(other.pixels),
    )
    return Job(settings, picture.pixels, other.pixels, seeds, record, path, figure)


def _settings(options: Options) -> Recoloring:
    """The settings from `--set` and the options that have names of their own."""
    values = parse_settings(Recoloring, options.settings)
    known = settings_of(Recoloring)
    for option, name in _OPTIONS.items():
        given = getattr(options, option)
        if given is None:
            continue
        if name in values:
            raise TextoError(f"--{option}", f"is given again by --set {name}", "give it once")
        values[name] = known[name].parse(given) if isinstance(given, str) else given
    return Recoloring(**values)


def _path(options: Options, picture: Picture, seed: int) -> Path | None:
    """The file to write, named as `-o` or the default say; None: stdout."""
    if options.output == "-":
        return None
    height, width = picture.pixels.shape[:2]
    fields = {
        "stem": outputs.safe_stem(options.source),
        "like": outputs.safe_stem(options.like),
        "size": written((height, width)),
        "seed": seed,
    }
    suffix = ".tif" if picture.bits == 32 and options.bits is None else ".png"
    return outputs.output_path(options.output, DEFAULT_NAME + suffix, fields)


def _bits(options: Options, path: Path | None, bits: int) -> int:
    """As asked for, or as many of the picture's `bits` as the file holds."""
    if options.bits is not None:
        return options.bits
    suffix = path.suffix.lower() if path else ".png"
    if suffix in FLOAT:
        return bits
    return min(bits, 16 if suffix in outputs.DEEP else 8)


def _check_files(options: Options, path: Path | None, figure: Path | None) -> None:
    """Raise TextoError where the picture or the figure could not be written."""
    if figure is not None:
        outputs.check_format(figure, 8, 3)
    files = [each for each in (path, figure) if each]
    outputs.check_outputs(files, [options.source, options.like], force=options.force)


def _check_memory(shape: tuple[int, int], channels: int) -> None:
    """Raise TextoError where recolouring a picture of `shape` needs more memory than there is."""
    need = shape[0] * shape[1] * channels * _BYTES_PER_VALUE + _BYTES_BESIDES
    have = memory.available()
    if need > have:
        told = [f"{size / 2**30:,.3g} GiB" for size in (need, have)]
        why = f"a picture of {written(shape)} needs {told[0]} more, {told[1]} are available"
        raise TextoError("memory", why, "scale the picture down")


def _made(job: Job, options: Options, progress: Progress) -> Mapping[str, Any]:
    start = time.perf_counter()
    with told_time("recolor", options):
        made = recolored(job.pixels, job.like, job.settings, rng=job.record.seed, progress=progress)
    with told_time("write", options):
        outputs.write_picture(made.image, job.path, bits=job.record.bits, text=job.record.text())
    entry: dict[str, Any] = {
        "path": str(job.path),
        "size": job.record.size,
        "seed": job.record.seed,
        "moments_error": round(made.error, 6),
    }
    if job.figure:
        from ..editing.recoloring.figure import figure

        title = f"{Path(options.source).name} like {Path(options.like).name}"
        outputs.write_picture(figure(made, title), job.figure, bits=8, text={})
        entry["figure"] = str(job.figure)
    if options.verbose:
        complain(f"texto: mean and covariance within {100 * made.error:.2g} % of the other's")
    if job.path and not options.json:
        for file in filter(None, (entry["path"], entry.get("figure"))):
            say(file)
    return {**entry, "s": round(time.perf_counter() - start, 3)}
