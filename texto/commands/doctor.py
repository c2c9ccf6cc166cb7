"""`texto doctor`: is everything there that texto needs?"""

from __future__ import annotations

import contextlib
import importlib
import os
import platform
import re
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from .. import __version__
from .console import one_line, say, say_json
from .options import Options

# module -> distribution and the oldest version that works, as in setup.cfg
_REQUIRED = {
    "numpy": ("numpy", "1.26"),
    "scipy": ("scipy", "1.11"),
    "sklearn": ("scikit-learn", "1.4"),
    "skimage": ("scikit-image", "0.22"),
    "ot": ("pot", "0.9.7"),
    "PIL": ("pillow", "10.2"),
    "tifffile": ("tifffile", "2024.1"),
    "imagecodecs": ("imagecodecs", "2024.1"),
    "safetensors": ("safetensors", "0.4.3"),
    "msgspec": ("msgspec", "0.18"),
    "numba": ("numba", "0.60"),
    "threadpoolctl": ("threadpoolctl", "3.2"),
    "tqdm": ("tqdm", "4.66"),
    "matplotlib": ("matplotlib", "3.8"),
    "OpenEXR": ("OpenEXR", "3.5"),
}
_FAISS = ("faiss-cpu", "faiss-gpu")
_PATIENCE = 10  # seconds for nvidia-smi


@dataclass(frozen=True)
class Finding:
    """One line of the report; `broken` if texto cannot work so."""

    name: str
    value: str
    broken: bool = False


def run(options: Options) -> int:
    """Print the findings; 2 if something required is broken."""
    findings = examine()
    if options.json:
        say_json([asdict(finding) for finding in findings])
    else:
        width = max(len(finding.name) for finding in findings)
        for finding in findings:
            mark = "BROKEN " if finding.broken else ""
            say(f"{finding.name:{width}}  {mark}{one_line(finding.value)}")
    broken = [finding.name for finding in findings if finding.broken]
    if broken:
        from ..core.errors import TextoError

        raise TextoError("installation", f"broken: {', '.join(broken)}", "install texto again")
    return 0


def examine() -> list[Finding]:
    """All findings. Cost: imports every required library, a few seconds at most."""
    return [
        Finding("texto", __version__),
        Finding("python", f"{platform.python_version()} ({sys.executable})", _old_python()),
        Finding("system", platform.platform()),
        *(_library(module, *needed) for module, needed in _REQUIRED.items()),
        _faiss(),
        Finding("torch", _version("torch") or "not installed; only neural methods need it"),
        Finding("gpu", _gpu()),
        Finding("threads", _threads()),
        _folder("current folder", Path()),
        _folder("temporary folder", Path(tempfile.gettempdir())),
    ]


def _old_python() -> bool:
    return sys.version_info < (3, 11)


def _library(module: str, distribution: str, oldest: str) -> Finding:
    version = _version(distribution)
    if version is None and find_spec(module) is None:
        return Finding(distribution, "not installed", broken=True)
    if version and _numbers(version) < _numbers(oldest):
        return Finding(distribution, f"{version} is older than {oldest}", broken=True)
    # ot imports torch where it is installed, which takes many seconds
    if module != "ot" or find_spec("torch") is None:
        try:
            importlib.import_module(module)
        except Exception as error:  # whatever a broken library does
            return Finding(distribution, f"{version}: {type(error).__name__}: {error}", broken=True)
    return Finding(distribution, version or "unknown version")


def _faiss() -> Finding:
    installed = [f"{name} {_version(name)}" for name in _FAISS if _version(name)]
    if installed:
        return Finding("faiss", ", ".join(installed))
    if find_spec("faiss") is not None:
        return Finding("faiss", "installed, unknown version")
    return Finding("faiss", "not installed; only searches on a GPU need it")


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _numbers(version: str) -> tuple[int, ...]:
    """The leading numbers of a version: 0.9.7.post1 -> (0, 9, 7)."""
    leading = re.match(r"\d+(\.\d+)*", version)
    return tuple(map(int, leading[0].split("."))) if leading else ()


def _gpu() -> str:
    if sys.platform == "darwin" and platform.machine() == "arm64":
        return "Apple (mps)"
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        listed = subprocess.run(
            ["nvidia-smi", "-L"], capture_output=True, text=True, timeout=_PATIENCE, check=True
        )
        return "; ".join(re.sub(r" \(UUID.*", "", line) for line in listed.stdout.splitlines())
    return "none seen"


def _threads() -> str:
    usable = os.cpu_count()
    if hasattr(os, "sched_getaffinity"):
        usable = len(os.sched_getaffinity(0))
    asked = os.environ.get("OMP_NUM_THREADS")
    return f"{usable} of {os.cpu_count()} processors" + (f", OMP_NUM_THREADS={asked}" * bool(asked))


def _folder(name: str, folder: Path) -> Finding:
    try:
        with tempfile.TemporaryFile(dir=folder):
            return Finding(name, f"{folder.absolute()} is writable")
    except OSError as error:
        return Finding(name, f"{folder.absolute()}: {error.strerror or error}")
