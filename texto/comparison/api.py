"""`texto.compare`: a comparison from Python."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.errors import TextoError
from . import asked as asking
from . import running
from .exemplars import Opened, Wanted, named, open_exemplars
from .results import Results

if TYPE_CHECKING:
    import numpy as np

    from ..core.contract import Method

    Named = str | Method | asking.Asked


def compare(
    exemplars: Sequence[str | os.PathLike] | Mapping[str, np.ndarray],
    methods: str | Sequence[Named] | Mapping[str, Named] = asking.ALL,
    *,
    seeds: int | Sequence[int] = 3,
    shape: Wanted = None,
    columns: Sequence[str] | None = None,
    folder: str | os.PathLike | None = None,
    title: str | None = None,
    jobs: int = 1,
    timeout: float | None = None,
    scheduler: str | None = None,
    deterministic: bool = False,
    force: bool = False,
    told: running.Told = running.ignored,
) -> Results:
    """Every method on every exemplar and seed: times, memory, scores, pictures, a report.

    exemplars : paths of pictures, or arrays (H, W, C) float32 in [0, 1] by name. methods : "all",
    or registered names and method instances, `[texto.Kwatra(), "gaussian"]`; for two settings of
    one method give {label: instance}. seeds : how many, from 0 on, or which. shape : (height,
    width) of the results, a multiple of the exemplar's, or None for each exemplar's own.
    columns : names of `texto.metrics.columns()`; all where None.

    Each run has a process of its own, a fresh interpreter, so that its peak memory is its own;
    times are of fit and synthesis without imports. They are comparable with `jobs=1` only: more
    at a time share processors and memory bandwidth. `scheduler` is the address of a Dask
    scheduler that runs them instead. `told(cell, number, total)` hears of each cell.

    Everything is kept in `folder` (default: compare_NAME in the current one). A comparison that
    was interrupted continues there when it is asked for again; TextoError if it is another,
    unless `force` starts anew. A method that fails has its reason in its cells, and the rest goes
    on. Raises TextoError, with the folder as it was, for wrong arguments.
    """
    opened = named(exemplars) if isinstance(exemplars, Mapping) else open_exemplars(exemplars)
    comparison = running.prepare(
        opened,
        _entries(methods),
        folder=Path(folder) if folder is not None else Path(default_folder(opened)),
        seeds=running.check_seeds(range(seeds) if isinstance(seeds, int) else seeds),
        wanted=_checked_shape(shape),
        columns=columns,
        title=title,
        engine=running.Engine(jobs, scheduler, timeout),
        deterministic=deterministic,
        force=force,
    )
    try:
        comparison.run(told)
    finally:
        results = running.finish(comparison)
    return results


def default_folder(opened: Sequence[Opened]) -> str:
    """compare_NAME, or compare_NAME_and_N for N more exemplars."""
    if not opened:
        raise TextoError("exemplars", "there are none", "give at least one picture")
    more = f"_and_{len(opened) - 1}" if len(opened) > 1 else ""
    return f"compare_{opened[0].name}{more}"


def _entries(methods: str | Sequence[Named] | Mapping[str, Named]) -> list[asking.Asked]:
    if isinstance(methods, str):
        return asking.by_names(methods)
    if isinstance(methods, Mapping):
        pairs = [(label, _entry(method)) for label, method in methods.items()]
        return asking.checked([asking.relabelled(entry, label) for label, entry in pairs])
    return asking.checked([_entry(method) for method in methods])


def _entry(method: Named) -> asking.Asked:
    if isinstance(method, asking.Asked):
        return method
    return asking.by_names([method])[0] if isinstance(method, str) else asking.of_instance(method)


def _checked_shape(shape: Wanted) -> Wanted:
    if shape is None or (isinstance(shape, int | float) and shape > 0):
        return shape
    try:
        height, width = shape  # type: ignore[misc]  # whatever it is, it is told below
        if min(height, width) > 0 and int(height) == height and int(width) == width:
            return int(height), int(width)
    except (TypeError, ValueError):
        pass
    raise TextoError("shape", f"is {shape!r}", "give (height, width), a multiple or None")
