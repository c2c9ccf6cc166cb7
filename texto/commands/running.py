"""What the commands that compute have in common: threads, seeds, times."""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module

from ..core.errors import TextoError
from .console import complain
from .options import Options
from .options.common import MAX_SEED

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class Seeds:
    """`count` consecutive seeds from `first` on, which was `drawn` or given."""

    first: int
    count: int = 1
    drawn: bool = False

    @classmethod
    def chosen(cls, given: int | None, count: int = 1) -> Seeds:
        """From the `given` one on, or from a drawn one."""
        if given is None:
            return cls(secrets.randbelow(MAX_SEED - count + 2), count, drawn=True)
        if given + count - 1 > MAX_SEED:
            raise TextoError(
                "--seed",
                f"{given} + {count - 1} is above {MAX_SEED}",
                "choose a smaller seed, or fewer pictures",
            )
        return cls(given, count)

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.first, self.first + self.count))

    def tell(self, *, quiet: bool) -> None:
        """Tell on stderr which seed was drawn, if it was."""
        if self.drawn and not quiet:
            complain(f"texto: seed {self.first}")


@contextlib.contextmanager
def told_time(what: str, options: Options) -> Iterator[None]:
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
