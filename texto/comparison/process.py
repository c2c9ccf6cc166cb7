"""Runs one job in a fresh interpreter: here, or on a worker of a cluster."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .cell import JOB, PICTURE, PIXELS, RESULT, one_line

if TYPE_CHECKING:
    import numpy as np

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_CHILD = "import sys; from texto.comparison.cell import main; main(sys.argv[1])"
_KILL = getattr(signal, "SIGKILL", 9)  # Windows has none
_LOOK = 0.2  # seconds between looks at whether to stop


@dataclass(frozen=True)
class Outcome:
    """What a child left: its `result`, the PNG's bytes; `failure` in one line where it died."""

    result: Mapping[str, Any] | None = None
    picture: bytes | None = None
    failure: str | None = None


class Stopped(Exception):
    """The job was stopped from outside; there is no outcome."""


def execute(
    job: Mapping[str, Any],
    pixels: np.ndarray | None = None,
    stopped: Callable[[], bool] = lambda: False,
) -> Outcome:
    """Run `job` in a process of its own, and wait for it.

    pixels : (H, W, C) float32 in [0, 1], None for a probe. The job's "threads" limits the
    threads of libraries, "cores" names processors to run on, "timeout" is in seconds. Whatever
    becomes of the child, its folder and its own children are gone afterwards. Raises Stopped once
    `stopped()`.
    """
    folder = Path(tempfile.mkdtemp(prefix="texto-cell-"))
    try:
        (folder / JOB).write_text(json.dumps(dict(job)))
        if pixels is not None:
            import numpy as np

            np.save(folder / PIXELS, pixels)
        failure = _waited(_started(folder, job.get("threads")), folder, job, stopped)
        if failure is not None:
            return Outcome(failure=failure)
        picture = folder / PICTURE
        return Outcome(
            json.loads((folder / RESULT).read_bytes()),
            picture.read_bytes() if picture.exists() else None,
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _started(folder: Path, threads: int | None) -> subprocess.Popen:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(_search_path())}
    if threads:
        environment.update(dict.fromkeys(_THREAD_VARIABLES, str(threads)))
    with open(folder / "stderr", "wb") as errors:
        return subprocess.Popen(
            # -P: the current folder is on the path only where it is on ours
            [sys.executable, "-P", "-c", _CHILD, str(folder)],
            stdin=subprocess.PIPE,  # held open: the child ends when this process does
            stdout=subprocess.DEVNULL,
            stderr=errors,
            env=environment,
            start_new_session=True,  # Ctrl-C reaches us only
        )


def _search_path() -> list[str]:
    """Where this process finds modules, so that a child finds the same ones."""
    return list(dict.fromkeys(os.path.abspath(path) for path in sys.path))


def _waited(
    child: subprocess.Popen, folder: Path, job: Mapping[str, Any], stopped: Callable[[], bool]
) -> str | None:
    """Wait for the child; why it left no result, in one line, or None."""
    timeout = job.get("timeout")
    end = None if timeout is None else time.monotonic() + timeout
    try:
        while True:
            if stopped():
                raise Stopped
            if end is not None and time.monotonic() > end:
                return f"took longer than the {timeout:g} s of --timeout"
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(_LOOK)
                break
    finally:
        _end(child)
    if child.returncode == 0 and (folder / RESULT).exists():
        return None
    return _death(child.returncode, folder)


def _end(child: subprocess.Popen) -> None:
    """Kill what is left of the child and of all that it started."""
    with contextlib.suppress(OSError, AttributeError):
        os.killpg(child.pid, _KILL)
    with contextlib.suppress(OSError):
        child.kill()
    child.wait()
    if child.stdin is not None:
        child.stdin.close()


def _death(code: int, folder: Path) -> str:
    if code == -_KILL:
        return "the system killed it (SIGKILL), as it does where memory runs out"
    if code < 0:
        with contextlib.suppress(ValueError):
            return f"its process died of {signal.Signals(-code).name}"
        return f"its process died of signal {-code}"
    lines = (folder / "stderr").read_text(errors="replace").split("\n")
    last = next((line for line in reversed(lines) if line.strip()), "")
    return one_line(f"its process ended with code {code}{': ' + last if last else ''}")
