"""The command line: runs one command and turns every outcome into an exit code.

0 done; 2 anything foreseeable, told in one line `texto: error: WHAT: WHY; WHAT TO DO`; 130 and
143 interrupted; 1 only for a bug of ours. Commands live in `texto.commands`, one module each,
and are imported when they run: `texto --help` loads no numerical library.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from .commands import arguments, console, dispatch, failures, signals
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
        return failures.tell(error, verbose=verbose)


def _run(argv: list[str]) -> int:
    try:
        options = arguments.parse(argv, quiet=processes.rank() > 0)
    except SystemExit as done:  # argparse, after --help or --version
        return int(done.code or 0)
    with console.warnings_as_notes(quiet=options.quiet, verbose=options.verbose):
        return dispatch.run(options)
