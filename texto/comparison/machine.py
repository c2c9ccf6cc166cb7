"""The machine that a comparison runs on."""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import subprocess
from pathlib import Path
from typing import TypedDict


class Machine(TypedDict):
    """How many processors there are, their name, and that of the graphics card."""

    cores: int
    cpu: str
    gpu: str | None


def cores() -> list[int]:
    """The processors that this process may use."""
    try:
        return sorted(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS or Windows
        return list(range(os.cpu_count() or 1))


def machine() -> Machine:
    """The machine that this process runs on."""
    return {"cores": len(cores()), "cpu": _cpu(), "gpu": _gpu()}


def _cpu() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine() or "unknown"


def _gpu() -> str | None:
    command = shutil.which("nvidia-smi")
    if command is None:
        return None
    query = [command, "--query-gpu=name", "--format=csv,noheader"]
    try:
        done = subprocess.run(query, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    names = done.stdout.split("\n")
    return names[0].strip() or None if done.returncode == 0 else None
