"""Jobs on the workers of a Dask cluster, extra `cluster`. Workers need texto, but no shared disk.

A worker runs as many jobs at a time as it has threads; the processors of its machine are shared
out among all that may run there at once.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Generator, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ..core.errors import TextoError
from .local import Work
from .machine import cores
from .process import Outcome, execute

if TYPE_CHECKING:
    import numpy as np

_PATIENCE = 20.0  # seconds for a scheduler to answer


def run(work: Iterable[Work], address: str) -> Generator[tuple[Any, Outcome], None, None]:
    """(key, outcome) of each piece of `work` as it is done, wherever.

    When the iterator is closed or an exception is raised here, what runs is ended. TextoError
    where there is no such scheduler, or it has no worker.
    """
    distributed = _imported()
    client, futures = _client(distributed, address), {}
    try:
        slots = _slots(client, address)
        scattered: dict[int, Any] = {}
        for key, job, pixels in work:
            if pixels is not None and id(pixels) not in scattered:
                scattered[id(pixels)] = client.scatter(pixels, hash=False)
            there = scattered.get(id(pixels))
            future = client.submit(_on_worker, dict(job), there, slots, pure=False)
            futures[future] = key
        for future in distributed.as_completed(list(futures), loop=client.loop):
            yield futures.pop(future), _outcome(future)
    finally:
        client.cancel([*futures], force=True)
        client.close()


def _on_worker(
    job: Mapping[str, Any], pixels: np.ndarray | None, slots: Mapping[str, int]
) -> Outcome:
    """Runs on a worker: the job in a process of its own."""
    from distributed import get_worker

    worker = get_worker()
    threads = max(1, len(cores()) // slots.get(_host(worker.address), 1))
    key = worker.get_current_task()

    def gone() -> bool:
        """Whether nobody waits for this any more: the client cancelled it or is gone."""
        task = worker.state.tasks.get(key)
        return task is None or task.state in ("cancelled", "released", "forgotten")

    return execute({"threads": threads, **job}, pixels, gone)


def _outcome(future: Any) -> Outcome:
    error = future.exception()
    if error is None:
        return future.result()
    return Outcome(failure=f"its worker failed: {type(error).__name__}: {error}")


def _imported() -> Any:
    try:
        import distributed
    except ImportError as error:
        raise TextoError(
            "--scheduler", f"needs the extra 'cluster' ({error})", "pip install 'texto[cluster]'"
        ) from error
    return distributed


def _client(distributed: Any, address: str) -> Any:
    if not address.strip():
        raise TextoError("--scheduler", "is empty", "give an address such as tcp://HOST:8786")
    for name in ("distributed.client", "distributed.core", "distributed.comm"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # errors are told in one line
    try:
        return distributed.Client(
            address, timeout=_PATIENCE, name="texto", set_as_default=False, direct_to_workers=False
        )
    except Exception as error:  # it raises OSError, ValueError, TypeError and others
        why = " ".join(str(error).split())[:200] or type(error).__name__
        raise TextoError(
            f"--scheduler {address!r}", f"does not answer: {why}", "start it, or correct the name"
        ) from error


def _slots(client: Any, address: str) -> dict[str, int]:
    """How many jobs may run at once on each host."""
    try:
        client.wait_for_workers(1, timeout=_PATIENCE)
    except TimeoutError as error:
        raise TextoError(
            f"--scheduler {address!r}", "has no worker", "start one with 'dask worker'"
        ) from error
    slots: Counter[str] = Counter()
    for worker, threads in client.nthreads().items():
        slots[_host(worker)] += threads
    return dict(slots)


def _host(address: str) -> str:
    """The host in "tcp://HOST:PORT"."""
    return address.rpartition("://")[2].rpartition(":")[0]
