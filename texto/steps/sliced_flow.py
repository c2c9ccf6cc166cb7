"""Sliced transport of small patches: a picture's patch statistics moved onto an exemplar's.

Sliced Wasserstein flow (Rabin, Peyre, Delon, Bernot 2011) on patches: project on random
directions, match the sorted values, move back, average overlaps. The gradient is in closed
form: it needs a sort, two matrix products and the adjoint of patch extraction.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..core.threads import mapped
from ..patches.extraction import Grid, coverage, extract, extract_at, fold
from ..transport.sliced import displacement, frame

PATCH_SIZE = 7
SAMPLES = 1 << 13  # patches from which a one-dimensional distribution is estimated


@dataclass(frozen=True, eq=False)
class SlicedTransport:
    """The target of a flow: random patches of an exemplar and the frame to see them in.

    sample : (n, w w C); analysis, synthesis : (w w C, r), the exemplar's principal components
    divided and multiplied by a power of their deviations. Plain random directions see little
    but the strongest component; a partly whitened frame makes fine detail and colour
    differences converge too.
    """

    sample: np.ndarray
    analysis: np.ndarray
    synthesis: np.ndarray
    n_directions: int

    def step(
        self,
        image: np.ndarray,
        *,
        rng: np.random.Generator,
        stride: int,
        gain: float = 1.0,
        periodic: tuple[bool, bool] = (False, False),
    ) -> None:
        """Move `image` (H, W, C), at least 7 x 7, one step towards the target, in place.

        Patches every `stride` pixels from a random offset take part; `gain` scales the step.
        Cost: 4 (w / stride)^2 C n_directions operations a pixel; memory is that of one picture.
        """
        rank = self.analysis.shape[1]
        if rank == 0:  # a constant exemplar has no statistics to match
            return
        gaussian = rng.standard_normal((rank, min(self.n_directions, rank)), dtype=np.float32)
        directions = np.linalg.qr(gaussian)[0]
        forth, back = self.analysis @ directions, (self.synthesis @ directions).T
        displace = displacement(sample_patches(image, rng) @ forth, self.sample @ forth)
        spots = random_grid(image.shape[:2], stride, rng, periodic)
        total = np.zeros_like(image)
        bands = [band for band, _ in spots.blocks(image.shape[2])]
        moves = mapped(lambda band: displace(extract(image, band) @ forth) @ back, bands)
        for band, move in zip(bands, moves, strict=True):
            fold(total, move, band)
        # Near a border few patches speak; dividing by their number alone would let them shout.
        count = coverage(spots)
        total *= (gain / np.maximum(count, count.max() / 3))[:, :, None]
        image += total


def sliced_transport(
    exemplar: np.ndarray, *, rng: np.random.Generator, n_directions: int = 64
) -> SlicedTransport:
    """The flow towards the 7 x 7 patches of `exemplar` (H, W, C), at least 7 x 7 pixels."""
    sample = sample_patches(exemplar, rng)
    centred = sample - sample.mean(axis=0)
    # Maps of a stack may be affine functions of each other. Float32 sums would leave some
    # variance to the directions that such maps do not have, and noise would enter there.
    if exemplar.shape[2] > 3:
        centred = centred.astype(np.float64)
    analysis, synthesis = frame((centred.T @ centred).astype(np.float64) / len(sample))
    return SlicedTransport(sample, analysis, synthesis, n_directions)


def sample_patches(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Random patches (n, w w C) of `image`; positions may repeat."""
    limits = [size - PATCH_SIZE + 1 for size in image.shape[:2]]
    count = min(SAMPLES, 2 * limits[0] * limits[1])
    corners = np.column_stack([rng.integers(0, limit, count) for limit in limits])
    return extract_at(image, corners, PATCH_SIZE)


def random_grid(
    shape: tuple[int, int], stride: int, rng: np.random.Generator, periodic: tuple[bool, bool]
) -> Grid:
    """A grid with a random offset, so that in time every patch takes part."""
    axes = []
    for size, wraps in zip(shape, periodic, strict=True):
        end = size if wraps else size - PATCH_SIZE + 1
        axes.append(np.arange(int(rng.integers(min(stride, end))), end, stride))
    return Grid(shape, PATCH_SIZE, *axes)
