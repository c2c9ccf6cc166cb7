"""Texture by a pyramid of generators, each trained against its critic (Shaham 2019)."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from texto.core.errors import TextoError, TextoWarning
from texto.core.settings import PERIODIC, check_settings, fill, setting, tileable_setting
from texto.core.types import Progress

from ..families.picture import device_setting
from ..families.trained import TrainedMethod
from .scales import RECEPTIVE, Scales, scales_of

if TYPE_CHECKING:
    from .networks import Pyramid
    from .training import PyramidTask

TOLD = 0.9  # of the exemplar's size: where training sees less, it is told


@dataclass(frozen=True)
class SinGAN(TrainedMethod["Pyramid"]):
    """A pyramid of generators trained on one picture: singan.

    Shaham, Dekel, Michaeli 2019. From about 25 pixels up, at each scale a generator adds detail
    to the enlarged picture of the scale before and noise; a critic judges its 11 x 11 patches
    (WGAN-GP), and one fixed noise must give back the exemplar. `preset` "published": 2000 steps
    a scale, each three of the critic and three of the generator, up to 128 feature maps. For 256
    x 256 that is half an hour on the authors' GPU, and 27 hours and 2 GB on one CPU core, of
    which "fast" takes 9 minutes: 300 simple steps on fewer scales, 32 feature maps. Sampling
    takes a second per megapixel then. At its borders a picture is like the exemplar at its own.
    Needs no weights.
    """

    device: str = device_setting()
    preset: str = setting(
        "published",
        "the settings that are none: as published, or for a CPU",
        choices=("published", "fast"),
    )
    n_iter: int = setting(
        None, "steps at each scale; none: by preset, 2000 or 300", low=1, high=1_000_000
    )
    n_critic: int = setting(
        None, "steps of the critic in a step; none: by preset, 3 or 1", low=1, high=100
    )
    n_generator: int = setting(
        None, "steps of the generator in a step; none: by preset, 3 or 1", low=1, high=100
    )
    learning_rate: float = setting(
        None,
        "Adam's step, a tenth of it in the last fifth of a scale; none: by preset, 0.0005 or 0.001",
        low=1e-6,
        high=1,
    )
    width: int = setting(
        32, "feature maps of the coarsest scale, doubled every 4 scales", low=1, high=256
    )
    max_width: int = setting(
        None, "feature maps at most; none: by preset, 128 or 32", low=1, high=256
    )
    factor: float = setting(
        None,
        "from one scale to the next coarser one, at least; none: by preset, 0.75 or 0.6",
        low=0.25,
        high=0.95,
    )
    coarsest: int = setting(
        25, "pixels of the exemplar's shorter side at the coarsest scale", low=RECEPTIVE, high=1024
    )
    largest: int = setting(
        250,
        "pixels of the exemplar's longer side that training sees at most: larger exemplars are "
        "shrunk, and pictures enlarged",
        low=RECEPTIVE,
        high=1024,
    )
    penalty: float = setting(0.1, "weight of the critic's gradient penalty", low=0, high=1e6)
    reconstruction: float = setting(
        10.0, "weight of giving back the exemplar from the fixed noise", low=0, high=1e6
    )
    noise: float = setting(
        0.1,
        "amplitude of the noise of a scale, in units of the error that the coarser ones leave",
        low=0,
        high=100,
    )
    tileable: str = tileable_setting()

    summary: ClassVar[str] = (
        "a pyramid of generators against critics, of one picture (Shaham, Dekel, Michaeli 2019)"
    )
    good_for: ClassVar[str] = (
        "pictures with a layout; a day on a processor, `preset=fast` in minutes"
    )
    quick: ClassVar[Mapping[str, Any]] = {
        "n_iter": 2,
        "n_critic": 1,
        "n_generator": 1,
        "width": 4,
        "factor": 0.3,
        "coarsest": 20,
        "device": "cpu",
    }
    preset_setting: ClassVar[str] = "preset"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "published": {
            "n_iter": 2000,
            "n_critic": 3,
            "n_generator": 3,
            "learning_rate": 5e-4,
            "max_width": 128,
            "factor": 0.75,
        },
        "fast": {
            "n_iter": 300,
            "n_critic": 1,
            "n_generator": 1,
            "learning_rate": 1e-3,
            "max_width": 32,
            "factor": 0.6,
        },
    }

    def __post_init__(self):
        check_settings(self)
        fill(self, self.presets[self.preset])

    def scales(self, shape: tuple[int, ...]) -> Scales:
        """The scales of an exemplar of `shape`."""
        options = {"coarsest": self.coarsest, "largest": self.largest}
        return scales_of(shape, factor=self.factor, **options)

    def widths(self, shape: tuple[int, ...]) -> list[int]:
        """The feature maps at each scale of an exemplar of `shape`."""
        return self.scales(shape).widths(self.width, self.max_width)

    def n_steps(self, exemplar: np.ndarray) -> int:
        """`n_iter` a scale."""
        return self.n_iter * len(self.scales(exemplar.shape))

    def checked(self, exemplar: np.ndarray, what: str) -> np.ndarray:
        """As in all methods; TextoError where a patch of 11 pixels does not fit in."""
        exemplar = super().checked(exemplar, what)
        scales = self.scales(exemplar.shape)
        height, width = exemplar.shape[:2]
        if min(min(size) for size in scales.sizes(exemplar.shape)) < RECEPTIVE:
            seen = f", seen at {scales.shares[0]:.2g} of it" if scales.shares[0] < 1 else ""
            raise TextoError(
                what,
                f"is {width}x{height}{seen}, smaller than the {RECEPTIVE} pixels of a patch",
                "give a larger picture" + (", or raise largest" if seen else ""),
            )
        return exemplar

    def network(self, exemplar: np.ndarray, rng: np.random.Generator) -> Pyramid:
        """The generators of all scales."""
        from .networks import Pyramid

        sizes = self.scales(exemplar.shape).sizes(exemplar.shape)
        return Pyramid(exemplar.shape[2], self.widths(exemplar.shape), sizes[0], rng=rng)

    def task(self, exemplar: np.ndarray, network: Pyramid, rng: np.random.Generator) -> PyramidTask:
        """The training of all scales, one after another; a note where they are far smaller."""
        from ...training.adversarial import to_planes
        from .sampling import shrunk
        from .training import PyramidTask, Schedule

        schedule = Schedule(
            n_iter=self.n_iter,
            rate=self.learning_rate,
            n_critic=self.n_critic,
            n_generator=self.n_generator,
            penalty=self.penalty,
            reconstruction=self.reconstruction,
            noise=self.noise,
        )
        scales = self.scales(exemplar.shape)
        if scales.shares[-1] < TOLD:
            _tell_shrunk(exemplar.shape, scales.shares[-1])
        planes, sizes = to_planes(exemplar, network.device), scales.sizes(exemplar.shape)
        return PyramidTask(network, [shrunk(planes, size) for size in sizes], schedule, rng=rng)

    def paint(
        self,
        network: Pyramid,
        exemplar: np.ndarray,
        shape: tuple[int, int],
        *,
        rng: np.random.Generator,
        progress: Progress,
    ) -> np.ndarray:
        """All scales in turn, in tiles; around the axes of `tileable` they wrap."""
        from .sampling import finished, paint

        wraps = PERIODIC[self.tileable]
        sizes = self.scales(exemplar.shape).sizes(shape)
        picture = paint(network, sizes, rng=rng, wraps=wraps, progress=progress)
        return finished(picture, shape, wraps)


def _tell_shrunk(shape: tuple[int, ...], share: float) -> None:
    warnings.warn(
        f"the exemplar of {shape[1]}x{shape[0]} is trained on at {share:.2g} of its size, and "
        f"pictures are enlarged: raise largest for more detail",
        TextoWarning,
        stacklevel=3,
    )
