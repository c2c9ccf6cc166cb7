"""How much memory there is."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

FALLBACK = 16 * 2**30  # bytes, where the system does not tell


def available() -> int:
    """Bytes of memory that this process may still take."""
    limits = [_system_memory()]
    try:
        import resource
    except ImportError:
        pass
    else:
        soft, _ = resource.getrlimit(resource.RLIMIT_AS)
        if soft != resource.RLIM_INFINITY:
            limits.append(soft)
    with contextlib.suppress(OSError, ValueError):  # no such file, or "max" in it
        limits.append(int(Path("/sys/fs/cgroup/memory.max").read_text()))
    return min(limits)


def _system_memory() -> int:
    # sysconf's free pages leave out the disk cache, which the system gives up when asked.
    with contextlib.suppress(OSError):
        text = Path("/proc/meminfo").read_text()
        found = re.search(r"^MemAvailable: *(\d+) kB", text, re.MULTILINE)
        if found:
            return int(found[1]) * 1024
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return FALLBACK
