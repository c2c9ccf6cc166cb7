"""Writing files so that a reader only ever sees the old file or the whole new one."""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from ..core.errors import TextoError

_MARK = ".texto-tmp-"
_STALE_SECONDS = 3600


@contextlib.contextmanager
def replacing(path: str | os.PathLike) -> Iterator[BinaryIO]:
    """A binary file that takes the place of `path` when the block ends without an error.

    The data goes to a temporary file in the same folder, is flushed to the disk and moved into
    place with `os.replace`, so an interruption at any moment leaves the old file untouched.
    A symbolic link is followed. Raises TextoError where the folder or the disk refuses.
    """
    target = Path(os.path.realpath(path))
    temporary = target.parent / f"{_MARK}{os.getpid()}-{secrets.token_hex(4)}"
    _remove_stale(target.parent)
    try:
        with open(temporary, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
        _sync_folder(target.parent)
    except OSError as error:
        raise TextoError(
            f"cannot write {str(path)!r}",
            error.strerror or str(error),
            "choose another place or free some space",
        ) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def check_writable(path: str | os.PathLike, *, force: bool = False) -> None:
    """Raise TextoError at once where `path` could not be written later.

    Refused: a missing or read-only folder, a folder in the file's place, and an existing file
    unless `force`.
    """
    target = Path(os.path.realpath(path))
    what = f"output {str(path)!r}"
    if not os.path.isdir(target.parent):
        raise TextoError(what, "its folder does not exist", "create the folder first")
    if os.path.isdir(target):
        raise TextoError(what, "is a folder", "name a file in it")
    if os.path.exists(target) and not os.path.isfile(target):
        raise TextoError(what, "is not a regular file", "choose another name")
    if os.path.exists(target) and not force:
        raise TextoError(what, "exists already", "use --force to replace it")
    if len(os.fsencode(target.name)) > 255:
        raise TextoError(what, "the name is longer than 255 bytes", "choose a shorter name")
    if not os.access(target.parent, os.W_OK | os.X_OK):
        raise TextoError(what, "its folder is read-only", "choose another folder")


def _sync_folder(folder: Path) -> None:
    with contextlib.suppress(OSError):  # not every file system can sync a folder
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _remove_stale(folder: Path) -> None:
    """Remove temporary files whose writer was killed: dead process, or older than an hour."""
    with contextlib.suppress(OSError):
        for left in folder.glob(f"{_MARK}*"):
            with contextlib.suppress(OSError, ValueError):
                writer = int(left.name[len(_MARK) :].split("-")[0])
                if not _alive(writer) or time.time() - left.stat().st_mtime > _STALE_SECONDS:
                    left.unlink()


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
