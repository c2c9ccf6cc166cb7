"""Damaged files through the readers: `python benchmarks/fuzz.py {pictures,models} [options]`.

Every reader must refuse what it cannot read with a TextoError of one printable line, within two
seconds and 300 MB; anything else is a finding. Pictures are small ones of every format that texto
writes and some that only others do; models are of methods that fit in a moment. Each is damaged
at random: bits, cuts, pieces of another file, absurd numbers. Half of the PNG files and of
the models get their checksums mended, so that the damage comes further. `--count` files are made
from `--seed`; the findings are counted, and with `--keep FOLDER` their files stay there.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import io
import itertools
import random
import struct
import sys
import tempfile
import time
import warnings
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

import texto
from texto.comparison.measure import peak_bytes
from texto.core.errors import TextoError
from texto.io import images, model_files
from texto.io.codecs.encode import FORMATS, encoded, quantised
from texto.io.codecs.samples import Metadata

ROOT = Path(__file__).resolve().parent.parent
QUICK = ("gaussian", "ot-flow", "nifty", "kwatra", "patch-ot", "gpnn", "quilting", "gpdm")
PATIENCE = 2.0  # seconds
GROWTH = 300 << 20  # bytes
ABSURD = (0, 1, 255, 65535, 65536, 1 << 24, 1 << 30, (1 << 31) - 1, 1 << 31, (1 << 32) - 1)
PNG = b"\x89PNG\r\n\x1a\n"
Seeds = list[tuple[str, bytes]]  # suffix and content


def picture_seeds() -> Seeds:
    """Small pictures in every format, grey and colour, with alpha and metadata."""
    ramp = np.add.outer(np.arange(20), np.arange(24)) / 44
    rgba = np.dstack([ramp, ramp[::-1], ramp**2, 1 - ramp / 2])
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "a maker"
    block = exif.tobytes().removeprefix(b"Exif\0\0")
    metadata = Metadata(b"a profile" * 30, block, (300, 300), {"Comment": "text"}, 0.45)
    seeds = []
    for suffix, form in FORMATS.items():
        for bits in form.depths:
            for n_channels in (1, 3, *(2, 4) * form.alpha):
                channels = [0, 3] if n_channels == 2 else [0, 1, 2, 3][:n_channels]
                values = quantised(rgba[:, :, channels], bits)
                seeds.append((suffix, encoded(suffix, form.encode, values, metadata)))
    picture = Image.fromarray((rgba * 255).astype(np.uint8))
    others: list[tuple[str, Image.Image, dict]] = [
        ("GIF", picture.convert("P"), {}),
        ("PNG", picture.convert("P"), {}),
        ("PNG", picture, {"save_all": True, "append_images": [picture.rotate(90)]}),
        ("JPEG", picture.convert("RGB"), {"progressive": True}),
        ("JPEG", picture.convert("CMYK"), {}),
        ("WEBP", picture, {"quality": 60}),
        ("BMP", picture.convert("P"), {}),
        ("DDS", picture, {"pixel_format": "DXT5"}),
        ("AVIF", picture.convert("RGB"), {"exif": exif}),
        ("JPEG2000", picture.convert("RGB"), {"irreversible": True}),
        ("TGA", picture.convert("P"), {}),
        *(("TIFF", picture.convert("RGB"), {"compression": how}) for how in ("jpeg", "tiff_lzw")),
        *(("TIFF", picture.convert("1"), {"compression": how}) for how in ("group3", "packbits")),
        ("TIFF", picture.convert("CMYK"), {}),
    ]
    for kind, image, options in others:
        buffer = io.BytesIO()
        image.save(buffer, kind, **options)
        seeds.append(("." + kind.lower(), buffer.getvalue()))
    return seeds


def model_seeds(folder: Path) -> Seeds:
    """Small models of the methods that fit in a moment, and the stored ones of the tests."""
    picture = np.random.default_rng(0).random((20, 24, 3), dtype=np.float32)
    for name in QUICK:
        model = texto.method(name).fit(picture, rng=0)
        model_files.save(model, folder / name, notes={"seed": 1, "exemplar": "a.png"})
    stored = [ROOT / f"tests/io/data/{name}.safetensors" for name in ("textogmm", "mix")]
    paths = [*stored, *(folder / name for name in QUICK)]
    return [(".safetensors", path.read_bytes()) for path in paths]


def damaged(data: bytes, others: Seeds, rng: random.Random) -> bytes:
    """`data` with one kind of damage, half of the time near its start, where headers are."""
    piece = bytearray(data)
    reach = len(piece) if rng.random() < 0.5 else min(len(piece), 400)
    how = rng.choice(("bits", "bits", "cut", "splice", "head", "number", "number", "text"))
    at = rng.randrange(reach)
    if how == "bits":
        for _ in range(rng.choice((1, 2, 8))):
            piece[rng.randrange(reach)] ^= 1 << rng.randrange(8)
    elif how == "cut":
        del piece[at : at + rng.choice((1, 8, 1 << 30))]
    elif how == "splice":
        other = rng.choice(others)[1]
        start, length = rng.randrange(len(other)), rng.randrange(1, 80)
        piece[at : at + length] = other[start : start + length]
    elif how == "head":
        piece[:at] = rng.choice(others)[1][:at]
    elif how == "number":
        width, layout = rng.choice(((4, "<I"), (4, ">I"), (2, "<H"), (2, ">H")))
        number = rng.choice(ABSURD) % (1 << 8 * width)
        piece[at : at + width] = struct.pack(layout, number)
    else:
        piece[at:at] = bytes(rng.randrange(256) for _ in range(rng.randrange(1, 40)))
    return bytes(piece)


def mended_png(data: bytes) -> bytes:
    """A PNG with the checksums that its chunks should have; any other file as it is."""
    if not data.startswith(PNG):
        return data
    piece, at = bytearray(data), len(PNG)
    while at + 12 <= len(piece):
        end = at + 8 + int.from_bytes(piece[at : at + 4], "big")
        if end + 4 <= len(piece):
            piece[end : end + 4] = struct.pack(">I", zlib.crc32(piece[at + 4 : end]))
        at = end + 4
    return bytes(piece)


def signed_model(original: bytes, rng: random.Random) -> bytes | None:
    """A model with wrong settings, sizes or tensors, and right checksums; None if refused."""
    kind = model_files._KIND
    fields, tensors = kind.unpacked(io.BytesIO(original), len(original))
    fields = {key: fields[key] for key in kind.fields}
    values = (-1, 0, 1 << 40, 0.5, 1e300, "x" * 99, None, [], {}, True, [1, 2], "none")
    how, name = rng.randrange(4), rng.choice(sorted(tensors))
    array = tensors[name]
    if how == 0 and fields["settings"]:
        fields["settings"][rng.choice(sorted(fields["settings"]))] = rng.choice(values)
    elif how == 1:
        fields["exemplar"]["size"][rng.randrange(3)] = rng.choice((1, 7, 1 << 30))
    elif how == 2:
        del tensors[name]
        if rng.random() < 0.7:
            flat = array.reshape(-1)
            shorter = rng.choice((flat[: rng.randrange(array.size + 1)], flat, array[..., None]))
            tensors[name] = shorter.astype(rng.choice((array.dtype, np.float32, np.int64)))
    else:
        with np.errstate(all="ignore"):
            factor = rng.choice((0, -1, 1e-30, 1e6))
            tensors[name] = (array.astype(np.float64) * factor).astype(array.dtype)
    with contextlib.suppress(Exception):  # a file that cannot be made is no finding
        return kind.packed(tensors, fields)
    return None


def files(seeds: Seeds, what: str, count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """`count` damaged files: suffix and content."""
    for number in range(count):
        rng = random.Random(f"{seed} {number}")
        suffix, data = rng.choice(seeds)
        mend = rng.random() < 0.5
        signed = signed_model(data, rng) if mend and what == "models" else None
        broken = signed or damaged(data, seeds, rng)
        yield suffix, mended_png(broken) if mend else broken


def read_picture(path: Path) -> None:
    images.open_image(path, alpha="ignore", max_pixels=10**7)
    images.read_text(path)


def read_model(path: Path) -> None:
    model_files.inspect(path)
    texto.load(path)


def outcome(read: Callable[[Path], None], path: Path) -> tuple[str, float]:
    """ "read", "refused" or what is wrong, and the seconds it took."""
    start = time.perf_counter()
    try:
        read(path)
        result = "read"
    except TextoError as error:
        result = "refused" if str(error).isprintable() else "a message of several lines"
    except Exception as error:
        result = f"{type(error).__name__}: {error}"[:100]
    seconds = time.perf_counter() - start
    return (f"over {PATIENCE:g} s" if seconds > PATIENCE else result), seconds


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["pictures", "models"])
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="a folder for the files that led to findings")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    read = read_picture if options.what == "pictures" else read_model
    found: collections.Counter[str] = collections.Counter()
    slowest = 0.0
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        seeds = picture_seeds() if options.what == "pictures" else model_seeds(Path(temporary))
        broken = files(seeds, options.what, options.count, options.seed)
        before = 0
        for number, (suffix, data) in enumerate(itertools.chain(seeds, broken)):
            if number == len(seeds):  # all libraries are loaded
                del found["read"]  # none of the sound ones may be refused
                before = peak_bytes() or 0
            path = folder / f"current{suffix}"  # left there by what ends the process
            path.write_bytes(data)
            result, seconds = outcome(read, path)
            slowest = max(slowest, seconds)
            found[result] += 1
            if result not in ("read", "refused") and options.keep:
                (folder / f"{number - len(seeds)}{suffix}").write_bytes(data)
            path.unlink()
        growth = (peak_bytes() or 0) - before
    print(f"{options.count} {options.what} from {len(seeds)} files, seed {options.seed}")
    for result, times in found.most_common():
        print(f"{times:8d}  {result}")
    print(f"slowest {slowest:.2f} s, memory grew by {growth / 2**20:.0f} MiB")
    return int(not found.keys() <= {"read", "refused"} or growth > GROWTH)


if __name__ == "__main__":
    sys.exit(main())
