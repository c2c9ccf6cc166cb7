"""The sizes at which a pyramid of generators sees its exemplar. Loads no torch."""

from __future__ import annotations

import math
from dataclasses import dataclass

RECEPTIVE = 11  # pixels a side that one output depends on, at every scale
MARGIN = RECEPTIVE // 2
WIDER = 4  # scales, after which networks have twice the feature maps


@dataclass(frozen=True)
class Scales:
    """Sizes as shares of the whole, coarsest first; the last is 1 unless exemplars are shrunk."""

    shares: tuple[float, ...]

    def __len__(self) -> int:
        return len(self.shares)

    def sizes(self, shape: tuple[int, ...]) -> list[tuple[int, int]]:
        """(height, width) at each scale of a picture of `shape`."""
        height, width = shape[:2]
        return [
            (max(1, round(height * share)), max(1, round(width * share))) for share in self.shares
        ]

    def widths(self, first: int, most: int) -> list[int]:
        """Feature maps of the networks at each scale: `first`, doubled at times, up to `most`."""
        return [min(first * 2 ** (number // WIDER), most) for number in range(len(self))]


def scales_of(shape: tuple[int, ...], *, factor: float, coarsest: int, largest: int) -> Scales:
    """The scales of an exemplar of `shape`.

    The longer side is `largest` pixels at most, the shorter one `coarsest` at the first scale.
    Shaham 2019: from scale to scale nearly `factor`, so that both ends are met; here the nearest
    that is no smaller. (The published code has one scale more where it does not shrink.)
    """
    whole = min(1.0, largest / max(shape[:2]))
    least = coarsest / (min(shape[:2]) * whole)
    if least >= 1:
        return Scales((whole,))
    steps = math.ceil(math.log(least) / math.log(factor))
    return Scales(tuple(whole * least ** (1 - step / steps) for step in range(steps + 1)))
