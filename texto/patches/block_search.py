"""Search for blocks of a picture that go with what is already there at their edges."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.fft


@dataclass(frozen=True, eq=False)
class BlockSearch:
    """All blocks of `exemplar` (H, W, C) float32, compared with the frame of another one.

    By Fourier transforms, in double precision, so that what fits exactly is known to. The frame
    is a whole block without its middle: sums of squares over it come from two rectangles.
    """

    exemplar: np.ndarray

    @cached_property
    def mean(self) -> np.ndarray:
        """(C,): the mean colour, without which rounding errors are smaller."""
        return self.exemplar.mean(axis=(0, 1), dtype=np.float64)

    @cached_property
    def lengths(self) -> list[int]:
        """The sides of the transforms; matches that wrap round are not looked at."""
        return [scipy.fft.next_fast_len(side, real=True) for side in self.exemplar.shape[:2]]

    @cached_property
    def spectrum(self) -> np.ndarray:
        """(C, h, w // 2 + 1): the transform of the exemplar."""
        return self._transform(self.exemplar - self.mean)

    @cached_property
    def sums(self) -> np.ndarray:
        """(H + 1, W + 1): the sum of all squares above and left of each pixel."""
        squares = np.square(self.exemplar - self.mean).sum(axis=2)
        return np.pad(squares.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))

    def errors(self, old: np.ndarray, down: tuple[int, int], across: tuple[int, int]) -> np.ndarray:
        """(H - h + 1, W - w + 1): how each block differs from `old` (h, w, C).

        The mean squared difference over the first and last rows, as many as `down` says, and
        the first and last columns, as many as `across` says; 0 where there are none. Exact to
        about 1e-12. Cost: O(H W C log(H W)).
        """
        height, width = old.shape[:2]
        middle = down[0], height - down[1], across[0], width - across[1]
        top, bottom, left, right = middle
        known = old - self.mean
        known[top:bottom, left:right] = 0
        values = old.size - known[top:bottom, left:right].size
        product = np.einsum("chw,chw->hw", self.spectrum, self._transform(known).conj())
        room = len(self.exemplar) - height + 1, self.exemplar.shape[1] - width + 1
        matches = scipy.fft.irfft2(product, self.lengths)[: room[0], : room[1]]
        squares = self._squares(room, 0, height, 0, width) - self._squares(room, *middle)
        return (squares - 2 * matches + np.square(known).sum()) / max(1, values)

    def _transform(self, picture: np.ndarray) -> np.ndarray:
        return scipy.fft.rfft2(np.ascontiguousarray(picture.transpose(2, 0, 1)), self.lengths)

    def _squares(
        self, room: tuple[int, int], top: int, bottom: int, left: int, right: int
    ) -> np.ndarray:
        """(r, s) for `room`: the squares in rows `top` to `bottom` and so on of each block."""
        columns = self.sums[:, right : right + room[1]] - self.sums[:, left : left + room[1]]
        return columns[bottom : bottom + room[0]] - columns[top : top + room[0]]
