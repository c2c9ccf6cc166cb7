"""Ctrl-C and SIGTERM as one exception, so that every `finally` runs before the program ends."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator

_CAUGHT = (signal.SIGINT, signal.SIGTERM)
_CALM_SECONDS = 2.0  # a second signal within this time must not disturb the cleaning up


class Interrupted(KeyboardInterrupt):
    """The user or the system asked to stop; `code` is the exit code, `advice` how to go on."""

    def __init__(self, number: int):
        super().__init__(number)
        self.code = 128 + number
        self.advice = ""


@contextlib.contextmanager
def raising(*, restore: bool) -> Iterator[None]:
    """Raise `Interrupted` on SIGINT and SIGTERM inside the block.

    `restore` puts the earlier handlers back at the end; a program about to exit leaves these, so
    that a second Ctrl-C cannot break into the interpreter's own shutdown. A signal that was
    ignored before (`nohup`, `&` in a script) stays ignored.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handle = _Handler()
    earlier = {}
    for number in _CAUGHT:
        if signal.getsignal(number) is not signal.SIG_IGN:
            earlier[number] = signal.signal(number, handle)
    try:
        yield
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler if restore else signal.SIG_IGN)


class _Handler:
    def __init__(self):
        self.first: float | None = None

    def __call__(self, number: int, frame: object) -> None:
        now = time.monotonic()
        if self.first is not None and now - self.first < _CALM_SECONDS:
            return
        self.first = now
        raise Interrupted(number)
