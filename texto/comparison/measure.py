"""What a run is measured by: peak memory, the time that imports take, versions, threads."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .machine import cores


def peak_bytes() -> int | None:
    """The most memory that this process has held so far; None where the system does not tell."""
    with contextlib.suppress(OSError, StopIteration, ValueError):
        # On Linux ru_maxrss counts what the parent had when it forked.
        lines = Path("/proc/self/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM:")).split()[1]) * 1024
    try:
        import resource
    except ImportError:
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


@dataclass
class ImportClock:
    """The seconds spent on executing modules for the first time, in the main thread."""

    seconds: float = 0.0
    inside: bool = False


@contextlib.contextmanager
def import_clock() -> Iterator[ImportClock]:
    """Counts the time that imports take inside the block: methods import when they need to."""
    from importlib.machinery import SourceFileLoader

    clock, earlier = ImportClock(), SourceFileLoader.exec_module
    thread = threading.current_thread()

    def exec_module(loader: Any, module: Any) -> None:
        if clock.inside or threading.current_thread() is not thread:
            return earlier(loader, module)
        clock.inside, start = True, time.perf_counter()
        try:
            return earlier(loader, module)
        finally:
            clock.inside = False
            clock.seconds += time.perf_counter() - start

    SourceFileLoader.exec_module = exec_module  # type: ignore[method-assign,assignment]  # timed
    try:
        yield clock
    finally:
        SourceFileLoader.exec_module = earlier  # type: ignore[method-assign]  # as it was


def versions(method: str) -> dict[str, str]:
    """Of Python, of the packages in use that decide the result, and of a third party's."""
    import platform
    from importlib.metadata import PackageNotFoundError, entry_points, version

    found = {"python": platform.python_version()}
    packages = {"ot": "pot", "sklearn": "scikit-learn", "skimage": "scikit-image"}
    for module in ("texto", "numpy", "scipy", "ot", "sklearn", "skimage", "faiss", "torch"):
        if module in sys.modules:
            there = getattr(sys.modules[module], "__version__", None)
            with contextlib.suppress(PackageNotFoundError):
                found[packages.get(module, module)] = there or version(module)
    for entry in entry_points(group="texto.methods"):
        if entry.name == method and entry.dist is not None:
            found[entry.dist.name] = entry.dist.version
    return found


def threads() -> int:
    """How many threads the run might use."""
    try:
        return min(len(cores()), int(os.environ["OMP_NUM_THREADS"]))
    except (KeyError, ValueError):
        return len(cores())
