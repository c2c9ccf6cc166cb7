"""Loss curves as coordinates of a small drawing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from .wording import figure

WIDTH, HEIGHT = 320, 120
MOST_POINTS = 300
_LOG_RATIO = 20  # larger ranges are read better on a logarithmic scale


@dataclass(frozen=True)
class Curve:
    """`points` "x,y x,y ..." in a box of WIDTH x HEIGHT, and what its edges stand for."""

    points: str
    first: int
    last: int
    low: str
    high: str
    logarithmic: bool
    width: int = WIDTH
    height: int = HEIGHT


def curve(loss: Sequence[tuple[int, float]]) -> Curve | None:
    """The curve through (iteration, loss); None for fewer than two finite points.

    The scale is logarithmic where all losses are positive and range over more than 20 to 1. Of
    long curves at most 300 points are kept, evenly spread, the last among them.
    """
    pairs = _thinned([(x, y) for x, y in loss if math.isfinite(y)])
    if len(pairs) < 2:
        return None
    numbers, losses = zip(*pairs, strict=True)
    low, high = min(losses), max(losses)
    logarithmic = low > 0 and high / low > _LOG_RATIO
    scale = math.log if logarithmic else float
    first, last = min(numbers), max(numbers)
    points = " ".join(
        f"{_along(x, first, last) * WIDTH:.1f},"
        f"{(1 - _along(scale(y), scale(low), scale(high))) * HEIGHT:.1f}"
        for x, y in pairs
    )
    return Curve(points, first, last, figure(low), figure(high), logarithmic)


def _along(value: float, low: float, high: float) -> float:
    """Where `value` lies from `low`, 0, to `high`, 1; the middle where they are one."""
    return (value - low) / (high - low) if high > low else 0.5


def _thinned(pairs: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    if len(pairs) <= MOST_POINTS:
        return list(pairs)
    step = (len(pairs) - 1) / (MOST_POINTS - 1)
    return [pairs[round(number * step)] for number in range(MOST_POINTS)]
