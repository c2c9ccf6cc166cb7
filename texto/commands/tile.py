"""`texto tile`: a picture made seamless, changed near its seams only."""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..core import registry
from ..core.contract import Inpaints
from ..core.errors import TextoError
from ..core.history import History
from ..core.types import Progress
from ..io import records
from . import editing, outputs, powers, source
from .console import complain, progress_bar, say, say_json
from .running import chosen_seed, tell_seed, threads, told_time

DEFAULT_NAME = "{stem}_{method}_tile_s{seed}"
STRIPS = "strips"  # instead of a method's name where none is asked for


@dataclasses.dataclass(frozen=True, eq=False)
class Job:
    """Everything about a run that is known before it.

    pixels : (H, W, C) float32 in [0, 1]. `fields` are those of the record that all pictures
    share; a path of None is stdout.
    """

    method: Inpaints | None
    pixels: Any
    bits: int
    axis: str
    width: int
    fields: Mapping[str, Any]
    paths: Mapping[int, Path | None]  # by seed


def run(options: argparse.Namespace) -> None:
    """Check everything, then make the picture seamless, once for each seed."""
    from ..editing.tiling import bands

    job = _planned(options)
    share = float(bands(job.pixels.shape, job.axis, job.width).mean())
    if not options.quiet:
        told = f"{job.width} pixels round the seams, {editing.percent(share)} of the picture"
        complain(f"texto: {told}")
    with (
        threads(deterministic=options.deterministic),
        progress_bar(quiet=options.quiet) as progress,
        editing.told_memory(),
    ):
        written = [_made(job, seed, options, progress) for seed in job.paths]
    tell_seed(options, min(job.paths))
    if options.json:
        say_json({"outputs": written, "width": job.width})


def preview_of(path: Path) -> Path:
    """Where the 2 x 2 preview of the picture `path` goes."""
    return path.with_name(f"{path.stem}_2x2.png")


def _planned(options: argparse.Namespace) -> Job:
    from ..editing.tiling import band_width

    first = chosen_seed(options, options.num)
    name, method = _method(options)
    picture = editing.opened(options.source, options)
    width = band_width(picture.pixels.shape, options.axis, options.width)
    fields = {
        **editing.record_fields("tile", options, (name, method), picture),
        "axis": options.axis,
        "width": width,
    }
    paths = editing.paths(options, DEFAULT_NAME, fields, first)
    _check_outputs(options, list(paths.values()), picture)
    return Job(method, picture.pixels, picture.bits, options.axis, width, fields, paths)


def _method(options: argparse.Namespace) -> tuple[str, Inpaints | None]:
    """The name and the method that fills the bands; None: strips of the picture cover them."""
    if options.method not in (None, STRIPS):
        method = powers.require(source.build_method(options), Inpaints, "fills no bands")
        return registry.name_of(method), method
    if options.settings:
        raise TextoError("--set", "strips have no settings", "name a method with -m, or leave it")
    if options.device not in (None, "auto", "cpu"):
        raise TextoError(
            f"--device {options.device}", "strips are compared on the CPU", "leave it out"
        )
    return STRIPS, None


def _check_outputs(options: argparse.Namespace, paths: list[Path | None], picture: Any) -> None:
    """Raise TextoError where an output could not be written, or could not keep the pixels."""
    outputs.check_stdout(options, options.num)
    editing.check_keeps(paths[0], picture)
    files = [path for path in paths if path]
    if options.check:
        if not files:
            raise TextoError("--check", "has no file to stand beside", "name a file with -o")
        files += [preview_of(path) for path in files]
    outputs.check_outputs(files, [options.source], force=options.force)


def _made(
    job: Job, seed: int, options: argparse.Namespace, progress: Progress
) -> Mapping[str, Any]:
    from ..editing.tiling import seam, tile

    start = time.perf_counter()
    history = History(progress)
    with told_time("tile", options):
        image = tile(
            job.pixels, job.method, axis=job.axis, width=job.width, rng=seed, progress=history
        )
    text = {records.KEY: json.dumps({**job.fields, "seed": seed}, sort_keys=True)}
    path = job.paths[seed]
    outputs.write_picture(image, path, bits=job.bits, text={**text, **history.text()})
    entry = {"path": str(path), "size": job.fields["size"], "seed": seed}
    if options.check:
        entry["check"] = str(_write_preview(job, image, path, seed))
    if path and not options.json:
        for written in (entry["path"], entry.get("check")):
            if written:
                say(written)
    before = {name: round(seam(job.pixels, name), 4) for name in job.axis}
    after = {name: round(seam(image, name), 4) for name in job.axis}
    if options.verbose:
        for name in job.axis:
            complain(f"texto: seam along {name}: {before[name]:.2f}, now {after[name]:.2f}")
    changed = float((image != job.pixels).any(axis=2).mean())
    seconds = round(time.perf_counter() - start, 3)
    return {**entry, "changed": changed, "seam_before": before, "seam": after, "s": seconds}


def _write_preview(job: Job, image: Any, path: Path, seed: int) -> Path:
    """Write `image` (H, W, C) 2 x 2 times as a PNG, at its depth but for 16 bits at most."""
    import numpy as np

    width, height = job.fields["size"]
    fields = {**job.fields, "seed": seed, "size": [2 * width, 2 * height], "preview": "2x2"}
    text = {records.KEY: json.dumps(fields, sort_keys=True)}
    preview = preview_of(path)
    outputs.write_picture(np.tile(image, (2, 2, 1)), preview, bits=min(16, job.bits), text=text)
    return preview
