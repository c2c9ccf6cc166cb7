"""Reading and writing pictures: every format and depth, and every way a file can be wrong."""

import contextlib
import errno
import io
import itertools
import os
import struct
import subprocess
import sys
import warnings
import zlib

import imagecodecs
import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageFile, PngImagePlugin

from texto.core.errors import TextoError, TextoWarning
from texto.io.codecs.encode import FORMATS
from texto.io.images import encode_image, open_image, read_image, read_text, write_image

FUZZ = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
SIGNATURE = b"\x89PNG\r\n\x1a\n"
RNG = np.random.default_rng(0)
RGB8 = RNG.integers(0, 256, (6, 9, 3), dtype=np.uint8)
GREY8 = RNG.integers(0, 256, (6, 9), dtype=np.uint8)
RGB16 = RNG.integers(0, 65536, (6, 9, 3), dtype=np.uint16)
GREY16 = RNG.integers(0, 65536, (6, 9), dtype=np.uint16)


def pack(kind, content):
    check = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + check


def png_bytes(width, height, depth, colour, rows, *extra, interlace=0):
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace)
    chunks = [pack(b"IHDR", head), *extra, pack(b"IDAT", zlib.compress(rows)), pack(b"IEND", b"")]
    return SIGNATURE + b"".join(chunks)


def png16(values, *extra):
    """A 16-bit PNG of (H, W) or (H, W, C) values, unfiltered, with `extra` chunks."""
    values = values.reshape(*values.shape[:2], -1)
    colour = {1: 0, 2: 4, 3: 2, 4: 6}[values.shape[2]]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    return png_bytes(values.shape[1], values.shape[0], 16, colour, rows, *extra)


def saved(path, image, *args, **options):
    """`image` (an array or a Pillow image) written by Pillow."""
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    image.save(path, *args, **options)
    return path


def written(path, data):
    path.write_bytes(data)
    return path


def refused(match, function, *args, **options):
    """`function` must raise a TextoError of one printable line that matches `match`."""
    with pytest.raises(TextoError, match=match) as caught:
        function(*args, **options)
    assert str(caught.value).isprintable()
    return str(caught.value)


def unit(values):
    values = values.reshape(*values.shape[:2], -1)
    return (values / np.float64(np.iinfo(values.dtype).max)).astype(np.float32)


# Round trips


SUFFIXES = [suffix for suffix, form in FORMATS.items() if 8 in form.depths]
DEPTHS = [(suffix, 8) for suffix in SUFFIXES]
DEPTHS += [(".png", 16), (".tif", 16), (".tiff", 16), (".tif", 32), (".tiff", 32)]


@pytest.mark.parametrize("shape", [(7, 5), (7, 5, 1), (7, 5, 3), (1, 3, 3), (3, 1), (1, 1, 3)])
@pytest.mark.parametrize(("suffix", "bits"), DEPTHS)
def test_round_trip(tmp_path, suffix, bits, shape):
    image = RNG.random(shape, dtype=np.float32)
    if suffix in (".jpg", ".jpeg"):
        image[:] = 0.4  # the only lossy format: a constant is kept
    path = tmp_path / f"a{suffix}"
    write_image(path, image, bits=bits)
    back = open_image(path)
    assert back.bits == bits
    assert back.pixels.dtype == np.float32 and back.pixels.flags.c_contiguous
    expected = image.reshape(*shape[:2], -1)
    assert back.pixels.shape[:2] == shape[:2]
    assert back.pixels.shape[2] == (3 if suffix == ".webp" else expected.shape[2])
    step = 0 if bits == 32 else 0.51 / (2**bits - 1)
    step = 1.5 / 255 if suffix in (".jpg", ".jpeg") else step
    assert np.abs(back.pixels - expected).max() <= step


@pytest.mark.parametrize(("suffix", "bits"), DEPTHS)
def test_every_level_survives_and_bytes_repeat(tmp_path, suffix, bits):
    levels = np.arange(2 ** min(bits, 16)).reshape(-1, 256) / (2 ** min(bits, 16) - 1)
    first, second, third = (tmp_path / f"{name}{suffix}" for name in "abc")
    write_image(first, levels, bits=bits)
    write_image(second, levels, bits=bits)
    assert first.read_bytes() == second.read_bytes()
    if not suffix.startswith(".j"):
        write_image(third, read_image(first), bits=bits)
        assert np.array_equal(read_image(third), read_image(first))
        assert len(np.unique(read_image(first))) == levels.size


def test_jpeg_is_not_subsampled(tmp_path):
    write_image(tmp_path / "a.jpg", RNG.random((16, 16, 3)))
    with Image.open(tmp_path / "a.jpg") as image:
        assert {layer[1:3] for layer in image.layer} == {(1, 1)}


def test_written_by_us_read_by_others(tmp_path):
    for suffix in (".png", ".webp", ".bmp", ".tif"):
        path = tmp_path / f"a{suffix}"
        write_image(path, unit(RGB8))
        with Image.open(path) as image:
            assert np.array_equal(np.asarray(image), RGB8)
            assert not image.getexif() or suffix == ".tif"
            assert "icc_profile" not in image.info
    write_image(tmp_path / "b.tif", unit(RGB16), bits=16)
    assert np.array_equal(tifffile.imread(tmp_path / "b.tif"), RGB16)
    assert np.array_equal(imagecodecs.png_decode(encode_image(".png", unit(RGB16), bits=16)), RGB16)


def test_written_tiff_says_nothing_of_time_or_software(tmp_path):
    write_image(tmp_path / "a.tif", unit(RGB8))
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        names = {tag.name for tag in file.pages[0].tags}
    assert not names & {"DateTime", "Software", "ImageDescription", "HostComputer"}


# Writing: what is refused


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_non_finite_pixels_are_not_written(tmp_path, value):
    image = np.zeros((2, 2))
    image[1, 1] = value
    refused("finite", write_image, tmp_path / "a.png", image)
    assert list(tmp_path.iterdir()) == []


def test_values_are_clipped_and_rounded_not_wrapped(tmp_path):
    image = np.array([[-5, 300, 1e300, 0.5 / 255 + 1e-4, 0.5 / 255 - 1e-4, 1.2]])
    write_image(tmp_path / "a.png", image)
    with Image.open(tmp_path / "a.png") as back:
        assert np.asarray(back).tolist() == [[0, 255, 255, 1, 0, 255]]


@pytest.mark.parametrize(
    "shape", [(4,), (4, 4, 5), (4, 4, 6), (1, 4, 4, 3), (0, 4), (4, 0, 3), (4, 4, 0)]
)
def test_shapes_that_are_no_picture(tmp_path, shape):
    refused("shape", write_image, tmp_path / "a.png", np.zeros(shape))
    refused("shape", encode_image, ".png", np.zeros(shape))
    assert list(tmp_path.iterdir()) == []


def test_integers_are_refused_booleans_and_all_floats_pass(tmp_path):
    refused("uint8", write_image, tmp_path / "a.png", RGB8)
    for dtype in (bool, np.float16, np.float32, np.float64):
        write_image(tmp_path / "a.tif", np.eye(3, dtype=dtype), bits=16)
        assert np.array_equal(read_image(tmp_path / "a.tif")[:, :, 0], np.eye(3))


@pytest.mark.parametrize(
    ("name", "bits"),
    [("a.jpg", 16), ("a.webp", 16), ("a.bmp", 16), ("a.png", 32), ("a.png", 12), ("a.tif", 64)],
)
def test_depths_a_format_cannot_hold(tmp_path, name, bits):
    refused("bits.*choose from", write_image, tmp_path / name, np.zeros((2, 2)), bits=bits)
    refused("bits", encode_image, ".png", np.zeros((2, 2)), bits=32)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a", "a.gif", "a.eps", "a.pdf", "a.png.txt", ".png", "a\x1b.x"])
def test_unknown_suffixes(tmp_path, name):
    message = refused("suffix", write_image, tmp_path / name, np.zeros((2, 2)))
    assert ".png, .jpg" in message


def test_too_long_for_the_format(tmp_path):
    refused("cannot hold 16385x1", write_image, tmp_path / "a.webp", np.zeros((1, 16385)))
    assert list(tmp_path.iterdir()) == []


# Writing: all or nothing


def fails(*args, **options):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("call", ["replace", "fsync"])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_failing_write_leaves_the_old_file(tmp_path, monkeypatch, suffix, call):
    path = written(tmp_path / f"a{suffix}", b"old")
    monkeypatch.setattr(os, call, fails)
    refused("No space left", write_image, path, np.zeros((2, 2)))
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_no_force_keeps_the_old_file(tmp_path):
    path = written(tmp_path / "a.png", b"old")
    refused("exists", write_image, path, np.zeros((2, 2)), force=False)
    assert path.read_bytes() == b"old"
    write_image(path, np.zeros((2, 2)))
    assert read_image(path).shape == (2, 2, 1)


def test_bad_destinations(tmp_path):
    (tmp_path / "dir.png").mkdir()
    written(tmp_path / "file", b"")
    refused("is a folder", write_image, tmp_path / "dir.png", np.zeros((2, 2)))
    refused("folder does not exist", write_image, tmp_path / "no" / "a.png", np.zeros((2, 2)))
    refused("folder does not exist", write_image, tmp_path / "file" / "a.png", np.zeros((2, 2)))


# Text


TEXTS = {
    "texto": '{"seed": 3}',
    "Comment": "caf\xe9\nline two",
    "Title": "日本 \U0001f600",
    "Odd": "\x00"[:0],
}


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("image", [unit(RGB8), unit(GREY8)], ids=["colour", "grey"])
def test_text_round_trip(tmp_path, bits, image):
    path = tmp_path / "a.png"
    write_image(path, image, bits=bits, text=TEXTS)
    assert read_text(path) == TEXTS
    assert np.abs(read_image(path) - image).max() < 1e-6
    with Image.open(path) as picture:
        picture.load()
        assert picture.text == TEXTS


def test_text_order_does_not_change_the_bytes():
    backwards = dict(reversed(TEXTS.items()))
    assert list(backwards) != list(TEXTS)
    image = unit(RGB8)
    assert encode_image(".png", image, text=TEXTS) == encode_image(".png", image, text=backwards)
    assert encode_image(".png", image, text=TEXTS) != encode_image(".png", image)
    assert encode_image(".png", image) == encode_image(".png", image, text={})


def test_encode_png_is_what_write_image_writes(tmp_path):
    for bits in (8, 16):
        write_image(tmp_path / "a.png", unit(RGB8), bits=bits, text=TEXTS)
        assert (tmp_path / "a.png").read_bytes() == encode_image(
            ".png", unit(RGB8), bits=bits, text=TEXTS
        )


@pytest.mark.parametrize("key", ["", " a", "a ", "a  b", "x" * 80, "日本", "a\nb", "a\0b", "\xa0"])
def test_keywords_png_forbids(key):
    refused("keyword", encode_image, ".png", np.zeros((1, 1)), text={key: "x"})


def test_texts_png_cannot_hold():
    refused("NUL", encode_image, ".png", np.zeros((1, 1)), text={"a": "x\0y"})
    refused("MiB", encode_image, ".png", np.zeros((1, 1)), text={"a": "x" * (3 << 20)})


def test_a_lone_surrogate_is_spelled_out(tmp_path):
    write_image(tmp_path / "a.png", np.zeros((1, 1)), text={"a": "日\udcff"})
    assert read_text(tmp_path / "a.png") == {"a": "日\\udcff"}


def test_text_is_ignored_by_other_formats(tmp_path):
    for suffix in SUFFIXES:
        path = tmp_path / f"a{suffix}"
        write_image(path, np.zeros((2, 2)), text={"a": "b"})
        assert read_text(path) == ({"a": "b"} if suffix == ".png" else {})


def test_text_written_by_pillow(tmp_path):
    info = PngImagePlugin.PngInfo()
    info.add_text("plain", "caf\xe9")
    info.add_text("packed", "long " * 99, zip=True)
    info.add_itxt("unicode", "日本", lang="ja", tkey="x")
    info.add_itxt("both", "日本" * 99, zip=True)
    info.add_text("plain", "second of that name")
    path = saved(tmp_path / "a.png", GREY8, pnginfo=info)
    expected = {"plain": "caf\xe9", "packed": "long " * 99, "unicode": "日本", "both": "日本" * 99}
    assert read_text(path) == expected


BOMB = zlib.compress(bytes(50_000_000))


@pytest.mark.parametrize(
    "chunk",
    [
        pack(b"zTXt", b"bomb\0\0" + BOMB),
        pack(b"iTXt", b"bomb\0\1\0\0\0" + BOMB),
        pack(b"tEXt", b"bomb\0" + bytes(50_000_000)),
        pack(b"zTXt", b"bad\0\0" + b"no deflate stream"),
        pack(b"zTXt", b"cut\0\0" + zlib.compress(bytes(99))[:-6]),
        pack(b"iTXt", b"bare\0"),
    ],
    ids=["zTXt", "iTXt", "tEXt", "damaged", "cut", "fields"],
)
def test_text_bombs_are_left_out(tmp_path, chunk):
    good = pack(b"tEXt", b"good\0text")
    rows = b"".join(b"\0" + row.tobytes() for row in RGB8)
    path = written(tmp_path / "a.png", png_bytes(9, 6, 8, 2, rows, chunk, good))
    with pytest.warns(TextoWarning, match="1 text chunk"):
        assert read_text(path) == {"good": "text"}
    assert np.array_equal(read_image(path), unit(RGB8))  # the pixels need no text


def test_many_small_texts_share_one_limit(tmp_path):
    chunk = pack(b"zTXt", b"k\0\0" + zlib.compress(b"x" * (3 << 20)))
    rows = b"".join(b"\0" + row.tobytes() for row in RGB8)
    path = written(tmp_path / "a.png", png_bytes(9, 6, 8, 2, rows, *[chunk] * 3))
    with pytest.warns(TextoWarning, match="2 text chunks"):
        assert read_text(path) == {"k": "x" * (3 << 20)}


def test_read_text_refuses_what_it_cannot_read(tmp_path):
    data = encode_image(".png", np.zeros((2, 2)), text={"a": "b"})
    refused("truncated", read_text, written(tmp_path / "a.png", data[:-13]))
    refused("checksum", read_text, written(tmp_path / "b.png", data.replace(b"a\0b", b"a\0c")))
    refused("No such file", read_text, tmp_path / "no.png")
    assert read_text(written(tmp_path / "c.png", b"")) == {}


# Depths and modes


def test_16_bit_grey_png_keeps_its_depth(tmp_path):
    ramp = np.linspace(0, 65535, 64 * 64).astype(np.uint16).reshape(64, 64)
    path = saved(tmp_path / "a.png", Image.fromarray(ramp))
    back = open_image(path)
    assert back.bits == 16 and back.pixels.shape == (64, 64, 1)
    assert np.abs(back.pixels[:, :, 0] - ramp / 65535).max() <= 1e-6
    assert len(np.unique(back.pixels)) > 1000


@pytest.mark.parametrize("values", [RGB16, GREY16], ids=["colour", "grey"])
@pytest.mark.parametrize("kind", ["png", "tif"])
def test_16_bits_are_kept_exactly(tmp_path, values, kind):
    path = tmp_path / f"a.{kind}"
    path.write_bytes(png16(values)) if kind == "png" else tifffile.imwrite(path, values)
    back = open_image(path)
    assert back.bits == 16
    assert np.array_equal(back.pixels, unit(values))


def test_interlaced_16_bit_png(tmp_path):
    passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4)]
    passes += [(2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
    parts = [RGB16[y::step_y, x::step_x] for y, x, step_y, step_x in passes]
    rows = b"".join(
        b"\0" + row.astype(">u2").tobytes() for part in parts if part.size for row in part
    )
    path = written(tmp_path / "a.png", png_bytes(9, 6, 16, 2, rows, interlace=1))
    assert np.array_equal(read_image(path), unit(RGB16))


@pytest.mark.parametrize(
    "options",
    [
        {"compression": "zlib"},
        {"compression": "lzw"},
        {"compression": "zlib", "predictor": True},
        {"compression": "zstd"},
        {"compression": "packbits"},
        {"tile": (16, 16)},
        {"byteorder": ">"},
        {"bigtiff": True},
        {"rowsperstrip": 2},
        {"planarconfig": "separate"},
    ],
    ids=str,
)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float16, np.float32, np.float64])
def test_tiff_layouts(tmp_path, options, dtype):
    if options.get("predictor") and dtype == np.float16:
        pytest.skip("no floating-point predictor for 16 bits in common use")
    values = RGB16.astype(np.float64) / 65535
    if np.dtype(dtype).kind == "u":
        values = np.rint(values * np.iinfo(dtype).max)
    values = values.astype(dtype)
    planes = np.moveaxis(values, -1, 0) if "planarconfig" in options else values
    tifffile.imwrite(tmp_path / "a.tif", planes, photometric="rgb", **options)
    back = open_image(tmp_path / "a.tif")
    assert back.bits == {1: 8, 2: 16}.get(np.dtype(dtype).itemsize, 32) or dtype == np.float16
    expected = unit(values) if values.dtype.kind == "u" else values.astype(np.float32)
    assert np.array_equal(back.pixels, expected)


def test_float_tiff_is_not_blackened(tmp_path):
    ramp = np.linspace(0, 1, 54, dtype=np.float32).reshape(6, 9)
    for values in (ramp, np.stack([ramp, 1 - ramp, ramp**2], -1)):
        photometric = "rgb" if values.ndim == 3 else "minisblack"
        tifffile.imwrite(tmp_path / "a.tif", values, photometric=photometric)
        back = open_image(tmp_path / "a.tif")
        assert back.bits == 32
        assert np.array_equal(back.pixels, values.reshape(6, 9, -1))


def test_white_is_zero_and_12_bits(tmp_path):
    for values in (GREY8, GREY16, GREY16.astype(np.float32) / 65535):
        tifffile.imwrite(tmp_path / "a.tif", values, photometric="miniswhite")
        plain = unit(values) if values.dtype.kind == "u" else values[:, :, None]
        assert np.allclose(read_image(tmp_path / "a.tif"), 1 - plain, atol=1e-6)
    twelve = GREY16[:, :8] >> 4
    tifffile.imwrite(tmp_path / "b.tif", twelve, bitspersample=12)
    back = open_image(tmp_path / "b.tif")
    assert back.bits == 16
    assert np.allclose(back.pixels[:, :, 0], twelve / 4095, atol=1e-6)


@pytest.mark.parametrize(
    ("dtype", "name"), [(np.int16, "int16"), (np.uint32, "uint32"), (np.int8, "int8")]
)
def test_tiff_types_that_are_no_picture(tmp_path, dtype, name):
    tifffile.imwrite(tmp_path / "a.tif", np.ones((4, 4), dtype))
    refused(name, read_image, tmp_path / "a.tif")


def test_tiff_colour_models_that_are_refused(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((4, 4, 4), np.uint16), photometric="separated")
    refused("colour model 5 at 16 bits", read_image, tmp_path / "a.tif")
    saved(tmp_path / "b.tif", Image.new("LAB", (4, 4)))
    refused("colour model 8", read_image, tmp_path / "b.tif")


def test_non_finite_tiff_says_how_many_and_where(tmp_path):
    values = np.full((5, 6), 0.5, np.float32)
    values[2, 3] = np.nan
    tifffile.imwrite(tmp_path / "a.tif", values)
    refused("non-finite at 1 pixel, first at row 2, column 3", read_image, tmp_path / "a.tif")
    colour = np.full((5, 6, 3), 0.5, np.float32)
    colour[0, 0], colour[4, 5, 1] = np.inf, -np.inf
    tifffile.imwrite(tmp_path / "b.tif", colour, photometric="rgb")
    refused("at 2 pixels, first at row 0, column 0", read_image, tmp_path / "b.tif")


@pytest.mark.parametrize("value", [-0.25, 1.5, 255.0])
def test_float_values_out_of_range(tmp_path, value):
    values = np.full((5, 6), 0.5, np.float32)
    values[2, 3] = value
    tifffile.imwrite(tmp_path / "a.tif", values)
    with pytest.warns(TextoWarning, match="as 0 to 1"):
        pixels = read_image(tmp_path / "a.tif")
    low, high = min(value, 0), max(value, 1)
    assert np.allclose(pixels[2, 3, 0], (value - low) / (high - low))
    assert np.allclose(pixels[0, 0, 0], (0.5 - low) / (high - low))
    assert np.array_equal(open_image(tmp_path / "a.tif").stored[..., 0], values)


def palette_image(**info):
    image = Image.fromarray(RGB8).quantize(16)
    image.info.update(info)
    return image


MODES = {
    "1": Image.fromarray(GREY8 > 127),
    "L": Image.fromarray(GREY8),
    "RGB": Image.fromarray(RGB8),
    "P": palette_image(),
    "RGBA": Image.fromarray(RGB8).convert("RGBA"),
    "LA": Image.fromarray(GREY8).convert("LA"),
}
STORED = [("png", mode, {}) for mode in MODES] + [("tif", mode, {}) for mode in MODES]
STORED += [("bmp", mode, {}) for mode in ("1", "L", "P", "RGB")]
STORED += [("gif", mode, {}) for mode in ("1", "L", "P", "RGB")]
STORED += [("webp", mode, {"lossless": True}) for mode in ("L", "RGB", "RGBA")]
STORED += [("jpg", mode, {}) for mode in ("L", "RGB")]
STORED += [("png", "P", {"transparency": b"\xff" * 16})]
STORED += [("tif", "1", {"compression": name}) for name in ("group3", "group4", "tiff_ccitt")]
STORED += [("tif", "RGB", {"compression": "jpeg"}), ("tif", "L", {"compression": "jpeg"})]
STORED += [("tif", "P", {"compression": "tiff_lzw"})]


@pytest.mark.parametrize(("suffix", "mode", "options"), STORED)
def test_modes_look_as_pillow_shows_them(tmp_path, suffix, mode, options):
    path = saved(tmp_path / f"a.{suffix}", MODES[mode], **options)
    with Image.open(path) as stored:
        grey = stored.mode in ("1", "L", "LA")
        expected = unit(np.asarray(stored.convert("RGBA"))[..., :3])
    back = read_image(path)
    assert back.shape == (6, 9, 1 if grey else 3)
    assert np.abs(back - expected).max() <= (
        1.01 / 255 if options.get("compression") == "jpeg" else 0
    )


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_small_grey_depths_and_their_transparent_level(tmp_path, depth):
    levels = 2**depth
    image = np.arange(16) % levels
    packed = np.packbits(
        [bit for value in image for bit in map(int, f"{value:0{depth}b}")]
    ).tobytes()
    key = pack(b"tRNS", struct.pack(">H", levels - 1))
    for extra in ((), (key,)):
        data = png_bytes(16, 1, depth, 0, b"\0" + packed, *extra)
        path = written(tmp_path / "a.png", data)
        back = read_image(path, alpha="white")[0, :, 0]
        assert np.allclose(back, image / (levels - 1))
    refused("transparent", read_image, path)


@pytest.mark.parametrize("suffix", ["jpg", "tif"])
def test_cmyk_is_converted_with_a_note(tmp_path, suffix):
    image = Image.fromarray(RGB8).convert("CMYK")
    path = saved(tmp_path / f"a.{suffix}", image)
    with pytest.warns(TextoWarning, match="CMYK"):
        back = read_image(path)
    with Image.open(path) as stored:
        assert np.array_equal(back, unit(np.asarray(stored.convert("RGB"))))


@pytest.mark.parametrize("suffix", ["png", "tif", "bmp", "gif", "webp", "jpg"])
def test_constant_pictures(tmp_path, suffix):
    path = saved(
        tmp_path / f"a.{suffix}",
        Image.new("RGB", (9, 7), (120, 60, 200)),
        **({"lossless": True} if suffix == "webp" else {}),
    )
    back = read_image(path)
    assert back.shape == (7, 9, 3)
    assert np.ptp(back, axis=(0, 1)).max() == 0


def test_extreme_aspect(tmp_path):
    values = RNG.random((20000, 8, 3), dtype=np.float32)
    write_image(tmp_path / "a.png", values)
    assert np.abs(read_image(tmp_path / "a.png") - values).max() <= 0.51 / 255


# Alpha


def with_alpha(path, colours, alpha):
    """Write an RGBA or LA picture at the depth of `colours`."""
    values = np.dstack([colours, alpha])
    if values.dtype == np.uint8:
        return saved(
            path, values, **({"lossless": True, "exact": True} if "webp" in path.name else {})
        )
    if path.suffix == ".png":
        return written(path, png16(values))
    photometric = "rgb" if values.shape[2] == 4 else "minisblack"
    tifffile.imwrite(path, values, photometric=photometric, extrasamples=["unassalpha"])
    return path


ALPHA_CASES = [
    ("a.png", RGB8),
    ("a.png", GREY8),
    ("a.tif", RGB8),
    ("a.webp", RGB8),
    ("a.png", RGB16),
    ("a.png", GREY16),
    ("a.tif", RGB16),
    ("a.tif", GREY16),
    ("a.tif", (RGB16 / 65535).astype(np.float32)),
]


@pytest.mark.parametrize(("name", "colours"), ALPHA_CASES)
def test_alpha_rules(tmp_path, name, colours):
    top = 1 if colours.dtype.kind == "f" else np.iinfo(colours.dtype).max
    plain = (colours.reshape(6, 9, -1) / np.float64(top)).astype(np.float32)
    opaque = np.full((6, 9), top, colours.dtype)
    assert np.allclose(read_image(with_alpha(tmp_path / name, colours, opaque)), plain)
    opaque[2, 3], opaque[4, 4] = 0, top // 2 if top > 1 else 0.5
    path = with_alpha(tmp_path / name, colours, opaque)
    refused('transparent.*"ignore"', read_image, path)
    assert np.allclose(read_image(path, alpha="ignore"), plain)
    share = (opaque / np.float64(top))[:, :, None]
    expected = plain * share + (1 - share)
    assert np.allclose(read_image(path, alpha="white"), expected, atol=1e-6)
    assert (read_image(path, alpha="white")[2, 3] == 1).all()


def test_premultiplied_alpha_is_undone(tmp_path):
    values = np.zeros((2, 2, 4), np.uint16)
    values[..., :3], values[..., 3] = 16384, 32768
    values[0, 0] = 0
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, values, photometric="rgb", extrasamples=["assocalpha"])
    assert np.allclose(read_image(path, alpha="ignore")[1, 1], 0.5)
    share = 32768 / 65535
    assert np.allclose(read_image(path, alpha="white")[1, 1], 0.5 * share + 1 - share)
    assert (read_image(path, alpha="white")[0, 0] == 1).all()


def test_transparent_colours_and_palette_entries(tmp_path):
    key = tuple(int(value) for value in RGB16[1, 2])
    data = png16(RGB16, pack(b"tRNS", struct.pack(">3H", *key)))
    path = written(tmp_path / "a.png", data)
    refused("transparent", read_image, path)
    assert (read_image(path, alpha="white")[1, 2] == 1).all()
    assert np.array_equal(read_image(path, alpha="ignore"), unit(RGB16))
    absent = pack(b"tRNS", struct.pack(">3H", 1, 2, 3))
    assert np.array_equal(read_image(written(path, png16(RGB16, absent))), unit(RGB16))
    for suffix, transparency in (("png", b"\xff\x80" + b"\xff" * 14), ("png", 3), ("gif", 3)):
        path = saved(tmp_path / f"p.{suffix}", palette_image(), transparency=transparency)
        refused("transparent", read_image, path)
        with Image.open(path) as stored:
            rgba = np.asarray(stored.convert("RGBA")) / 255
        white = rgba[..., :3] * rgba[..., 3:] + 1 - rgba[..., 3:]
        assert np.allclose(read_image(path, alpha="white"), white, atol=1e-6)


def test_transparency_that_libpng_would_leave_out(tmp_path):
    palette = pack(b"PLTE", bytes(9)), pack(b"tRNS", b"\0" * 8)  # for three colours
    path = written(tmp_path / "a.png", png_bytes(4, 1, 8, 3, bytes(5), *palette))
    assert (read_image(path, alpha="white") == 1).all()
    wrong = pack(b"tRNS", bytes(6))
    path = written(tmp_path / "b.png", png_bytes(4, 1, 8, 0, bytes(5), wrong))
    refused("is damaged: its transparent colour", read_image, path)


def test_missing_rows_are_not_filled_in(tmp_path):
    path = written(tmp_path / "a.png", png_bytes(4, 9, 8, 0, bytes(5 * 8)))
    refused("truncated or damaged", read_image, path)


def test_unknown_alpha_rule(tmp_path):
    refused("alpha.*refuse, ignore, white", read_image, tmp_path / "a.png", alpha="black")


# Orientation, profiles, frames, metadata


def turned(values, orientation):
    """The stored array that orientation `orientation` shows as `values`."""
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    indices = np.arange(values.shape[0] * values.shape[1], dtype=np.int32)
    grid = Image.fromarray(indices.reshape(values.shape[:2]))
    grid = np.asarray(grid.transpose(undo[orientation]))
    return values.reshape(-1, *values.shape[2:])[grid]


@pytest.mark.parametrize("orientation", range(2, 9))
@pytest.mark.parametrize("suffix", ["png", "webp", "tif", "png16", "tif16"])
def test_exif_orientation(tmp_path, orientation, suffix):
    exif = Image.Exif()
    exif[0x0112] = orientation
    values = RGB16 if suffix.endswith("16") else RGB8
    stored, path = turned(values, orientation), tmp_path / f"a.{suffix}"
    if suffix == "png16":
        path.write_bytes(png16(stored, pack(b"eXIf", exif.tobytes()[6:])))
    elif suffix == "tif16":
        tifffile.imwrite(path, stored, photometric="rgb", extratags=[(274, "H", 1, orientation)])
    else:
        options = {"lossless": True} if suffix == "webp" else {}
        saved(path, stored, {"tif": "TIFF"}.get(suffix, suffix), exif=exif, **options)
    assert np.array_equal(read_image(path), unit(values))


def test_exif_orientation_of_a_jpeg(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    smooth = np.zeros((16, 32), np.uint8)
    smooth[:, :16] = 255
    path = saved(tmp_path / "a.jpg", smooth, exif=exif, quality=95)
    back = read_image(path)
    assert back.shape == (32, 16, 1)
    assert back[:16].min() > 0.95 and back[16:].max() < 0.05


@pytest.mark.parametrize("exif", [b"", b"junk", b"Exif\0\0", b"II*\0\x08\0\0\0\xff\xff" + b"x" * 9])
def test_broken_exif_does_not_matter(tmp_path, exif):
    rows = b"".join(b"\0" + row.tobytes() for row in RGB8)
    path = written(tmp_path / "a.png", png_bytes(9, 6, 8, 2, rows, pack(b"eXIf", exif)))
    assert np.array_equal(read_image(path), unit(RGB8))


def adobe_profile():
    primaries = [0.64, 0.33, 1.0, 0.21, 0.71, 1.0, 0.15, 0.06, 1.0]
    white = [0.3127, 0.329, 1.0]
    return imagecodecs.cms_profile("rgb", whitepoint=white, primaries=primaries, gamma=2.2)


def adobe_to_srgb(values):
    """The closed form, from primaries and transfer curves."""

    def to_xyz(primaries):
        columns = np.array([[x / y, 1, (1 - x - y) / y] for x, y in primaries]).T
        white = np.array([0.3127 / 0.329, 1, (1 - 0.3127 - 0.329) / 0.329])
        return columns * np.linalg.solve(columns, white)

    adobe = to_xyz([(0.64, 0.33), (0.21, 0.71), (0.15, 0.06)])
    srgb = to_xyz([(0.64, 0.33), (0.30, 0.60), (0.15, 0.06)])
    linear = (values**2.2 @ (np.linalg.inv(srgb) @ adobe).T).clip(0, 1)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


@pytest.mark.parametrize("suffix", ["png", "png16", "tif", "tif16", "tif32", "webp"])
def test_rgb_profiles_are_converted_to_srgb(tmp_path, suffix):
    profile, path = adobe_profile(), tmp_path / f"a.{suffix}"
    values = RGB16 if suffix.endswith("16") else RGB8
    if suffix == "png16":
        path.write_bytes(png16(values, pack(b"iCCP", b"x\0\0" + zlib.compress(profile))))
    elif suffix.startswith("tif") and suffix != "tif":
        stored = values if suffix == "tif16" else unit(values)
        tifffile.imwrite(path, stored, photometric="rgb", iccprofile=profile)
    else:
        kind, options = {"webp": ("WEBP", {"lossless": True})}.get(suffix, (None, {}))
        saved(
            path,
            values,
            {"tif": "TIFF"}.get(suffix, kind or suffix),
            icc_profile=profile,
            **options,
        )
    assert np.abs(read_image(path) - adobe_to_srgb(unit(values))).max() < 1e-3
    assert np.abs(read_image(path) - unit(values)).max() > 0.02


def test_profiles_of_srgb_and_of_other_spaces_change_nothing(tmp_path):
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    for profile in (srgb, lab):
        path = saved(tmp_path / "a.png", RGB8, icc_profile=profile)
        assert np.array_equal(read_image(path), unit(RGB8))
    path = saved(tmp_path / "b.png", GREY8, icc_profile=adobe_profile())
    assert np.array_equal(read_image(path), unit(GREY8))


@pytest.mark.parametrize("cut", [200, 300, 400])
def test_broken_profiles_are_ignored_with_a_note(tmp_path, cut):
    path = saved(tmp_path / "a.png", RGB8, icc_profile=adobe_profile()[:cut])
    with pytest.warns(TextoWarning, match="profile"):
        back = read_image(path)
    assert np.array_equal(back, unit(RGB8))


def test_profile_bomb(tmp_path):
    rows = b"".join(b"\0" + row.tobytes() for row in RGB8)
    chunk = pack(b"iCCP", b"x\0\0" + BOMB)
    path = written(tmp_path / "a.png", png_bytes(9, 6, 8, 2, rows, chunk))
    with pytest.warns(TextoWarning, match="oversized colour profile"):
        assert np.array_equal(read_image(path), unit(RGB8))


@pytest.mark.parametrize("suffix", ["gif", "png", "webp", "tif", "tif16"])
def test_first_frame_with_a_note(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    if suffix == "tif16":
        tifffile.imwrite(path, np.stack([GREY16, GREY16[::-1]]), photometric="minisblack")
        expected = unit(GREY16)
    else:
        options = {"lossless": True} if suffix == "webp" else {}
        frames = [Image.fromarray(RGB8), Image.fromarray(RGB8[::-1].copy())]
        frames = [frame.quantize(64) for frame in frames] if suffix == "gif" else frames
        kind = {"tif": "TIFF"}.get(suffix, suffix)
        frames[0].save(path, kind, save_all=True, append_images=frames[1:], **options)
        expected = unit(np.asarray(frames[0].convert("RGB")))
    with pytest.warns(TextoWarning, match="first is used") as caught:
        assert np.array_equal(read_image(path), expected)
    assert caught[0].filename == __file__


def test_metadata_stays_behind(tmp_path):
    exif = Image.Exif()
    exif.get_ifd(0x8825)[1] = "N"
    exif[0x010E] = "secret"
    path = saved(tmp_path / "in.jpg", RGB8, exif=exif, icc_profile=adobe_profile())
    for suffix in SUFFIXES:
        out = tmp_path / f"out{suffix}"
        write_image(out, read_image(path))
        assert b"secret" not in out.read_bytes() and b"Exif" not in out.read_bytes()


# Files that are no pictures


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (b"", "empty file"),
        (b"hello", "not a supported image"),
        (b"<!doctype html><p>404", "not a supported image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a supported image"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a supported image"),
        (b"%PDF-1.7\n", "not a supported image"),
        (b"P7\nWIDTH 1\nHEIGHT 1\n", "not a supported image"),
        (SIGNATURE, "truncated"),
        (b"\xff\xd8\xff", "damaged"),
        (b"BM", "damaged"),
        (b"II*\0", "damaged"),
        (b"MM\0*\0\0\0\x08\0\0\0\0\0\0", "damaged|without pixels"),
        (b"GIF89a\0\0\0\0\0\0\0;", "damaged|without pixels"),
        (b"RIFF\4\0\0\0WEBP", "damaged"),
        (png_bytes(0, 5, 8, 0, b""), "without pixels"),
        (png_bytes(2, 1, 16, 3, b"\0" * 5), "damaged"),
        (SIGNATURE + pack(b"IDAT", b""), "damaged"),
    ],
)
def test_not_a_picture(tmp_path, data, match):
    refused(match, read_image, written(tmp_path / "a.png", data))


def test_ghostscript_is_never_called(tmp_path, monkeypatch):
    canary = tmp_path / "called"
    tool = written(tmp_path / "gs", f"#!/bin/sh\ntouch '{canary}'\n".encode())
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    eps = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n%%EOF\n"
    for name in ("a.eps", "a.png"):
        refused("not a supported image", read_image, written(tmp_path / name, eps))
    assert not canary.exists()


def test_paths_that_are_no_files(tmp_path):
    refused("is a folder", read_image, tmp_path)
    refused("No such file", read_image, tmp_path / "no.png")
    refused("No such file", read_image, "https://example.org/a.png")
    refused("No such file", read_image, "-")
    refused("no possible file name", read_image, "a\0b.png")
    refused("cannot be read", read_image, tmp_path / ("x" * 300 + ".png"))
    refused("Not a directory", read_image, written(tmp_path / "f", b"x") / "a.png")


PIPE_CODE = """
import sys
from texto.io.images import read_image, read_text
from texto.core.errors import TextoError
for function in (read_image, read_text):
    try:
        function(sys.argv[1])
    except TextoError as error:
        print(error)
"""


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes on this system")
def test_pipes_and_devices_are_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "a.png")
    for path in (tmp_path / "a.png", "/dev/zero"):
        output = run(PIPE_CODE, path)  # a process of its own, so that waiting would be noticed
        assert output.count("not a regular file") == len(output.splitlines()) == 2


@pytest.mark.parametrize("code", [errno.EACCES, errno.EIO])
def test_files_the_system_will_not_open(tmp_path, monkeypatch, code):
    def refuse(path, flags):
        raise OSError(code, os.strerror(code))

    path = written(tmp_path / "a.png", encode_image(".png", np.zeros((2, 2))))
    monkeypatch.setattr(os, "open", refuse)  # a mode of 000 would not stop root
    for function in (read_image, read_text):
        refused(f"cannot be read: {os.strerror(code)}", function, path)


@pytest.mark.parametrize(
    "name", ["a b.png", "日本 é.png", "-o.png", "a\nb.png", "x" * 251 + ".png", "\x1b[31m.png"]
)
def test_odd_names(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    write_image(name, unit(RGB8))
    assert np.array_equal(read_image(name), unit(RGB8))
    (tmp_path / "link").symlink_to(name)
    assert np.array_equal(read_image("link"), unit(RGB8))
    refused("not a supported image", read_image, written(tmp_path / name, b"x"))


# Limits


def run(code, *args, **options):
    """Run `code` in a fresh process; its output, which says what happened."""
    command = [sys.executable, "-c", code, *map(str, args)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, **options)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    return done.stdout


BOMB_CODE = """
import sys
from pathlib import Path
from texto.io.images import read_image
from texto.core.errors import TextoError
try:
    read_image(sys.argv[1])
except TextoError as error:
    print(error)
# VmHWM is this process's own peak; ru_maxrss starts from that of the process it was forked from.
status = Path("/proc/self/status").read_text()
print(int(status.split("VmHWM:")[1].split()[0]) // 1024)
"""


def test_bomb_is_refused_from_its_header(tmp_path):
    if not os.path.exists("/proc/self/status"):
        pytest.skip("peak memory is read from /proc/self/status, which this system lacks")
    packer = zlib.compressobj(9)
    rows = [packer.compress(bytes(30001 * 1000)) for _ in range(30)]
    head = struct.pack(">IIBBBBB", 30000, 30000, 8, 0, 0, 0, 0)
    body = pack(b"IDAT", b"".join(rows) + packer.flush())
    path = written(tmp_path / "a.png", SIGNATURE + pack(b"IHDR", head) + body + pack(b"IEND", b""))
    message, megabytes = run(BOMB_CODE, path).splitlines()
    assert "900 Mpx" in message and "limit of 100 Mpx" in message and "max_pixels" in message
    assert int(megabytes) < 300  # decoded it takes more


@pytest.mark.parametrize("suffix", ["png", "png16", "tif", "tif16", "gif", "bmp", "webp", "jpg"])
def test_pixel_limit_in_every_format(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    if suffix == "png16":
        path.write_bytes(png16(GREY16))
    elif suffix == "tif16":
        tifffile.imwrite(path, GREY16)
    else:
        saved(path, RGB8, {"tif": "TIFF", "jpg": "JPEG"}.get(suffix, suffix))
    refused("9x6.*over the limit", read_image, path, max_pixels=53)
    assert read_image(path, max_pixels=54).shape[:2] == (6, 9)


def test_the_default_limit_is_100_mpx(tmp_path):
    path = written(tmp_path / "a.png", png_bytes(12000, 12000, 8, 0, b""))
    refused("144 Mpx, over the limit of 100 Mpx", read_image, path)
    path = written(tmp_path / "a.png", png_bytes(10000, 10000, 1, 0, bytes(1251 * 10000)))
    assert read_image(path).shape == (10000, 10000, 1)


def test_a_jpeg_strip_may_not_be_larger_than_its_tiff(tmp_path):
    data = SAMPLES["tiff-jpeg"]
    frame = data.index(b"\xff\xc0") + 5  # height and width in the JPEG's own header
    huge = data[:frame] + struct.pack(">HH", 60000, 60000) + data[frame + 4 :]
    refused("absurd", read_image, written(tmp_path / "a.tif", huge))


def test_pillows_own_limits_do_not_leak(tmp_path, monkeypatch):
    path = saved(tmp_path / "a.png", RGB8)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 30)  # would warn
    assert read_image(path).shape == (6, 9, 3)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)  # would raise DecompressionBombError
    assert read_image(path).shape == (6, 9, 3)
    assert Image.MAX_IMAGE_PIXELS == 10


def test_byte_limit(tmp_path):
    path = saved(tmp_path / "a.png", RGB8)
    size = path.stat().st_size
    refused("MiB.*max_bytes", read_image, path, max_bytes=size - 1)
    assert read_image(path, max_bytes=size).shape == (6, 9, 3)


def test_out_of_memory_is_one_line(tmp_path, monkeypatch):
    def full(*args, **options):
        raise MemoryError

    path = written(tmp_path / "a.png", png16(GREY16))
    monkeypatch.setattr(imagecodecs, "png_decode", full)
    refused("does not fit in memory", read_image, path)


def test_absurd_tiles(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", GREY16, tile=(16, 16))
    data = bytearray((tmp_path / "a.tif").read_bytes())
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        for name in ("TileWidth", "TileLength"):
            offset = file.pages[0].tags[name].offset
            data[offset + 2 : offset + 12] = struct.pack("<HII", 4, 1, 2**31 - 16)
    refused("absurd|damaged", read_image, written(tmp_path / "b.tif", bytes(data)))


# Damage


def samples():
    """One small file of every kind, by name; smooth, so that lossy ones stay near."""
    ramp = np.add.outer(np.arange(24), np.arange(20)).astype(np.uint8) * 5
    colour = np.dstack([ramp, ramp[::-1], ramp.T[:20].repeat(2, 0)[:24, :20]])
    made = {"png16": png16(colour.astype(np.uint16) * 257)}
    made["text"] = encode_image(".png", unit(colour), text=TEXTS)
    kinds = {"png": {}, "jpeg": {}, "gif": {}, "bmp": {}, "webp": {"lossless": True}, "tiff": {}}
    for kind, options in kinds.items():
        made[kind] = pillow_bytes(Image.fromarray(colour), kind, **options)
    made["progressive"] = pillow_bytes(Image.fromarray(colour), "jpeg", progressive=True)
    made["lossy"] = pillow_bytes(Image.fromarray(colour), "webp", quality=70)
    made["palette"] = pillow_bytes(Image.fromarray(colour).quantize(32), "png")
    made["tiff-jpeg"] = pillow_bytes(Image.fromarray(colour), "tiff", compression="jpeg")
    made["tiff-palette"] = pillow_bytes(Image.fromarray(colour).quantize(32), "tiff")
    made["fax"] = pillow_bytes(Image.fromarray(ramp > 99), "tiff", compression="group4")
    made["rle"] = pillow_bytes(Image.fromarray(colour), "tiff", compression="packbits")
    made["lzw"] = pillow_bytes(Image.fromarray(colour), "tiff", compression="tiff_lzw")
    for name, options in (("plain", {}), ("deflate", {"compression": "zlib"})):
        for dtype in (np.uint16, np.float32):
            buffer = io.BytesIO()
            values = (unit(colour) * (65535 if dtype == np.uint16 else 1)).astype(dtype)
            tifffile.imwrite(buffer, values, photometric="rgb", **options)
            made[f"tiff-{name}-{np.dtype(dtype).name}"] = buffer.getvalue()
    for name in ("packbits", "lzw"):
        buffer = io.BytesIO()
        options = {"compression": name, "rowsperstrip": 5}
        tifffile.imwrite(buffer, colour, photometric="rgb", **options)
        made[f"tiff-strips-{name}"] = buffer.getvalue()
    return made


def pillow_bytes(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


SAMPLES = samples()


def outcome(path, data):
    """The pixels of `data`, or None where it is refused as it should be."""
    path.write_bytes(data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TextoWarning)
        try:
            pixels = read_image(path, alpha="ignore", max_pixels=10**6)
        except TextoError as error:
            assert str(error).isprintable()
            return None
    assert pixels.dtype == np.float32 and pixels.ndim == 3 and pixels.shape[2] in (1, 3)
    assert np.isfinite(pixels).all() and pixels.min() >= 0 and pixels.max() <= 1
    return pixels


@pytest.mark.parametrize("tolerant", [False, True])
@pytest.mark.parametrize("kind", SAMPLES)
def test_a_cut_file_is_refused_or_whole(tmp_path, monkeypatch, capfd, caplog, kind, tolerant):
    """At about 40 places, more at both ends: also where Pillow is told to let it pass."""
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", tolerant)
    data, path = SAMPLES[kind], tmp_path / "a"
    whole = outcome(path, data)
    assert whole is not None
    cuts = {*range(12), *range(12, len(data), max(1, len(data) // 20))}
    for cut in sorted(cuts | {len(data) - back for back in range(1, 9)}):
        pixels = outcome(path, data[:cut])
        assert pixels is None or np.array_equal(pixels, whole), f"cut at {cut}"
    assert outcome(path, data[: len(data) // 2]) is None
    assert ImageFile.LOAD_TRUNCATED_IMAGES is tolerant
    assert capfd.readouterr() == ("", "") and caplog.records == []


@pytest.mark.parametrize("kind", SAMPLES)
@FUZZ
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7), more=st.booleans())
def test_a_flipped_bit_never_crashes(tmp_path, capfd, caplog, kind, place, bit, more):
    data = bytearray(SAMPLES[kind])
    # Half the flips hit the first bytes, where the headers are.
    data[int(place * (len(data) if more else min(len(data), 120)))] ^= 1 << bit
    pixels = outcome(tmp_path / "a", bytes(data))
    if data.startswith(SIGNATURE):
        assert pixels is None  # every chunk has a checksum
    assert capfd.readouterr() == ("", "") and caplog.records == []


@FUZZ
@given(
    start=st.sampled_from([value[:20] for value in SAMPLES.values()]),
    rest=st.binary(max_size=200),
)
def test_junk_after_a_good_start(tmp_path, start, rest):
    outcome(tmp_path / "a", start + rest)


@FUZZ
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_text_of_a_damaged_file(tmp_path, place, bit):
    data = bytearray(SAMPLES["text"])
    data[int(place * len(data))] ^= 1 << bit
    path = written(tmp_path / "a.png", bytes(data))
    with contextlib.suppress(TextoError), warnings.catch_warnings():
        warnings.simplefilter("ignore", TextoWarning)
        found = read_text(path)
        assert all(isinstance(value, str) for value in itertools.chain(*found.items()))


@pytest.mark.parametrize(
    ("name", "value"), [("StripByteCounts", 0), ("StripOffsets", 0), ("StripOffsets", 60000)]
)
def test_missing_strips_do_not_pass_for_black(tmp_path, name, value):
    tifffile.imwrite(tmp_path / "a.tif", GREY16, rowsperstrip=1, compression="zlib")
    data = bytearray((tmp_path / "a.tif").read_bytes())
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        tag = file.pages[0].tags[name]
    code = "<H" if tag.dtype == 3 else "<I"
    struct.pack_into(code, data, tag.valueoffset, value)
    refused("is truncated;", read_image, written(tmp_path / "b.tif", bytes(data)))


def test_reading_changes_no_global_state(tmp_path):
    path = saved(tmp_path / "a.png", RGB8)
    before = list(warnings.filters), ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS
    read_image(path)
    refused("damaged", read_image, written(tmp_path / "b.bmp", b"BM junk"))
    after = list(warnings.filters), ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS
    assert before == after


def test_importing_the_package_opens_no_image_library():
    code = "import sys, texto; print({'PIL', 'tifffile', 'imagecodecs'} & set(sys.modules))"
    assert run(code).strip() == "set()"
