"""`--skip-existing`: pictures whose outputs are all there."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from .options import Options


class AllThere(Exception):
    """All outputs of a run exist, and they are to stay; no error."""


def all_or_force(outputs: Sequence[Path], options: Options) -> bool:
    """Whether some outputs exist and are made again with the others; AllThere where all do.

    A run that was interrupted leaves some of the outputs that belong together.
    """
    if not vars(options).get("skip_existing"):
        return False
    if outputs and all(os.path.isfile(path) for path in outputs):
        raise AllThere
    return True
