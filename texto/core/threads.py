"""Threads of our own over whole pieces of work, with the linear algebra library kept to one.

Two pools of library threads that wait for each other by spinning bring a busy machine to a
standstill, and small products gain nothing from threads. One thread a product also makes the
result independent of the number of processors.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache, lru_cache
from threading import Lock
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")

_entering = Lock()
_inside: list = []  # the limit, and an entry for every block that relies on it

AHEAD = 2  # pieces a thread may be ahead of the consumer, which bounds the memory in flight


@contextmanager
def single_blas() -> Iterator[None]:
    """Linear algebra in one thread while the block runs.

    Blocks may nest. Looking for the libraries takes milliseconds: it is done anew only where
    modules were loaded since.
    """
    with _entering:
        if not _inside:
            _inside.append(_libraries(len(sys.modules)).limit(limits=1, user_api="blas"))
        _inside.append(None)
    try:
        yield
    finally:
        with _entering:
            _inside.pop()
            if len(_inside) == 1:
                _inside.pop().restore_original_limits()


@lru_cache(maxsize=1)
def _libraries(n_modules: int) -> Any:
    """The thread pools of all libraries, as they are while so many modules are loaded."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def mapped(work: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """The results of `work` on `items`, in order, computed by as many threads as processors.

    Only a few pieces are in flight at a time. An exception in `work` is raised here.
    """
    pool, pending = _pool(), []
    for item in items:
        pending.append(pool.submit(work, item))
        if len(pending) > AHEAD * _processors():
            yield pending.pop(0).result()
    while pending:
        yield pending.pop(0).result()


def _processors() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS or Windows
        return os.cpu_count() or 1


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_processors(), thread_name_prefix="texto")


if hasattr(os, "register_at_fork"):  # threads do not survive a fork
    os.register_at_fork(after_in_child=_pool.cache_clear)
