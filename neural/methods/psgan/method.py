"""Texture by a periodic spatial GAN (Bergmann, Jetchev, Vollgraf 2017)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from texto.core.errors import TextoError
from texto.core.settings import PERIODIC, check_settings, setting, tileable_setting
from texto.core.types import Progress

from ..families.picture import device_setting
from ..families.trained import TrainedMethod, precision_setting

if TYPE_CHECKING:
    from .generator import SpatialGenerator
    from .training import SpatialTask

SAMPLE = 160  # pixels a side, where the setting is None and the exemplar has as many
MOST_WEIGHTS = 100_000_000  # some 2 GB in training; the published networks have 3,500,000


@dataclass(frozen=True)
class PSGAN(TrainedMethod["SpatialGenerator"]):
    """Periodic spatial GAN: psgan.

    Bergmann, Jetchev, Vollgraf 2017. A convolutional generator learns to make samples that a
    discriminator, also convolutional, cannot tell from random crops of the exemplar. Its noise
    has a part for each position, a part for the whole picture, and waves of learned lengths and
    directions, for regular textures. Defaults are the numbers of the authors' second code, with
    the number of waves of their first; `n_periodic=0` is what the patch papers compared with.

    Trainings fail at times, on two of the four textures in one published table: look at
    `--preview`, and try another seed or more steps. One whose pictures fall to a single colour
    is stopped. Made for a GPU: on two CPU cores the published 25,000 steps take a day or more;
    with `width=20 discriminator_width=20 sample_size=64 batch_size=4` half an hour.
    """

    device: str = device_setting()
    n_iter: int = setting(
        25_000, "training steps, of the discriminator and the generator", low=1, high=1_000_000
    )
    learning_rate: float = setting(2e-4, "Adam's step", low=1e-6, high=1)
    batch_size: int = setting(8, "crops and samples in a step", low=1, high=256)
    sample_size: int | None = setting(
        None,
        "side in pixels of crops and samples; none: 160, or the exemplar's shorter side",
        low=4,
        high=2048,
        automatic=True,
    )
    n_doublings: int = setting(
        4,
        "times that the generator doubles the size of its noise, and the discriminator halves",
        low=1,
        high=8,
    )
    width: int = setting(
        80,
        "feature maps of the generator at half size, twice as many at each size below",
        low=1,
        high=512,
    )
    discriminator_width: int = setting(
        80,
        "feature maps of the discriminator at half size, twice as many at each size below",
        low=1,
        high=512,
    )
    n_global: int = setting(
        20, "channels of noise that are the same all over a picture", low=0, high=1000
    )
    n_local: int = setting(10, "channels of noise of every position", low=0, high=1000)
    n_periodic: int = setting(
        3, "lengths of waves, one down and one across each; 0: no waves", low=0, high=100
    )
    n_calibration: int = setting(
        64, "samples that batch norm's statistics are measured on at last", low=1, high=10_000
    )
    precision: str = precision_setting()
    tileable: str = tileable_setting()

    summary: ClassVar[str] = "periodic spatial GAN (Bergmann, Jetchev, Vollgraf 2017)"
    good_for: ClassVar[str] = "regular textures, on a GPU; a day or more on processors"
    quick: ClassVar[Mapping[str, Any]] = {
        "n_iter": 3,
        "sample_size": 24,
        "n_doublings": 3,
        "width": 4,
        "discriminator_width": 4,
        "n_calibration": 2,
        "device": "cpu",
    }

    def __post_init__(self):
        check_settings(self)
        if self.n_local + self.n_periodic == 0:
            raise TextoError(
                "n_local", "is 0, and so is n_periodic", "pictures would be flat: give one of them"
            )
        if self._weights() > MOST_WEIGHTS:
            name = max(("width", "discriminator_width"), key=lambda name: getattr(self, name))
            why = f"is {getattr(self, name)}: {self._weights():.2g} weights with n_doublings="
            raise TextoError(name, f"{why}{self.n_doublings}", f"lower it: {MOST_WEIGHTS:.0g} fit")
        if self.sample_size is not None and self.sample_size < self._least:
            raise TextoError(
                "sample_size",
                f"is {self.sample_size}, and n_doublings={self.n_doublings} halvings need "
                f"{self._least}",
                "raise it, or lower n_doublings",
            )

    def checked(self, exemplar: np.ndarray, what: str) -> np.ndarray:
        """As in all methods; TextoError where there is no room for a crop."""
        exemplar = super().checked(exemplar, what)
        height, width = exemplar.shape[:2]
        if min(height, width) < (self.sample_size or self._least):
            name = "sample_size" if self.sample_size else "n_doublings"
            wanted = f"{name}={self.sample_size or self.n_doublings}"
            why = f"is {width}x{height}, too small for {wanted}"
            raise TextoError(what, why, f"lower {name} or choose a larger picture")
        return exemplar

    def adapted(self, exemplar: np.ndarray) -> Self:
        """`sample_size` set."""
        return replace(self, sample_size=self.sample_size or self._usual_side(exemplar))

    def n_steps(self, exemplar: np.ndarray) -> int:
        """`n_iter`."""
        return self.n_iter

    def network(self, exemplar: np.ndarray, rng: np.random.Generator) -> SpatialGenerator:
        """See `neural.methods.psgan.generator.SpatialGenerator`."""
        from .generator import SpatialGenerator

        names = ("n_doublings", "width", "n_global", "n_local", "n_periodic")
        options = {name: getattr(self, name) for name in names}
        return SpatialGenerator(exemplar.shape[2], **options, rng=rng)

    def task(
        self, exemplar: np.ndarray, network: SpatialGenerator, rng: np.random.Generator
    ) -> SpatialTask:
        """See `neural.methods.psgan.training.SpatialTask`."""
        from ...runtime.devices import takes_bfloat16
        from ...training.adversarial import to_planes
        from .training import Discriminator, SpatialTask

        device = next(network.parameters()).device
        halvings, width = self.n_doublings, self.discriminator_width
        critic = Discriminator(exemplar.shape[2], n_halvings=halvings, width=width, rng=rng)
        return SpatialTask(
            network,
            critic.to(device),
            to_planes(exemplar, device),
            side=self.sample_size or self._usual_side(exemplar),
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            n_calibration=self.n_calibration,
            bfloat16=takes_bfloat16(self.precision, str(device)),
            rng=rng,
        )

    def paint(
        self,
        network: SpatialGenerator,
        exemplar: np.ndarray,
        shape: tuple[int, int],
        *,
        rng: np.random.Generator,
        progress: Progress,
    ) -> np.ndarray:
        """See `neural.methods.psgan.generator.paint`."""
        from .generator import paint

        return paint(network, shape, rng=rng, periodic=PERIODIC[self.tileable], progress=progress)

    def _usual_side(self, exemplar: np.ndarray) -> int:
        return max(self._least, min(SAMPLE, *exemplar.shape[:2]))

    @property
    def _least(self) -> int:
        """Pixels a side: the discriminator's last norm sees two a side or more."""
        return max(4, 2**self.n_doublings)

    def _weights(self) -> int:
        """Those of the convolutions, about."""
        pairs = sum(2 ** (2 * number + 1) for number in range(self.n_doublings - 2))
        noise = self.n_global + self.n_local + 2 * self.n_periodic
        entry = noise * self.width * 2 ** max(self.n_doublings - 2, 0)
        return 25 * (pairs * (self.width**2 + self.discriminator_width**2) + entry)
