"""Which pictures several sources are: files, folders of files, sets of a picture and its maps."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..core.errors import TextoError
from ..core.kinds import set_in_name
from ..io.images import READABLE

MODELS = (".safetensors",)


@dataclass(frozen=True)
class Piece:
    """One picture to work on: its `source`, and the `maps` that go with it."""

    source: str
    maps: tuple[str, ...] = ()

    @property
    def files(self) -> tuple[str, ...]:
        """All of its files."""
        return (self.source, *self.maps)


def gathered(sources: Sequence[str], *, models: bool) -> list[Piece]:
    """The pieces that `sources`, files and folders, name; of folders also `models`.

    Files that lie in one folder are one piece where their names say that they are a picture and
    its maps, see `set_in_name`. TextoError where a folder holds no picture.
    """
    files = [path for source in sources for path in _expanded(source, models)]
    sets: dict[tuple[str, str], dict[str, list[str]]] = {}
    for path in files:
        name, part = set_in_name(path)
        parts = sets.setdefault((os.path.dirname(path), name), {})
        parts.setdefault("map" if part not in ("", "colour") else part, []).append(path)
    leaders: dict[str, Piece] = {}
    for parts in sets.values():
        colours = [*parts.get("colour", ()), *parts.get("", ())]  # wall_albedo before wall
        if colours and "map" in parts:
            leaders[colours[0]] = Piece(colours[0], tuple(parts["map"]))
    followers = {path for piece in leaders.values() for path in piece.maps}
    return [leaders.get(path) or Piece(path) for path in files if path not in followers]


def _expanded(source: str, models: bool) -> Iterator[str]:
    """`source`, or the pictures in the folder `source` in the order of their names."""
    if not os.path.isdir(source):
        yield source
        return
    suffixes = (*READABLE, *MODELS) if models else READABLE
    try:
        names = sorted(os.listdir(source))
    except OSError as error:
        why = f"cannot be read: {error.strerror}"
        raise TextoError(f"folder {source!r}", why, "check the path") from error
    names = [name for name in names if os.path.splitext(name)[1].lower() in suffixes]
    found = [os.path.join(source, name) for name in names if not name.startswith(".")]
    found = [path for path in found if not os.path.isdir(path)]
    if not found:
        what = f"folder {source!r}"
        raise TextoError(what, "holds no pictures", "name pictures, or a folder that holds some")
    yield from found
