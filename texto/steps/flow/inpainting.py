"""Holes filled by a flow: known pixels are known at all times, the holes are free."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.ndimage

from ...core.errors import TextoError
from ...core.threads import single_blas
from ...core.types import Progress, Rng, generator
from ...patches.masks import known_corners
from ...patches.pyramid import pyramid
from ...patches.recompose import EXPONENT
from ..inpainting.ends import Share
from ..inpainting.filling import LEAST_PATCHES, Count, useful_sizes
from ..inpainting.levels import HoleLevel, as_holed, hole_levels
from ..inpainting.robust import RobustFiller
from .bank import Bank, bank, principal_axes
from .flow import Flow, Pins
from .octave import Octave
from .settings import FlowSettings, scale_of

ENOUGH = 200  # known patches with which no smaller ones are tried
DEVIATION, FADING = 0.6, 4.0  # pixels, of what is added inside the rim
TINY = 1e-3  # of a sum of weights
LOOSE = 2  # steps of the potentials, at most
FLOWING = 0.3  # of the work, before what fills the holes settles
PASSES, SEARCHED, KEPT_VARIANCE = 10, 100_000, 0.99  # of the searches that let it
MARGIN = 2  # patches of the coarsest octave around the holes that the flow sees


@dataclass(frozen=True)
class Window:
    """Rows and columns of the finest octave that the flow runs on, even at all octaves."""

    rows: slice
    columns: slice

    def at(self, level: int) -> tuple[slice, slice]:
        """The same window, `level` halvings coarser."""
        return (
            slice(self.rows.start >> level, self.rows.stop >> level),
            slice(self.columns.start >> level, self.columns.stop >> level),
        )


@single_blas()
def fill_holes(
    method: FlowSettings,
    image: np.ndarray,
    mask: np.ndarray,
    *,
    sources: np.ndarray | None,
    rng: Rng,
    progress: Progress,
) -> np.ndarray:
    """`image` inpainted by a flow's `method`, see `FlowMethod.inpaint`.

    The bank holds the patches that touch no hole and lie in `sources`. Octaves with less than
    LEAST_PATCHES of them are left out. Cost: that of a synthesis as large as the box around the
    holes, from an exemplar as large as the picture.
    """
    picture, holes = as_holed(image, mask, smallest=method.patch_size)
    levels = hole_levels(picture, holes, sources, method.count_levels(picture.shape))
    scale = scale_of(picture[~holes])
    normals = method.pictures(scale.normal(levels[0].picture), len(levels))
    rngs = generator(rng).spawn(len(levels) + 1)
    banks, free = [], []
    for level, normal, child in zip(levels, normals, rngs, strict=False):
        barred, hole = _unsure(method, level)
        own = _bank(method, normal, barred, child)
        if own is None:
            break
        banks.append(own)
        free.append(hole)
    if not banks:
        least = max(2, method.patch_size // 2)
        raise TextoError(
            "mask",
            f"leaves too few patches of {least} x {least} pixels to copy from, "
            f"{LEAST_PATCHES} are needed",
            "lower patch_size, shrink the hole or widen the source mask",
        )
    window = _window(holes, method.patch_size, len(banks))
    pins = []
    for number, (own, hole) in enumerate(zip(banks, free, strict=True)):
        part = window.at(number)
        values = own.picture[part]
        held = np.broadcast_to(~hole[part][:, :, None], values.shape)
        pins.append(Pins(values, held, sure=True))
    octaves = [
        _filling(octave, own.size)
        for octave, own in zip(method.octaves(len(banks)), banks, strict=True)
    ]
    flow = Flow(
        banks,
        octaves,
        [(pin.held.shape[0], pin.held.shape[1]) for pin in pins],
        pins=pins,
        stage="inpaint",
        progress=Share("inpaint", 0.0, FLOWING, progress) if method.settled_levels else progress,
    )
    made = flow.run(rngs[-1]).picture
    made += _correction(pins[0].values - made, free[0][window.at(0)])
    result = picture.copy()
    result[window.at(0)] = scale.picture(made)
    result[~holes] = picture[~holes]
    if method.settled_levels:
        share = Share("inpaint", FLOWING, 1.0, progress)
        result = _settled(method, levels[: len(banks)], result, generator(rngs[-1]), share)
        share.reach(1.0)
    return result


def _settled(
    method: FlowSettings,
    levels: Sequence[HoleLevel],
    filled: np.ndarray,
    rng: np.random.Generator,
    progress: Progress,
) -> np.ndarray:
    """`filled` (H, W, C) after searches and robust averages in its holes, coarse to fine.

    A flow decides what goes where and leaves smears where pieces meet what is known; there
    confidence that falls from the rim inwards (Criminisi, Perez, Toyama 2004) leads.
    """
    sizes = (method.patch_size, method.patch_size // 2)
    first = min(method.settled_levels, len(levels)) - 1
    while first >= 0 and len(levels[first].known(max(2, sizes[-1]))) < LEAST_PATCHES:
        first -= 1
    if first < 0:
        return filled
    fillers = [
        RobustFiller(
            level,
            useful_sizes(level, sizes),
            n_iter=PASSES,
            n_patches=SEARCHED,
            n_dims=method.dimensions,
            kept_variance=KEPT_VARIANCE,
            exponent=EXPONENT,
            device="cpu",
        )
        for level in levels[: first + 1]
    ]
    count = Count(sum(filler.steps for filler in fillers), progress)
    canvas = levels[first].picture.copy()
    levels[first].put(canvas, levels[first].values(pyramid(filled, first + 1)[first]))
    for level, filler in zip(reversed(levels[: first + 1]), reversed(fillers), strict=True):
        match = filler.fill(canvas, rng, count)
        if level.number:
            canvas = match.enlarged(levels[level.number - 1])
    result = np.clip(canvas, 0, 1)
    result[~levels[0].holes] = filled[~levels[0].holes]
    return result


def _unsure(method: FlowSettings, level: HoleLevel) -> tuple[np.ndarray, np.ndarray]:
    """(H, W) bool: where no patch may be copied from, and where the flow is free.

    Channels of structure look one pixel beyond their own, so near holes they know nothing.
    """
    if not level.number or not method.structure_weight:
        return level.barred, level.holes
    hole = scipy.ndimage.binary_dilation(level.holes, np.ones((3, 3), bool))
    return level.barred | hole, hole


def _bank(
    method: FlowSettings, picture: np.ndarray, barred: np.ndarray, rng: np.random.Generator
) -> Bank | None:
    """The bank of the patches of `picture` that touch nothing `barred`; None for too few.

    Around a large hole few patches are wholly known at coarse octaves: there smaller ones serve.
    """
    whole = method.patch_size
    for size in (whole, 3 * whole // 4, whole // 2):
        corners = _known(barred, size)
        if len(corners) >= ENOUGH:
            break
    if len(corners) < LEAST_PATCHES:
        return None
    allowed = np.zeros((barred.shape[0] - size + 1, barred.shape[1] - size + 1), bool)
    allowed[corners[:, 0], corners[:, 1]] = True
    axes = None
    if method.dimensions is not None:
        axes = principal_axes(picture, size, method.dimensions, rng)
    return bank(picture, size, axes, allowed=allowed)


def _filling(octave: Octave, size: int) -> Octave:
    """`octave` for holes and patches of `size`: pieces go on as far as they fit.

    Proportions are held loosely: a hole has few patches, and to use all that is known equally
    would jumble them.
    """
    return dataclasses.replace(
        octave,
        penalty=0.0,
        n_balance=min(octave.n_balance, LOOSE),
        stride=min(octave.stride, size),
    )


def _correction(missed: np.ndarray, holes: np.ndarray) -> np.ndarray:
    """(h, w, C): what `missed` (h, w, C) outside the `holes` (h, w) says of their rim.

    Patches across the rim fit what is known but for a little. What the known pixel nearest to
    one in the hole and those next to it miss fades over a few pixels; without it the rim shows.
    """
    near = (DEVIATION, DEVIATION, 0)
    known = (~holes).astype(np.float32)[:, :, None]
    total = scipy.ndimage.gaussian_filter(missed * known, near)
    total /= np.maximum(scipy.ndimage.gaussian_filter(known, near), TINY)
    depth, nearest = scipy.ndimage.distance_transform_edt(holes, return_indices=True)
    fading = np.exp(-0.5 * np.square(depth.astype(np.float32) / FADING))
    return total[nearest[0], nearest[1]] * fading[:, :, None]


def _known(barred: np.ndarray, size: int) -> np.ndarray:
    """The corners (n, 2) of all patches of that size that touch nothing `barred` (H, W)."""
    if not 2 <= size <= min(barred.shape):
        return np.empty((0, 2), np.int64)
    return known_corners(barred, size)


def _window(holes: np.ndarray, size: int, n_levels: int) -> Window:
    """The box around `holes` (H, W) with room for patches at the coarsest octave."""
    unit = 1 << (n_levels - 1)
    sides = []
    for axis in (0, 1):
        whole = holes.shape[axis] >> (n_levels - 1)
        inside = np.flatnonzero(holes.any(axis=1 - axis)) >> (n_levels - 1)
        first = max(0, inside[0] - MARGIN * size)
        last = min(whole, inside[-1] + 1 + MARGIN * size)
        end = holes.shape[axis] if last == whole else last * unit
        sides.append(slice(int(first) * unit, int(end)))
    return Window(*sides)
