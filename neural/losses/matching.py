"""Optimal transport along lines: the sorted projections of two clouds matched by rank."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch

from texto.core.threads import mapped
from texto.transport.ranks import quantiles, ranked

from .ctransform import single_thread

BLOCK = 1 << 22  # projections in memory at a time, on a GPU
CPU_BLOCK = 1 << 20  # and for each processor

Part = tuple[torch.Tensor, torch.Tensor]  # a part of a sum, and of its gradient


def matched(projections: torch.Tensor, aims: torch.Tensor, power: int) -> Part:
    """sum |p - a|^power over all matches, a scalar, and its gradient divided by `power`.

    `projections` (k, n) and `aims` (k, m) : each row's values; by rank they are matched, to
    interpolated quantiles of the aims where m is not n. `power` : 1 or 2. The gradient is (k, n)
    in the places of `projections`. Cost: O(k n log n).
    """
    gaps, order = _gaps(projections, aims)
    if power == 1:
        total = gaps.abs().sum()
        gaps.sign_()
    else:
        total = gaps.square().sum()
    return total, torch.empty_like(gaps).scatter_(1, order, gaps)


def _gaps(projections: torch.Tensor, aims: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The sorted projections less their aims (k, n), and where they come from (k, n)."""
    count = projections.shape[1]
    if projections.device.type != "cpu":
        values, order = torch.sort(projections, dim=1)
        return values - _quantiles(torch.sort(aims, dim=1).values, count), order
    ordered, places = ranked(projections.numpy())  # torch sorts ten times more slowly
    wanted = aims.numpy().copy()
    wanted.sort(axis=1)
    ordered -= quantiles(wanted, count)
    return torch.from_numpy(ordered), torch.from_numpy(places)


def _quantiles(values: torch.Tensor, count: int) -> torch.Tensor:
    """`texto.transport.ranks.quantiles` on a GPU."""
    size = values.shape[1]
    if size == count:
        return values
    places = (torch.arange(count, device=values.device, dtype=values.dtype) + 0.5) * (size / count)
    places = (places - 0.5).clamp(0, size - 1)
    below = places.floor().long()
    above = (below + 1).clamp(max=size - 1)
    return torch.lerp(values[:, below], values[:, above], places - below)


def summed(work: Callable[[torch.Tensor], Part], directions: torch.Tensor, count: int) -> Part:
    """The sums of `work` on blocks of `directions` (k, ...), each of which makes `count` values.

    On CPUs every processor has a block of its own.
    """
    on_cpu = directions.device.type == "cpu"
    step = max(1, (CPU_BLOCK if on_cpu else BLOCK) // count)
    parts = (
        _on_processors(work, directions.split(step))
        if on_cpu
        else map(work, directions.split(step))
    )
    total, gradient = next(parts)
    for value, slope in parts:
        total, gradient = total + value, gradient.add_(slope)
    return total, gradient


def _on_processors(
    work: Callable[[torch.Tensor], Part], blocks: tuple[torch.Tensor, ...]
) -> Iterator[Part]:
    def alone(block: torch.Tensor) -> Part:
        with torch.no_grad(), single_thread():
            return work(block)

    return mapped(alone, blocks)
