"""Texture by optimal patch assignment: patches permuted, so that all statistics are kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ...core.settings import PERIODIC
from ...core.state import kept_exemplar, only
from ...core.threads import single_blas
from ...core.types import Progress, Rng, Step, as_image, as_shape, generator, silent
from ...steps.finish import finish
from .assignments import Assignments
from .settings import PatchAssignmentSettings


@dataclass(frozen=True)
class PatchAssignment(PatchAssignmentSettings):
    """Texture whose patches are, as nearly as they can, a permutation of the exemplar's.

    Gutierrez, Galerne, Rabin, Hurtut 2017. Coarse to fine, in turns: match the patches of the
    result on a coarse grid with random offset to equally many exemplar patches by the optimal
    assignment, then average the matched patches where they overlap. No part of the exemplar is
    left out and none is favoured, unlike with nearest neighbours. The assignment is exact for
    up to `n_exact` patches; above, each patch takes its nearest neighbour biased by the dual
    potential of entropic transport between random samples, which balances the use in the mean.
    """

    summary = (
        "patches of the result assigned to equally many exemplar patches, coarse to fine "
        "(Gutierrez, Galerne, Rabin, Hurtut 2017)"
    )
    good_for = "statistics kept without parameters"
    quick: ClassVar[Mapping[str, Any]] = {"n_iter": 2, "n_exact": 100, "device": "cpu"}

    def fit(
        self, exemplar: np.ndarray, *, rng: Rng = None, progress: Progress = silent
    ) -> PatchAssignmentModel:
        """Keep `exemplar` (H, W, C) in [0, 1]: the work is all in `synthesize`."""
        generator(rng)  # nothing is drawn, but a bad seed is told
        exemplar = as_image(exemplar, smallest=self.patch_size).copy()
        model = PatchAssignmentModel(self.adapted(exemplar), exemplar)
        progress(Step("fit", 0, 1, 1))
        return model

    def restore(self, state: Mapping[str, np.ndarray]) -> PatchAssignmentModel:
        """The model whose `state()` is `state`; TextoError where it makes no sense."""
        only(state, ["exemplar"])
        exemplar = kept_exemplar(state, smallest=self.patch_size)
        return PatchAssignmentModel(self.adapted(exemplar), exemplar)


@dataclass(frozen=True, eq=False)
class PatchAssignmentModel:
    """An exemplar whose patches are to be rearranged."""

    method: PatchAssignment
    exemplar: np.ndarray

    @single_blas()
    def synthesize(
        self, shape: tuple[int, int], *, rng: Rng = None, progress: Progress = silent
    ) -> np.ndarray:
        """New texture (height, width, C) float32 in [0, 1], of any size.

        Cost: n_exact^3 a pass at most, and the search; memory is about 50 n_exact^2 bytes and
        a few pictures.
        """
        height, width = as_shape(shape)
        periodic = PERIODIC[self.method.tileable]
        rng, last = generator(rng).spawn(2)
        result = Assignments(self.method, self.exemplar, (height, width), rng, progress).run()
        result = result[:height, :width]
        if self.method.finish == "sliced":
            result = finish(result, self.exemplar, rng=last, periodic=periodic, progress=progress)
        return np.ascontiguousarray(np.clip(result, 0, 1))

    def state(self) -> dict[str, np.ndarray]:
        """The exemplar: everything else follows from it."""
        return {"exemplar": self.exemplar}
