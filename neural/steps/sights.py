"""What a loss compares at one size: features of the picture with those of the exemplar."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch

from texto.steps.mixing.zones import resized

from ..features import PatchFeatures
from ..features.backbones import Backbone
from ..features.kinds import Features
from ..losses.semidual import Where


@dataclass(frozen=True, eq=False)
class Sight:
    """`features` of the picture, and the exemplar's as `targets` (channels, h, w) by layer.

    `where` : the positions of the picture that take part, see `SemiDual`. `rates` : by layer,
    what the steps of the potentials are multiplied by; 1 where a layer is not named. `sparser` :
    so many times fewer features take part in a step than where all of a picture moves.
    """

    features: Features
    targets: Mapping[str, torch.Tensor]
    where: Where | None = None
    rates: Mapping[str, float] = field(default_factory=dict)
    sparser: int = 1


def patch_sight(
    exemplar: np.ndarray,
    patch_size: int,
    n_levels: int,
    *,
    device: str,
    chances: np.ndarray | None = None,
) -> Sight:
    """Patches of a picture on a torus, and all those of `exemplar` (H, W, C).

    `chances` (height, width) : of a patch to take part in a step, by its centre.
    """
    features, of_exemplar = (
        PatchFeatures(patch_size, n_levels, periodic=(wraps, wraps), device=device)
        for wraps in (True, False)
    )

    def at_centres(whole: np.ndarray, sides: tuple[int, int]) -> np.ndarray:
        shift = -(patch_size // 2)
        return np.roll(resized(whole, sides), (shift, shift), axis=(0, 1))

    where = None if chances is None else lambda _layer, sides: at_centres(chances, sides)
    return Sight(features, of_exemplar.of(exemplar), where)


def network_sight(
    exemplar: np.ndarray, backbone: Backbone, *, whole: bool, chances: np.ndarray | None = None
) -> Sight:
    """The two views of a network, of a picture on a torus and of `exemplar` (H, W, C).

    `whole` : see `Backbone.views`. `chances` : as in `patch_sight`.
    """
    views = backbone.views(exemplar, whole=whole)
    where = None if chances is None else lambda _layer, sides: resized(chances, sides)
    return Sight(views.synthesis, views.targets(exemplar), where)
