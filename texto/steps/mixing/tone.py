"""Exemplars in the colours of their mix, so that patches of one fit beside those of another."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...transport.sliced import barycentre, displacement
from ..sliced_flow import SAMPLES

STEPS = 12  # random bases in which colours are matched


def toned(
    exemplars: Sequence[np.ndarray], weights: np.ndarray, rng: np.random.Generator
) -> list[np.ndarray]:
    """`exemplars` (H_i, W_i, C), each with its colours moved to the barycentre at `weights` (r,).

    Sliced transport of pixels (Rabin, Peyre, Delon, Bernot 2011): along every direction the
    target's quantiles are the weighted means of the exemplars'. Where one weight is 1 its
    exemplar stays as it is. Cost: O(C^2) a pixel and step.
    """
    pixels = [exemplar.reshape(-1, exemplar.shape[2]) for exemplar in exemplars]
    samples = [part[rng.integers(0, len(part), SAMPLES)] for part in pixels]
    moved = [part.copy() for part in pixels]
    channels = pixels[0].shape[1]
    for _ in range(STEPS if channels > 1 else 1):
        basis = np.linalg.qr(rng.standard_normal((channels, channels)))[0].astype(np.float32)
        target = barycentre([np.sort(sample @ basis, axis=0) for sample in samples], weights)
        for part in moved:
            own = part[rng.integers(0, len(part), SAMPLES)] @ basis
            part += displacement(own, target)(part @ basis) @ basis.T
    return [
        exemplar if weight == 1 else np.clip(part, 0, 1).reshape(exemplar.shape)
        for exemplar, part, weight in zip(exemplars, moved, weights, strict=True)
    ]
