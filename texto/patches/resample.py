"""Pictures at any other size, for pyramids whose levels differ by less than a factor of two."""

from __future__ import annotations

import numpy as np


def shrunk(image: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """`image` (H, W, C) in [0, 1] at a smaller `shape`, without aliasing: float32 in [0, 1]."""
    from skimage.transform import resize

    if image.shape[:2] == tuple(shape):
        return image
    smaller = resize(image, shape, order=1, mode="edge", anti_aliasing=True)
    return np.clip(smaller, 0, 1).astype(np.float32)


def enlarged(
    image: np.ndarray, shape: tuple[int, int], periodic: tuple[bool, bool] = (False, False)
) -> np.ndarray:
    """`image` (H, W, C) at `shape` (height, width), bilinear; it wraps round periodic axes."""
    for axis, (side, wraps) in enumerate(zip(shape, periodic, strict=True)):
        count = image.shape[axis]
        if count == side:
            continue
        places = (np.arange(side) + 0.5) * (count / side) - 0.5
        if not wraps:
            places = np.clip(places, 0, count - 1)
        first = np.floor(places).astype(np.int64)
        share = np.expand_dims((places - first).astype(np.float32), tuple({0, 1, 2} - {axis}))
        near, far = (image.take((first + step) % count, axis) for step in (0, 1))
        far -= near
        far *= share
        near += far
        image = near
    return image
