"""Which pixels of a picture `texto inpaint` makes anew, and which it may copy from."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..core.errors import TextoError, TextoWarning
from ..core.kinds import Meaning
from ..editing.inpainting import extended, renewed_pixels
from ..io.images import Picture
from ..patches.masks import as_mask
from . import editing, maps, outputs
from .lending import lending
from .maps import PictureSet
from .masking import ALPHA, HALF, mask_hash, white
from .options import Options
from .reading import Reading


@dataclasses.dataclass(frozen=True, eq=False)
class Holes:
    """A picture and what is to be made anew in it.

    mask : (H, W) bool, the holes before they grow. renewed : (H, W), all pixels that change.
    source : the picture (h, w, C) that texture comes from where it is another one. sources : where
    texture may come from, or None. record : what records say of them. files : those read.
    """

    given: PictureSet
    mask: np.ndarray
    renewed: np.ndarray
    source: np.ndarray | None
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
    before = given.shape
    if options.extend is not None:
        before = tuple(n - sum(options.extend[axis::2]) for axis, n in enumerate(given.shape))
    lent = lending(options, given, renewed, before)
    record |= {"grow": options.grow or None, "feather": options.feather or None, **lent.record}
    files = [*([] if options.mask in (None, ALPHA) else [options.mask]), *lent.files]
    return Holes(given, mask, renewed, lent.picture, lent.sources, record, files)


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
    record |= {"extend": options.extend, "image_hash": given.sha256}
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
    mask = np.min(opacities, axis=0) < HALF
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


def _called(mask: str) -> str:
    return f"mask {mask!r}"
