"""Pictures to start from: the stationary Gaussian model of an exemplar."""

from __future__ import annotations

import numpy as np
import scipy.fft

TAPER = 1 / 16  # share of each side over which the texton fades out at a border


def texton(exemplar: np.ndarray) -> np.ndarray:
    """The kernel t whose convolution with white noise has the exemplar's covariance.

    `t = w (u - mean) / |w|`, (H, W, C) float32, with a window w that is one inside and fades
    over the border: the picture is not periodic, and a sharp edge would put a cross into the
    spectrum. Galerne, Leclaire, Moisan 2014 call t the texton.
    """
    height, width, _ = exemplar.shape
    window = np.outer(_taper(height), _taper(width))
    centred = exemplar - exemplar.mean(axis=(0, 1), dtype=np.float64)
    centred *= (window / np.linalg.norm(window))[:, :, None]
    return centred.astype(np.float32)


def gaussian_field(
    kernel: np.ndarray,
    mean: np.ndarray,
    shape: tuple[int, int],
    rng: np.random.Generator,
    *,
    periodic: tuple[bool, bool] = (False, False),
) -> np.ndarray:
    """A sample `mean + kernel * Z` of the stationary Gaussian model, Z white Gaussian noise.

    Asymptotic discrete spot noise (Galerne, Gousseau, Morel 2011), the poster's initialisation
    (section 6). `kernel` : (H, W, C) texton, `mean` : (C,); returns (height, width, C) float32,
    not clipped. One noise field drives all channels, so colours stay correlated. Along a
    periodic axis the result wraps round. Cost: C + 1 FFTs of the output's size plus a margin
    of the kernel's.
    """
    extents = [
        size if wraps else size + reach - 1
        for size, reach, wraps in zip(shape, kernel.shape[:2], periodic, strict=True)
    ]
    sizes = [
        extent if wraps else scipy.fft.next_fast_len(extent, real=True)
        for extent, wraps in zip(extents, periodic, strict=True)
    ]
    noise = scipy.fft.rfft2(rng.standard_normal(sizes, dtype=np.float32), workers=-1)
    field = np.empty((*shape, kernel.shape[2]), np.float32)
    top, left = (extent - size for extent, size in zip(extents, shape, strict=True))
    for channel in range(kernel.shape[2]):
        spectrum = scipy.fft.rfft2(_wrapped(kernel[:, :, channel], sizes), workers=-1)
        spectrum *= noise
        full = scipy.fft.irfft2(spectrum, s=sizes, workers=-1)
        window = full[top : top + shape[0], left : left + shape[1]]
        field[:, :, channel] = window + mean[channel]
    return field


def field_like(
    exemplar: np.ndarray,
    shape: tuple[int, int],
    rng: np.random.Generator,
    *,
    periodic: tuple[bool, bool] = (False, False),
) -> np.ndarray:
    """A sample of the stationary Gaussian model of `exemplar` (H, W, C), see `gaussian_field`."""
    mean = exemplar.mean(axis=(0, 1), dtype=np.float64)
    return gaussian_field(texton(exemplar), mean, shape, rng, periodic=periodic)


def _taper(size: int) -> np.ndarray:
    """A window (size,) of ones with half a cosine at both ends."""
    reach = int(size * TAPER)
    ramp = 0.5 - 0.5 * np.cos(np.pi * (np.arange(reach) + 0.5) / max(reach, 1))
    window = np.ones(size)
    window[:reach] = ramp
    window[size - reach :] = ramp[::-1]
    return window


def _wrapped(kernel: np.ndarray, sizes: list[int]) -> np.ndarray:
    """`kernel` (H, W) on a torus of `sizes`; parts that reach round it are added up."""
    for axis, size in enumerate(sizes):
        count = -(-kernel.shape[axis] // size)
        pad = [(0, 0), (0, 0)]
        pad[axis] = (0, count * size - kernel.shape[axis])
        folded = np.pad(kernel, pad)
        shape = list(folded.shape)
        shape[axis : axis + 1] = [count, size]
        kernel = folded.reshape(shape).sum(axis=axis)
    return kernel
