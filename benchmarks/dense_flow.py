"""Patch flow matching in plain array code: the baseline that `ot-flow` is measured against.

As published (Chatillon, Rabin, Tschumperlé 2025): all 16 x 16 patches at stride 4, four octaves of
15 Euler steps, the five nearest exemplar patches by the whole matrix of distances in every step, a
Gaussian-weighted average of what they say.
"""

from __future__ import annotations

import numpy as np

SIZE, STRIDE, OCTAVES, STEPS, NEAREST = 16, 4, 4, 15, 5


def dense_flow(exemplar: np.ndarray, shape: tuple[int, int], seed: int = 0) -> np.ndarray:
    """Texture (height, width, C) like `exemplar` (H, W, C); sides are multiples of 32."""
    rng = np.random.default_rng(seed)
    mean, deviation = exemplar.mean(), exemplar.std()
    levels = [((exemplar - mean) / deviation).astype(np.float32)]
    for _ in range(OCTAVES - 1):
        levels.append(_halved(levels[-1]))
    picture = None
    for level in reversed(range(OCTAVES)):
        size = (shape[0] >> level, shape[1] >> level, exemplar.shape[2])
        noise = rng.standard_normal(size, dtype=np.float32)
        time = 0.0
        if picture is None:
            picture = noise
        else:
            time, picture = 0.5, np.repeat(np.repeat(picture, 2, 0), 2, 1) / 2 + noise / 2
        targets = _patches(levels[level])
        step = (1 - time) / STEPS
        for _ in range(STEPS):
            picture = picture + step / (1 - time) * (_voted(picture, targets, time) - picture)
            time += step
    return np.clip(picture * deviation + mean, 0, 1)


def _voted(picture: np.ndarray, targets: np.ndarray, time: float) -> np.ndarray:
    """What the posterior means of all patches say of each pixel, on average."""
    patches = _patches(picture)
    distances = (
        np.square(patches).sum(1)[:, None]
        - 2 * time * patches @ targets.T
        + time**2 * np.square(targets).sum(1)
    )
    near = np.argpartition(distances, NEAREST, axis=1)[:, :NEAREST]
    costs = np.take_along_axis(distances, near, 1) / (2 * (1 - time) ** 2)
    weights = np.exp(costs.min(1, keepdims=True) - costs)
    weights /= weights.sum(1, keepdims=True)
    means = np.einsum("nk,nkd->nd", weights, targets[near])
    return _averaged(means, picture.shape)


def _patches(picture: np.ndarray) -> np.ndarray:
    windows = np.lib.stride_tricks.sliding_window_view(picture, (SIZE, SIZE), (0, 1))
    chosen = windows[::STRIDE, ::STRIDE].transpose(0, 1, 3, 4, 2)
    return chosen.reshape(-1, SIZE * SIZE * picture.shape[2])


def _averaged(patches: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The Gaussian-weighted average of overlapping `patches`."""
    axis = np.exp(-0.5 * np.square((np.arange(SIZE) - (SIZE - 1) / 2) / (SIZE / 4)))
    rows, columns = ((side - SIZE) // STRIDE + 1 for side in shape[:2])
    blocks = patches.reshape(rows, columns, SIZE, SIZE, shape[2])
    total, covered = np.zeros(shape, np.float32), np.zeros((*shape[:2], 1), np.float32)
    for i in range(SIZE):
        for j in range(SIZE):
            weight = np.float32(axis[i] * axis[j])
            part = np.s_[i : i + STRIDE * rows : STRIDE, j : j + STRIDE * columns : STRIDE]
            total[part] += weight * blocks[:, :, i, j]
            covered[part] += weight
    return total / covered


def _halved(picture: np.ndarray) -> np.ndarray:
    height, width = (side // 2 * 2 for side in picture.shape[:2])
    rows = picture[0:height:2, :width] + picture[1:height:2, :width]
    return (rows[:, 0::2] + rows[:, 1::2]) / 4
