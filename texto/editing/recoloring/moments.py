"""Mean and covariance of colours, and the affine map that gives a picture those of another."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ...core.threads import mapped
from ...transport.gaussian import monge_matrices

BLOCK = 1 << 18  # colours summed at a time, which bounds the memory
N_ITER = 50
TOLERANCE = 2e-3  # of the target's moments, a tenth of what users are promised
PROMISED = 0.02
RIDGE = (0.25 / 255) ** 2  # variance of a quarter of a grey level: below it is rounding only
STEEPEST = 4.0  # slope of the correction at most, or it would make noise visible


@dataclass(frozen=True, eq=False)
class Moments:
    """`mean` (C,) and `covariance` (C, C), float64."""

    mean: np.ndarray
    covariance: np.ndarray

    def error(self, target: Moments) -> float:
        """How far these are from `target`, relative to it.

        The larger one of the distances of the means, over the root of the target's mean square,
        and of the covariances (Frobenius), over the target's or a grey level's.
        """
        size = float(np.sqrt(np.square(target.mean).sum() + np.trace(target.covariance) + RIDGE))
        mean = float(np.linalg.norm(self.mean - target.mean)) / size
        least = RIDGE * 16
        spread = float(np.linalg.norm(self.covariance - target.covariance))
        return max(mean, spread / max(float(np.linalg.norm(target.covariance)), least))


def moments(colours: np.ndarray) -> Moments:
    """The moments of `colours` (..., C), summed in float64. Cost: O(n C^2)."""
    points = colours.reshape(-1, colours.shape[-1])
    centre = points[:: max(1, len(points) // 1000)].mean(axis=0, dtype=np.float64)

    def sums(start: int) -> tuple[np.ndarray, np.ndarray]:
        part = points[start : start + BLOCK] - centre
        return part.sum(axis=0), part.T @ part

    totals = list(mapped(sums, range(0, len(points), BLOCK)))
    mean = sum(total for total, _ in totals) / len(points)
    square = sum(total for _, total in totals) / len(points)
    return Moments(mean + centre, square - np.outer(mean, mean))


@dataclass(frozen=True, eq=False)
class Affine:
    """x -> (x - centre) @ linear + offset, clipped: (C, C) and (C,), float64.

    `error` : that of the moments it gives.
    """

    centre: np.ndarray
    linear: np.ndarray
    offset: np.ndarray
    error: float = np.inf

    def __call__(self, colours: np.ndarray) -> np.ndarray:
        """`colours` (..., C) mapped and clipped to [0, 1], float32."""
        moved = colours @ self.linear.astype(np.float32)
        moved += (self.offset - self.centre @ self.linear).astype(np.float32)
        return np.clip(moved, 0, 1, out=moved)


def correction(colours: np.ndarray, target: Moments) -> Affine:
    """The affine map after which, clipped to [0, 1], `colours` (..., C) have moments `target`.

    The optimal map between Gaussians, repeated as clipping takes from what it gives, and the best
    one found. No slope grows beyond `STEEPEST`: colours that do not vary along an axis cannot be
    made to. Cost: a few passes over the colours.
    """
    channels = colours.shape[-1]
    centre = moments(colours).mean
    tried = Affine(centre, np.eye(channels), centre)
    best = tried
    for _ in range(N_ITER):
        got = moments(tried(colours))
        tried = replace(tried, error=got.error(target))
        best = min(best, tried, key=lambda affine: affine.error)
        if tried.error < TOLERANCE:
            break
        step = _monge(got.covariance, target.covariance)
        linear = _limited(tried.linear @ step)
        offset = (tried.offset - got.mean) @ step + target.mean
        # Moments out of reach would drive it to infinity.
        tried = Affine(centre, linear, np.clip(offset, -STEEPEST, STEEPEST))
    return best


def _monge(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The linear part (C, C) of the optimal map between Gaussians of these covariances."""
    ridge = RIDGE * np.eye(len(source))
    return monge_matrices((source + ridge)[None], (target + ridge)[None])[0, 0]


def _limited(linear: np.ndarray) -> np.ndarray:
    """`linear` (C, C) with no singular value above `STEEPEST`."""
    left, values, right = np.linalg.svd(linear)
    return (left * np.minimum(values, STEEPEST)) @ right
