"""`--skip-existing`: pictures whose outputs are all there."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from .options import Options


class AllThere(Exception):
    """All outputs of a run exist, and they are to stay; no error."""


def check_options(options: Options, default: str) -> None:
    """TextoError where it cannot be: outputs without a name of their own have the `default`."""
    from ..core.errors import TextoError
    from .outputs import fields_in, is_folder

    if not vars(options).get("skip_existing"):
        return
    what = "--skip-existing"
    if options.force:
        raise TextoError(f"{what} and --force", "exclude each other", "give one of them")
    if options.output == "-":
        raise TextoError(what, "stdout is no file", "name a folder with -o")
    template = default if options.output is None or is_folder(options.output) else options.output
    if options.seed is None and "seed" in fields_in(template):
        why = "the names hold the seed, and a seed that is drawn is always another"
        raise TextoError(what, why, "give --seed, or a name without {seed}")


def all_or_force(outputs: Sequence[Path], options: Options) -> bool:
    """Whether some outputs exist and are made again with the others; AllThere where all do.

    A run that was interrupted leaves some of the outputs that belong together.
    """
    if not vars(options).get("skip_existing"):
        return False
    if outputs and all(os.path.isfile(path) for path in outputs):
        raise AllThere
    return True
