"""Which exemplar of a mix a patch is to be of: lots that neighbours share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.ndimage

from ...patches.extraction import Grid

DEVIATION = 0.4  # of the window, in patches, over which the lots are smooth


@dataclass(frozen=True, eq=False)
class Lots:
    """`values` (h, w) in [0, 1), as many in each part of it, close where places are."""

    values: np.ndarray

    def owners(self, shares: np.ndarray, spots: Grid) -> np.ndarray:
        """(R, S) int: a part of each patch of `spots`, as often as its `shares` (R, S, r) say.

        Where a share is 0 its exemplar gets none, where it is 1 all.
        """
        places = [
            (starts + spots.patch_size // 2) % side * count // side
            for starts, side, count in zip(
                (spots.rows, spots.columns), spots.shape, self.values.shape, strict=True
            )
        ]
        lots = self.values[places[0][:, None], places[1]]
        bounds = shares.cumsum(axis=2)
        owners = (bounds <= lots[..., None] * bounds[..., -1:]).sum(axis=2)
        return np.minimum(owners, shares.shape[2] - 1)


def drawn(
    shape: tuple[int, int], size: int, periodic: tuple[bool, bool], rng: np.random.Generator
) -> Lots:
    """Lots for an octave of `shape`, whose patches have `size` pixels a side; others scale them."""
    modes = ["wrap" if wraps else "reflect" for wraps in periodic]
    field = scipy.ndimage.gaussian_filter(rng.standard_normal(shape), DEVIATION * size, mode=modes)
    ranks = np.empty(field.size)
    ranks[np.argsort(field, axis=None)] = np.arange(field.size) / field.size
    return Lots(ranks.reshape(shape))
