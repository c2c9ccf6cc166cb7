"""The command line: runs one command and turns every outcome into an exit code.

0 done; 2 anything foreseeable, told in one line `texto: error: WHAT: WHY; WHAT TO DO`; 130 and
143 interrupted; 1 only for a bug of ours. Commands live in `texto.commands`, one module each,
and are imported when they run: `texto --help` loads no numerical library.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from importlib import import_module

from .commands import arguments, console, signals
from .core import processes
from .transport import pot_import


def main(argv: Sequence[str] | None = None) -> int:
    """Run `texto` with the arguments `argv` (default: those of the process); the exit code."""
    is_program = argv is None
    words = sys.argv[1:] if argv is None else list(argv)
    if is_program:
        console.occupy_closed_streams()
        pot_import.keep_out()
    with signals.raising(restore=not is_program):
        try:
            return _outcome(words)
        except signals.Interrupted as stop:
            console.complain("texto: interrupted" + (stop.advice and f"; {stop.advice}"))
            return stop.code


def _outcome(argv: list[str]) -> int:
    """Run the command; every error becomes one line on stderr and an exit code."""
    try:
        code = _run(argv)
        console.flush()
        return code
    except BrokenPipeError:
        console.drop_stdout()
        return 0
    except Exception as error:
        verbose = bool({"-v", "--verbose"} & set(argv))
        return _report(error, verbose)


def _run(argv: list[str]) -> int:
    try:
        options = arguments.parse(argv, quiet=processes.rank() > 0)
    except SystemExit as done:  # argparse, after --help or --version
        return int(done.code or 0)
    command = import_module(f"texto.commands.{options.command}")
    with console.warnings_as_notes(quiet=options.quiet, verbose=options.verbose):
        return command.run(options) or 0


def _report(error: Exception, verbose: bool) -> int:
    """Print one line for `error`; 2 where it is foreseeable, 1 where it is our bug."""
    told = _foreseeable(error)
    if told is not None:
        console.complain(f"texto: error: {told}")
        return 2
    if verbose:
        console.complain_verbatim("".join(traceback.format_exception(error)))
    kind = type(error).__name__
    advice = "please report it with the command" + ("" if verbose else " and the output of -v")
    console.complain(f"texto: error: internal error: {kind}: {error}; {advice}")
    return 1


def _foreseeable(error: Exception) -> str | None:
    """`error` as WHAT: WHY; WHAT TO DO, or None where only a bug can have raised it."""
    from .core.errors import TextoError

    if isinstance(error, TextoError):
        return str(error)
    if isinstance(error, MemoryError):
        return f"memory: {str(error) or 'there is not enough'}; choose a smaller size with -s"
    if isinstance(error, OSError):
        what = "standard output" if error.filename is None else repr(error.filename)
        return f"{what}: {error.strerror or error}; check the path and the disk"
    return None
