"""The c-transform of a potential, by search: an n x m matrix never exists."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from texto.core.errors import TextoError
from texto.patches.search import Neighbors

from ..runtime.devices import exact_float32, in_blocks

UNDERFLOW = -80.0  # exponents under it cost processors ten times as much and add nothing
BLOCK, GPU_BLOCK = 1 << 21, 1 << 26  # scores in memory at a time


@dataclass(frozen=True, eq=False)
class Match:
    """What a c-transform finds for n points x in d dimensions, against m targets.

    `values` (n,) : psi^c(x). `residuals` (d, n) : x - y, of the matched target y, or of the mean
    of the targets by their shares; half the gradient of `values`. `masses` (m,) : what each
    target receives, 1 in all. `cost` : the mean squared distance of matches, a scalar tensor.
    """

    values: torch.Tensor
    residuals: torch.Tensor
    masses: torch.Tensor
    cost: torch.Tensor


class Targets:
    """Points y_1 ... y_m of equal weight 1 / m.

    `points` : (d, m), one column a point, as in the maps of features. `entropic` : lambda, in
    units of squared distance. 0: psi^c(x) = min_j |x - y_j|^2 - psi_j. Positive:
    psi^{c,lambda}(x) = -lambda log sum_j exp((psi_j - |x - y_j|^2) / lambda) / m.
    Cost: 2 n m d operations, and n m exponentials where lambda > 0; memory that of the points.
    """

    def __init__(self, points: torch.Tensor, *, entropic: float = 0.0):
        self.points = points.detach().T.contiguous()  # (m, d)
        self.entropic = entropic
        # MPS knows no float64.
        self.exact = torch.float32 if points.device.type == "mps" else torch.float64
        # Distances cancel badly far from the origin, so both sides are centred.
        self._centre = self.points.to(self.exact).mean(dim=0).to(points.dtype)
        self._centred = self.points - self._centre
        self._norms = self._centred.to(self.exact).square().sum(dim=1)
        self._scores = BLOCK if points.device.type == "cpu" else GPU_BLOCK
        self._neighbors = None
        if points.device.type == "cpu" and not entropic:  # twice as fast there as torch
            self._neighbors = Neighbors(self.points.numpy(), device="cpu")

    def __len__(self) -> int:
        return len(self.points)

    def match(self, points: torch.Tensor, potential: torch.Tensor) -> Match:
        """The c-transform of `potential` (m,) at `points` (d, n), which get no graph."""
        with torch.no_grad(), exact_float32():
            if self._neighbors is None:
                return (self._shared if self.entropic else self._searched)(points, potential)
            with single_thread():
                return self._searched(points, potential)

    def _searched(self, points: torch.Tensor, potential: torch.Tensor) -> Match:
        labels = self._labels(points, potential)
        residuals = points - self.points[labels].T
        costs = residuals.square().sum(dim=0).to(self.exact)
        count = torch.ones_like(costs)  # sums of ones are exact, in any order
        masses = torch.zeros_like(potential).index_add_(0, labels, count) / len(labels)
        return Match(costs - potential[labels], residuals, masses, costs.mean())

    def _labels(self, points: torch.Tensor, potential: torch.Tensor) -> torch.Tensor:
        """(n,): argmin_j |x - y_j|^2 - psi_j."""
        if self._neighbors is not None:
            index = self._neighbors.biased(potential.numpy())
            try:
                return torch.from_numpy(index.search(points.T.numpy()))
            except ValueError as error:
                raise (error if torch.isfinite(points).all() else not_finite()) from error
        bias = ((potential - potential.max() - self._norms) / 2).to(points.dtype)
        labels = torch.empty(points.shape[1], dtype=torch.long, device=points.device)

        def search(part: slice) -> None:
            labels[part] = torch.addmm(bias, self._in(points, part), self._centred.T).argmax(dim=1)

        self._in_blocks(points, search)
        return labels

    def _shared(self, points: torch.Tensor, potential: torch.Tensor) -> Match:
        """The soft minimum, with shares p_ij = softmax_j((psi_j - |x_i - y_j|^2) / lambda)."""
        size, top = self.entropic, potential.max()
        bias = ((potential - top - self._norms) / size).to(points.dtype)
        norms, log_count = self._norms.to(points.dtype), math.log(len(self))
        residuals, masses = torch.empty_like(points), torch.zeros_like(potential)
        values = points.new_empty(points.shape[1], dtype=self.exact)
        cost = torch.zeros_like(top)

        def share(part: slice) -> None:
            centred = self._in(points, part)
            logits = torch.addmm(bias, centred, self._centred.T, alpha=2 / size)
            peaks = logits.amax(dim=1, keepdim=True)
            shares = logits.sub_(peaks).clamp_(min=UNDERFLOW).exp_()
            totals = shares.sum(dim=1)
            shares /= totals[:, None]
            sums = totals.log_() + peaks[:, 0]
            squares, means = centred.square().sum(dim=1), shares @ self._centred
            values[part] = squares.to(self.exact) - size * (sums.to(self.exact) - log_count)
            residuals[:, part] = (centred - means).T
            costs = squares + shares @ norms - 2 * (centred * means).sum(dim=1)
            received, paid = shares.sum(dim=0).to(masses), costs.sum().to(cost)
            masses.add_(received)  # no memory is needed from here
            cost.add_(paid)

        self._in_blocks(points, share)
        return Match(values - top, residuals, masses / len(values), cost / len(values))

    def _in(self, points: torch.Tensor, part: slice) -> torch.Tensor:
        """`part` of `points` (d, n) less the centre, (b, d)."""
        return points[:, part].T - self._centre

    def _in_blocks(self, points: torch.Tensor, run: Callable[[slice], None]) -> None:
        """`run` on slices of the columns of `points` (d, n), smaller where memory is short."""
        size = max(1, self._scores // len(self))
        fitted = in_blocks(points.shape[1], size, run)
        if fitted < size:  # other layers and steps need not find out again
            self._scores = fitted * len(self)


@contextmanager
def single_thread() -> Iterator[None]:
    """torch on one thread while the block runs: its idle ones would spin beside the search's."""
    earlier = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(earlier)


def value(targets: Targets, points: torch.Tensor, potential: torch.Tensor) -> torch.Tensor:
    """E psi^c over `points` (d, n) plus E psi: a scalar, differentiable in `points`."""
    return _Mean.apply(points, targets, potential) + potential.mean().to(points.dtype)


class _Mean(torch.autograd.Function):
    """The mean of the c-transform, whose gradient goes through the matches only."""

    @staticmethod
    def forward(context, points, targets, potential):
        match = targets.match(points, potential)
        mean = match.values.mean()
        if not torch.isfinite(mean):
            raise not_finite()
        context.save_for_backward(match.residuals)
        return mean.to(points.dtype)

    @staticmethod
    def backward(context, outer):
        (residuals,) = context.saved_tensors
        return residuals * (outer * 2 / residuals.shape[1]), None, None


def not_finite() -> TextoError:
    """What to say where a feature is not finite, as after a step too large."""
    return TextoError("features", "are not finite", "lower the learning rate, or check the input")
