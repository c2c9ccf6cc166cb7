"""The exemplars of a comparison: their names, shapes and pixels."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.errors import TextoError
from ..core.types import as_image
from . import store
from .results import EXEMPLARS, Exemplar

if TYPE_CHECKING:
    import numpy as np

    from ..core.choices import Alpha
    from ..editing.maps import Stack
    from ..io.images import Picture

# Of results: (height, width), a multiple of the exemplar's, or each exemplar's own.
Wanted = tuple[int, int] | float | None


@dataclass(frozen=True, eq=False)
class Opened:
    """An exemplar with its `pixels` (H, W, C) float32 in [0, 1], those of all maps of `stack`."""

    name: str
    path: str
    pixels: np.ndarray
    alpha: Alpha = "refuse"
    stack: Stack | None = None

    @property
    def shown(self) -> np.ndarray:
        """(H, W, C') : the first map, by which results are scored and which pictures show."""
        return self.pixels if self.stack is None else self.stack.first(self.pixels)


def open_exemplars(
    paths: Sequence[str | os.PathLike],
    *,
    maps: Sequence[Sequence[str | os.PathLike]] = (),
    alpha: Alpha = "refuse",
    read: Callable[[str | os.PathLike], Picture] | None = None,
) -> list[Opened]:
    """The pictures at `paths` under distinct names made of their stems.

    `maps` : for each kind of map its files, one for each picture. They are read by `read`, which
    treats opacity as `alpha` says, or else by `open_image`.
    """
    from ..editing.maps import stack
    from ..io.images import open_image

    read = read or partial(open_image, alpha=alpha)
    for each in maps:
        if len(each) != len(paths):
            why = f"names {len(each)} maps for {len(paths)} exemplars"
            raise TextoError("--with", why, "give one for each, and --with again for the next kind")
    found: list[Opened] = []
    for number, path in enumerate(paths):
        files = [path, *(each[number] for each in maps)]
        pictures = [read(file) for file in files]
        name = _free(store.file_name(Path(path).stem), [each.name for each in found])
        pixels, layout = pictures[0].pixels, None
        if maps:
            pixels, layout = stack(
                [picture.pixels for picture in pictures],
                names=[Path(file).name for file in files],
                bits=[picture.bits for picture in pictures],
                kinds=[picture.meaning.kind for picture in pictures],
            )
        found.append(Opened(name, os.fspath(path), pixels, alpha, layout))
    return found


def named(exemplars: Mapping[str, np.ndarray]) -> list[Opened]:
    """Arrays (H, W, C) float32 in [0, 1] by name."""
    found: list[Opened] = []
    for name, pixels in exemplars.items():
        own = _free(store.file_name(name), [each.name for each in found])
        found.append(Opened(own, name, as_image(pixels)))
    return found


def distinct(opened: Sequence[Opened]) -> Sequence[Opened]:
    """`opened`; TextoError where two are the same, or one is no picture that a file can hold."""
    from ..io.model_files import exemplar_hash

    seen: dict[str, str] = {}
    for each in opened:
        key = exemplar_hash(each.pixels)
        if key in seen:
            why = "is given twice" if seen[key] == each.path else f"is the same as {seen[key]!r}"
            raise TextoError(f"exemplar {each.path!r}", why, "give each once")
        if each.shown.shape[2] not in (1, 3):
            channels = f"has {each.shown.shape[2]} channels"
            raise TextoError(f"exemplar {each.path!r}", channels, "give 1 or 3")
        seen[key] = each.path
    if not opened:
        raise TextoError("exemplars", "there are none", "give at least one picture")
    return opened


def described(each: Opened, wanted: Wanted) -> Exemplar:
    """What the comparison keeps of it, for results as `wanted`."""
    from ..io.model_files import exemplar_hash

    height, width = each.pixels.shape[:2]
    return Exemplar(
        name=each.name,
        path=each.path,
        sha256=exemplar_hash(each.pixels),
        shape=(height, width),
        result_shape=result_shape((height, width), wanted),
        picture=f"{EXEMPLARS}/{each.name}.png",
    )


def result_shape(exemplar: tuple[int, int], wanted: Wanted) -> tuple[int, int]:
    """(height, width) of what is made of an exemplar of (height, width)."""
    if isinstance(wanted, tuple):
        return wanted
    height, width = (max(1, round((wanted or 1.0) * side)) for side in exemplar)
    return height, width


def _free(name: str, taken: Sequence[str]) -> str:
    """`name`, with a number where it is taken."""
    lower, number, found = [each.lower() for each in taken], 2, name
    while found.lower() in lower:
        found, number = f"{name}-{number}", number + 1
    return found
