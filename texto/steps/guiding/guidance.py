"""Exemplar and guide with one channel in common, level by level."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from ...core.contract import Tiles
from ...core.errors import TextoError, TextoWarning
from ...core.types import as_image, as_shape
from ...patches.database import PatchLevel, Transport
from ...patches.extraction import Grid
from ...patches.noise import field_like
from ...patches.pyramid import pyramid
from .luminance import halved, luminance, matched, resized, smoothed

WEIGHT = 0.5  # the guide counts half as much as all colours together
HEAVIEST = 1000
SMOOTHING = 1.0  # deviation in pixels, at each level: unsmoothed, a plain guide finds no texture
FLATTEST = 0.05  # of the colours' deviation: shading that varies less is blown up no further
TINTS = 64  # values of the channel at which the mean colour is taken


@dataclass(frozen=True, eq=False)
class Guidance:
    """One level of what a guided synthesis is made from.

    colours : (H, W, C), the exemplar; joint : (H, W, C + 1), with its luminance, smoothed and
    weighed, as the last channel; channel : (h, w, 1), the guide's, in the same units.
    """

    colours: np.ndarray
    joint: np.ndarray
    channel: np.ndarray

    def along(self, picture: np.ndarray) -> np.ndarray:
        """`picture` (h', w', C) with the guide as one more channel: a new array.

        Where the picture is the larger one, the guide's last row and column are repeated.
        """
        height, width = picture.shape[:2]
        room = [
            (0, max(0, side - own))
            for side, own in zip((height, width), self.channel.shape[:2], strict=True)
        ]
        channel = np.pad(self.channel, [*room, (0, 0)], mode="edge")
        return np.concatenate([picture, channel[:height, :width]], axis=2)

    def start(self, shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
        """(*shape, C) float32: the guide in the exemplar's colours, and noise to form texture.

        A pixel takes the mean colour of the exemplar given the channel; what the exemplar has
        beyond that comes as a Gaussian field.
        """
        tints = _tints(self.joint)
        channel = self.along(np.empty((*shape, 0), np.float32))
        field = field_like(self.colours - _tinted(self.joint, *tints), shape, rng)
        field += _tinted(channel, *tints)
        return field


@dataclass(frozen=True, eq=False)
class GuidedLevel:
    """A `Database` for pictures of colours: `joint` patches found where the guide has its part."""

    guidance: Guidance
    joint: PatchLevel

    @property
    def picture(self) -> np.ndarray:
        """(H, W, C): this level of the exemplar."""
        return self.guidance.colours

    @property
    def patch_size(self) -> int:
        """w."""
        return self.joint.patch_size

    def assign(
        self, synthesis: np.ndarray, spots: Grid, transport: Transport, device: str
    ) -> np.ndarray:
        """Corners (n, 2), see `PatchLevel.assign`; the patches transported are joint ones."""
        return self.joint.assign(self.guidance.along(synthesis), spots, transport, device)


def guidances(
    exemplar: np.ndarray, guide: np.ndarray, n_levels: int, weight: float = WEIGHT
) -> list[Guidance]:
    """The levels, finest first, of `exemplar` (H, W, C) along `guide` (h, w, 1), a luminance.

    At each level the guide's smoothed luminance is matched to the distribution of the
    exemplar's, so that a dark guide, or one of great contrast, asks for nothing that is not
    there. With weight 1 the channel has the variance of all colours together.
    """
    levels = []
    for colours in pyramid(exemplar, n_levels):
        own = smoothed(luminance(colours), SMOOTHING)
        deviation = float(np.sqrt(colours.var(axis=(0, 1), dtype=np.float64).sum()))
        least = max(FLATTEST * deviation, np.finfo(np.float32).eps)
        scale = np.float32(np.sqrt(weight) * deviation / max(float(own.std()), least))
        channel = matched(smoothed(guide, SMOOTHING), own) * scale
        levels.append(Guidance(colours, np.concatenate([colours, own * scale], axis=2), channel))
        guide = halved(guide)
    return levels


def checked(
    method: Tiles,
    exemplar: np.ndarray,
    guide: np.ndarray,
    shape: tuple[int, int] | None,
    weight: float,
    *,
    smallest: int,
) -> tuple[np.ndarray, np.ndarray]:
    """The exemplar (H, W, C) and the guide's luminance (*shape, 1); TextoError where unfit."""
    if method.tileable != "none":
        raise TextoError(
            "tileable", "a guided texture follows its guide and does not repeat", "leave it out"
        )
    if not 0 <= weight <= HEAVIEST:
        why = f"must be a number from 0 to {HEAVIEST}, got {weight}"
        raise TextoError("guide weight", why, f"the default is {WEIGHT}")
    exemplar = as_image(exemplar, smallest=smallest).copy()
    guide = luminance(as_image(guide, "guide"))
    if guide.min() == guide.max():
        note = "the guide has one luminance only: the texture has nothing to follow"
        warnings.warn(note, TextoWarning, stacklevel=4)
    return exemplar, resized(guide, as_shape(guide.shape[:2] if shape is None else shape))


def _tints(joint: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values (n,) of the last channel, rising, and the mean colours (n, C) of pixels near them."""
    pixels = joint.reshape(-1, joint.shape[2])
    pixels = pixels[np.argsort(pixels[:, -1], kind="stable")]
    groups = np.array_split(pixels, min(TINTS, len(pixels)))
    means = np.stack([group.mean(axis=0, dtype=np.float64) for group in groups])
    return means[:, -1], means[:, :-1]


def _tinted(joint: np.ndarray, values: np.ndarray, tints: np.ndarray) -> np.ndarray:
    """The mean colours (H, W, C) that go with the last channel of `joint` (H, W, ...)."""
    channel = joint[:, :, -1]
    tinted = [np.interp(channel, values, tint) for tint in tints.T]
    return np.stack(tinted, axis=2).astype(np.float32)
