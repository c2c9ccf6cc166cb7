"""`texto mix`: textures between pictures or models."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..core.contract import MixesAlong, Model
from ..core.types import Progress
from ..editing.maps import pooled
from ..io import model_files
from ..io.codecs.samples import Metadata
from ..io.records import Record
from . import maps
from .console import progress_bar, say, say_json
from .containers import write_picture
from .mix_plan import Job, beside, is_saved, planned
from .options import Options
from .running import threads, told_time
from .source import Source

Make = Callable[[int, Progress], list[np.ndarray]]  # one picture for each map


def run(options: Options) -> None:
    """Check everything, fit what has to be fitted, then mix and make the pictures."""
    job = planned(options)
    with (
        threads(deterministic=options.deterministic),
        progress_bar(quiet=options.quiet) as progress,
    ):
        with told_time("fit", options):
            models = _fitted(job.origins, progress)
        entries = list(_written(job, models, options, progress))
    job.seeds.tell(quiet=options.quiet)
    if options.json:
        say_json({"outputs": entries, "weights": [list(mix) for mix in job.mixes]})


def _fitted(origins: Sequence[Source], progress: Progress) -> list[Model]:
    """The model of each; the smallest is fitted first, as what is too small is refused then."""
    order = sorted(range(len(origins)), key=lambda k: min(origins[k].shape))
    models = {k: origins[k].fitted(progress) for k in order}
    return [models[k] for k in range(len(origins))]


def _written(
    job: Job, models: Sequence[Model], options: Options, progress: Progress
) -> Iterator[Mapping[str, Any]]:
    """Make and write everything; what was written, one entry a file."""
    path = next(iter(job.paths.values()))[0]
    if path and is_saved(path):
        yield _saved(job, models, path, options)
        return
    makers = list(_makers(job, models, options))
    for seed, paths in job.paths.items():
        plan, row = dataclasses.replace(job.plan, seed=seed), []
        for number, (weights, make) in enumerate(makers, start=1):
            start = time.perf_counter()
            row.append(make(seed, progress))
            places = [beside(p, number) if p and options.steps else p for p in paths]
            record = dataclasses.replace(plan, weights=weights)
            yield from _pictures(job, row[-1], places, record, start, options)
        if options.steps:
            start = time.perf_counter()
            record = dataclasses.replace(plan, steps=len(job.mixes))
            whole = [np.concatenate(parts, axis=1) for parts in zip(*row, strict=True)]
            yield from _pictures(job, whole, paths, record, start, options)


def _makers(
    job: Job, models: Sequence[Model], options: Options
) -> Iterator[tuple[tuple[float, ...] | None, Make]]:
    """For each picture of a row its weights and the function that makes it; models mixed once."""
    method, weight_map, shape = job.method, job.weight_map, job.plan.shape
    if weight_map is not None and isinstance(method, MixesAlong):

        def make_along(seed: int, progress: Progress) -> list[np.ndarray]:
            made = method.mix_along(models, weight_map, shape, rng=seed, progress=progress)
            return job.stack.split(made, pooled(models))

        yield None, make_along
        return
    for weights in job.mixes:
        with told_time("mix", options):
            model = method.mix(models, list(weights))

        def make(seed: int, progress: Progress, model: Model = model) -> list[np.ndarray]:
            return job.stack.synthesize(model, shape, rng=seed, progress=progress)

        yield weights, make


def _saved(job: Job, models: Sequence[Model], path: Path, options: Options) -> Mapping[str, Any]:
    """Mix and write the model."""
    start = time.perf_counter()
    (weights,) = job.mixes
    model = job.method.mix(models, list(weights))
    names = [origin.path.name for origin in job.origins]
    parts = [f"{name} {weight:.6g}" for name, weight in zip(names, weights, strict=True)]
    # No note "seed": it would say that fitting the exemplar with it gives this model.
    notes: dict[str, model_files.Note] = {"mix": ", ".join(parts)[:900]}
    notes["fit_seed"] = options.fit_seed or 0
    if not job.stack.plain:
        notes |= job.stack.notes()
    model_files.save(model, path, notes=notes, force=options.force)
    if not options.json:
        say(str(path))
    return {"path": str(path), "s": round(time.perf_counter() - start, 3)}


def _pictures(
    job: Job,
    images: Sequence[np.ndarray],
    paths: Sequence[Path | None],
    plan: Record,
    start: float,
    options: Options,
) -> Iterator[Mapping[str, Any]]:
    """Write `images`, (H, W, C_i) each, begun at the time `start`; what `--json` tells of each."""
    files = maps.record_of(plan, job.stack, job.bits)
    for number, (image, path, record) in enumerate(zip(images, paths, files, strict=True)):
        write_picture(
            image,
            path,
            bits=record.bits,
            text=record.text(),
            meaning=job.stack.maps[number].meaning,
            metadata=Metadata(srgb=any(o.metadata[number].srgb for o in job.origins)),
        )
        if path and not options.json:
            say(str(path))
        yield {
            "path": str(path),
            "size": record.size,
            "seed": record.seed,
            "weights": None if record.weights is None else list(record.weights),
            "s": round(time.perf_counter() - start, 3),
        }
