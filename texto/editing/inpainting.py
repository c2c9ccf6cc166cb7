"""Holes in a picture filled by any method that inpaints: what all of them do alike, done once."""

from __future__ import annotations

import numpy as np

from ..core.choices import DEFAULT_METHOD
from ..core.contract import Inpaints, Tiles
from ..core.errors import TextoError
from ..core.registry import method_class
from ..core.settings import PERIODIC, replaced
from ..core.types import Progress, Rng, as_image, silent
from ..patches.masks import as_mask, as_sources, distances, grown
from ..steps.inpainting.wrapping import Inpaint, fill_across
from .borrowing import Lender


def inpaint(
    image: np.ndarray,
    mask: np.ndarray | None = None,
    method: Inpaints | None = None,
    *,
    sources: np.ndarray | None = None,
    source: np.ndarray | None = None,
    grow: int = 0,
    feather: int = 0,
    tileable: str = "none",
    rng: Rng = None,
    progress: Progress = silent,
) -> np.ndarray:
    """`image` (H, W, C), float in [0, 1], with the pixels where `mask` (H, W) is True made anew.

    A numpy masked array brings its own mask, which `mask` adds to; what is under it has no
    influence. `method` : None for ot-flow. `sources` (H, W) bool: which known pixels the texture
    may come from; None for all. `source` (h, w, C): another picture that it comes from instead,
    and nothing from `image`, whose known pixels it only has to meet; `sources` is then (h, w).

    grow     : pixels by which the holes are made larger; below 0, smaller
    feather  : pixels round the holes that are made anew too and fade into what was there;
               a few hide a rim of another tone, more blur what is there twice
    tileable : "x", "y" or "xy": the picture repeats along these axes, and what is filled goes
               on across its edges; for a method with this setting, the same as the setting

    All pixels further than `feather` from the grown holes come back bit for bit. Returns
    (H, W, C) float32. Raises TextoError for masks of another size or type, masks that leave
    nothing to fill or to copy from, and methods that fill no holes. Cost: that of the method,
    with a `source` as of a picture that holds it and all round the holes, and twice for the part
    near the edges where holes of a picture that repeats go all along it.

    >>> filled = texto.inpaint(texto.read_image("wall.png"), mask, grow=2, rng=0)
    """
    method, tileable = checked_method(method, tileable)
    pixels, holes = unmasked(image, mask)
    grown_holes, renewed = renewed_pixels(holes, grow, feather, tileable)
    fill: Inpaint = method.inpaint
    used = None
    if source is not None:
        fill = Lender.of(source, sources, pixels.shape[2]).filling(fill)
    elif sources is not None:
        used = as_sources(sources, renewed)
    pixels[grown_holes] = 0
    pixels = as_image(pixels, "image")
    made = fill_across(
        fill,
        pixels.copy(),
        renewed.copy(),
        PERIODIC[tileable],
        sources=used,
        rng=rng,
        progress=progress,
    )
    # Known pixels are those given, whatever other people's methods do.
    result = np.where(grown_holes[:, :, None], made, pixels).astype(np.float32)
    rim = renewed & ~grown_holes
    if rim.any():
        share = _fading(grown_holes, feather, tileable)[rim][:, None]
        result[rim] = share * made[rim] + (1 - share) * pixels[rim]
    return result


def extended(
    image: np.ndarray, sides: tuple[int, int, int, int], *, new: bool | None = None
) -> np.ndarray:
    """`image` (H, W, ...) with so many more pixels at its (top, right, bottom, left).

    They are `new`, or as the pixels at its border: to be filled, with a mask extended by True.

    >>> canvas, mask = extended(image, (64, 0, 64, 0)), extended(no_holes, (64, 0, 64, 0), new=True)
    """
    top, right, bottom, left = sides
    widths = [(top, bottom), (left, right), *[(0, 0)] * (image.ndim - 2)]
    if new is None:
        return np.pad(image, widths, mode="edge")
    return np.pad(image, widths, constant_values=new)


def checked_method(method: Inpaints | None, tileable: str) -> tuple[Inpaints, str]:
    """The method that fills, its setting `tileable` apart, and along which axes it repeats."""
    method = method_class(DEFAULT_METHOD)() if method is None else method
    if not isinstance(method, Inpaints):
        raise TextoError("method", f"{type(method).__name__} fills no holes", "choose another")
    if tileable not in PERIODIC:
        choices = ", ".join(PERIODIC)
        raise TextoError("tileable", f"is {tileable!r}", f"choose from {choices}")
    if not isinstance(method, Tiles) or method.tileable == "none":
        return method, tileable
    if tileable not in ("none", method.tileable):
        why = f"is {tileable!r}, and the method has {method.tileable!r}"
        raise TextoError("tileable", why, "give one of them")
    return replaced(method, tileable="none"), method.tileable


def unmasked(image: np.ndarray, mask: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """A copy of `image` as (H, W, C) and its holes (H, W): those of `mask` and its own."""
    pixels = np.array(np.ma.getdata(image))
    if pixels.ndim not in (2, 3):
        as_image(pixels, "image")  # which refuses it
    pixels = pixels.reshape(*pixels.shape[:2], -1)
    own = np.asarray(np.ma.getmaskarray(image).reshape(pixels.shape).any(axis=2))
    if mask is None and not own.any():
        raise TextoError("mask", "is missing", "give booleans (H, W), True = fill")
    holes = own if mask is None else as_mask(mask, pixels.shape) | own
    return pixels, as_mask(holes, pixels.shape)


def renewed_pixels(
    holes: np.ndarray, grow: int = 0, feather: int = 0, tileable: str = "none"
) -> tuple[np.ndarray, np.ndarray]:
    """The grown `holes` (H, W), and all pixels (H, W) that are made anew with their rim.

    Raises TextoError for numbers out of range, and where nothing or everything is left.
    """
    for name, value, low in (("grow", grow, -(2**31)), ("feather", feather, 0)):
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < low:
            raise TextoError(name, f"is {value!r}", "give a whole number of pixels")
    found = grown(holes, int(grow), periodic=PERIODIC[tileable])
    what = f"mask, grown by {grow}" if grow else "mask"
    as_mask(found, holes.shape, what)
    renewed = grown(found, int(feather), periodic=PERIODIC[tileable])
    as_mask(renewed, holes.shape, f"{what}, with {feather} round it" if feather else what)
    return found, renewed


def _fading(holes: np.ndarray, feather: int, tileable: str) -> np.ndarray:
    """(H, W) float32: the share of what is new, which falls from the `holes` (H, W) outwards."""
    far = distances(holes, feather, periodic=PERIODIC[tileable])
    share = 1 - far.astype(np.float32) / (feather + 1)
    return np.clip(share * share * (3 - 2 * share), 0, 1)
