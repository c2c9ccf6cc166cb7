"""`texto tile`: a picture made seamless, changed near its seams only."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..core import registry
from ..core.contract import Inpaints
from ..core.errors import TextoError
from ..core.history import History
from ..core.kinds import Meaning
from ..core.types import Progress
from ..editing.tiling import band_width, bands, seam, tile
from ..io.records import Record
from . import editing, outputs, powers
from .console import complain, progress_bar, say, say_json
from .containers import write_picture
from .editing import Target
from .maps import PictureSet
from .options import Options
from .running import Seeds, threads, told_time
from .wanted import Wanted

DEFAULT_NAME = "{stem}_{method}_tile_s{seed}"
STRIPS = "strips"  # instead of a method's name where none is asked for


@dataclasses.dataclass(frozen=True, eq=False)
class Job:
    """Everything about a run that is known before it.

    `axis` and `width` of the bands.
    """

    method: Inpaints | None
    given: PictureSet
    axis: str
    width: int
    seeds: Seeds
    target: Target


def run(options: Options) -> None:
    """Check everything, then make the picture seamless, once for each seed."""
    job = _planned(options)
    share = float(bands(job.given.pixels.shape, job.axis, job.width).mean())
    if not options.quiet:
        told = f"{job.width} pixels round the seams, {editing.percent(share)} of the picture"
        complain(f"texto: {told}")
    with (
        threads(deterministic=options.deterministic),
        progress_bar(quiet=options.quiet) as progress,
        editing.told_memory(),
    ):
        entries = [e for seed in job.seeds for e in _made(job, seed, options, progress)]
    job.seeds.tell(quiet=options.quiet)
    if options.json:
        say_json({"outputs": entries, "width": job.width})


def preview_of(path: Path) -> Path:
    """Where the 2 x 2 preview of the picture `path` goes."""
    return path.with_name(f"{path.stem}_2x2.png")


def _planned(options: Options) -> Job:
    seeds = Seeds.chosen(options.seed, options.num)
    name, method = _method(options)
    given = editing.opened(options)
    width = band_width(given.pixels.shape, options.axis, options.width)
    plan = dataclasses.replace(
        editing.record_of("tile", options, name, method, given, seeds.first),
        axis=options.axis,
        width=width,
    )
    target = editing.target(options, DEFAULT_NAME, given, plan, seeds)
    _check_outputs(options, target)
    return Job(method, given, options.axis, width, seeds, target)


def _method(options: Options) -> tuple[str, Inpaints | None]:
    """The name and the method that fills the bands; None: strips of the picture cover them."""
    if options.method not in (None, STRIPS):
        method = powers.require(Wanted.of(options).method(), Inpaints, "fills no bands")
        return registry.name_of(method), method
    if options.settings:
        raise TextoError("--set", "strips have no settings", "name a method with -m, or leave it")
    if options.device not in (None, "auto", "cpu"):
        raise TextoError(
            f"--device {options.device}", "strips are compared on the CPU", "leave it out"
        )
    return STRIPS, None


def _check_outputs(options: Options, target: Target) -> None:
    """Raise TextoError where an output could not be written."""
    files = target.files
    if options.check:
        if not files:
            raise TextoError("--check", "has no file to stand beside", "name a file with -o")
        files += [preview_of(path) for path in files]
    outputs.check_outputs(files, target.given.paths, options)


def _made(job: Job, seed: int, options: Options, progress: Progress) -> list[Mapping[str, Any]]:
    start, given = time.perf_counter(), job.given
    history = History(progress)
    with told_time("tile", options):
        image = tile(
            given.pixels, job.method, axis=job.axis, width=job.width, rng=seed, progress=history
        )
    changed = (image != given.pixels).any(axis=2)
    values = given.files(image, changed)
    files = job.target.write(values, seed, history.text())
    before = {name: round(seam(given.pixels, name), 4) for name in job.axis}
    after = {name: round(seam(image, name), 4) for name in job.axis}
    if options.verbose:
        for name in job.axis:
            complain(f"texto: seam along {name}: {before[name]:.2f}, now {after[name]:.2f}")
    seconds = round(time.perf_counter() - start, 3)
    entries: list[Mapping[str, Any]] = []
    for number, (path, record) in enumerate(zip(job.target.paths[seed], files, strict=True)):
        entry: dict[str, Any] = {"path": str(path), "size": record.size, "seed": seed}
        if path and options.check:
            each = given.stack.maps[number].meaning
            _write_preview(record, values[number], each, preview_of(path))
            entry["check"] = str(preview_of(path))
        if path and not options.json:
            for written in filter(None, (entry["path"], entry.get("check"))):
                say(written)
        share = float(changed.mean())
        entries.append(
            {**entry, "changed": share, "seam_before": before, "seam": after, "s": seconds}
        )
    return entries


def _write_preview(record: Record, image: np.ndarray, meaning: Meaning, path: Path) -> None:
    """Write `image` (H, W, C) 2 x 2 times as a PNG, at its depth but for 16 bits at most."""
    height, width = record.shape
    twice = dataclasses.replace(record, shape=(2 * height, 2 * width), preview="2x2")
    seen = meaning.worked(image)  # values beyond 1 have no place in a PNG
    if meaning.opacity and meaning.in_range:
        seen = image
    bits = min(16, record.bits)
    write_picture(np.tile(seen, (2, 2, 1)), path, bits=bits, text=twice.text())
