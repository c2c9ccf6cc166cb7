"""A method whose synthesis is a flow of patches, with all powers, and its model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ...core.contract import Model
from ...core.state import kept_exemplar, only, take
from ...core.threads import single_blas
from ...core.types import Progress, Rng, as_image, as_shape, generator, silent
from ..guiding.guidance import WEIGHT
from ..inpainting.wrapping import seeing_across
from . import guiding as guided
from . import mixing as mixed
from .bank import Bank, bank, principal_axes
from .flow import Flow
from .inpainting import fill_holes
from .settings import FlowSettings, Scale, scale_of
from .tone import toned


@dataclass(frozen=True)
class FlowMethod(FlowSettings):
    """The powers of a flow of patches; a method adds its settings and its octaves."""

    @single_blas()
    def fit(
        self, exemplar: np.ndarray, *, rng: Rng = None, progress: Progress = silent
    ) -> FlowModel:
        """Keep `exemplar` (H, W, C) in [0, 1] and the principal axes of its patches.

        Raises TextoError where it is too small for the settings. Cost: O(s D d) an octave for
        s = 4000 sample patches of D values and d axes.
        """
        exemplar = as_image(exemplar, smallest=self.patch_size).copy()
        method = self.adapted(exemplar)
        pictures = method.pictures(
            scale_of(exemplar.reshape(-1, exemplar.shape[2])).normal(exemplar),
            method.count_levels(exemplar.shape),
        )
        rngs, axes = generator(rng).spawn(len(pictures)), []
        for level, (picture, child) in enumerate(zip(pictures, rngs, strict=True)):
            if method.dimensions is not None:
                axes.append(principal_axes(picture, method.patch_size, method.dimensions, child))
            progress(mixed.fit_step(level, len(pictures)))
        return FlowModel(method, exemplar, tuple(axes))

    def restore(self, state: Mapping[str, np.ndarray]) -> FlowModel | mixed.MixedFlowModel:
        """The model whose `state()` is `state`; TextoError where the arrays make no sense."""
        if "mix.weights" in state:
            return mixed.restore(self, state)
        exemplar = kept_exemplar(state, smallest=self.patch_size)
        method, colours = self.adapted(exemplar), exemplar.shape[2]
        count = method.count_levels(exemplar.shape) if method.dimensions is not None else 0
        axes = tuple(
            take(
                state,
                f"level{level}.axes",
                shape=(method.patch_size**2 * method.count_channels(colours, level), None),
                dtype=np.float32,
            )
            for level in range(count)
        )
        model = FlowModel(method, exemplar, axes)
        only(state, model.state())
        return model

    def mix(self, models: Sequence[Model], weights: Sequence[float]) -> Model:
        """The model between `models` at `weights`, see `texto.steps.flow.mixing.mix`."""
        return mixed.mix(self, models, weights)

    def mix_along(
        self,
        models: Sequence[Model],
        weight_map: np.ndarray,
        shape: tuple[int, int],
        *,
        rng: Rng = None,
        progress: Progress = silent,
    ) -> np.ndarray:
        """Texture whose mix follows `weight_map`, see `texto.steps.flow.mixing.mix_along`."""
        return mixed.mix_along(self, models, weight_map, shape, rng=rng, progress=progress)

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
        """`image` (H, W, C) with new pixels where `mask` (H, W) is True, see `Inpaints`.

        Known pixels bear no noise at any time, so patches across the rim see where they end.
        Raises TextoError where too few patches touch no hole.
        """
        return fill_holes(self, image, mask, sources=sources, rng=rng, progress=progress)

    def guide(
        self,
        exemplar: np.ndarray,
        picture: np.ndarray,
        shape: tuple[int, int] | None = None,
        *,
        weight: float = WEIGHT,
        rng: Rng = None,
        progress: Progress = silent,
    ) -> np.ndarray:
        """The texture of `exemplar` along the luminance of `picture`, see `Guides`."""
        return guided.guide(
            self, exemplar, picture, shape, weight=weight, rng=rng, progress=progress
        )


@dataclass(frozen=True, eq=False)
class FlowModel:
    """An exemplar to flow to, with the principal `axes` of its patches, finest octave first."""

    method: FlowMethod
    exemplar: np.ndarray
    axes: tuple[np.ndarray, ...]

    def synthesize(
        self, shape: tuple[int, int], *, rng: Rng = None, progress: Progress = silent
    ) -> np.ndarray:
        """New texture (height, width, C) float32 in [0, 1], of any size.

        Time and memory grow with the pixels of the result and of the exemplar, and no faster.
        """
        return self.flowed(shape, rng, progress)[0]

    @single_blas()
    def flowed(
        self, shape: tuple[int, int], rng: Rng, progress: Progress
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """The picture, and the pixels of the exemplar that it is of: see `Flowed`."""
        height, width = as_shape(shape)
        method, n_levels = self.method, len(self._banks)
        flow = Flow(
            self._banks,
            method.octaves(n_levels),
            method.canvas_sizes((height, width), n_levels),
            method.periodic,
            progress=progress,
        )
        rng = generator(rng)
        flowed = flow.run(rng)
        part = slice(height), slice(width)
        sources = None if flowed.sources is None else flowed.sources[part]
        picture = self._scale.picture(flowed.picture[part])
        share, periodic = method.tone_share, method.periodic
        return toned(picture, self.exemplar, share, rng=rng, periodic=periodic), sources

    def state(self) -> dict[str, np.ndarray]:
        """The exemplar and the axes."""
        axes = {f"level{level}.axes": array for level, array in enumerate(self.axes)}
        return {"exemplar": self.exemplar, **axes}

    @cached_property
    def _scale(self) -> Scale:
        return scale_of(self.exemplar.reshape(-1, self.exemplar.shape[2]))

    @cached_property
    def _banks(self) -> list[Bank]:
        method = self.method
        n_levels = method.count_levels(self.exemplar.shape)
        pictures = method.pictures(self._scale.normal(self.exemplar), n_levels)
        axes = self.axes or [None] * n_levels
        return [
            bank(picture, method.patch_size, own, stride=method.bank_stride)
            for picture, own in zip(pictures, axes, strict=True)
        ]
