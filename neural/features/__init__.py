"""Feature maps of pictures: a picture in, named maps out.

>>> features = VGG19Features(("relu1_1", "relu3_1"))
>>> maps = features.of(picture)          # (H, W, C) array -> {"relu1_1": (64, H, W) tensor, ...}
>>> maps = features(tensor)              # (n, 3, H, W) tensor, with gradients -> (n, C, h, w)
"""

from .base import NetworkFeatures
from .inception import InceptionV3Features
from .normalised import Normalised, normalised
from .patches import PatchFeatures
from .random import RandomFeatures
from .vgg import VGG19Features

__all__ = [
    "InceptionV3Features",
    "NetworkFeatures",
    "Normalised",
    "PatchFeatures",
    "RandomFeatures",
    "VGG19Features",
    "normalised",
]
