"""How the pictures that a command is given are opened."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

from ..core.choices import Alpha, Kind
from ..core.errors import TextoError
from ..io import model_files
from ..io.images import MAX_PIXELS, Picture, open_image
from ..io.records import Record
from . import stdin
from .console import complain
from .options import Options


@dataclasses.dataclass(frozen=True)
class Reading:
    """What is done with transparent pictures, how large they may be, and who is told of it.

    `own` : colours stay as the file has them, see `open_image`. `stdin` : the bytes that came
    there, where `-` is given.
    """

    alpha: Alpha = "refuse"
    max_pixels: int = MAX_PIXELS
    own: bool = False
    verbose: bool = False
    stdin: bytes | None = dataclasses.field(default=None, repr=False)

    @classmethod
    def of(cls, options: Options, repeated: Record | None = None) -> Reading:
        """As `options` say, or else as it was for the picture to repeat."""
        alpha = options.alpha or (repeated and repeated.alpha)
        max_pixels = options.max_pixels or MAX_PIXELS
        given = vars(options).get("stdin")
        return cls(alpha or "refuse", max_pixels, verbose=options.verbose, stdin=given)

    def open(self, path: str | os.PathLike, kind: Kind | None = None) -> Picture:
        """The picture at `path`; TextoError if it is none, or a model."""
        if is_model(path):
            what, remedy = f"exemplar {os.fspath(path)!r}", "give the picture, or use 'texto synth'"
            raise TextoError(what, "is a model", remedy)
        data = self.stdin if stdin.is_meant(path) else None
        picture = open_image(
            path if data is None else stdin.NAME,
            alpha=self.alpha,
            kind=kind,
            own=self.own,
            max_pixels=self.max_pixels,
            data=data,
        )
        if self.verbose:
            for fact in picture.facts:
                complain(f"texto: {fact}")
        return picture


def is_model(path: str | os.PathLike) -> bool:
    """Whether `path` is, or at least claims to be, a model file."""
    if stdin.is_meant(path):
        return False
    return model_files.is_model(path) or Path(path).suffix.lower() == ".safetensors"
