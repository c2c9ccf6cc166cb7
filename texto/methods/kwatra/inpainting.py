"""Holes filled by texture optimisation (Kwatra 2005): large patches first, robust averages."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...core.types import Progress, Rng
from ...patches.search import resolve_device
from ...steps.inpainting.filling import inpaint, useful_sizes
from ...steps.inpainting.levels import HoleLevel
from ...steps.inpainting.robust import RobustFiller
from .settings import KEPT_VARIANCE, KwatraSettings


def fill_holes(
    method: KwatraSettings,
    image: np.ndarray,
    mask: np.ndarray,
    *,
    sources: np.ndarray | None,
    rng: Rng,
    progress: Progress,
) -> np.ndarray:
    """`image` inpainted by a `Kwatra`: see `texto.steps.inpainting.filling.inpaint`."""
    device = resolve_device(method.device)

    def fillers(levels: Sequence[HoleLevel]) -> list[RobustFiller]:
        sizes = [useful_sizes(level, method.patch_sizes(level.holes.shape)) for level in levels]
        return [
            RobustFiller(
                level,
                each,
                n_iter=method.n_iter,
                n_patches=method.n_patches,
                n_dims=method.n_dims,
                kept_variance=KEPT_VARIANCE,
                exponent=method.exponent,
                device=device,
            )
            for level, each in zip(levels, sizes, strict=True)
        ]

    return inpaint(
        image,
        mask,
        smallest=method.smallest_patch_size,
        least_size=lambda shape: method.patch_sizes(shape)[-1],
        count_levels=method.count_levels,
        fillers=fillers,
        sources=sources,
        rng=rng,
        progress=progress,
    )
