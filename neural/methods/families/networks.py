"""What the methods share that look through a trained network."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, TypeVar

import numpy as np

from texto.core import registry
from texto.core.errors import TextoError, TextoWarning
from texto.core.settings import setting

from ...runtime.weights import RANDOM, find
from .descent import PictureDescent

if TYPE_CHECKING:
    from ...features.backbones import Backbone, Views
    from ...steps.work import Work

T = TypeVar("T")

LEAST_SIDE = 32  # pixels: networks see no smaller size
PADDINGS = ("zero", "valid", "periodic", "reflect")
TITLES = {"vgg19": "VGG-19", "inception_v3": "Inception-v3"}
QUICK = {"n_iter": 2, "weights": RANDOM, "layers": "random5", "device": "cpu"}


@dataclass(frozen=True)
class Networked(PictureDescent):
    """Descent on features of a network; `default_layers` are those for layers=""."""

    layers: str = setting(
        "",
        "layers of the network, with commas between; empty: see the method; with "
        f"weights={RANDOM}: random3, random5, 7, 11, 15, 23, 37, 55, the filters' sides",
        stage="synthesis",
    )
    weights: str = setting(
        "",
        "file or folder with the network's weights; empty: TEXTO_WEIGHTS or torch's cache; "
        f"{RANDOM}: none, but random filters of many sizes in the network's place",
        stage="synthesis",
    )
    fill_missing: bool = setting(
        False, "random weights in the layers that the file of weights lacks", stage="synthesis"
    )

    exemplar_padding: str = setting(
        None,
        "how the network's view of the exemplar goes on at borders, reflect: mirrored, zero: with "
        "zeros, valid: not at all; none: see the method",
        choices=PADDINGS,
        stage="synthesis",
        older=None,
    )
    synthesis_padding: str = setting(
        None,
        "the same for pictures, periodic: they repeat; none: see the method",
        choices=PADDINGS,
        stage="synthesis",
        older=None,
    )

    network: ClassVar[str] = "vgg19"
    default_layers: ClassVar[str] = ""
    takes_channels: ClassVar[tuple[int, ...]] = (1, 3)
    stride: ClassVar[int] = 16

    def __post_init__(self):
        super().__post_init__()
        if self.tileable != "none" and self.synthesis_padding != "periodic":
            raise self._unrepeated()
        usual = self.default_layers
        if self.layers in ("", usual):  # random filters have other layers, by the exemplar's size
            object.__setattr__(self, "layers", "" if self.weights == RANDOM else usual)
        if self.layers and not all(self.layer_names):
            raise TextoError("layers", f"are {self.layers!r}", "give names with commas between")

    def _unrepeated(self) -> TextoError:
        form, remedy = "the published form", "as_published=false"
        if not self.as_published:
            form = f"synthesis_padding={self.synthesis_padding!r}"
            remedy = "synthesis_padding=periodic"
        return TextoError(
            "tileable", f"is {self.tileable!r}, and {form} does not repeat", f"set {remedy}"
        )

    @property
    def layer_names(self) -> tuple[str, ...]:
        """The layers asked for."""
        return tuple(name.strip() for name in self.layers.split(",")) if self.layers else ()

    def absent(self) -> str | None:
        """As in all methods; or that the weights are missing."""
        reason = super().absent()
        if reason is None:
            try:
                find(self.network, self.weights or None)
            except TextoError as error:
                return str(error)
        return reason

    def made_with(self) -> dict[str, str]:
        """What results should state: the weights' file, its SHA-256, and layers without any.

        Loads the network. TextoError where weights are missing or do not suit.
        """
        registry.require_torch(registry.name_of(self))
        if self.weights == RANDOM:
            return {"network_weights": RANDOM, "random_layers": "all"}
        network = self._on_its_device(lambda device: self.backbone(device).loaded().synthesis)
        stated = {
            "network_weights": network.weights.name,
            "network_hash": network.weights.checksum,
            "random_layers": ", ".join(network.random_layers),
        }
        return {name: text for name, text in stated.items() if text}

    def check(self, exemplar: np.ndarray) -> None:
        """Load the network; TextoError where weights or the exemplar do not suit."""
        views = self._on_its_device(lambda device: self.backbone(device).views(exemplar))
        if views.untrained:
            title = TITLES[self.network]
            warnings.warn(
                f"{registry.name_of(self)} runs on {views.weights_name} weights: "
                f"not on {title} as trained",
                TextoWarning,
                stacklevel=3,
            )

    def count_sizes(self, shape: tuple[int, ...]) -> int:
        """As many as leave networks enough to see."""
        if self.start == "noise":
            return 1
        return max(1, sum(min(shape[:2]) >> level >= LEAST_SIDE for level in range(12)))

    def least_side(self, shape: tuple[int, ...]) -> int:
        """So large that no layer repeats itself at a small size."""
        return LEAST_SIDE << (self.count_sizes(shape) - 1)

    def _on_its_device(self, run: Callable[[str], T]) -> T:
        from ...runtime.devices import on_device

        return on_device(self.device, run, f"the network of {registry.name_of(self)}")

    def views(self, work: Work) -> Views:
        """The features of exemplar and synthesis at one size."""
        return self.backbone(work.device).views(work.exemplar, whole=work.level == 0)

    def backbone(self, device: str) -> Backbone:
        """The network and how it pads."""
        from ...features.backbones import Backbone

        return Backbone(
            network=self.network,
            layers=self.layer_names,
            weights=self.weights or None,
            fill_missing=self.fill_missing,
            device=device,
            padding=self.exemplar_padding,
            synthesis_padding=self.synthesis_padding,
        )


@dataclass(frozen=True)
class WithVGG(Networked):
    """Those that look through VGG-19."""

    pooling: str = setting(
        None,
        "pooling of VGG-19: average, or max as it was trained; none: see the method",
        choices=("average", "max"),
        stage="synthesis",
        older=None,
    )

    def backbone(self, device: str) -> Backbone:
        """The network, how it pads and how it pools."""
        return replace(super().backbone(device), options=(("pooling", self.pooling),))
