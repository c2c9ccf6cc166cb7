"""`texto inpaint`: the holes of a picture filled with its texture, all other pixels kept."""

from __future__ import annotations

import dataclasses
import hashlib
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..core import registry
from ..core.contract import Inpaints
from ..core.errors import TextoError
from ..core.history import History
from ..core.types import Progress
from ..patches.masks import as_mask, as_sources
from . import editing, outputs, powers
from .console import complain, progress_bar, say, say_json
from .editing import Target
from .maps import PictureSet
from .options import Options
from .reading import Reading, is_model
from .running import Seeds, threads, told_time
from .wanted import Wanted

DEFAULT_NAME = "{stem}_{method}_inpaint_s{seed}"


@dataclasses.dataclass(frozen=True, eq=False)
class Job:
    """Everything about a run that is known before it.

    holes : (H, W) bool, True = fill; sources : (H, W) bool or None.
    """

    method: Inpaints
    given: PictureSet
    holes: np.ndarray
    sources: np.ndarray | None
    seeds: Seeds
    target: Target


def run(options: Options) -> None:
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
        entries = [e for seed in job.seeds for e in _made(job, seed, options, progress)]
    job.seeds.tell(quiet=options.quiet)
    if options.json:
        say_json({"outputs": entries, "filled": share})


def _planned(options: Options) -> Job:
    seeds, reading = Seeds.chosen(options.seed, options.num), Reading.of(options)
    method = powers.require(Wanted.of(options).method(), Inpaints, "fills no holes")
    given = editing.opened(options)
    holes, sources = _masks(options, reading, given.shape)
    name = registry.name_of(method)
    plan = dataclasses.replace(
        editing.record_of("inpaint", options, name, method, given, seeds.first),
        mask=Path(options.mask).name,
        mask_inverted=options.invert_mask,
        mask_hash=_mask_hash(holes),
        source_mask=Path(options.source_mask).name if sources is not None else None,
        source_mask_hash=_mask_hash(sources) if sources is not None else None,
    )
    target = editing.target(options, DEFAULT_NAME, given, plan, seeds)
    inputs = [*given.paths, options.mask, *filter(None, [options.source_mask])]
    outputs.check_outputs(target.files, inputs, options)
    return Job(method, given, holes, sources, seeds, target)


def _made(job: Job, seed: int, options: Options, progress: Progress) -> list[Mapping[str, Any]]:
    start = time.perf_counter()
    history = History(progress)
    with told_time("inpaint", options):
        image = job.method.inpaint(
            job.given.pixels.copy(),
            job.holes.copy(),
            sources=job.sources,
            rng=seed,
            progress=history,
        )
    # Known pixels are those of the file, whatever other people's methods do.
    files = job.target.write(job.given.files(image, job.holes), seed, history.text())
    seconds = round(time.perf_counter() - start, 3)
    entries: list[Mapping[str, Any]] = []
    for path, record in zip(job.target.paths[seed], files, strict=True):
        if path and not options.json:
            say(str(path))
        entries.append({"path": str(path), "size": record.size, "seed": seed, "s": seconds})
    return entries


def _masks(
    options: Options, reading: Reading, shape: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray | None]:
    """The holes (H, W) and the source mask (H, W) or None, checked for a picture of `shape`."""
    what = f"mask {options.mask!r}"
    holes = _white(options.mask, what, reading)
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
    sources = _white(options.source_mask, what, reading)
    as_sources(sources, holes, what)
    return holes, sources


def _white(path: str, what: str, reading: Reading) -> np.ndarray:
    """(H, W) bool: where the mean of the channels is above half, 127 of 255, in the file `path`."""
    if is_model(path):
        raise TextoError(what, "is a model", "give a picture, white where pixels are meant")
    return reading.open(path).pixels.mean(axis=2) > 0.5


def _mask_hash(mask: np.ndarray) -> str:
    """The SHA-256 (hex) over the size and the bits of `mask` (H, W)."""
    return hashlib.sha256(repr(mask.shape).encode() + np.packbits(mask).tobytes()).hexdigest()
