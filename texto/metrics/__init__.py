"""Scores of a result against its exemplar. Lower is better unless said.

Pictures are (H, W, C) float32 in [0, 1]. Each score is deterministic for a given `rng`. `Judge`
computes them all, for many results of one exemplar, with the floor that a perfect result has.
Nothing here needs a network; scores that do are offered by `neural.metrics`, where it is.
"""

from .judge import Judge, Score, score
from .sources import copied, originality
from .stationary import autocorrelation, recurrence, spectrum
from .table import NETWORK_FREE, Column, best, chosen, columns
from .transport_scores import patch_ot, patch_ot_8, sliced_w

__all__ = [
    "NETWORK_FREE",
    "Column",
    "Judge",
    "Score",
    "autocorrelation",
    "best",
    "chosen",
    "columns",
    "copied",
    "originality",
    "patch_ot",
    "patch_ot_8",
    "recurrence",
    "score",
    "sliced_w",
    "spectrum",
]
