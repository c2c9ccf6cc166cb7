"""The table of scores: what each is called, means and needs, and where it can run."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Literal

import numpy as np

from ..core.errors import TextoError
from .sources import SIZE, Copied, Originality
from .stationary import BINS, SMALLEST_SIDE, Autocorrelation, Spectrum
from .transport_scores import N_LEVELS, SLICED_SIZE, PatchTransport, SlicedTransport

# Of (result (H, W, C), generator, number of draws), the score of each draw, (k,): k is 1 where
# nothing is drawn. TextoError for a result that it cannot score.
Measure = Callable[[np.ndarray, np.random.Generator, int], np.ndarray]


def _anywhere() -> None:
    """No reason why not."""
    return None


@dataclass(frozen=True, eq=False)
class Column:
    """One score.

    `prepare` takes an exemplar (H, W, C) float32 in [0, 1] and gives the measure of results
    against it, so that what depends on the exemplar only is computed once; it raises TextoError
    for an exemplar that it cannot use. `absent` gives the reason why the score cannot run here,
    or None, and must be quick. `smallest` is the shortest side of a picture, in pixels; `drawn`
    tells whether chance has a part in it, `whole` whether it counts something.
    """

    name: str
    help: str
    prepare: Callable[[np.ndarray], Measure]
    better: Literal["lower", "higher"] = "lower"
    smallest: int = 1
    drawn: bool = False
    whole: bool = False
    absent: Callable[[], str | None] = _anywhere


_OURS = (
    Column(
        "patch_ot",
        "exact transport cost between 4 x 4 patches, the mean over 4 scales",
        partial(PatchTransport.of, size=4),
        smallest=4 << (N_LEVELS - 1),
        drawn=True,
    ),
    Column(
        "patch_ot_8",
        "the same of 8 x 8 patches, on the same scale",
        partial(PatchTransport.of, size=8),
        smallest=8 << (N_LEVELS - 1),
        drawn=True,
    ),
    Column(
        "sliced_w",
        "squared sliced Wasserstein distance of 16 x 16 patches, on the same scale",
        SlicedTransport.of,
        smallest=SLICED_SIZE,
        drawn=True,
    ),
    Column(
        "spectrum",
        "mean difference of the logarithms of the radial power spectra: sees blur and noise",
        Spectrum.of,
        smallest=2 * BINS,
    ),
    Column(
        "autocorrelation",
        "root mean squared difference of the autocorrelations: sees spacing and direction",
        Autocorrelation.of,
        smallest=SMALLEST_SIDE,
    ),
    Column(
        "originality",
        "share of neighbouring 8 x 8 patches whose sources are not neighbours",
        Originality.of,
        better="higher",
        smallest=SIZE + 1,
    ),
    Column(
        "copied",
        "pixels of the largest area copied as it is; 4096 is 64 x 64",
        Copied.of,
        smallest=SIZE,
        whole=True,
    ),
)

NETWORK_FREE = tuple(column.name for column in _OURS)

# Packages with a dict COLUMNS of more scores, with the extra that brings them and their names
# where they cannot be asked. Such a module must be light to import: what is heavy it imports
# in `prepare`, and says in `absent` what is missing.
_OTHERS = {
    "neural.metrics": (
        "neural",
        {
            "gram": "difference of the Gram matrices of VGG-19 features",
            "gram3": "the same of the first three layers only",
            "sifid64": "Frechet distance of Inception features before the first pooling",
            "sifid192": "Frechet distance of Inception features before the second pooling",
        },
    ),
}


def columns() -> dict[str, Column]:
    """All scores by name: those that need no network first, those that cannot run here too.

    Ask `column.absent()` for the reason why one cannot.
    """
    found = {column.name: column for column in _OURS}
    for module, (extra, helps) in _OTHERS.items():
        try:
            there = find_spec(module.partition(".")[0]) and find_spec(module)
            offered = import_module(module).COLUMNS if there else {}
            reason = f"needs the extra {extra!r}"
        except ImportError as error:
            offered, reason = {}, f"needs the extra {extra!r} ({error})"
        for name, help in helps.items():
            found.setdefault(name, offered.get(name) or _missing(name, help, reason))
        for name, column in offered.items():
            found.setdefault(name, column)
    return found


def chosen(names: Iterable[str | Column] | None) -> list[Column]:
    """The columns with these names, all for None; TextoError for one that is not known.

    A `Column` among them is taken as it is.
    """
    known = columns()
    if names is None:
        return list(known.values())
    picked: dict[str, Column] = {}
    for name in names:
        column = name if isinstance(name, Column) else _named(name, known)
        picked.setdefault(column.name, column)
    if not picked:
        raise TextoError("columns", "there are none", f"choose from {', '.join(known)}")
    return list(picked.values())


def _named(name: str, known: Mapping[str, Column]) -> Column:
    if name not in known:
        near = difflib.get_close_matches(name, known, n=3)
        remedy = f"did you mean {', '.join(near)}?" if near else f"use {', '.join(known)}"
        raise TextoError(f"column {name!r}", "is not known", remedy)
    return known[name]


def best(column: Column, values: Sequence[float | None]) -> list[int]:
    """The numbers of the best among `values`, all that are equally good; none of None."""
    there = [value for value in values if value is not None]
    if not there:
        return []
    top = min(there) if column.better == "lower" else max(there)
    return [number for number, value in enumerate(values) if value == top]


def _missing(name: str, help: str, reason: str) -> Column:
    def prepare(exemplar: np.ndarray) -> Measure:
        raise TextoError(f"score {name!r}", reason, "install it")

    return Column(name, help, prepare, absent=lambda: reason)
