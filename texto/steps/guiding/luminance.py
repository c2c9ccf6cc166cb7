"""The luminance of a picture, resized, smoothed and matched to that of an exemplar."""

from __future__ import annotations

import numpy as np

from ...patches.pyramid import halve

REC_601 = np.array([0.299, 0.587, 0.114], np.float32)


def luminance(picture: np.ndarray) -> np.ndarray:
    """(H, W, 1) float32: Rec. 601 luma of three channels, the mean of any other number."""
    channels = picture.shape[2]
    weights = REC_601 if channels == 3 else np.full(channels, 1 / channels, np.float32)
    return (picture @ weights)[:, :, None]


def resized(picture: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """`picture` (H, W, C) in [0, 1] at `shape` (height, width): bilinear, shrunk without alias."""
    from skimage.transform import resize

    if picture.shape[:2] == tuple(shape):
        return picture
    larger = resize(picture, shape, order=1, mode="edge", anti_aliasing=True)
    return np.clip(larger, 0, 1).astype(np.float32)


def smoothed(channel: np.ndarray, deviation: float) -> np.ndarray:
    """`channel` (H, W, 1) behind a Gaussian of that deviation in pixels."""
    from scipy.ndimage import gaussian_filter

    return gaussian_filter(channel, (deviation, deviation, 0), mode="nearest")


def halved(channel: np.ndarray) -> np.ndarray:
    """The 2 x 2 means of `channel` (H, W, C), with halves rounded up as those of a synthesis."""
    odd = [(0, side % 2) for side in channel.shape[:2]]
    return halve(np.pad(channel, [*odd, (0, 0)], mode="edge"))


def matched(values: np.ndarray, target: np.ndarray) -> np.ndarray:
    """`values` of any shape moved by the monotone map onto the distribution of `target`.

    One-dimensional optimal transport. Equal values stay equal: they take the quantile in the
    middle of theirs, so that a single colour becomes the median. Cost: three sorts.
    """
    ordered, goal = np.sort(values, axis=None), np.sort(target, axis=None)
    below, above = (np.searchsorted(ordered, values, side) for side in ("left", "right"))
    ranks = (below + above) * (0.5 / ordered.size)
    quantiles = (np.arange(goal.size) + 0.5) / goal.size
    return np.interp(ranks, quantiles, goal).astype(np.float32)
