"""Loops that numba compiles at their first call, and caches."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Set
from threading import Lock
from typing import Any

from .errors import TextoWarning

Loops = Callable[..., Any]

# Sums may be reordered, which vectors need; infinities and NaN keep their meaning.
FAST = {"reassoc", "contract", "nsz", "arcp"}
FINITE = FAST | {"nnan"}  # no NaN either, which vectors need to find a minimum
EXACT: Set[str] = frozenset()  # each sum in the order written, bit by bit as NumPy's arrays

_asking = Lock()  # threads that come at once would each have a dispatcher, which compiles anew


def compiled(loops: Loops, *, flags: Set[str] = FAST) -> Loops:
    """`loops` as machine code, which several threads may run at once.

    `flags` are what the compiler may do to sums: `FAST`, `FINITE` or `EXACT`.

    Nothing is imported or compiled before the first call. The code is kept beside the package
    or, where that is read-only, in the user's cache folder, and shared by all processes.
    Without numba the same loops run interpreted, some hundred times as slow, and a TextoWarning
    says so once; so it does where nothing can be kept.
    """

    @functools.wraps(loops)
    def first_call(*arguments: Any) -> Any:
        with _asking:
            code = _machine_code(loops, frozenset(flags))
        return code(*arguments)

    return first_call


@functools.cache
def _machine_code(loops: Loops, flags: Set[str]) -> Loops:
    fast = set(flags) or False
    try:
        from numba import njit
    except ImportError:
        _tell_missing()
        return loops
    try:
        return njit(nogil=True, cache=True, fastmath=fast)(loops)
    except RuntimeError:  # no folder for the cache
        _tell_uncached()
        return njit(nogil=True, fastmath=fast)(loops)


@functools.cache
def _tell_missing() -> None:
    warnings.warn(
        "numba is not installed: patches are searched and averaged some hundred times slower; "
        "pip install numba",
        TextoWarning,
        stacklevel=2,
    )


@functools.cache
def _tell_uncached() -> None:
    warnings.warn(
        "no folder can keep compiled code, so each run compiles anew, for some seconds; "
        "set NUMBA_CACHE_DIR",
        TextoWarning,
        stacklevel=2,
    )
