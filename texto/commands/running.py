"""What the commands that compute have in common: threads, seeds, times."""

from __future__ import annotations

import argparse
import contextlib
import os
import secrets
import time
from collections.abc import Iterator
from importlib import import_module

from ..core.errors import TextoError
from .console import complain
from .options.common import MAX_SEED

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def chosen_seed(options: argparse.Namespace, count: int = 1) -> int:
    """The first of `count` consecutive seeds: as given, or drawn."""
    if options.seed is None:
        return secrets.randbelow(MAX_SEED - count + 2)
    if options.seed + count - 1 > MAX_SEED:
        raise TextoError(
            "--seed",
            f"{options.seed} + {count - 1} is above {MAX_SEED}",
            "choose a smaller seed, or fewer pictures",
        )
    return options.seed


def tell_seed(options: argparse.Namespace, seed: int) -> None:
    """Tell on stderr which seed was drawn, if it was."""
    if options.seed is None and not options.quiet:
        complain(f"texto: seed {seed}")


@contextlib.contextmanager
def told_time(what: str, options: argparse.Namespace) -> Iterator[None]:
    """Tell on stderr how long the block took, with `-v`."""
    start = time.perf_counter()
    yield
    if options.verbose:
        complain(f"texto: {what}: {time.perf_counter() - start:.2f} s")


@contextlib.contextmanager
def threads(*, deterministic: bool) -> Iterator[None]:
    """One thread inside the block if `deterministic`: sums then do not depend on their number."""
    if not deterministic:
        yield
        return
    for name in ("numpy", "scipy.linalg", "sklearn.mixture"):  # only loaded pools can be limited
        import_module(name)
    from threadpoolctl import threadpool_limits

    earlier = {name: os.environ.get(name) for name in _THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(_THREAD_VARIABLES, "1"))  # for libraries loaded later
    try:
        with threadpool_limits(1):
            yield
    finally:
        for name, value in earlier.items():
            if value is None:
                os.environ.pop(name)
            else:
                os.environ[name] = value
