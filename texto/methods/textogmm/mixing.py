"""Mixed models of TextoGMM: transport towards the barycentre of several exemplars' mixtures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ...core.contract import Model
from ...core.state import only
from ...core.threads import single_blas
from ...core.types import Progress, Rng, generator, silent
from ...patches.database import PatchLevel
from ...steps.mixing.ingredients import (
    SEED,
    ingredients,
    mixed_state,
    normalised,
    pure_model,
    pure_pair,
    restored,
    shared,
)
from ...steps.mixing.zones import along, even
from .level import GmmLevel
from .level_fit import training_size
from .mixed_level import MixedLevelFit
from .mixed_sweep import Mixture, mixture
from .settings import TextoGMMSettings
from .union import check_owners


@dataclass(frozen=True, eq=False)
class MixedModel:
    """A texture between `exemplars` (H_i, W_i, C) at `weights` (r,), all > 0, summing to one.

    `levels`, finest first, hold the patches of all exemplars and the plans to the barycentre.
    """

    method: TextoGMMSettings
    exemplars: tuple[np.ndarray, ...]
    weights: np.ndarray
    levels: tuple[GmmLevel, ...]

    @property
    def exemplar(self) -> np.ndarray:
        """The first exemplar: the one picture that every model shows."""
        return self.exemplars[0]

    @single_blas()
    def synthesize(
        self, shape: tuple[int, int], *, rng: Rng = None, progress: Progress = silent
    ) -> np.ndarray:
        """New texture (height, width, C) float32 in [0, 1], of any size.

        As a pure model does, with a search among the patches of all exemplars, each in the
        colours of the mix, and sliced steps to the barycentre of their patches.
        """
        *rngs, last = generator(rng).spawn(len(self.levels) + 1)
        random = self.method.map == "random"
        return self._mixture.synthesized(
            [level.database for level in self.levels],
            shape,
            lambda level, number, _: [
                self.levels[level].transport(number, rngs[level] if random else None)
            ],
            start_rng=rngs[-1],
            rng=last,
            progress=progress,
        )

    def state(self) -> dict[str, np.ndarray]:
        """The exemplars, their weights and, per level, patch space, database and mixtures."""
        state = mixed_state(self.exemplars, self.weights)
        for number, level in enumerate(self.levels):
            state |= level.state(f"level{number}.")
        return state

    @cached_property
    def _mixture(self) -> Mixture:
        return mixture(self.method, self.exemplars, even(self.weights))


@single_blas()
def mix(method: TextoGMMSettings, models: Sequence[Model], weights: Sequence[float]) -> Model:
    """The model between `models` at `weights`, for a TextoGMM `method`.

    The maps are learnt on a training synthesis, in the patch space of all exemplars, towards
    the barycentre of their mixtures. A mixed model counts as its ingredients, their weights
    multiplied; equal exemplars count as one; where one has all the weight the result is its
    pure model. The same models give the same mix. Raises TextoError for models of other methods
    or of other settings of the fit, for weights that are not >= 0 with sum 1, and for channels
    that differ. Cost: about that of a fit.
    """
    parts = ingredients(method, models, weights)
    method = shared(method, models)
    if len(parts) == 1:
        return pure_model(method, parts[0])
    exemplars = tuple(part.exemplar for part in parts)
    shares = normalised(parts)
    whole = mixture(method, exemplars, even(shares))
    *rngs, last = np.random.default_rng(SEED).spawn(len(whole.stages) + 1)
    databases = [whole.union(level, rng) for level, rng in enumerate(rngs)]
    fits = _fits(whole, databases, rngs)
    sizes = [training_size(pictures) for pictures in whole.pyramids]
    start = whole.start(sizes[-1], rngs[-1], (False, False))
    sweep = whole.sweep(whole.zoned(databases), sizes, "mix", silent, (False, False))
    sweep.run(start, lambda level, _, synthesis: fits[level].learn(synthesis), rng=last)
    return MixedModel(whole.method, exemplars, shares, tuple(fit.level() for fit in fits))


@single_blas()
def mix_along(
    method: TextoGMMSettings,
    models: Sequence[Model],
    weight_map: np.ndarray,
    shape: tuple[int, int],
    *,
    rng: Rng = None,
    progress: Progress = silent,
) -> np.ndarray:
    """Texture (height, width, C) whose mix of two pure `models` follows `weight_map` (H, W).

    0 is the first model's texture, 1 the second's; the map is resized to `shape` = (height,
    width). The mix is made at a few weights; the mixtures of the synthesis and their maps are
    estimated where each of them holds, and a patch takes the average of its two neighbours'
    maps. Raises TextoError as `mix` does. Cost: about three times that of a fit and a synthesis.
    """
    zones = along(weight_map)
    parts = pure_pair(method, models)
    method = shared(method, models)
    if len(parts) == 1:
        return pure_model(method, parts[0]).synthesize(shape, rng=rng, progress=progress)
    whole = mixture(method, [part.exemplar for part in parts], zones)
    *rngs, last = generator(rng).spawn(len(whole.stages) + 1)
    databases = [whole.union(level, child) for level, child in enumerate(rngs)]
    fits = _fits(whole, databases, rngs)
    return whole.synthesized(
        databases,
        shape,
        lambda level, _, synthesis: fits[level].learn(synthesis),
        start_rng=rngs[-1],
        rng=last,
        progress=progress,
    )


def restore(method: TextoGMMSettings, state: Mapping[str, np.ndarray]) -> MixedModel:
    """The mixed model whose `state()` is `state`; TextoError where the arrays make no sense."""
    exemplars, weights = restored(state, smallest=method.patch_size)
    whole = mixture(method, exemplars, even(weights))
    plans = method.plans(len(whole.stages))
    levels = []
    for number, (stage, count) in enumerate(zip(whole.stages, plans, strict=True)):
        prefix = f"level{number}."
        level = GmmLevel.restore(state, prefix, stage.picture, method.patch_size, count)
        check_owners(stage, level.database, prefix + "corners")
        levels.append(level)
    model = MixedModel(whole.method, exemplars, weights, tuple(levels))
    only(state, model.state())
    return model


def _fits(
    whole: Mixture, databases: Sequence[PatchLevel], rngs: Sequence[np.random.Generator]
) -> list[MixedLevelFit]:
    parts = zip(databases, whole.pyramids, rngs, strict=True)
    return [
        MixedLevelFit(whole.method, database, pictures, whole.zones, rng)
        for database, pictures, rng in parts
    ]
