"""The transport from the colours of one picture to those of another, between Gaussian mixtures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...transport.em import fit_mixture
from ...transport.gmm_map import GmmPlan, barycentric_map, gmm_plan
from ...transport.mixture import GaussianMixture

N_PIXELS = 10_000  # drawn from a picture to fit its mixture
BLOCK = 1 << 18  # colours mapped at a time, which bounds the memory


@dataclass(frozen=True, eq=False)
class ColourTransport:
    """The plan between the mixtures of two pictures' colours, and the pixels they were fitted to.

    `samples` : the colours drawn from each picture, (n, C) float32.
    """

    plan: GmmPlan
    samples: tuple[np.ndarray, np.ndarray]

    def __call__(self, colours: np.ndarray) -> np.ndarray:
        """Where `colours` (..., C) go: float32 of that shape, in [0, 1].

        The barycentric map of Delon and Desolneux 2020, projected to [0, 1], which holds all
        colours of the target. Cost: O(n K C^2).
        """
        points = colours.reshape(-1, colours.shape[-1])
        moved = np.empty(points.shape, np.float32)
        for start in range(0, len(points), BLOCK):
            part = slice(start, start + BLOCK)
            np.clip(barycentric_map(self.plan, points[part]), 0, 1, out=moved[part])
        return moved.reshape(colours.shape)


def drawn_colours(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Colours (n, C) of at most `N_PIXELS` pixels of `image` (H, W, C), each drawn once."""
    pixels = image.reshape(-1, image.shape[2])
    if len(pixels) <= N_PIXELS:
        return pixels
    return pixels[rng.choice(len(pixels), N_PIXELS, replace=False)]


def fitted(samples: np.ndarray, n_components: int, rng: np.random.Generator) -> GaussianMixture:
    """The mixture of the colours `samples` (n, C)."""
    return fit_mixture(samples, n_components, rng=rng).mixture


def transport(
    samples: tuple[np.ndarray, np.ndarray], mixtures: tuple[GaussianMixture, GaussianMixture]
) -> ColourTransport:
    """The optimal plan from the first of two `mixtures`, fitted to `samples`, to the second."""
    return ColourTransport(gmm_plan(*mixtures), samples)
