"""`texto synth --guide`: the exemplar's texture along the luminance of another picture."""

from __future__ import annotations

import argparse
import dataclasses
import inspect
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..core import registry
from ..core.contract import Guides, Tiles
from ..core.errors import TextoError
from ..core.history import History
from ..core.types import Progress
from ..io import model_files, records
from . import curves, outputs, powers, source, synth_plan
from .console import progress_bar, say, say_json
from .running import tell_seed, threads, told_time


@dataclasses.dataclass(frozen=True, eq=False)
class Job:
    """Everything about a run that is known before it.

    guide : (h, w, C') float32 in [0, 1]; A path of None is
    stdout, a plot of None is no curve; both are by seed.
    """

    origin: source.Source
    method: Guides
    guide: Any
    weight: float
    plan: records.Record
    fields: Mapping[str, Any]
    paths: Mapping[int, Path | None]
    plots: Mapping[int, Path | None]


def run(options: argparse.Namespace) -> None:
    """Check everything, then make the pictures; a model is used for its exemplar and settings."""
    job = _planned(options)
    with (
        threads(deterministic=job.plan.deterministic),
        progress_bar(quiet=options.quiet) as progress,
    ):
        written = [_made(job, seed, options, progress) for seed in job.paths]
    tell_seed(options, job.plan.seed)
    if options.json:
        say_json({"outputs": written})


def _planned(options: argparse.Namespace) -> Job:
    _check_options(options)
    repeated = records.read(options.repeat) if options.repeat else None
    if repeated is not None and repeated.layout is not None:
        raise TextoError("--guide", "leads one picture, not maps", "leave out --from")
    first = synth_plan.first_seed(options, repeated)
    origin = synth_plan.opened(options, repeated, first)
    method = _checked_method(origin)
    guide = _guide(options)
    height, width, channels = guide.shape
    size = options.size.of((width, height)) if options.size else (width, height)
    outputs.check_memory(*size, origin.exemplar.shape[2] + max(1, channels))
    name, made = registry.name_of(origin.method), synth_plan.weights_of(origin, repeated)
    stem, called = outputs.safe_stem(origin.path), source.name_in_files(name, made)
    seeds = range(first, first + options.num)
    paths = {seed: synth_plan.output(options, stem, called, size, seed) for seed in seeds}
    plots = {seed: synth_plan.plot_path(paths[seed]) if options.plot else None for seed in seeds}
    bits = synth_plan.checked_bits(options, repeated, origin, [paths[first]])[0]
    _check_outputs(options, origin, paths, plots)
    plan = records.Record(
        method=name,
        settings=model_files.stored_settings(origin.method),
        size=size,
        seed=first,
        fit_seed=None,
        bits=bits,
        deterministic=options.deterministic or bool(repeated and repeated.deterministic),
        **origin.names,
        **made,
    )
    weight = options.guide_weight
    if weight is None:
        weight = inspect.signature(method.guide).parameters["weight"].default
    fields = {
        "command": "synth --guide",
        "guide": Path(options.guide).name,
        "guide_hash": model_files.exemplar_hash(guide),
        "guide_weight": weight,
    }
    return Job(origin, method, guide, weight, plan, fields, paths, plots)


def _check_options(options: argparse.Namespace) -> None:
    """Raise TextoError for options that mean nothing beside --guide, or nothing without it."""
    if options.guide is None:
        raise TextoError("--guide-weight", "there is no guide", "name a picture with --guide")
    if options.maps:
        raise TextoError("--with", "maps cannot be led by a guide", "leave out --with or --guide")
    if options.tileable:
        raise TextoError(
            "--tileable",
            "a guided texture follows its guide and does not repeat",
            "leave out --tileable or --guide",
        )


def _checked_method(origin: source.Source) -> Guides:
    """The method, which can follow a guide; TextoError for one that would not."""
    method = powers.require(origin.method, Guides, "follows no guide")
    if origin.stack is not None:
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


def _guide(options: argparse.Namespace) -> Any:
    """(h, w, C') float32 in [0, 1]: the pixels of the guide."""
    what = f"guide {options.guide!r}"
    if source.is_model(options.guide):
        raise TextoError(what, "is a model", "give a picture")
    return source.open_picture(
        options.guide, alpha=options.alpha, max_pixels=options.max_pixels
    ).pixels


def _check_outputs(
    options: argparse.Namespace,
    origin: source.Source,
    paths: Mapping[int, Path | None],
    plots: Mapping[int, Path | None],
) -> None:
    if options.plot and options.output == "-":
        raise TextoError("--plot", "needs a file to go beside", "name a file or folder with -o")
    outputs.check_stdout(options, options.num)
    inputs = [origin.path, options.guide, *([options.repeat] if options.repeat else [])]
    written = [path for path in [*paths.values(), *plots.values()] if path]
    outputs.check_outputs(written, inputs, force=options.force)


def _made(
    job: Job, seed: int, options: argparse.Namespace, progress: Progress
) -> Mapping[str, Any]:
    start, history = time.perf_counter(), History(progress)
    width, height = job.plan.size
    with told_time("guide", options):
        image = job.method.guide(
            job.origin.exemplar,
            job.guide,
            (height, width),
            weight=job.weight,
            rng=seed,
            progress=history,
        )
    plan = dataclasses.replace(job.plan, seed=seed)
    fields = {**json.loads(plan.text()[records.KEY]), **job.fields}
    text = {records.KEY: json.dumps(fields, sort_keys=True), **history.text()}
    path, plot = job.paths[seed], job.plots[seed]
    outputs.write_picture(image, path, bits=plan.bits, text=text)
    if plot:
        curves.draw(history.steps, job.method, plan.seed, plot)
    if path and not options.json:
        say(str(path))
    seconds = round(time.perf_counter() - start, 3)
    return {"path": str(path), "size": plan.size, "seed": seed, "s": seconds}
