"""`--ignore` of commands that fit: pixels of an exemplar that no texture is made of."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from ..core.errors import TextoError
from ..editing.inpainting import inpaint
from ..io import records
from ..io.records import Record
from .maps import PictureSet
from .masking import ALPHA, HALF, mask_hash, white
from .options import Options
from .reading import Reading
from .values import written

WHAT = "--ignore"


@dataclasses.dataclass(frozen=True, eq=False)
class Ignored:
    """The pixels `mask` (H, W) that count for nothing, as the record names them.

    `name` : the base name of a file with the hash `sha256`, or "alpha".
    """

    mask: np.ndarray
    name: str
    sha256: str | None

    def filled(self, given: PictureSet, seed: int | None) -> np.ndarray:
        """The pixels (H, W, C) of `given`, where they are ignored filled with the rest's texture.

        Methods see whole pictures: what no method may use must be something that all may.
        """
        try:
            made = inpaint(given.pixels, self.mask, rng=seed)
        except TextoError as error:
            raise TextoError(WHAT, error.why, "ignore less of the exemplar") from error
        values = given.files(made, self.mask)
        pairs = zip(given.stack.maps, values, strict=True)
        return given.stack.join([each.meaning.worked(stored) for each, stored in pairs])


def wanted(options: Options, repeated: Record | None) -> str | None:
    """The file that `--ignore` names, or that of the picture to repeat, or "alpha", or None."""
    given = vars(options).get("ignore")
    if given is not None or repeated is None or repeated.ignore is None:
        return given
    if repeated.ignore_hash is None:
        return ALPHA
    matches = partial(_is_mask_of, repeated, Reading.of(options))
    remedy = f"name it with {WHAT}"
    return str(records.found(options.repeat, "mask", repeated.ignore, matches, remedy))


def opened(name: str, options: Options, given: PictureSet, paths: Sequence[Path]) -> Ignored:
    """What `wanted` names, of the exemplar and maps `given`, read from `paths`."""
    what = f"{WHAT} {name!r}"
    if name == ALPHA:
        if options.alpha not in (None, "ignore"):
            why = f"says nothing beside {what}"
            raise TextoError(f"--alpha {options.alpha}", why, "leave one of them out")
        mask, sha256 = _transparent(options, given, paths), None
        if not mask.any():
            remedy = f"give a mask; a file of that name is ./{ALPHA}"
            raise TextoError(what, "the exemplar is opaque everywhere", remedy)
    else:
        mask = white(name, what, Reading.of(options))
        sha256 = mask_hash(mask)
    if mask.shape != given.shape:
        why = (
            f"is {written((mask.shape[0], mask.shape[1]))}, the exemplar is {written(given.shape)}"
        )
        raise TextoError(what, why, "give a mask of that size")
    if mask.all():
        raise TextoError(what, "selects every pixel", "leave some; white is ignored")
    return Ignored(mask, Path(name).name, sha256)


def _transparent(options: Options, given: PictureSet, paths: Sequence[Path]) -> np.ndarray:
    """(H, W) bool: where one of the pictures is transparent."""
    reading = dataclasses.replace(Reading.of(options), alpha="keep", verbose=False)
    found = np.zeros(given.shape, bool)
    for path, picture in zip(paths, given.pictures, strict=True):
        other = reading.open(path, picture.meaning.kind)
        if other.meaning.opacity:
            found |= other.stored[..., -1] < HALF
    return found


def _is_mask_of(record: Record, reading: Reading, path: Path) -> bool:
    return mask_hash(white(str(path), WHAT, reading)) == record.ignore_hash
