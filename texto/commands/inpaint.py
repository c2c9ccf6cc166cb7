"""`texto inpaint`: the holes of a picture filled with its texture, all other pixels kept."""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
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

DEFAULT_NAME = "{stem}_{method}_inpaint_s{seed}"


@dataclasses.dataclass(frozen=True, eq=False)
class Job:
    """Everything about a run that is known before it.

    pixels : (H, W, C) float32 in [0, 1]; holes : (H, W) bool, True = fill; sources : (H, W) bool
    or None. `fields` are those of the record that all pictures share; a path of None is stdout.
    """

    method: Inpaints
    pixels: Any
    bits: int
    holes: Any
    sources: Any
    fields: Mapping[str, Any]
    paths: Mapping[int, Path | None]  # by seed


def run(options: argparse.Namespace) -> None:
    """Check everything, then fill the holes, once for each seed."""
    job = _planned(options)
    share = float(job.holes.mean())
    if not options.quiet:
        complain(f"texto: {editing.percent(share)} of the picture to fill")
    with (
        threads(deterministic=options.deterministic),
        progress_bar(quiet=options.quiet) as progress,
        editing.told_memory(),
    ):
        written = [_made(job, seed, options, progress) for seed in job.paths]
    tell_seed(options, min(job.paths))
    if options.json:
        say_json({"outputs": written, "filled": share})


def _planned(options: argparse.Namespace) -> Job:
    first = chosen_seed(options, options.num)
    method = powers.require(source.build_method(options), Inpaints, "fills no holes")
    picture = editing.opened(options.source, options)
    holes, sources = _masks(options, picture.pixels.shape)
    name = registry.name_of(method)
    fields = {
        **editing.record_fields("inpaint", options, (name, method), picture),
        "mask": Path(options.mask).name,
        "mask_inverted": options.invert_mask,
        "mask_hash": _mask_hash(holes),
    }
    if sources is not None:
        fields["source_mask"] = Path(options.source_mask).name
        fields["source_mask_hash"] = _mask_hash(sources)
    paths = editing.paths(options, DEFAULT_NAME, fields, first)
    _check_outputs(options, paths, picture)
    return Job(method, picture.pixels, picture.bits, holes, sources, fields, paths)


def _made(
    job: Job, seed: int, options: argparse.Namespace, progress: Progress
) -> Mapping[str, Any]:
    start = time.perf_counter()
    history = History(progress)
    with told_time("inpaint", options):
        image = job.method.inpaint(
            job.pixels.copy(), job.holes.copy(), sources=job.sources, rng=seed, progress=history
        )
    known = ~job.holes
    image[known] = job.pixels[known]  # whatever other people's methods do
    text = {records.KEY: json.dumps({**job.fields, "seed": seed}, sort_keys=True)}
    path = job.paths[seed]
    outputs.write_picture(image, path, bits=job.bits, text={**text, **history.text()})
    if path and not options.json:
        say(str(path))
    seconds = round(time.perf_counter() - start, 3)
    return {"path": str(path), "size": job.fields["size"], "seed": seed, "s": seconds}


def _masks(options: argparse.Namespace, shape: tuple[int, ...]) -> tuple[Any, Any]:
    """The holes (H, W) and the source mask (H, W) or None, checked for a picture of `shape`."""
    from ..patches.masks import as_mask, as_sources

    what = f"mask {options.mask!r}"
    holes = _white(options.mask, what, options)
    if options.invert_mask:
        holes = ~holes
    try:
        holes = as_mask(holes, shape, what)
    except TextoError as error:
        if options.invert_mask and holes.shape == tuple(shape[:2]):
            error = TextoError(error.what, error.why, "with --invert-mask, black is filled")
        raise error from None
    if options.source_mask is None:
        return holes, None
    what = f"source mask {options.source_mask!r}"
    sources = _white(options.source_mask, what, options)
    as_sources(sources, holes, what)
    return holes, sources


def _white(path: str, what: str, options: argparse.Namespace) -> Any:
    """(H, W) bool: where the mean of the channels is above half, 127 of 255, in the file `path`."""
    if source.is_model(path):
        raise TextoError(what, "is a model", "give a picture, white where pixels are meant")
    picture = editing.opened(path, options)
    return picture.pixels.mean(axis=2) > 0.5


def _mask_hash(mask: Any) -> str:
    """The SHA-256 (hex) over the size and the bits of `mask` (H, W)."""
    import numpy as np

    return hashlib.sha256(repr(mask.shape).encode() + np.packbits(mask).tobytes()).hexdigest()


def _check_outputs(
    options: argparse.Namespace, paths: Mapping[int, Path | None], picture: Any
) -> None:
    """Raise TextoError where an output could not be written, or could not keep the pixels."""
    path = next(iter(paths.values()))
    outputs.check_stdout(options, options.num)
    editing.check_keeps(path, picture)
    inputs = [options.source, options.mask, options.source_mask]
    files = [each for each in paths.values() if each]
    outputs.check_outputs(files, [each for each in inputs if each], force=options.force)
