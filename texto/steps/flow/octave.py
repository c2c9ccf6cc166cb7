"""The time of a flow at one octave, and what it does there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...patches.recompose import falloff


@dataclass(frozen=True)
class Octave:
    """How the flow runs at one level.

    start : time it begins at, in [0, 1); 0 is pure noise. n_steps : Euler steps to time 1.
    stride : pixels between neighbouring patches. n_matches : k, patches that speak for one.
    full : whether every patch of the bank is compared, or candidates only. n_balance : steps of
    the potentials before each full search. share : of the bank that a full search sees, beside the
    matches of earlier steps where there is `memory`.
    n_sharp : last steps whose votes are sharp, with `power`. width : the deviation of the
    vote's window, as a share of the patch. penalty : what continuing the piece
    `reach` patches away costs, as a share of the mean squared distance of the matches.
    """

    start: float
    n_steps: int
    stride: int
    n_matches: int
    full: bool
    n_balance: int = 0
    share: float = 1.0
    memory: bool = True
    n_sharp: int = 0
    power: float = 4.0
    width: float = 0.25
    reach: int = 1
    penalty: float = 0.0

    @property
    def times(self) -> list[float]:
        """The n_steps + 1 times from `start` to 1, evenly."""
        return np.linspace(self.start, 1, self.n_steps + 1).tolist()

    def window(self, size: int) -> np.ndarray:
        """(size,) float32: the Gaussian by which a patch's pixels count in a vote."""
        return falloff(size, self.width).astype(np.float32)
