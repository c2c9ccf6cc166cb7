"""`texto fit`: a model from an exemplar."""

from __future__ import annotations

import time
from pathlib import Path

from ..core import processes, registry
from ..core.errors import TextoError
from ..core.history import History, training_steps
from ..io import model_files
from ..io.codecs.encode import FORMATS
from . import curves, outputs, source
from .console import progress_bar, say, say_json
from .options import Options
from .running import threads
from .training import Kept
from .wanted import Wanted, made_with, name_in_files


def run(options: Options) -> None:
    """Check everything, then fit and write the model, as the leading process of several."""
    kept = Kept.of(options)
    seeds = kept.seeds(options.seed)
    method = Wanted.of(options).method()
    origin = source.open_exemplar(options.source, options, method, seeds.first)
    made = made_with(method)
    called = name_in_files(registry.name_of(method), made.get("random_layers"))
    path = _output(options, called)
    _check_suffix(path)
    plot = path.with_name(f"{path.stem}_loss.png") if options.plot else None
    written = [path, *filter(None, [plot])]
    read = [origin.path, *origin.others, *([Path(options.ignore)] if options.ignore else [])]
    outputs.check_outputs(written, read, options)
    kept.check(origin, [*written, *read], force=options.force)
    start = time.perf_counter()
    with (
        threads(deterministic=options.deterministic),
        progress_bar(quiet=options.quiet) as progress,
    ):
        history = History(progress)
        model = kept.fitted(origin, seeds.first, history)
    if processes.rank() > 0:
        return
    notes: dict[str, model_files.Note] = {
        "exemplar": Path(options.source).name,
        "seed": seeds.first,
        **made,
    }
    if origin.ignored is not None:
        notes["ignore"] = origin.ignored.name
    if not origin.stack.plain:
        notes |= origin.stack.notes()
    model_files.save(model, path, notes=notes, force=options.force or options.skip_existing)
    if plot:
        plot = curves.draw(training_steps(model) or history.steps, method, seeds.first, plot)
    seeds.tell(quiet=options.quiet)
    if options.json:
        seconds = round(time.perf_counter() - start, 3)
        entry = {"path": str(path), "seed": seeds.first, "seconds": seconds}
        say_json({**entry, "plot": str(plot)} if plot else entry)
        return
    for made_file in filter(None, (path, plot)):
        say(str(made_file))


def _check_suffix(path: Path) -> None:
    """TextoError where a model would be called like a picture."""
    if path.suffix.lower() in FORMATS:
        why = "is the name of a picture, and the output is a model"
        raise TextoError(f"output {str(path)!r}", why, "name it .safetensors")


def _output(options: Options, method: str) -> Path:
    fields = {"stem": outputs.safe_stem(options.source), "method": method}
    return outputs.output_path(options.output, outputs.DEFAULT_MODEL, fields)
