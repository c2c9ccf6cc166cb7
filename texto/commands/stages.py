"""Runs that end before they compute: to try the options, or to learn which files they write."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from .options import Options

# Everything that options alone get wrong is found before the first picture is opened, and all
# that can be known before anything is computed when the names of the outputs are.
Stage = Literal["opening", "writing"]


class Reached(Exception):
    """The run came to the stage that it was for; `files` : the outputs, where they are known."""

    def __init__(self, files: Sequence[Path]):
        super().__init__(files)
        self.files = files


def reached(options: Options, stage: Stage, files: Sequence[Path] = ()) -> None:
    """Raise Reached where the run goes no further than this `stage`."""
    if vars(options).get("until") == stage:
        raise Reached(files)
