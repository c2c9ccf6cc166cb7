"""Algorithm 1 in the plain dense formulation: the baseline that `patch-ot` is measured against.

As published and as its code does it: all patches of a periodic picture, 2000 random targets a
level, 10 steps of ascent before each image step (learning rate 1, potentials set to the mean
of the 10), Adam with rate 0.01, the whole n x m matrix of distances in every step. Levels are
the 2 x 2 means that the scores use.
"""

from __future__ import annotations

import numpy as np

SIZE = 4


class DensePatchOT:
    """One run, from uniform noise; `step` makes one iteration."""

    def __init__(
        self,
        exemplar: np.ndarray,
        shape: tuple[int, int],
        *,
        n_levels: int = 4,
        n_targets: int = 2000,
        n_ascent: int = 10,
        learning_rate: float = 0.01,
        seed: int = 0,
    ):
        rng = np.random.default_rng(seed)
        self.picture = rng.random((*shape, exemplar.shape[2]), dtype=np.float32)
        self._n_ascent, self._rate, self._count = n_ascent, learning_rate, 0
        self._targets = []
        for _ in range(n_levels):
            windows = np.lib.stride_tricks.sliding_window_view(exemplar, (SIZE, SIZE), (0, 1))
            patches = windows.reshape(-1, exemplar.shape[2], SIZE, SIZE)
            kept = rng.permutation(len(patches))[:n_targets]
            self._targets.append(patches[kept].transpose(0, 2, 3, 1).reshape(len(kept), -1))
            exemplar = _halved(exemplar)
        self._potentials = [np.zeros(len(targets), np.float32) for targets in self._targets]
        self._mean, self._square = np.zeros_like(self.picture), np.zeros_like(self.picture)

    def step(self) -> float:
        """One iteration: ascent and gradient at every level, then Adam. The loss."""
        slope, loss, view = np.zeros_like(self.picture), 0.0, self.picture
        for level in range(len(self._targets)):
            view = _halved(view) if level else view
            value, part = self._level(view, level)
            slope += np.repeat(np.repeat(part, 2**level, 0), 2**level, 1)
            loss += value
        self._count += 1
        self._mean += 0.1 * (slope - self._mean)
        self._square += 0.001 * (slope * slope - self._square)
        mean = self._mean / (1 - 0.9**self._count)
        square = self._square / (1 - 0.999**self._count)
        self.picture = self.picture - self._rate * mean / (np.sqrt(square) + 1e-8)
        return loss

    def _level(self, view: np.ndarray, level: int) -> tuple[float, np.ndarray]:
        """The value of a level and its gradient, scaled as a mean of differences."""
        patches, targets = _patches(view), self._targets[level]
        n, m = len(patches), len(targets)
        potential, total = self._potentials[level], np.zeros(m, np.float32)
        for _ in range(self._n_ascent):
            found = (_distances(patches, targets) - potential).argmin(axis=1)
            counts = np.bincount(found, minlength=m)
            potential = potential + (1 / m - counts / n).astype(np.float32)
            total += potential
        potential = self._potentials[level] = total / self._n_ascent
        scores = _distances(patches, targets) - potential
        found = scores.argmin(axis=1)
        value = float(scores[np.arange(n), found].mean() + potential.mean())
        matched = targets[found].reshape(*view.shape[:2], SIZE, SIZE, -1)
        average = np.zeros_like(view)
        for i in range(SIZE):
            for j in range(SIZE):
                average += np.roll(matched[:, :, i, j], (i, j), (0, 1))
        return value, view - average / SIZE**2


def _distances(patches: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """(n, m): all of them."""
    squares = np.square(patches).sum(axis=1)[:, None] + np.square(targets).sum(axis=1)
    return squares - 2 * patches @ targets.T


def _patches(view: np.ndarray) -> np.ndarray:
    """(H W, w w C): all patches of a picture on a torus."""
    wrapped = np.pad(view, ((0, SIZE - 1), (0, SIZE - 1), (0, 0)), mode="wrap")
    windows = np.lib.stride_tricks.sliding_window_view(wrapped, (SIZE, SIZE), (0, 1))
    return windows.transpose(0, 1, 3, 4, 2).reshape(view.shape[0] * view.shape[1], -1)


def _halved(image: np.ndarray) -> np.ndarray:
    height, width = (side // 2 * 2 for side in image.shape[:2])
    return image[:height, :width].reshape(height // 2, 2, width // 2, 2, -1).mean(axis=(1, 3))
