"""`texto synth --guide`: the exemplar's texture along the luminance of another picture."""

from __future__ import annotations

import dataclasses
import inspect
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..core import registry
from ..core.contract import Guides, Tiles
from ..core.errors import TextoError
from ..core.history import History
from ..core.types import Progress
from ..io import model_files, records
from . import curves, maps, outputs, powers, synth_plan
from .console import progress_bar, say, say_json
from .containers import write_picture
from .options import Options
from .reading import Reading, is_model
from .running import Seeds, threads, told_time
from .source import Source
from .wanted import name_in_files


@dataclasses.dataclass(frozen=True, eq=False)
class Job:
    """Everything about a run that is known before it.

    guide : (h, w, C') float32 in [0, 1]. A path of None is stdout, a plot of None is no curve;
    both are by seed.
    """

    method: Guides
    origin: Source
    guide: np.ndarray
    weight: float
    seeds: Seeds
    plan: records.Record
    paths: Mapping[int, Path | None]
    plots: Mapping[int, Path | None]


def run(options: Options) -> None:
    """Check everything, then make the pictures; a model is used for its exemplar and settings."""
    job = _planned(options)
    with (
        threads(deterministic=job.plan.deterministic),
        progress_bar(quiet=options.quiet) as progress,
    ):
        entries = [_made(job, seed, options, progress) for seed in job.seeds]
    job.seeds.tell(quiet=options.quiet)
    if options.json:
        say_json({"outputs": entries})


def _planned(options: Options) -> Job:
    _check_options(options)
    repeated = records.read(options.repeat) if options.repeat else None
    if repeated is not None and repeated.layout is not None and len(repeated.layout.maps) > 1:
        raise TextoError("--guide", "leads one picture, not maps", "leave out --from")
    seeds = synth_plan.chosen_seeds(options, repeated)
    origin = synth_plan.opened(options, repeated)
    method = _checked_method(origin)
    guide = _guide(options.guide, Reading.of(options, repeated))
    height, width, channels = guide.shape
    shape = options.size.of((height, width)) if options.size else (height, width)
    outputs.check_memory(shape, origin.channels + max(1, channels))
    made = synth_plan.weights_of(origin, repeated)
    called = name_in_files(registry.name_of(method), made.get("random_layers"))
    paths = {seed: synth_plan.output(options, origin, called, shape, seed)[0] for seed in seeds}
    plots = {seed: synth_plan.plot_path(paths[seed]) if options.plot else None for seed in seeds}
    first = [paths[seeds.first]]
    bits = maps.depths(origin.stack, first, given=options.bits, repeated=repeated)
    inputs = [origin.path, options.guide, *([options.repeat] if options.repeat else [])]
    synth_plan.check_outputs(options, [*paths.values()], [*plots.values()], inputs)
    weight = options.guide_weight
    if weight is None:
        weight = inspect.signature(method.guide).parameters["weight"].default
    plan = dataclasses.replace(
        synth_plan.record_of(origin, shape, seeds.first, bits[0], options, repeated),
        command="synth --guide",
        guide=Path(options.guide).name,
        guide_hash=model_files.exemplar_hash(guide),
        guide_weight=weight,
    ).looking_through(made)
    (plan,) = maps.record_of(plan, origin.stack, bits)
    return Job(method, origin, guide, weight, seeds, plan, paths, plots)


def _check_options(options: Options) -> None:
    """Raise TextoError for options that mean nothing beside --guide, or nothing without it."""
    if options.guide is None:
        raise TextoError("--guide-weight", "there is no guide", "name a picture with --guide")
    if options.maps:
        raise TextoError("--with", "maps cannot be led by a guide", "leave out --with or --guide")
    if options.show_sources:
        raise TextoError(
            "--show-sources",
            "is for textures without a guide",
            "leave out --show-sources or --guide",
        )
    if options.tileable:
        raise TextoError(
            "--tileable",
            "a guided texture follows its guide and does not repeat",
            "leave out --tileable or --guide",
        )


def _checked_method(origin: Source) -> Guides:
    """The method, which can follow a guide; TextoError for one that would not."""
    method = powers.require(origin.method, Guides, "follows no guide")
    if len(origin.stack.maps) > 1:
        raise TextoError(
            f"model {str(origin.path)!r}",
            "has several maps, and --guide leads one picture",
            "give the picture",
        )
    if isinstance(method, Tiles) and method.tileable != "none":
        raise TextoError(
            "setting 'tileable'",
            f"is {method.tileable}, and a guided texture does not repeat",
            "give --set tileable=none",
        )
    return method


def _guide(path: str, reading: Reading) -> np.ndarray:
    """(h, w, C') float32 in [0, 1]: the pixels of the guide."""
    if is_model(path):
        raise TextoError(f"guide {path!r}", "is a model", "give a picture")
    return reading.open(path).pixels


def _made(job: Job, seed: int, options: Options, progress: Progress) -> Mapping[str, Any]:
    start, history = time.perf_counter(), History(progress)
    with told_time("guide", options):
        image = job.method.guide(
            job.origin.whole,
            job.guide,
            job.plan.shape,
            weight=job.weight,
            rng=seed,
            progress=history,
        )
    plan = dataclasses.replace(job.plan, seed=seed)
    path, plot = job.paths[seed], job.plots[seed]
    (values,) = job.origin.stack.split(image, job.origin.whole)
    meaning = job.origin.stack.maps[0].meaning
    text = {**plan.text(), **history.text()}
    write_picture(
        values, path, bits=plan.bits, text=text, meaning=meaning, metadata=job.origin.metadata[0]
    )
    drawn = curves.draw(history.steps, job.method, seed, plot) if plot else None
    for written in filter(None, (path, drawn)):
        if not options.json:
            say(str(written))
    seconds = round(time.perf_counter() - start, 3)
    entry = {"path": str(path), "size": plan.size, "seed": seed, "s": seconds}
    return {**entry, "plot": str(drawn)} if drawn else entry
