"""Algorithm 2: a generator trained so that the features of its pictures are an exemplar's."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence

import numpy as np
import torch

from texto.core.threads import single_blas

from ..features.patches import PatchFeatures
from ..losses.base import Additive
from ..losses.objective import Objective
from ..runtime import processes
from ..runtime.devices import exact_float32, to_picture
from ..training.resuming import joined, load_module, load_optimizer, optimizer_state, parted
from .calibration import BATCH, calibrate, match_mean
from .calibration import SIDE as CALIBRATED
from .network import TextureGenerator

TORUS = (True, True)  # what features of the synthesis see
SIDE = 128  # pixels of the sample that a beginning is measured on


class GeneratorTask:
    """A `neural.training.loop.Task`: `network` on `loss`, by Adam with one rate a step.

    A step draws `batch_size` pictures of `sides` = (height, width) on a torus from fresh noise.
    On each the potentials of `loss` rise `n_iter_dual` times (`n_first_dual` times more in step
    0), from random parts of its features, and its gradient is that of other random parts. One
    picture is seen by `loss` at a time, so that memory does not grow with the batch. Of patches
    the coarsest level counts first, and one by one the finer ones join, at even intervals in the
    share `coarse_first` of the steps, each with a first step of its own: what a network learns at
    all levels at once is right at the finest and never gets a layout. What the loss draws from
    must be `rng`. `average` : the network with weights averaged over steps, the latest with share
    1 - `memory`; 0: the network as it is. `n_calibration` : pictures that `finish` measures on;
    `like` (H, W, C) : whose mean colour it gives them, if any. `bfloat16` : the network computes
    in it, but for its last layer; all that compares features is float32. Several processes share a
    batch, see `neural.runtime.processes`; batch norm then takes the statistics of each one's share.
    """

    def __init__(
        self,
        network: TextureGenerator,
        loss: Additive,
        *,
        sides: tuple[int, int],
        rates: Sequence[float],
        batch_size: int = 1,
        n_iter_dual: int = 1,
        n_first_dual: int = 0,
        coarse_first: float = 0.0,
        memory: float = 0.0,
        n_calibration: int = 1,
        like: np.ndarray | None = None,
        bfloat16: bool = False,
        rng: np.random.Generator,
    ):
        self.rng, self.network, self._memory = rng, network.train(), memory
        self.average = copy.deepcopy(network).requires_grad_(False)
        self._objective, self._coarse_first = Objective(loss), coarse_first
        self._layered = [term for _, term in loss.terms if isinstance(term.features, PatchFeatures)]
        self._n_calibration, self._like, self._bfloat16 = n_calibration, like, bfloat16
        self.sides, self._rates, self._batch_size = sides, list(rates), batch_size
        self._n_iter_dual, self._n_first_dual = n_iter_dual, n_first_dual
        self._share, self._joint = processes.share_of(batch_size), processes.together(network)
        self._adam = torch.optim.Adam(network.parameters(), lr=self._rates[0])
        self._latest: torch.Tensor | None = None

    def step(self, number: int) -> float:
        """Algorithm 2, lines 3 to 9. The mean loss of the batch."""
        joins = self._join(number)
        ascents = self._n_iter_dual + (self._n_first_dual if number == 0 or joins else 0)
        # L-BFGS has no place here: every step has a loss of its own.
        with exact_float32(), single_blas():
            pictures = self._drawn()
            losses, slopes = zip(
                *(self._objective.pull(each, ascents) for each in pictures.detach().split(1)),
                strict=True,
            )
            self._adam.zero_grad(set_to_none=True)
            pictures.backward(torch.cat(slopes) / len(losses))
            self._set_rate(self._rates[number])
            self._adam.step()
            self._remember(number)
        self._latest = pictures.detach()
        return float(processes.mean(torch.tensor(losses, device=pictures.device).mean()))

    def state(self) -> dict[str, torch.Tensor]:
        """The network, Adam's moments and the potentials."""
        return joined(
            {
                "network": self.network.state_dict(),
                "average": self.average.state_dict(),
                "adam": optimizer_state(self._adam),
                "loss": self._objective.loss.state(),
            }
        )

    def load(self, state: Mapping[str, torch.Tensor]) -> None:
        """Go back to a `state()`. TextoError where it is of another network or loss."""
        parts = parted(state)
        load_module(self.network, parts.get("network", {}))
        load_module(self.average, parts.get("average", {}))
        load_optimizer(self._adam, parts.get("adam", {}))
        self._objective.loss.load(parts.get("loss", {}))

    @property
    def result(self) -> TextureGenerator:
        """What is kept: `average`."""
        return self.average

    def finish(self) -> None:
        """Measure the statistics of batch norm, and set the mean colour right if there is `like`.

        Drawn after the training, as if that had never been interrupted.
        """
        batch = min(BATCH, self._n_calibration)
        rounds, side = -(-self._n_calibration // batch), min(self.sides[0], CALIBRATED)
        calibrate(self.average, rng=self.rng, side=side, batch=batch, rounds=rounds)
        if self._like is not None and self.average.last.bias is not None:
            options = {"side": side, "batch": batch, "rounds": rounds}
            match_mean(self.average.eval(), self._like, rng=self.rng, **options)

    def preview(self) -> np.ndarray:
        """The first picture of the latest step (H, W, C)."""
        if self._latest is None:
            raise RuntimeError("no step has been made")
        return to_picture(self._latest[:1])

    def _join(self, number: int) -> bool:
        """Let the levels take part whose time has come. Whether one joins in this step."""
        until, new = self._coarse_first * len(self._rates), False
        for term in self._layered:
            n_levels = len(term.layers)
            starts = [until * place / max(1, n_levels - 1) for place in range(n_levels)]
            count = sum(start <= number for start in starts)
            term.active = term.layers[n_levels - count :]  # finest first
            new |= any(number - 1 < start <= number for start in starts)
        return new

    def _drawn(self) -> torch.Tensor:
        noise = self.network.noise(self.sides, rng=self.rng, batch=self._batch_size, periodic=TORUS)
        own = [each[self._share] for each in noise]
        with torch.autocast(own[0].device.type, torch.bfloat16, enabled=self._bfloat16):
            return self._joint(own, periodic=TORUS)

    def _set_rate(self, rate: float) -> None:
        for group in self._adam.param_groups:
            group["lr"] = rate

    def _remember(self, number: int) -> None:
        """Move `average` towards the network: far in the first steps, as if it had begun there."""
        share = 1 - min(self._memory, number / (number + 10))
        with torch.no_grad():
            for mean, weight in zip(
                self.average.parameters(), self.network.parameters(), strict=True
            ):
                mean.lerp_(weight, share)


def begin_like(network: TextureGenerator, exemplar: np.ndarray, rng: np.random.Generator) -> None:
    """Let an untrained `network` make pictures of the mean and covariance of `exemplar`'s colours.

    The exemplar (H, W, C). Sets the last convolution, which must have a bias, on the strongest
    principal components of one sample's features. Elsewhere all patches would first be matched
    with a few targets, which drives the potentials far off.
    """
    channels, features = exemplar.shape[2], []
    handle = network.last.register_forward_pre_hook(lambda _, inputs: features.append(inputs[0]))
    with torch.no_grad():
        network(network.noise((SIDE, SIDE), rng=rng, periodic=TORUS), periodic=TORUS)
    handle.remove()
    found = features[0][0].flatten(1).double().cpu().numpy()  # (k, n)
    variances, axes = np.linalg.eigh(np.cov(found).reshape(len(found), -1))
    colours = exemplar.reshape(-1, channels).astype(np.float64)
    spread, directions = np.linalg.eigh(np.cov(colours.T, ddof=0).reshape(channels, channels))
    count = min(channels, len(found))
    scales = np.sqrt(spread.clip(0)[-count:] / variances[-count:].clip(1e-12))
    weight = directions[:, -count:] * scales @ axes[:, -count:].T  # (C, k)
    bias = colours.mean(axis=0) - weight @ found.mean(axis=1)
    with torch.no_grad():
        network.last.weight.copy_(torch.from_numpy(weight)[:, :, None, None])
        network.last.bias.copy_(torch.from_numpy(bias))
