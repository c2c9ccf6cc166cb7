"""Mixed models of PatchOT: pictures that minimise a weighted sum of costs of transport."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ...core.contract import Model
from ...core.settings import PERIODIC
from ...core.state import only
from ...core.threads import single_blas
from ...core.types import Progress, Rng, as_shape, generator, silent
from ...patches.pyramid import pyramid
from ...steps.mixing.barycentre_flow import barycentre_flow, finished
from ...steps.mixing.ingredients import (
    ingredients,
    mixed_state,
    normalised,
    pure_model,
    pure_pair,
    restored,
    shared,
)
from ...steps.mixing.zones import Zones, along, even, resized
from .descent import run
from .mixed_energy import MixedEnergy
from .settings import PatchOTSettings

TORUS = (True, True)


@dataclass(frozen=True, eq=False)
class MixedCostModel:
    """A texture between `exemplars` (H_i, W_i, C) at `weights` (r,), all > 0, summing to one."""

    method: PatchOTSettings
    exemplars: tuple[np.ndarray, ...]
    weights: np.ndarray

    @property
    def exemplar(self) -> np.ndarray:
        """The first exemplar: the one picture that every model shows."""
        return self.exemplars[0]

    @single_blas()
    def synthesize(
        self, shape: tuple[int, int], *, rng: Rng = None, progress: Progress = silent
    ) -> np.ndarray:
        """New texture (height, width, C) float32 in [0, 1], of any size.

        As a pure model does, in one stage with one total; the loss of a step is the weighted
        sum of the exemplars' values. With `finish="sliced"` the last steps go to the sliced
        barycentre of the exemplars' patches. Cost: a search in each exemplar, so r times that
        of a pure synthesis.
        """
        rng, shape = generator(rng), as_shape(shape)
        zones = even(self.weights)
        return _synthesized(self.method, self.exemplars, zones, TORUS, shape, rng, progress)

    def state(self) -> dict[str, np.ndarray]:
        """The exemplars and their weights."""
        return mixed_state(self.exemplars, self.weights)


def mix(method: PatchOTSettings, models: Sequence[Model], weights: Sequence[float]) -> Model:
    """The model between `models` at `weights`, for a `PatchOT` method.

    Its pictures u minimise

        F(u) = sum_k w_k sum_levels OT(patches of u, patches of exemplar k),

    each transport with potentials of its own: at every scale the patches go to the Wasserstein
    barycentre of the exemplars' patches. Each patch becomes the weighted mean of its matches,
    which are alike, since both match the same picture: shapes and colours turn from one texture
    into the other (rounded bricks, veins with gaps), where TextoGMM sets patches of both side
    by side. Where nothing in one texture is like the other, the middle is softer than both;
    `finish="sliced"` brings contrast back.

    Nothing is computed here. A mixed model counts as its ingredients, their weights multiplied;
    equal exemplars count as one; where one has all the weight the result is its pure model.
    There are as many levels as the exemplar with the fewest has. Raises TextoError for models
    of other methods or of another patch_size, for weights that are not >= 0 with sum 1, for
    channels that differ, and where `n_levels` are too many for an exemplar.
    """
    parts = ingredients(method, models, weights)
    method = shared(method, models)
    if len(parts) == 1:
        return pure_model(method, parts[0])
    exemplars = tuple(part.exemplar for part in parts)
    return MixedCostModel(_adapted(method, exemplars), exemplars, normalised(parts))


@single_blas()
def mix_along(
    method: PatchOTSettings,
    models: Sequence[Model],
    weight_map: np.ndarray,
    shape: tuple[int, int],
    *,
    rng: Rng = None,
    progress: Progress = silent,
) -> np.ndarray:
    """Texture (height, width, C) whose mix of two pure `models` follows `weight_map` (H, W).

    0 is the first model's texture, 1 the second's; the map is resized to `shape` = (height,
    width) and eased twice, see `along`. Each patch weighs in the cost of either texture what the
    map says at its centre. Potentials are those of five weights: between two of them a patch
    belongs to one, at random as its share says. Raises TextoError as
    `mix` does, for other than two models and for mixed ones. Cost: about that of two pure
    syntheses.
    """
    # Eased twice: a barycentre is far from both textures soon, the outer quarters must not be.
    zones = along(weight_map, easings=2)
    rng, shape = generator(rng), as_shape(shape)
    parts = pure_pair(method, models)
    method = shared(method, models)
    if len(parts) == 1:
        return pure_model(method, parts[0]).synthesize(shape, rng=rng, progress=progress)
    zones = Zones(zones.weights, zones.on(shape))
    exemplars = [part.exemplar for part in parts]
    periodic = PERIODIC[method.tileable]
    return _synthesized(method, exemplars, zones, periodic, shape, rng, progress)


def restore(method: PatchOTSettings, state: Mapping[str, np.ndarray]) -> MixedCostModel:
    """The mixed model whose `state()` is `state`; TextoError where the arrays make no sense."""
    exemplars, weights = restored(state, smallest=method.patch_size)
    only(state, mixed_state(exemplars, weights))
    return MixedCostModel(_adapted(method, exemplars), exemplars, weights)


def _adapted(method: PatchOTSettings, exemplars: Sequence[np.ndarray]) -> PatchOTSettings:
    """`method` with as many levels as every exemplar has; TextoError where one has too few."""
    return dataclasses.replace(method, n_levels=_count_levels(method, exemplars))


def _count_levels(method: PatchOTSettings, exemplars: Sequence[np.ndarray]) -> int:
    return min(method.count_levels(exemplar.shape) for exemplar in exemplars)


def _synthesized(
    method: PatchOTSettings,
    exemplars: Sequence[np.ndarray],
    zones: Zones,
    periodic: tuple[bool, bool],
    shape: tuple[int, int],
    rng: np.random.Generator,
    progress: Progress,
) -> np.ndarray:
    """A picture (*shape, C) in [0, 1] whose patches on `periodic` axes reach round it."""

    def energies(sizes: Sequence[tuple[int, int]]) -> list[MixedEnergy]:
        levels = zip(*(pyramid(exemplar, len(sizes)) for exemplar in exemplars), strict=True)
        return [
            MixedEnergy(method, pictures, _on(zones, shape, sizes[0], size), periodic, rng)
            for pictures, size in zip(levels, sizes, strict=True)
        ]

    n_levels = _count_levels(method, exemplars)
    result = run(method, n_levels, energies, shape, rng=rng, progress=progress)
    if method.finish == "sliced":
        result = finished(
            result,
            exemplars,
            lambda: barycentre_flow(exemplars, zones, rng=rng),
            rng=rng,
            periodic=PERIODIC[method.tileable],
            progress=progress,
        )
        np.clip(result, 0, 1, out=result)
    return result


def _on(
    zones: Zones, shape: tuple[int, int], canvas: tuple[int, int], size: tuple[int, int]
) -> Zones:
    """`zones` of a picture of `shape` in the top left of `canvas`, on the level of `size`."""
    if zones.values is None:
        return zones
    room = [(0, large - side) for large, side in zip(canvas, shape, strict=True)]
    return Zones(zones.weights, resized(np.pad(zones.values, room, mode="edge"), size))
