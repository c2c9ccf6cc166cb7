"""`texto recolor`: a picture in the colours of another one."""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..core import memory
from ..core.errors import TextoError
from ..core.settings import parse_settings, settings_of
from ..core.types import Progress
from ..io import model_files, records
from . import editing, outputs
from .console import complain, progress_bar, say, say_json
from .running import chosen_seed, tell_seed, threads, told_time

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

    settings: Any
    pixels: Any
    like: Any
    bits: int
    seed: int
    fields: Mapping[str, Any]
    path: Path | None
    figure: Path | None


def run(options: argparse.Namespace) -> None:
    """Check everything, then recolour the picture."""
    job = _planned(options)
    with (
        threads(deterministic=options.deterministic),
        progress_bar(quiet=options.quiet) as progress,
        editing.told_memory(),
    ):
        entry = _made(job, options, progress)
    tell_seed(options, job.seed)
    if options.json:
        say_json({"outputs": [entry]})


def _planned(options: argparse.Namespace) -> Job:
    from ..editing.recoloring import joined

    seed = chosen_seed(options)
    settings = _settings(options)
    picture, other = (editing.opened(path, options) for path in (options.source, options.like))
    channels = joined(picture.pixels, other.pixels)[0].shape[2]
    path = _path(options, picture, seed)
    bits = _bits(options, path, picture.bits)
    figure = Path(options.figure) if options.figure is not None else None
    outputs.check_stdout(options)
    outputs.check_format(path, min(bits, 16), channels)
    _check_files(options, path, figure)
    _check_memory(picture.pixels.shape, channels)
    fields = {
        **editing.record_fields("recolor", options, (METHOD, settings), picture),
        "bits": bits,
        "seed": seed,
        "like": Path(options.like).name,
        "like_hash": model_files.exemplar_hash(other.pixels),
    }
    return Job(settings, picture.pixels, other.pixels, bits, seed, fields, path, figure)


def _settings(options: argparse.Namespace) -> Any:
    """The settings from `--set` and the options that have names of their own."""
    from ..editing.recoloring import Recoloring

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


def _path(options: argparse.Namespace, picture: Any, seed: int) -> Path | None:
    """The file to write, named as `-o` or the default say; None: stdout."""
    if options.output == "-":
        return None
    height, width = picture.pixels.shape[:2]
    fields = {
        "stem": outputs.safe_stem(options.source),
        "like": outputs.safe_stem(options.like),
        "size": f"{width}x{height}",
        "seed": seed,
    }
    suffix = ".tif" if picture.bits == 32 and options.bits is None else ".png"
    return outputs.output_path(options.output, DEFAULT_NAME + suffix, fields)


def _bits(options: argparse.Namespace, path: Path | None, bits: int) -> int:
    """As asked for, or as many of the picture's `bits` as the file holds."""
    if options.bits is not None:
        return options.bits
    suffix = path.suffix.lower() if path else ".png"
    if suffix in FLOAT:
        return bits
    return min(bits, 16 if suffix in outputs.DEEP else 8)


def _check_files(options: argparse.Namespace, path: Path | None, figure: Path | None) -> None:
    """Raise TextoError where the picture or the figure could not be written."""
    if figure is not None:
        outputs.check_format(figure, 8, 3)
    files = [each for each in (path, figure) if each]
    outputs.check_outputs(files, [options.source, options.like], force=options.force)


def _check_memory(shape: tuple[int, ...], channels: int) -> None:
    """Raise TextoError where recolouring a picture of `shape` needs more memory than there is."""
    need = shape[0] * shape[1] * channels * _BYTES_PER_VALUE + _BYTES_BESIDES
    have = memory.available()
    if need > have:
        told = [f"{size / 2**30:,.3g} GiB" for size in (need, have)]
        why = f"a picture of {shape[1]}x{shape[0]} needs {told[0]} more, {told[1]} are available"
        raise TextoError("memory", why, "scale the picture down")


def _made(job: Job, options: argparse.Namespace, progress: Progress) -> Mapping[str, Any]:
    from ..editing.recoloring import recolored

    start = time.perf_counter()
    with told_time("recolor", options):
        made = recolored(job.pixels, job.like, job.settings, rng=job.seed, progress=progress)
    text = {records.KEY: json.dumps(dict(job.fields), sort_keys=True)}
    with told_time("write", options):
        outputs.write_picture(made.image, job.path, bits=job.bits, text=text)
    entry = {
        "path": str(job.path),
        "size": job.fields["size"],
        "seed": job.seed,
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
        for written in filter(None, (entry["path"], entry.get("figure"))):
            say(written)
    return {**entry, "s": round(time.perf_counter() - start, 3)}
