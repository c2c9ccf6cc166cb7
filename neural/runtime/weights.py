"""Trained weights: where their files are, and how to get them. Imports no torch.

They are looked for in this order: the file or folder that the caller names; the files and
folders in the environment's `TEXTO_WEIGHTS`, separated as in PATH; torch's cache, which is
`$TORCH_HOME/hub/checkpoints`. Nothing is downloaded unless `download` is called.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import struct
import sys
import urllib.error
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from http.client import HTTPException
from pathlib import Path
from typing import NoReturn

from texto.core.errors import TextoError
from texto.core.types import Progress, Step, silent
from texto.io.files import check_writable, replacing

from .networks import NETWORKS, Network

VARIABLE = "TEXTO_WEIGHTS"
RANDOM = "random"
SUFFIXES = (".pth", ".pt", ".safetensors")
_BLOCK = 2**20  # bytes read at a time
_PATIENCE = 30  # seconds without an answer
_MAX_HEADER = 100 * 2**20  # bytes, as in the safetensors library


@dataclass(frozen=True)
class Weights:
    """Weights of `network`: a file, or none for random ones; `origin` tells where it was found."""

    network: Network
    path: Path | None
    origin: str

    @property
    def name(self) -> str:
        """What results made with them should state."""
        return RANDOM if self.path is None else self.path.name

    @property
    def file(self) -> Path:
        """`path`, of weights that are not random."""
        if self.path is None:
            raise ValueError("random weights have no file")
        return self.path

    @property
    def title(self) -> str:
        """What errors about them are about."""
        return f"weights {str(self.path)!r}" if self.path else "weights"

    @property
    def checksum(self) -> str | None:
        """The SHA-256 (hex) of the file. Cost: reads it, once unless it changes."""
        return None if self.path is None else _checksum(self.path, self.path.stat().st_mtime_ns)

    @property
    def altered(self) -> bool:
        """Whether the file's name ends in a checksum, as torchvision's do, and it has another."""
        if self.path is None or self.path.name != self.network.file_name:
            return False
        expected = self.path.stem.rpartition("-")[2]
        return self.network.hashed and not (self.checksum or "").startswith(expected)


def network(name: str) -> Network:
    """The network called `name`; TextoError if there is none."""
    if name not in NETWORKS:
        raise TextoError(f"network {name!r}", "is not known", f"use {', '.join(NETWORKS)}")
    return NETWORKS[name]


def find(name: str, given: str | os.PathLike | None = None) -> Weights:
    """The weights of the network called `name`.

    `given` is a file, which is taken whatever it is called; a folder with one; "random" for no
    file, which must be asked for; or None. In folders a file counts whose name begins like
    torchvision's and ends in .pth, .pt or .safetensors: torchvision's own first, then in
    alphabetical order. TextoError where there is none, or where a named place does not exist.
    """
    wanted = network(name)
    if given is not None and os.fspath(given) == RANDOM:
        return Weights(wanted, None, "asked for")
    if given is not None:
        path = _in_place(wanted, Path(given), "weights", any_name=True)
        if path is None:
            raise TextoError(
                f"weights {str(given)!r}",
                f"is a folder without a file for {wanted.title}",
                f"name the file, or call it {wanted.file_name}",
            )
        return Weights(wanted, path, "given")
    return _from_environment(wanted) or _from_cache(wanted) or _nowhere(wanted)


def cache_folder() -> Path:
    """Torch's folder for weights, which need not exist."""
    torch = sys.modules.get("torch")
    if torch is not None:
        return Path(torch.hub.get_dir()) / "checkpoints"
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join("~", ".cache")
    home = os.environ.get("TORCH_HOME") or os.path.join(cache, "torch")
    return Path(os.path.expanduser(home)) / "hub" / "checkpoints"


def tensor_names(path: Path) -> list[str] | None:
    """The names of the tensors in a .safetensors file; None for other files, or a broken one.

    Cost: reads the header only.
    """
    if path.suffix.lower() != ".safetensors":
        return None
    try:
        with open(path, "rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            header = json.loads(file.read(length)) if length <= _MAX_HEADER else None
    except (OSError, ValueError, struct.error, RecursionError):
        return None
    return [name for name in header if name != "__metadata__"] if type(header) is dict else None


def lacking(of: Network, names: Iterable[str]) -> str | None:
    """The first layer of which `names` holds no tensor."""
    held = list(names)
    for layer, prefix in of.layers.items():
        if not any(name.startswith(prefix) for name in held):
            return layer
    return None


@lru_cache(maxsize=16)
def _checksum(path: Path, changed: int) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def download(name: str, *, progress: Progress = silent) -> Path:
    """The file with the weights of the network called `name`, fetched into torch's cache.

    A file that is there already is left alone. TextoError without network, or where what comes
    is cut or has another checksum; then nothing is left behind.
    """
    wanted = network(name)
    target = cache_folder() / wanted.file_name
    if target.is_file():
        return target
    try:
        with urllib.request.urlopen(wanted.url, timeout=_PATIENCE) as answer:
            _make_folder(target.parent)
            check_writable(target)
            _store(answer, target, wanted, progress)
    except (urllib.error.URLError, HTTPException, TimeoutError, ConnectionError) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        raise TextoError(
            f"cannot download {wanted.url}",
            str(reason) or type(error).__name__,
            f"fetch it elsewhere and put it into {str(target.parent)!r}, or name its folder "
            f"in {VARIABLE}",
        ) from error
    return target


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TextoError(
            f"folder {str(folder)!r}", error.strerror or str(error), "set TORCH_HOME to another"
        ) from error


def _store(answer, target: Path, wanted: Network, progress: Progress) -> None:
    """Write the body of `answer` to `target`, whole and checked or not at all."""
    length = int(answer.headers.get("Content-Length") or 0)
    digest, done = hashlib.sha256(), 0
    blocks = -(-length // _BLOCK)
    with replacing(target) as file:
        while block := answer.read(_BLOCK):
            file.write(block)
            digest.update(block)
            done += len(block)
            if blocks:
                progress(Step("download", 0, min(-(-done // _BLOCK), blocks), blocks))
        expected = target.stem.rpartition("-")[2]
        cut = bool(length) and done != length
        if cut or (wanted.hashed and not digest.hexdigest().startswith(expected)):
            raise TextoError(
                f"download of {wanted.url}",
                f"ended after {done} of {length} bytes" if cut else "has another checksum",
                "try again",
            )


def _from_environment(wanted: Network) -> Weights | None:
    for entry in filter(None, os.environ.get(VARIABLE, "").split(os.pathsep)):
        path = _in_place(wanted, Path(entry), VARIABLE)
        if path is not None:
            return Weights(wanted, path, VARIABLE)
    return None


def _from_cache(wanted: Network) -> Weights | None:
    path = cache_folder() / wanted.file_name
    return Weights(wanted, path, "torch's cache") if path.is_file() else None


def _nowhere(wanted: Network) -> NoReturn:
    raise TextoError(
        f"the weights of {wanted.title}",
        "are not here",
        f"run 'texto weights download {wanted.name}', or name their folder in {VARIABLE}",
    )


def _in_place(wanted: Network, place: Path, what: str, *, any_name: bool = False) -> Path | None:
    """The weights at `place`, a file or a folder; None where it holds none of this network."""
    try:
        place = place.expanduser()
        place.stat()
    except (FileNotFoundError, NotADirectoryError):
        pass  # told below
    except (OSError, ValueError, RuntimeError) as error:  # a name too long, a NUL, no such user
        why = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise TextoError(f"{what} {str(place)!r}", why, "name a file of weights") from error
    if place.is_dir():
        names = sorted(each.name for each in place.iterdir() if _fits(wanted, each))
        names.sort(key=lambda name: name != wanted.file_name)  # stable: torchvision's first
        return place / names[0] if names else None
    if place.is_file():
        return place if any_name or _fits(wanted, place) else None
    is_other = place.exists()
    raise TextoError(
        f"{what} {str(place)!r}",
        "is neither a file nor a folder" if is_other else "does not exist",
        "name a file of weights, or a folder with such files",
    )


def _fits(wanted: Network, path: Path) -> bool:
    named = re.match(wanted.pattern, path.name) and path.suffix.lower() in SUFFIXES
    return bool(named) and path.is_file()
