"""Where the synthesis of a mix starts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...patches.noise import field_like
from .zones import Zones


def mixed_field(
    pictures: Sequence[np.ndarray],
    zones: Zones,
    shape: tuple[int, int],
    rng: np.random.Generator,
    periodic: tuple[bool, bool],
) -> np.ndarray:
    """Independent Gaussian fields whose means and covariances add up to the mix's.

    `pictures` : (H_i, W_i, C), weighed as `zones` say at each pixel; returns (*shape, C).
    """
    weights = zones.mean_weights(shape)
    total = np.zeros((*shape, pictures[0].shape[2]), np.float32)
    for number, picture in enumerate(pictures):
        weight = weights[:, :, number, None]
        mean = picture.mean(axis=(0, 1))
        field = field_like(picture, shape, rng, periodic=periodic)
        total += weight * mean + np.sqrt(weight) * (field - mean)
    return total
