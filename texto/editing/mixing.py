"""A texture between pictures, in one call."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..core import registry
from ..core.choices import DEFAULT_METHOD
from ..core.contract import Mixes, MixesAlong
from ..core.errors import TextoError
from ..core.types import Progress, Rng, as_image, as_shape, silent


def mix(
    pictures: Sequence[np.ndarray],
    method: Mixes | None = None,
    *,
    weights: Sequence[float] | None = None,
    weight_map: np.ndarray | None = None,
    shape: tuple[int, int] | None = None,
    fit_seed: int = 0,
    rng: Rng = None,
    progress: Progress = silent,
) -> np.ndarray:
    """A texture between `pictures`, (H_i, W_i, C) float in [0, 1] each, by `method` (ot-flow).

    weights : how much each counts, >= 0, as a share of their sum (default: all the same).
    weight_map : (h, w) in [0, 1] in their place, 0 where the texture is the first of two
    pictures and 1 where it is the second; resized to the result. shape : (height, width) of the
    result (default: twice the first picture's). Each picture is fitted with `fit_seed`.

    Returns (height, width, C) float32 in [0, 1]. Raises TextoError for less than two pictures,
    other channels, bad weights and methods that do not mix. Cost: a fit of each, and a synthesis.

    >>> between = texto.mix([wall, grass], weights=[1, 2], shape=(512, 512), rng=0)
    """
    images = [as_image(picture, f"picture {k}") for k, picture in enumerate(pictures, 1)]
    if len(images) < 2:
        raise TextoError("pictures", f"are {len(images)}", "give two or more")
    if len({image.shape[2] for image in images}) > 1:
        raise TextoError("pictures", "differ in their channels", "give all in colour or all grey")
    chosen = method or registry.method_class(DEFAULT_METHOD)()
    if not isinstance(chosen, Mixes):
        raise TextoError("method", f"{type(chosen).__name__} mixes no textures", "choose another")
    height, width = images[0].shape[:2]
    wanted = as_shape(shape or (2 * height, 2 * width))
    shares = _shares(weights, weight_map, len(images))
    models = [chosen.fit(image, rng=fit_seed, progress=progress) for image in images]
    if weight_map is None:
        model = chosen.mix(models, shares)
        return model.synthesize(wanted, rng=rng, progress=progress)
    if not isinstance(chosen, MixesAlong):
        why = f"{type(chosen).__name__} does not vary a mix over a picture"
        raise TextoError("weight_map", why, "choose another method, or give weights")
    along = as_image(weight_map, "weight_map")[:, :, 0]
    return chosen.mix_along(models, along, wanted, rng=rng, progress=progress)


def _shares(
    weights: Sequence[float] | None, weight_map: np.ndarray | None, count: int
) -> list[float]:
    """The weights as shares of their sum."""
    if weight_map is not None and (weights is not None or count != 2):
        raise TextoError("weight_map", "goes from one picture to another", "give two, no weights")
    values = np.ones(count) if weights is None else np.asarray(weights, np.float64)
    if values.shape != (count,):
        raise TextoError("weights", f"are {values.size} for {count} pictures", "give one for each")
    if not np.isfinite(values).all() or values.min() < 0 or not 0 < values.sum() < np.inf:
        raise TextoError("weights", "are not numbers of 0 or more, one above", "give such")
    return (values / values.sum()).tolist()
