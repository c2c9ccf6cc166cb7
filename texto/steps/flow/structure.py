"""Channels that say where structure is, for octaves too coarse to show it.

A joint between stones is a line of few pixels: shrunk, it is gone in the stones' own contrast, and
a flow that sees colours only forgets it. The darkest pixel and the mean gradient under a
coarse pixel keep it.
"""

from __future__ import annotations

import numpy as np
import scipy.ndimage

from ...patches.pyramid import halve

COUNT = 2  # channels


def structure(finest: np.ndarray, coarse: np.ndarray, level: int) -> np.ndarray:
    """(h, w, COUNT) float32 for the octave `coarse` (h, w, C), `level` halvings under `finest`.

    The least grey value around each coarse pixel and the mean length of the gradient under it,
    both of the picture `finest` (H, W, C), centred and with the deviation of `coarse`.
    """
    grey = finest.mean(axis=2)
    least = scipy.ndimage.minimum_filter(grey, 2**level + 1)
    length = np.hypot(scipy.ndimage.sobel(grey, 0), scipy.ndimage.sobel(grey, 1))
    channels = np.stack([least, length], axis=2)
    for _ in range(level):
        channels = halve(channels)
    channels -= channels.mean(axis=(0, 1))
    deviations = channels.std(axis=(0, 1))
    scale = coarse.std() / np.where(deviations > 0, deviations, np.inf)
    return (channels * scale).astype(np.float32)
