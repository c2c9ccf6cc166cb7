"""Nothing is changed in silence: kinds of pictures, what files say of themselves, sets of maps."""

import json
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from texto.core.kinds import kind_in_name
from texto.io import colours
from texto.io.codecs.encode import FORMATS
from texto.io.codecs.samples import Metadata
from texto.io.images import open_image, read_text, write_image

QUICK = ("-m", "gaussian", "--seed", 1)
FLOW = ("--set", "n_iter=1", "--set", "n_iter_dual=2", "--set", "patch_size=6", "--seed", 1)
PROFILE = imagecodecs.cms_profile("adobergb")


def normals(height=40, width=48):
    """(H, W, 3) float32: the unit normals of a bumpy surface, as stored."""
    rows, columns = np.mgrid[:height, :width] / 5
    slopes = np.dstack([np.sin(columns + rows), np.cos(rows), np.ones((height, width))])
    slopes /= np.linalg.norm(slopes, axis=2, keepdims=True)
    return ((slopes + 1) / 2).astype(np.float32)


def lengths(path):
    return np.linalg.norm(2 * open_image(path).stored - 1, axis=2)


@pytest.fixture
def material(folder, bricks):
    """wall.png with a copy, normals, a height of 16 bits and ids; and a mask of some pixels."""
    Image.fromarray(bricks()).save("wall_copy.png")
    write_image("wall_normal.png", normals())
    height = bricks(channels=1)[..., 0].astype(np.float32) / 255
    write_image("wall_height.png", height, bits=16)
    ids = np.array([20, 90, 230], np.uint8)[np.arange(48) // 8 % 3 * np.ones((40, 1), int)]
    Image.fromarray(ids).save("wall_id.png")
    mask = np.zeros((40, 48), np.uint8)
    mask[14:22, 18:28] = 255
    Image.fromarray(mask).save("hole_mask.png")
    return ["wall", "wall_copy", "wall_normal", "wall_height", "wall_id"]


SET = ("--with", "wall_copy.png", "wall_normal.png", "wall_height.png", "wall_id.png")
COMMANDS = {
    "synth": ("synth", "wall.png", *SET, "-s", "40x32", *FLOW),
    "tile": ("tile", "wall.png", *SET, "--seed", 1),
    "tile by a method": ("tile", "wall.png", *SET, *QUICK),
    "inpaint": ("inpaint", "wall.png", *SET, "--mask", "hole_mask.png", *FLOW),
    "mix": ("mix", "wall.png", "wall.png", *sum((("--with", m, m) for m in SET[1:]), ()), *FLOW),
    "recolor": ("recolor", "wall.png", *SET, "--like", "wall_normal.png", "--seed", 1),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_set_stays_a_set(name, material, done):
    paths = done(*COMMANDS[name], "-o", "new_{stem}.png").paths
    first, copy, normal, _, ids = paths
    assert np.abs(open_image(first).pixels - open_image(copy).pixels).max() < 1.01 / 255
    assert np.abs(lengths(normal) - 1).max() < 1 / 127
    assert [open_image(path).bits for path in paths] == [8, 8, 8, 16, 8]
    assert set(np.unique(np.asarray(Image.open(ids)))) <= {20, 90, 230}
    again = [open_image(path).meaning.kind for path in paths]  # as their records say
    assert again == ["colour", "colour", "normal", "data", "labels"]


def test_what_is_not_made_anew_keeps_its_bits_in_every_map(material, done, pixels):
    paths = done(*COMMANDS["inpaint"], "-o", "new_{stem}.png").paths
    known = pixels("hole_mask.png") == 0
    for name, path in zip(material, paths, strict=True):
        assert np.array_equal(pixels(f"{name}.png")[known], pixels(path)[known])
    changed = [
        (pixels(f"{n}.png") != pixels(p))[~known].any()
        for n, p in zip(material, paths, strict=True)
    ]
    assert all(changed[:4])


def test_models_keep_the_kinds(material, done):
    model = done("fit", "wall.png", *SET, "-m", "gaussian", "--seed", 0).paths[0]
    one = done("synth", model, "-s", "30x20", "--seed", 1, "-o", "a_{stem}.png").paths
    two = done("synth", "wall.png", *SET, *QUICK, "-s", "30x20", "-o", "b_{stem}.png").paths
    for first, second in zip(one, two, strict=True):
        assert np.array_equal(open_image(first).stored, open_image(second).stored)
    single = done("synth", "wall_normal.png", *QUICK, "-s", "30x20", "-o", "n.png").paths[0]
    assert np.abs(lengths(single) - 1).max() < 1 / 127
    again = done("synth", "--from", single, "-o", "again.png").paths[0]
    assert Path(single).read_bytes() == Path(again).read_bytes()


def test_kinds_are_told_and_can_be_chosen(material, done, refused):
    told = done("synth", "wall_normal.png", *QUICK, "-s", 16, "-v").err
    assert "'wall_normal.png': read as normal, by what it is called" in told
    path = done(
        "synth", "wall_normal.png", *QUICK, "-s", 16, "--kind", "colour", "-o", "c.png"
    ).paths[0]
    assert np.abs(lengths(path) - 1).max() > 2 / 127
    assert "choose from colour, normal" in refused("tile", "wall.png", "--kind", "taste")
    line = refused("tile", "wall.png", "--with", "wall_id.png", "--kind", "data,data,data")
    assert "are 3 for 2 pictures" in line
    assert "holds normal, no colours" in refused("recolor", "wall_normal.png", "--like", "wall.png")


@pytest.mark.parametrize(
    "name, kind",
    [
        ("wall_normal.png", "normal"),
        ("wall_n.png", "normal"),
        ("WallNormalGL.jpg", "normal"),
        ("wall_nor_gl_4k.exr", "normal"),
        ("normal.png", "normal"),
        ("wall-height.tif", "data"),
        ("wall_disp_2K.png", "data"),
        ("wall_rough.png", "data"),
        ("wall_ambient_occlusion.png", "data"),
        ("hole_mask.png", "data"),
        ("wall_id.png", "labels"),
        ("wall.png", None),
        ("n.png", None),
        ("normally.png", None),
        ("wall_normal_old.png", None),
        ("a.b/wall.png", None),
    ],
)
def test_names_tell_kinds(name, kind):
    assert kind_in_name(name) == kind


# -- colours and what files say of themselves ----------------------------------------------------


def test_own_colours_are_kept_where_a_part_changes(folder, done, pixels, material):
    Image.open("wall.png").save("adobe.png", icc_profile=PROFILE, dpi=(300, 300))
    outside = pixels("hole_mask.png") == 0
    path = done("inpaint", "adobe.png", "--mask", "hole_mask.png", *QUICK).paths[0]
    with Image.open(path) as image:
        assert image.info["icc_profile"] == PROFILE and round(image.info["dpi"][0]) == 300
        assert np.array_equal(np.array(image)[outside], pixels("wall.png")[outside])
    path = done("tile", "adobe.png", *QUICK, "--width", 4, "--strip").paths[0]
    with Image.open(path) as image:
        assert image.info["icc_profile"] == PROFILE and "dpi" not in image.info
        assert (np.array(image) == pixels("wall.png")).all(axis=2).mean() > 0.7
    path = done("recolor", "adobe.png", "--like", "adobe.png", "--seed", 1, "-o", "r.png").paths[0]
    with Image.open(path) as image:
        assert image.info["icc_profile"] == PROFILE
        assert np.abs(np.array(image).astype(int) - pixels("wall.png")).mean() < 4


def test_new_pictures_are_srgb_and_say_so(folder, done, pixels):
    Image.open("wall.png").save("adobe.png", icc_profile=PROFILE)
    outcome = done("synth", "adobe.png", *QUICK, "-s", 20, "-o", "a.png", "-v")
    assert "converted to sRGB by its profile" in outcome.err
    with Image.open("a.png") as image:
        assert "icc_profile" not in image.info and "srgb" in image.info
    done("synth", "wall.png", *QUICK, "-s", 20, "-o", "b.png")
    with Image.open("b.png") as image:
        assert "srgb" not in image.info


@pytest.mark.parametrize("kind", ["colour", "normal", "data", "labels"])
def test_only_colour_is_converted(kind, folder, pixels):
    Image.open("wall.png").save("adobe.png", icc_profile=PROFILE)
    same = np.allclose(
        open_image("adobe.png", kind=kind).stored * 255, pixels("wall.png"), atol=1e-3
    )
    assert same == (kind != "colour")


def test_grey_profiles_and_gamma_are_heeded(folder):
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16)
    linear = imagecodecs.cms_profile("gray", gamma=1.0)
    Image.fromarray(ramp).save("grey.png", icc_profile=linear)
    light = ramp[..., None] / np.float32(255)
    expected = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    assert np.abs(open_image("grey.png").pixels - expected).max() < 2e-4
    write_image("gamma.png", light, metadata=Metadata(gamma=1.0))
    assert np.abs(open_image("gamma.png").pixels - expected).max() < 2e-4
    assert np.array_equal(open_image("gamma.png", own=True).stored, light)


@pytest.mark.parametrize("suffix", [s for s, form in FORMATS.items() if form.lossless])
def test_every_format_and_depth_comes_back_from_inpaint(suffix, folder, done, material):
    form, mask = FORMATS[suffix], np.asarray(Image.open("hole_mask.png")) > 0
    told = Metadata(profile=PROFILE, dpi=(150.0, 150.0), text={"Comment": "mine"})
    for bits in form.depths:
        picture = np.random.default_rng(bits).random((40, 48, 3), np.float32)
        if bits == 32 and form.linear:
            picture = 5 * picture
        write_image(f"a{suffix}", picture, bits=bits, metadata=told)
        before = open_image(f"a{suffix}", own=True)
        path = done(
            "inpaint",
            f"a{suffix}",
            "--mask",
            "hole_mask.png",
            *QUICK,
            "-o",
            f"b{suffix}",
            "--force",
        ).paths[0]
        after = open_image(path, own=True)
        assert after.bits == before.bits == bits
        assert np.array_equal(after.stored[~mask], before.stored[~mask])
        for name in form.keeps & {"profile", "dpi"}:
            assert getattr(after.metadata, name) == getattr(before.metadata, name), name
        kept = {k: v for k, v in after.metadata.text.items() if k != "texto"}
        assert kept == dict(before.metadata.text)


# -- depth, range, opacity -----------------------------------------------------------------------


def test_depth_is_kept_or_told(folder, done, refused):
    rows = np.random.default_rng(0).random((40, 48, 3), np.float32)
    tifffile.imwrite("float.tif", rows, photometric="rgb")
    assert open_image(done("synth", "float.tif", *QUICK, "-s", 16).paths[0]).bits == 32
    write_image("deep.png", rows, bits=16)
    for suffix in (".jpg", ".webp", ".bmp"):
        outcome = done("synth", "deep.png", *QUICK, "-s", 16, "-o", f"a{suffix}")
        assert f"{suffix} holds 8 bits, the picture has 16" in outcome.err
        assert "would not keep the 16-bit" in refused(
            "tile", "deep.png", *QUICK, "-o", f"t{suffix}"
        )


def test_values_beyond_one_come_back(folder, done, refused, material):
    bright = 20 * normals() ** 4
    write_image("bright.exr", bright, bits=32)
    path = done("synth", "bright.exr", "-m", "quilting", "-s", "40x30", "--seed", 1).paths[0]
    made = open_image(path)
    assert path.endswith(".exr") and 2 < made.stored.max() <= bright.max() * 1.001
    assert ".png cannot hold values from" in refused("synth", "bright.exr", *QUICK, "-o", "a.png")
    heights = np.linspace(200, 450, 40 * 48, dtype=np.float32).reshape(40, 48)
    tifffile.imwrite("land_height.tif", heights)
    path = done("inpaint", "land_height.tif", "--mask", "hole_mask.png", *QUICK).paths[0]
    back = tifffile.imread(path)
    inside = np.asarray(Image.open("hole_mask.png")) > 0
    assert np.array_equal(back[~inside], heights[~inside]) and 190 < back[inside].min() < 460


def test_opacity_may_be_kept(folder, done, refused):
    glass = np.dstack([np.asarray(Image.open("wall.png")), np.full((40, 48), 255, np.uint8)])
    glass[:, 24:, 3] = 0
    glass[:, 24:, :3] = np.random.default_rng(0).integers(0, 255, (40, 24, 3))
    Image.fromarray(glass).save("glass.png")
    keep = ("-m", "quilting", "-s", "40x30", "--seed", 1, "--alpha", "keep")
    path = done("synth", "glass.png", *keep, "-o", "a.png").paths[0]
    glass[:, 24:, :3] = 7
    Image.fromarray(glass).save("glass.png")
    other = done("synth", "glass.png", *keep, "-o", "b.png").paths[0]
    with Image.open(path) as image, Image.open(other) as same:
        assert image.mode == "RGBA" and np.array_equal(np.array(image), np.array(same))
    assert ".jpg cannot hold the opacity" in refused("synth", "glass.png", *keep, "-o", "a.jpg")
    assert json.loads(read_text(path)["texto"])["alpha"] == "keep"


# -- settings and seeds --------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["synth", "mix"])
def test_each_of_several_is_that_of_its_own_seed(command, folder, done):
    given = ("wall.png",) * (1 + (command == "mix"))
    method = ("-m", "ot-flow", *FLOW[:6], "-s", 24)
    done(command, *given, *method, "-n", 2, "--seed", 7, "-o", "n_{seed}.png")
    done(command, *given, *method, "--seed", 8, "-o", "one.png")
    assert Path("n_8.png").read_bytes() == Path("one.png").read_bytes()
    assert json.loads(read_text("one.png")["texto"])["fit_seed"] == 0
    other = ("--fit-seed", 3, "-o", "other.png")
    done(command, *given, *method, "--seed", 8, *other)
    assert json.loads(read_text("other.png")["texto"])["fit_seed"] == 3


def test_settings_without_effect_are_refused(material, refused):
    given = ("wall.png", "--mask", "hole_mask.png", "-m", "textogmm", "--seed", 1)
    assert "--set search_share: changes nothing" in refused(
        "inpaint", *given, "--set", "search_share=.5"
    )
    given = ("tile", "wall.png", "-m", "kwatra", "--seed", 1)
    assert "--set finish: changes nothing" in refused(*given, "--set", "finish=sliced")


def test_absurd_primaries_are_taken_for_srgb_both_ways():
    told, notes = Metadata(gamma=1 / 1.8, chromaticities=(0.0,) * 8), []
    picture = np.random.default_rng(0).random((4, 5, 3), np.float32)
    assert np.array_equal(colours.in_srgb(picture, told, notes)[0], picture) and notes
    assert np.array_equal(colours.in_file(picture, told), picture)
    sound = Metadata(
        gamma=1 / 1.8, chromaticities=(0.3127, 0.329, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06)
    )
    there = colours.in_srgb(0.2 + 0.6 * picture, sound, [])[0]
    assert np.abs(colours.in_file(there, sound) - (0.2 + 0.6 * picture)).mean() < 0.01
