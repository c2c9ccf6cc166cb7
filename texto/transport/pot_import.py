"""POT without the libraries that it would load beside itself.

Where torch is installed, POT imports it: seconds and 500 MB that plans of arrays have no use for. A
process of our own can do without; in a user's process POT comes whole.
"""

from __future__ import annotations

import os
import sys
from types import ModuleType

_SWITCHES = [f"POT_BACKEND_DISABLE_{name}" for name in ("PYTORCH", "JAX", "CUPY", "TENSORFLOW")]
_bare = False


def keep_out() -> None:
    """From now on, POT is imported bare in this process, unless torch is there already."""
    global _bare
    _bare = True


def pot() -> ModuleType:
    """The package `ot`. Nothing is left in the environment for child processes."""
    added = [] if not _bare or "torch" in sys.modules else _SWITCHES
    added = [name for name in added if name not in os.environ]
    os.environ.update(dict.fromkeys(added, "1"))
    try:
        import ot
    finally:
        for name in added:
            del os.environ[name]
    return ot
