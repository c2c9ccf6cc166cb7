"""Networks that are loaded once for all columns and exemplars."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from texto.core import memory
from texto.core.errors import TextoError

from ..features import InceptionV3Features, NetworkFeatures, VGG19Features
from ..runtime.weights import find

_KINDS = {"vgg19": VGG19Features, "inception_v3": InceptionV3Features}
# Float32 maps of the widest layers that a forward pass holds at a time, per pixel.
_BYTES_PER_PIXEL = {"vgg19": 4 * 64 * 4, "inception_v3": 4 * 64}


def loaded(network: str, layers: tuple[str, ...]) -> NetworkFeatures:
    """The features of `network` at `layers`, as trained: zero padding, maxima.

    Loaded again where another file took the place of the weights.
    """
    path = find(network).file
    return _loaded(network, layers, str(path), path.stat().st_mtime_ns)


@lru_cache(maxsize=4)
def _loaded(network: str, layers: tuple[str, ...], path: str, changed: int) -> NetworkFeatures:
    return _KINDS[network](layers, weights=path)


def maps(features: NetworkFeatures, picture: np.ndarray, what: str) -> dict:
    """`features.of(picture)`; TextoError where memory cannot hold it."""
    height, width, channels = picture.shape
    if channels not in (1, 3):
        raise TextoError(what, f"has {channels} channels, and networks take 1 or 3", "select three")
    need = height * width * _BYTES_PER_PIXEL[features.network_name]
    if need > memory.available():
        raise TextoError(
            what,
            f"needs about {need / 2**30:.1f} GiB for its features at {width}x{height}",
            "score a part of it",
        )
    return features.of(picture)
