"""`texto mix`: pictures, rows, maps, models, records, and what is refused."""

import json
import math
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import texto as package
from texto.commands.mix_plan import chosen_weights
from texto.core.errors import TextoError, TextoWarning
from texto.io import model_files
from texto.io.images import open_image, read_text

QUICK = (
    *("--set", "patch_size=6", "--set", "n_iter=2"),
    *("--set", "n_dims=8", "--set", "n_iter_dual=2"),
)
SMALL = ("-s", "20x12", "--seed", 7)


@pytest.fixture
def pair(folder):
    """Beside wall.png: dots.png of another size, orange."""
    rows, columns = np.mgrid[:36, :40]
    holes = (rows % 9 - 4) ** 2 + (columns % 9 - 4) ** 2 < 8
    pixels = np.array([220, 150, 60]) - 60 * holes[..., None]
    Image.fromarray(pixels.astype(np.uint8)).save("dots.png")
    return "wall.png", "dots.png"


@pytest.fixture(scope="module")
def kept():
    """Models as bytes by their files' names, fitted when first asked for."""
    return {}


@pytest.fixture
def fitted(pair, done, kept):
    if not kept:
        for path in pair:
            name = done("fit", path, "--seed", 3, *QUICK).paths[0]
            kept[name] = Path(name).read_bytes()
    for name, data in kept.items():
        Path(name).write_bytes(data)
    return list(kept)


def record_of(path) -> dict:
    return json.loads(read_text(path)["texto"])


def test_default_name_size_and_record(pair, done, pixels):
    outcome = done("mix", *pair, *QUICK, "--seed", 7)
    assert outcome.paths == ["wall-dots_ot-flow_96x80_s7.png"] and outcome.err == ""
    assert pixels(outcome.paths[0]).shape == (80, 96, 3)
    record = record_of(outcome.paths[0])
    hashes = [model_files.exemplar_hash(open_image(path).pixels) for path in pair]
    assert record["command"] == "mix" and record["method"] == "ot-flow"
    assert record["sources"] == ["wall.png", "dots.png"] and record["source_hashes"] == hashes
    assert (record["weights"], record["seed"], record["fit_seed"]) == ([0.5, 0.5], 7, 0)
    assert record["settings"]["patch_size"] == 6 and record["size"] == [96, 80]


def test_info_shows_the_record_and_synth_does_not_repeat_it(pair, done, refused):
    path = done("mix", *pair, *QUICK, *SMALL).paths[0]
    shown = done("info", path).out
    assert "wall.png dots.png" in shown and "0.5 0.5" in shown
    assert "'texto mix'" in refused("synth", "--from", path)


def test_picture_is_what_the_library_makes(pair, done):
    path = done("mix", *pair, *QUICK, *SMALL, "--weights", ".25,.75", "--bits", 16).paths[0]
    record = record_of(path)
    method = package.OTFlow(**record["settings"])
    models = [method.fit(open_image(source).pixels, rng=7) for source in pair]
    expected = method.mix(models, [0.25, 0.75]).synthesize((12, 20), rng=7)
    assert np.abs(open_image(path).pixels - expected).max() <= 0.5001 / 65535


def test_same_command_same_bytes(pair, done):
    for name in ("a.png", "b.png"):
        done("mix", *pair, *QUICK, *SMALL, "-o", name)
    assert Path("a.png").read_bytes() == Path("b.png").read_bytes()


def test_all_weight_on_one_is_its_synth(fitted, done, pixels):
    pure = done("synth", fitted[1], *SMALL, "-o", "pure.png").paths[0]
    mixed = done("mix", *fitted, *SMALL, "--weights", "0,1", "-o", "mixed.png").paths[0]
    assert np.array_equal(pixels(pure), pixels(mixed))


def test_models_and_pictures_together_take_the_models_settings(fitted, pair, done):
    path = done("mix", pair[0], fitted[1], *SMALL).paths[0]
    assert path == "wall-dots_ot-flow_ot-flow_20x12_s7.png"
    record = record_of(path)
    assert record["settings"]["patch_size"] == 6
    assert record["source_hashes"][1] == model_files.model_hash(fitted[1])


def test_a_picture_too_small_for_the_models_levels_has_its_own(folder, pair, done):
    small = Image.open("dots.png").crop((0, 0, 8, 8))
    small.save("small.png")
    model = done("fit", "wall.png", *QUICK, "-o", "wall.safetensors").paths[0]
    assert package.load(model).method.n_levels > 1
    done("mix", model, "small.png", *SMALL)


def test_a_row_of_steps(fitted, done, pixels):
    outcome = done("mix", *fitted, *SMALL, "--steps", 3, "-o", "row.png")
    assert outcome.paths == ["row_1.png", "row_2.png", "row_3.png", "row.png"]
    parts = [pixels(path) for path in outcome.paths[:3]]
    assert np.array_equal(pixels("row.png"), np.concatenate(parts, axis=1))
    assert [record_of(path).get("weights") for path in outcome.paths] == [
        [1.0, 0.0],
        [0.5, 0.5],
        [0.0, 1.0],
        None,
    ]
    for number, model in enumerate(fitted):
        done("synth", model, *SMALL, "-o", f"pure{number}.png")
        assert np.array_equal(pixels(f"pure{number}.png"), parts[2 * number])


def test_default_names_of_a_row(fitted, done):
    paths = done("mix", *fitted, *SMALL, "--steps", 2).paths
    stem = "wall_ot-flow-dots_ot-flow_ot-flow_20x12_s7"
    assert paths == [f"{stem}_{word}.png" for word in ("1", "2", "steps")]


def test_a_map(fitted, done, pixels):
    ramp = np.linspace(0, 255, 30).astype(np.uint8)[None].repeat(10, 0)
    Image.fromarray(ramp).save("ramp.png")
    path = done("mix", *fitted, "-s", "96x32", "--seed", 7, "--map", "ramp.png").paths[0]
    made = pixels(path).astype(float).mean(axis=0)
    reds = made[:, 0].reshape(4, 24).mean(axis=1)
    assert (np.diff(reds) > 0).all() and reds[-1] - reds[0] > 60
    record = record_of(path)
    assert record["map"] == "ramp.png" and "weights" not in record


QUICK_OT = (
    *("-m", "patch-ot", "--set", "n_iter=1", "--set", "n_iter_dual=1"),
    *("--set", "n_patches=200", "--set", "n_queries=200"),
)


def test_patch_ot_mixes_too(pair, done, pixels):
    row = done("mix", *pair, *QUICK_OT, *SMALL, "--steps", 3, "-o", "row.png").paths
    for number, source in enumerate(pair):
        pure = done("synth", source, *QUICK_OT, *SMALL, "-o", f"pure{number}.png").paths[0]
        assert np.array_equal(pixels(pure), pixels(row[2 * number]))
    Image.fromarray(np.array([[0, 255]], np.uint8)).save("edge.png")
    path = done("mix", *pair, *QUICK_OT, "-s", "96x32", "--seed", 7, "--map", "edge.png").paths[0]
    reds = pixels(path).astype(float)[:, :, 0].mean(axis=0)
    assert reds[-24:].mean() - reds[:24].mean() > 60
    done("mix", *pair, *QUICK_OT, "--seed", 7, "-o", "half.safetensors")
    split = done("synth", "half.safetensors", *SMALL, "-o", "split.png").paths[0]
    assert np.array_equal(pixels(split), pixels(row[1]))


def test_several_pictures_and_json(fitted, done):
    outcome = done("mix", *fitted, "-s", 16, "--seed", 7, "-n", 2, "--json")
    entries = json.loads(outcome.out)["outputs"]
    assert [entry["seed"] for entry in entries] == [7, 8]
    assert all(
        entry["weights"] == [0.5, 0.5] and Path(entry["path"]).is_file() for entry in entries
    )


def test_the_mixed_model_is_a_model(fitted, done, pixels):
    direct = done("mix", *fitted, *SMALL, "-o", "direct.png").paths[0]
    saved = done("mix", *fitted, "--seed", 7, "-o", "half.safetensors").paths
    assert saved == ["half.safetensors"]
    split = done("synth", "half.safetensors", *SMALL, "-o", "split.png").paths[0]
    assert np.array_equal(pixels(direct), pixels(split))
    shown = done("info", "half.safetensors").out
    assert "wall_ot-flow.safetensors 0.5, dots_ot-flow.safetensors 0.5" in shown
    done("synth", "--from", split, "-o", "again.png")
    assert np.array_equal(pixels("again.png"), pixels(split))
    path = done("mix", "half.safetensors", fitted[0], *SMALL, "--weights", "0,1").paths[0]
    pure = done("synth", fitted[0], *SMALL, "-o", "pure.png").paths[0]
    assert np.array_equal(pixels(path), pixels(pure))


def test_three_textures_and_the_same_twice(pair, done, pixels):
    path = done("mix", *pair, "wall.png", *QUICK, *SMALL, "-o", "three.png").paths[0]
    assert record_of(path)["weights"] == pytest.approx([1 / 3] * 3)
    done("mix", "wall.png", "wall.png", *QUICK, *SMALL, "-o", "twice.png")
    done("synth", "wall.png", *QUICK, *SMALL, "-o", "once.png")
    assert np.array_equal(pixels("twice.png"), pixels("once.png"))


def test_weights_that_do_not_sum_to_one_are_normalised_with_a_note(fitted, done):
    outcome = done("mix", *fitted, *SMALL, "--weights", "1,3")
    assert outcome.err == "texto: note: the weights sum to 4 and are divided by it\n"
    assert record_of(outcome.paths[0])["weights"] == [0.25, 0.75]


@pytest.mark.parametrize(
    "weights, why",
    [
        ("-1,2", "negative"),
        ("nan,1", "not all finite"),
        ("inf,1", "not all finite"),
        ("1e400,1", "not all finite"),
        ("0,0", "all zero"),
        ("1", "1 for 2 textures"),
        (".2,.3,.5", "3 for 2 textures"),
        ("a,b", "not numbers"),
        ("", "not numbers"),
        ("1e308,1e308", "too large"),
    ],
)
def test_wrong_weights(pair, refused, weights, why):
    line = refused("mix", *pair, f"--weights={weights}")
    assert "--weights" in line and why in line


@given(st.lists(st.floats(), min_size=2, max_size=4))
def test_weights_are_shares_or_refused(weights):
    words = ",".join(map(repr, weights))
    good = all(map(math.isfinite, weights)) and min(weights) >= 0 and 0 < sum(weights) < math.inf
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TextoWarning)
        if not good:
            with pytest.raises(TextoError, match="weights"):
                chosen_weights(words, len(weights))
            return
        shares = chosen_weights(words, len(weights))
    assert min(shares) >= 0 and math.isclose(sum(shares), 1)


def test_wrong_combinations(pair, fitted, refused):
    assert "exclude each other" in refused("mix", *pair, "--steps", 3, "--weights", "1,1")
    assert "from A to B, got 3" in refused("mix", *pair, "wall.png", "--steps", 3)
    assert "two textures or more" in refused("mix", "wall.png")
    line = refused("mix", *pair, "-m", "gaussian")
    assert "'gaussian' mixes no textures; use ot-flow" in line
    assert "-m/--method" in refused("mix", *fitted, "-m", "ot-flow")
    assert "--steps" in refused("mix", *pair, "--steps", 2, "-o", "a.safetensors")
    assert "one picture" in refused("mix", *pair, "--steps", 2, "-o", "-")
    assert "is also an input" in refused("mix", *pair, "-o", "wall.png", "--force")
    Path("row_2.png").touch()
    assert "'row_2.png': exists already" in refused("mix", *pair, "--steps", 2, "-o", "row.png")


def test_wrong_sources(pair, fitted, done, refused):
    Image.open("wall.png").convert("L").save("grey.png")
    line = refused("mix", "wall.png", "grey.png", *QUICK)
    assert line.startswith("texto: error: channels: 'wall.png' has 3 and 'grey.png' 1; ")
    other = done("fit", "dots.png", "-m", "gaussian", "-o", "g.safetensors").paths[0]
    assert "is a 'gaussian' model, the first is of 'ot-flow'" in refused("mix", fitted[0], other)
    done("fit", "dots.png", *QUICK[2:], "--set", "patch_size=5", "-o", "five.safetensors")
    assert "was fitted with patch_size=5, the first with 6" in refused(
        "mix", fitted[0], "five.safetensors"
    )
    assert "is a model" in refused("mix", *pair, "--map", fitted[0])
    assert "nope.png" in refused("mix", "wall.png", "nope.png")


def test_a_picture_that_is_too_small_is_refused_before_the_others_are_fitted(
    folder, refused, bricks, monkeypatch
):
    Image.fromarray(bricks(5, 5)).save("five.png")
    fit, shapes = package.TextoGMM.fit, []

    def watched(self, exemplar, **kwargs):
        shapes.append(exemplar.shape)
        return fit(self, exemplar, **kwargs)

    monkeypatch.setattr(package.TextoGMM, "fit", watched)
    assert "5x5" in refused("mix", "wall.png", "five.png", "-m", "textogmm", "--seed", 1)
    assert shapes == [(5, 5, 3)]
