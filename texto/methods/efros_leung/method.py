"""Non-parametric sampling: texture grown pixel by pixel from a seed."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ...core.errors import TextoError, TextoWarning
from ...core.settings import PERIODIC, check_settings, setting, tileable_setting
from ...core.state import kept_exemplar, only
from ...core.threads import single_blas
from ...core.types import Progress, Rng, Step, as_image, as_shape, generator, silent
from ...patches.database import draw_corners
from .growth import Growth
from .masked_search import KEPT, MaskedSearch

THRESHOLD = 0.3  # mean squared colour distance above which a pixel waits for more neighbours
RISE = 1.1  # factor on the threshold when every pixel waits
RATE = 5e10  # operations a second in large products: what two processors do
STREAM = {True: 5e9, False: 1e9}  # floats of windows read a second: kept ones, extracted ones
LONG = 60  # seconds: a longer estimate is told


@dataclass(frozen=True)
class EfrosLeung:
    """Texture synthesis by non-parametric sampling: every pixel copied from a similar place.

    Efros, Leung 1999. From a seed, layer by layer, each pixel takes the colour of an exemplar
    pixel drawn among those whose surrounding window is like what is known around it. Made for
    small pictures and regular structure; the time grows with the product of both sizes.
    The published rule copies the exemplar around the seed: the place that the seed is from fits
    with distance 0, and 1.1 times 0 lets nothing else in. Where another place fits as well as
    places of the exemplar fit each other, we measure the tolerance from that one (`novelty`).
    """

    summary = "pixels copied one by one from similar places (Efros, Leung 1999)"
    good_for = "small pictures; slow"
    quick: ClassVar[Mapping[str, Any]] = {"patch_size": 5, "n_patches": 500}

    patch_size: int = setting(
        15,
        "side of the window in pixels, odd: a little more than the largest element; larger "
        "windows copy whole pieces, smaller ones lose structure",
        low=3,
        high=63,
        stage="synthesis",
    )
    tolerance: float = setting(
        0.1,
        "how much worse than the best an exemplar pixel may fit to be drawn; 0: only the best",
        low=0,
        high=10,
        stage="synthesis",
    )
    novelty: float = setting(
        0.1,
        "share of places where the growth may leave a verbatim copy for the next best; 0: the "
        "published form",
        low=0,
        high=1,
        stage="synthesis",
    )
    n_patches: int | None = setting(
        None,
        "random pixels of the exemplar to choose from; none: all",
        low=1,
        high=10_000_000,
        stage="synthesis",
    )
    tileable: str = tileable_setting()

    def __post_init__(self):
        check_settings(self)
        if self.patch_size % 2 == 0:
            near = f"{self.patch_size - 1} or {self.patch_size + 1}"
            raise TextoError(
                "patch_size",
                f"must be odd, got {self.patch_size}",
                f"a window has a middle pixel: choose {near}",
            )

    def fit(
        self, exemplar: np.ndarray, *, rng: Rng = None, progress: Progress = silent
    ) -> EfrosLeungModel:
        """A model that holds `exemplar` (H, W, C) in [0, 1]: all work is in `synthesize`.

        Raises TextoError where a side is shorter than `patch_size`.
        """
        generator(rng)  # nothing is drawn, but a bad seed is told
        model = EfrosLeungModel(self, self._checked(exemplar, "exemplar").copy())
        progress(Step("fit", 0, 1, 1))
        return model

    def restore(self, state: Mapping[str, np.ndarray]) -> EfrosLeungModel:
        """The model whose `state()` is `state`."""
        only(state, ["exemplar"])
        return EfrosLeungModel(self, self._checked(kept_exemplar(state), "tensor 'exemplar'"))

    def _checked(self, exemplar: np.ndarray, what: str) -> np.ndarray:
        """`exemplar` as an image with room for a window."""
        exemplar = as_image(exemplar, what)
        if min(exemplar.shape[:2]) < self.patch_size:
            raise TextoError(
                what,
                f"is {exemplar.shape[1]}x{exemplar.shape[0]}, smaller than "
                f"patch_size={self.patch_size}",
                "lower patch_size or give a larger picture",
            )
        return exemplar


@dataclass(frozen=True, eq=False)
class EfrosLeungModel:
    """An exemplar to draw pixels from."""

    method: EfrosLeung
    exemplar: np.ndarray

    @single_blas()
    def synthesize(
        self, shape: tuple[int, int], *, rng: Rng = None, progress: Progress = silent
    ) -> np.ndarray:
        """New texture (height, width, C) float32, each pixel one of the exemplar's.

        On a periodic axis windows wrap round and the growth meets itself. Warns before it
        starts where more than a minute is expected.
        Cost: 2 n m w^2 (C + 1) operations for n pixels, m exemplar pixels and windows of side w;
        memory is bounded, beside 16 bytes a pixel of the output.
        """
        shape, rng = as_shape(shape), generator(rng)
        method = self.method
        exemplar = method._checked(self.exemplar, "exemplar")  # patch_size may have changed since
        count = method.n_patches or exemplar[:, :, 0].size
        corners = draw_corners(exemplar.shape, method.patch_size, count, rng)
        channels = exemplar.shape[2]
        _warn_if_long(estimated_seconds(shape, len(corners), method.patch_size, channels))
        search = MaskedSearch(exemplar, corners, method.patch_size)
        largest = search.spread(method.novelty, rng) if method.novelty else 0.0
        growth = Growth(shape, method.patch_size // 2, PERIODIC[method.tileable])
        growth.plant(exemplar.shape, rng)
        progress(Step("synthesize", 0, growth.count, growth.total))
        threshold = THRESHOLD
        while growth.count < growth.total:
            before = growth.count
            for spots in growth.batches(rng):
                found, errors = search.draw(
                    growth.windows(spots),
                    rng.random(len(spots)),
                    tolerance=method.tolerance,
                    largest=largest,
                )
                good = errors < threshold
                if good.any():
                    growth.fill(spots[good], found[good])
                    progress(Step("synthesize", 0, growth.count, growth.total))
            if growth.count == before:
                threshold *= RISE
        return exemplar.reshape(-1, channels)[growth.picture]

    def state(self) -> dict[str, np.ndarray]:
        """The exemplar: everything else follows from it."""
        return {"exemplar": self.exemplar}


def estimated_seconds(
    shape: tuple[int, int], n_patches: int, patch_size: int, channels: int
) -> float:
    """The time a synthesis will take, in seconds, from its operations and the rates above.

    Every batch reads all windows; a layer takes about w batches.
    """
    floats = n_patches * patch_size**2 * (channels + 1)
    batches = min(shape[0] * shape[1], max(shape) // 2 * patch_size)
    products = 2 * floats * shape[0] * shape[1] / RATE
    return products + batches * floats / STREAM[floats <= KEPT]


def _warn_if_long(seconds: float) -> None:
    if seconds > LONG:
        warnings.warn(
            f"this will take about {seconds / 60:.0f} minutes; lower the size, patch_size or "
            "n_patches",
            TextoWarning,
            stacklevel=4,
        )
