"""OT flow: patch flow matching whose plan keeps the exemplar's proportions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, cast

import numpy as np

from ..core.contract import Model
from ..core.errors import TextoError
from ..core.settings import check_settings, setting
from ..core.types import Progress, Rng, silent
from ..steps.flow.method import FlowMethod, FlowModel
from ..steps.flow.octave import Octave

FULL = 2  # coarsest octaves, where every patch is compared and potentials hold the marginal
RENOISED = 0.5  # time at which a finer octave starts: half picture, half noise
WIDTH = 0.2  # of the vote's window: narrower than the published quarter, hence sharper
NEAREST = 2  # patches away that a piece may reach in any case
LONGEST, SHORTEST = 64, 8  # pixels a piece may grow beyond a patch, at variety 0 and 1


@dataclass(frozen=True)
class OTFlow(FlowMethod):
    """Texture by a flow from noise to the exemplar's patches, by optimal transport.

    Our form of patch flow matching (Chatillon, Rabin, Tschumperlé 2025), whose velocity
    (E[x_1 | x_t] - x_t) / (1 - t) is the barycentric projection of an entropic plan without its
    second marginal: a flat kind of patch, close to everything, draws the picture in. Here dual
    potentials at the two coarsest octaves make every exemplar patch be used equally, in each
    part of the picture; channels of structure keep lines that shrinking hides; at finer
    octaves candidates come from neighbours' and coarser matches, and last votes are sharp, so
    the result is made of pieces of the exemplar and not of their means. Their tones are brought
    to its proportions in the end.
    """

    summary = (
        "patches flow from noise to the exemplar's, each used equally by optimal transport "
        "(after Chatillon, Rabin, Tschumperle 2025)"
    )
    good_for = "any texture, sharp and quick; the default"
    quick: ClassVar[Mapping[str, Any]] = {"patch_size": 8, "n_iter": 3, "n_dims": 16}

    n_iter: int = setting(
        6, "Euler steps at the finest octave, up to twice as many at the coarsest", low=1, high=500
    )
    n_iter_dual: int = setting(
        16,
        "ascent steps of the potentials before each step at the coarsest octave; 0: none",
        low=0,
        high=200,
    )
    n_matches: int = setting(3, "exemplar patches that speak for a patch", low=1, high=50)
    n_dims: int = setting(64, "principal axes in which patches are compared", low=1, high=1024)
    structure: float = setting(
        1.5, "weight of the darkest pixel and the gradient at coarse octaves", low=0, high=100
    )
    variety: float = setting(
        0.6,
        "0: largest pieces of the exemplar, fewest joints; 1: smallest pieces, most new",
        low=0,
        high=1,
        stage="synthesis",
    )
    sharpness: float = setting(
        8.0,
        "how much the source that most patches agree on decides alone; 0: plain means",
        low=0,
        high=100,
        stage="synthesis",
    )

    tone: float = setting(
        1.0,
        "how far dark, bright and coloured places come to the exemplar's proportions at the end",
        low=0,
        high=1,
        stage="synthesis",
        older=0.0,
    )

    def __post_init__(self):
        check_settings(self)

    def check_sources(self, model: Model | None) -> None:
        """See `ShowsSources`; mixes, and `sharpness` 0, leave no one source to a pixel."""
        if not self.sharpness or not (model is None or isinstance(model, FlowModel)):
            raise TextoError(
                "sources",
                "are those of a picture made from one exemplar with sharpness above 0",
                "give such a model, or leave them out",
            )

    def synthesize_with_sources(
        self,
        model: Model,
        shape: tuple[int, int],
        *,
        rng: Rng = None,
        progress: Progress = silent,
    ) -> tuple[np.ndarray, np.ndarray]:
        """See `ShowsSources`."""
        self.check_sources(model)
        return cast(Any, model).flowed(shape, rng, progress)

    @property
    def dimensions(self) -> int:
        return self.n_dims

    @property
    def tone_share(self) -> float:
        return self.tone

    @property
    def structure_weight(self) -> float:
        return self.structure

    def octaves(self, n_levels: int) -> list[Octave]:
        return [self._octave(level, n_levels) for level in range(n_levels)]

    def _octave(self, level: int, n_levels: int) -> Octave:
        coarsest, full = level == n_levels - 1, level >= n_levels - FULL
        stride = max(1, self.patch_size // (8 if coarsest and n_levels > 1 else 4))
        n_steps = round(self.n_iter * (1 + level / max(1, n_levels - 1)))
        if coarsest:  # the first step from noise goes to the mean of all patches
            n_steps = max(2, n_steps)
        reach = LONGEST * (SHORTEST / LONGEST) ** self.variety / (1 << level) / stride
        return Octave(
            start=0.0 if coarsest else RENOISED,
            n_steps=n_steps,
            stride=stride,
            n_matches=self.n_matches,
            full=full,
            n_balance=(self.n_iter_dual if coarsest else round(0.6 * self.n_iter_dual)),
            n_sharp=max(1, n_steps // 3) if self.sharpness else 0,
            power=self.sharpness,
            width=WIDTH,
            reach=max(NEAREST, round(reach)),
            penalty=2 * self.variety,
        )
