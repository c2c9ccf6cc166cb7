"""`texto mix`: textures between pictures or models."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..core.contract import MixesAlong, Model
from ..core.types import Progress
from ..io import model_files, records
from . import outputs
from .console import progress_bar, say, say_json
from .mix_plan import MODEL, Job, beside, planned
from .running import tell_seed, threads, told_time

Make = Callable[[int, Progress], Any]


def run(options: argparse.Namespace) -> None:
    """Check everything, fit what has to be fitted, then mix and make the pictures."""
    job = planned(options)
    with (
        threads(deterministic=options.deterministic),
        progress_bar(quiet=options.quiet) as progress,
    ):
        with told_time("fit", options):
            models = [origin.fitted(progress) for origin in job.origins]
        written = list(_written(job, models, options, progress))
    tell_seed(options, min(job.paths))
    if options.json:
        say_json({"outputs": written, "weights": [list(mix) for mix in job.mixes]})


def _written(
    job: Job, models: Sequence[Model], options: argparse.Namespace, progress: Progress
) -> Iterator[Mapping[str, Any]]:
    """Make and write everything; what was written, one entry a file."""
    path = next(iter(job.paths.values()))
    if path and path.suffix.lower() == MODEL:
        yield _saved(job, models, path, options)
        return
    makers = list(_makers(job, models, options))
    for seed, path in job.paths.items():
        row = []
        for number, (weights, make) in enumerate(makers, start=1):
            start = time.perf_counter()
            row.append(make(seed, progress))
            place = beside(path, number) if options.steps else path
            outputs.write_picture(row[-1], place, bits=job.bits, text=_record(job, seed, weights))
            yield _entry(job, place, seed, weights, start, options)
        if options.steps:
            start = time.perf_counter()
            outputs.write_picture(_joined(row), path, bits=job.bits, text=_record(job, seed, None))
            yield _entry(job, path, seed, None, start, options)


def _makers(
    job: Job, models: Sequence[Model], options: argparse.Namespace
) -> Iterator[tuple[Sequence[float] | None, Make]]:
    """For each picture of a row its weights and the function that makes it; models mixed once."""
    width, height = job.size
    method = job.method
    if isinstance(method, MixesAlong) and job.weight_map is not None:

        def make_along(seed: int, progress: Progress) -> Any:
            return method.mix_along(
                models, job.weight_map, (height, width), rng=seed, progress=progress
            )

        yield None, make_along
        return
    for weights in job.mixes:
        with told_time("mix", options):
            model = method.mix(models, list(weights))

        def make(seed: int, progress: Progress, model: Model = model) -> Any:
            return model.synthesize((height, width), rng=seed, progress=progress)

        yield weights, make


def _saved(
    job: Job, models: Sequence[Model], path: Path, options: argparse.Namespace
) -> Mapping[str, Any]:
    """Mix and write the model."""
    start = time.perf_counter()
    (weights,) = job.mixes
    model = job.method.mix(models, list(weights))
    parts = [f"{n} {w:.6g}" for n, w in zip(job.fields["sources"], weights, strict=True)]
    # No note "seed": it would say that fitting the exemplar with it gives this model.
    notes = {"mix": ", ".join(parts)[:900], "fit_seed": job.fields["fit_seed"]}
    model_files.save(model, path, notes=notes, force=options.force)
    if not options.json:
        say(str(path))
    return {"path": str(path), "s": round(time.perf_counter() - start, 3)}


def _record(job: Job, seed: int, weights: Sequence[float] | None) -> dict[str, str]:
    fields = {**job.fields, "seed": seed}
    if weights is not None:
        fields["weights"] = list(weights)
    elif job.weight_map is None:
        fields["steps"] = len(job.mixes)
    return {records.KEY: json.dumps(fields, sort_keys=True)}


def _entry(
    job: Job,
    path: Path | None,
    seed: int,
    weights: Sequence[float] | None,
    start: float,
    options: argparse.Namespace,
) -> Mapping[str, Any]:
    if path and not options.json:
        say(str(path))
    entry = {"path": str(path), "size": list(job.size), "seed": seed}
    seconds = round(time.perf_counter() - start, 3)
    return {**entry, "weights": None if weights is None else list(weights), "s": seconds}


def _joined(row: Sequence[Any]) -> Any:
    """The pictures of a row side by side."""
    import numpy as np

    return np.concatenate(row, axis=1)
