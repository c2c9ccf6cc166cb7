"""Opening files that are files, and writing so that a reader sees the old or the whole new one."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from ..core.errors import TextoError

_MARK = ".texto-tmp-"
_STALE_SECONDS = 3600


class Refused(Exception):
    """Why a file is no good, and what to do about it; who opens it names it."""

    def __init__(self, why: str, remedy: str = "fit it again"):
        super().__init__(why, remedy)
        self.why, self.remedy = why, remedy


@contextlib.contextmanager
def opened(path: str | os.PathLike, kind: str = "model file") -> Iterator[tuple[BinaryIO, int]]:
    """The regular file at `path`, open to read, and its size in bytes. Never waits on a FIFO.

    Refused where it cannot be opened, or read inside the block. `kind` : what to ask for.
    """
    try:
        with os.fdopen(_handle(path, kind), "rb") as file:
            yield file, os.fstat(file.fileno()).st_size
    except OSError as error:
        why = f"cannot be read: {error.strerror or 'unknown error'}"
        raise Refused(why, "check the path and the disk") from error


def _handle(path: str | os.PathLike, kind: str) -> int:
    """A descriptor of the regular file `path`; folders, pipes and devices are refused at once."""
    flags = os.O_RDONLY
    for name in ("O_NONBLOCK", "O_NOCTTY", "O_CLOEXEC", "O_BINARY"):
        flags |= getattr(os, name, 0)  # non-blocking: opening a pipe would wait for its writer
    try:
        handle = os.open(path, flags)
    except ValueError as error:  # a NUL in the name
        raise Refused("is no possible file name", "check the path") from error
    mode = os.fstat(handle).st_mode
    if stat.S_ISREG(mode):
        return handle
    os.close(handle)
    found = "a folder" if stat.S_ISDIR(mode) else "not a regular file"
    raise Refused(f"is {found}", f"give a {kind}")


@contextlib.contextmanager
def replacing(path: str | os.PathLike) -> Iterator[BinaryIO]:
    """A binary file that takes the place of `path` when the block ends without an error.

    The data goes to a temporary file in the same folder, is flushed to the disk and moved into
    place with `os.replace`, so an interruption at any moment leaves the old file untouched.
    A symbolic link is followed, and an old file's permissions stay. Raises TextoError where the
    folder or the disk refuses.
    """
    target = Path(os.path.realpath(path))
    temporary = target.parent / f"{_MARK}{os.getpid()}-{secrets.token_hex(4)}"
    remove_stale(target.parent)
    try:
        with open(temporary, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(OSError):
            os.chmod(temporary, stat.S_IMODE(os.stat(target).st_mode))
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


def check_writable(path: str | os.PathLike, *, force: bool = False, option: str = "output") -> None:
    """Raise TextoError at once where `path` could not be written later.

    Refused: a missing or read-only folder, a folder in the file's place, links that lead nowhere
    but to each other, and an existing file unless `force`. `option` : what named the file.
    """
    target = Path(os.path.realpath(path))
    what = f"{option} {str(path)!r}"
    if os.path.islink(target):  # still one, with all links followed
        raise TextoError(what, "is a link in a loop of links", "remove it, or choose another name")
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


def remove_stale(folder: Path) -> None:
    """Remove temporary files whose writer was killed: dead process, or older than an hour."""
    with contextlib.suppress(OSError):
        for left in folder.glob(f"{_MARK}*"):
            with contextlib.suppress(OSError, ValueError):
                writer = int(left.name[len(_MARK) :].split("-")[0])
                if not _alive(writer) or time.time() - left.stat().st_mtime > _STALE_SECONDS:
                    left.unlink()


def _alive(process: int) -> bool:
    """Whether the process runs; asked in a way that touches it on no system."""
    if os.name == "nt":
        return _alive_on_windows(process)
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _alive_on_windows(process: int) -> bool:
    """`os.kill` would end the process there, whatever the signal."""
    import ctypes

    kernel = getattr(ctypes, "windll").kernel32  # noqa: B009, elsewhere there is none
    handle = kernel.OpenProcess(0x1000, False, process)  # to ask about it, no more
    if not handle:
        return bool(kernel.GetLastError() == 5)  # it is there, and somebody else's
    code = ctypes.c_ulong()
    kernel.GetExitCodeProcess(handle, ctypes.byref(code))
    kernel.CloseHandle(handle)
    return code.value == 259  # still active
