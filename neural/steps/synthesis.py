"""Texture by descent of a picture: on a torus, from its coarsest size up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from texto.core.types import Progress, Step
from texto.patches.noise import field_like
from texto.patches.pyramid import level_sizes, pyramid
from texto.steps.mixing.zones import resized

from ..losses.base import Additive, Loss
from ..runtime.attempts import attempted
from ..runtime.devices import to_picture
from ..runtime.pictures import is_grey
from .canvas import canvas_of, enlarged, on_canvas
from .descent import falling, optimise
from .work import Descends, Work

Weight = float | np.ndarray  # one, or one a pixel, (height, width)
Mixture = list[tuple[np.ndarray, Weight]]  # exemplars (H_i, W_i, C) and their weights

MARGIN = 4  # units of a canvas in which a map finds back to where it began


def synthesize(
    method: Descends,
    exemplars: Sequence[np.ndarray],
    shape: tuple[int, int],
    *,
    weights: Sequence[Weight] = (1.0,),
    rng: np.random.Generator,
    progress: Progress,
) -> np.ndarray:
    """Texture (*shape, C) float32 in [0, 1] by a `PictureDescent`.

    The loss is the sum of those of `exemplars` (H_i, W_i, C), by `weights`: numbers, or for
    losses with `chances` maps of `shape` that sum to one at every pixel. Where a GPU chosen by
    "auto" has not enough memory, the CPU starts anew, with a note. TextoError where memory is
    short otherwise.
    """
    channels = exemplars[0].shape[2]
    if method.takes_channels and all(map(is_grey, exemplars)):
        exemplars = [each[:, :, :1] for each in exemplars]  # grey stays grey
    mixed = list(zip(exemplars, weights, strict=True))

    def run(device: str, seen: Progress) -> np.ndarray:
        return _Synthesis(method, mixed, shape, rng, seen, device).run()

    what = f"{shape[1]}x{shape[0]}"
    result = attempted(method.device, run, what, rng=rng, progress=progress)
    return np.repeat(result, channels // result.shape[2], axis=2)


class _Synthesis:
    """One run on one device."""

    def __init__(
        self,
        method: Descends,
        mixed: Mixture,
        shape: tuple[int, int],
        rng: np.random.Generator,
        progress: Progress,
        device: str,
    ):
        shapes = [exemplar.shape for exemplar, _ in mixed]
        n_sizes = min(map(method.count_sizes, shapes))
        self._method, self._shape, self._rng, self._device = method, shape, rng, device
        along = any(isinstance(weight, np.ndarray) for _, weight in mixed)
        self._canvas = canvas_of(method, shapes, shape, n_sizes, margin=MARGIN * along)
        while n_sizes > 1 and min(self._canvas) >> (n_sizes - 1) < 4:  # a small tile
            n_sizes -= 1
        self._sizes = level_sizes(self._canvas, n_sizes)
        self._parts = [_Part.of(exemplar, weight, self._sizes) for exemplar, weight in mixed]
        # As in Gatys 2015, no channel leaves the exemplar's range.
        self._range = (
            np.min([exemplar.min(axis=(0, 1)) for exemplar, _ in mixed], axis=0),
            np.max([exemplar.max(axis=(0, 1)) for exemplar, _ in mixed], axis=0),
        )
        self._progress, self._done = progress, 0
        self._total = sum(method.image_steps(level) for level in range(n_sizes))

    def run(self) -> np.ndarray:
        """The picture, cut out of the torus."""
        picture = self._start()
        for level in reversed(range(len(self._sizes))):
            if picture.shape[2:] != self._sizes[level]:
                picture = enlarged(picture, self._sizes[level])
            picture = self._descended(picture, level)
        height, width = self._shape
        return np.ascontiguousarray(to_picture(picture[:, :, :height, :width]))

    def _start(self) -> torch.Tensor:
        """A Gaussian field at the coarsest size, or noise at full size: (1, C, H, W)."""
        noise = self._rng.integers(2**63)  # the same for all exemplars
        values = sum(
            part.weight(-1) * self._start_for(part.exemplars[-1], np.random.default_rng(noise))
            for part in self._parts
        )
        planes = np.moveaxis(np.clip(values, *self._range).astype(np.float32), 2, 0)
        return torch.tensor(np.ascontiguousarray(planes), device=self._device)[None]

    def _start_for(self, exemplar: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """(h, w, C) for one exemplar, of the coarsest size."""
        sides = self._sizes[-1]
        if self._method.start == "coarse":
            return field_like(exemplar, sides, rng, periodic=(True, True))
        if self._method.noise == "uniform":
            return rng.random((*sides, exemplar.shape[2]), dtype=np.float32)
        # around the exemplar's mean (GOTEX: 0.05 standard deviations)
        mean, deviation = exemplar.mean(axis=(0, 1)), exemplar.std(axis=(0, 1))
        return mean + 0.05 * deviation * rng.standard_normal((*sides, exemplar.shape[2]))

    def _descended(self, picture: torch.Tensor, level: int) -> torch.Tensor:
        """`picture` after the steps of its size."""
        base, self._done = self._done, self._done + self._method.image_steps(level)

        def tell(step: Step) -> None:
            done = base + step.iteration
            self._progress(Step("synthesize", level, done, self._total, step.loss))

        return descended(
            self._method,
            picture,
            self._loss(level),
            level,
            limits=self._range,
            rng=self._rng,
            progress=tell,
        )

    def _loss(self, level: int) -> Loss:
        """The weighted sum of the exemplars' losses at one size."""
        rest = self._sizes[level], self._device, self._rng
        return Loss(
            (part.share * weight, term)
            for part in self._parts
            for weight, term in self._method.loss(
                Work(
                    part.exemplars[level],
                    part.exemplars[0].shape,
                    level,
                    *rest,
                    chances=part.chances[level],
                )
            ).terms
        )


@dataclass(frozen=True, eq=False)
class _Part:
    """One exemplar of a mix at all sizes, and its share of the whole.

    `chances` (h, w) at each size : where it holds, if not so everywhere.
    """

    exemplars: list[np.ndarray]
    share: float
    chances: list[np.ndarray | None]

    @classmethod
    def of(cls, exemplar: np.ndarray, weight: Weight, sizes: list[tuple[int, int]]) -> _Part:
        """The part of `exemplar` (H, W, C) in pictures of `sizes`."""
        exemplars = pyramid(exemplar, len(sizes))
        if not isinstance(weight, np.ndarray):
            return cls(exemplars, float(weight), [None] * len(sizes))
        whole = on_canvas(weight, sizes[0])
        return cls(exemplars, float(whole.mean()), [resized(whole, size) for size in sizes])

    def weight(self, level: int) -> Weight:
        """A number, or (h, w, 1)."""
        chances = self.chances[level]
        return self.share if chances is None else chances[:, :, None]


def descended(
    method: Descends,
    picture: torch.Tensor,
    loss: Additive,
    level: int,
    *,
    limits: tuple[np.ndarray, np.ndarray],
    mask: torch.Tensor | None = None,
    rng: np.random.Generator,
    progress: Progress,
) -> torch.Tensor:
    """`picture` (1, C, h, w) after the steps of `method` at `level`, each channel in `limits`.

    Where `mask` (h, w) is False, pixels stay as they are.
    """
    n_iter, rate = method.image_steps(level), method.learning_rate
    n_iter_dual, n_first_dual = method.ascents
    low, high = (torch.tensor(each).to(picture)[:, None, None] for each in limits)
    if mask is not None:
        low, high = (torch.where(mask, each, picture) for each in (low, high))
    return optimise(
        picture,
        loss,
        optimizer=method.optimizer,
        n_iter=n_iter,
        learning_rate=falling(rate, n_iter) if method.start == "coarse" else rate,
        n_iter_dual=n_iter_dual,
        n_first_dual=n_first_dual,
        tolerance=method.tolerance,
        mask=mask,
        bounds=(low, high),
        rng=rng if method.by_chance else None,
        progress=progress,
    )
