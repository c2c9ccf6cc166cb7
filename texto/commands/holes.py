"""Which pixels of a picture `texto inpaint` makes anew, and which it may copy from."""

from __future__ import annotations

import dataclasses
import hashlib
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..core.errors import TextoError, TextoWarning
from ..core.kinds import Meaning
from ..editing.inpainting import extended, renewed_pixels
from ..io import model_files
from ..io.images import Picture
from ..patches.masks import as_mask, as_sources
from . import editing, maps, outputs
from .maps import PictureSet
from .options import Options
from .reading import Reading, is_model
from .values import written

ALPHA = "alpha"  # in place of a file: where the picture itself is transparent
ONE_COLOUR = 2.5 / 255  # how far the colours of a brush may differ, weighted by their opacity
OPAQUE = 0.5  # opacity from which a pixel is kept


@dataclasses.dataclass(frozen=True, eq=False)
class Holes:
    """A picture and what is to be made anew in it.

    mask : (H, W) bool, the holes before they grow. renewed : (H, W), all pixels that change.
    sources : (H, W), where texture may come from, or None. record : what records say of them.
    files : those read for them.
    """

    given: PictureSet
    mask: np.ndarray
    renewed: np.ndarray
    sources: np.ndarray | None
    record: Mapping[str, Any]
    files: Sequence[str]


def opened(options: Options, tileable: str) -> Holes:
    """The picture and its maps with the holes that `options` ask for.

    `tileable` : the axes along which the picture repeats. TextoError where nothing or everything
    is to be filled, and where nothing is left to copy from.
    """
    given, mask, record = _masked(options)
    _, renewed = renewed_pixels(mask, options.grow, options.feather, tileable)
    sources, files = None, [] if options.mask in (None, ALPHA) else [options.mask]
    if options.source_mask is not None:
        what = f"source mask {options.source_mask!r}"
        sources = white(options.source_mask, what, Reading.of(options))
        record |= {
            "source_mask": Path(options.source_mask).name,
            "source_mask_hash": mask_hash(sources),
        }
        sources = _fitted(sources, what, given, options)
        as_sources(sources, renewed, what)
        files.append(options.source_mask)
    record |= {"grow": options.grow or None, "feather": options.feather or None}
    return Holes(given, mask, renewed, sources, record, files)


def _masked(options: Options) -> tuple[PictureSet, np.ndarray, dict[str, Any]]:
    """The picture, extended, its holes (H, W), and what records say of them."""
    if options.extend is None:
        return _inside(options)
    if options.mask is None:
        given = editing.opened(options)
        record: dict[str, Any] = {}
        mask = np.zeros(given.shape, bool)
    else:
        given, mask, record = _inside(options)
    height, width = (side + sum(options.extend[axis::2]) for axis, side in enumerate(given.shape))
    outputs.check_memory((height, width), given.pixels.shape[2], "extend it by less")
    record |= {
        "extend": options.extend,
        "image_hash": model_files.exemplar_hash(given.pixels),
    }
    return _extended(given, options.extend), extended(mask, options.extend, new=True), record


def _extended(given: PictureSet, sides: tuple[int, int, int, int]) -> PictureSet:
    """`given` on a larger canvas; what is new there has no value that was not."""
    pictures = [
        dataclasses.replace(
            each, pixels=extended(each.pixels, sides), stored=extended(each.stored, sides)
        )
        for each in given.pictures
    ]
    return dataclasses.replace(given, pictures=pictures, pixels=extended(given.pixels, sides))


def _inside(options: Options) -> tuple[PictureSet, np.ndarray, dict[str, Any]]:
    """The picture, the mask (H, W) that `--mask` names, and what records say of it."""
    if options.mask is None:
        remedy = "name a mask, white is filled, black is kept; or give --extend"
        raise TextoError("--mask", "is missing", remedy)
    if options.mask == ALPHA:
        given, mask = _transparent(options)
    else:
        given = editing.opened(options)
        mask = _from_file(options, given.shape)
    record = {
        "mask": Path(options.mask).name,
        "mask_inverted": options.invert_mask,
        "mask_hash": mask_hash(mask),
    }
    return given, mask, record


def _from_file(options: Options, shape: tuple[int, int]) -> np.ndarray:
    what = _called(options.mask)
    mask = white(options.mask, what, Reading.of(options))
    mask = ~mask if options.invert_mask else mask
    try:
        as_mask(mask, shape, what)
    except TextoError as error:
        if options.invert_mask and mask.shape == shape:
            error = TextoError(error.what, error.why, "with --invert-mask, black is filled")
        raise error from None
    if mask.mean() > 0.5:
        told = f"{what}: selects {editing.percent(float(mask.mean()))} of the picture to fill"
        other = "leave --invert-mask out" if options.invert_mask else "give --invert-mask"
        note = f"{told}; to fill the rest instead, {other}"
        warnings.warn(note, TextoWarning, stacklevel=2)
    return mask


def _transparent(options: Options) -> tuple[PictureSet, np.ndarray]:
    """The picture and its maps, made opaque, and where (H, W) one of them was transparent."""
    what = f"--mask {ALPHA}"
    for name, value in {"--invert-mask": options.invert_mask, "--alpha": options.alpha}.items():
        if value:
            raise TextoError(name, f"says nothing beside {what}", "leave one of them out")
    given = editing.opened(options, alpha="keep")
    opacities = [each.stored[..., -1] for each in given.pictures if each.meaning.opacity]
    if not opacities:
        remedy = f"give a mask; a file of that name is ./{ALPHA}"
        raise TextoError(what, "the picture is opaque everywhere", remedy)
    mask = np.min(opacities, axis=0) < OPAQUE
    as_mask(mask, given.shape, what)
    pictures = [_opaque(each, mask) for each in given.pictures]
    weights = [each.weight for each in given.stack.maps]
    return maps.set_of(given.paths, pictures, weights), mask


def _opaque(picture: Picture, hidden: np.ndarray) -> Picture:
    """`picture` without opacity, and of one known value where it is `hidden` (H, W)."""
    meaning = picture.meaning
    stored = picture.stored[..., :-1] if meaning.opacity else picture.stored
    stored = stored.copy()
    stored[hidden] = stored[~hidden][0]
    meaning = Meaning.of(stored, meaning.kind, linear=meaning.linear)
    pixels = np.ascontiguousarray(meaning.worked(stored))
    return dataclasses.replace(picture, stored=stored, pixels=pixels, meaning=meaning)


def white(path: str, what: str, reading: Reading) -> np.ndarray:
    """(H, W) bool: where the picture in the file `path`, called `what`, is white.

    Where the mean of the channels is above half, 127 of 255; of a brush of one colour on a
    transparent ground, where its opacity is.
    """
    if is_model(path):
        raise TextoError(what, "is a model", "give a picture, white where pixels are meant")
    picture = dataclasses.replace(reading, alpha="keep").open(path, "data")
    if not picture.meaning.opacity:
        return picture.pixels.mean(axis=2) > 0.5
    colours, opacity = picture.stored[..., :-1], picture.stored[..., -1:]
    brush = colours.reshape(-1, colours.shape[2])[opacity.argmax()]
    if (np.abs(colours - brush) * opacity).max() <= ONE_COLOUR:
        return opacity[..., 0] > 0.5
    if reading.alpha in ("refuse", "keep"):
        why = "is transparent in part and has several colours"
        remedy = "paint it in one, or give --alpha white or ignore; to fill what is transparent in "
        raise TextoError(what, why, f"{remedy}the picture itself, --mask {ALPHA}")
    return reading.open(path, "data").pixels.mean(axis=2) > 0.5


def _fitted(mask: np.ndarray, what: str, given: PictureSet, options: Options) -> np.ndarray:
    """The `mask` of the picture before it was extended, of the size that it has now."""
    if options.extend is None:
        return mask
    top, right, bottom, left = options.extend
    before = given.shape[0] - top - bottom, given.shape[1] - right - left
    if mask.shape != before:
        sizes = [written(each) for each in (mask.shape, before)]
        why = f"is {sizes[0]}, the picture is {sizes[1]}"
        raise TextoError(what, why, "give a mask of the picture's size")
    return extended(mask, options.extend, new=False)


def mask_hash(mask: np.ndarray) -> str:
    """The SHA-256 (hex) over the size and the bits of `mask` (H, W)."""
    return hashlib.sha256(repr(mask.shape).encode() + np.packbits(mask).tobytes()).hexdigest()


def _called(mask: str) -> str:
    return f"mask {mask!r}"
