"""`--plot`: loss curves beside what they led to."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

from ..core import registry
from ..core.contract import Method
from ..core.errors import TextoWarning
from ..core.types import Step
from ..io.images import write_image


def draw(steps: Sequence[Step], method: Method, seed: int, path: Path) -> Path | None:
    """Write the losses of `steps` to `path`, which is returned, or tell that there are none."""
    from ..io.plots import loss_curve

    name = registry.name_of(method)
    if steps:
        write_image(path, loss_curve(steps, f"{name}, seed {seed}"))
        return path
    note = f"--plot: the method {name!r} reports no loss, so there is no curve"
    warnings.warn(note, TextoWarning, stacklevel=2)
    return None
