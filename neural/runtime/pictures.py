"""What networks see of a picture. Loads no torch."""

from __future__ import annotations

import numpy as np


def is_grey(picture: np.ndarray) -> bool:
    """Whether all channels of `picture` (H, W, C) are equal: networks then see one of them."""
    return bool((picture == picture[:, :, :1]).all())
