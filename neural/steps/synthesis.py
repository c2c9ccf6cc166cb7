"""Texture by descent of a picture: on a torus, from its coarsest size up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from texto.core.settings import PERIODIC
from texto.core.types import Progress, Step
from texto.patches.noise import field_like
from texto.patches.pyramid import level_sizes, pyramid
from texto.steps.mixing.zones import resized

from ..runtime.attempts import attempted
from ..runtime.devices import to_picture
from ..runtime.pictures import is_grey
from .descent import optimise
from .sights import Sight, network_sight, patch_sight

Weight = float | np.ndarray  # one, or one a pixel, (height, width)
Mixture = list[tuple[np.ndarray, Weight]]  # exemplars (H_i, W_i, C) and their weights

MARGIN = 4  # units of a canvas in which a map finds back to where it began
FLOOR = 0.1  # share of Adam's step that is left at the end of a size


@dataclass(frozen=True, eq=False)
class Work:
    """What a loss is made for: one size.

    `exemplar` (H, W, C) : at this size, `level` halvings below `whole_shape`. `sides` : of the
    picture. `rng` : what the loss draws from. `chances` : (height, width) in [0, 1], how likely
    what the picture shows at a place takes part in a step; None: all does.
    """

    exemplar: np.ndarray
    whole_shape: tuple[int, ...]
    level: int
    sides: tuple[int, int]
    device: str
    rng: np.random.Generator
    chances: np.ndarray | None = None

    def patches(self, patch_size: int, n_levels: int) -> Sight:
        """The patches of the picture and of the exemplar, at `n_levels` from this one up."""
        options = {"device": self.device, "chances": self.chances}
        return patch_sight(self.exemplar, patch_size, n_levels, **options)

    def network(self, backbone: Any) -> Sight:
        """What the two views of a `neural.features.backbones.Backbone` see."""
        return network_sight(self.exemplar, backbone, whole=self.level == 0, chances=self.chances)


def synthesise(
    method: Any,
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
    result = run_on_device(_Synthesis, method, mixed, shape, rng, progress)
    return np.repeat(result, channels // result.shape[2], axis=2)


def run_on_device(
    kind: Any,
    method: Any,
    mixed: Any,
    shape: tuple[int, int],
    rng: np.random.Generator,
    progress: Progress,
) -> np.ndarray:
    """The picture that `kind(method, mixed, shape, rng, progress, device).run()` makes."""

    def run(device: str, seen: Progress) -> np.ndarray:
        return kind(method, mixed, shape, rng, seen, device).run()

    what = f"{shape[1]}x{shape[0]}"
    return attempted(method.device, run, what, rng=rng, progress=progress)


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
        along = any(np.ndim(weight) for _, weight in mixed)
        self._canvas = _canvas(method, shapes, shape, n_sizes, margin=MARGIN * along)
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
        if self._method.chosen("start") == "coarse":
            return field_like(exemplar, sides, rng, periodic=(True, True))
        if self._method.chosen("noise") == "uniform":
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

    def _loss(self, level: int) -> Any:
        """The weighted sum of the exemplars' losses at one size."""
        rest = self._sizes[level], self._device, self._rng
        return sum(
            part.share
            * self._method.loss(
                Work(
                    part.exemplars[level],
                    part.exemplars[0].shape,
                    level,
                    *rest,
                    chances=part.chances[level],
                )
            )
            for part in self._parts
        )


@dataclass(frozen=True, eq=False)
class _Part:
    """One exemplar of a mix at all sizes, its share of the whole, and where it holds, if not so

    everywhere: `chances` (h, w) at each size.
    """

    exemplars: list[np.ndarray]
    share: float
    chances: list[np.ndarray | None]

    @classmethod
    def of(cls, exemplar: np.ndarray, weight: Weight, sizes: list[tuple[int, int]]) -> _Part:
        """The part of `exemplar` (H, W, C) in pictures of `sizes`."""
        exemplars = pyramid(exemplar, len(sizes))
        if np.ndim(weight) == 0:
            return cls(exemplars, float(weight), [None] * len(sizes))
        whole = on_canvas(weight, sizes[0])
        return cls(exemplars, float(whole.mean()), [resized(whole, size) for size in sizes])

    def weight(self, level: int) -> Weight:
        """A number, or (h, w, 1)."""
        chances = self.chances[level]
        return self.share if chances is None else chances[:, :, None]


def descended(
    method: Any,
    picture: torch.Tensor,
    loss: Any,
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
    n_iter, rate = method.image_steps(level), method.chosen("learning_rate")
    bounds = [torch.tensor(each).to(picture)[:, None, None] for each in limits]
    if mask is not None:
        bounds = [torch.where(mask, each, picture) for each in bounds]
    falls = method.chosen("start") == "coarse"
    return optimise(
        picture,
        loss,
        optimizer=method.chosen("optimizer"),
        n_iter=n_iter,
        learning_rate=falling(rate, n_iter) if falls else rate,
        n_iter_dual=method.chosen("n_iter_dual"),
        n_first_dual=method.chosen("n_first_dual"),
        tolerance=method.tolerance,
        mask=mask,
        bounds=tuple(bounds),
        rng=rng if method.chosen("by_chance") else None,
        progress=progress,
    )


def falling(rate: float, count: int, floor: float = FLOOR) -> list[float]:
    """`count` rates from `rate` down to the share `floor` of it, along a cosine."""
    phases = np.linspace(0, np.pi, count)
    return list(rate * (floor + (1 - floor) * (1 + np.cos(phases)) / 2))


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
    method: Any,
    exemplar_shapes: Sequence[tuple[int, ...]],
    shape: tuple[int, int],
    n_sizes: int,
    *,
    margin: int,
) -> tuple[int, int]:
    """The torus to work on: a tile is one as it is, another picture is cut out of a larger one.

    `margin` : by how many units it is larger at least.
    """
    unit = max(method.stride, 2 ** (n_sizes - 1))
    least = max(map(method.least_side, exemplar_shapes))
    return tuple(
        side if wraps else -(-max(side + margin * unit, least) // unit) * unit
        for side, wraps in zip(shape, PERIODIC[method.tileable], strict=True)
    )


def on_canvas(weight_map: np.ndarray, sides: Sequence[int]) -> np.ndarray:
    """`weight_map` (h, w) on a torus of `sides`: it goes back to where it began in what is left."""
    for axis, side in enumerate(sides):
        room = side - weight_map.shape[axis]
        share = (np.arange(1, room + 1, dtype=np.float32) / (room + 1))[:, None]
        first, last = (np.take(weight_map, [place], axis=axis) for place in (0, -1))
        ramp = share if axis == 0 else share.T
        weight_map = np.concatenate([weight_map, last + ramp * (first - last)], axis=axis)
    return weight_map
