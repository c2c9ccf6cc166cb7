"""`texto synth`: pictures from an exemplar or a model."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np

from ..core.contract import Model, ShowsSources
from ..core.history import History, training_steps
from ..core.types import Progress
from ..editing.maps import pooled
from ..io.records import Record
from . import curves
from .console import progress_bar, say, say_json
from .containers import write_picture
from .options import Options
from .powers import require
from .running import threads, told_time
from .synth_plan import Job, planned


def run(options: Options) -> None:
    """Check everything, then fit if need be and make the pictures."""
    if options.guide is not None or options.guide_weight is not None:
        from . import guided  # which is built on this module

        return guided.run(options)
    job = planned(options)
    deterministic = job.records[0][0].deterministic
    with threads(deterministic=deterministic), progress_bar(quiet=options.quiet) as progress:
        entries = _made(job, options, progress)
    job.seeds.tell(quiet=options.quiet)
    if options.json:
        say_json({"outputs": entries})


def _made(job: Job, options: Options, progress: Progress) -> list[dict[str, Any]]:
    with told_time("fit", options):
        model = job.origin.fitted(progress)
    entries: list[dict[str, Any]] = []
    for records, paths, plot, shown in zip(
        job.records, job.paths, job.plots, job.shown, strict=True
    ):
        start, plan, history = time.perf_counter(), records[0], History(progress)
        if shown:
            images = [_with_sources(job, model, plan, shown, history)]
        else:
            images = list(job.origin.made(model, plan.shape, plan.seed, history))
        for image, made, path, each, metadata in zip(
            images, records, paths, job.origin.stack.maps, job.origin.metadata, strict=True
        ):
            write_picture(
                image,
                path,
                bits=made.bits,
                text={**made.text(), **history.text()},
                meaning=each.meaning,
                metadata=metadata,
            )
        if plot:
            steps = history.steps or training_steps(model)
            plot = curves.draw(steps, model.method, plan.seed, plot)
        seconds = round(time.perf_counter() - start, 3)
        for path in paths:
            entries.append({"path": str(path), "size": plan.size, "seed": plan.seed, "s": seconds})
        entries[-1] |= {name: str(p) for name, p in (("plot", plot), ("sources", shown)) if p}
        for path in filter(None, [*paths, plot, shown]):
            if not options.json:
                say(str(path))
    return entries


def _with_sources(
    job: Job, model: Model, plan: Record, shown: Path, progress: Progress
) -> np.ndarray:
    """The picture of `plan`; its sources are written to `shown`."""
    method = require(model.method, ShowsSources, "does not say which pixel is where")
    picture, sources = method.synthesize_with_sources(
        model, plan.shape, rng=plan.seed, progress=progress
    )
    colours = np.full((*plan.shape, 3), 0.5, np.float32)
    colours[..., :2] = (sources / np.maximum(np.array(job.origin.shape) - 1, 1))[..., ::-1]
    write_picture(np.clip(colours, 0, 1), shown, bits=8, text={})
    (stored,) = job.origin.stack.split(picture, pooled([model]))
    return stored
