"""Single-image Frechet distances of Inception features, after Shaham et al. 2019 (SinGAN)."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from texto.core.errors import TextoError, TextoWarning
from texto.core.types import as_image
from texto.metrics.pictures import checked_result

from ..features import NetworkFeatures
from ..features.inception import is_fid2015
from .frechet import Moments, frechet_distance, moments
from .networks import loaded, maps
from .table import SIFID, SMALLEST


def sifid64(result: np.ndarray, exemplar: np.ndarray) -> float:
    """Frechet distance of Inception-v3's 64 features at Conv2d_2b, before the first pooling.

    Every position of the map is a sample; no resizing, x -> 2x - 1, the covariance of `np.cov`.
    This is what SinGAN's published script computes. Pictures (H, W, C) in [0, 1] of 32 pixels a
    side at least, C = 1 or 3, sizes may differ. 0 for the exemplar itself. Values depend on the
    weights: those of torchvision for published figures. Few positions raise it.

    TextoError where weights or layers are missing. Cost: one forward pass, 0.1 s for 256 x 256.
    """
    return float(against("sifid64", as_image(exemplar))(result)[0])


def sifid192(result: np.ndarray, exemplar: np.ndarray) -> float:
    """`sifid64` with the 192 features at Conv2d_4a, before the second pooling.

    This is what the text of SinGAN's paper describes. From 64 pixels a side, and more than 192
    positions: 76 x 76 pixels.
    """
    return float(against("sifid192", as_image(exemplar))(result)[0])


def against(name: str, exemplar: np.ndarray) -> FeatureDistance:
    """The measure of the column `name`, "sifid64" or "sifid192", against `exemplar` (H, W, C)."""
    exemplar = as_image(exemplar, smallest=SMALLEST[name])
    features = loaded("inception_v3", (SIFID[name],))
    if is_fid2015(features.weights):
        warnings.warn(
            f"sifid: {features.weights_name} holds the FID network of 2015; its scores do not "
            "compare with those of torchvision's weights",
            TextoWarning,
            stacklevel=2,
        )
    return FeatureDistance(name, exemplar, features, _moments(features, exemplar, "exemplar"))


@dataclass(frozen=True, eq=False)
class FeatureDistance:
    """The Frechet distance against one exemplar, whose features have the moments `wanted`."""

    name: str
    exemplar: np.ndarray
    features: NetworkFeatures
    wanted: Moments

    def __call__(self, result: np.ndarray, rng: object = None, n_draws: int = 1) -> np.ndarray:
        """(1,): nothing is drawn."""
        result = checked_result(result, self.exemplar, SMALLEST[self.name])
        found = _moments(self.features, result, "result")
        return np.array([frechet_distance(found, self.wanted)])


def _moments(features: NetworkFeatures, picture: np.ndarray, what: str) -> Moments:
    (found,) = maps(features, picture, what).values()
    samples = found.flatten(1).T.cpu().numpy()  # (positions, channels)
    positions, channels = samples.shape
    if positions <= channels:
        raise TextoError(
            what,
            f"gives {positions} positions at {features.layers[0]}, too few for the covariance "
            f"of {channels} features",
            "use a larger picture",
        )
    return moments(samples)
