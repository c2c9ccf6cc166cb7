"""The pictures that scores take, checked."""

from __future__ import annotations

import numpy as np

from ..core.errors import TextoError
from ..core.types import as_image


def checked_result(result: np.ndarray, exemplar: np.ndarray, smallest: int) -> np.ndarray:
    """`result` as (H, W, C) float32; TextoError where it cannot be compared with `exemplar`."""
    result = as_image(result, "result", smallest=smallest)
    check_channels(result, exemplar)
    return result


def check_channels(result: np.ndarray, exemplar: np.ndarray) -> None:
    """Raise TextoError where the pictures, (H, W, C) each, differ in their channels."""
    if result.shape[2] != exemplar.shape[2]:
        raise TextoError(
            "result",
            f"has {result.shape[2]} channels, the exemplar {exemplar.shape[2]}",
            "compare pictures with equal channels",
        )
