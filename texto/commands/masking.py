"""Masks that people make, read from files."""

from __future__ import annotations

import dataclasses
import hashlib

import numpy as np

from ..core.errors import TextoError
from .reading import Reading, is_model

ALPHA = "alpha"  # in place of a file: where the picture itself is transparent
ONE_COLOUR = 2.5 / 255  # how far the colours of a brush may differ, weighted by their opacity
HALF = 0.5  # opacity from which a pixel is there


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


def mask_hash(mask: np.ndarray) -> str:
    """The SHA-256 (hex) over the size and the bits of `mask` (H, W)."""
    return hashlib.sha256(repr(mask.shape).encode() + np.packbits(mask).tobytes()).hexdigest()
