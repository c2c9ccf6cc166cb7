"""A generator of data, by entropic semi-dual transport onto a finite data set.

    min_theta  max_psi  E_z psi^{c,lambda}(g_theta(z)) + mean_j psi_j,    c(x, y) = |x - y|^2 / d
    psi^{c,lambda}(x) = -lambda log mean_j exp((psi_j - c(x, y_j)) / lambda)

(Houdard, Leclaire, Papadakis, Rabin, arXiv 2102.05542, and their slides on Wasserstein generative
models, 2021.) What it makes are points like those of a data set, not textures of any size, so it
is no `texto.core.contract.Method` and not registered.
"""

from __future__ import annotations

import copy
import dataclasses
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from texto.core.errors import TextoError
from texto.core.settings import check_settings, device_setting, setting
from texto.core.threads import single_blas
from texto.core.types import Progress, Rng, generator, silent

from ..generators.perceptron import begun, noise_for, sampled
from ..losses.ctransform import Targets, value
from ..losses.semidual import Potential
from ..runtime.devices import exact_float32, on_device, resolve_device
from ..training.loop import Keeping, train
from ..training.resuming import joined, load_module, load_optimizer, optimizer_state, parted

LEAST = 1e-6  # a lambda below drowns in the rounding of float32
BETAS = (0.5, 0.999)
SHOWN = 64  # points in a preview


@dataclass(frozen=True)
class EntropicGenerator:
    """A multilayer perceptron trained so that its samples are distributed as a data set.

    The cost c is the mean square over the d coordinates, so that lambda has the same meaning
    for all sizes. Over all generators the least entropic cost is a rate-distortion function:
    the best samples are averages of the data points that are closer than about sqrt(lambda) a
    coordinate. For Gaussian data, exactly: of each variance s / d along a principal axis
    max(s / d - lambda / 2, 0) is left. So a small lambda gives sharp samples, and with a large
    one they all are the mean of the data.

    >>> model = EntropicGenerator(entropic=0.001).fit(digits, rng=0)   # (m, 8, 8) in [0, 1]
    >>> model.sample(16, rng=1)                                        # (16, 8, 8)

    Where the paper is silent: the potentials rise by averaged stochastic ascent in steps of
    C / sqrt(k), k counted over the whole training, C = `dual_rate` min(m, batch_size) times the
    data's mean variance of a coordinate; Adam's rate falls to 0 in the second half; the network
    starts with the mean and the strongest principal axes of the data, since one that starts at
    a point of its own matches few of the data and drives their potentials far off.

    Cost of a step: about 2 (n_iter_dual + 1) batch_size m d operations and batch_size m
    exponentials each, for m data points; memory that of the data.
    """

    entropic: float = setting(
        0.01, "lambda, in units of the mean square of a coordinate; 0: none", low=0, high=1000
    )
    n_iter: int = setting(1500, "training steps, each one of Adam's", low=1, high=10_000_000)
    n_iter_dual: int = setting(2, "steps of ascent in a training step", low=0, high=10_000)
    n_first_dual: int = setting(100, "steps of ascent before all others", low=0, high=100_000)
    batch_size: int = setting(200, "samples in a step of either kind", low=1, high=100_000)
    learning_rate: float = setting(3e-3, "Adam's step in the first half", low=1e-6, high=1)
    dual_rate: float = setting(
        3.0,
        "step of ascent of a data point that gets no sample, by their variance; it falls",
        low=0,
        high=1000,
    )
    n_noise: int = setting(10, "Gaussian numbers that a sample is made from", low=1, high=10_000)
    width: int = setting(256, "units of a hidden layer", low=1, high=10_000)
    n_layers: int = setting(3, "hidden layers", low=1, high=20)
    device: str = device_setting()

    def __post_init__(self):
        check_settings(self)
        if 0 < self.entropic < LEAST:
            why = f"is {self.entropic:g}, too small for float32"
            raise TextoError("entropic", why, f"give 0, or {LEAST:g} and more")

    def fit(
        self,
        data: np.ndarray,
        *,
        rng: Rng = None,
        keeping: Keeping | None = None,
        progress: Progress = silent,
    ) -> EntropicModel:
        """A generator of points like those in `data`, (m, ...) in [0, 1], such as (m, 28, 28).

        `keeping` : a checkpoint, gone on with where it is there, and a preview:
        `neural.training.loop`.
        TextoError for data of other ranges, a checkpoint of another run, and a loss that is not
        finite.
        """
        data = checked(data)
        seed = None if rng is None or isinstance(rng, np.random.Generator) else int(rng)
        digest = hashlib.sha256(repr(data.shape).encode() + data.tobytes()).hexdigest()
        run = {**dataclasses.asdict(self), "seed": seed, "data": digest}
        rng = generator(rng)
        begun = copy.deepcopy(rng)

        def trained(device: str) -> EntropicModel:
            task = dataclasses.replace(self, device=device).task(data, rng=copy.deepcopy(begun))
            losses = train(task, self.n_iter, run=run, keeping=keeping, progress=progress)
            return EntropicModel(self, task.network_now(), task.shape, losses)

        return on_device(self.device, trained, f"{len(data)} data points")

    def task(self, data: np.ndarray, *, rng: np.random.Generator) -> EntropicTask:
        """What `fit` trains, for `neural.training.loop.train`."""
        return EntropicTask(self, checked(data), rng=rng)


@dataclass(frozen=True, eq=False)
class EntropicModel:
    """A trained generator.

    `shape` : of a point. `losses` : (n_iter,) float32, the entropic cost at each step, as the
    potentials of then and the samples of the step give it.
    """

    method: EntropicGenerator
    network: nn.Module
    shape: tuple[int, ...]
    losses: np.ndarray

    def sample(self, count: int, *, rng: Rng = None) -> np.ndarray:
        """New points (count, *shape) float32 in [0, 1]; of one seed, the first ones agree."""
        return sampled(self.network, count, rng).reshape(count, *self.shape)


class EntropicTask:
    """A `neural.training.loop.Task`: averaged stochastic ascent on psi, Adam on theta.

    `data` : (m, ...) float32 in [0, 1]. The first weights and all samples are drawn from `rng`.
    """

    def __init__(self, method: EntropicGenerator, data: np.ndarray, *, rng: np.random.Generator):
        self.rng, self.shape, self._method = rng, data.shape[1:], method
        rows = data.reshape(len(data), -1)
        device = resolve_device(method.device)
        self._scale = rows.shape[1] ** -0.5  # of scaled points |x - y|^2 is a mean square
        with single_blas():
            self.network = begun(
                rows, n_noise=method.n_noise, width=method.width, n_layers=method.n_layers, rng=rng
            ).to(device)
        self._potential = Potential(
            Targets(torch.from_numpy(rows).to(device).T * self._scale, entropic=method.entropic),
            # Units of the cost itself would die out where samples stand on a few data points.
            rate=method.dual_rate * _variance(rows) * min(len(rows), method.batch_size),
            step="plain",
            schedule="sqrt",
        )
        self._adam = torch.optim.Adam(
            self.network.parameters(), lr=method.learning_rate, betas=BETAS
        )

    def step(self, number: int) -> float:
        """Ascent, then a step of Adam; the cost on samples that the ascent has not seen."""
        method = self._method
        with exact_float32(), single_blas():
            self._ascend(method.n_iter_dual + (method.n_first_dual if number == 0 else 0))
            loss = self.loss()
            self._adam.zero_grad(set_to_none=True)
            loss.backward()
            for group in self._adam.param_groups:
                group["lr"] = method.learning_rate * min(1, 2 * (1 - number / method.n_iter))
            self._adam.step()
        return float(loss.detach())

    def loss(self) -> torch.Tensor:
        """F(psi, theta) on new samples, a scalar whose gradient goes to the network."""
        return value(self._potential.targets, self._drawn(), self._potential.value)

    def sample(self, count: int, *, rng: Rng = None) -> np.ndarray:
        """Points (count, *shape) of the network as it is by now."""
        return sampled(self.network, count, rng).reshape(count, *self.shape)

    def network_now(self) -> nn.Module:
        """A copy of the network, on the CPU."""
        return copy.deepcopy(self.network).cpu().requires_grad_(False)

    def state(self) -> dict[str, torch.Tensor]:
        """The network, Adam's moments and the potential."""
        parts = {
            "network": self.network.state_dict(),
            "adam": optimizer_state(self._adam),
            "potential": self._potential.state(),
        }
        return joined(parts)

    def load(self, state: Mapping[str, torch.Tensor]) -> None:
        """Go back to a `state()`. TextoError where it is of another network or data set."""
        parts = parted(state)
        own, found = self._potential.state(), parts.get("potential", {})
        if any(name not in found or found[name].shape != own[name].shape for name in own):
            raise TextoError("checkpoint", "is of another data set", "start anew")
        load_module(self.network, parts.get("network", {}))
        load_optimizer(self._adam, parts.get("adam", {}))
        self._potential.load(found)

    def preview(self) -> np.ndarray:
        """Samples of the same noise every time: side by side, or a row each if no pictures."""
        points = self.sample(SHOWN, rng=0)
        if points.ndim == 3 or (points.ndim == 4 and points.shape[3] in (1, 3)):
            return sheet(points, 8)
        return points.reshape(SHOWN, -1, 1)

    def _ascend(self, count: int) -> None:
        with torch.no_grad():
            for _ in range(count):
                self._potential.ascend(self._drawn())
            self._potential.settle()

    def _drawn(self) -> torch.Tensor:
        """(d, batch_size): new samples, scaled."""
        noise = noise_for(self.network, self._method.batch_size, self.rng)
        return self.network(noise).T * self._scale


def sheet(points: np.ndarray, columns: int, gap: int = 1) -> np.ndarray:
    """`points` (n, h, w) or (n, h, w, C) in rows of `columns`: (H, W, C), 0 between them."""
    points = points if points.ndim == 4 else points[..., None]
    count, height, width, channels = points.shape
    rows = -(-count // columns)
    cells = np.zeros((rows * columns, height + gap, width + gap, channels), points.dtype)
    cells[:count, gap:, gap:] = points
    cells = cells.reshape(rows, columns, height + gap, width + gap, channels)
    whole = cells.swapaxes(1, 2).reshape(rows * (height + gap), -1, channels)
    return np.pad(whole, ((0, gap), (0, gap), (0, 0)))


def checked(data: np.ndarray) -> np.ndarray:
    """`data` as float32, contiguous; TextoError unless it is (m, ...) in [0, 1]."""
    data = np.asarray(data)
    if data.ndim < 2 or not data.size:
        raise TextoError("data", f"has shape {data.shape}", "give points (m, d) or (m, h, w)")
    if data.dtype.kind not in "fiub":
        raise TextoError("data", f"is of type {data.dtype}", "give real numbers")
    if not np.isfinite(data).all() or data.min() < 0 or data.max() > 1:
        raise TextoError("data", "is not all in [0, 1]", "scale it, bytes by 1 / 255")
    return np.ascontiguousarray(data, np.float32)


def _variance(rows: np.ndarray) -> float:
    """The mean over coordinates of the variance of `rows` (m, d)."""
    return float(rows.var(axis=0, dtype=np.float64).mean())
