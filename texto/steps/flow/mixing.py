"""Mixes by a flow: the exemplars' patches in one bank, each with its share of the mass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ...core.contract import Model
from ...core.state import only
from ...core.threads import single_blas
from ...core.types import Progress, Rng, Step, as_shape, generator, silent
from ...patches.extraction import Grid
from ..mixing.canvas import Toned, canvases, toned_for
from ..mixing.ingredients import (
    SEED,
    ingredients,
    mixed_state,
    normalised,
    pure_model,
    pure_pair,
    restored,
    shared,
)
from ..mixing.zones import Zones, along, even
from .bank import Bank, principal_axes, union
from .flow import Flow
from .lots import drawn
from .settings import FlowSettings, Scale, scale_of


@dataclass(frozen=True, eq=False)
class Mixture:
    """`exemplars` (H_i, W_i, C) ready to flow to, mixed as `zones` say."""

    method: FlowSettings
    exemplars: Sequence[np.ndarray]
    zones: Zones

    @single_blas()
    def synthesize(self, shape: tuple[int, int], rng: Rng, progress: Progress) -> np.ndarray:
        """A picture (height, width, C) float32 in [0, 1], for shape = (height, width)."""
        height, width = as_shape(shape)
        method, n_levels = self.method, len(self._banks)
        sizes = method.canvas_sizes((height, width), n_levels)
        first, second = generator(rng).spawn(2)
        lots = None
        if not method.blends:
            lots = drawn(sizes[max(0, n_levels - 2)], method.patch_size, method.periodic, first)
        flow = Flow(
            self._banks,
            method.octaves(n_levels),
            sizes,
            method.periodic,
            shares=self.shares,
            lots=lots,
            progress=progress,
        )
        return self._scale.picture(flow.run(second).picture[:height, :width])

    def shares(self, spots: Grid) -> np.ndarray:
        """(R, S, P) float32: how much of each patch of `spots` each toned picture should have."""
        zones, toned = self.zones, self._toned
        weights = zones.weights[toned.zones, toned.sources]
        shares = zones.shares(spots)[:, toned.zones] * weights
        return shares.reshape(len(spots.rows), len(spots.columns), -1).astype(np.float32)

    @cached_property
    def _toned(self) -> Toned:
        return toned_for(self.exemplars, self.zones)

    @cached_property
    def _scale(self) -> Scale:
        pixels = [each.reshape(-1, each.shape[2]) for each in self._toned.pictures]
        return scale_of(np.concatenate(pixels))

    @cached_property
    def _banks(self) -> list[Bank]:
        method, scale = self.method, self._scale
        n_levels = method.count_levels(self.exemplars[0].shape)
        pyramids = [method.pictures(scale.normal(each), n_levels) for each in self._toned.pictures]
        banks = []
        rngs = np.random.default_rng(SEED).spawn(n_levels)
        for canvas, rng in zip(canvases(pyramids, self._toned.sources), rngs, strict=True):
            axes = None
            if method.dimensions is not None:
                axes = principal_axes(canvas.picture, method.patch_size, method.dimensions, rng)
            banks.append(union(canvas, method.patch_size, axes, stride=method.bank_stride))
        return banks


@dataclass(frozen=True, eq=False)
class MixedFlowModel:
    """A texture between `exemplars` (H_i, W_i, C) at `weights` (r,), all > 0, summing to one."""

    method: FlowSettings
    exemplars: tuple[np.ndarray, ...]
    weights: np.ndarray

    @property
    def exemplar(self) -> np.ndarray:
        """The first exemplar: the one picture that every model shows."""
        return self.exemplars[0]

    def synthesize(
        self, shape: tuple[int, int], *, rng: Rng = None, progress: Progress = silent
    ) -> np.ndarray:
        """New texture (height, width, C) float32 in [0, 1], of any size."""
        return self._mixture.synthesize(shape, rng, progress)

    def state(self) -> dict[str, np.ndarray]:
        """The exemplars and their weights."""
        return mixed_state(self.exemplars, self.weights)

    @cached_property
    def _mixture(self) -> Mixture:
        return Mixture(self.method, self.exemplars, even(self.weights))


def mix(method: FlowSettings, models: Sequence[Model], weights: Sequence[float]) -> Model:
    """The model between `models` at `weights`, for a flow's `method`.

    Patches of all exemplars, in the colours of the mix, are in one bank. Velocities are blended,
    or at the coarse octaves patches are shared out by lots that neighbours have in common. A
    mixed model counts as its ingredients, their weights multiplied; equal exemplars count as one;
    where one has all the weight the result is its pure model. Raises TextoError for models of
    other methods or of other settings of the fit, for weights that are not >= 0 with sum 1, and
    for channels that differ. Nothing is computed before the synthesis.
    """
    parts = ingredients(method, models, weights)
    method = shared(method, models)
    if len(parts) == 1:
        return pure_model(method, parts[0])
    exemplars = tuple(part.exemplar for part in parts)
    return MixedFlowModel(method.adapted_to(exemplars), exemplars, normalised(parts))


def mix_along(
    method: FlowSettings,
    models: Sequence[Model],
    weight_map: np.ndarray,
    shape: tuple[int, int],
    *,
    rng: Rng = None,
    progress: Progress = silent,
) -> np.ndarray:
    """Texture (height, width, C) whose mix of two pure `models` follows `weight_map` (H, W).

    0 is the first model's texture, 1 the second's; the map is resized to `shape` = (height,
    width). Raises TextoError as `mix` does.
    """
    zones = along(weight_map)
    parts = pure_pair(method, models)
    method = shared(method, models)
    if len(parts) == 1:
        return pure_model(method, parts[0]).synthesize(shape, rng=rng, progress=progress)
    exemplars = [part.exemplar for part in parts]
    return Mixture(method.adapted_to(exemplars), exemplars, zones).synthesize(shape, rng, progress)


def restore(method: FlowSettings, state: Mapping[str, np.ndarray]) -> MixedFlowModel:
    """The mixed model whose `state()` is `state`; TextoError where the arrays make no sense."""
    exemplars, weights = restored(state, smallest=method.patch_size)
    model = MixedFlowModel(method.adapted_to(exemplars), exemplars, weights)
    only(state, model.state())
    return model


def fit_step(level: int, count: int) -> Step:
    """The progress of a fit that is done with `level`, of `count` from the finest on."""
    return Step("fit", level, level + 1, count)
