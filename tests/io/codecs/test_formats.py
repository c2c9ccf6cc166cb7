"""Every format: its values as they are, what it holds, and what others write in it."""

import io
import struct
import subprocess
import sys

import imagecodecs
import numpy as np
import OpenEXR
import pytest
from PIL import Image

from texto.core.errors import TextoError
from texto.io.codecs.decode import decode
from texto.io.codecs.encode import FORMATS, encoded, quantised
from texto.io.codecs.samples import CMYK, NOTHING, SEVERAL, Metadata, Source

RNG = np.random.default_rng(0)
RGB8 = RNG.integers(0, 256, (6, 9, 3), dtype=np.uint8)
GREY8 = RGB8[:, :, 0].copy()
RGB16 = RNG.integers(0, 65536, (6, 9, 3), dtype=np.uint16)
LIGHT = RNG.normal(1, 3, (6, 9, 4)).astype(np.float32)
CASES = [(suffix, bits) for suffix, form in FORMATS.items() for bits in form.depths]


def read(data, suffix="", max_pixels=10**6):
    return decode(Source("image", bytes(data), max_pixels, suffix))


def write(suffix, values, metadata=NOTHING):
    return encoded(suffix, FORMATS[suffix].encode, values, metadata)


def by_pillow(kind, image, **options):
    buffer = io.BytesIO()
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def refused(match, data, **options):
    with pytest.raises(TextoError, match=match) as caught:
        read(data, **options)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("shape", [(6, 9), (6, 9, 3), (1, 1, 3), (1, 5), (7, 1, 3)])
@pytest.mark.parametrize(("suffix", "bits"), CASES)
def test_values_come_back(suffix, bits, shape):
    form, values = FORMATS[suffix], quantised(RNG.random(shape, dtype=np.float32), bits)
    data = write(suffix, values)
    assert data == write(suffix, values)
    found = read(data)
    assert found.bits == bits and found.linear == form.linear and found.notes == ()
    assert found.top == (1 if bits == 32 else 2**bits - 1)
    assert found.values.shape[:2] == shape[:2] and found.values.shape[2] in (1, 3)
    if form.lossless:
        assert (found.values == values.reshape(*shape[:2], -1)).all()


@pytest.mark.parametrize("suffix", FORMATS)
def test_sizes_are_checked_before_anything_is_decoded(suffix):
    data = write(
        suffix, quantised(RNG.random((6, 9, 3), dtype=np.float32), FORMATS[suffix].depths[0])
    )
    refused("9x6.*over the limit", data, max_pixels=53)
    assert read(data, max_pixels=54).values.shape == (6, 9, 3)


# Light


def exr(channels, **header):
    buffer = io.BytesIO()
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage, **header}
    OpenEXR.File(header, channels).write(buffer)
    return buffer.getvalue()


def plane(i, dtype=np.float32):
    return LIGHT[:, :, i].astype(dtype)


@pytest.mark.parametrize("half", [False, True])
def test_exr_keeps_light_as_it_is(half):
    light = LIGHT[:, :, :3].astype(np.float16 if half else np.float32)
    assert light.min() < 0 and light.max() > 1
    found = read(write(".exr", light.astype(np.float32), Metadata(half=half)))
    assert found.linear and found.top == 1 and found.metadata.half == half
    assert np.array_equal(found.values, light)
    assert found.values.dtype == light.dtype


def test_what_half_cannot_hold_is_written_as_float():
    light = np.full((2, 2), 1e5, np.float32)
    found = read(write(".exr", light, Metadata(half=True)))
    assert not found.metadata.half and (found.values == 1e5).all()


@pytest.mark.parametrize("name", ["NO", "RLE", "ZIPS", "PIZ"])
def test_exr_compressions_without_loss(name):
    data = exr({"Y": plane(0)}, compression=getattr(OpenEXR, f"{name}_COMPRESSION"))
    assert np.array_equal(read(data).values[:, :, 0], plane(0))


def test_exr_compressions_that_are_refused():
    refused("compression HTJ2K32", exr({"Y": plane(0)}, compression=OpenEXR.HTJ2K32_COMPRESSION))


def test_exr_channels_by_name():
    rgb = {name: plane(i) for i, name in enumerate("RGB")}
    assert np.array_equal(read(exr(rgb)).values, LIGHT[:, :, :3])
    layer = {f"diffuse.{name}": plane(i) for i, name in enumerate("RGBA")}
    found = read(exr(layer))
    assert np.array_equal(found.values, LIGHT[:, :, :3])
    assert np.array_equal(found.alpha, plane(3)) and found.premultiplied
    assert np.array_equal(read(exr({"Z": plane(2)})).values[:, :, 0], plane(2))
    found = read(exr({**rgb, "Z": plane(2), "N.X": plane(1)}))
    assert np.array_equal(found.values, LIGHT[:, :, :3])
    assert "'N.X', 'Z'" in found.notes[0]
    mixed = read(exr({**rgb, "G": plane(1, np.float16)}))
    assert mixed.values.dtype == np.float32


def test_exr_channels_that_make_no_picture():
    refused("channels 'X', 'Z'", exr({"X": plane(0), "Z": plane(1)}))
    refused("whole numbers", exr({"Y": np.ones((6, 9), np.uint32)}))
    chroma = exr({"Y": plane(0), "RY": plane(1), "BY": plane(2)})
    refused("channels 'BY', 'RY', 'Y'", chroma)


def test_exr_tiles_parts_and_windows():
    tiles = OpenEXR.TileDescription()
    tiles.xSize = tiles.ySize = 4
    data = exr({"Y": plane(0)}, type=OpenEXR.tiledimage, tiles=tiles)
    assert np.array_equal(read(data).values[:, :, 0], plane(0))
    parts = [OpenEXR.Part({}, {"Y": plane(i)}, str(i)) for i in range(2)]
    buffer = io.BytesIO()
    OpenEXR.File(parts).write(buffer)
    found = read(buffer.getvalue())
    assert np.array_equal(found.values[:, :, 0], plane(0)) and found.notes == (SEVERAL,)
    many = exr({f"c{i}": plane(0) for i in range(9)})
    refused("million samples", many, max_pixels=54)


def test_exr_that_is_damaged_is_refused_in_silence(capfd):
    data = write(".exr", LIGHT)
    for cut in (4, 40, len(data) // 2, len(data) - 1):
        refused("damaged|truncated", data[:cut])
    assert capfd.readouterr() == ("", "")
    sys.stderr.write("heard")
    assert capfd.readouterr().err == "heard"


def test_hdr_is_within_its_eight_bits():
    light = np.abs(LIGHT[:, :, :3]) * 100
    found = read(write(".hdr", light))
    assert found.linear and found.values.max() > 100
    assert (np.abs(found.values - light) <= light.max(axis=2, keepdims=True) / 128).all()
    by_hand = b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 1 +X 2\n" + bytes([128, 64, 0, 129] * 2)
    assert read(by_hand).values.tolist() == [[[1.0, 0.5, 0.0]] * 2]


def test_hdr_of_other_kinds():
    refused("turned", b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n+Y 1 +X 2\n" + bytes(8))
    refused("colour space", b"#?RADIANCE\nFORMAT=32-bit_rle_xyze\n\n-Y 1 +X 2\n" + bytes(8))
    refused("damaged", b"#?RGBE\nFORMAT=32-bit_rle_rgbe\n\n-Y 9 +X 2\n" + bytes(8))


# PNM


@pytest.mark.parametrize(
    ("data", "top", "expected"),
    [
        (b"P1 3 2 101\n0 1 0", 1, [[0, 1, 0], [1, 0, 1]]),
        (b"P2 # comment\n3 1\n# more\n7 0 3 7", 7, [[0, 3, 7]]),
        (b"P3\n1 1\n65535 1 2 65535\n", 65535, [[[1, 2, 65535]]]),
        (b"P4\n3 2\n\xa0\x40", 1, [[0, 1, 0], [1, 0, 1]]),
        (b"P5 2 1 255\n\x01\xff", 255, [[1, 255]]),
        (b"P5\n2 1 1000\n\x03\xe8\0\1", 1000, [[1000, 1]]),
        (b"P6\n1\n1\n65535\n\0\1\0\2\xff\xff", 65535, [[[1, 2, 65535]]]),
    ],
)
def test_pnm_kinds(data, top, expected):
    found = read(data)
    assert found.top == top and np.array_equal(found.values.squeeze(), np.squeeze(expected))


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (b"P6\n2 2\n255\n123", "damaged"),
        (b"P5\n2 2\n0\n1234", "white"),
        (b"P5\n2 2\n70000\n1234", "white"),
        (b"P5\n1 1\n7\n\x08", "above its white"),
        (b"P2 2 1 255 1", "damaged"),
        (b"P2 2 1 255 1 x", "damaged"),
        (b"P2 1 1 255 -1", "damaged"),
        (b"P2 1 1 255 256", "above its white"),
        (b"P1 2 1 12", "above its white"),
        (b"P5\n0 1\n255\n", "without pixels"),
        (b"P5 words", "damaged header"),
    ],
)
def test_pnm_that_is_wrong(data, match):
    refused(match, data)


# JPEG 2000, JPEG XL, AVIF


@pytest.mark.parametrize(
    ("kind", "image"),
    [
        ("JPEG2000", Image.fromarray(RGB8)),
        ("JPEG2000", Image.fromarray(GREY8)),
        ("JPEG2000", Image.fromarray(RGB16[:, :, 0])),
        ("TGA", Image.fromarray(RGB8)),
        ("TGA", Image.fromarray(GREY8)),
        ("TGA", Image.fromarray(RGB8).quantize(16)),
        ("DDS", Image.fromarray(RGB8)),
        ("PPM", Image.fromarray(RGB8)),
    ],
)
def test_written_by_others(kind, image):
    grey = image.mode in ("L", "I;16")
    expected = np.asarray(image if grey else image.convert("RGB")).reshape(6, 9, -1)
    assert np.array_equal(read(by_pillow(kind, image)).values, expected)


@pytest.mark.parametrize("suffix", [".jp2", ".avif", ".tga", ".dds", ".ppm"])
def test_read_by_others(suffix):
    with Image.open(io.BytesIO(write(suffix, RGB8))) as image:
        assert np.array_equal(np.asarray(image), RGB8)


@pytest.mark.parametrize("bits", [1, 4, 10, 12])
def test_depths_between(bits):
    values = RNG.integers(0, 2**bits, (6, 9)).astype(np.uint8 if bits < 8 else np.uint16)
    made = [
        imagecodecs.jpegxl_encode(values, lossless=True, bitspersample=bits),
        imagecodecs.jpeg2k_encode(values, level=0, reversible=True, bitspersample=bits),
    ]
    if bits > 8:
        made.append(imagecodecs.avif_encode(values, level=100, bitspersample=bits))
    for data in made:
        found = read(data)
        assert found.top == 2**bits - 1 and np.array_equal(found.values[:, :, 0], values)


@pytest.mark.parametrize("size", [(1, 1), (8, 8), (300, 7), (1, 600), (256, 256), (160, 90)])
def test_the_size_of_a_jpeg_xl_is_read_ahead(size):
    for container in (False, True):
        values = np.zeros(size, np.uint8)
        data = imagecodecs.jpegxl_encode(values, lossless=True, usecontainer=container)
        refused(f"{size[1]}x{size[0]}", data, max_pixels=size[0] * size[1] - 1)
        assert read(data).values.shape == (*size, 1)


def test_jpeg_xl_of_floats():
    data = imagecodecs.jpegxl_encode(np.full((2, 2), 0.25, np.float16), lossless=True)
    found = read(data)
    assert found.bits == 32 and found.metadata.half and (found.values == 0.25).all()


def test_a_bare_codestream_and_one_without_an_end():
    data = imagecodecs.jpeg2k_encode(RGB8, level=0, reversible=True, codecformat="j2k")
    assert np.array_equal(read(data).values, RGB8)
    refused("truncated", data[:-2])


def test_jpeg_2000_layouts_that_are_refused():
    data = bytearray(write(".jp2", GREY8))
    sizes = data.index(b"\xff\x51") + 4
    for offset, code, value, match in (
        (18, ">I", 0, "absurd tiles"),
        (36, ">B", 0x87, "signed"),
        (37, ">B", 2, "reduced"),
        (34, ">H", 5, "5 channels"),
    ):
        changed = data.copy()
        struct.pack_into(code, changed, sizes + offset, value)
        refused(match, changed)
    space = data.index(b"colr") + 7
    struct.pack_into(">I", data, space, 12)
    refused("neither RGB nor grey", data)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_avif_metadata_of_others(orientation):
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = orientation, "a maker of cameras"
    profile = imagecodecs.cms_profile("srgb")
    data = by_pillow("AVIF", RGB8, exif=exif.tobytes(), icc_profile=profile, quality=95)
    found = read(data)
    assert found.orientation == orientation
    assert found.metadata.profile == profile
    again = Image.Exif()
    again.load(b"Exif\0\0" + found.metadata.exif)
    assert again[0x010F] == "a maker of cameras"


def test_avif_of_wide_colours_is_noted():
    plain = imagecodecs.avif_encode(RGB8, level=100, primaries=1, transfer=13)
    wide = imagecodecs.avif_encode(RGB8, level=100, primaries=9, transfer=16)
    assert read(plain).notes == () and "primaries" in read(wide).notes[0]


# TGA, DDS, CMYK


def test_tga_without_its_mark_is_known_by_suffix_and_header():
    bare = by_pillow("TGA", RGB8)[: -len("TRUEVISION-XFILE.\0")]
    assert np.array_equal(read(bare, ".tga").values, RGB8)
    refused("not a supported image", bare)
    refused("not a supported image", b"some words that are no picture", suffix=".tga")
    assert np.array_equal(read(by_pillow("PNG", RGB8), ".tga").values, RGB8)  # bytes come first


@pytest.mark.parametrize("kind", ["DXT1", "DXT3", "DXT5"])
def test_block_compression(kind):
    flat = Image.new("RGBA", (8, 8), (255, 0, 0, 255))
    assert (read(by_pillow("DDS", flat, pixel_format=kind)).values == (255, 0, 0)).all()


def test_dds_of_several_pictures_and_of_light():
    data = bytearray(by_pillow("DDS", RGB8))
    data[113] |= 2
    assert read(data).notes == (SEVERAL,)
    data[84:88] = b"DX10"
    data[128:132] = struct.pack("<I", 95)
    refused("BC6H", data)


def test_cmyk_is_noted():
    assert CMYK in read(by_pillow("JPEG", Image.fromarray(RGB8).convert("CMYK"))).notes


# All of them


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_cut_file_is_refused_or_whole(suffix, capfd):
    values = quantised(RNG.random((12, 10, 3), dtype=np.float32), FORMATS[suffix].depths[-1])
    data = write(suffix, values)
    whole = read(data)
    for cut in {*range(0, 12), *range(12, len(data), max(1, len(data) // 25)), len(data) - 1}:
        try:
            found = read(data[:cut], suffix)
        except TextoError as error:
            assert str(error).isprintable()
        else:
            assert np.array_equal(found.values, whole.values), f"cut at {cut}"
            assert cut > len(data) - 60
    assert capfd.readouterr() == ("", "")


LAZY = """
import sys
from texto.io import images
images.write_image(sys.argv[1], __import__("numpy").zeros((4, 4)))
images.read_image(sys.argv[1])
print("OpenEXR" in sys.modules, "tifffile" in sys.modules)
"""


def test_reading_a_png_loads_no_other_library(tmp_path):
    command = [sys.executable, "-c", LAZY, str(tmp_path / "a.png")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["False", "False"], done.stderr
