"""The stationary covariance of a texture, as an operator on fields."""

from __future__ import annotations

import copy

import numpy as np
import scipy.fft


class Covariance:
    """The stationary covariance Gamma of a texton (H, W, C), as an operator on fields.

    Fields are (C, h, w) of `shape` = (h, w), zero outside, and all channels are coupled:
    Gamma k = t * sum_c t~_c * k_c has rank one at each frequency of a grid that holds the whole
    texton. A box much smaller than the picture only needs the covariances at its own lags, as a
    full C x C matrix at each frequency of a grid of twice its size.
    """

    def __init__(self, texton: np.ndarray, shape: tuple[int, int]):
        self.shape = shape
        self.large = [_fast(side + size) for side, size in zip(texton.shape, shape, strict=False)]
        self.spectra = scipy.fft.rfft2(np.moveaxis(texton, 2, 0), s=self.large, workers=-1)
        self.matrices, self.tables = None, None
        self.sizes = self.large
        if is_small(texton, shape):
            n = texton.shape[2]
            self.tables = {(i, j): self._kept(i, j) for i in range(n) for j in range(n)}
            self.sizes, self.matrices = self._cropped()

    def within(self, shape: tuple[int, int]) -> Covariance:
        """The same covariance on fields of a `shape` no larger than this one's, which is small."""
        part = copy.copy(self)
        part.shape = shape
        if shape != self.shape:
            part.sizes, part.matrices = part._cropped()
        return part

    def product(self, field: np.ndarray) -> np.ndarray:
        """Gamma `field`, both (C, h, w). Cost: 2 C FFTs."""
        spectrum = scipy.fft.rfft2(field, s=self.sizes, workers=-1)
        if self.matrices is None:
            spectrum = self.spectra * np.einsum("cij,cij->ij", self.spectra.conj(), spectrum)
        else:
            spectrum = np.einsum("cdij,dij->cij", self.matrices, spectrum)
        return scipy.fft.irfft2(spectrum, s=self.sizes, workers=-1)[
            :, : self.shape[0], : self.shape[1]
        ]

    def inverses(self, blocks: list[np.ndarray], reg: float) -> list[np.ndarray]:
        """(Gamma + reg I)^-1 on each block of points (n, 2): (C n, C n), channel by channel."""
        n = len(self.spectra)
        dense = [np.empty((n, len(block), n, len(block)), np.float32) for block in blocks]
        for row in range(n):
            for column in range(n):
                table = self._at_lags(row, column)
                for matrix, (down, right) in zip(dense, (block.T for block in blocks), strict=True):
                    matrix[row, :, column] = table[down[:, None] - down, right[:, None] - right]
        return [_regular_inverse(matrix, reg) for matrix in dense]

    def _at_lags(self, row: int, column: int) -> np.ndarray:
        """The covariance of channel `row` with `column` by lag, negative ones at the end."""
        return self._computed(row, column) if self.tables is None else self.tables[row, column]

    def _computed(self, row: int, column: int) -> np.ndarray:
        power = self.spectra[row] * self.spectra[column].conj()
        return scipy.fft.irfft2(power, s=self.large, workers=-1)

    def _kept(self, row: int, column: int) -> np.ndarray:
        """`_computed` at our lags only, which are all that `_at_lags` is asked for."""
        kept = np.empty([2 * size - 1 for size in self.shape], np.float32)
        lags = np.ix_(*[np.arange(1 - size, size) for size in self.shape])
        kept[lags] = self._computed(row, column)[lags]
        return kept

    def _cropped(self) -> tuple[list[int], np.ndarray]:
        """A torus for our lags, and the spectra (C, C, h, w) on it of the covariances there."""
        small, n = [_fast(2 * size) for size in self.shape], len(self.spectra)
        lags = np.ix_(*[np.arange(1 - size, size) for size in self.shape])
        matrices = np.empty((n, n, small[0], small[1] // 2 + 1), np.complex64)
        for row in range(n):
            for column in range(n):
                table = np.zeros(small, np.float32)
                table[lags] = self._at_lags(row, column)[lags]
                matrices[row, column] = scipy.fft.rfft2(table, workers=-1)
        return small, matrices


def is_small(texton: np.ndarray, shape: tuple[int, ...]) -> bool:
    """Whether a matrix at each frequency of a box is less than a vector at each of the texton's."""
    large = [_fast(side + size) for side, size in zip(texton.shape, shape, strict=False)]
    small = [_fast(2 * size) for size in shape]
    return bool(np.prod(small) * texton.shape[2] < np.prod(large))


def _regular_inverse(matrix: np.ndarray, reg: float) -> np.ndarray:
    """The inverse of `matrix` + reg I, for (C, n, C, n) read as (C n, C n)."""
    side = matrix.shape[0] * matrix.shape[1]
    ridge = reg * np.eye(side)
    return np.linalg.inv(matrix.reshape(side, side).astype(np.float64) + ridge).astype(np.float32)


def _fast(size: int) -> int:
    return scipy.fft.next_fast_len(size, real=True)
