"""`texto inpaint`: the holes of a picture filled with its texture, all other pixels kept."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..core import registry
from ..core.contract import Inpaints, Tiles
from ..core.history import History
from ..core.settings import settings_of
from ..core.types import Progress
from ..editing.inpainting import inpaint
from . import editing, holes, outputs, powers
from .console import complain, progress_bar, say, say_json
from .editing import Target
from .holes import Holes
from .options import Options
from .options.common import DEFAULT_METHOD
from .running import Seeds, threads, told_time
from .wanted import Wanted

DEFAULT_NAME = "{stem}_{method}_inpaint_s{seed}"


@dataclasses.dataclass(frozen=True, eq=False)
class Job:
    """Everything about a run that is known before it.

    `tileable` : the axes along which the picture repeats, where the method has no such setting.
    """

    method: Inpaints
    tileable: str
    holes: Holes
    seeds: Seeds
    target: Target


def run(options: Options) -> None:
    """Check everything, then fill the holes, once for each seed."""
    job = _planned(options)
    share = float(job.holes.renewed.mean())
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
    seeds = Seeds.chosen(options.seed, options.num)
    method, tileable = _method(options)
    repeats = method.tileable if isinstance(method, Tiles) else tileable
    found = holes.opened(options, repeats)
    name = registry.name_of(method)
    plan = dataclasses.replace(
        editing.record_of("inpaint", options, name, method, found.given, seeds.first),
        tileable=None if tileable == "none" else tileable,
        **found.record,
    )
    target = editing.target(options, DEFAULT_NAME, found.given, plan, seeds)
    inputs: list[str | Path] = [*found.given.paths, *found.files]
    outputs.check_outputs(target.files, inputs, options)
    return Job(method, tileable, found, seeds, target)


def _method(options: Options) -> tuple[Inpaints, str]:
    """The method, and the axes of `--tileable` where it has no such setting."""
    wanted, tileable = Wanted.of(options), "none"
    known = settings_of(registry.method_class(wanted.name or DEFAULT_METHOD))
    if options.tileable is not None and "tileable" not in known:
        named = {key: value for key, value in wanted.named.items() if key != "tileable"}
        wanted, tileable = dataclasses.replace(wanted, named=named), options.tileable
    return powers.require(wanted.method(), Inpaints, "fills no holes"), tileable


def _made(job: Job, seed: int, options: Options, progress: Progress) -> list[Mapping[str, Any]]:
    start = time.perf_counter()
    history, found = History(progress), job.holes
    with told_time("inpaint", options):
        image = inpaint(
            found.given.pixels,
            found.mask,
            job.method,
            sources=found.sources,
            source=found.source,
            grow=options.grow,
            feather=options.feather,
            tileable=job.tileable,
            rng=seed,
            progress=history,
        )
    values = found.given.files(image, found.renewed, found.source)
    files = job.target.write(values, seed, history.text())
    seconds = round(time.perf_counter() - start, 3)
    entries: list[Mapping[str, Any]] = []
    for path, record in zip(job.target.paths[seed], files, strict=True):
        if path and not options.json:
            say(str(path))
        entries.append({"path": str(path), "size": record.size, "seed": seed, "s": seconds})
    return entries
