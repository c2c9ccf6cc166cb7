"""Descent of a picture on losses of its features: the one loop of all methods on pixels."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from texto.core.types import Progress, Step, silent
from texto.steps.adam import MOMENTS, Plateau

from ..losses.base import Additive
from ..losses.objective import Objective
from ..training.resuming import Checkpoint, Snapshot

BURST = 20  # L-BFGS steps between two ascents of the potentials: PyTorch's, and so GOTEX's
MEMORY = 20  # pairs that L-BFGS keeps, as in Gatys 2015
STAGE = "optimise"
FLOOR = 0.1  # share of Adam's step that is left at the end of a size
_TINY = 1e-12

Bounds = tuple[float | torch.Tensor, float | torch.Tensor]
Within = tuple[torch.Tensor, torch.Tensor]  # of the picture's shape


class Adam:
    """Adam (Kingma, Ba 2014) on a picture."""

    def __init__(self, like: torch.Tensor):
        self.count = 0
        self.mean, self.square = torch.zeros_like(like), torch.zeros_like(like)

    def step(self, picture: torch.Tensor, slope: torch.Tensor, rate: float) -> torch.Tensor:
        """`picture` one step of about `rate` down `slope`."""
        self.count += 1
        first, second = MOMENTS
        self.mean.lerp_(slope, 1 - first)
        self.square.lerp_(slope * slope, 1 - second)
        mean = self.mean / (1 - first**self.count)
        scale = (self.square / (1 - second**self.count)).sqrt_()
        # Relative to the slopes at hand, so that the weight of a loss does not change its path.
        scale += 1e-8 + 1e-3 * scale.mean()
        return picture - rate * mean / scale

    def state(self) -> dict[str, torch.Tensor]:
        """All that a run needs to go on."""
        return {"mean": self.mean, "square": self.square, "count": torch.tensor(self.count)}

    def load(self, state: dict[str, torch.Tensor]) -> None:
        """Go on from `state()`."""
        self.mean.copy_(state["mean"])
        self.square.copy_(state["square"])
        self.count = int(state["count"])


def optimise(
    picture: torch.Tensor,
    loss: Additive,
    *,
    optimizer: str = "adam",
    n_iter: int = 100,
    learning_rate: float | Sequence[float] = 0.02,
    n_iter_dual: int = 10,
    n_first_dual: int = 0,
    tolerance: float = 0.0,
    mask: torch.Tensor | None = None,
    bounds: Bounds = (0.0, 1.0),
    rng: np.random.Generator | None = None,
    checkpoint: Checkpoint | None = None,
    progress: Progress = silent,
) -> torch.Tensor:
    """`picture` (1, C, H, W) in [0, 1] after `n_iter` steps down `loss`.

    A step computes the features once, lets the potentials rise `n_iter_dual` times on them
    (`n_first_dual` times more at first), and moves the picture. "adam" moves by about
    `learning_rate`, one for all steps or one each. "lbfgs" is L-BFGS-B: `n_iter` counts its
    evaluations, in bursts of 20 steps on a loss held still, between which potentials rise and
    random subsets change; a loss without potentials and chance, `rng` None, is one burst. What
    the loss draws from must be `rng`.

    Ends early where the mean losses of 10 steps and of the 10 before differ by less than the
    share `tolerance`. Values stay between `bounds`, numbers or (C, 1, 1); pixels where `mask`
    (H, W) is False stay as they are. `progress` gets the loss of
    every step, and its last step reaches the total. Raises TextoError where the loss is not
    finite, and where `checkpoint` holds another run.
    """
    objective = Objective(loss, mask=mask)
    run = Run(objective, n_iter, n_iter_dual, n_first_dual, tolerance, rng, progress)
    with torch.no_grad():
        within = tuple(torch.as_tensor(each).to(picture).expand_as(picture) for each in bounds)
        if optimizer == "lbfgs":
            return _by_lbfgs(run, picture, within, checkpoint)
        rates = list(np.broadcast_to(learning_rate, n_iter))
        return _by_adam(run, picture, within, rates, checkpoint)


def falling(rate: float, count: int, floor: float = FLOOR) -> list[float]:
    """`count` rates from `rate` down to the share `floor` of it, along a cosine."""
    phases = np.linspace(0, np.pi, count)
    return list(rate * (floor + (1 - floor) * (1 + np.cos(phases)) / 2))


class Run:
    """The count of steps of one run, what each does to the potentials, and when to stop."""

    def __init__(
        self,
        objective: Objective,
        n_iter: int,
        n_iter_dual: int,
        n_first_dual: int,
        tolerance: float,
        rng: np.random.Generator | None,
        progress: Progress,
    ):
        self.objective, self.rng, self.done, self.n_iter = objective, rng, 0, n_iter
        self._dual, self._first = n_iter_dual, n_first_dual
        self._plateau, self._progress = Plateau(tolerance), progress

    @property
    def ascents(self) -> int:
        """Steps of ascent that the potentials make before the next step of the picture."""
        return self._dual + (self._first if self.done == 0 else 0)

    @property
    def ended(self) -> bool:
        """Whether all steps are done."""
        return self.done >= self.n_iter

    def count(self, loss: float) -> None:
        """One more step is done, or all where the loss no longer moves."""
        self.done = self.n_iter if self._plateau.reached(loss) else self.done + 1
        self._progress(Step(STAGE, 0, self.done, self.n_iter, loss))

    def stop(self, loss: float | None) -> None:
        """Nothing more can be won."""
        if not self.ended:
            self.done = self.n_iter
            self._progress(Step(STAGE, 0, self.done, self.n_iter, loss))


def _by_adam(
    run: Run,
    picture: torch.Tensor,
    within: Within,
    rates: Sequence[float],
    checkpoint: Checkpoint | None,
) -> torch.Tensor:
    adam, picture = Adam(picture), picture.clone()
    snapshot = _snapshot(checkpoint, run, "adam")
    if held := snapshot and snapshot.load(picture):
        picture, run.done = held.picture, held.done
        adam.load(held.optimizer)
    while not run.ended:
        done = run.done
        loss, slope = run.objective.pull(picture, run.ascents)
        picture = adam.step(picture, slope, float(rates[done])).clamp_(*within)
        run.count(loss)
        if snapshot and (run.done % checkpoint.every == 0 or run.ended):
            snapshot.save(picture, run.done, adam.state())
    return picture


def _by_lbfgs(
    run: Run, picture: torch.Tensor, within: Within, checkpoint: Checkpoint | None
) -> torch.Tensor:
    snapshot, picture = _snapshot(checkpoint, run, "lbfgs"), picture.clone()
    if held := snapshot and snapshot.load(picture):
        picture, run.done = held.picture, held.done
    still = run.rng is None and not run.objective.rises
    while not run.ended:
        run.objective.lift(picture, run.ascents)
        picture = _burst(run, picture, within, run.n_iter if still else BURST)
        if snapshot:
            snapshot.save(picture, run.done, {})
    return picture


class _Enough(Exception):
    """The evaluations of a run are used up."""


def _burst(run: Run, picture: torch.Tensor, within: Within, steps: int) -> torch.Tensor:
    """`picture` after `steps` of L-BFGS-B on the loss as it is now."""
    from scipy.optimize import Bounds as Box
    from scipy.optimize import minimize

    best: dict[str, Any] = {"loss": np.inf, "picture": picture}
    unit, before = None, run.done
    frozen = copy.deepcopy(run.rng.bit_generator.state) if run.rng is not None else None

    def evaluate(values: np.ndarray) -> tuple[float, np.ndarray]:
        nonlocal unit
        if run.ended:
            raise _Enough
        if frozen is not None:
            run.rng.bit_generator.state = copy.deepcopy(frozen)
        point = torch.tensor(values, dtype=picture.dtype).reshape(picture.shape)
        point = point.to(picture.device)
        loss, slope = run.objective.pull(point)
        if loss < best["loss"]:
            best.update(loss=loss, picture=point)
        # A first step of L-BFGS is as long as the slope: scaled, it moves grey values by 0.1.
        if unit is None:
            unit = 0.1 / max(float(slope.abs().amax()), _TINY)
        run.count(loss)
        return loss * unit, slope.double().cpu().numpy().ravel() * unit

    low, start, high = (
        each.double().cpu().numpy().ravel() for each in (within[0], picture, within[1])
    )
    options = {"maxiter": steps, "maxcor": MEMORY, "ftol": 0, "gtol": 0, "maxfun": 10 * steps}
    try:
        minimize(
            evaluate, start, jac=True, method="L-BFGS-B", bounds=Box(low, high), options=options
        )
    except _Enough:
        return best["picture"]
    if run.done - before <= 1:  # at the bottom, or nowhere to go
        run.stop(best["loss"] if run.done > before else None)
    return best["picture"]


def _snapshot(checkpoint: Checkpoint | None, run: Run, optimizer: str) -> Snapshot | None:
    if checkpoint is None:
        return None
    return Snapshot(checkpoint.path, run.objective.loss, run.rng, f"{optimizer} {run.n_iter}")
