"""Errors as the user of a shell reads them: one line each, and an exit code."""

from __future__ import annotations

import re
import traceback

from . import console

FORESEEN, OURS = 2, 1  # exit codes


def tell(error: Exception, *, verbose: bool) -> int:
    """Print one line for `error`; the exit code."""
    line, code = told(error, verbose=verbose)
    if code == OURS and verbose:
        console.complain_verbatim("".join(traceback.format_exception(error)))
    console.complain(f"texto: error: {line}")
    return code


def told(error: Exception, *, verbose: bool) -> tuple[str, int]:
    """The line for `error`, and FORESEEN, or OURS where only a bug can have raised it."""
    line = _foreseeable(error)
    if line is not None:
        return line, FORESEEN
    kind = type(error).__name__
    advice = "please report it with the command" + ("" if verbose else " and the output of -v")
    return f"internal error: {kind}: {error}; {advice}", OURS


def _foreseeable(error: Exception) -> str | None:
    """`error` as WHAT: WHY; WHAT TO DO, or None where only a bug can have raised it."""
    from ..core.errors import TextoError

    if isinstance(error, TextoError):
        return f"{error.what}: {error.why}; {_as_typed(error.remedy)}"
    if isinstance(error, MemoryError):
        return f"memory: {str(error) or 'there is not enough'}; choose a smaller size with -s"
    if isinstance(error, OSError):
        what = "standard output" if error.filename is None else repr(error.filename)
        return f"{what}: {error.strerror or error}; check the path and the disk"
    return None


def _as_typed(remedy: str) -> str:
    """`remedy` of the library, where parameters of Python are the options of the shell."""
    remedy = remedy.replace(", or raise max_bytes", "")  # there is no such option
    remedy = remedy.replace("raise max_pixels", "give --max-pixels N")
    if "choose alpha " in remedy:
        remedy = re.sub(r'"(\w+)"', r"\1", remedy.replace("choose alpha ", "choose --alpha "))
    return remedy
