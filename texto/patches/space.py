"""Principal components of an exemplar's patches: the coordinates in which patches live."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class PatchSpace:
    """An orthonormal frame: `mean` (D,) and `axes` (D, d) float32."""

    mean: np.ndarray
    axes: np.ndarray

    @property
    def dimension(self) -> int:
        """d."""
        return self.axes.shape[1]

    def project(self, patches: np.ndarray) -> np.ndarray:
        """Coordinates (n, d) of `patches` (n, D). Cost: O(n D d)."""
        return (patches - self.mean) @ self.axes


def principal_space(
    patches: np.ndarray, *, kept_variance: float = 1.0, largest: int | None = None
) -> PatchSpace:
    """The space of the leading principal components of `patches` (n, D).

    As many as hold the share `kept_variance` of the variance, at least 1 and at most `largest`.
    The sign of each axis is fixed, so equal data give equal spaces. Cost: O(n D^2 + D^3).
    """
    mean = patches.mean(axis=0, dtype=np.float64)
    centred = patches - mean.astype(np.float32)
    covariance = (centred.T @ centred).astype(np.float64) / len(patches)
    variances, axes = np.linalg.eigh(covariance)
    variances, axes = np.maximum(variances[::-1], 0), axes[:, ::-1]
    shares = np.cumsum(variances) / max(variances.sum(), np.finfo(np.float64).tiny)
    dimension = int(np.searchsorted(shares, kept_variance - 1e-9)) + 1
    dimension = min(dimension, len(variances), largest or len(variances))
    axes = axes[:, :dimension]
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(dimension)])
    return PatchSpace(mean.astype(np.float32), np.ascontiguousarray(axes, np.float32))
