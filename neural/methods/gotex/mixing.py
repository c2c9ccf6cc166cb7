"""Mixed models of methods on pixels: pictures that minimise a weighted sum of losses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from texto.core.contract import Model
from texto.core.state import only
from texto.core.types import Progress, Rng, as_shape, generator, silent
from texto.steps.mixing.ingredients import (
    ingredients,
    mixed_state,
    normalised,
    pure_model,
    pure_pair,
    restored,
    shared,
)
from texto.steps.mixing.zones import NODES, along

from ..families.descent import PictureDescent


@dataclass(frozen=True, eq=False)
class MixedPictureModel:
    """A texture between `exemplars` (H_i, W_i, C) at `weights` (r,), all > 0, summing to one."""

    method: PictureDescent
    exemplars: tuple[np.ndarray, ...]
    weights: np.ndarray

    @property
    def exemplar(self) -> np.ndarray:
        """The first exemplar: the one picture that every model shows."""
        return self.exemplars[0]

    def synthesize(
        self, shape: tuple[int, int], *, rng: Rng = None, progress: Progress = silent
    ) -> np.ndarray:
        """New texture (height, width, C) float32 in [0, 1], of any size.

        As a pure model does; the loss of a step is the weighted sum. Cost: r times that of a
        pure synthesis.
        """
        from ...steps.synthesis import synthesize

        rng, shape = generator(rng), as_shape(shape)
        return synthesize(
            self.method,
            self.exemplars,
            shape,
            weights=self.weights.tolist(),
            rng=rng,
            progress=progress,
        )

    def state(self) -> dict[str, np.ndarray]:
        """The exemplars and their weights."""
        return mixed_state(self.exemplars, self.weights)


def mix(method: PictureDescent, models: Sequence[Model], weights: Sequence[float]) -> Model:
    """The model between `models` at `weights`: its pictures minimise the weighted sum of losses.

    For losses of transport, features go to the Wasserstein barycentre of the exemplars'. Nothing
    is computed here. A mixed model counts as its ingredients; equal exemplars count as one;
    where one has all the weight the result is its pure model. Raises TextoError for models of
    other methods, for weights that are not >= 0 with sum 1, and for channels that differ.
    """
    parts = ingredients(method, models, weights)
    method = shared(method, models)
    if len(parts) == 1:
        return pure_model(method.adapted(parts[0].exemplar), parts[0])
    exemplars = tuple(method.checked(part.exemplar, "exemplar") for part in parts)
    return MixedPictureModel(adapted(method, exemplars), exemplars, normalised(parts))


def adapted(method: PictureDescent, exemplars: Sequence[np.ndarray]) -> PictureDescent:
    """`method` with what is automatic set, where the same suits all `exemplars`.

    Else it is left to each.
    """
    found = [method.adapted(exemplar) for exemplar in exemplars]
    return found[0] if all(each == found[0] for each in found) else method


def mix_along(
    method: PictureDescent,
    models: Sequence[Model],
    weight_map: np.ndarray,
    shape: tuple[int, int],
    *,
    rng: Rng = None,
    progress: Progress = silent,
) -> np.ndarray:
    """Texture (height, width, C) whose mix of two pure `models` follows `weight_map` (H, W).

    0 is the first model's texture, 1 the second's; the map is resized to `shape` = (height,
    width) and eased twice, see `texto.steps.mixing.zones.along`, to weights w_k(x). The picture u
    minimises

        F(u) = sum_k W_k OT(mu_k, nu_k),   mu_k = sum_i w_k(x_i) delta_{f_i(u)} / sum_i w_k(x_i)

    with the features f_i(u) at the places x_i, those of exemplar k as nu_k, and W_k the mean of
    w_k: a feature counts in the transport to either texture as the map says, and pulls at its
    pixels as much. In a step it takes part with that chance. Where the picture does not repeat,
    the map finds back to where it began beyond the border. Raises TextoError as `mix` does, for
    other than two models and for mixed ones. Cost: about that of two pure syntheses.
    """
    # Eased twice: a barycentre is far from both textures soon, the outer quarters must not be.
    zones = along(weight_map, easings=2)
    rng, shape = generator(rng), as_shape(shape)
    parts = pure_pair(method, models)
    method = shared(method, models)
    second = zones.on(shape) / (NODES - 1)
    maps = (1 - second, second)
    if len(parts) == 2:  # else both are of one exemplar
        parts = [part for part, weights in zip(parts, maps, strict=True) if weights.any()]
    if len(parts) == 1:
        pure = pure_model(method.adapted(parts[0].exemplar), parts[0])
        return pure.synthesize(shape, rng=rng, progress=progress)
    from ...steps.synthesis import synthesize

    exemplars = [method.checked(part.exemplar, "exemplar") for part in parts]
    return synthesize(method, exemplars, shape, weights=maps, rng=rng, progress=progress)


def restore(method: PictureDescent, state: Mapping[str, np.ndarray]) -> MixedPictureModel:
    """The mixed model whose `state()` is `state`; TextoError where the arrays make no sense."""
    exemplars, weights = restored(state, smallest=method.smallest_exemplar)
    known = mixed_state(exemplars, weights)
    only(state, known)
    del known["mix.weights"]
    exemplars = tuple(method.checked(each, f"tensor {name!r}") for name, each in known.items())
    return MixedPictureModel(adapted(method, exemplars), exemplars, weights)
