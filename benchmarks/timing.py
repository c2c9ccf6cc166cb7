"""How every bench measures and prints."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
EXEMPLAR = ROOT / "data" / "woven.png"  # 256 x 256, colour

REPORT = """
import time
from texto.comparison.measure import peak_bytes
start = time.perf_counter()
def report():
    seconds = time.perf_counter() - start
    print(seconds, peak_bytes())
"""


def best(work: Callable[[], object], runs: int = 3) -> float:
    """The shortest of `runs` times of `work`, in seconds."""
    return min(once(work) for _ in range(runs))


def once(work: Callable[[], object]) -> float:
    """The time of `work`, in seconds."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def line(what: str, seconds: float, note: str = "") -> None:
    """One row of a table."""
    print(f"  {what:<44} {seconds:8.3f} s   {note}", flush=True)


def apart(script: str, *arguments: object) -> tuple[float, float]:
    """Seconds and peak memory in gigabytes of `script` in a process of its own.

    The script may set `start` anew, and calls `report()` at its end.
    """
    command = [sys.executable, "-c", REPORT + script + "\nreport()", *map(str, arguments)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    seconds, size = map(float, done.stdout.split())
    return seconds, size / 1e9
