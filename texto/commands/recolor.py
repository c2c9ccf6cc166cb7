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
from ..editing.maps import Stack
from ..editing.recoloring import Recoloring, joined, recolored
from ..io import colours, model_files
from ..io.codecs.samples import Metadata
from ..io.images import Picture
from . import editing, outputs
from .console import complain, progress_bar, say, say_json
from .containers import check_suffix, write_picture
from .editing import Target
from .maps import PictureSet
from .options import Options
from .reading import Reading
from .running import Seeds, threads, told_time
from .values import written

DEFAULT_NAME = "{stem}_like_{like}_s{seed}"
METHOD = "gmm-ot"  # as the record calls it
_BYTES_PER_VALUE = 14  # the result, its copies when it is written
_BYTES_BESIDES = 500 << 20  # the filter's sums
_OPTIONS = {"components": "n_components", "smooth": "smooth", "radius": "radius"}


@dataclasses.dataclass(frozen=True, eq=False)
class Job:
    """Everything about a run that is known before it.

    pixels, like : (H, W, C) and (h, w, C') float32 in [0, 1], in sRGB. A figure of None is none.
    """

    settings: Recoloring
    given: PictureSet
    pixels: np.ndarray
    like: np.ndarray
    seeds: Seeds
    target: Target
    figure: Path | None


def run(options: Options) -> None:
    """Check everything, then recolour the picture."""
    job = _planned(options)
    with (
        threads(deterministic=options.deterministic),
        progress_bar(quiet=options.quiet) as progress,
        editing.told_memory(),
    ):
        entries = _made(job, options, progress)
    job.seeds.tell(quiet=options.quiet)
    if options.json:
        say_json({"outputs": entries})


def _planned(options: Options) -> Job:
    seeds, reading = Seeds.chosen(options.seed), Reading.of(options)
    settings = _settings(options)
    given = editing.opened(options)
    if given.pictures[0].meaning.kind != "colour":
        what, remedy = f"picture {options.source!r}", "give --kind colour if they are colours"
        raise TextoError(what, f"holds {given.pictures[0].meaning.kind}, no colours", remedy)
    pixels, like = colours_of(given.pictures[0]), reading.open(options.like, "colour")
    channels = joined(pixels, like.pixels)[0].shape[2]
    given = _widened(given, channels)
    figure = Path(options.figure) if options.figure is not None else None
    _check_memory(pixels.shape[:2], channels)
    plan = dataclasses.replace(
        editing.record_of("recolor", options, METHOD, settings, given, seeds.first),
        like=Path(options.like).name,
        like_hash=model_files.exemplar_hash(like.pixels),
    )
    more = {"like": outputs.safe_stem(options.like)}
    target = editing.target(
        options, DEFAULT_NAME, given, plan, seeds, bits=options.bits, keeps=False, more=more
    )
    _check_files(options, target, figure)
    return Job(settings, given, pixels, like.pixels, seeds, target, figure)


def colours_of(picture: Picture) -> np.ndarray:
    """The colours of `picture`, opened in its own, (H, W, 1 or 3) in sRGB.

    Where nobody sees them they are the mean of those that are seen.
    """
    values = picture.stored
    if picture.meaning.opacity:
        seen = values[..., -1] > 0
        values = values[..., :-1].copy()
        values[~seen] = values[seen].mean(axis=0) if seen.any() else 0.5
    if not picture.meaning.in_range:
        return dataclasses.replace(picture.meaning, opacity=False).worked(values)
    return colours.in_srgb(values, picture.metadata, [])[0]


def as_stored(made: np.ndarray, picture: Picture) -> np.ndarray:
    """The values (H, W, C) to store in the place of `picture` for colours `made` in sRGB."""
    if picture.meaning.in_range:
        values = colours.in_file(made, picture.metadata)
    else:
        values = dataclasses.replace(picture.meaning, opacity=False).stored(made, made)
    if picture.meaning.opacity:
        values = np.concatenate([values, picture.stored[..., -1:]], axis=2)
    return values


def _widened(given: PictureSet, channels: int) -> PictureSet:
    """`given` as it is when its grey pictures have become coloured ones of `channels`."""
    pictures, stacked = list(given.pictures), list(given.stack.maps)
    for number, picture in enumerate(pictures):
        opaque = picture.stored.shape[2] - picture.meaning.opacity
        if picture.meaning.kind == "colour" and opaque < channels:
            grey = dataclasses.replace(picture.metadata, profile=_of_colour(picture.metadata))
            pictures[number] = dataclasses.replace(picture, metadata=grey)
            wide = stacked[number].channels - opaque + channels
            stacked[number] = dataclasses.replace(stacked[number], channels=wide)
    return dataclasses.replace(given, pictures=pictures, stack=Stack(tuple(stacked)))


def _of_colour(metadata: Metadata) -> bytes | None:
    """The profile of `metadata` if colours may have it."""
    profile = metadata.profile
    return None if profile and profile[16:20] == b"GRAY" else profile


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


def _check_files(options: Options, target: Target, figure: Path | None) -> None:
    """Raise TextoError where a picture or the figure could not be written."""
    if figure is not None:
        check_suffix(figure, "--figure")
    files, named = [*target.files], {}
    if figure is not None:
        files, named = [*files, figure], {figure: "--figure"}
    inputs = [*target.given.paths, options.like]
    outputs.check_outputs(files, inputs, options, named=named)


def _check_memory(shape: tuple[int, int], channels: int) -> None:
    """Raise TextoError where recolouring a picture of `shape` needs more memory than there is."""
    need = shape[0] * shape[1] * channels * _BYTES_PER_VALUE + _BYTES_BESIDES
    have = memory.available()
    if need > have:
        told = [f"{size / 2**30:,.3g} GiB" for size in (need, have)]
        why = f"a picture of {written(shape)} needs {told[0]} more, {told[1]} are available"
        raise TextoError("memory", why, "scale the picture down")


def _made(job: Job, options: Options, progress: Progress) -> list[Mapping[str, Any]]:
    start, (seed,) = time.perf_counter(), job.seeds
    with told_time("recolor", options):
        made = recolored(job.pixels, job.like, job.settings, rng=seed, progress=progress)
        values = [as_stored(made.image, job.given.pictures[0])]
        for picture in job.given.pictures[1:]:
            if picture.meaning.kind == "colour":
                values.append(as_stored(made.other(colours_of(picture)), picture))
            else:
                values.append(picture.stored)
    with told_time("write", options):
        files = job.target.write(values, seed, {})
    more: dict[str, Any] = {"moments_error": round(made.error, 6)}
    if job.figure:
        from ..editing.recoloring.figure import figure

        title = f"{Path(options.source).name} like {Path(options.like).name}"
        write_picture(figure(made, title), job.figure, bits=8, text={})
        more["figure"] = str(job.figure)
    if options.verbose:
        complain(f"texto: mean and covariance within {100 * made.error:.2g} % of the other's")
    seconds = round(time.perf_counter() - start, 3)
    entries: list[Mapping[str, Any]] = []
    for path, record in zip(job.target.paths[seed], files, strict=True):
        if path and not options.json:
            say(str(path))
        entry = {"path": str(path), "size": record.size, "seed": seed, "s": seconds}
        entries.append({**entry, **more})
    if job.figure and not options.json:
        say(str(job.figure))
    return entries
