"""Types of option values. Each raises `argparse.ArgumentTypeError("WHY; WHAT TO DO")`."""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass

_MAX_DIGITS = 20
_MAX_SCALE = 100  # above it 512x is rather a 512x512 cut short


@dataclass(frozen=True)
class Integer:
    """Whole numbers from `low` to `high`, or one of `only`."""

    low: int
    high: int
    only: tuple[int, ...] = ()

    def __call__(self, text: str) -> int:
        whole = re.fullmatch(rf"-?[0-9]{{1,{_MAX_DIGITS}}}", text)
        value = int(text) if whole else self.low - 1
        if not self.low <= value <= self.high or (self.only and value not in self.only):
            raise argparse.ArgumentTypeError(f"got {text!r}; give {self.range}")
        return value

    @property
    def range(self) -> str:
        """The numbers allowed, in words."""
        if self.only:
            return " or ".join(map(str, self.only))
        return f"a whole number from {self.low} to {self.high}"


@dataclass(frozen=True)
class Size:
    """A picture's `shape` (height, width) in pixels, or `scale` times the exemplar's."""

    shape: tuple[int, int] = (0, 0)
    scale: float = 0.0

    @classmethod
    def parse(cls, text: str) -> Size:
        """From `640x480`, `512` or `1.5x`."""
        digits = rf"[0-9]{{1,{_MAX_DIGITS}}}"
        sides = re.fullmatch(rf"({digits})(?:[xX]({digits}))?", text)
        scale = re.fullmatch(rf"({digits}(?:\.{digits})?)[xX]", text)
        if sides:
            size = cls((int(sides[2] or sides[1]), int(sides[1])))
        else:
            size = cls(scale=float(scale[1]) if scale else 0.0)
        if not 0 < size.scale <= _MAX_SCALE and min(size.shape) < 1:
            raise argparse.ArgumentTypeError(
                f"got {text!r}; give width x height such as 640x480, one number, "
                f"or a multiple such as 2x, {_MAX_SCALE}x at most"
            )
        return size

    def of(self, exemplar: tuple[int, int]) -> tuple[int, int]:
        """(height, width) for an exemplar of (height, width), at least one pixel each."""
        if not self.scale:
            return self.shape
        height, width = (max(1, round(self.scale * side)) for side in exemplar)
        return height, width


def sides(text: str) -> tuple[int, int, int, int]:
    """Pixels at the (top, right, bottom, left), from `256`, `0,100` or `100,0,100,0`."""
    given = [int(word) for word in text.split(",") if re.fullmatch(r"[0-9]{1,9}", word)]
    if len(given) != text.count(",") + 1 or len(given) not in (1, 2, 4) or not any(given):
        raise argparse.ArgumentTypeError(
            f"got {text!r}; give pixels for all sides such as 256, for top and bottom, right and "
            "left such as 0,100, or for top, right, bottom, left such as 100,0,50,0"
        )
    top, right, bottom, left = given * (4 // len(given))
    return top, right, bottom, left


def written(shape: tuple[int, int]) -> str:
    """`shape` (height, width) as width x height, the form in which users read and write it."""
    return f"{shape[1]}x{shape[0]}"


def device(text: str) -> str:
    """A device's name in the form that torch uses."""
    if not re.fullmatch(r"auto|cpu|mps|cuda(:[0-9]{1,3})?", text):
        raise argparse.ArgumentTypeError(f"got {text!r}; give auto, cpu, cuda, cuda:1 ... or mps")
    return text
