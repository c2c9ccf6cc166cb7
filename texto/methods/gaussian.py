"""The stationary Gaussian model (asymptotic discrete spot noise)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from ..core.settings import PERIODIC, check_settings, tileable_setting
from ..core.state import kept_exemplar, only
from ..core.types import Progress, Rng, Step, as_image, as_shape, generator, silent
from ..patches.masks import as_sources
from ..patches.noise import gaussian_field, texton
from ..steps.conditional import conditional_fill
from ..steps.inpainting.levels import as_holed
from ..steps.inpainting.wrapping import seeing_across


@dataclass(frozen=True)
class Gaussian:
    """Stationary Gaussian texture: the exemplar's mean and covariance, phases at random.

    Galerne, Gousseau, Morel 2011. It keeps colours and spectrum and no edges: right for
    micro-textures such as sand or cloth seen from far, and what TextoGMM starts from.
    """

    summary = (
        "stationary Gaussian model: colours and spectrum, no edges (Galerne, Gousseau, Morel 2011)"
    )
    good_for = "micro-textures"
    quick: ClassVar[Mapping[str, Any]] = {}

    tileable: str = tileable_setting()

    def __post_init__(self):
        check_settings(self)

    def fit(
        self, exemplar: np.ndarray, *, rng: Rng = None, progress: Progress = silent
    ) -> GaussianModel:
        """The Gaussian model of `exemplar` (H, W, C) in [0, 1]. Cost: O(H W C)."""
        generator(rng)  # nothing is drawn, but a bad seed is told
        model = GaussianModel(self, as_image(exemplar).copy())
        progress(Step("fit", 0, 1, 1))
        return model

    @seeing_across
    def inpaint(
        self,
        image: np.ndarray,
        mask: np.ndarray,
        *,
        sources: np.ndarray | None = None,
        rng: Rng = None,
        progress: Progress = silent,
    ) -> np.ndarray:
        """`image` (H, W, C) with the holes, `mask` (H, W) True, drawn given what is round them.

        Galerne, Leclaire 2017, see `conditional_fill`; `sources` as in `Inpaints`. A
        64 x 64 hole takes some tenths of a second.
        """
        pixels, holes = as_holed(image, mask)
        used = as_sources(sources, holes)
        filled = conditional_fill(pixels, holes, generator(rng), sources=used)
        progress(Step("inpaint", 0, 1, 1))
        return filled

    def restore(self, state: Mapping[str, np.ndarray]) -> GaussianModel:
        """The model whose `state()` is `state`."""
        only(state, ["exemplar"])
        return GaussianModel(self, kept_exemplar(state))


@dataclass(frozen=True, eq=False)
class GaussianModel:
    """A fitted stationary Gaussian model."""

    method: Gaussian
    exemplar: np.ndarray

    @cached_property
    def texton(self) -> np.ndarray:
        """(H, W, C) float32: white noise convolved with it has the exemplar's covariance."""
        return texton(self.exemplar)

    def synthesize(
        self, shape: tuple[int, int], *, rng: Rng = None, progress: Progress = silent
    ) -> np.ndarray:
        """A sample (height, width, C) float32, clipped to [0, 1]. Cost: C + 1 FFTs."""
        field = gaussian_field(
            self.texton,
            self.exemplar.mean(axis=(0, 1), dtype=np.float64),
            as_shape(shape),
            generator(rng),
            periodic=PERIODIC[self.method.tileable],
        )
        progress(Step("synthesize", 0, 1, 1))
        return np.clip(field, 0, 1, out=field)

    def state(self) -> dict[str, np.ndarray]:
        """The exemplar: everything else follows from it."""
        return {"exemplar": self.exemplar}
