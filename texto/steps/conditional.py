"""Holes filled by the Gaussian model given the pixels around them (Galerne, Leclaire 2017)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from ..core.threads import single_blas
from ..patches.noise import TAPER, gaussian_field
from .covariance import Covariance, is_small

APART = 16  # pixels between holes whose rings screen them from each other
FEW = 4  # groups of such holes up to which each has a sample of its own
RING = 3  # width in pixels of the conditioning set around the holes, as published
TOLERANCE = 1e-3  # of the residual, relative to the right side
MAX_ITERATIONS = 1000
BLOCK = 256  # unknowns solved together by the preconditioner
BLOCK_VALUES = 1 << 26  # numbers that the preconditioner holds
FAINT = 1e-4  # colour directions below this share of the strongest variance count as this strong
NO_VARIANCE = 1e-12  # below, the known pixels have one colour


def conditional_fill(
    image: np.ndarray,
    holes: np.ndarray,
    rng: np.random.Generator,
    *,
    sources: np.ndarray | None = None,
    reg: float = 1e-3,
) -> np.ndarray:
    """`image` (H, W, C) with the pixels of `holes` (H, W) bool drawn given those around them.

    The known pixels, those of `sources` (H, W) if given, have the mean m and the covariance
    Gamma of a stationary Gaussian texture.
    With the ring C of known pixels at most 3 from a hole and a sample z of the texture,

        solve  (Gamma|C + reg I) k = (u - m - z)|C,   fill with  m + z + Gamma k

    (Galerne, Leclaire 2017, Alg. 1), which has the law of the texture given the ring. They solve
    the normal equations; here a small ridge `reg`, relative to the variance, keeps the system
    regular, since real pictures are never quite Gaussian. Colours are whitened first, so the
    ridge weighs faint colour directions like strong ones; one coupled system serves all channels.

    Returns (H, W, C) float32 in [0, 1], known pixels bit for bit those of `image`; what the
    holes held has no influence. Where all sources have one colour the holes get it, where there
    is none they get middle grey. Cost: up to 1000 steps of conjugate gradient, some tens as a rule,
    of 2 C FFTs over twice the box round the holes. Holes further than APART from each other
    are drawn each by itself, so that cost follows their area and not their distance.
    """
    filled = np.array(image, np.float32)
    known = ~holes
    if known.all():
        return filled
    used = known if sources is None else known & sources
    if not used.any():
        filled[holes] = 0.5
        return filled
    colours = _Colours.of(image[used])
    if colours.scale is None:
        filled[holes] = colours.mean
        return filled
    white = np.zeros(image.shape, np.float32)  # holes: the mean
    white[known] = colours.whitened(image[known])
    with single_blas():
        white[holes] = _hidden(white, holes, used, rng, reg)
    filled[holes] = np.clip(colours.coloured(white[holes]), 0, 1)
    return filled


def masked_texton(image: np.ndarray, used: np.ndarray) -> np.ndarray:
    """The kernel whose convolution with white noise has the covariance of the pixels `used`.

    `image` (H, W, C) has mean zero over these. The window fades towards their borders: a sharp
    edge would pass for roughness of the texture. Returns (H, W, C) float32.
    """
    depth = ndimage.distance_transform_edt(np.pad(used, 1))[1:-1, 1:-1]
    reach = min(TAPER * min(used.shape), float(np.median(depth[used])))
    window = np.sin(np.pi / 2 * np.clip(depth / (reach + 1), 0, 1)) ** 2
    return (image * (window / np.linalg.norm(window))[:, :, None]).astype(np.float32)


@dataclass(frozen=True, eq=False)
class _Colours:
    """Coordinates in which colours have mean 0 and covariance I: (u - mean) directions / scale.

    `mean` : (C,), `directions` : (C, C) orthonormal columns, `scale` : (C,), or None where all
    colours are the same.
    """

    mean: np.ndarray
    directions: np.ndarray
    scale: np.ndarray | None

    @classmethod
    def of(cls, colours: np.ndarray) -> _Colours:
        """The coordinates of `colours` (n, C)."""
        mean = colours.mean(axis=0, dtype=np.float64)
        centred = colours - mean
        variances, directions = np.linalg.eigh(centred.T @ centred / len(centred))
        if variances[-1] < NO_VARIANCE:
            return cls(mean, directions, None)
        return cls(mean, directions, np.sqrt(np.maximum(variances, FAINT * variances[-1])))

    def whitened(self, colours: np.ndarray) -> np.ndarray:
        return (colours - self.mean) @ (self.directions / self.scale)

    def coloured(self, white: np.ndarray) -> np.ndarray:
        return white @ (self.directions * self.scale).T + self.mean


def _hidden(
    white: np.ndarray, holes: np.ndarray, used: np.ndarray, rng: np.random.Generator, reg: float
) -> np.ndarray:
    """The values (n, C) in the holes of `white` (H, W, C), whose mean over `used` is zero."""
    texton = masked_texton(white, used)
    zero = np.zeros(texton.shape[2])
    ring = ndimage.binary_dilation(holes, np.ones((3, 3)), iterations=RING) & ~holes
    groups = _groups(holes) * (ring | holes)
    boxes = ndimage.find_objects(groups)
    everywhere = None
    if len(boxes) > FEW:
        everywhere = gaussian_field(texton, zero, holes.shape, rng)
    gammas = _covariances(texton, [groups[box].shape for box in boxes])
    drawn = np.empty(white.shape, np.float32)
    for number, (box, gamma) in enumerate(zip(boxes, gammas, strict=True), 1):
        own = groups[box] == number
        hole, rim = holes[box] & own, ring[box] & own
        sample = everywhere[box] if everywhere is not None else None
        if sample is None:
            sample = gaussian_field(texton, zero, own.shape, rng)
        field = np.zeros((len(zero), *own.shape), np.float32)
        field[:, rim] = _solved(gamma, rim, (white[box][rim] - sample[rim]).T, reg)
        drawn[box][hole] = sample[hole] + gamma.product(field)[:, hole].T
    return drawn[holes]


def _groups(holes: np.ndarray) -> np.ndarray:
    """(H, W): numbers from 1 round the `holes`, the same where they are at most APART apart."""
    near = ndimage.distance_transform_edt(~holes) <= APART / 2
    return ndimage.label(near, np.ones((3, 3)))[0]


def _covariances(texton: np.ndarray, shapes: Sequence[tuple[int, ...]]) -> Iterator[Covariance]:
    """That of each box of `shapes`; small boxes share the covariances by lag."""
    small = [shape for shape in shapes if is_small(texton, shape)]
    shared = None
    if small:
        height, width = np.max(small, axis=0)
        shared = Covariance(texton, (int(height), int(width)))
    for height, width in shapes:
        if shared is not None and is_small(texton, (height, width)):
            yield shared.within((height, width))
        else:
            yield Covariance(texton, (height, width))


def _solved(gamma: Covariance, ring: np.ndarray, values: np.ndarray, reg: float) -> np.ndarray:
    """k (C, n) with (Gamma + reg I) k = `values` (C, n) on the `ring` (H, W) of n pixels."""
    from scipy.sparse.linalg import LinearOperator, cg

    field = np.zeros((len(values), *ring.shape), np.float32)
    points = np.argwhere(ring)
    blocks = _blocks(points, np.arange(len(points)), _block_size(values))
    inverses = gamma.inverses([points[block] for block in blocks], reg)

    def apply(vector: np.ndarray) -> np.ndarray:
        field[:, ring] = vector.reshape(values.shape)
        return gamma.product(field)[:, ring].ravel() + reg * vector.ravel()

    def precondition(vector: np.ndarray) -> np.ndarray:
        given = vector.reshape(values.shape)
        found = np.empty_like(given)
        for block, inverse in zip(blocks, inverses, strict=True):
            found[:, block] = (inverse @ given[:, block].ravel()).reshape(len(given), -1)
        return found.ravel()

    square = (values.size, values.size)
    # Stopped early, it is still a smooth fit to the ring: nothing worth a warning.
    found, _ = cg(
        LinearOperator(square, apply, dtype=np.float64),
        values.ravel().astype(np.float64),
        rtol=TOLERANCE,
        maxiter=MAX_ITERATIONS,
        M=LinearOperator(square, precondition, dtype=np.float64),
    )
    return found.reshape(values.shape)


def _block_size(values: np.ndarray) -> int:
    """How many pixels a block of the preconditioner has, for unknowns `values` (C, n)."""
    most = min(BLOCK, BLOCK_VALUES // values.size)
    return max(1, most // len(values))


def _blocks(points: np.ndarray, chosen: np.ndarray, most: int) -> list[np.ndarray]:
    """The `chosen` rows of `points` (n, 2) in compact groups of at most `most`."""
    if len(chosen) <= most:
        return [chosen]
    longer = int(np.argmax(np.ptp(points[chosen], axis=0)))
    chosen = chosen[np.argsort(points[chosen, longer], kind="stable")]
    half = len(chosen) // 2
    return _blocks(points, chosen[:half], most) + _blocks(points, chosen[half:], most)
