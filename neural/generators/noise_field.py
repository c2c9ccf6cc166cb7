"""Noise by position: any window of an infinite field, alike on every device."""

from __future__ import annotations

import numpy as np
import torch

from texto.core.types import Rng, generator

from .windows import Span, Window

_BITS = 24  # what float32 holds of a number in [0, 1)
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


class NoiseField:
    """Independent uniform noise on [0, 1) for all positions of `n_scales` grids.

    `rng` : the seed. A value depends on the seed, scale, channel and position alone: each row and
    each column has a random key, and a value is the hash of its two. Cost: 1 ns a value.
    """

    def __init__(self, n_scales: int, channels: int, *, rng: Rng):
        size = (n_scales, 2, channels, 1)
        self._keys = generator(rng).integers(2**64, size=size, dtype=np.uint64)

    def of(self, window: Window, device: torch.device | str = "cpu") -> list[torch.Tensor]:
        """The noise (1, channels, h, w) float32 that `window` depends on, a tensor a scale.

        Where the window is of a torus, the noise repeats with the torus's period.
        """
        return [
            self._values(scale, rows, columns, device)
            for scale, (rows, columns) in enumerate(zip(window.rows, window.columns, strict=True))
        ]

    def _values(
        self, scale: int, rows: Span, columns: Span, device: torch.device | str
    ) -> torch.Tensor:
        down, across = (
            torch.from_numpy(_hashed(keys, positions(span))).to(device)
            for keys, span in zip(self._keys[scale], (rows, columns), strict=True)
        )
        return _uniform(down[None, :, :, None] ^ across[None, :, None, :])


def positions(span: Span) -> np.ndarray:
    """The positions of the noise of `span`, (n,) int64; on a torus from 0 to its period."""
    found = np.arange(*span.noise)
    return found % span.period if span.period else found


def _hashed(keys: np.ndarray, found: np.ndarray) -> np.ndarray:
    """(channels, n) int32: for every key (channels, 1) random bits at the positions (n,).

    Steele, Lea, Flood 2014, SplitMix64: the position-th number of the generator `keys`.
    """
    bits = keys + found.astype(np.uint64) * _GOLDEN  # wraps round, as it should
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (bits >> np.uint64(32)).astype(np.uint32).view(np.int32)


def _uniform(bits: torch.Tensor) -> torch.Tensor:
    """Mixed `bits` (int32, overwritten) as float32 in [0, 1).

    A multiply-and-shift hash of 32 bits (C. Wellons's constants). torch shifts int32 with the
    sign, which the masks take off.
    """
    bits ^= (bits >> 16) & 0xFFFF
    bits *= 0x7FEB352D
    bits ^= (bits >> 15) & 0x1FFFF
    bits *= 0x846CA68B - 2**32
    bits ^= (bits >> 16) & 0xFFFF
    bits >>= 32 - _BITS
    bits &= 2**_BITS - 1
    return bits.float().mul_(2.0**-_BITS)
