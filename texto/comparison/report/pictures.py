"""The pictures of the report: a strip for each exemplar, with all that was made from it."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ...core.errors import TextoError
from ...io.images import open_image
from ..results import Cell, Entry, Exemplar, Results
from .facts import Facts, exemplar_facts, run_facts

_WEBP_SIDE = 16383


@dataclass(frozen=True)
class Embedded:
    """A picture as a data URI, with its size in pixels."""

    uri: str
    width: int
    height: int


@dataclass(frozen=True)
class Card:
    """A place in a strip: a picture with its facts, or the message why there is none.

    `seed` is None where the card holds for all seeds. `role` : "exemplar", "done", "failed",
    "unavailable", "waiting" or "lost".
    """

    role: str
    label: str
    alt: str
    seed: int | None = None
    picture: Embedded | None = None
    message: str | None = None
    facts: Facts | None = None


@dataclass(frozen=True)
class Strip:
    """An exemplar and its results, entry by entry, within an entry seed by seed."""

    name: str
    exemplar: Card
    cards: Sequence[Card]


def strips(results: Results) -> list[Strip]:
    """A strip for each exemplar; each picture is read and embedded once."""
    return [
        Strip(
            exemplar.name,
            _exemplar_card(results, exemplar),
            [card for entry in results.entries for card in _cards(results, exemplar, entry)],
        )
        for exemplar in results.exemplars
    ]


def embedded(path: Path) -> Embedded:
    """The picture in the file `path`, exact: 8 bits as lossless WebP, else the PNG as it is.

    Raises TextoError where it cannot be read.
    """
    from ...io.codecs import encode
    from ...io.codecs.samples import NOTHING

    picture = open_image(path, alpha="ignore")
    height, width = picture.pixels.shape[:2]
    if picture.bits == 8 and max(height, width) <= _WEBP_SIDE:
        webp, values = encode.FORMATS[".webp"], encode.quantised(picture.pixels, 8)
        kind, data = "webp", encode.encoded(f"picture {str(path)!r}", webp.encode, values, NOTHING)
    else:
        kind, data = "png", path.read_bytes()
    text = base64.b64encode(data).decode("ascii")
    return Embedded(f"data:image/{kind};base64,{text}", width, height)


def _exemplar_card(results: Results, exemplar: Exemplar) -> Card:
    picture, message = _picture(results.folder, exemplar.picture)
    role = "exemplar" if picture else "lost"
    facts = exemplar_facts(results, exemplar)
    alt = f"exemplar {exemplar.name}"
    return Card(role, exemplar.name, alt, picture=picture, message=message, facts=facts)


def _cards(results: Results, exemplar: Exemplar, entry: Entry) -> list[Card]:
    """A card for each seed, or one for all where they say the same."""
    cells = {seed: results.cell(exemplar.name, entry.label, seed) for seed in results.seeds}
    cards = [_card(results, exemplar, entry, seed, cell) for seed, cell in cells.items()]
    same = {(card.role, card.message) for card in cards}
    if len(same) == 1 and cards[0].role in ("unavailable", "waiting"):
        return [Card(cards[0].role, entry.label, "", message=cards[0].message)]
    return cards


def _card(results: Results, exemplar: Exemplar, entry: Entry, seed: int, cell: Cell | None) -> Card:
    alt = f"{entry.label} on {exemplar.name}, seed {seed}"
    if cell is None:
        return Card("waiting", entry.label, alt, seed, message="has not run yet")
    facts = run_facts(results, cell)
    if cell.status != "done":
        return Card(cell.status, entry.label, alt, seed, message=cell.reason, facts=facts)
    picture, message = _picture(results.folder, cell.picture)
    role = "done" if picture else "lost"
    return Card(role, entry.label, alt, seed, picture, message, facts)


def _picture(folder: Path, name: str | None) -> tuple[Embedded | None, str | None]:
    """The picture in a results folder, or the reason why it is not to be had."""
    if name is None:
        return None, "no picture was kept"
    try:
        return embedded(Path(folder) / name), None
    except TextoError as error:
        return None, f"{error.what} {error.why}"
