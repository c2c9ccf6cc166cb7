"""The tones of a picture brought to its exemplar's proportions: the last step of a flow.

Pieces of the exemplar that fit each other are not drawn in proportion: some dark or bright places
come too often. Potentials at coarse octaves hold proportions there only; this puts the rest right.
"""

from __future__ import annotations

import numpy as np

from ...patches.pyramid import halve
from ...patches.resample import enlarged
from ...transport.ranks import quantiles
from ...transport.sliced import frame

HALVINGS = 2  # tones are those of 4 x 4 means: what moves them is smooth and leaves detail alone
SMALLEST = 64  # pixels: a shorter side has too few of these for proportions
N_ROUNDS = 4
SAMPLES = 1 << 14  # means that a one-dimensional distribution is taken from
BINS = 1 << 10


def toned(
    picture: np.ndarray,
    exemplar: np.ndarray,
    share: float,
    *,
    rng: np.random.Generator,
    periodic: tuple[bool, bool] = (False, False),
) -> np.ndarray:
    """`picture` (H, W, C) in [0, 1] with its 4 x 4 means distributed as those of `exemplar`.

    By sliced transport of colours (Rabin, Peyré, Delon, Bernot 2011): along each axis of a few
    random frames values move by their monotone map, in colours that the exemplar has. `share` in
    [0, 1] of the way is gone. A picture or exemplar with a side under 64 pixels comes back as it
    is. Cost: O(n C^2) for n = H W / 16, and an enlargement.
    """
    if not share or min(*picture.shape[:2], *exemplar.shape[:2]) < SMALLEST:
        return picture
    means = picture, exemplar
    for _ in range(HALVINGS):
        means = halve(means[0]), halve(means[1])
    start, target = (mean.reshape(-1, mean.shape[2]) for mean in means)
    chosen = np.arange(len(start))
    if len(start) > SAMPLES:
        chosen = rng.integers(0, len(start), SAMPLES)
    analysis, synthesis = frame(np.cov(target.T.astype(np.float64)).reshape([target.shape[1]] * 2))
    tones = start
    for _ in range(N_ROUNDS):
        turn = np.linalg.qr(rng.standard_normal((analysis.shape[1],) * 2))[0].astype(np.float32)
        forth, back = analysis @ turn, synthesis @ turn
        for axis, direction in zip(forth.T, back.T, strict=True):
            values = tones @ axis
            moves = _moves(values, values[chosen], target @ axis)
            tones = tones + moves[:, None] * direction
    change = (np.float32(share) * (tones - start)).reshape(means[0].shape)
    result = enlarged(change, (picture.shape[0], picture.shape[1]), periodic)
    result += picture
    return np.clip(result, 0, 1, out=result)


def _moves(values: np.ndarray, sample: np.ndarray, target: np.ndarray) -> np.ndarray:
    """(n,) float32: how far the monotone map from `sample` (s,) to `target` (m,) takes `values`.

    The mean over each of many bins, so that equal values, a flat ground's, stay equal.
    """
    sample = np.sort(sample)
    wanted = quantiles(np.sort(target)[None], len(sample))[0]
    low, width = sample[0], max(float(sample[-1] - sample[0]) / BINS, 1e-6)
    bins = ((sample - low) / width).astype(np.int64)
    counts = np.bincount(bins, minlength=BINS + 1)
    sums = np.bincount(bins, wanted - sample, minlength=BINS + 1)
    filled = np.flatnonzero(counts)
    table = np.interp(np.arange(BINS + 1), filled, sums[filled] / counts[filled])
    places = np.clip((values - low) / width, 0, BINS).astype(np.int64)
    return table.astype(np.float32)[places]
