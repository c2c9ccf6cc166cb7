"""What the commands say: results on stdout, everything else on stderr."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from . import stdin

Listener = Callable[[str, Any], None]
_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)

if TYPE_CHECKING:
    from tqdm import tqdm

    from ..core.types import Progress, Step


def one_line(text: str) -> str:
    """`text` with line breaks and other control characters written as escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


@contextlib.contextmanager
def heard_by(listener: Listener | None) -> Iterator[None]:
    """What is said inside the block is not printed, but goes to the `listener`, if there is one.

    It gets "line" and a text for a result, "json" and a value, "aside" and a text for the rest.
    """
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def _heard(kind: str, what: Any) -> bool:
    """Whether there is a listener, who is told `what`; what the listener says is printed."""
    listener = _listener.get()
    if listener is None:
        return False
    with heard_by(None):
        listener(kind, what)
    return True


def say(text: str) -> None:
    """Print a result. A reader that went away (`| head`) does not stop the work."""
    if _heard("line", text):
        return
    try:
        try:
            print(text, flush=True)
        except UnicodeEncodeError:
            encoding = sys.stdout.encoding or "ascii"
            print(text.encode(encoding, "backslashreplace").decode(encoding), flush=True)
    except BrokenPipeError:
        drop_stdout()


def say_json(value: Any) -> None:
    """Print `value` as JSON, keys sorted."""
    if _heard("json", value):
        return
    say(json.dumps(value, indent=2, sort_keys=True, default=str))


def write_bytes(data: bytes) -> None:
    """Write a result's bytes to stdout, which is open."""
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def complain(line: str) -> None:
    """Print one line on stderr, whatever is in it."""
    line = line.replace(stdin.PATH, "-")  # as it was typed
    if _heard("aside", line):
        return
    complain_verbatim(one_line(line) + "\n")


def complain_verbatim(text: str) -> None:
    """Print `text` on stderr; a closed stderr is no reason to fail."""
    if sys.stderr is None:
        return
    with contextlib.suppress(OSError, ValueError):
        tqdm = getattr(sys.modules.get("tqdm"), "tqdm", None)
        aside = tqdm.external_write_mode(sys.stderr) if tqdm else contextlib.nullcontext()
        with aside:  # clears a progress bar first
            sys.stderr.write(text)
            sys.stderr.flush()


def flush() -> None:
    """Flush stdout. After a failure it is dropped, or the interpreter would fail again at exit."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        drop_stdout()
        raise


def drop_stdout() -> None:
    """Send what is left for stdout nowhere."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)


def occupy_closed_streams() -> None:
    """Put the null device on closed standard descriptors, so that no file of ours lands there."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free descriptor: this one


@contextlib.contextmanager
def warnings_as_notes(*, quiet: bool, verbose: bool) -> Iterator[None]:
    """Print each different TextoWarning once as a note; other warnings only when `verbose`."""
    told = set()

    def show(message, category, filename, lineno, file=None, line=None):
        from ..core.errors import TextoWarning

        ours = issubclass(category, TextoWarning)
        text = f"{'note' if ours else 'warning'}: {message}"
        if text not in told and (verbose or (ours and not quiet)):
            told.add(text)
            complain(f"texto: {text}")

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = show
        yield


@contextlib.contextmanager
def progress_bar(*, quiet: bool) -> Iterator[Progress]:
    """A callback that draws bars on stderr; silent when `quiet` or where nobody watches."""
    from ..core.types import silent

    if quiet or sys.stderr is None or not sys.stderr.isatty():
        yield silent
        return
    bars = _Bars()
    try:
        yield bars
    finally:
        bars.close()


class _Bars:
    """One bar at a time; a new stage takes a new bar in the same line."""

    def __init__(self) -> None:
        self.bar: tqdm | None = None
        self.stage: tuple[str, int] | None = None

    def __call__(self, step: Step) -> None:
        from tqdm import tqdm

        if self.bar is None or self.stage != (step.stage, step.total):
            self.close()
            self.stage = (step.stage, step.total)
            self.bar = tqdm(total=step.total, desc=step.stage, leave=False, file=sys.stderr)
        shown: dict[str, object] = {"level": step.level}
        if step.loss is not None:
            shown["loss"] = f"{step.loss:.4g}"
        self.bar.set_postfix(shown, refresh=False)
        self.bar.update(step.iteration - self.bar.n)

    def close(self) -> None:
        if self.bar is not None:
            self.bar.close()
        self.bar = self.stage = None
