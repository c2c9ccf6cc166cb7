"""Distances of Gram matrices of VGG-19, after Gatys, Ecker and Bethge 2015."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from texto.core.errors import TextoError
from texto.core.types import as_image
from texto.metrics.pictures import checked_result

from ..features import NetworkFeatures
from ..runtime.devices import exact_float32
from .networks import loaded, maps
from .table import GRAM, GRAM3, SMALLEST

_LAYERS = {"gram": GRAM, "gram3": GRAM3}


def gram(result: np.ndarray, exemplar: np.ndarray) -> float:
    """Relative squared difference of VGG-19's Gram matrices, the mean over five layers.

        G_l = F_l F_l^T / positions,    mean_l |G_l(result) - G_l(exemplar)|^2 / |G_l(exemplar)|^2

    at relu1_1, relu2_1, ..., relu5_1, with F_l the maps (channels, positions); zero padding,
    maxima, torchvision's preprocessing. Pictures (H, W, C) in [0, 1] of 32 pixels a side at
    least, C = 1 or 3, sizes may differ. 0 for the exemplar itself. TextoError where weights or
    layers are missing. Cost: one forward pass, 0.7 s for 256 x 256 on two cores.
    """
    return float(against("gram", as_image(exemplar))(result)[0])


def gram3(result: np.ndarray, exemplar: np.ndarray) -> float:
    """`gram` at relu1_1, relu2_1 and relu3_1 only: for weights that are cut after conv3_1.

    Not comparable with `gram`; colours and fine detail weigh more.
    """
    return float(against("gram3", as_image(exemplar))(result)[0])


def against(name: str, exemplar: np.ndarray) -> GramDistance:
    """The measure of the column `name`, "gram" or "gram3", against `exemplar` (H, W, C)."""
    exemplar = as_image(exemplar, smallest=SMALLEST[name])
    features = loaded("vgg19", _LAYERS[name])
    grams = gram_matrices(maps(features, exemplar, "exemplar"))
    for layer, matrix in grams.items():
        if not matrix.any():
            raise TextoError("exemplar", f"excites no feature of {layer}", "choose another score")
    return GramDistance(name, exemplar, features, grams)


@dataclass(frozen=True, eq=False)
class GramDistance:
    """`gram` against one exemplar, whose `grams` are (channels, channels) float64 by layer."""

    name: str
    exemplar: np.ndarray
    features: NetworkFeatures
    grams: Mapping[str, np.ndarray]

    def __call__(self, result: np.ndarray, rng: object = None, n_draws: int = 1) -> np.ndarray:
        """(1,): nothing is drawn."""
        result = checked_result(result, self.exemplar, SMALLEST[self.name])
        found = gram_matrices(maps(self.features, result, "result"))
        distances = [
            np.square(found[layer] - wanted).sum() / np.square(wanted).sum()
            for layer, wanted in self.grams.items()
        ]
        return np.array([np.mean(distances)])


def gram_matrices(maps: Mapping[str, torch.Tensor]) -> dict[str, np.ndarray]:
    """(C, C) float64 by layer: the mean over positions of products of the features (C, h, w)."""
    grams = {}
    with exact_float32():
        for layer, found in maps.items():
            flat = found.flatten(1)
            grams[layer] = (flat @ flat.T / flat.shape[1]).cpu().double().numpy()
    return grams
