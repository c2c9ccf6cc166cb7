"""How much each patch counts when the holes are averaged."""

from __future__ import annotations

import math

import numpy as np

from .spots import HolePatches

SOFTEST = 1e-4  # squared difference per value under which a patch's weight stops growing
FADING = 1.15  # a patch counts so many times less for every pixel that it lies deeper in a hole,
RIM = math.e  # and so many times more the more of it is known


def trust(spots: HolePatches, squares: np.ndarray, exponent: float) -> np.ndarray:
    """(n,) float64, > 0: the weights of patches at squared distances (n,) from their matches.

    |x_p - z_p|^(r - 2), r = `exponent` (Kwatra 2005), times a confidence that falls from the rim
    of a hole inwards (Criminisi, Perez, Toyama 2004; Wexler, Shechtman, Irani 2007), so that what
    is known leads. Patches on the rim never match as well as copies inside do: with the
    distances alone, the inside would win and leave a seam.
    """
    floor = SOFTEST * spots.patch_size**2 * spots.level.picture.shape[2]
    # Divided by the floor's own weight: nothing overflows, and a common factor drops out.
    weights = np.maximum(squares.astype(np.float64) / floor, 1) ** (exponent / 2 - 1)
    depths = [part.extract(spots.level.depth).mean(axis=1) for part, _ in spots.blocks(1)]
    depth = np.concatenate(depths)
    weights *= RIM**-spots.unknown
    return weights * np.maximum(FADING ** (depth.min() - depth), np.finfo(np.float32).tiny)
