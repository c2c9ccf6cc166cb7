"""What the methods share that train a generator, which then paints at once.

Importing this loads no torch: their settings can be shown and stored without.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from texto.core.contract import UsesNetwork
from texto.core.errors import TextoError
from texto.core.settings import PERIODIC, check_settings, fill, setting, tileable_setting
from texto.core.types import Progress

from .descent import PictureDescent
from .networks import Networked
from .picture import device_setting
from .trained import TrainedMethod, precision_setting

if TYPE_CHECKING:
    from ...generators.network import TextureGenerator
    from ...generators.task import GeneratorTask
    from ...losses.base import Additive
    from ...steps.work import Work

LEAST_SAMPLE, MOST_SAMPLE = 64, 256  # pixels a side, where the setting is None
COARSEST = 8  # pixels: an automatic coarsest scale of a sample is no smaller
N_SCALES = 6

Presets = Mapping[bool, Mapping[str, Any]]

_OF_DESCENTS = {"n_iter", "learning_rate", "tileable"}  # which mean something else there


def trained(method: type, name: str, **changes: Any) -> Any:
    """The setting `name` of the picture's `method`, here fixed by the training."""
    (field,) = (field for field in dataclasses.fields(method) if field.name == name)
    known = {**field.metadata, "default": field.default, "stage": "fit", **changes}
    return setting(known.pop("default"), known.pop("help"), **known)


def presets_of(
    source: type[PictureDescent], ours: Mapping[str, Any], published: Mapping[str, Any]
) -> Presets:
    """Those of the picture's method, and of the training."""
    return {
        False: {**source.presets[False], **ours},
        True: {**source.presets[True], **published},
    }


@cache
def _loss_of(cls: type[GeneratorMethod]) -> type[PictureDescent]:
    """The method on pixels of `cls`, called as `cls` in messages."""
    own = {"__module__": cls.__module__, "__qualname__": cls.__qualname__}
    own |= {"default_layers": cls.default_layers} if cls.default_layers else {}
    return type(cls.__name__, (cls.source,), own)


@dataclass(frozen=True)
class GeneratorMethod(TrainedMethod["TextureGenerator"]):
    """Texture by a convolutional generator that was trained on the loss of a method on pixels.

    `source` : that method. `presets` : what settings are that are None, by `as_published`.
    """

    n_iter: int = setting(None, "training steps; none: see the method", low=1, high=1_000_000)
    learning_rate: float = setting(
        None, "Adam's first step; none: see the method", low=1e-6, high=1
    )
    batch_size: int = setting(
        None, "pictures drawn in a step; none: see the method", low=1, high=256
    )
    sample_size: int | None = setting(
        None,
        "side in pixels of the pictures drawn in training; none: the exemplar's, from 64 to 256",
        low=16,
        high=512,
        automatic=True,
    )
    width: int = setting(
        None,
        "feature maps that the generator has more at each finer scale; none: see the method",
        low=1,
        high=64,
    )
    n_scales: int | None = setting(
        None,
        f"scales of noise, each twice as fine as the one before; none: {N_SCALES}, fewer for small "
        "samples",
        low=1,
        high=10,
        automatic=True,
    )
    bias: bool = setting(
        None, "the generator's last convolution has a bias; none: see the method", older=None
    )
    begin_like: bool = setting(
        None,
        "the first pictures have the mean and covariance of the exemplar's colours, for which "
        "bias=true is needed; none: see the method",
        older=None,
    )
    memory: float = setting(
        None,
        "share that the averaged weights, which paint, keep in a step; 0: the last weights paint; "
        "none: see the method",
        low=0,
        high=1,
        older=None,
    )
    n_calibration: int = setting(
        64, "pictures that batch norm's statistics are measured on at last", low=1, high=512
    )
    precision: str = precision_setting()
    as_published: bool = setting(False, "the settings of the published code")
    tileable: str = tileable_setting()
    device: str = device_setting()

    preset_setting: ClassVar[str] = "as_published"
    presets: ClassVar[Presets]
    source: ClassVar[type[PictureDescent]]
    default_layers: ClassVar[str] = ""  # where they are not those of `source`
    trains_together: ClassVar[bool] = True  # in several processes
    unread: ClassVar[tuple[str, ...]] = ("n_calibration",)

    def __post_init__(self):
        check_settings(self)
        fill(self, self.presets[self.as_published])
        if self.begin_like and not self.bias:
            raise TextoError("begin_like", "is true, and bias false", "set bias=true")
        method = self.picture_method()  # whose own checks hold here too
        if isinstance(method, Networked):
            object.__setattr__(self, "layers", method.layers)

    def picture_method(self) -> PictureDescent:
        """The method on pixels that has the loss: `source` with the settings that both have."""
        own = {field.name for field in dataclasses.fields(self)} - _OF_DESCENTS
        shared = [field.name for field in dataclasses.fields(self.source) if field.name in own]
        given = {name: getattr(self, name) for name in shared}
        return _loss_of(type(self))(**given)

    def checked(self, exemplar: np.ndarray, what: str) -> np.ndarray:
        """As the method on pixels does."""
        return self.picture_method().checked(exemplar, what)

    def check(self, exemplar: np.ndarray) -> None:
        """As the method on pixels does."""
        self.picture_method().check(exemplar)

    def adapted(self, exemplar: np.ndarray) -> Self:
        """`sample_size` and `n_scales` set."""
        side, n_scales = self.sample_size or sample_side(exemplar.shape), self.n_scales
        return dataclasses.replace(self, sample_size=side, n_scales=n_scales or fitting(side))

    def made_with(self) -> dict[str, str]:
        """What results should state about the weights of the network in the loss, if any."""
        method = self.picture_method()
        return method.made_with() if isinstance(method, UsesNetwork) else {}

    def absent(self) -> str | None:
        """Why this cannot run here, in a line; None where it can."""
        return self.picture_method().absent()

    @property
    def takes_channels(self) -> tuple[int, ...] | None:
        """Channels that exemplars may have; None: any."""
        return self.picture_method().takes_channels

    def n_steps(self, exemplar: np.ndarray) -> int:
        """`n_iter`."""
        return self.n_iter

    def network(self, exemplar: np.ndarray, rng: np.random.Generator) -> TextureGenerator:
        """See `neural.generators.network.TextureGenerator`."""
        from ...generators.network import TextureGenerator

        side = self.sample_size or sample_side(exemplar.shape)
        n_scales = self.n_scales or fitting(side)
        return TextureGenerator(
            exemplar.shape[2], n_scales=n_scales, width=self.width, bias=self.bias, rng=rng
        )

    def task(
        self, exemplar: np.ndarray, network: TextureGenerator, rng: np.random.Generator
    ) -> GeneratorTask:
        """See `neural.generators.task.GeneratorTask`."""
        from ...generators.task import GeneratorTask, begin_like
        from ...runtime.devices import takes_bfloat16
        from ...steps.work import Work

        device = str(network.device)
        if self.begin_like:
            begin_like(network, exemplar, rng)
        side = self.sample_size or sample_side(exemplar.shape)
        return GeneratorTask(
            network,
            self.loss(Work(exemplar, exemplar.shape, 0, (side, side), device, rng)),
            sides=(side, side),
            rates=self.rates(),
            batch_size=self.batch_size,
            memory=self.memory,
            n_calibration=self.n_calibration,
            like=None if self.as_published else exemplar,
            bfloat16=takes_bfloat16(self.precision, device),
            rng=rng,
            **self.ascents(),
        )

    def paint(
        self,
        network: TextureGenerator,
        exemplar: np.ndarray,
        shape: tuple[int, int],
        *,
        rng: np.random.Generator,
        progress: Progress,
    ) -> np.ndarray:
        """See `neural.generators.painting.paint`. Cost: some thousand multiplications a pixel."""
        from ...generators.painting import paint

        return paint(network, shape, rng=rng, periodic=PERIODIC[self.tileable], progress=progress)

    def ascents(self) -> dict[str, Any]:
        """What a `GeneratorTask` is told of potentials, where the loss has any."""
        return {}

    def rates(self) -> list[float]:
        """Adam's step at each step of the training: falling along a cosine."""
        from ...steps.descent import falling

        n_iter, rate = self.n_iter, self.learning_rate
        return [rate] * n_iter if self.as_published else falling(rate, n_iter)

    def loss(self, work: Work) -> Additive:
        """The loss of a picture."""
        return self.picture_method().loss(work)


def sample_side(shape: tuple[int, ...]) -> int:
    """Pixels a side of the samples in training on an exemplar of `shape`, usually."""
    unit = LEAST_SAMPLE // 2
    return min(max(LEAST_SAMPLE, round(max(shape[:2]) / unit) * unit), MOST_SAMPLE)


def fitting(side: int) -> int:
    """The scales of a generator for samples of `side` pixels, usually."""
    return next(n for n in range(N_SCALES, 0, -1) if n == 1 or side >> (n - 1) >= COARSEST)
