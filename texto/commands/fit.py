"""`texto fit`: a model from an exemplar."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from .. import registry, storage
from . import maps, outputs, source
from .console import progress_bar, say, say_json
from .running import chosen_seed, tell_seed, threads


def run(options: argparse.Namespace) -> None:
    """Check everything, then fit and write the model."""
    seed = chosen_seed(options)
    origin = maps.open_exemplar(options.source, options, source.build_method(options), seed)
    path = _output(options, registry.name_of(origin.method))
    outputs.check_outputs([path], [origin.path, *origin.others], force=options.force)
    start = time.perf_counter()
    with (
        threads(deterministic=options.deterministic),
        progress_bar(quiet=options.quiet) as progress,
    ):
        model = origin.fitted(progress)
    notes = {"exemplar": Path(options.source).name, "seed": seed}
    if origin.stack is not None:
        notes |= origin.stack.notes()
    storage.save(model, path, notes=notes, force=options.force)
    tell_seed(options, seed)
    if options.json:
        seconds = round(time.perf_counter() - start, 3)
        say_json({"path": str(path), "seed": seed, "seconds": seconds})
    else:
        say(str(path))


def _output(options: argparse.Namespace, method: str) -> Path:
    fields = {"stem": outputs.safe_stem(options.source), "method": method}
    return outputs.output_path(options.output, outputs.DEFAULT_MODEL, fields)
