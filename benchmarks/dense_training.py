"""Algorithm 2 in the plain dense formulation: the baseline that training is measured against.

As published and as its code does it: samples of the exemplar's size, all their patches, 2000
random targets a level, 10 steps of ascent before each step of the network (learning rate 1,
potentials set to the mean of the 10), Adam with rate 0.01, the whole n x m matrix of distances
in every step, and its gradient by automatic differentiation.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from neural.generators.network import TextureGenerator

SIZE = 4


class DenseTraining:
    """One training; `step` makes one iteration."""

    def __init__(
        self,
        exemplar: np.ndarray,
        *,
        width: int = 2,
        n_levels: int = 4,
        n_targets: int = 2000,
        n_ascent: int = 10,
        seed: int = 0,
    ):
        self._rng, self._n_ascent = np.random.default_rng(seed), n_ascent
        self._sides = exemplar.shape[:2]
        self._network = TextureGenerator(exemplar.shape[2], width=width, rng=self._rng)
        self._adam = torch.optim.Adam(self._network.parameters(), lr=0.01)
        view = torch.from_numpy(np.moveaxis(exemplar, 2, 0).copy())[None]
        self._targets, self._potentials = [], []
        for _ in range(n_levels):
            patches = F.unfold(view, SIZE)[0].T
            kept = self._rng.permutation(len(patches))[:n_targets]
            self._targets.append(patches[torch.from_numpy(kept)])
            self._potentials.append(torch.zeros(len(kept)))
            view = F.avg_pool2d(view, 2)

    def step(self) -> float:
        """One iteration. The loss."""
        view, loss = self._network(self._network.noise(self._sides, rng=self._rng)), 0.0
        for level, targets in enumerate(self._targets):
            view = F.avg_pool2d(view, 2) if level else view
            around = F.pad(view, (0, SIZE - 1, 0, SIZE - 1), mode="circular")
            patches = F.unfold(around, SIZE)[0].T
            with torch.no_grad():
                self._ascend(level, patches, targets)
            scores = _distances(patches, targets) - self._potentials[level]
            loss = loss + scores.min(dim=1).values.mean() + self._potentials[level].mean()
        self._adam.zero_grad()
        (loss / len(self._targets)).backward()
        self._adam.step()
        return float(loss.detach())

    def _ascend(self, level: int, patches: torch.Tensor, targets: torch.Tensor) -> None:
        potential, total = self._potentials[level], torch.zeros(len(targets))
        for _ in range(self._n_ascent):
            found = (_distances(patches, targets) - potential).argmin(dim=1)
            counts = torch.bincount(found, minlength=len(targets))
            potential = potential + 1 / len(targets) - counts / len(patches)
            total += potential
        self._potentials[level] = total / self._n_ascent


def _distances(patches: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """(n, m): all of them."""
    squares = patches.square().sum(dim=1)[:, None] + targets.square().sum(dim=1)
    return squares - 2 * patches @ targets.T
