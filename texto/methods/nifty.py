"""NIFTY: patch flow matching without a network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from ..core.errors import TextoError
from ..core.settings import check_settings, setting
from ..steps.flow.method import FlowMethod
from ..steps.flow.octave import Octave

OCTAVES = 4  # of the paper: the exemplar shrunk by 8, 4, 2, 1


@dataclass(frozen=True)
class Nifty(FlowMethod):
    """Texture by the closed-form flow from noise to the exemplar's patches.

    Chatillon, Rabin, Tschumperlé 2025 (arXiv 2509.22318). The velocity at time t of a patch p is
    (sum_j w_j x_j - p) / (1 - t) over its k best exemplar patches x_j, with
    w_j ∝ exp(-|p - t x_j|^2 / (2 (1 - t)^2)); those of overlapping patches are averaged with a
    Gaussian window. Coarse to fine; each finer octave starts from the enlarged picture mixed
    with noise. Two textures mix by blending velocities. Where one flat kind of patch is close to
    everything the picture falls into it: see `OTFlow`.
    """

    summary = (
        "patches flow from noise to the exemplar's in closed form (Chatillon, Rabin, "
        "Tschumperle 2025)"
    )
    good_for = "the published flow, to compare with; ot-flow is sharper and quicker"
    quick: ClassVar[Mapping[str, Any]] = {"patch_size": 8, "n_iter": 3, "stride": 4}

    n_iter: int = setting(15, "T: Euler steps at each octave", low=1, high=500)
    n_matches: int = setting(5, "k: exemplar patches that speak for a patch", low=1, high=50)
    stride: int = setting(
        4, "pixels between neighbouring patches, of texture and exemplar", low=1, high=64
    )
    renoise: float = setting(
        0.5, "share of noise in what a finer octave starts from", low=0.01, high=1
    )
    search_share: float = setting(
        1.0, "r: share of the exemplar's patches searched at a step", low=0.001, high=1
    )
    memory: bool = setting(True, "keep the best matches of earlier steps where search_share < 1")

    def __post_init__(self):
        check_settings(self)
        if self.stride > self.patch_size:
            raise TextoError(
                "stride", f"is {self.stride}, patch_size is {self.patch_size}", "patches must touch"
            )

    @property
    def dimensions(self) -> None:
        return None

    @property
    def structure_weight(self) -> float:
        return 0.0

    @property
    def bank_stride(self) -> int:
        return self.stride

    @property
    def blends(self) -> bool:
        return True

    @property
    def usual_levels(self) -> int:
        return OCTAVES

    def octaves(self, n_levels: int) -> list[Octave]:
        return [
            Octave(
                start=0.0 if level == n_levels - 1 else 1 - self.renoise,
                n_steps=self.n_iter,
                stride=self.stride,
                n_matches=self.n_matches,
                full=True,
                share=self.search_share,
                memory=self.memory,
            )
            for level in range(n_levels)
        ]
