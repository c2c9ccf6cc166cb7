"""Texture by descent of a picture: on a torus, from its coarsest size up."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from texto.noise import field_like
from texto.protocols import Progress, Step, TextoError, TextoWarning
from texto.pyramid import level_sizes, pyramid
from texto.settings import PERIODIC

from .optimize import optimise
from .tensors import resolve_device, to_picture

Mixture = list[tuple[np.ndarray, float]]  # exemplars (H_i, W_i, C) and their weights

FLOOR = 0.1  # share of Adam's step that is left at the end of a size


@dataclass(frozen=True, eq=False)
class Work:
    """What a loss is made for: one size.

    `exemplar` (H, W, C) : at this size, `level` halvings below `whole_shape`. `sides` : of the
    picture. `rng` : what the loss draws from.
    """

    exemplar: np.ndarray
    whole_shape: tuple[int, ...]
    level: int
    sides: tuple[int, int]
    device: str
    rng: np.random.Generator


def synthesise(
    method: Any,
    exemplars: Sequence[np.ndarray],
    shape: tuple[int, int],
    *,
    weights: Sequence[float] = (1.0,),
    rng: np.random.Generator,
    progress: Progress,
) -> np.ndarray:
    """Texture (*shape, C) float32 in [0, 1] by a `PictureDescent`.

    The loss is the sum of those of `exemplars` (H_i, W_i, C), by `weights`. Where a GPU chosen
    by "auto" has not enough memory, the CPU starts anew, with a note. TextoError where memory
    is short otherwise.
    """
    channels = exemplars[0].shape[2]
    if method.takes_channels and all((each == each[:, :, :1]).all() for each in exemplars):
        exemplars = [each[:, :, :1] for each in exemplars]  # grey stays grey
    mixed = list(zip(exemplars, map(float, weights), strict=True))
    result = _on_a_device(method, mixed, shape, rng, progress)
    return np.repeat(result, channels // result.shape[2], axis=2)


def _on_a_device(
    method: Any,
    mixed: Mixture,
    shape: tuple[int, int],
    rng: np.random.Generator,
    progress: Progress,
) -> np.ndarray:
    device = str(resolve_device(method.device))
    seen, before = _Steps(progress), copy.deepcopy(rng.bit_generator.state)
    try:
        return _Synthesis(method, mixed, shape, rng, seen, device).run()
    except torch.OutOfMemoryError as error:
        if method.device != "auto" or device == "cpu":
            raise TextoError(
                f"memory of {device}",
                f"is too small for {shape[1]}x{shape[0]}",
                "make a smaller picture, choose fewer layers, or use --device cpu",
            ) from error
    warnings.warn(
        f"{device} has too little memory for {shape[1]}x{shape[0]}: the CPU goes on",
        TextoWarning,
        stacklevel=4,
    )
    torch.cuda.empty_cache()
    rng.bit_generator.state = before
    return _Synthesis(method, mixed, shape, rng, seen, "cpu").run()


class _Steps:
    """Progress that never counts back: a second attempt is silent up to where the first was."""

    def __init__(self, then: Progress):
        self._then, self._reached = then, 0

    def __call__(self, step: Step) -> None:
        if step.iteration > self._reached:
            self._reached = step.iteration
            self._then(step)


class _Synthesis:
    """One run on one device."""

    def __init__(
        self,
        method: Any,
        mixed: Mixture,
        shape: tuple[int, int],
        rng: np.random.Generator,
        progress: Progress,
        device: str,
    ):
        shapes = [exemplar.shape for exemplar, _ in mixed]
        n_sizes = min(map(method.count_sizes, shapes))
        self._method, self._shape, self._rng, self._device = method, shape, rng, device
        self._canvas = _canvas(method, shapes, shape, n_sizes)
        while n_sizes > 1 and min(self._canvas) >> (n_sizes - 1) < 4:  # a small tile
            n_sizes -= 1
        self._sizes = level_sizes(self._canvas, n_sizes)
        self._pyramids = [(pyramid(exemplar, n_sizes), weight) for exemplar, weight in mixed]
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
            weight * self._start_for(exemplars[-1], np.random.default_rng(noise))
            for exemplars, weight in self._pyramids
        )
        planes = np.moveaxis(np.clip(values, *self._range).astype(np.float32), 2, 0)
        return torch.tensor(np.ascontiguousarray(planes), device=self._device)[None]

    def _start_for(self, exemplar: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """(h, w, C) for one exemplar, of the coarsest size."""
        sides = self._sizes[-1]
        if self._method.chosen("start") == "coarse":
            return field_like(exemplar, sides, rng, periodic=(True, True))
        if self._method.chosen("noise") == "uniform":
            return rng.random((*sides, exemplar.shape[2]), dtype=np.float32)
        # around the exemplar's mean (GOTEX: 0.05 standard deviations)
        mean, deviation = exemplar.mean(axis=(0, 1)), exemplar.std(axis=(0, 1))
        return mean + 0.05 * deviation * rng.standard_normal((*sides, exemplar.shape[2]))

    def _descended(self, picture: torch.Tensor, level: int) -> torch.Tensor:
        """`picture` after the steps of its size."""
        method, n_iter = self._method, self._method.image_steps(level)
        base, self._done = self._done, self._done + n_iter

        def tell(step: Step) -> None:
            done = base + step.iteration
            self._progress(Step("synthesize", level, done, self._total, step.loss))

        rate = method.chosen("learning_rate")
        falls = method.chosen("start") == "coarse"
        return optimise(
            picture,
            self._loss(level),
            optimizer=method.chosen("optimizer"),
            n_iter=n_iter,
            learning_rate=falling(rate, n_iter) if falls else rate,
            n_iter_dual=method.chosen("n_iter_dual"),
            n_first_dual=method.chosen("n_first_dual"),
            tolerance=method.tolerance,
            bounds=tuple(torch.tensor(each)[:, None, None] for each in self._range),
            rng=self._rng if method.chosen("by_chance") else None,
            progress=tell,
        )

    def _loss(self, level: int) -> Any:
        """The weighted sum of the exemplars' losses at one size."""
        rest = self._sizes[level], self._device, self._rng
        return sum(
            weight * self._method.loss(Work(exemplars[level], exemplars[0].shape, level, *rest))
            for exemplars, weight in self._pyramids
        )


def falling(rate: float, count: int) -> list[float]:
    """`count` rates from `rate` down to a tenth, along a cosine."""
    phases = np.linspace(0, np.pi, count)
    return list(rate * (FLOOR + (1 - FLOOR) * (1 + np.cos(phases)) / 2))


def enlarged(picture: torch.Tensor, sides: Sequence[int]) -> torch.Tensor:
    """`picture` (1, C, h, w) on a torus, stretched to `sides`, linearly between its pixels."""
    for axis, side in zip((2, 3), sides, strict=True):
        own = picture.shape[axis]
        places = (np.arange(side) + 0.5) * (own / side) - 0.5
        below = np.floor(places)
        share = torch.tensor((places - below).astype(np.float32), device=picture.device)
        before, after = (
            picture.index_select(axis, torch.tensor(index.astype(int) % own).to(picture.device))
            for index in (below, below + 1)
        )
        picture = torch.lerp(before, after, share[:, None] if axis == 2 else share)
    return picture.contiguous()


def _canvas(
    method: Any, exemplar_shapes: Sequence[tuple[int, ...]], shape: tuple[int, int], n_sizes: int
) -> tuple[int, int]:
    """The torus to work on: a tile is one as it is, another picture is cut out of a larger one."""
    unit = max(method.stride, 2 ** (n_sizes - 1))
    least = max(map(method.least_side, exemplar_shapes))
    return tuple(
        side if wraps else -(-max(side, least) // unit) * unit
        for side, wraps in zip(shape, PERIODIC[method.tileable], strict=True)
    )
