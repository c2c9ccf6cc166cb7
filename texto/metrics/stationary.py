"""Scores by second-order statistics of the grey values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.fft
import scipy.ndimage

from ..core.errors import TextoError
from ..core.types import as_image

BINS = 47  # radial frequencies of `spectrum`
POWER_FLOOR = 1e-8
LAG = 64  # pixels: the farthest lag of `autocorrelation`
SMALLEST_SIDE = 8  # of `autocorrelation`: lags of up to 2 pixels
PEAK = 4  # pixels: a peak of `recurrence` is the highest of all lags as near as this
FLAT = 1e-10  # a variance that is rounding only


def spectrum(result: np.ndarray, exemplar: np.ndarray) -> float:
    """Mean absolute difference of the logarithms of the radial power spectra of grey values.

    Pictures (H, W, C) in [0, 1]; the mean is over 47 rings of frequencies up to Nyquist, of the
    square of the smaller side under a Hann window. 0.7 means a factor of two in power at a
    typical frequency. Blur shows here first. TextoError below 94 pixels a side. Cost: a Fourier
    transform of each.
    """
    return float(Spectrum.of(exemplar)(result)[0])


def autocorrelation(result: np.ndarray, exemplar: np.ndarray, *, max_lag: int = LAG) -> float:
    """Root mean squared difference of the autocorrelations of the grey values.

        rho(h) = mean_x (u(x) - m)(u(x + h) - m) / variance,    x over all pairs inside

    Pictures (H, W, C) in [0, 1]; u is the mean of the channels, m its mean. Each lag h is a
    mean over the pairs that there are, so the estimate is free of the bias that grows with the
    lag and with a smaller picture. The lags are all up to `max_lag` along each axis, at most a
    quarter of the smallest side of the two pictures, but 0; each has the weight 1 / |h|, with
    which every distance counts about the same. Spacing, period and direction of the pattern
    show here; contrast and colour do not. From 0 to about 1. A constant picture counts as
    uncorrelated. TextoError below 8 pixels a side. Cost: Fourier transforms.
    """
    if max_lag < 1:
        raise TextoError("max_lag", f"is {max_lag}", "give at least 1")
    return float(Autocorrelation.of(exemplar, max_lag=max_lag)(result)[0])


def recurrence(picture: np.ndarray) -> float:
    """How much `picture` (H, W, C) in [0, 1] repeats itself: the strongest return of its greys.

    The highest peak of the autocorrelation, see `autocorrelation`, away from lag 0, of the lags up
    to half of the smaller side: 1 where a tile is repeated, and where nothing comes back what
    chance makes, about the side of the largest structures over the picture's. 0 without a peak. A
    synthesis that is above its exemplar has a period of its own. TextoError below 24 pixels a
    side. Cost: Fourier transforms.
    """
    grey = _grey(picture, "picture", 6 * PEAK)
    lag = min(grey.shape) // 2
    half = _autocorrelation(grey, lag)
    rho = np.concatenate([half[::-1, :0:-1], half], axis=1)  # rho(-h) = rho(h)
    peaks = rho == scipy.ndimage.maximum_filter(rho, 2 * PEAK + 1)
    rows, columns = np.nonzero(peaks[PEAK:-PEAK, PEAK:-PEAK])
    values = rho[rows + PEAK, columns + PEAK]
    away = np.maximum(abs(rows + PEAK - lag), abs(columns + PEAK - lag)) > 0
    return float(values[away].max(initial=0))


@dataclass(frozen=True, eq=False)
class Spectrum:
    """`spectrum` against one exemplar, whose logarithms of power are (BINS,)."""

    logarithms: np.ndarray

    @classmethod
    def of(cls, exemplar: np.ndarray) -> Spectrum:
        """TextoError for an exemplar with too few frequencies."""
        return cls(_log_spectrum(exemplar, "exemplar"))

    def __call__(self, result: np.ndarray, rng: object = None, n_draws: int = 1) -> np.ndarray:
        """(1,): nothing is drawn."""
        return np.abs(_log_spectrum(result, "result") - self.logarithms).mean(keepdims=True)


@dataclass(frozen=True, eq=False)
class Autocorrelation:
    """`autocorrelation` against one exemplar, `rho` (2 L + 1, L + 1) its own, L = `max_lag`."""

    rho: np.ndarray
    max_lag: int

    @classmethod
    def of(cls, exemplar: np.ndarray, *, max_lag: int = LAG) -> Autocorrelation:
        """TextoError for an exemplar with hardly a lag."""
        grey = _grey(exemplar, "exemplar", SMALLEST_SIDE)
        lag = min(max_lag, min(grey.shape) // 4)
        return cls(_autocorrelation(grey, lag), lag)

    def __call__(self, result: np.ndarray, rng: object = None, n_draws: int = 1) -> np.ndarray:
        """(1,): nothing is drawn."""
        grey = _grey(result, "result", SMALLEST_SIDE)
        lag = min(self.max_lag, min(grey.shape) // 4)
        middle = slice(self.max_lag - lag, self.max_lag + lag + 1)
        differences = _autocorrelation(grey, lag) - self.rho[middle, : lag + 1]
        return np.sqrt(np.average(np.square(differences), weights=_weights(lag)))[None]


def _weights(lag: int) -> np.ndarray:
    """(2 lag + 1, lag + 1): 1 / |h|, and 0 for the lags (y, 0) with y <= 0, which tell no more."""
    distance = np.hypot(*np.mgrid[-lag : lag + 1, : lag + 1])
    distance[: lag + 1, 0] = np.inf
    return 1 / distance


def _grey(image: np.ndarray, what: str, smallest: int) -> np.ndarray:
    return as_image(image, what, smallest=smallest).mean(axis=2, dtype=np.float64)


def _autocorrelation(grey: np.ndarray, lag: int) -> np.ndarray:
    """(2 lag + 1, lag + 1): rho at rows -lag ... lag and columns 0 ... lag, of `grey` (H, W)."""
    centred = grey - grey.mean()
    variance = np.square(centred).mean()
    if variance < FLAT:
        return np.zeros((2 * lag + 1, lag + 1))
    padded = [scipy.fft.next_fast_len(side + lag, real=True) for side in grey.shape]
    power = np.square(np.abs(scipy.fft.rfft2(centred, padded)))
    sums = scipy.fft.irfft2(power, padded)[np.arange(-lag, lag + 1), : lag + 1]
    rows = grey.shape[0] - np.abs(np.arange(-lag, lag + 1))
    columns = grey.shape[1] - np.arange(lag + 1)
    return sums / np.outer(rows, columns) / variance


def _log_spectrum(image: np.ndarray, what: str) -> np.ndarray:
    """(BINS,) logarithms of the radially averaged power of the windowed grey values."""
    grey = _grey(image, what, 2 * BINS)
    side = min(grey.shape)
    grey = grey[:side, :side] - grey[:side, :side].mean()
    window = np.outer(np.hanning(side), np.hanning(side))
    power = np.abs(np.fft.fft2(grey * window)) ** 2 / (window**2).sum()
    frequency = np.fft.fftfreq(side)
    radius = np.hypot(frequency[:, None], frequency)
    ring = np.minimum((radius / 0.5 * BINS).astype(int), BINS)
    inside = ring < BINS
    totals = np.bincount(ring[inside], power[inside], minlength=BINS)
    counts = np.bincount(ring[inside], minlength=BINS)
    return np.log(np.maximum(totals / np.maximum(counts, 1), POWER_FLOOR))
