"""Texture by sliced transport of patches, coarse to fine (Elnekave, Weiss 2022)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from texto.core.settings import PERIODIC, check_settings, fill, setting, tileable_setting
from texto.core.types import Progress, Step

from ..runtime.pictures import is_grey
from .families.picture import PictureMethod

if TYPE_CHECKING:
    import torch

GREY = 0.5
FLOOR = 0.01  # share of Adam's step that is left at the end of a size


@dataclass(frozen=True)
class GPDM(PictureMethod):
    """Generative patch distribution matching: gpdm.

    Elnekave, Weiss 2022. From noise at a small size, each size in turn is moved by Adam down
    the sliced Wasserstein distance between its patches and the exemplar's, in new random
    directions at every step, and enlarged by 1 / `factor`. No search, no training and no
    network. `preset` "published": factor 0.85, 300 steps of 0.005 (0.01 for values in [-1, 1]),
    64 directions. "fast": factor 0.7, 100 steps that fall from 0.06, 48 directions.
    """

    preset: str = setting(
        "published",
        "the settings that are none: as published, or several times as fast",
        choices=("published", "fast"),
        stage="synthesis",
    )
    patch_size: int = setting(
        7, "side of a patch in pixels, at every size", low=2, high=32, stage="synthesis"
    )
    factor: float = setting(
        None,
        "from one size to the next smaller one; none: by preset, 0.85 or 0.7",
        low=0.25,
        high=0.95,
        stage="synthesis",
    )
    coarsest: int = setting(
        21,
        "pixels of the exemplar's shorter side at the smallest size, about",
        low=4,
        high=4096,
        stage="synthesis",
    )
    n_iter: int = setting(
        None,
        "steps at each size; none: by preset, 300 or 100",
        low=1,
        high=100_000,
        stage="synthesis",
    )
    learning_rate: float = setting(
        None,
        "Adam's step, in grey values of [0, 1]; none: by preset, 0.005 or 0.06",
        low=1e-5,
        high=1,
        stage="synthesis",
    )
    n_directions: int = setting(
        None,
        "random directions in a step; none: by preset, 64 or 48",
        low=1,
        high=10_000,
        stage="synthesis",
    )
    noise: float = setting(
        0.75,
        "standard deviation of the noise it starts from, in grey values of [0, 1]",
        low=0,
        high=10,
        stage="synthesis",
    )
    falls: bool = setting(
        None,
        "Adam's step falls at each size, along a cosine; none: by preset, false or true",
        stage="synthesis",
        older=None,
    )
    tileable: str = tileable_setting()
    device: str = setting("auto", "auto, cpu, cuda, cuda:i or mps", stage="synthesis")

    summary: ClassVar[str] = "sliced transport of patches as convolutions (Elnekave, Weiss 2022)"
    good_for: ClassVar[str] = (
        "sharp pictures without weights; `preset=fast` for a tenth of the time"
    )
    quick: ClassVar[Mapping[str, Any]] = {
        "factor": 0.5,
        "n_iter": 3,
        "n_directions": 8,
        "device": "cpu",
    }
    preset_setting: ClassVar[str] = "preset"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "published": {
            "factor": 0.85,
            "n_iter": 300,
            "learning_rate": 0.005,
            "n_directions": 64,
            "falls": False,
        },
        "fast": {
            "factor": 0.7,
            "n_iter": 100,
            "learning_rate": 0.06,
            "n_directions": 48,
            "falls": True,
        },
    }

    def __post_init__(self):
        check_settings(self)
        fill(self, self.presets[self.preset])

    @property
    def smallest_exemplar(self) -> int:
        """One patch."""
        return self.patch_size

    def check(self, exemplar: np.ndarray) -> None:
        """Needs no weights, only the device."""
        from ..runtime.devices import resolve_device

        resolve_device(self.device)

    def synthesize(
        self,
        exemplar: np.ndarray,
        shape: tuple[int, int],
        *,
        rng: np.random.Generator,
        progress: Progress,
    ) -> np.ndarray:
        """New texture (*shape, C) in [0, 1] like `exemplar` (H, W, C).

        Cost: `n_iter` times those of `neural.losses.SlicedPatches` at every size, whose pixels
        sum to 1 / (1 - factor^2) of the last one's; memory that of some ten pictures.
        """
        from ..runtime.attempts import attempted

        rng, channels = np.random.default_rng(rng.integers(2**63)), exemplar.shape[2]
        if is_grey(exemplar):
            exemplar = exemplar[:, :, :1]  # grey stays grey

        def run(device: str, seen: Progress) -> np.ndarray:
            return self._descended(exemplar, shape, rng, seen, device)

        what = f"{shape[1]}x{shape[0]}"
        picture = attempted(self.device, run, what, rng=rng, progress=progress)
        return np.repeat(picture, channels // picture.shape[2], axis=2)

    def scales(self, shape: tuple[int, ...]) -> list[float]:
        """The sizes of an exemplar of `shape` as shares of the whole, smallest first."""
        side, factor, scales = min(shape[:2]), self.factor, [1.0]
        while side * scales[-1] * factor >= max(self.coarsest, self.patch_size):
            scales.append(scales[-1] * factor)
        return scales[::-1]

    def _descended(
        self,
        exemplar: np.ndarray,
        shape: tuple[int, int],
        rng: np.random.Generator,
        progress: Progress,
        device: str,
    ) -> np.ndarray:
        import torch

        from texto.patches.resample import shrunk

        from ..losses.sliced_patches import SlicedPatches
        from ..runtime.devices import to_picture
        from ..steps.descent import falling, optimise

        rate, n_iter = self.learning_rate, self.n_iter
        rates = falling(rate, n_iter, FLOOR) if self.falls else rate
        scales, picture = self.scales(exemplar.shape), None
        within = tuple(
            torch.tensor(each)[:, None, None]
            for each in (exemplar.min(axis=(0, 1)), exemplar.max(axis=(0, 1)))
        )
        for number, scale in enumerate(scales):
            own = shrunk(exemplar, tuple(round(side * scale) for side in exemplar.shape[:2]))
            sides = self._canvas(shape, scale)
            if picture is None:
                picture = self._start((1, exemplar.shape[2], *sides), rng, device)
            else:
                picture = self._finer(picture, sides)
            loss = SlicedPatches(
                torch.tensor(np.ascontiguousarray(np.moveaxis(own, 2, 0)), device=device),
                patch_size=self.patch_size,
                n_directions=self.n_directions,
                periodic=PERIODIC[self.tileable],
                rng=rng,
            )
            place = len(scales) - 1 - number, number * n_iter, len(scales) * n_iter
            picture = optimise(
                picture,
                loss,
                n_iter=n_iter,
                learning_rate=rates,
                n_iter_dual=0,
                bounds=within,
                rng=rng,
                progress=_told(progress, *place),
            )
        top, left = self._margins
        return np.ascontiguousarray(to_picture(picture)[top:, left:][: shape[0], : shape[1]])

    @property
    def _margins(self) -> tuple[int, int]:
        """Pixels beside an open axis: few patches reach them, and they keep much noise."""
        return tuple(0 if wraps else self.patch_size - 1 for wraps in PERIODIC[self.tileable])

    def _canvas(self, shape: tuple[int, int], scale: float) -> tuple[int, int]:
        """The sides to work on at `scale`."""
        return tuple(
            max(1, round(side * scale)) + 2 * margin
            for side, margin in zip(shape, self._margins, strict=True)
        )

    def _finer(self, picture: torch.Tensor, sides: tuple[int, int]) -> torch.Tensor:
        """`picture` enlarged, its margins too, and cut to `sides` about its middle."""
        from ..steps.canvas import enlarged

        inner = [
            side - 2 * margin for side, margin in zip(picture.shape[2:], self._margins, strict=True)
        ]
        whole = [
            max(side, round(own * (side - 2 * margin) / part))
            for own, side, part, margin in zip(
                picture.shape[2:], sides, inner, self._margins, strict=True
            )
        ]
        top, left = ((side - part) // 2 for side, part in zip(whole, sides, strict=True))
        grown = enlarged(picture, whole)
        return grown[:, :, top : top + sides[0], left : left + sides[1]].contiguous()

    def _start(self, shape: tuple[int, ...], rng: np.random.Generator, device: str) -> torch.Tensor:
        import torch

        noise = GREY + self.noise * rng.standard_normal(shape, dtype=np.float32)
        return torch.tensor(np.clip(noise, 0, 1), device=device)


def _told(progress: Progress, level: int, done: int, total: int) -> Progress:
    """`progress` for the steps of one size among all."""
    return lambda step: progress(Step("synthesize", level, done + step.iteration, total, step.loss))
