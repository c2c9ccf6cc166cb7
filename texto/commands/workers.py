"""One picture of several, tried here or in processes of their own that share the processors."""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import IO, Any, Literal

from ..comparison.local import shared_out
from ..comparison.machine import cores
from ..comparison.process import _THREAD_VARIABLES, _search_path
from . import console, existing, failures, signals
from .options import Options

Hear = Callable[[int, str, Any], None]  # the picture's number, and what a Listener hears, or "end"
_CHILD = "from texto.commands.workers import serve; serve()"
_GRACE = 1.2  # seconds in which a process may clean up


@dataclass(frozen=True)
class End:
    """How it went with one picture: the line of an error, and its exit code."""

    how: Literal["done", "there", "failed"]
    line: str = ""
    code: int = 0


def attempt(options: Options, number: int, hear: Hear) -> None:
    """Run the command for the one picture of `options`, whatever comes of it."""
    try:
        with (
            console.heard_by(lambda kind, what: hear(number, kind, what)),
            console.warnings_as_notes(quiet=options.quiet, verbose=options.verbose),
        ):
            import_module(f"texto.commands.{options.command}").run(options)
        end = End("done")
    except existing.AllThere:
        end = End("there")
    except Exception as error:
        end = End("failed", *failures.told(error, verbose=options.verbose))
    hear(number, "end", end)


def attempt_all(
    options: Options, tasks: Sequence[Mapping[str, Any]], jobs: int, hear: Hear
) -> None:
    """Run the command for each of `tasks`, the changes to `options`, `jobs` of them at a time.

    With an exception here, such as an interruption, all processes are ended.
    """
    if min(jobs, len(tasks)) == 1:
        for number, changes in enumerate(tasks):
            attempt(options.but(**changes), number, hear)
        return
    left: queue.SimpleQueue[tuple[int, Mapping[str, Any]]] = queue.SimpleQueue()
    for task in enumerate(tasks):
        left.put(task)
    heard: queue.SimpleQueue[tuple[int, str, Any]] = queue.SimpleQueue()
    shares = shared_out(cores(), jobs)[: len(tasks)]
    crew = [_Worker(options, share or cores(), left, heard) for share in shares]
    ended = 0
    try:
        for worker in crew:
            worker.thread.start()
        while ended < len(tasks):
            number, kind, what = heard.get()
            hear(number, kind, what)
            ended += kind == "end"
    finally:
        for worker in crew:
            worker.stop()
        deadline = time.monotonic() + _GRACE
        for worker in crew:
            worker.end(deadline)


@dataclass(eq=False)
class _Worker:
    """A thread that keeps one process busy, and starts another where it dies."""

    options: Options
    share: Sequence[int]
    left: queue.SimpleQueue[tuple[int, Mapping[str, Any]]]
    heard: queue.SimpleQueue[tuple[int, str, Any]]
    child: subprocess.Popen | None = None
    stopped: bool = False
    turn: threading.Lock = field(default_factory=threading.Lock)
    errors: IO[bytes] = field(default_factory=tempfile.TemporaryFile)

    def __post_init__(self) -> None:
        self.thread = threading.Thread(target=self._work, daemon=True)

    def _work(self) -> None:
        with contextlib.suppress(queue.Empty):
            while not self.stopped:
                number, changes = self.left.get_nowait()
                self._done(number, changes)

    def _done(self, number: int, changes: Mapping[str, Any]) -> None:
        try:
            child = self._started()
            if child is None or child.stdin is None or child.stdout is None:
                return
            pickle.dump((number, changes), child.stdin)
            child.stdin.flush()
            kind = ""
            while kind != "end":
                message = pickle.load(child.stdout)
                kind = message[1]
                self.heard.put(message)
        except Exception:  # mostly the end of a pipe; without an answer we would wait for ever
            if not self.stopped:
                self.heard.put((number, "end", End("failed", self._death(), failures.FORESEEN)))

    def _started(self) -> subprocess.Popen | None:
        with self.turn:  # so that none is started once it is stopped
            if self.stopped or self.child is not None:
                return self.child
            limits = dict.fromkeys(_THREAD_VARIABLES, str(len(self.share)))
            self.child = subprocess.Popen(
                [sys.executable, "-P", "-c", _CHILD],
                stdin=subprocess.PIPE,  # when it is closed, the child ends
                stdout=subprocess.PIPE,
                stderr=self.errors,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(_search_path()), **limits},
                start_new_session=True,  # Ctrl-C reaches us only
            )
            assert self.child.stdin is not None
            pickle.dump((vars(self.options), self.share), self.child.stdin)
        return self.child

    def _death(self) -> str:
        """Why the process ended, in one line."""
        child, self.child = self.child, None
        if child is None:
            return "process: could not be started; give fewer --jobs"
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(_GRACE)
        child.kill()
        code = child.wait()
        _close(child)
        if code < 0:
            name = signal.Signals(-code).name
            return f"process: died of {name}, as where memory runs out; give fewer --jobs"
        self.errors.seek(0)
        last = self.errors.read().decode(errors="replace").strip().rpartition("\n")[2]
        return f"process: ended with code {code}: {last}; please report it"

    def stop(self) -> None:
        """Ask the process to end, which is idle or interrupted."""
        with self.turn:
            self.stopped = True
            if self.child is not None:
                self.child.terminate()

    def end(self, deadline: float) -> None:
        """Wait for the process, and kill it after the `deadline`."""
        child = self.child
        if child is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(max(0.0, deadline - time.monotonic()))
            child.kill()
            child.wait()
            self.thread.join()
            _close(child)
        self.errors.close()


def _close(child: subprocess.Popen) -> None:
    for stream in (child.stdin, child.stdout):
        with contextlib.suppress(OSError):  # of a pipe that nobody reads
            if stream is not None:
                stream.close()


def serve() -> None:
    """Try the pictures that come on standard input, and tell there what comes of them."""
    channel = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints
    tasks: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def read() -> None:
        with contextlib.suppress(EOFError, OSError):
            while True:
                tasks.put(pickle.load(sys.stdin.buffer))
        os.kill(os.getpid(), signal.SIGTERM)  # nobody waits for the result any more

    def hear(number: int, kind: str, what: Any) -> None:
        pickle.dump((number, kind, what), channel)
        channel.flush()

    with contextlib.suppress(signals.Interrupted, BrokenPipeError), signals.raising(restore=False):
        threading.Thread(target=read, daemon=True).start()
        values, share = tasks.get()
        if hasattr(os, "sched_setaffinity"):
            with contextlib.suppress(OSError):
                os.sched_setaffinity(0, share)
        options = Options(values)
        while True:
            number, changes = tasks.get()
            attempt(options.but(**changes), number, hear)
    os._exit(0)  # the thread that reads would hold it
