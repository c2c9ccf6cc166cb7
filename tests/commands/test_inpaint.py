"""`texto inpaint`: known pixels kept at any depth and mode, masks, records, refusals."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

import texto as package
from texto.cli import main
from texto.core import registry
from texto.io import model_files
from texto.io.images import open_image, read_text, write_image

QUICK = ("-m", "gaussian", "--seed", 1)
HOLES = np.zeros((40, 48), bool)
HOLES[10:22, 14:30] = True
HOLES[33:, :6] = True


def save(name, values):
    Image.fromarray(values).save(name)
    return name


def record_of(path):
    return json.loads(read_text(path)["texto"])


@pytest.fixture
def mask(folder):
    """mask.png, white where HOLES; wall.png is beside it."""
    return save("mask.png", HOLES.astype(np.uint8) * 255)


@pytest.fixture
def filled(folder, done, mask):
    """The pixels that `texto inpaint wall.png ARGUMENTS` writes."""

    def call(*arguments):
        done("inpaint", "wall.png", *QUICK, *arguments, "-o", "filled.png", "--force")
        return open_image("filled.png").pixels

    return call


# -- results ----------------------------------------------------------------------------------


def test_fills_the_holes_and_nothing_else(folder, done, mask, pixels):
    outcome = done("inpaint", "wall.png", "--mask", mask, *QUICK)
    assert outcome.paths == ["wall_gaussian_inpaint_s1.png"]
    assert outcome.err == f"texto: {100 * HOLES.mean():.1f} % of the picture to fill\n"
    before, after = pixels("wall.png"), pixels(outcome.paths[0])
    assert np.array_equal(after[~HOLES], before[~HOLES])
    assert (after[HOLES] != before[HOLES]).any(axis=1).mean() > 0.9
    expected = package.Gaussian().inpaint(open_image("wall.png").pixels, HOLES, rng=1)
    assert np.abs(open_image(outcome.paths[0]).pixels - expected).max() <= 0.5001 / 255


def test_default_method_is_ot_flow(folder, done, mask, pixels):
    quick = [f"--set={pair}" for pair in ("n_iter=1", "n_dims=8", "patch_size=4")]
    (path,) = done("inpaint", "wall.png", "--mask", mask, "--seed", 1, *quick, "-q").paths
    assert path == "wall_ot-flow_inpaint_s1.png"
    assert np.array_equal(pixels(path)[~HOLES], pixels("wall.png")[~HOLES])


def deep(channels, top):
    values = np.random.default_rng(1).integers(0, top + 1, (40, 48, channels))
    return values[:, :, 0] if channels == 1 else values


INPUTS = {
    "grey 8": ("a.png", deep(1, 255).astype(np.uint8)),
    "grey 16": ("a.png", deep(1, 65535).astype(np.uint16)),
    "grey 16 TIFF": ("a.tif", deep(1, 65535).astype(np.uint16)),
    "two tones": ("a.png", deep(1, 1).astype(bool)),
    "JPEG": ("a.jpg", deep(3, 255).astype(np.uint8)),
    "BMP": ("a.bmp", deep(3, 255).astype(np.uint8)),
}


@pytest.mark.parametrize("name, values", INPUTS.values(), ids=INPUTS)
def test_known_pixels_keep_their_values_and_depth(folder, done, mask, pixels, name, values):
    save(name, values)
    path = done("inpaint", name, "--mask", mask, *QUICK).paths[0]
    assert path == "a_gaussian_inpaint_s1.png"
    before, after = pixels(name), pixels(path)
    if before.dtype == bool:
        before = before * np.uint8(255)
    assert after.dtype == before.dtype and after.shape == before.shape
    assert np.array_equal(after[~HOLES], before[~HOLES])


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_deep_colour_keeps_its_depth(folder, done, mask, suffix):
    import imagecodecs

    values = deep(3, 65535).astype(np.uint16)
    Path("deep.png").write_bytes(imagecodecs.png_encode(values))
    done("inpaint", "deep.png", "--mask", mask, *QUICK, "-o", f"out{suffix}")
    after = getattr(imagecodecs, f"{'png' if suffix == '.png' else 'tiff'}_decode")(
        Path(f"out{suffix}").read_bytes()
    )
    assert after.dtype == np.uint16 and np.array_equal(after[~HOLES], values[~HOLES])


def test_float_pictures_stay_float(folder, done, mask, refused):
    values = np.random.default_rng(1).random((40, 48), np.float32)
    write_image("height.tif", values, bits=32)
    line = refused("inpaint", "height.tif", "--mask", mask, *QUICK, "-o", "height.png")
    assert "would not keep the 32-bit pixels" in line and ".tif" in line
    path = done("inpaint", "height.tif", "--mask", mask, *QUICK).paths[0]
    assert path == "height_gaussian_inpaint_s1.tif"
    after = open_image(path)
    assert after.bits == 32 and np.array_equal(after.pixels[~HOLES, 0], values[~HOLES])


def test_palette_and_transparent_pictures(folder, done, mask, pixels, refused, bricks):
    Image.fromarray(bricks()).quantize(20).save("few.png")
    path = done("inpaint", "few.png", "--mask", mask, *QUICK).paths[0]
    colours = np.array(Image.open("few.png").convert("RGB"))
    assert np.array_equal(pixels(path)[~HOLES], colours[~HOLES])
    save("clear.png", np.dstack([bricks(), np.full((40, 48), 99, np.uint8)]))
    assert "transparent" in refused("inpaint", "clear.png", "--mask", mask, *QUICK)
    path = done("inpaint", "clear.png", "--mask", mask, *QUICK, "--alpha", "ignore").paths[0]
    assert np.array_equal(pixels(path)[~HOLES], bricks()[~HOLES])
    assert record_of(path)["alpha"] == "ignore"


# -- masks ------------------------------------------------------------------------------------


def soft(holes, low, high, dtype):
    """A mask with values 0..low where black is meant and high.. where white is."""
    top = np.iinfo(dtype).max
    random = np.random.default_rng(0).random(holes.shape)
    values = np.where(holes, high + random * (top - high), random * low)
    return np.rint(values).astype(dtype)


MASKS = {
    "soft, at the threshold": soft(HOLES, 127, 128, np.uint8),
    "only 127 and 128": np.where(HOLES, 128, 127).astype(np.uint8),
    "16 bits": soft(HOLES, 32767, 32768, np.uint16),
    "only 32767 and 32768": np.where(HOLES, 32768, 32767).astype(np.uint16),
    "RGB": np.dstack([soft(HOLES, 127, 128, np.uint8)] * 3),
    "RGB by its mean": np.dstack(
        [HOLES * np.uint8(255), HOLES * np.uint8(140), np.full((40, 48), 120, np.uint8)]
    ),
    "one bit": HOLES,
    "with opaque alpha": np.dstack(
        [HOLES * np.uint8(255)] * 3 + [np.full((40, 48), 255, np.uint8)]
    ),
}


@pytest.mark.parametrize("values", MASKS.values(), ids=MASKS)
def test_masks_of_any_kind_are_the_boolean_one(filled, values):
    expected = filled("--mask", "mask.png")
    assert np.array_equal(filled("--mask", save("other.png", values)), expected)


def test_inverted_mask(filled, refused):
    expected = filled("--mask", "mask.png")
    save("black.png", np.where(HOLES, 0, 255).astype(np.uint8))
    assert np.array_equal(filled("--mask", "black.png", "--invert-mask"), expected)
    assert record_of("filled.png")["mask_inverted"] is True
    save("none.png", np.zeros((40, 48), np.uint8))
    line = refused("inpaint", "wall.png", "--mask", "none.png", "--invert-mask", *QUICK)
    assert "selects every pixel; with --invert-mask, black is filled" in line


def test_source_mask_reaches_the_method(filled):
    some = np.zeros((40, 48), bool)
    some[20:, 10:] = True
    save("some.png", some.astype(np.uint8) * 255)
    after = filled("--mask", "mask.png", "--source-mask", "some.png")
    image = open_image("wall.png").pixels
    expected = package.Gaussian().inpaint(image, HOLES, sources=some, rng=1)
    assert np.abs(after - expected).max() <= 0.5001 / 255
    assert not np.array_equal(after, filled("--mask", "mask.png"))


@pytest.mark.parametrize(
    "share, told", [(768, "40.0 %"), (2, "0.1 %"), (1, "0.052 %"), (1919, "99.9 %")]
)
def test_filled_share_is_told(folder, done, share, told):
    values = np.zeros(1920, np.uint8)
    values[:share] = 255
    save("part.png", values.reshape(40, 48))
    arguments = ("inpaint", "wall.png", "--mask", "part.png", *QUICK, "--force")
    assert done(*arguments).err.endswith(f"texto: {told} of the picture to fill\n")
    assert done(*arguments, "-q").err == ""


@pytest.mark.parametrize("inverted", [False, True])
def test_more_than_half_to_fill_is_noted(folder, done, inverted):
    save("most.png", np.where(inverted != HOLES, 0, 255).astype(np.uint8))
    arguments = ["--mask", "most.png", *(["--invert-mask"] if inverted else [])]
    note, _ = done("inpaint", "wall.png", *arguments, *QUICK).err.splitlines()
    remedy = "leave --invert-mask out" if inverted else "give --invert-mask"
    assert "selects 87.8 % of the picture" in note and note.endswith(remedy)


WHITE, BLACK, RED = (255, 255, 255), (0, 0, 0), (210, 10, 20)


def brush(colour, opacity):
    """Strokes of one colour on a transparent ground, whose own colour is another."""
    hidden = np.where((opacity > 0)[:, :, None], colour, (9, 99, 199))
    return np.dstack([hidden, opacity]).astype(np.uint8)


@pytest.mark.parametrize("colour", [WHITE, BLACK, RED])
def test_a_brush_on_a_transparent_ground_is_its_opacity(filled, colour):
    expected = filled("--mask", "mask.png")
    save("brush.png", brush(colour, soft(HOLES, 127, 128, np.uint8)))
    assert np.array_equal(filled("--mask", "brush.png"), expected)
    save("rest.png", brush(colour, 255 - 255 * HOLES))
    assert np.array_equal(filled("--mask", "rest.png", "--invert-mask"), expected)


def test_a_transparent_mask_of_several_colours_is_refused(refused, filled, bricks):
    save("erased.png", np.dstack([bricks(), 255 * HOLES]).astype(np.uint8))
    line = refused("inpaint", "wall.png", "--mask", "erased.png", *QUICK)
    assert "has several colours" in line and "--mask alpha" in line
    assert filled("--mask", "erased.png", "--alpha", "white") is not None


def test_the_transparent_part_of_the_picture_is_filled(folder, done, mask, pixels, bricks):
    opacity = soft(~HOLES, 127, 128, np.uint8)
    for number, hidden in enumerate([(0, 0, 0), WHITE]):
        colours = np.where(HOLES[:, :, None], hidden, bricks())
        save(f"clear{number}.png", np.dstack([colours, opacity]).astype(np.uint8))
    made = [
        done("inpaint", f"clear{k}.png", "--mask", "alpha", *QUICK, "-o", f"{k}.png").paths[0]
        for k in (0, 1)
    ]
    done("inpaint", "wall.png", "--mask", mask, *QUICK, "-o", "expected.png")
    assert np.array_equal(pixels(made[0]), pixels("expected.png"))
    assert np.array_equal(pixels(made[1]), pixels("expected.png"))
    assert record_of(made[0])["mask"] == "alpha"
    assert record_of(made[0])["mask_hash"] == record_of("expected.png")["mask_hash"]


def test_mask_alpha_is_refused_where_it_says_nothing(refused, bricks, done):
    assert "opaque everywhere" in refused("inpaint", "wall.png", "--mask", "alpha", *QUICK)
    save("clear.png", np.dstack([bricks(), 255 * ~HOLES]).astype(np.uint8))
    for more in (["--invert-mask"], ["--alpha", "white"]):
        line = refused("inpaint", "clear.png", "--mask", "alpha", *QUICK, *more)
        assert f"{more[0]}: says nothing beside --mask alpha" in line
    Image.fromarray(HOLES.astype(np.uint8) * 255).save("alpha", format="png")
    done("inpaint", "wall.png", "--mask", "./alpha", *QUICK)


def test_grown_and_feathered_holes(filled, pixels):
    near = ndimage.distance_transform_edt(~HOLES)
    before = open_image("wall.png").pixels
    grown = filled("--mask", "mask.png", "--grow", "3")
    assert np.array_equal((grown != before).any(axis=2) | (near > 3), np.ones_like(HOLES))
    assert np.array_equal(grown[near > 3], before[near > 3])
    soft = filled("--mask", "mask.png", "--grow", "3", "--feather", "2")
    assert np.array_equal(soft[near > 5 + 1e-9], before[near > 5 + 1e-9])
    fields = record_of("filled.png")
    assert (fields["grow"], fields["feather"]) == (3, 2)
    smaller = filled("--mask", "mask.png", "--grow", "-2")
    assert np.array_equal(
        (smaller == before).all(axis=2), ndimage.distance_transform_edt(HOLES) <= 2
    )


def test_a_picture_that_repeats_is_seen_across_its_edges(folder, done, bricks, pixels):
    """F2 of the cases: the wrap line is no rougher than the picture."""
    wall = ndimage.gaussian_filter(bricks().astype(float), (2, 2, 0), mode="wrap")
    edge = np.zeros((40, 48), bool)
    edge[:, :6] = edge[:, -6:] = True
    save("seamless.png", wall.astype(np.uint8))
    save("edge.png", edge.astype(np.uint8) * 255)
    rough = {}
    for name, more in {"no": (), "x": ("--tileable", "x"), "set": ("--set", "tileable=x")}.items():
        path = done("inpaint", "seamless.png", "--mask", "edge.png", *QUICK, *more).paths[0]
        steps = np.abs(np.diff(pixels(path).astype(float), axis=1, append=0)).mean(axis=(0, 2))
        made = pixels(path).astype(float)
        rough[name] = np.abs(made[:, 0] - made[:, -1]).mean() / steps[:-1].mean()
        Path(path).unlink()
    assert rough["no"] > 2 and rough["x"] < 1.6 and rough["set"] == rough["x"]


# -- beyond the frame -------------------------------------------------------------------------

INNER = (slice(5, 45), slice(3, 51))  # of a canvas extended by 5,6,7,3


def test_a_picture_is_extended_beyond_its_frame(folder, done, pixels):
    outcome = done("inpaint", "wall.png", "--extend", "5,6,7,3", *QUICK)
    (path,) = outcome.paths
    made, before = pixels(path), pixels("wall.png")
    assert made.shape == (52, 57, 3) and np.array_equal(made[INNER], before)
    new = np.ones((52, 57), bool)
    new[INNER] = False
    assert outcome.err == f"texto: {100 * new.mean():.1f} % of the picture to fill\n"
    assert len(np.unique(made[new], axis=0)) > 300
    fields = record_of(path)
    assert fields["extend"] == [5, 6, 7, 3] and fields["size"] == [57, 52]
    assert "mask" not in fields and "grow" not in fields
    assert fields["image_hash"] == model_files.exemplar_hash(open_image("wall.png").pixels)


def test_extension_mask_and_source_mask_together(filled, mask):
    save(
        "some.png", np.where(np.arange(48) > 4, np.uint8(255), np.uint8(0)) * np.ones((40, 1), "u1")
    )
    made = filled("--extend", "5,6,7,3", "--mask", mask, "--source-mask", "some.png")
    new, sources = np.ones((52, 57), bool), np.zeros((52, 57), bool)
    new[INNER], sources[5:45, 8:51] = HOLES, True
    image = np.zeros((52, 57, 3), np.float32)
    image[INNER] = open_image("wall.png").pixels
    expected = package.Gaussian().inpaint(image, new, sources=sources, rng=1)
    assert np.abs(made - expected).max() <= 0.5001 / 255


def test_maps_are_extended_with_their_picture(folder, done, pixels):
    labels = (np.arange(48) // 6 % 2 * 7 + 3).astype(np.uint8) * np.ones((40, 1), np.uint8)
    save("wall_id.png", labels)
    paths = done(
        "inpaint",
        "wall.png",
        "--with",
        "wall_id.png",
        "--extend",
        "0,8",
        *QUICK,
        "-o",
        "{stem}_o.png",
    ).paths
    assert [pixels(path).shape[:2] for path in paths] == [(40, 64), (40, 64)]
    assert np.array_equal(pixels(paths[1])[:, 8:-8], labels)
    assert set(np.unique(pixels(paths[1]))) == {3, 10}


@pytest.mark.parametrize("wrong", ["0", "", "1,2,3", "-4", "4,x", "1.5", "0,0,0,0", "1,2,3,4,5"])
def test_wrong_extensions(refused, wrong):
    line = refused("inpaint", "wall.png", f"--extend={wrong}", *QUICK)
    assert f"--extend: got {wrong!r}; give pixels" in line and "top, right, bottom, left" in line


# -- where texture comes from -----------------------------------------------------------------


def test_another_picture_as_the_source(folder, done, mask, pixels, bricks):
    other = 255 - bricks(30, 50)
    save("other.png", other)
    path = done("inpaint", "wall.png", "--mask", mask, "--source", "other.png", *QUICK).paths[0]
    made = pixels(path)
    assert np.array_equal(made[~HOLES], bricks()[~HOLES])
    inner = ndimage.binary_erosion(HOLES, iterations=4)
    assert abs(made[inner].mean() - other.mean()) < abs(made[inner].mean() - bricks().mean())
    fields = record_of(path)
    other_hash = model_files.exemplar_hash(open_image("other.png").pixels)
    assert fields["sources"] == ["other.png"] and fields["source_hashes"] == [other_hash]


def test_a_source_comes_in_the_colours_of_the_picture(folder, done, mask, pixels):
    """Both are one colour, told in Adobe RGB and in sRGB: what is filled is as what is kept."""
    import imagecodecs

    profile = imagecodecs.cms_profile("adobergb")
    Image.new("RGB", (48, 40), (150, 120, 90)).save("adobe.png", icc_profile=profile)
    write_image("srgb.png", open_image("adobe.png").pixels)
    assert (pixels("srgb.png") != pixels("adobe.png")).any()
    path = done("inpaint", "adobe.png", "--mask", mask, "--source", "srgb.png", *QUICK).paths[0]
    made = pixels(path).astype(int)
    assert np.abs(made - pixels("adobe.png")).max() <= 1
    with Image.open(path) as image:
        assert image.info["icc_profile"] == profile


def test_masks_of_another_picture_have_its_size(filled, refused, mask):
    save("other.png", np.dstack([np.full((30, 50), 200, np.uint8)] * 3))
    left = np.zeros((30, 50), np.uint8)
    left[:, :25] = 255
    save("left.png", left)
    more = ("--source", "other.png", "--source-mask", "left.png")
    assert filled("--mask", mask, *more) is not None
    line = refused("inpaint", "wall.png", "--mask", mask, *more[:2], "--ignore", mask, *QUICK)
    assert "ignore 'mask.png': is 48x40, --source is 50x30" in line
    line = refused("inpaint", "wall.png", "--mask", mask, *more, "--ignore", "left.png", *QUICK)
    assert "selects no known pixel" in line


def test_ignored_pixels_are_the_others_of_a_source_mask(filled, mask):
    some = np.zeros((40, 48), np.uint8)
    some[20:, 10:] = 255
    save("some.png", some)
    save("rest.png", 255 - some)
    expected = filled("--mask", mask, "--source-mask", "some.png")
    assert np.array_equal(filled("--mask", mask, "--ignore", "rest.png"), expected)
    assert record_of("filled.png")["ignore"] == "rest.png"


def test_a_source_for_each_map(folder, done, refused, mask, pixels, bricks):
    save("wall_id.png", np.where(bricks(channels=1)[..., 0] > 130, np.uint8(9), np.uint8(4)))
    save("other.png", bricks(30, 50))
    save("other_id.png", np.where(bricks(30, 50)[..., 0] > 130, np.uint8(7), np.uint8(4)))
    arguments = ("inpaint", "wall.png", "--with", "wall_id.png", "--mask", mask, *QUICK)
    assert "names 1 for 2 pictures" in refused(*arguments, "--source", "other.png")
    sources = ("--source", "other.png", "other_id.png")
    paths = done(*arguments, *sources, "-o", "{stem}_o.png").paths
    assert set(np.unique(pixels(paths[1])[HOLES])) <= {4, 7, 9}
    assert np.array_equal(pixels(paths[1])[~HOLES], pixels("wall_id.png")[~HOLES])
    swapped = ("--source", "other_id.png", "other.png")
    assert "give one of the same kind" in refused(*arguments, *swapped)


def test_what_is_transparent_in_a_source_is_left_out(filled, mask):
    colours = np.full((40, 48, 3), 120, np.uint8)
    colours[:, :24] = (255, 0, 0)
    opacity = np.where(np.arange(48) < 24, 0, 255).astype(np.uint8) * np.ones((40, 1), np.uint8)
    save("other.png", np.dstack([colours, opacity]))
    made = filled("--mask", mask, "--source", "other.png")
    assert np.allclose(made[HOLES], 120 / 255, atol=1e-6)


# -- names, seeds, records --------------------------------------------------------------------


def test_several_pictures(folder, done, mask, pixels):
    arguments = ("inpaint", "wall.png", "--mask", mask, "-m", "gaussian", "--seed", 7)
    outcome = done(*arguments, "-n", 3, "--json")
    answer = json.loads(outcome.out)
    assert answer["filled"] == pytest.approx(HOLES.mean())
    paths = [entry["path"] for entry in answer["outputs"]]
    assert paths == [f"wall_gaussian_inpaint_s{seed}.png" for seed in (7, 8, 9)]
    assert [record_of(path)["seed"] for path in paths] == [7, 8, 9]
    assert len({pixels(path).tobytes() for path in paths}) == 3
    (alone,) = done(*arguments[:-1], 8, "-o", "alone.png").paths
    assert Path(alone).read_bytes() == Path(paths[1]).read_bytes()


def test_drawn_seed_is_told(folder, done, mask):
    outcome = done(
        "inpaint", "wall.png", "--mask", mask, "-m", "gaussian", "-o", "{stem}_{size}.png"
    )
    assert outcome.paths == ["wall_48x40.png"]
    assert outcome.err.splitlines()[1:] == [f"texto: seed {record_of('wall_48x40.png')['seed']}"]


def test_record_and_info(folder, done, mask, refused):
    path = done("inpaint", "wall.png", "--mask", mask, *QUICK, "--set", "tileable=x").paths[0]
    fields = record_of(path)
    assert len(fields.pop("mask_hash")) == 64
    assert fields == {
        "alpha": "refuse",
        "bits": 8,
        "command": "inpaint",
        "deterministic": False,
        "image": "wall.png",
        "image_hash": model_files.exemplar_hash(open_image("wall.png").pixels),
        "mask": "mask.png",
        "mask_inverted": False,
        "method": "gaussian",
        "seed": 1,
        "settings": {"tileable": "x"},
        "size": [48, 40],
        "version": package.__version__,
    }
    shown = done("info", path).out
    assert "inpaint\n" in shown and "mask.png\n" in shown and "48x40\n" in shown
    line = refused("synth", "--from", path)
    assert "was made by 'texto inpaint', which 'texto synth' cannot repeat" in line
    assert "'texto info'" in line


def test_stdout(folder, mask, capfdbinary):
    arguments = ["inpaint", "wall.png", "--mask", mask, "-m", "gaussian", "--seed", "1", "-o"]
    assert main([*arguments, "file.png"]) == 0
    capfdbinary.readouterr()
    assert main([*arguments, "-"]) == 0
    assert capfdbinary.readouterr().out == Path("file.png").read_bytes()


def test_other_peoples_methods_cannot_change_known_pixels(folder, done, mask, pixels, monkeypatch):
    def all_black(self, image, mask, *, sources=None, rng=None, progress=None):
        image[:] = 0
        mask[:] = True
        return image

    monkeypatch.setattr(package.Gaussian, "inpaint", all_black)
    path = done("inpaint", "wall.png", "--mask", mask, *QUICK).paths[0]
    assert np.array_equal(pixels(path)[~HOLES], pixels("wall.png")[~HOLES])
    assert not pixels(path)[HOLES].any()


# -- refusals ---------------------------------------------------------------------------------


def test_masks_that_fit_nothing_are_refused(refused, mask):
    save("small.png", np.full((9, 13), 255, np.uint8))
    save("white.png", np.full((40, 48), 255, np.uint8))
    save("black.png", np.zeros((40, 48), np.uint8))
    for name, told in {
        "small.png": "mask 'small.png': is 13x9, the picture is 48x40",
        "white.png": "mask 'white.png': selects every pixel",
        "black.png": "mask 'black.png': selects no pixel",
        "missing.png": "missing.png",
    }.items():
        assert told in refused("inpaint", "wall.png", "--mask", name, *QUICK)
    for name, told in {
        "small.png": "source mask 'small.png': is 13x9, the picture is 48x40",
        "black.png": "source mask 'black.png': selects no known pixel",
        mask: "source mask 'mask.png': selects no known pixel",
    }.items():
        line = refused("inpaint", "wall.png", "--mask", mask, "--source-mask", name, *QUICK)
        assert told in line


@pytest.mark.parametrize(
    "arguments, told",
    [
        (["wall.png"], "--mask: is missing"),
        (["--mask", "mask.png"], "IMAGE: is missing"),
        (["wall.png", "--mask", "mask.png", "-m", "gausian"], "did you mean gaussian, singan?"),
        (["wall.png", "--mask", "mask.png", *QUICK, "-o", "a.jpg"], ".jpg files would not keep"),
        (["wall.png", "--mask", "mask.png", *QUICK, "-o", "a.gif"], "has the suffix '.gif'"),
        (["wall.png", "--mask", "mask.png", *QUICK, "-o", "mask.png", "--force"], "also an input"),
        (["wall.png", "--mask", "mask.png", *QUICK, "-o", "wall.png", "--force"], "also an input"),
        (["wall.png", "--mask", "mask.png", *QUICK, "-n", "2", "-o", "a.png"], "more than once"),
        (["wall.png", "--mask", "mask.png", *QUICK, "-n", "2", "-o", "-"], "one picture, not 2"),
        (["wall.png", "--mask", "mask.png", *QUICK, "--json", "-o", "-"], "--json"),
        (["wall.png", "--mask", "mask.png", *QUICK, "--set", "tileable=z"], "none | x | y | xy"),
        (["wall.png", "--mask", "mask.png", *QUICK, "--device", "cuda"], "runs on the CPU only"),
        (["wall.png", "--mask", "mask.png", *QUICK, "--max-pixels", "9"], "over the limit"),
        (["gone.png", "--mask", "mask.png", *QUICK], "gone.png"),
    ],
)
def test_refused_with_advice(arguments, told, refused, mask):
    assert told in refused("inpaint", *arguments)


def test_an_existing_output_and_models_are_refused(refused, mask, model):
    save("a.png", np.zeros((4, 4), np.uint8))
    arguments = ("inpaint", "wall.png", "--mask", mask, *QUICK, "-o", "a.png")
    assert "use --force" in refused(*arguments)
    assert "is a model" in refused("inpaint", model, "--mask", mask, *QUICK)
    assert "is a model" in refused("inpaint", "wall.png", "--mask", model, *QUICK)


def test_methods_that_fill_no_holes_name_those_that_do(refused, mask, monkeypatch):
    monkeypatch.setitem(registry.METHODS, "broken", "texto.nowhere:Nothing")
    line = refused("inpaint", "wall.png", "--mask", mask, "-m", "efros-leung")
    assert "'efros-leung' fills no holes; use gaussian" in line
    assert "broken" not in line and line.count("efros-leung") == 1


def test_memory_that_runs_out_is_told(refused, mask, monkeypatch):
    def greedy(self, image, mask, **_):
        raise MemoryError

    monkeypatch.setattr(package.Gaussian, "inpaint", greedy)
    line = refused("inpaint", "wall.png", "--mask", mask, *QUICK, "-q")
    assert "memory: there is not enough for this picture; scale the picture down" in line
