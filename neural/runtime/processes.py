"""A training in several processes, one a GPU: `torchrun --nproc-per-node N -m texto fit ...`.

All hold the same network and potentials and draw the same numbers. Each sees its share of the
pictures of a step; gradients, masses and losses are averaged over all.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TypeVar

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

from texto.core import processes
from texto.core.errors import TextoError

from .devices import resolve_device

T = TypeVar("T")


@contextlib.contextmanager
def joined(device: str) -> Iterator[str]:
    """A group of all processes inside the block, which runs on the device that is yielded.

    `device` as in `resolve_device`; "auto" and "cuda" are one GPU each. With one process there
    is no group, and `device` is as given. TextoError where there are fewer GPUs than processes.
    """
    if processes.count() == 1:
        yield device
        return
    own = _own_device(device)
    backend = "nccl" if own.startswith("cuda") else "gloo"
    distributed.init_process_group(backend)
    try:
        yield own
    finally:
        distributed.destroy_process_group()


def share_of(batch_size: int) -> slice:
    """Which of the pictures of a step this process sees. TextoError where they do not divide."""
    share, rest = divmod(batch_size, count())
    if rest:
        raise TextoError(
            "batch_size", f"is {batch_size}, for {count()} processes", "give a multiple"
        )
    start = _rank() * share
    return slice(start, start + share)


def together(network: nn.Module) -> nn.Module:
    """`network`, whose gradients are the means over all processes."""
    if count() == 1:
        return network
    return DistributedDataParallel(network, broadcast_buffers=False)


def mean(tensor: torch.Tensor) -> torch.Tensor:
    """The mean of `tensor` over all processes, the same to the bit in each."""
    if count() == 1:
        return tensor
    total = tensor.detach().clone()
    distributed.all_reduce(total)
    return total / count()


def of_leader(value: T) -> T:
    """The plain `value` that the leading process has."""
    if count() == 1:
        return value
    held = [value]
    distributed.broadcast_object_list(held)
    return held[0]


def count() -> int:
    """The processes that train together here and now."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def leads() -> bool:
    """Whether this process writes and reports."""
    return _rank() == 0


def _rank() -> int:
    return distributed.get_rank() if distributed.is_initialized() else 0


def _own_device(device: str) -> str:
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device != "cuda":
        return str(resolve_device(device))
    own = str(resolve_device(f"cuda:{processes.local_rank()}"))
    torch.cuda.set_device(own)
    return own
