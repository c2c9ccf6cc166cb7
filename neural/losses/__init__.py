"""Losses on feature maps: nouns that add and scale.

>>> loss = SemiDual(patches, patch_maps, rate=0.3) + 0.05 * SemiDual(vgg, vgg_maps, rate=0.3)
"""

from .base import Loss, Term, detached
from .gram import Gram
from .semidual import SemiDual
from .sliced import Sliced
from .sliced_patches import SlicedPatches

__all__ = ["Gram", "Loss", "SemiDual", "Sliced", "SlicedPatches", "Term", "detached"]
