"""`texto synth --show-sources`: where in the exemplar each place comes from."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

SETTINGS = ("patch_size=4", "n_iter=2", "n_dims=8", "n_iter_dual=2")
QUICK = (*(f"--set={pair}" for pair in SETTINGS), "-s", "33x21", "--seed", 1)


def test_sources_lie_beside_every_picture_and_change_nothing(folder, done, pixels):
    outcome = done("synth", "wall.png", *QUICK, "-n", 2, "--show-sources")
    assert outcome.err == ""
    made = [f"wall_ot-flow_33x21_s{seed}.png" for seed in (1, 2)]
    assert outcome.paths[::2] == made
    for path, sources in zip(made, outcome.paths[1::2], strict=True):
        assert sources == path.replace(".png", "_sources.png")
        shown = pixels(sources)
        assert shown.shape == (21, 33, 3) and shown.dtype == np.uint8
        assert np.ptp(shown[..., 0]) > 100 and np.ptp(shown[..., 1]) > 100
    done("synth", "wall.png", *QUICK, "-o", "plain.png")
    assert Path("plain.png").read_bytes() == Path(outcome.paths[0]).read_bytes()
    assert not Path("plain_sources.png").exists()


def test_red_is_left_to_right_and_green_top_to_bottom(folder, done, pixels):
    rows, columns = np.mgrid[:40, :48]
    ramps = np.stack([columns * 255 / 47, rows * 255 / 39, np.zeros((40, 48))], axis=2)
    Image.fromarray(ramps.round().astype(np.uint8)).save("ramps.png")
    more = ("--set=sharpness=100", "--show-sources", "-o", "made.png")
    done("synth", "ramps.png", *QUICK, *more)
    made, shown = (pixels(name).astype(int) for name in ("made.png", "made_sources.png"))
    assert np.median(np.abs(made - shown)[..., :2]) <= 2


def test_a_model_shows_them_too(folder, done):
    model = done("fit", "wall.png", *QUICK[: len(SETTINGS)], "-o", "m.safetensors").paths[0]
    done("synth", model, "-s", 16, "--seed", 1, "--show-sources", "-o", "a.png")
    assert Path("a_sources.png").exists()


@pytest.mark.parametrize(
    "arguments, told",
    [
        (
            ("-m", "gaussian"),
            "'gaussian' does not say which pixel of the exemplar is where; use ot-flow",
        ),
        (("-m", "nifty"), "'nifty' does not say"),
        (("--with", "map.png"), "--show-sources: is for one picture, not for maps"),
        (("-o", "-"), "--show-sources: needs a file"),
        (("--set", "sharpness=0"), "sources: are those of a picture made from one exemplar"),
        (("--guide", "map.png"), "--show-sources: is for textures without a guide"),
        (("-o", "made.png"), "made_sources.png': exists already"),
    ],
)
def test_refused_in_one_line(folder, refused, arguments, told):
    Image.open("wall.png").convert("L").save("map.png")
    Path("made_sources.png").write_text("mine")
    quick = ("-s", 16, "--seed", 1)
    assert told in refused("synth", "wall.png", *quick, *arguments, "--show-sources")


def never(*_, **__):
    raise AssertionError("computed before the check")


def test_settings_without_sources_are_refused_before_the_fit(folder, refused, monkeypatch):
    monkeypatch.setattr("texto.methods.ot_flow.OTFlow.fit", never)
    asked = ("-s", 16, "--show-sources", "--set", "sharpness=0")
    assert "sources: are those" in refused("synth", "wall.png", *asked)


def test_a_mix_has_none_and_is_refused_before_the_synthesis(folder, done, refused, monkeypatch):
    Image.open("wall.png").rotate(90, expand=True).save("other.png")
    quick = QUICK[: len(SETTINGS)]
    model = done("mix", "wall.png", "other.png", *quick, "-o", "half.safetensors").paths[0]
    monkeypatch.setattr("texto.methods.ot_flow.OTFlow.synthesize_with_sources", never)
    assert "from one exemplar" in refused("synth", model, "-s", 16, "--show-sources")
