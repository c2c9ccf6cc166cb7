"""The tables of README.md that follow from the code: `make tables` writes them anew.

Each stands between `<!-- NAME -->` and `<!-- /NAME -->`; what is written between them by hand is
lost. A test fails where the README is stale.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from pkgutil import resolve_name

from texto.core.contract import Guides, Inpaints, Method, Mixes, MixesAlong, Tiles, Trains
from texto.core.registry import METHODS
from texto.metrics.table import columns

README = Path(__file__).resolve().parents[1] / "README.md"
POWERS = {
    "inpaint": Inpaints,
    "mix": Mixes,
    "also along maps": MixesAlong,
    "follow pictures": Guides,
    "tile": Tiles,
    "train": Trains,
}


def methods(package: str) -> str:
    """The table of the methods in `package`, in the order of the registry. Needs no PyTorch."""
    rows = [
        (f"`{name}`", *described(resolve_name(target)()))
        for name, target in METHODS.items()
        if target.partition(".")[0] == package
    ]
    return table(("name", "what", "good for", "can"), rows)


def described(method: Method) -> tuple[str, str, str]:
    """What `method` does, what it is good for, and which powers it has."""
    powers = [word for word, power in POWERS.items() if isinstance(method, power)]
    return method.summary, method.good_for, ", ".join(powers)


def scores() -> str:
    """The table of scores."""
    rows = [(f"`{c.name}`", c.help, c.better) for c in columns().values()]
    return table(("score", "what it is", "better"), rows)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "".join("| " + " | ".join(cells).replace("|  |", "| |") + " |\n" for cells in lines)


def tables() -> Iterator[tuple[str, str]]:
    """Every table with its name."""
    yield "methods of texto", methods("texto")
    yield "methods of neural", methods("neural")
    yield "scores", scores()


def written(text: str) -> str:
    """`text` with every table as it should be; ValueError where one has no place."""
    for name, body in tables():
        place = re.compile(f"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        if len(place.findall(text)) != 1:
            raise ValueError(
                f"{README.name} needs one <!-- {name} --> and <!-- /{name} --> after it"
            )
        text = place.sub(lambda found, body=body: found[1] + body + found[2], text)
    return text


if __name__ == "__main__":
    README.write_text(written(README.read_text("utf-8")), "utf-8")
