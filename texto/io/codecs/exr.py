"""OpenEXR files: light, as floats of 16 or 32 bits, in named channels.

Only its newer interface, `File`, is used: the older `InputFile` ends the process on damaged files.
"""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core.errors import TextoError
from .extras import gathered
from .samples import RESAVE, SEVERAL, Metadata, Samples, Source

if TYPE_CHECKING:
    from OpenEXR import File

SIGNATURE = b"v/1\x01"
_SAMPLES_A_PIXEL = 4  # of all parts and channels, which are decoded at once
# Not the newest ones: HTJ2K prints to the standard output and lets pass what is cut off.
_COMPRESSIONS = ("NO", "RLE", "ZIPS", "ZIP", "PIZ", "PXR24", "B44", "B44A", "DWAA", "DWAB")
_FLAT = ("scanlineimage", "tiledimage")
_TEXTS = {"comments": "Comment", "owner": "Copyright", "capDate": "Creation Time"}
_ATTRIBUTES = {key: name for name, key in _TEXTS.items()}
# Attributes with a meaning to the format, which no text may take the name of.
_RESERVED = {
    *("channels", "chromaticities", "chunkCount", "compression", "dataWindow", "displayWindow"),
    *("envmap", "lineOrder", "name", "pixelAspectRatio", "preview", "screenWindowCenter"),
    *("screenWindowWidth", "tiles", "type", "version", "view", "multiView", "xDensity"),
}
_HALF_MAX = 65504.0


def decode(source: Source) -> Samples:
    """The R, G, B and A, or else Y, of the first part, neither clipped nor scaled."""
    import OpenEXR

    limit = OpenEXR.getMaxImageSize()
    with _silenced():
        try:
            side = min(source.max_pixels, 2**31 - 1)
            OpenEXR.setMaxImageSize(side, side)
            header, n_parts = _checked_header(source)
            file = OpenEXR.File(io.BytesIO(source.data), separate_channels=True, num_threads=0)
            if len(file.parts) != n_parts:  # it leaves out damaged ones
                raise TextoError(source.what, "is truncated or damaged", RESAVE)
            colours, alpha, left_out = _picked(source, file)
        finally:
            OpenEXR.setMaxImageSize(*limit)
    notes = [SEVERAL] * (n_parts > 1)
    if left_out:
        notes.append(f"has further channels, which are left out: {', '.join(map(repr, left_out))}")
    metadata = _metadata(header, notes, half=colours[0].dtype == np.float16)
    return Samples(
        np.dstack(colours),
        alpha,
        top=1.0,
        premultiplied=alpha is not None,
        linear=True,
        metadata=metadata,
        notes=tuple(notes),
    )


def encode(values: np.ndarray, metadata: Metadata) -> bytes:
    """A losslessly packed EXR of float `values`; the format wants colours times alpha."""
    import OpenEXR

    values = values if values.ndim == 3 else values[:, :, None]
    names = {1: "Y", 2: "YA", 3: "RGB", 4: "RGBA"}[values.shape[2]]
    if names.endswith("A"):
        values = np.concatenate([values[:, :, :-1] * values[:, :, -1:], values[:, :, -1:]], axis=2)
    if metadata.half and np.abs(values).max() <= _HALF_MAX:
        values = values.astype(np.float16)
    header: dict[str, Any] = {
        "compression": OpenEXR.ZIP_COMPRESSION,
        "type": OpenEXR.scanlineimage,
    }
    if metadata.chromaticities is not None:
        header["chromaticities"] = (*metadata.chromaticities[2:], *metadata.chromaticities[:2])
    if metadata.dpi is not None:
        across, down = metadata.dpi
        header["xDensity"], header["pixelAspectRatio"] = across, down / across
    for key in sorted(metadata.text):
        name = _ATTRIBUTES.get(key, key)
        if name not in _RESERVED:
            header[name] = metadata.text[key].encode("utf-8", "backslashreplace").decode()
    channels = {name: values[:, :, i].copy() for i, name in enumerate(names)}
    buffer = io.BytesIO()
    OpenEXR.File(header, channels).write(buffer)
    return buffer.getvalue()


def _checked_header(source: Source) -> tuple[dict[str, Any], int]:
    """The first part's header and the number of parts; TextoError for what is not decoded."""
    import OpenEXR

    stream = io.BytesIO(source.data)
    file = OpenEXR.File(stream, separate_channels=True, header_only=True, num_threads=0)
    total = 0
    for part in file.parts:
        compression = part.header["compression"].name.removesuffix("_COMPRESSION")
        if compression not in _COMPRESSIONS:
            why = f"has the compression {compression}"
            raise TextoError(source.what, why, "save it with the compression ZIP")
        if part.header["type"].name not in _FLAT:
            raise TextoError(source.what, "holds deep pixels", "flatten it first")
        width, height = _size(part.header)
        source.check_size(width, height)
        total += width * height * len(part.header["channels"])
    if total > _SAMPLES_A_PIXEL * source.max_pixels:
        why = f"has {total / 1e6:.4g} million samples in all its channels and parts"
        raise TextoError(source.what, why, "save it with one part of R, G, B and A only")
    return file.parts[0].header, len(file.parts)


def _size(header: dict[str, Any]) -> tuple[int, int]:
    (left, top), (right, bottom) = (corner.tolist() for corner in header["dataWindow"])
    return right - left + 1, bottom - top + 1


def _picked(source: Source, file: File) -> tuple[list[np.ndarray], np.ndarray | None, list[str]]:
    """Colours, alpha and the names of the channels that are neither."""
    channels = file.parts[0].channels
    names = set(channels)
    prefixes = {name.rpartition(".")[0] for name in names}
    layer = prefixes.pop() + "." if len(prefixes) == 1 and "" not in prefixes else ""
    rgb = [layer + name for name in "RGB"]
    chosen = rgb if names.issuperset(rgb) else [layer + "Y"]
    if len(names) == 1:
        chosen = list(names)  # a height or a mask, by whatever name
    chroma = names & {"RY", "BY"}
    if not names.issuperset(chosen) or chroma:
        listed = ", ".join(map(repr, sorted(names)))
        raise TextoError(source.what, f"has the channels {listed}", "save it with R, G and B, or Y")
    has_alpha = layer + "A" in names and layer + "A" not in chosen
    picked = [*chosen, layer + "A"] if has_alpha else chosen
    planes = [np.array(channels[name].pixels) for name in picked]
    width, height = _size(file.parts[0].header)
    if any(plane.shape != (height, width) for plane in planes):
        raise TextoError(source.what, "has channels of a lower resolution", RESAVE)
    if any(plane.dtype.kind != "f" for plane in planes):
        raise TextoError(source.what, "holds whole numbers", "save it as half or float")
    alpha = planes.pop() if has_alpha else None
    return planes, alpha, sorted(names.difference(picked))


def _metadata(header: dict[str, Any], notes: list[str], half: bool) -> Metadata:
    chromaticities = header.get("chromaticities")
    density, aspect = header.get("xDensity"), header.get("pixelAspectRatio", 1.0)
    texts = [
        (_TEXTS.get(name, name), value)
        for name, value in sorted(header.items())
        if isinstance(value, str) and name not in _RESERVED
    ]
    return gathered(
        notes,
        # Stored as float32, of which six decimals mean something.
        dpi=(round(density, 6), round(density * aspect, 3)) if density else None,
        text=texts,
        chromaticities=tuple(round(float(value), 6) for value in np.roll(chromaticities, 2))
        if chromaticities
        else None,
        half=half,
    )


@contextlib.contextmanager
def _silenced() -> Iterator[None]:
    """Nothing is printed inside: the library writes to both of the process's own streams."""
    with contextlib.ExitStack() as undo:
        with contextlib.suppress(OSError):  # a process may have no standard error
            kept = os.dup(2)
            undo.callback(os.close, kept)
            undo.callback(os.dup2, kept, 2)
            nowhere = os.open(os.devnull, os.O_WRONLY)
            undo.callback(os.close, nowhere)
            os.dup2(nowhere, 2)
        undo.enter_context(contextlib.redirect_stdout(io.StringIO()))
        yield
