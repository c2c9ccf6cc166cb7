"""What a decoder is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from ...core.errors import TextoError

RESAVE = "save the picture again, or get a fresh copy of it"
SEVERAL = "holds several frames or pages; the first is used"
CMYK = "is CMYK; its colours are converted to RGB approximately"


@dataclass(frozen=True)
class Source:
    """The bytes of one file, the name to use in messages, and the limit on its pixels.

    suffix : of the file's name, in lower case; asked only where the bytes say nothing.
    """

    what: str
    data: bytes = field(repr=False)
    max_pixels: int
    suffix: str = ""

    def check_size(self, width: int, height: int) -> None:
        """Raise TextoError for a picture without pixels or with too many of them."""
        if min(width, height) < 1:
            raise TextoError(self.what, f"is {width}x{height}, without pixels", RESAVE)
        if width * height > self.max_pixels:
            raise TextoError(
                self.what,
                f"is {width}x{height}: {width * height / 1e6:.4g} Mpx, over the limit of "
                f"{self.max_pixels / 1e6:.4g} Mpx",
                "scale it down, or raise max_pixels",
            )


@dataclass(frozen=True)
class Metadata:
    """What a file says besides its pixels.

    profile : an ICC profile. exif : an EXIF block, from its byte order mark on. dpi : pixels an
    inch (across, down). text : by keyword, those of PNG; of formats without keywords, one named
    "Comment". gamma : what a PNG says its samples are to the power of. chromaticities : x and y of
    white, red, green, blue. srgb : it says that its colours are sRGB. half : floats are of 16 bits.
    lost : notes on what was left out and does not touch the pixels.
    """

    profile: bytes | None = None
    exif: bytes | None = None
    dpi: tuple[float, float] | None = None
    text: Mapping[str, str] = field(default_factory=dict)
    gamma: float | None = None
    chromaticities: tuple[float, ...] | None = None
    srgb: bool = False
    half: bool = False
    lost: tuple[str, ...] = ()


NOTHING = Metadata()

_TURNS: dict[int, Callable[[np.ndarray], np.ndarray]] = {  # by EXIF orientation
    1: lambda image: image,
    2: lambda image: image[:, ::-1],
    3: lambda image: image[::-1, ::-1],
    4: lambda image: image[::-1],
    5: lambda image: image.swapaxes(0, 1),
    6: lambda image: np.rot90(image, -1),
    7: lambda image: image[::-1, ::-1].swapaxes(0, 1),
    8: lambda image: np.rot90(image),
}


@dataclass(frozen=True, eq=False)
class Samples:
    """A picture as stored: nothing scaled, turned or blended yet.

    values : (H, W, C) uint8, uint16 or float, C = 1 or 3
    alpha  : (H, W) of the same scale, or None
    top    : the value that means 1.0
    linear : the values are proportional to light, and may lie above 1, as in EXR and HDR
    """

    values: np.ndarray
    alpha: np.ndarray | None = None
    top: float = 255.0
    premultiplied: bool = False
    orientation: int = 1
    linear: bool = False
    metadata: Metadata = NOTHING
    notes: tuple[str, ...] = ()

    def upright(self, image: np.ndarray) -> np.ndarray:
        """`image` (H, W, ...), of these samples, as it is to be seen."""
        return _TURNS[self.orientation](image)

    @property
    def bits(self) -> int:
        """8, 16, or 32 for float."""
        return 32 if self.values.dtype.kind == "f" else 8 * self.values.dtype.itemsize


def split(values: np.ndarray, top: float) -> Samples:
    """Colour and alpha of `values`, (H, W) or (H, W, 1 to 4)."""
    values = values if values.ndim == 3 else values[:, :, None]
    n_colours = 1 if values.shape[2] < 3 else 3
    alpha = values[:, :, -1] if values.shape[2] in (2, 4) else None
    return Samples(values[:, :, :n_colours], alpha, top)
