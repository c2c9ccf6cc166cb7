"""Scores that need a network, as columns of `texto.metrics`. Importing this loads no torch.

Functions: `gram(result, exemplar)`, `sifid64`, `sifid192`, and `fid` of two folders. Pictures
are (H, W, C) in [0, 1]; a grey one (C = 1) counts as the colour picture with three equal
channels. Weights are found by `neural.runtime.weights.find`; where they are absent the columns say
so.
"""

from __future__ import annotations

from importlib import import_module

from .table import COLUMNS

__all__ = ["COLUMNS", "fid", "frechet_distance", "gram", "gram3", "sifid64", "sifid192"]

_FROM = {
    "fid": "folders",
    "frechet_distance": "frechet",
    "gram": "grams",
    "gram3": "grams",
    "sifid64": "sifid",
    "sifid192": "sifid",
}


def __getattr__(name: str):
    if name not in _FROM:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_FROM[name]}"), name)
