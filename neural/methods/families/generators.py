"""What the methods share that train a generator, which then paints at once.

Importing this loads no torch: their settings can be shown and stored without.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, ClassVar

import numpy as np

from texto.core import registry
from texto.core.settings import check_settings, setting, tileable_setting
from texto.core.types import Progress, Rng, as_shape, generator, silent

from .trained import EVERY, precision_setting, stored_exemplar, stored_network, stored_state

_OF_DESCENTS = {"n_iter", "learning_rate", "tileable"}  # which mean something else there


def trained(method: type, name: str, **changes: Any) -> Any:
    """The setting `name` of the picture's `method`, here fixed by the training."""
    (field,) = (field for field in dataclasses.fields(method) if field.name == name)
    known = {**field.metadata, "default": field.default, "stage": "fit", **changes}
    return setting(known.pop("default"), known.pop("help"), **known)


@cache
def _loss_of(cls: type) -> type:
    """The method on pixels of `cls`, with its usual settings, and called as `cls` in messages."""
    names = {"__module__": cls.__module__, "__qualname__": cls.__qualname__}
    usual = {
        which: {**getattr(cls.source, which), **getattr(cls, which)}
        for which in ("ours", "published")
    }
    layers = getattr(cls, "default_layers", getattr(cls.source, "default_layers", ""))
    return type(cls.__name__, (cls.source,), {**names, **usual, "default_layers": layers})


@dataclass(frozen=True)
class GeneratorMethod:
    """Texture by a convolutional generator that was trained on the loss of a method on pixels.

    `ours` and `published` : the values of settings that are None, the second `as_published`.
    """

    n_iter: int | None = setting(
        None, "training steps; none: see the method", low=1, high=1_000_000
    )
    learning_rate: float | None = setting(
        None, "Adam's first step; none: see the method", low=1e-6, high=1
    )
    batch_size: int | None = setting(
        None, "pictures drawn in a step; none: see the method", low=1, high=256
    )
    sample_size: int | None = setting(
        None,
        "side in pixels of the pictures drawn in training; none: the exemplar's, from 64 to 256",
        low=16,
        high=512,
    )
    width: int | None = setting(
        None,
        "feature maps that the generator has more at each finer scale; none: see the method",
        low=1,
        high=64,
    )
    n_scales: int | None = setting(
        None,
        "scales of noise, each twice as fine as the one before; none: 6, fewer for small samples",
        low=1,
        high=10,
    )
    n_calibration: int = setting(
        64, "pictures that batch norm's statistics are measured on at last", low=1, high=512
    )
    precision: str = precision_setting()
    as_published: bool = setting(False, "the settings of the published code")
    tileable: str = tileable_setting()
    device: str = setting(
        "auto", "where the networks run: auto, cpu, cuda, cuda:i or mps", stage="synthesis"
    )

    ours: ClassVar[dict[str, Any]] = {}
    published: ClassVar[dict[str, Any]] = {}
    source: ClassVar[type]  # the method on pixels, a `PictureDescent`
    trains_together: ClassVar[bool] = True  # in several processes

    def __post_init__(self):
        check_settings(self)
        self.picture_method()  # whose own checks hold here too

    def picture_method(self) -> Any:
        """The method on pixels that has the loss: `source` with the settings that both have."""
        shared = {field.name for field in dataclasses.fields(self.source)} - _OF_DESCENTS
        given = {name: getattr(self, name) for name in shared if hasattr(self, name)}
        return _loss_of(type(self))(**given)

    def fit(
        self, exemplar: np.ndarray, *, rng: Rng = None, progress: Progress = silent
    ) -> GeneratorModel:
        """Train on `exemplar` (H, W, C) in [0, 1]; `progress` gets the loss of every step.

        Raises TextoError where it is too small or has other channels than the networks take,
        where weights or PyTorch are missing, and where the training diverges; a TextoWarning
        tells of random weights. Cost: see `texto methods NAME`; minutes to hours.
        """
        return self.train(exemplar, rng=rng, progress=progress)

    def train(
        self,
        exemplar: np.ndarray,
        *,
        rng: Rng = None,
        progress: Progress = silent,
        checkpoint: str | os.PathLike | None = None,
        every: int = EVERY,
        preview: str | os.PathLike | None = None,
    ) -> GeneratorModel:
        """`fit`, kept on its way in the file `checkpoint`, with pictures of it in `preview`.

        The checkpoint is written `every` so many steps, when interrupted and at the end. One
        that is there is gone on with, and on the same machine and threads the model is the same
        to the bit as without the interruption. TextoError where it is damaged or of another
        exemplar, seed or settings. The preview shows the newest sample, every few seconds.
        """
        seed, rng = rng, generator(rng)
        picture_method = self.picture_method()
        exemplar = picture_method.checked(exemplar, "exemplar").copy()
        registry.require_torch(registry.name_of(self))
        picture_method.check(exemplar)
        from .generator_runs import trained_painter

        kept = {"checkpoint": checkpoint, "every": every, "preview": preview}
        network, losses = trained_painter(self, exemplar, rng, progress, seed=seed, **kept)
        return GeneratorModel(self, exemplar, network, losses)

    def restore(self, state: Mapping[str, Any]) -> GeneratorModel:
        """The model whose `state()` is `state`; TextoError where the arrays make no sense."""
        exemplar = stored_exemplar(state)
        registry.require_torch(registry.name_of(self))
        from .generator_runs import shapes_of

        shapes, n_iter = shapes_of(self, exemplar), self.chosen("n_iter")
        network, losses = stored_network(state, shapes, n_iter)
        return GeneratorModel(self, exemplar, network, losses)

    def chosen(self, name: str) -> Any:
        """The setting `name`, or what stands for None."""
        value = getattr(self, name, None)
        return value if value is not None else self._usual[name]

    def absent(self) -> str | None:
        """Why this cannot run here, in a line; None where it can."""
        return self.picture_method().absent()

    def made_with(self) -> dict[str, str]:
        """What results should state about the weights of the network in the loss, if any."""
        tell = getattr(self.picture_method(), "made_with", dict)
        return tell()

    @property
    def takes_channels(self) -> tuple[int, ...] | None:
        """Channels that exemplars may have; None: any."""
        return self.picture_method().takes_channels

    def rates(self) -> list[float]:
        """Adam's step at each step of the training: falling along a cosine."""
        from ...steps.synthesis import falling

        n_iter, rate = self.chosen("n_iter"), self.chosen("learning_rate")
        return [rate] * n_iter if self.as_published else falling(rate, n_iter)

    def loss(self, work: Any) -> Any:
        """The loss of a picture, for a `neural.steps.synthesis.Work`."""
        return self.picture_method().loss(work)

    @property
    def _usual(self) -> dict[str, Any]:
        return self.published if self.as_published else self.ours


@dataclass(frozen=True, eq=False)
class GeneratorModel:
    """A trained generator.

    `network` : its tensors by name, float32. `losses` (n_iter,) float32 : of its training.
    """

    method: GeneratorMethod
    exemplar: np.ndarray
    network: Mapping[str, np.ndarray]
    losses: np.ndarray

    def synthesize(
        self, shape: tuple[int, int], *, rng: Rng = None, progress: Progress = silent
    ) -> np.ndarray:
        """New texture (height, width, C) float32 in [0, 1], of any size, in one forward pass.

        Large pictures are painted in tiles of one noise field, without seams and with memory
        for the picture and one tile. Cost: some thousand multiplications a pixel.
        """
        from .generator_runs import painted

        rng, shape = generator(rng), as_shape(shape)
        options = {"rng": rng, "progress": progress}
        picture = painted(self._network, self.method, shape, self.exemplar.shape[2], **options)
        # A network is not exact: no channel leaves the exemplar's range.
        low, high = self.exemplar.min(axis=(0, 1)), self.exemplar.max(axis=(0, 1))
        return np.clip(picture, low, high, out=picture)

    def state(self) -> dict[str, np.ndarray]:
        """The exemplar, the network's tensors and the losses."""
        return stored_state(self.exemplar, self.network, self.losses)

    @cached_property
    def _network(self) -> Any:
        """The network ready to paint, built when first asked for."""
        from .generator_runs import loaded_network

        return loaded_network(self.method, self.exemplar, self.network)
