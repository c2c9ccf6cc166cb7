"""What files say besides their pixels: every format keeps what it claims, and nothing else."""

import dataclasses
import io
import struct
import zlib

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from texto.core.errors import TextoError
from texto.io.codecs import exif
from texto.io.codecs.decode import decode
from texto.io.codecs.encode import FORMATS, quantised
from texto.io.codecs.samples import NOTHING, Metadata, Source

RGB = np.random.default_rng(0).random((6, 9, 3), dtype=np.float32)


def exif_block(orientation=1):
    block = Image.Exif()
    block[0x0112] = orientation
    block[0x010F] = "a maker with a name of some length"
    block.get_ifd(0x8769)[0x9003] = "2026:01:02 03:04:05"
    return block.tobytes().removeprefix(b"Exif\0\0")


FULL = Metadata(
    profile=imagecodecs.cms_profile("srgb"),
    exif=exif_block(),
    dpi=(300.0, 72.0),
    text={"Comment": "caf\xe9", "Description": "日本", "Software": "x", "Odd one": "line\nline"},
    gamma=0.5,
    chromaticities=(0.3127, 0.329, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06),
    srgb=True,
    half=True,
)
FIELDS = [field.name for field in dataclasses.fields(Metadata) if field.name != "lost"]


def read(data, name="a"):
    return decode(Source(f"image {name!r}", data, 10**6))


def write(suffix, metadata, image=RGB):
    form = FORMATS[suffix]
    return form.encode(quantised(image, max(form.depths)), metadata)


def test_every_field_is_tried():
    assert all(getattr(FULL, name) != getattr(NOTHING, name) for name in FIELDS)


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("suffix", FORMATS)
def test_a_format_keeps_what_it_claims_and_nothing_else(suffix, field):
    form = FORMATS[suffix]
    given = dataclasses.replace(NOTHING, **{field: getattr(FULL, field)})
    back = read(write(suffix, given)).metadata
    if field in form.keeps:
        assert back == form.held(given)
        expected = getattr(FULL, field)
        if field == "text" and form.keywords is not None:
            expected = {key: value for key, value in expected.items() if key in form.keywords}
            assert expected
        assert getattr(back, field) == expected
    else:
        assert back == NOTHING
        assert write(suffix, given) == write(suffix, NOTHING)


@pytest.mark.parametrize("suffix", FORMATS)
def test_all_fields_at_once(suffix):
    given = dataclasses.replace(FULL, srgb=False)
    data = write(suffix, given)
    assert data == write(suffix, given)
    found = read(data)
    assert found.metadata == FORMATS[suffix].held(given) and found.notes == ()
    back = read(write(suffix, found.metadata))
    assert back.metadata == found.metadata
    if FORMATS[suffix].lossless:
        assert np.array_equal(back.values, found.values)


def test_a_profile_is_written_without_the_srgb_chunk():
    data = write(".png", FULL)
    assert b"iCCP" in data and b"sRGB" not in data
    assert b"sRGB" in write(".png", Metadata(srgb=True))


@pytest.mark.parametrize("suffix", [name for name, form in FORMATS.items() if "exif" in form.keeps])
def test_an_exif_block_is_written_upright(suffix):
    before, after = exif_block(orientation=6), exif_block()
    assert exif.orientation(before) == 6
    found = read(write(suffix, Metadata(exif=before)))
    assert found.orientation == 1 and found.metadata.exif == after


def test_a_thumbnail_does_not_outlive_its_picture():
    for order in "<>":
        mark = b"II*\0" if order == "<" else b"MM\0*"
        thumbnail = b"\xff\xd8\xff private \xff\xd9"
        first = struct.pack(order + "HHHIHHI", 1, 0x0112, 3, 1, 8, 0, 26)
        second = struct.pack(
            order + "HHHIIHHIII", 2, 0x0201, 4, 1, 56, 0x0202, 4, 1, len(thumbnail), 0
        )
        block = mark + struct.pack(order + "I", 8) + first + second + thumbnail
        assert exif.orientation(block) == 8
        back = exif.upright(block)
        assert len(back) == len(block) and b"private" not in back
        assert exif.orientation(back) == 1 and exif.sound(back)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
def test_a_broken_exif_block_is_left_out_with_a_note(suffix):
    sound = exif_block()
    for block in (
        b"junk",
        sound[:9],
        sound[:40],
        b"II*\0\xff\xff\xff\xff",
        sound[:8] + b"\xff" * 99,
    ):
        assert exif.upright(block) is None and exif.orientation(block) == 1
        assert write(suffix, Metadata(exif=block)) == write(suffix, NOTHING)
        found = read(with_exif(suffix, block))
        assert found.metadata.exif is None and found.orientation == 1
        assert "EXIF" in found.metadata.lost[0] and found.notes == ()


def with_exif(suffix, block):
    """A file with `block` as it is, which texto would not write."""
    form = FORMATS[suffix]
    return form.write(quantised(RGB, 8), Metadata(exif=block))


@pytest.mark.parametrize("cut", [*range(0, 120, 7)])
def test_damaged_exif_blocks_never_raise(cut):
    block = bytearray(exif_block(3))
    for place in range(cut, len(block), 50):
        block[place] ^= 0xA5
    for one in (bytes(block), bytes(block[:cut])):
        assert 1 <= exif.orientation(one) <= 8
        assert exif.upright(one) is None or exif.orientation(exif.upright(one)) == 1


def test_the_exif_mark_of_jpeg_is_no_part_of_the_block():
    assert read(with_exif(".png", b"Exif\0\0" + exif_block())).metadata.exif == exif_block()
    empty = read(with_exif(".png", b"Exif\0\0")).metadata
    assert empty == NOTHING


def test_what_is_too_long_for_jpeg_is_not_held():
    long = Metadata(exif=exif_block() + bytes(70_000), text={"Comment": "x" * 70_000})
    assert FORMATS[".jpg"].held(long) == NOTHING
    assert read(write(".jpg", long)).metadata == NOTHING
    assert read(write(".png", long)).metadata == long


def test_comments_in_any_encoding():
    for comment, text in ((b"caf\xe9\0", "caf\xe9"), ("日本".encode(), "日本"), (b"", None)):
        buffer = io.BytesIO()
        Image.fromarray(quantised(RGB, 8)).save(buffer, "JPEG", comment=comment)
        assert read(buffer.getvalue()).metadata.text.get("Comment") == text


@pytest.mark.parametrize("dpi", [1, 72, 96, 150, 299, 300, 1200, 12345])
def test_whole_resolutions_come_back(dpi):
    for suffix, form in FORMATS.items():
        if "dpi" in form.keeps:
            assert read(write(suffix, Metadata(dpi=(dpi, dpi)))).metadata.dpi == (dpi, dpi)


def test_resolutions_that_say_nothing():
    assert read(tiff_bytes(resolution=(1, 1), resolutionunit="none")).metadata.dpi is None
    chunk = png_chunk(b"pHYs", struct.pack(">IIB", 1, 2, 0))  # an aspect, no resolution
    assert read(png_with(chunk)).metadata == NOTHING
    centimetres = read(tiff_bytes(resolution=(100, 50), resolutionunit="centimeter"))
    assert centimetres.metadata.dpi == (254, 127)


def tiff_bytes(**options):
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, quantised(RGB, 8), photometric="rgb", **options)
    return buffer.getvalue()


def png_chunk(kind, content):
    check = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + check


def png_with(*added):
    data = write(".png", NOTHING)
    return data[:33] + b"".join(added) + data[33:]


def test_a_description_of_the_files_own_layout_is_not_kept():
    assert read(tiff_bytes()).metadata.text == {"Software": "tifffile.py"}
    assert "Description" not in read(tiff_bytes(ome=True)).metadata.text
    found = read(tiff_bytes(description="plain", software="s", metadata=None)).metadata
    assert found.text == {"Description": "plain", "Software": "s"}


def test_texts_that_could_not_be_written_again_are_left_out():
    chunks = [
        png_chunk(b"tEXt", b"good\0text"),
        png_chunk(b"tEXt", b" bad\0text"),
        png_chunk(b"tEXt", b"nul\0te\0xt"),
        png_chunk(b"zTXt", b"cut\0\0" + zlib.compress(b"x" * 99)[:-5]),
        png_chunk(b"tEXt", b"long\0" + b"x" * (2 << 20)),
        png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0<x:xmpmeta/>"),
    ]
    found = read(png_with(*chunks))
    assert found.metadata.text == {"good": "text"} and found.notes == ()
    assert "4 texts" in found.metadata.lost[0]
    write(".png", found.metadata)


def test_damaged_small_chunks_say_nothing():
    kinds = {b"pHYs": 8, b"gAMA": 3, b"cHRM": 31}
    found = read(png_with(*(png_chunk(kind, bytes(size)) for kind, size in kinds.items())))
    assert found.metadata == NOTHING
    assert read(png_with(png_chunk(b"gAMA", bytes(4)))).metadata == NOTHING


def test_chromaticities_that_png_cannot_hold():
    wide = (0.32168, 0.33767, 0.7347, 0.2653, 0.0, 1.0, 0.0001, -0.077)
    assert read(write(".png", Metadata(chromaticities=wide))).metadata == NOTHING


def test_text_given_by_the_program_is_refused_where_it_is_wrong():
    with pytest.raises(TextoError, match="keyword"):
        write(".png", Metadata(text={" a": "b"}))


def test_exif_tables_of_a_tiff_become_a_block():
    buffer, given = io.BytesIO(), Image.Exif()
    given[0x010F] = "a maker of cameras"
    given.get_ifd(0x8769).update({0x9003: "2026:01:02 03:04:05", 0x927C: b"notes of the maker"})
    given.get_ifd(0x8825)[1] = "N"
    given.load(given.tobytes())  # Pillow writes only the tables of a block
    Image.fromarray(quantised(RGB, 8)).save(buffer, "TIFF", exif=given)
    found = read(buffer.getvalue()).metadata
    again = Image.Exif()
    again.load(b"Exif\0\0" + found.exif)
    assert again[0x010F] == "a maker of cameras"
    assert dict(again.get_ifd(0x8769)) == {0x9003: "2026:01:02 03:04:05"}
    assert again.get_ifd(0x8825)[1] == "N"
    assert read(write(".png", found)).metadata.exif == found.exif
