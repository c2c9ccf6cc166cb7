"""`texto fit`: a model from an exemplar."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from ..core import processes, registry
from ..core.history import History, training_steps
from ..io import model_files
from . import curves, maps, outputs, source, training
from .console import progress_bar, say, say_json
from .running import tell_seed, threads


def run(options: argparse.Namespace) -> None:
    """Check everything, then fit and write the model, as the leading process of several."""
    seed = training.seed_of(options)
    origin = maps.open_exemplar(options.source, options, source.build_method(options), seed)
    made = source.made_with(origin.method)
    path = _output(options, source.name_in_files(registry.name_of(origin.method), made))
    plot = path.with_name(f"{path.stem}_loss.png") if options.plot else None
    written, read = [path, *filter(None, [plot])], [origin.path, *origin.others]
    outputs.check_outputs(written, read, force=options.force)
    channels = origin.exemplar.shape[2]
    training.check(options, origin.method, channels, [*written, *read])
    start = time.perf_counter()
    with (
        threads(deterministic=options.deterministic),
        progress_bar(quiet=options.quiet) as progress,
    ):
        history = History(progress)
        model = training.fitted(options, origin.method, origin.exemplar, seed, history)
    if processes.rank() > 0:
        return
    notes = {"exemplar": Path(options.source).name, "seed": seed, **made}
    if origin.stack is not None:
        notes |= origin.stack.notes()
    model_files.save(model, path, notes=notes, force=options.force)
    if plot:
        curves.draw(training_steps(model) or history.steps, origin.method, seed, plot)
    tell_seed(options, seed)
    if options.json:
        seconds = round(time.perf_counter() - start, 3)
        say_json({"path": str(path), "seed": seed, "seconds": seconds})
    else:
        say(str(path))


def _output(options: argparse.Namespace, method: str) -> Path:
    fields = {"stem": outputs.safe_stem(options.source), "method": method}
    return outputs.output_path(options.output, outputs.DEFAULT_MODEL, fields)
