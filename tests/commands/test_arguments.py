"""Refused options: one line, exit code 2, nothing written."""

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from texto.cli import main
from texto.commands import outputs
from texto.commands.arguments import build_parser, parse, subparsers
from texto.commands.options.common import MAX_SEED
from texto.commands.values import Integer, Size
from texto.core import registry
from texto.core.settings import settings_of

WRONG = ["-1", "0", "nan", "1e400", "x", "", "2.5"]
ALLOWED = {(option, "0") for option in ("--seed", "--fit-seed", "--radius", "--grow", "--feather")}
ALLOWED |= {("--grow", "-1")}
SOURCES = {
    "synth": ["wall.png"],
    "fit": ["wall.png"],
    "mix": ["wall.png", "wall.png"],
    "inpaint": ["wall.png", "--mask", "wall.png"],
    "tile": ["wall.png"],
    "recolor": ["wall.png", "--like", "wall.png"],
    "score": ["wall.png", "wall.png"],
    "compare": ["wall.png"],
    "weights": ["list"],
}


def numeric_options():
    for command, parser in subparsers(build_parser()).items():
        for action in parser._actions:
            if isinstance(action.type, Integer) or action.type == Size.parse:
                yield command, action.option_strings[-1]


def test_the_numeric_options_are_all_found():
    found = set(numeric_options())
    synth = {option for command, option in found if command == "synth"}
    assert synth == {"--size", "--num", "--seed", "--fit-seed", "--bits", "--max-pixels", "--jobs"}
    assert ("fit", "--seed") in found


@pytest.mark.parametrize("command, option", list(numeric_options()))
def test_wrong_numbers(command, option, refused):
    for value in [text for text in WRONG if (option, text) not in ALLOWED]:
        line = refused(command, *SOURCES[command], "-m", "gaussian", f"{option}={value}")
        assert option in line and repr(value) in line


@pytest.mark.parametrize("method", registry.names())
def test_settings_just_outside_their_range(method, refused):
    """All that no method accepts is refused in tests/core; here, that its refusal arrives."""
    settings = settings_of(registry.method_class(method)).values()
    for setting in [each for each in settings if each.kind in (int, float)][:1]:
        for value in ("nan", setting.low - 1):
            given = f"{setting.name}={value}"
            assert setting.range in refused("fit", "wall.png", "-m", method, "--set", given)


@pytest.mark.parametrize(
    "size", ["0", "-5", "512x", "1e5x1e5", "5x0", "x", "0x", "1,5x", "٣", "8X8x"]
)
def test_wrong_sizes(size, refused):
    assert "-s/--size" in refused("synth", "wall.png", "-m", "gaussian", f"--size={size}")


@pytest.mark.parametrize("size", ["100000x100000", "99999999999999999999", "100x"])
def test_sizes_beyond_the_memory_are_refused_with_an_estimate(size, refused, monkeypatch):
    monkeypatch.setattr(outputs.memory, "available", lambda: 2**30)
    line = refused("synth", "wall.png", "-m", "gaussian", "-s", size)
    assert re.search(r"needs about [\d,.]+ GiB of memory, and 1 GiB are available", line)


def test_available_memory_is_plausible():
    assert 2**20 < outputs.memory.available() < 2**50


@given(size=st.from_regex(r"[0-9x\-\.e ]{0,9}", fullmatch=True))
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_size_is_made_or_refused(size, folder, monkeypatch, capsys):
    monkeypatch.setattr(outputs.memory, "available", lambda: 2**21)
    result = folder / "result.png"
    result.unlink(missing_ok=True)
    code = main(["synth", "wall.png", "-m", "gaussian", f"--size={size}", "-o", str(result)])
    assert code in (0, 2)
    assert result.exists() == (code == 0)
    sides = re.fullmatch(r"(\d+)(?:x(\d+))?", size)
    if code == 0 and sides:
        with Image.open(result) as image:
            assert image.size == (int(sides[1]), int(sides[2] or sides[1]))


@pytest.mark.parametrize("seed", ["-1", MAX_SEED + 1, "1.5", "abc", "1_000", "٣", "9" * 5000])
def test_wrong_seeds(seed, refused):
    assert "--seed" in refused("synth", "wall.png", "-m", "gaussian", "--seed", seed)


def test_the_last_seed_is_in_range_too(refused, done):
    line = refused("synth", "wall.png", "-m", "gaussian", "--seed", MAX_SEED, "-n", 2)
    assert str(MAX_SEED) in line
    done("synth", "wall.png", "-m", "gaussian", "--seed", MAX_SEED, "-s", 16)


@pytest.mark.parametrize(
    "arguments, told",
    [
        (["snth"], "did you mean synth?"),
        (["transfer", "wall.png"], "'transfer' is not known"),
        (["--versoin"], "did you mean --version?"),
        (["--quiet", "synth", "wall.png"], "put it after"),
        (["synth", "wall.png", "--sede=3"], "'--sede': is not known; did you mean --seed"),
        (["synth", "wall.png", "--see", "3"], "--seed"),
        (["synth", "wall.png", "--tilable"], "did you mean --tileable"),
        (["demo", "other.png"], "'other.png'"),
        (["synth"], "EXEMPLAR|MODEL: is missing"),
        (["fit"], "EXEMPLAR: is missing"),
        (["synth", "wall.png", "-s"], "-s/--size: expected one argument"),
        (["synth", "wall.png", "-q", "-v"], "not allowed with"),
        (["synth", "wall.png", "--alpha", "igmore"], "did you mean ignore?"),
        (["synth", "wall.png", "--tileable", "z"], "choose from x, y, xy"),
        (["synth", "wall.png", "-m", "gausian"], "did you mean gaussian, singan?"),
        (["methods", "gausian"], "did you mean gaussian, singan?"),
        (["synth", "wall.png", "--device", "gpu"], "cuda"),
        (["synth", "wall.png", "-m", "gaussian", "--device", "cuda"], "runs on the CPU only"),
        (["synth", "wall.png", "-m", "gaussian", "--set", "tilable=x"], "did you mean tileable?"),
        (["synth", "wall.png", "-m", "gaussian", "--set", "tileable"], "write it as key=value"),
        (["synth", "wall.png", "-m", "gaussian", "--set", "tileable=z"], "none | x | y | xy"),
        (
            ["synth", "wall.png", "-m", "gaussian", "--tileable", "--set", "tileable=x"],
            "given again",
        ),
        (["synth", "wall.png", "-m", "gaussian", "-o", "-", "-n", "2"], "one picture, not 2"),
        (["synth", "wall.png", "-m", "gaussian", "-o", "-", "--json"], "--json"),
        (["synth", "nope.png", "-m", "gaussian"], "nope.png"),
        (["synth", ".", "-m", "gaussian"], "texto: error:"),
        (["synth", "http://example.org/a.png", "-m", "gaussian"], "texto: error:"),
        (["synth", "a\nb\x1b[2J.png", "-m", "gaussian"], "texto: error:"),
        (["info", "nope.png"], "nope.png"),
        (["info", "wall.png"], "no texto record"),
    ],
)
def test_refused_with_advice(arguments, told, refused):
    assert told in refused(*arguments)


@pytest.mark.parametrize(
    "size, shape",
    [
        *[("2x", (80, 96)), ("1.5x", (60, 72)), ("0.1x", (4, 5)), ("0.001x", (1, 1))],
        *[("7x5", (5, 7)), ("6", (6, 6))],
    ],
)
def test_sizes_are_height_and_width(size, shape):
    assert Size.parse(size).of((40, 48)) == shape


def test_options_are_frozen():
    options = parse(["synth", "wall.png", "--set", "n_iter=2"], quiet=True)
    assert options.source == "wall.png" and options.settings == ("n_iter=2",) and options.quiet
    for name in ("seed", "new"):
        with pytest.raises(AttributeError, match="frozen"):
            setattr(options, name, 5)
    with pytest.raises(AttributeError, match="frozen"):
        del options.seed
    with pytest.raises(AttributeError, match="no option 'sede'"):
        _ = options.sede


def test_advice_of_the_library_names_options(refused, folder):
    Image.new("RGBA", (8, 8), (1, 2, 3, 4)).save("clear.png")
    assert "choose --alpha ignore (drop it) or white (lay it on white)" in refused(
        "tile", "clear.png"
    )
    assert "give --max-pixels N" in refused("tile", "wall.png", "--max-pixels", 9)


def test_texto_alone_tells_its_commands(done):
    told = done().out
    assert "synth" in told and "inpaint" in told and len(told.splitlines()) < 45


def test_names_of_methods_in_any_case(done, folder):
    path = done("synth", "wall.png", "-m", "Gaussian", "-s", 8, "--seed", 1).paths[0]
    assert path == "wall_gaussian_8x8_s1.png"
    assert done("synth", "--from", path, "-m", "GAUSSIAN", "-o", "again.png").err == ""
