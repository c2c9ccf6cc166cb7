"""A picture in the colours of another one."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from ...core.errors import TextoError, TextoWarning
from ...core.settings import check_settings, setting
from ...core.threads import mapped, single_blas
from ...core.types import Progress, Rng, Step, as_image, generator, silent
from .colours import ColourTransport, drawn_colours, fitted, transport
from .moments import PROMISED, Affine, Moments, correction, moments
from .smoothing import smoothly_mapped

STEPS = 100  # of progress in all
PREPARED = 20  # of them before the first pixel is mapped
N_CORRECTED = 1 << 20  # pixels that the correction is computed from
BLOCK = 1 << 17  # pixels corrected at a time


@dataclass(frozen=True)
class Recoloring:
    """The settings of `recolor`."""

    n_components: int = setting(10, "Gaussians in the colours of each picture", low=1, high=100)
    radius: int | None = setting(
        None,
        "pixels over which the map is smoothed; 0: not at all, none: 1/50 of the shorter side",
        low=0,
        high=10_000,
    )
    smooth: float = setting(
        0.2,
        "contrast below which the map is smoothed, in standard deviations of the picture",
        low=0.0,
        high=100.0,
    )

    def __post_init__(self):
        check_settings(self)

    def radius_for(self, shape: tuple[int, ...]) -> int:
        """The radius in pixels for a picture of this shape; 0 without smoothing."""
        if self.radius == 0 or self.smooth == 0:
            return 0
        return self.radius or max(2, round(min(shape[:2]) / 50))


@dataclass(frozen=True, eq=False)
class Recolored:
    """A recoloured `image` (H, W, C), the `transport` of its colours, and `error`.

    `error` : how far its mean and covariance are from the target's, relative to them. `affine` :
    what was done after the transport, with `settings`, to have them.
    """

    image: np.ndarray
    transport: ColourTransport
    error: float
    affine: Affine
    settings: Recoloring

    def other(self, picture: np.ndarray) -> np.ndarray:
        """`picture` (h, w, C) with its colours changed as those of the image were."""
        wide = np.broadcast_to(picture, (*picture.shape[:2], self.image.shape[2]))
        result = _mapped(wide, self.transport, self.settings, _Told(silent))
        _apply(result, self.affine)
        return result


def recolor(
    image: np.ndarray,
    like: np.ndarray,
    *,
    n_components: int = 10,
    radius: int | None = None,
    smooth: float = 0.2,
    rng: Rng = None,
    progress: Progress = silent,
) -> np.ndarray:
    """`image` (H, W, C), float in [0, 1], in the colours of `like` (h, w, C).

    The colours of each picture are fitted with a mixture of `n_components` Gaussians, the
    mixtures are joined by their optimal plan, and every pixel follows its barycentric map (Delon,
    Desolneux 2020). The map is smoothed over `radius` pixels (None: a fiftieth of the shorter
    side, 0: not at all) where the picture varies by less than `smooth` of its standard deviation,
    so that noise is not amplified. An affine map then gives the result the mean and covariance of
    `like`. A grey picture beside one in colour counts as one in colour: `image` is then coloured.

    Returns (H, W, C) float32 in [0, 1]. Raises TextoError for settings out of range and for
    channels that do not match. A TextoWarning tells where the colours of `image` are too few to
    take the moments of `like`. Cost: 12 megapixels take 3 s and 0.8 GB beyond the picture on two
    cores; with a radius below 8, for which the filter skips no pixel, 15 s.
    """
    settings = Recoloring(n_components, radius, smooth)
    return recolored(image, like, settings, rng=rng, progress=progress, stacklevel=3).image


@single_blas()
def recolored(
    image: np.ndarray,
    like: np.ndarray,
    settings: Recoloring,
    *,
    rng: Rng = None,
    progress: Progress = silent,
    stacklevel: int = 2,
) -> Recolored:
    """`recolor` with what it found on the way."""
    picture, other = joined(image, like)
    told = _Told(progress)
    target = moments(other)
    colour_map = _learnt(picture, other, settings, generator(rng), told)
    result = _mapped(picture, colour_map, settings, told)
    affine = _correct(result, target)
    told.reach(STEPS)
    if affine.error > PROMISED:
        note = "the colours of the picture are too few, or too alike, to take the mean and "
        note += f"covariance of the other: they are off by {100 * affine.error:.0f} %"
        warnings.warn(note, TextoWarning, stacklevel=stacklevel + 1)  # and one of single_blas
    return Recolored(result, colour_map, affine.error, affine, settings)


def joined(image: np.ndarray, like: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both pictures, checked, with as many channels: a grey one takes those of the other."""
    picture, other = as_image(image, "image"), as_image(like, "like")
    channels = max(picture.shape[2], other.shape[2])
    for each, what in ((picture, "image"), (other, "like")):
        if each.shape[2] not in (1, channels):
            why = f"has {each.shape[2]} channels, and the other picture {channels}"
            raise TextoError(what, why, "give pictures of as many channels, or a grey one")
    wide = [np.broadcast_to(each, (*each.shape[:2], channels)) for each in (picture, other)]
    return wide[0], wide[1]


def _learnt(
    picture: np.ndarray,
    other: np.ndarray,
    settings: Recoloring,
    rng: np.random.Generator,
    told: _Told,
) -> ColourTransport:
    """The transport of colours. One seed for both pictures: equal ones get equal mixtures."""
    drawing, fitting = rng.integers(2**63, size=2)
    samples, mixtures = [], []
    for number, each in enumerate((picture, other), 1):
        samples.append(drawn_colours(each, np.random.default_rng(drawing)))
        random = np.random.default_rng(fitting)
        mixtures.append(fitted(samples[-1], settings.n_components, random))
        told.reach(PREPARED * number // 2)
    return transport((samples[0], samples[1]), (mixtures[0], mixtures[1]))


def _mapped(
    picture: np.ndarray, colour_map: ColourTransport, settings: Recoloring, told: _Told
) -> np.ndarray:
    """`picture` (H, W, C) under the map, smoothed where it shall be; values may leave [0, 1]."""
    result = np.empty(picture.shape, np.float32)
    radius = settings.radius_for(picture.shape)
    deviation = float(np.sqrt(np.trace(moments(picture).covariance) / picture.shape[2]))
    if radius:
        parts = smoothly_mapped(picture, colour_map, radius, settings.smooth * deviation)
    else:
        height = max(1, BLOCK // picture.shape[1])
        bands = (slice(i, i + height) for i in range(0, len(picture), height))
        parts = ((band, colour_map(picture[band])) for band in bands)
    for band, colours in parts:
        result[band] = colours
        told.reach(PREPARED + (STEPS - 1 - PREPARED) * min(band.stop, len(result)) // len(result))
    return result


def _correct(result: np.ndarray, target: Moments) -> Affine:
    """Give `result` (H, W, C) the moments `target`, in place, clipped to [0, 1]."""
    colours = result.reshape(-1, result.shape[2])
    affine = correction(colours[:: -(-len(colours) // N_CORRECTED)], target)

    _apply(result, affine)
    return affine


def _apply(result: np.ndarray, affine: Affine) -> None:
    """Change the colours of `result` (H, W, C), contiguous, in place."""
    colours = result.reshape(-1, result.shape[2])

    def work(start: int) -> None:
        colours[start : start + BLOCK] = affine(colours[start : start + BLOCK])

    for _ in mapped(work, range(0, len(colours), BLOCK)):
        pass


class _Told:
    """Progress up to `STEPS`, each step told once."""

    def __init__(self, progress: Progress):
        self._progress, self._told = progress, 0

    def reach(self, step: int) -> None:
        """So many steps are done."""
        if step > self._told:
            self._told = step
            self._progress(Step("recolor", 0, step, STEPS))
