"""Semi-dual optimal transport between the features of a picture and an exemplar's.

    OT(mu, nu) = max_psi  E_{x ~ mu} psi^c(x) + E_{y ~ nu} psi(y),    c = |x - y|^2

(Houdard, Leclaire, Papadakis, Rabin 2020, eq. (10); 2023 for features of networks).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch

from texto.core.errors import TextoError
from texto.core.threads import single_blas

from ..features.kinds import Features
from ..runtime import processes
from .base import Maps, Term, columns
from .ctransform import Match, Targets, value

STEPS = ("plain", "normalised", "cost", "bounded")
SCHEDULES = ("constant", "sqrt")
FADING = 0.1  # weight of the newest step in the running mean of the cost
BOUND = 3  # units that a bounded step may lower a potential
EMPHASIS = 3  # with falling steps, the average weighs iterate k as k^EMPHASIS

Chances = np.ndarray | torch.Tensor | None
Where = Mapping[str, Chances] | Callable[[str, tuple[int, int]], Chances]


class SemiDual(Term):
    """Transport cost from the features of a picture onto an exemplar's, layer by layer.

        sum_l w_l ( E_i min_j [|x_i - y_j|^2 - psi_j] + E_j psi_j )

    With the potentials psi at their best it is the optimal transport cost, else less. They are
    0 at first and rise by `ascend`. `target_maps` : by layer, (C, h, w), or (C, m) for any set
    of features; `weights` : None for the mean over `layers`, one number for all, or by name.

    n_targets : features of the exemplar a layer, drawn once; None: all. n_queries : features of
    the picture that a step of ascent looks at, drawn anew; None: all. `n_image_queries` the
    same for `value`. `where` : by layer, (h, w), or a function of the layer and of (h, w): bool,
    the positions that take part, or in [0, 1] the chance of each to do so, drawn anew.

    A step of ascent from the gradient g_j = 1 / m - mass of cell j is
    `step` "plain": rate g, as published for patches with `rate=1`; "normalised": rate g / |g|,
    as published for VGG-19; "cost": rate (mean cost) g / max(1 / m, 1 / n), that of `patch-ot`,
    which needs no tuning from layer to layer: `rate=0.3` with `schedule="sqrt"`, where step t
    has rate / sqrt(t); "bounded": that, and at most 3 units down, for features that may crowd
    round a few targets, as those of an untrained network do. `rate` is one number, or one by
    layer. `settle` goes to the average since the last time, uniform for constant steps.

    entropic : lambda of the entropic cost, in units of |x - y|^2; 0: none. `active` : the layers
    that take part now, at first all; the others neither count nor rise.

    The gradient of `value` goes through the matched features only, or their means by shares.
    Cost: 2 n m C a layer in `value` and in `ascend`; memory of `value` twice the maps.
    TextoError for settings out of range, and for features that are not finite.
    """

    def __init__(
        self,
        features: Features,
        target_maps: Maps,
        *,
        layers: Sequence[str] | None = None,
        weights: float | Mapping[str, float] | None = None,
        n_targets: int | None = None,
        n_queries: int | None = None,
        n_image_queries: int | None = None,
        rate: float | Mapping[str, float] = 1.0,
        step: str = "plain",
        schedule: str = "constant",
        entropic: float = 0.0,
        where: Where | None = None,
        rng: np.random.Generator,
    ):
        super().__init__(features, target_maps, layers=layers, weights=weights)
        _check(step=(step, STEPS), schedule=(schedule, SCHEDULES))
        rates = dict(rate) if isinstance(rate, Mapping) else dict.fromkeys(self.layers, rate)
        for name, number in (*(("rate", each) for each in rates.values()), ("entropic", entropic)):
            if not 0 <= number < np.inf:
                raise TextoError(name, f"is {number}", "give a number from 0")
        counts = {"n_targets": n_targets, "n_queries": n_queries}
        for name, count in {**counts, "n_image_queries": n_image_queries}.items():
            if count is not None and count < 1:
                raise TextoError(name, f"is {count}", "give a number from 1, or none")
        self._rng, self._n_queries, self._n_image = rng, n_queries, n_image_queries
        self._where = where
        self._chances: dict[str, np.ndarray | None] = {}
        targets = {layer: columns(target_maps[layer]) for layer in self.layers}
        for layer, points in targets.items():
            if not points.shape[1]:
                raise TextoError("exemplar", f"has no feature at {layer}", "give a larger one")
        self.potentials = {
            layer: Potential(
                Targets(self._part(points, n_targets), entropic=entropic),
                rate=rates[layer],
                step=step,
                schedule=schedule,
            )
            for layer, points in targets.items()
        }
        self.active = self.layers

    def value(self, maps: Maps) -> torch.Tensor:
        """The cost of `maps` (1, C, h, w) by layer at the present potentials, a scalar."""
        # 0, but a function of the maps even where no position takes part.
        total = 0 * maps[self.layers[0]].flatten()[0]
        with single_blas():
            for layer in self.active:
                points, potential = self._points(maps, layer, self._n_image), self.potentials[layer]
                if points.shape[1]:
                    part = value(potential.targets, points, potential.value)
                    total = total + self.weights[layer] * part
        return total

    def ascend(self, maps: Maps) -> None:
        """One step of ascent on the potentials, from a random part of `maps`."""
        with torch.no_grad(), single_blas():
            for layer in self.active:
                points = self._points(maps, layer, self._n_queries)
                if points.shape[1]:
                    self.potentials[layer].ascend(points)

    def settle(self) -> None:
        """Go to the average of the steps of `ascend` since the last time."""
        for potential in self.potentials.values():
            potential.settle()

    def state(self) -> dict[str, torch.Tensor]:
        """The potentials, their averages, counts and units of step, on the CPU."""
        return {
            f"{layer}.{name}": tensor
            for layer, potential in self.potentials.items()
            for name, tensor in potential.state().items()
        }

    def load(self, state: Mapping[str, torch.Tensor]) -> None:
        """Go back to a `state()`. TextoError where it is of other layers or targets."""
        for layer, potential in self.potentials.items():
            own, start = potential.state(), f"{layer}."
            found = {k[len(start) :]: v for k, v in state.items() if k.startswith(start)}
            if any(name not in found or found[name].shape != own[name].shape for name in own):
                raise TextoError("checkpoint", f"does not fit {layer}", "start anew")
            potential.load(found)

    def _points(self, maps: Maps, layer: str, count: int | None) -> torch.Tensor:
        """(C, n): the features that take part, at most `count`."""
        points = columns(maps[layer])
        height, width = maps[layer].shape[-2:]
        chances = self._chances_at(layer, (height, width))
        if chances is not None:
            drawn = chances if chances.dtype == bool else self._rng.random(chances.size) < chances
            places = torch.from_numpy(np.flatnonzero(drawn))
            points = points.index_select(1, places.to(points.device))
        return self._part(points, count)

    def _chances_at(self, layer: str, sides: tuple[int, int]) -> np.ndarray | None:
        """(n,): which positions of maps of `sides` take part, or their chances; None: all."""
        if layer not in self._chances:
            where = self._where
            found = where(layer, sides) if callable(where) else (where or {}).get(layer)
            self._chances[layer] = None if found is None else np.asarray(found).ravel()
        return self._chances[layer]

    def _part(self, points: torch.Tensor, count: int | None) -> torch.Tensor:
        """`count` random columns, none twice; all where there are no more."""
        size = points.shape[1]
        if count is None or count >= size:
            return points
        chosen = np.sort(self._rng.choice(size, count, replace=False, shuffle=False))
        return points.index_select(1, torch.from_numpy(chosen).to(points.device))


class Potential:
    """psi on one layer's `targets`, by averaged stochastic ascent.

    `value` : (m,), the iterate, or its average after `settle`.
    """

    def __init__(self, targets: Targets, *, rate: float, step: str, schedule: str):
        self.targets = targets
        self.value = targets.points.new_zeros(len(targets), dtype=targets.exact)
        self._rate, self._step, self._falls = rate, step, schedule == "sqrt"
        self._average = self.value.clone()
        self._averaged = self._steps = 0
        self._unit = torch.tensor(-1.0, dtype=targets.exact, device=targets.points.device)

    def ascend(self, points: torch.Tensor) -> None:
        """One step, from the features `points` (C, n)."""
        match = self.targets.match(points, self.value)
        self._steps += 1
        rate = self._rate / self._steps**0.5 if self._falls else self._rate
        n_points = points.shape[1] * processes.count()
        self.value = self.value + rate * self._direction(match, n_points)
        self._averaged += 1
        emphasis = EMPHASIS if self._falls else 0
        share = (emphasis + 1) / (emphasis + self._averaged)
        self._average = torch.lerp(self._average, self.value, share)

    def settle(self) -> None:
        """Go to the average, and begin another."""
        if self._averaged:
            self.value, self._averaged = self._average, 0

    def state(self) -> dict[str, torch.Tensor]:
        """All of it, on the CPU."""
        counts = torch.tensor([self._steps, self._averaged])
        tensors = {"potential": self.value, "average": self._average, "unit": self._unit}
        return {name: each.cpu() for name, each in tensors.items()} | {"counts": counts}

    def load(self, state: Mapping[str, torch.Tensor]) -> None:
        """Go back to a `state()`."""
        self.value, self._average, self._unit = (
            state[name].to(self.value) for name in ("potential", "average", "unit")
        )
        self._steps, self._averaged = state["counts"].tolist()

    def _direction(self, match: Match, n_points: int) -> torch.Tensor:
        """(m,): the super-gradient, in the units of the step."""
        share = 1 / len(self.targets)
        slope = share - processes.mean(match.masses)
        if self._step == "plain":
            return slope
        if self._step == "normalised":
            return slope / slope.norm().clamp(min=torch.finfo(slope.dtype).tiny)
        cost = processes.mean(match.cost).to(self._unit)
        faded = torch.lerp(self._unit, cost, FADING)
        self._unit = torch.where(self._unit < 0, cost, faded)
        direction = slope / max(share, 1 / n_points)
        return self._unit * (direction.clamp(min=-BOUND) if self._step == "bounded" else direction)


def _check(**options: tuple[str, tuple[str, ...]]) -> None:
    for name, (given, known) in options.items():
        if given not in known:
            raise TextoError(name, f"is {given!r}", f"use {', '.join(known)}")
