"""`texto synth --with` and `texto fit --with`: one file per map, records, and what is refused."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import texto as package
from texto.io import model_files
from texto.io.images import open_image, read_text, write_image

QUICK = ("-m", "efros-leung", "-s", "20x12", "--set", "patch_size=3", "--seed", 7)
WITH = ("wall.png", "--with", "height.png", "tint.png")
NAMES = ["wall", "height", "tint"]


@pytest.fixture
def maps(folder):
    """Beside wall.png: height.png (16-bit grey, every value another) and tint.png (RGB)."""
    numbers = np.random.default_rng(1).permutation(40 * 48).reshape(40, 48)
    height = (numbers * 31 + 2000).astype(np.float32) / 65535
    write_image("height.png", height, bits=16)
    wall = np.array(Image.open("wall.png"))
    Image.fromarray(255 - wall[:, :, ::-1]).save("tint.png")
    return list(WITH[:1] + WITH[2:])


def names(suffix="efros-leung_20x12_s7.png"):
    return [f"{name}_{suffix}" for name in NAMES]


def record_of(path) -> dict:
    return json.loads(read_text(path)["texto"])


def expected(weights=None, seed=7):
    pictures = [open_image(f"{name}.png").pixels for name in NAMES]
    stacked, stack = package.stack(pictures, weights=weights)
    model = package.EfrosLeung(patch_size=3).fit(stacked, rng=seed)
    return stack.synthesize(model, (12, 20), rng=seed)


def test_each_map_has_a_file_in_its_own_mode_and_depth(maps, done, pixels):
    outcome = done("synth", *WITH, *QUICK)
    assert outcome.paths == names() and outcome.err == ""
    wall, height, tint = (pixels(path) for path in outcome.paths)
    assert wall.shape == tint.shape == (12, 20, 3) and wall.dtype == tint.dtype == np.uint8
    assert [open_image(path).bits for path in outcome.paths] == [8, 16, 8]
    with Image.open(outcome.paths[1]) as image:
        assert image.mode.startswith("I")
    assert np.array_equal(tint, 255 - wall[:, :, ::-1])
    known = pixels("height.png")
    places = {value: place for place, value in np.ndenumerate(known)}
    source = pixels("wall.png")
    for spot, value in np.ndenumerate(height):
        assert np.array_equal(source[places[value]], wall[spot])


def test_a_deep_map_keeps_more_than_256_values(maps, done, pixels):
    rows = np.linspace(0.1, 0.9, 40 * 48).reshape(40, 48)
    write_image("height.png", rows.astype(np.float32), bits=16)
    settings = ("-m", "kwatra", "--set", "patch_size=8", "--set", "n_iter=1", "-s", "64x40")
    path = done("synth", *WITH[:3], *settings, "--seed", 1).paths[1]
    assert pixels(path).ndim == 2 and len(np.unique(pixels(path))) > 256


def test_pictures_are_what_the_library_makes(maps, done):
    paths = done("synth", *WITH, *QUICK, "--weights-per-map", "1,.25,0").paths
    for path, image, step in zip(paths, expected([1, 0.25, 0]), (255, 65535, 255), strict=True):
        assert np.abs(open_image(path).pixels - image).max() <= 0.501 / step


def test_records(maps, done):
    paths = done("synth", *WITH, *QUICK, "--weights-per-map", "2,.5,0").paths
    for number, path in enumerate(paths, 1):
        record = record_of(path)
        assert (record["map"], record["bits"]) == (number, (8, 16, 8)[number - 1])
        for k, name in enumerate(maps, 1):
            prefix, digest = f"map{k}.", model_files.exemplar_hash(open_image(name).pixels)
            stored = {
                key.removeprefix(prefix): value
                for key, value in record["maps"].items()
                if key.startswith(prefix)
            }
            bits, weight, channels = (8, 16, 8)[k - 1], (2, 0.5, 0)[k - 1], (3, 1, 3)[k - 1]
            assert stored == {
                **{"name": name, "bits": bits, "channels": channels},
                **{"weight": weight, "sha256": digest},
                **({"kind": "data"} if k == 2 else {}),
            }
    shown = done("info", paths[0]).out
    assert "height.png" in shown and "maps.map2.weight" in shown


@pytest.mark.parametrize("number", range(3))
def test_any_of_them_repeats_all(number, maps, done):
    paths = done("synth", *WITH, *QUICK, "--weights-per-map", "1,.5,0").paths
    outcome = done("synth", "--from", paths[number], "-o", "again_{stem}.png")
    assert outcome.paths == [f"again_{name}.png" for name in NAMES] and outcome.err == ""
    for path, again in zip(paths, outcome.paths, strict=True):
        assert Path(path).read_bytes() == Path(again).read_bytes()


def test_repeats_with_maps_that_are_elsewhere(maps, done, refused):
    path = done("synth", *WITH, *QUICK).paths[0]
    os.mkdir("other")
    shutil.move("height.png", "other/height.png")
    line = refused("synth", "--from", path, "-o", "again_{stem}.png")
    assert "'height.png'" in line and "--with" in line
    given = ("--with", "other/height.png", "tint.png", "--from", path, "-o", "again_{stem}.png")
    for source in ((), ("wall.png",)):
        again = done("synth", *source, *given, "--force")
        assert again.err == "" and Path(again.paths[0]).read_bytes() == Path(path).read_bytes()
    assert "made of 3 maps, and 2" in refused("synth", *WITH[:3], "--from", path)


def test_a_changed_map_is_noted_or_refused(maps, done, refused):
    path = done("synth", *WITH, *QUICK).paths[0]
    shutil.copy("wall.png", "tint.png")
    assert "has changed" in refused("synth", "--from", path, "-o", "again_{stem}.png")
    outcome = done("synth", *WITH, "--from", path, "-o", "again_{stem}.png")
    assert "is not what the picture was made from" in outcome.err


def test_other_weights_and_options_override(maps, done):
    path = done("synth", *WITH, *QUICK).paths[0]
    given = ("--weights-per-map", "1,0,0", "--seed", 8, "-o", "new_{stem}.png")
    outcome = done("synth", "--from", path, *given)
    assert outcome.err == "" and record_of(outcome.paths[2])["maps"]["map2.weight"] == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"map2.name": "../height.png"},
        {"map2.weight": -1},
        {"map2.bits": 31},
        {"map2.kind": "taste"},
        {"map2.sha256": "x"},
        {"map1.channels": 0},
        {"map1.name": None},
    ],
)
def test_tampered_records(changes, maps, done, refused):
    record = record_of(done("synth", *WITH, *QUICK).paths[0])
    record["maps"] |= changes
    write_image("bad.png", np.zeros((4, 4, 3), np.float32), text={"texto": json.dumps(record)})
    assert "wrong 'maps'" in refused("synth", "--from", "bad.png", "-o", "again_{stem}.png")


def test_several_tileable_json_plot(maps, done):
    outcome = done(
        *("synth", *WITH, "-m", "kwatra", "-s", 32, "--set", "patch_size=8", "--seed", 7, "-n", 2),
        *("--set", "n_iter=1", "--tileable", "--plot", "--json", "-o", "{stem}_{seed}.png"),
    )
    entries = json.loads(outcome.out)["outputs"]
    assert [entry["path"] for entry in entries] == [
        f"{name}_{seed}.png" for seed in (7, 8) for name in NAMES
    ]
    assert [entry["seed"] for entry in entries] == [7] * 3 + [8] * 3
    assert sorted(map(str, Path().glob("*_loss.png"))) == ["wall_7_loss.png", "wall_8_loss.png"]
    assert record_of("tint_8.png")["settings"]["tileable"] == "xy"


@pytest.mark.parametrize("bits", [8, 16])
def test_bits_are_for_all(bits, maps, done):
    paths = done("synth", *WITH, *QUICK, "--bits", bits).paths
    assert {open_image(path).bits for path in paths} == {bits}


def test_float_maps_and_other_formats(maps, done):
    write_image("height.tif", open_image("height.png").pixels, bits=32)
    given = (*WITH[:2], "height.tif", *QUICK)
    depths = {"tif": [8, 32], "png": [8, 16], "jpg": [8, 8]}
    for suffix, bits in depths.items():
        paths = done("synth", *given, "-o", f"a_{{stem}}.{suffix}").paths
        assert [open_image(path).bits for path in paths] == bits


def test_names(maps, done, refused):
    os.mkdir("other")
    assert done("synth", *WITH, *QUICK, "-o", "other").paths == [f"other/{n}" for n in names()]
    shutil.copy("tint.png", "other/wall.png")
    outcome = done("synth", "wall.png", "--with", "other/wall.png", "wall.png", *QUICK)
    suffix = "efros-leung_20x12_s7.png"
    assert outcome.paths == [f"wall_{suffix}", f"wall_2_{suffix}", f"wall_3_{suffix}"]
    assert Path(outcome.paths[0]).read_bytes() != Path(outcome.paths[1]).read_bytes()
    assert "exists" in refused("synth", *WITH, *QUICK, "-o", "other")
    done("synth", *WITH, *QUICK, "-o", "other", "--force")


def test_fit_and_synth_of_its_model(maps, done, pixels):
    direct = done("synth", *WITH, *QUICK, "-o", "direct_{stem}.png").paths
    fitting = ("-m", "efros-leung", "--set", "patch_size=3", "--seed", 7)
    model = done("fit", *WITH, *fitting, "--weights-per-map", "1,1,1").paths[0]
    notes = model_files.inspect(model)["notes"]
    assert (notes["exemplar"], notes["map2.name"], notes["map2.bits"]) == (
        *("wall.png", "height.png"),
        16,
    )
    assert "map3.name" in done("info", model).out
    split = done("synth", model, "-s", "20x12", "--seed", 7).paths
    assert split == names()
    for one, two in zip(direct, split, strict=True):
        assert np.array_equal(pixels(one), pixels(two))
    again = done("synth", "--from", split[1], "-o", "again_{stem}.png")
    assert again.err == "" and Path(again.paths[1]).read_bytes() == Path(split[1]).read_bytes()
    made = package.stack_of(model).synthesize(package.load(model), (12, 20), rng=7)
    assert np.abs(made[1] - open_image(split[1]).pixels).max() <= 0.501 / 65535


def test_models_of_maps_are_not_mixed_with_a_picture(maps, done, refused):
    model = done(
        "fit",
        *WITH,
        "-m",
        "textogmm",
        "--set",
        "n_components=3",
        "--set",
        "n_iter_sliced=0",
        "--set",
        "n_iter=1",
        "--seed",
        7,
    ).paths[0]
    line = refused("mix", "wall.png", model, "-o", "m.safetensors", "--seed", 1)
    assert "'wall.png' has 3 and" in line and "7" in line
    for option in (("--with", "tint.png"), ("--weights-per-map", "1,1,1")):
        assert f"{option[0]}: the maps of a model" in refused("synth", model, *option)


def test_transparent_maps(maps, done, refused):
    Image.new("RGBA", (48, 40), (200, 100, 50, 128)).save("glass.png")
    given = ("synth", "wall.png", "--with", "glass.png", *QUICK)
    line = refused(*given)
    assert "glass.png" in line and "transparent" in line
    path = done(*given, "--alpha", "white").paths[1]
    assert open_image(path).pixels[3, 4] * 255 == pytest.approx([227, 177, 152], abs=1)


@pytest.mark.parametrize(
    "arguments, told",
    [
        (("--weights-per-map", "1,-1,1"), "negative weight -1"),
        (("--weights-per-map", "1,nan,1"), "not all finite"),
        (("--weights-per-map", "1,inf,1"), "not all finite"),
        (("--weights-per-map", "0,0,0"), "all zero"),
        (("--weights-per-map", "1,1"), "are 2 for 3 maps"),
        (("--weights-per-map", "1,1,1,1"), "are 4 for 3 maps"),
        (("--weights-per-map", "1,,1"), "not numbers"),
        (("--weights-per-map", ""), "not numbers"),
        (("-o", "-"), "one picture, not 3"),
        (("-o", "out.png"), "put {stem} into it"),
        (("-o", "out_{seed}.png", "-n", 2), "put {stem} into it"),
        (("-o", "new_{stem}.png", "-n", 2), "put {seed} into the name"),
        (("-o", "{stem}.png"), "also an input"),
        (("-o", "a_{stem}.jpg", "--bits", 16), "cannot hold it"),
        (("-o", "a_{stem}.gif"), "suffix"),
        (("--with", "gone.png"), "'gone.png'"),
        (("--with", "small.png"), "map 'small.png': is 40x48, and 'wall.png' is 48x40"),
        (("-m", "patch-ot", "--set", "start=noise", "--weights-per-map", "1,1,0"), "start=coarse"),
    ],
)
def test_refused(arguments, told, maps, refused):
    Image.open("wall.png").resize((40, 48)).save("small.png")
    method = () if "-m" in arguments else QUICK
    assert told in refused("synth", *WITH, *method, *arguments)


def test_weights_need_maps(folder, refused, model):
    for command in ("synth", "fit"):
        line = refused(command, "wall.png", "-m", "gaussian", "--weights-per-map", "1")
        assert "name the others with --with" in line
        assert "is a model" in refused(command, "wall.png", "--with", model, "-m", "gaussian")
