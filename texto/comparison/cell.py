"""The work of one child process, which `texto.comparison.process` starts on a folder.

The folder holds job.json and, for all but a probe, exemplar.npy, (H, W, C) float32 in [0, 1].
The child writes picture.png and, last, result.json. A run's times and peak memory are those of
this process alone. It ends when its standard input does: when whoever started it is gone.

A method may say that it cannot run on this machine: by `absent()`, which returns the reason or
None, or by a package that cannot be imported. Its cells are then "unavailable", not failed.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.errors import TextoError
from ..transport import pot_import
from .measure import import_clock, peak_bytes, threads, versions

if TYPE_CHECKING:
    import numpy as np

    from ..core.contract import Method
    from ..core.types import Step
    from ..metrics import Judge, Score
    from .kept import ScoreDict
    from .results import Column

JOB, PIXELS, PICTURE, RESULT = "job.json", "exemplar.npy", "picture.png", "result.json"
_MAX_REASON = 400  # characters
_MAX_LOSSES = 500


class Unavailable(Exception):
    """The method cannot run here; the message says why."""


def main(place: str) -> None:
    """Do what the job in the folder `place` asks and leave its result there."""
    folder = Path(place)
    threading.Thread(target=_end_with_the_starter, args=(folder,), daemon=True).start()
    job = json.loads((folder / JOB).read_bytes())
    pot_import.keep_out()
    _limit_to(job.get("cores"))
    result = {"run": _run, "floor": _floor, "probe": _probe}[job["kind"]](folder, job)
    temporary = folder / f"{RESULT}.part"
    temporary.write_text(json.dumps(result))
    os.replace(temporary, folder / RESULT)


def _run(folder: Path, job: Mapping[str, Any]) -> dict[str, Any]:
    """One cell: the fields of `Cell` that the run decides."""
    try:
        method = _method(job["method"], job["settings"])
        return _made(folder, job, method)
    except Exception as error:  # a third party's method may raise anything
        status, reason = _told(error)
        return {"status": status, "reason": reason}


def _made(folder: Path, job: Mapping[str, Any], method: Method) -> dict[str, Any]:
    from ..core.history import History, training_steps
    from ..core.types import as_image
    from ..editing.maps import Stack
    from ..io import stored_settings
    from ..io.images import read_image
    from ..io.maps import layout_in

    exemplar, seed, history = _exemplar(folder), job["seed"], History()
    layout = layout_in(job["record"].get("maps", {}), "job")
    stack, shown = None, exemplar
    if layout is not None:
        stack, shown = Stack(layout.maps), layout.first(exemplar)
    height, width = job["shape"]
    with import_clock() as imports:
        start = time.perf_counter()
        model = method.fit(exemplar, rng=seed)
        fitted = time.perf_counter() - start - imports.seconds
        start, before = time.perf_counter(), imports.seconds
        if stack is None:
            picture = model.synthesize((height, width), rng=seed, progress=history)
        else:
            picture = stack.synthesize(model, (height, width), rng=seed, progress=history)[0]
        made = time.perf_counter() - start - (imports.seconds - before)
    peak = peak_bytes()
    picture = as_image(picture, "result")
    if picture.shape != (height, width, shown.shape[2]):
        raise TextoError("result", f"has shape {picture.shape}", "correct the method")
    stated = stored_settings.made_with(method)
    _write(folder / PICTURE, picture, job, method, stated)
    written = read_image(folder / PICTURE)
    return {
        "status": "done",
        "reason": None,
        "fit_s": round(max(fitted, 0.0), 4),
        "synthesis_s": round(max(made, 0.0), 4),
        "peak_bytes": peak,
        "scores": _judged(shown, job["columns"], lambda judge: judge.scores(written)),
        "loss": _losses(history.steps or training_steps(model)),
        "settings": {**_settings(method), **stated},
        "versions": versions(job["method"]),
        "threads": threads(),
    }


def _floor(folder: Path, job: Mapping[str, Any]) -> dict[str, Any]:
    return {"scores": _judged(_exemplar(folder), job["columns"], lambda judge: judge.floor())}


def _probe(folder: Path, job: Mapping[str, Any]) -> dict[str, Any]:
    """What can run here: for each entry its settings or why not; the columns; the machine."""
    from .machine import machine

    return {
        "entries": [_probed(entry) for entry in job["entries"]],
        "columns": _columns(job["columns"]),
        "machine": machine(),
    }


def _probed(entry: Mapping[str, Any]) -> dict[str, Any]:
    """`given` settings in their types, the `refusal` of wrong ones, or {}: cells will tell."""
    try:
        given = {**entry["settings"], **_parsed(entry)}
        _method(entry["method"], given)
    except TextoError as error:
        return {"refusal": [error.what, error.why, error.remedy]}
    except Exception:  # it cannot run here, or has a bug
        return {}
    return {"given": given}


def _parsed(entry: Mapping[str, Any]) -> dict[str, Any]:
    from ..core.settings import parse_settings

    return parse_settings(_class(entry["method"]), entry["pairs"]) if entry["pairs"] else {}


def _class(name: str) -> type:
    from ..core import registry

    if name not in registry.names():
        raise Unavailable(f"there is no method {name!r} here")
    return registry.method_class(name)


def _method(name: str, settings: Mapping[str, Any]) -> Method:
    """The method with its settings checked; Unavailable where it says that it cannot run."""
    from ..core.contract import MayBeAbsent
    from ..core.settings import settings_of

    cls = _class(name)
    known = settings_of(cls)
    for key in settings:
        if key not in known:
            raise _unknown_setting(key, name, known)
    method = cls(**{key: known[key].check(value) for key, value in settings.items()})
    reason = method.absent() if isinstance(method, MayBeAbsent) else None
    if reason is not None:
        raise Unavailable(reason)
    return method


def _unknown_setting(key: str, name: str, known: Mapping[str, Any]) -> TextoError:
    import difflib

    near = difflib.get_close_matches(key, known, n=3) or list(known)
    return TextoError(
        f"setting {key!r}", f"is none of {name!r}", f"did you mean {', '.join(near)}?"
    )


def _columns(names: Sequence[str] | None) -> list[Column] | dict[str, Any]:
    """The columns as `Results.columns` has them, or the refusal of an unknown one."""
    from .. import metrics

    try:
        found = metrics.chosen(names)
    except TextoError as error:
        return {"refusal": [error.what, error.why, error.remedy]}
    return [
        {"name": c.name, "help": c.help, "better": c.better, "reason": c.absent()} for c in found
    ]


def _told(error: BaseException) -> tuple[str, str]:
    """The status and the one-line reason of a run that raised `error`."""
    if isinstance(error, Unavailable):
        return "unavailable", one_line(str(error))
    if isinstance(error, ImportError):
        return "unavailable", one_line(f"needs a package that is not here: {error}")
    if isinstance(error, TextoError):
        return "failed", one_line(str(error))
    if isinstance(error, MemoryError):
        return "failed", "needs more memory than there is"
    return "failed", one_line(f"{type(error).__name__}: {error}")


def one_line(text: str) -> str:
    """`text` in one printable line, cut where it is long."""
    line = " ".join(text.split())
    line = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)
    return line if len(line) <= _MAX_REASON else line[: _MAX_REASON - 1] + "…"


def _exemplar(folder: Path) -> np.ndarray:
    import numpy as np

    return np.load(folder / PIXELS, allow_pickle=False)


def _write(
    path: Path,
    picture: np.ndarray,
    job: Mapping[str, Any],
    method: Method,
    stated: Mapping[str, Any],
) -> None:
    """The picture with the record that 'texto synth --from' reads."""
    from .. import __version__
    from ..io.images import write_image

    record = {
        **job["record"],
        **stated,
        "method": job["method"],
        "settings": _settings(method),
        "size": job["shape"][::-1],
        "seed": job["seed"],
        "fit_seed": job["seed"],
        "bits": 8,
        "version": __version__,
    }
    write_image(path, picture, bits=8, text={"texto": json.dumps(record, sort_keys=True)})


def _settings(method: Method) -> dict[str, Any]:
    """All settings; what JSON cannot hold is told in words."""
    from ..io import stored_settings

    values = stored_settings.as_stored(method)
    plain = (bool, int, float, str, type(None))
    return {key: v if isinstance(v, plain) else repr(v) for key, v in values.items()}


def _judged(
    exemplar: np.ndarray,
    columns: Sequence[str],
    judgement: Callable[[Judge], Mapping[str, Score]],
) -> dict[str, ScoreDict]:
    """`judgement` of a Judge for each column; one that breaks does not take the others along."""
    from ..metrics import Judge, Score
    from .results import score_dict

    found = {}
    for name in columns:
        try:
            score = judgement(Judge(exemplar, [name]))[name]
        except Exception as error:  # a column of a third party may raise anything
            score = Score(reason=_told(error)[1])
        found[name] = score_dict(score)
    return found


def _losses(steps: Sequence[Step]) -> list[list[float]] | None:
    """Pairs of iteration and loss, 500 at most, the first and the last among them."""
    import math

    losses = [(s.iteration, s.loss) for s in steps if s.loss is not None]
    found = [[number, float(f"{loss:.6g}")] for number, loss in losses if math.isfinite(loss)]
    if len(found) > _MAX_LOSSES:
        last = len(found) - 1
        found = [found[round(i * last / (_MAX_LOSSES - 1))] for i in range(_MAX_LOSSES)]
    return found or None


def _limit_to(cores: Sequence[int] | None) -> None:
    if cores and hasattr(os, "sched_setaffinity"):
        with contextlib.suppress(OSError):
            os.sched_setaffinity(0, cores)


def _end_with_the_starter(folder: Path) -> None:
    with contextlib.suppress(OSError, ValueError):
        while os.read(sys.stdin.fileno(), 1):
            pass
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(1)
