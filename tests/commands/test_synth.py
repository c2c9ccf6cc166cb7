"""`texto synth` and `texto fit`: results, names, records."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import texto as package
from texto.io import model_files
from texto.io.images import open_image, read_text

QUICK = ("-m", "gaussian", "-s", "20x12")


def record_of(path) -> dict:
    return json.loads(read_text(path)["texto"])


def test_default_name_and_size(folder, done, pixels):
    outcome = done("synth", "wall.png", "-m", "gaussian", "--seed", 7)
    assert outcome.paths == ["wall_gaussian_96x80_s7.png"]
    assert outcome.err == ""
    assert pixels("wall_gaussian_96x80_s7.png").shape == (80, 96, 3)


def test_same_command_same_bytes_and_new_seed_new_picture(folder, done, pixels):
    for name, seed in (("a.png", 1), ("b.png", 1), ("c.png", 2)):
        done("synth", "wall.png", *QUICK, "--seed", seed, "-o", name)
    first, again, other = (Path(name).read_bytes() for name in ("a.png", "b.png", "c.png"))
    assert first == again
    assert not np.array_equal(pixels("a.png"), pixels("c.png")) and first != other


def test_picture_is_what_the_library_makes(folder, done):
    path = done("synth", "wall.png", *QUICK, "--seed", 4, "--bits", 16).paths[0]
    model = package.Gaussian().fit(open_image("wall.png").pixels, rng=4)
    expected = model.synthesize((12, 20), rng=4)
    assert np.abs(open_image(path).pixels - expected).max() <= 0.5001 / 65535


def test_several_pictures_differ_and_carry_their_seeds(folder, done, pixels):
    paths = done("synth", "wall.png", *QUICK, "-n", 3, "--seed", 7).paths
    assert paths == [f"wall_gaussian_20x12_s{seed}.png" for seed in (7, 8, 9)]
    assert [record_of(path)["seed"] for path in paths] == [7, 8, 9]
    assert {record_of(path)["fit_seed"] for path in paths} == {0}
    assert len({pixels(path).tobytes() for path in paths}) == 3


def test_fit_then_synth_is_synth(folder, done, model, pixels):
    direct = done("synth", "wall.png", *QUICK, "--seed", 3, "-o", "direct.png").paths[0]
    split = done("synth", model, "-s", "20x12", "--seed", 3, "-o", "split.png").paths[0]
    assert np.array_equal(pixels(direct), pixels(split))


def test_pictures_of_a_model_repeat_alone(folder, done, model, pixels):
    paths = done("synth", model, "-s", 16, "--seed", 7, "-n", 2).paths
    done("synth", model, "-s", 16, "--seed", 8, "-o", "alone.png")
    assert np.array_equal(pixels(paths[1]), pixels("alone.png"))


def test_model_records_where_it_comes_from(folder, model):
    assert model.name == "wall_gaussian.safetensors"
    assert model_files.inspect(model)["notes"] == {"exemplar": "wall.png", "seed": 3}


def test_record(folder, done):
    path = done("synth", "wall.png", *QUICK, "--seed", 4, "--tileable", "-o", "a.png").paths[0]
    assert list(read_text(path)) == ["texto"]
    assert record_of(path) == {
        "alpha": "refuse",
        "bits": 8,
        "deterministic": False,
        "exemplar": "wall.png",
        "exemplar_hash": model_files.exemplar_hash(open_image("wall.png").pixels),
        "fit_seed": 0,
        "method": "gaussian",
        "seed": 4,
        "settings": {"tileable": "xy"},
        "size": [20, 12],
        "version": package.__version__,
    }


def test_record_of_a_picture_made_from_a_model(folder, done, model):
    record = record_of(done("synth", model, "-s", "20x12", "--seed", 4).paths[0])
    assert record["model"] == model.name
    assert record["model_hash"] == model_files.model_hash(model)
    assert (record["exemplar"], record["seed"], record["fit_seed"]) == ("wall.png", 4, 3)


def test_drawn_seed_is_told_and_stored(folder, done):
    outcome = done("synth", "wall.png", *QUICK)
    seed = record_of(outcome.paths[0])["seed"]
    assert outcome.err == f"texto: seed {seed}\n"
    assert outcome.paths == [f"wall_gaussian_20x12_s{seed}.png"]


def test_json(folder, done):
    outcome = done("synth", "wall.png", *QUICK, "--seed", 1, "-n", 2, "--json")
    outputs = json.loads(outcome.out)["outputs"]
    assert [(entry["seed"], entry["size"]) for entry in outputs] == [(1, [20, 12]), (2, [20, 12])]
    assert all(os.path.isfile(entry["path"]) for entry in outputs)
    fitted = json.loads(done("fit", "wall.png", "-m", "gaussian", "--seed", 1, "--json").out)
    assert (fitted["path"], fitted["seed"]) == ("wall_gaussian.safetensors", 1)


@pytest.mark.parametrize(
    "axes, seams", [("x", (True, False)), ("y", (False, True)), ("xy", (True, True))]
)
def test_tileable_reaches_the_method(folder, done, axes, seams):
    path = done("synth", "wall.png", *QUICK, "--tileable", axes, "--seed", 1).paths[0]
    assert record_of(path)["settings"] == {"tileable": axes}
    expected = package.Gaussian(tileable=axes).fit(open_image("wall.png").pixels, rng=1)
    image = expected.synthesize((12, 20), rng=1)
    assert np.abs(open_image(path).pixels - image).max() <= 0.5001 / 255


def test_bare_tileable_does_not_take_the_exemplar(folder, done):
    path = done("synth", "--tileable", "wall.png", *QUICK, "--seed", 1).paths[0]
    assert record_of(path)["settings"] == {"tileable": "xy"}


def test_settings_of_the_synthesis_may_change_on_a_model(folder, done, refused, model):
    path = done("synth", model, "-s", 16, "--seed", 1, "--set", "tileable=y").paths[0]
    assert record_of(path)["settings"] == {"tileable": "y"}
    assert "-m/--method" in refused("synth", model, "-m", "gaussian")


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("bits, made", [(None, 16), (8, 8)])
def test_deep_exemplar_gives_deep_picture(folder, done, channels, bits, made):
    from texto.io.images import write_image

    deep = np.linspace(0.2, 0.8, 32 * 32 * channels).reshape(32, 32, channels)
    write_image("deep.png", deep.astype(np.float32), bits=16)
    given = () if bits is None else ("--bits", bits)
    path = done("synth", "deep.png", *QUICK, "--seed", 1, *given).paths[0]
    assert open_image(path).bits == record_of(path)["bits"] == made


def test_constant_picture(folder, done, pixels):
    Image.new("RGB", (32, 32), (200, 100, 50)).save("flat.png")
    outcome = done("synth", "flat.png", *QUICK, "--seed", 1)
    assert outcome.err == (
        "texto: note: exemplar 'flat.png' has one colour only, and so will the texture\n"
    )
    assert np.abs(pixels(outcome.paths[0]).astype(int) - [200, 100, 50]).max() <= 1


def test_grey_saved_as_rgb_stays_grey(folder, done, bricks, pixels):
    Image.fromarray(bricks(channels=1)[:, :, 0]).convert("RGB").save("grey.png")
    made = pixels(done("synth", "grey.png", *QUICK, "--seed", 1).paths[0]).astype(int)
    assert np.abs(made - made[:, :, :1]).max() <= 1
    assert np.ptp(made) > 20


def test_deterministic_restores_the_threads(folder, done):
    from threadpoolctl import threadpool_info

    def threads():
        return {pool["filepath"]: pool["num_threads"] for pool in threadpool_info()}

    before = threads()
    variables = dict(os.environ)
    path = done("synth", "wall.png", *QUICK, "--seed", 1, "--deterministic").paths[0]
    assert record_of(path)["deterministic"] is True
    assert before.items() <= threads().items()
    changed = {name for name, value in os.environ.items() if variables.get(name) != value}
    assert (
        not {name for name in changed if "THREADS" in name}
        and variables.keys() <= os.environ.keys()
    )


def test_transparent_picture_needs_a_decision(folder, done, refused, pixels):
    Image.new("RGBA", (32, 32), (200, 100, 50, 128)).save("glass.png")
    assert "transparent" in refused("synth", "glass.png", *QUICK)
    path = done("synth", "glass.png", *QUICK, "--seed", 1, "--alpha", "white").paths[0]
    assert pixels(path).mean(axis=(0, 1)) == pytest.approx([227, 177, 152], abs=2)


def test_large_picture_needs_max_pixels(folder, done, refused):
    assert "pixels" in refused("synth", "wall.png", *QUICK, "--max-pixels", 48 * 40 - 1)
    done("synth", "wall.png", *QUICK, "--max-pixels", 48 * 40)


def test_model_given_where_a_picture_is_needed(folder, refused, model):
    assert "is a model" in refused("fit", model, "-m", "gaussian", "-o", "b.safetensors")


def test_damaged_model(folder, refused, model):
    data = bytearray(model.read_bytes())
    data[-1] ^= 1
    model.write_bytes(data)
    assert "checksum" in refused("synth", model)
    model.write_bytes(b"")
    assert "empty" in refused("synth", model)
