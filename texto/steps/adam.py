"""Descent on a picture: Adam, and when to stop."""

from __future__ import annotations

import numpy as np

MOMENTS = (0.9, 0.999)  # shares that Adam's averages keep
WINDOW = 10  # steps whose mean loss is compared with that of the steps before


class Adam:
    """Adam (Kingma, Ba 2014) on a picture whose values stay in [0, 1]."""

    def __init__(self, picture: np.ndarray, rate: float):
        self._rate, self._count = rate, 0
        self._mean, self._square = np.zeros_like(picture), np.zeros_like(picture)

    def step(self, picture: np.ndarray, slope: np.ndarray) -> np.ndarray:
        """`picture` one step down `slope`."""
        self._count += 1
        for moment, value, keep in zip(
            (self._mean, self._square), (slope, slope * slope), MOMENTS, strict=True
        ):
            moment += (1 - keep) * (value - moment)
        bias_mean, bias_square = (1 - keep**self._count for keep in MOMENTS)
        # A step of -1 times the slope is the match itself: where slopes are small, Adam's would
        # go beyond it and put noise into flat parts.
        scale = np.maximum(np.sqrt(self._square / bias_square), self._rate)
        return np.clip(picture - (self._rate / bias_mean) * self._mean / scale, 0, 1)


class Plateau:
    """Tells when a loss has stopped moving: it may rise too, as the potentials do."""

    def __init__(self, tolerance: float):
        self._tolerance = tolerance
        self._losses: list[float] = []

    def reached(self, loss: float) -> bool:
        """Whether the mean of the last steps is nearly that of as many before."""
        self._losses.append(loss)
        recent, before = self._losses[-WINDOW:], self._losses[-2 * WINDOW : -WINDOW]
        if self._tolerance == 0 or len(before) < WINDOW:
            return False
        return abs(np.mean(recent) - np.mean(before)) <= self._tolerance * abs(np.mean(before))
