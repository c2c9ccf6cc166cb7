"""A loss as descents see it: its value and slope at a picture, each network run once."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from texto.core.errors import TextoError

from ..runtime.devices import exact_float32
from .base import Additive, Loss, Maps, detached


class Objective:
    """A loss of a picture (1, C, H, W), with each features object run once for all its terms.

    `mask` (H, W) : where True, pixels may move. `evaluations` counts the passes through the
    networks.
    """

    def __init__(self, loss: Additive, *, mask: torch.Tensor | None = None):
        self.loss = Loss(loss.terms)
        self.evaluations = 0
        self._mask = mask

    @property
    def rises(self) -> bool:
        """Whether any term has potentials to ascend on."""
        return bool(self.loss.state())

    def ascend(self, maps: Mapping[int, Maps], count: int) -> None:
        """`count` steps of ascent on the potentials, the picture as it is, then their average.

        A single step leaves no average to go to: the steps of a run then are one long ascent.
        """
        still = detached(maps)
        for _ in range(count):
            self.loss.ascend(still)
        if count > 1:
            self.loss.settle()

    def lift(self, picture: torch.Tensor, count: int) -> None:
        """`ascend` for itself, without moving the picture."""
        if count and self.rises:
            self.evaluations += 1
            with torch.no_grad(), exact_float32():
                self.ascend(self.loss.maps(picture), count)

    def pull(self, picture: torch.Tensor, ascents: int = 0) -> tuple[float, torch.Tensor]:
        """The loss and its gradient (1, C, H, W) at `picture`, after `ascents` steps of ascent.

        One forward and one backward pass through each network. TextoError where the loss is
        not finite.
        """
        self.evaluations += 1
        point = picture.detach().clone().requires_grad_()
        with torch.enable_grad(), exact_float32():
            maps = self.loss.maps(point)
            if ascents:
                with torch.no_grad():
                    self.ascend(maps, ascents)
            value = self.loss.value(maps)
            (slope,) = torch.autograd.grad(value, point)
        loss = float(value.detach())
        if not np.isfinite(loss):
            raise TextoError("loss", f"is {loss}", "lower learning_rate or the terms' weights")
        return loss, slope if self._mask is None else slope * self._mask
