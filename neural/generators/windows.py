"""Which part of every scale's noise and features a part of the picture depends on.

Positions are absolute: scale K, the finest, counts the picture's own pixels, and position i of a
coarser scale covers positions 2i and 2i + 1 of the next. On a torus whose sides are no multiples
of 2^K, a few positions cover one or three instead, so that every scale wraps exactly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

REACH = 2  # positions that the two 3 x 3 convolutions of a block see on each side


@dataclass(frozen=True, eq=False)
class Span:
    """One axis of a window at one scale.

    `start`, `stop` : first and last + 1 position of its features. `noise` : the same of the
    noise it needs. `period` : of the torus at this scale, None where the axis does not wrap.
    `parents` : which of the coarser scale's features covers each position of start - REACH ...
    stop + REACH, counted from its `start`; empty at the coarsest scale. `offset` : where each of
    them covers two, how many of the first one's positions are out of sight; None elsewhere.
    """

    start: int
    stop: int
    noise: tuple[int, int]
    period: int | None
    parents: np.ndarray
    offset: int | None


@dataclass(frozen=True, eq=False)
class Window:
    """A part of the picture: its rows and columns at every scale, coarsest first."""

    rows: tuple[Span, ...]
    columns: tuple[Span, ...]

    def __len__(self) -> int:
        """The number of scales."""
        return len(self.rows)

    def noise_shape(self, scale: int) -> tuple[int, int]:
        """Height and width of the noise at `scale`."""
        (top, bottom), (left, right) = self.rows[scale].noise, self.columns[scale].noise
        return bottom - top, right - left


def window(
    rows: tuple[int, int],
    columns: tuple[int, int],
    *,
    n_scales: int,
    periods: tuple[int | None, int | None] = (None, None),
) -> Window:
    """The window of `rows` and `columns`, each first and last + 1, of an infinite picture.

    `periods` : of the picture down and across, None for none.
    """
    vertical, horizontal = (
        _spans(*ends, n_scales, period)
        for ends, period in zip((rows, columns), periods, strict=True)
    )
    return Window(vertical, horizontal)


def whole(
    shape: tuple[int, int], *, n_scales: int, periodic: tuple[bool, bool] = (False, False)
) -> Window:
    """The window of a whole picture of `shape`, which wraps round the axes in `periodic`."""
    (height, width), periods = shape, periods_of(shape, periodic)
    return window((0, height), (0, width), n_scales=n_scales, periods=periods)


def periods_of(
    shape: tuple[int, int], periodic: tuple[bool, bool]
) -> tuple[int | None, int | None]:
    """The periods of a picture of `shape` that wraps round the axes in `periodic`."""
    height, width = shape
    down, across = periodic
    return height if down else None, width if across else None


def margin(scale: int) -> int:
    """How much more noise than features a scale needs on each side."""
    return 2 * REACH if scale else REACH  # its own block's, and the joint one's


def _spans(start: int, stop: int, n_scales: int, period: int | None) -> tuple[Span, ...]:
    spans: list[Span] = []
    for scale in reversed(range(n_scales)):
        wrap, coarser = (_period(period, n_scales - 1 - at) for at in (scale, scale - 1))
        around = np.arange(start - REACH, stop + REACH) if scale else np.empty(0, int)
        parents = _parents(around, wrap, coarser)
        first = int(parents[0]) if scale else 0
        reach, parents = margin(scale), parents - first
        noise = (start - reach, stop + reach)
        spans.append(Span(start, stop, noise, wrap, parents, _offset(parents)))
        if scale:
            start, stop = first, first + int(parents[-1]) + 1
    return tuple(reversed(spans))


def _period(period: int | None, halvings: int) -> int | None:
    """The whole number nearest to period / 2^halvings, at least 1."""
    return None if period is None else max(1, (2 * period + 2**halvings) // 2 ** (halvings + 1))


def _parents(positions: np.ndarray, period: int | None, coarser: int | None) -> np.ndarray:
    """Which coarser position covers each: i // 2, or on a torus as evenly as its sides allow."""
    return positions // 2 if period is None else positions * coarser // period


def _offset(parents: np.ndarray) -> int | None:
    for offset in (0, 1):
        if np.array_equal(parents, (np.arange(len(parents)) + offset) // 2):
            return offset
    return None
