"""Holes in a picture, filled by descent on the transport of the features at them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch

from texto.conditional import conditional_fill
from texto.inpainting.levels import HoleLevel, as_holed, hole_levels
from texto.inpainting.run import LEAST_PATCHES, Match
from texto.inpainting.spots import touching
from texto.inpainting.trust import trust
from texto.protocols import Progress, Rng, Step, TextoError, generator
from texto.recompose import EXPONENT

from .hole_sights import HoleWork, known_features
from .synthesis import descended, run_on_device
from .tensors import resolve_device, to_picture

CAUTION = 1 / 3  # of the usual learning rate, where networks see a hole: else it fills with speckle
PATCH_SIZE = 4  # of the patches that show detail to networks at the start of a size


def inpaint(
    method: Any,
    image: np.ndarray,
    mask: np.ndarray,
    *,
    sources: np.ndarray | None,
    rng: Rng,
    progress: Progress,
) -> np.ndarray:
    """`image` (H, W, C) with the pixels where `mask` (H, W) is True made anew, by a `Transported`.

    The coarsest size starts from the Gaussian model given the pixels around the holes, and each
    finer one from the known patches that match those of the one before; whatever `start` is.
    At every size all pixels but those of the holes are the picture's own. TextoError where too
    little is left to copy from, and for pictures that `method` does not take.
    """
    if method.learning_rate is None and method.takes_channels:
        method = replace(method, learning_rate=method.chosen("learning_rate") * CAUTION)
    method, rng = replace(method, start="coarse"), generator(rng)
    picture, holes = as_holed(image, mask, smallest=method.smallest_exemplar)
    method.checked(picture, "image")
    method.check(picture)
    channels = picture.shape[2]
    seen = picture[:, :, :1] if _is_grey(method, picture) else picture
    levels = hole_levels(seen, holes, sources, method.count_sizes(picture.shape))
    levels = levels[: _count_useful(method, levels)]
    result = run_on_device(_Inpainting, method, levels, picture.shape[:2], rng, progress)
    result = np.repeat(result, channels // result.shape[2], axis=2)
    result[~holes] = picture[~holes]
    return result


class _Inpainting:
    """One run on one device."""

    def __init__(
        self,
        method: Any,
        levels: list[HoleLevel],
        shape: tuple[int, int],
        rng: np.random.Generator,
        progress: Progress,
        device: str,
    ):
        self._method, self._levels, self._rng, self._device = method, levels, rng, device
        known = levels[0].picture[~levels[0].barred]
        self._range = known.min(axis=0), known.max(axis=0)
        self._progress, self._done = progress, 0
        self._total = sum(method.image_steps(level.number) for level in levels)

    def run(self) -> np.ndarray:
        """The picture, filled."""
        last = self._levels[-1]
        canvas = conditional_fill(last.picture, last.holes, self._rng, sources=~last.barred)
        for level in reversed(self._levels):
            canvas = self._filled(canvas, level)
            if level.number:
                canvas = self._enlarged(canvas, level, self._levels[level.number - 1])
        return canvas

    def _enlarged(self, canvas: np.ndarray, level: HoleLevel, finer: HoleLevel) -> np.ndarray:
        """The canvas of `finer`: where patches of `canvas` match known ones, these show detail."""
        size = getattr(self._method, "patch_size", PATCH_SIZE)
        if len(level.known(size)) < LEAST_PATCHES:
            return enlarged(canvas, finer)
        spots = touching(level, size)
        options = {"n_patches": None, "n_dims": None, "kept_variance": 1.0, "rng": self._rng}
        found = spots.match(canvas, level.database(size, **options), None, "cpu")
        squares = spots.squared_distances(canvas, level.picture, found)
        return Match(spots, found, "robust", trust(spots, squares, EXPONENT)).enlarged(finer)

    def _filled(self, canvas: np.ndarray, level: HoleLevel) -> np.ndarray:
        """`canvas` (H, W, C) after the steps of its size."""
        base, steps = self._done, self._method.image_steps(level.number)
        self._done += steps

        def tell(step: Step) -> None:
            done = base + step.iteration
            self._progress(Step("inpaint", level.number, done, self._total, step.loss))

        loss = self._method.loss(self._work(canvas, level))
        if not loss.terms:  # no layer has enough to copy from at so small a size
            tell(Step("inpaint", level.number, steps, steps))
            return canvas
        planes = np.ascontiguousarray(np.moveaxis(canvas, 2, 0))
        picture = descended(
            self._method,
            torch.tensor(planes, device=self._device)[None],
            loss,
            level.number,
            limits=self._range,
            mask=torch.tensor(level.holes, device=self._device),
            rng=self._rng,
            progress=tell,
        )
        return to_picture(picture)

    def _work(self, canvas: np.ndarray, level: HoleLevel) -> HoleWork:
        return HoleWork(
            canvas,
            self._levels[0].picture.shape,
            level.number,
            canvas.shape[:2],
            self._device,
            self._rng,
            holes=level.holes,
            barred=level.barred,
        )


def enlarged(canvas: np.ndarray, finer: HoleLevel) -> np.ndarray:
    """The picture of `finer`, its holes filled from `canvas`, linearly between its pixels."""
    values = canvas
    for axis, side in enumerate(finer.holes.shape):
        places = np.clip((np.arange(side) - 0.5) / 2, 0, canvas.shape[axis] - 1)
        below = places.astype(int)
        above = np.minimum(below + 1, canvas.shape[axis] - 1)
        share = (places - below).astype(np.float32)
        share = share[:, None, None] if axis == 0 else share[:, None]
        one, other = (np.take(values, index, axis=axis) for index in (below, above))
        values = one + share * (other - one)
    result = finer.picture.copy()
    result[finer.holes] = values[finer.holes]
    return result


def _is_grey(method: Any, picture: np.ndarray) -> bool:
    """Whether a network sees a grey picture, whose holes are 0 in all channels."""
    return bool(method.takes_channels and (picture == picture[:, :, :1]).all())


def _count_useful(method: Any, levels: list[HoleLevel]) -> int:
    """How many levels, from the finest, have a hole and enough to copy into it."""
    for number, level in enumerate(levels):
        count, what, remedy = _known(method, level)
        if count < LEAST_PATCHES and number == 0:
            raise TextoError(
                "mask",
                f"leaves {count} {what} to copy from, {LEAST_PATCHES} are needed",
                f"{remedy}, shrink the hole or widen the source mask",
            )
        if count < LEAST_PATCHES or not level.holes.any():
            return number
    return len(levels)


def _known(method: Any, level: HoleLevel) -> tuple[int, str, str]:
    """How many features of `level` may be copied, what they are, and how to have more."""
    size = getattr(method, "patch_size", None)
    if size is not None:
        return len(level.known(size)), f"patches of {size} x {size} pixels", "lower patch_size"
    backbone = method.backbone(str(resolve_device(method.device)))
    count, layer = known_features(backbone, level.picture, level.barred)
    return count, f"features of {layer}", "choose earlier layers"
