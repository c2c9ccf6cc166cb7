"""grid.png: exemplars down, methods across, the exemplar first, results of one seed."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from . import store
from .results import Exemplar, Results

if TYPE_CHECKING:
    from PIL import Image, ImageDraw, ImageFont

_LEAST, _MOST = 128, 320  # pixels a side that a picture's place takes
_GAP, _HEADER, _FOOTER = 12, 40, 28
_SMALLEST = 11  # of letters
_INK, _GREY, _PALE = "black", "#666666", "#f2f2f2"
_DASH = "–"


def write_grid(results: Results, path: Path) -> None:
    """Write the grid of the first seed; a dash where there is no picture.

    Under each picture stands the time that it took, fit and synthesis. All pictures of a row
    have the same scale: as they are, or shrunk so that the largest fits 320 pixels.
    """
    sheet = _Sheet.of(results)
    heads = [
        entry.label + (", random weights" if results.is_random(entry.label) else "")
        for entry in results.entries
    ]
    for number, head in enumerate(["exemplar", *heads]):
        sheet.write(head, number, _HEADER / 2, 24, _INK)
    for row, exemplar in enumerate(results.exemplars):
        scale = sheet.side / max(sheet.side, *exemplar.shape, *exemplar.result_shape)
        sheet.show(results.folder / exemplar.picture, _caption(exemplar), row, 0, scale)
        for number, entry in enumerate(results.entries, 1):
            cell = results.cell(exemplar.name, entry.label, results.seeds[0])
            if cell is not None and cell.picture is not None:
                took = _seconds(cell.seconds)
                sheet.show(results.folder / cell.picture, took, row, number, scale)
            else:
                sheet.dash("not run yet" if cell is None else cell.status, row, number)
    store.write(path, sheet.png())


def _caption(exemplar: Exemplar) -> str:
    height, width = exemplar.shape
    return f"{exemplar.name}, {width} x {height}"


def _seconds(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.0f} s"


@dataclass(frozen=True, eq=False)
class _Sheet:
    """A white `image` with places of `side` pixels in rows and columns."""

    image: Image.Image
    draw: ImageDraw.ImageDraw
    side: int

    @classmethod
    def of(cls, results: Results) -> _Sheet:
        """An empty sheet with a place for each exemplar and each result."""
        from PIL import Image, ImageDraw

        sides = [max(*each.shape, *each.result_shape) for each in results.exemplars]
        side = min(_MOST, max(_LEAST, *sides))
        width = _GAP + (1 + len(results.entries)) * (side + _GAP)
        height = _HEADER + len(results.exemplars) * (side + _FOOTER + _GAP)
        image = Image.new("RGB", (width, height), "white")
        return cls(image, ImageDraw.Draw(image), side)

    def show(self, path: Path, caption: str, row: int, number: int, scale: float) -> None:
        """The picture at `path`, shrunk to `scale`, in the middle of its place."""
        from PIL import Image

        with Image.open(path) as opened:
            picture = opened.convert("RGB")
        if scale < 1:
            size = [max(1, round(scale * side)) for side in picture.size]
            picture = picture.resize(size, Image.Resampling.LANCZOS)
        left, top = ((self.side - side) // 2 for side in picture.size)
        self.image.paste(picture, (self._left(number) + left, self._top(row) + top))
        self._caption(caption, row, number)

    def dash(self, caption: str, row: int, number: int) -> None:
        """A dash in place of a picture."""
        left, top, last = self._left(number), self._top(row), self.side - 1
        self.draw.rectangle((left, top, left + last, top + last), _PALE)
        self.write(_DASH, number, top + self.side / 2, 64, _GREY)
        self._caption(caption, row, number)

    def write(self, text: str, number: int, height: float, size: int, ink: str) -> None:
        """`text` in the middle of column `number`, smaller or cut where it is wider."""
        while size > _SMALLEST and self.draw.textlength(text, _font(size)) > self.side:
            size -= 1
        while len(text) > 1 and self.draw.textlength(text, _font(size)) > self.side:
            text = text.rstrip("…")[:-1] + "…"
        at = (self._left(number) + self.side / 2, height)
        self.draw.text(at, text, ink, _font(size), anchor="mm")

    def png(self) -> bytes:
        """The sheet as a file."""
        data = io.BytesIO()
        self.image.save(data, "PNG")
        return data.getvalue()

    def _caption(self, text: str, row: int, number: int) -> None:
        self.write(text, number, self._top(row) + self.side + _FOOTER / 2, 18, _GREY)

    def _left(self, number: int) -> int:
        return _GAP + number * (self.side + _GAP)

    def _top(self, row: int) -> int:
        return _HEADER + row * (self.side + _FOOTER + _GAP)


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which has more alphabets than Pillow's own font."""
    from matplotlib import get_data_path
    from PIL import ImageFont

    return ImageFont.truetype(str(Path(get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")), size)
