"""Jobs on this machine, some at a time."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any

from .machine import cores
from .process import Outcome, execute

if TYPE_CHECKING:
    import numpy as np

Work = tuple[Any, Mapping[str, Any], "np.ndarray | None"]  # a key, the job, its exemplar's pixels


def run(work: Iterable[Work], jobs: int) -> Generator[tuple[Any, Outcome], None, None]:
    """(key, outcome) of each piece of `work` as it is done, `jobs` of them at a time.

    Two or more share the processors out, so that their threads do not fight. When the iterator is
    closed or an exception is raised here, the processes that run are ended.
    """
    stopped = threading.Event()
    shares: queue.SimpleQueue[list[int] | None] = queue.SimpleQueue()
    for share in shared_out(cores(), jobs):
        shares.put(share)

    def one(job: Mapping[str, Any], pixels: np.ndarray | None) -> Outcome:
        share = shares.get()
        try:
            return execute({**_limits(job, share), **job}, pixels, stopped.is_set)
        finally:
            shares.put(share)

    pool = ThreadPoolExecutor(jobs, thread_name_prefix="texto-compare")
    try:
        pending = {pool.submit(one, job, pixels): key for key, job, pixels in work}
        while pending:
            done, _ = wait(pending, return_when=FIRST_COMPLETED)
            for future in sorted(done, key=list(pending).index):
                yield pending.pop(future), future.result()
    finally:
        stopped.set()
        pool.shutdown(wait=True, cancel_futures=True)


def shared_out(processors: list[int], jobs: int) -> list[list[int] | None]:
    """The processors of each of `jobs` at a time; None for one job, which has them all."""
    if jobs == 1:
        return [None]
    return [processors[n::jobs] or [processors[n % len(processors)]] for n in range(jobs)]


def _limits(job: Mapping[str, Any], share: list[int] | None) -> dict[str, Any]:
    return {} if share is None else {"cores": share, "threads": len(share)}
