"""Absurd settings, sizes, seeds and exemplars on every registered method.

Driven from the registry and from each method's own fields, so that a new method or setting is
covered by itself. A run ends in a TextoError of one line that names the setting, or in a
finite picture; one that takes long must report its steps, so that it can be stopped.
"""

import contextlib
import dataclasses
import importlib.util
import inspect
import itertools
import math
import os
import re
import signal
import sys
import time
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from texto.cli import main
from texto.core import registry
from texto.core.errors import TextoError
from texto.core.settings import settings_of
from texto.core.types import Step

pytestmark = pytest.mark.filterwarnings("ignore::texto.core.errors.TextoWarning")

ENOUGH = 0.25  # seconds after which a run that reports its steps is stopped
HUNG = 30  # seconds without an end or a step on a picture of 24 x 28, on a busy machine
SPARE = 3 << 30  # bytes that a run may take beyond what the process has
SHAPE = (20, 23)


def _contract():
    """The module beside this file, which pytest's import mode keeps off the path."""
    spec = importlib.util.spec_from_file_location(
        "texto_contract_for_bad_settings", Path(__file__).parents[1] / "contract.py"
    )
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


contract = _contract()


def usable(name):
    """Whether the packages that the method needs are installed."""
    try:
        registry.method_class(name)
    except ModuleNotFoundError:
        return False
    return True


NAMES = [name for name in registry.names() if usable(name)]
SETTINGS = [
    (name, known) for name in NAMES for known in settings_of(registry.method_class(name)).values()
]
NUMERIC = [(name, known) for name, known in SETTINGS if known.kind in (int, float)]


def defined_once(cases):
    """`cases` without settings that a method shares with one before it through their base."""
    seen = set()
    for name, known in cases:
        bases = registry.method_class(name).__mro__
        owner = next(base for base in bases if known.name in inspect.get_annotations(base))
        if (owner, known.name) not in seen:
            seen.add((owner, known.name))
            yield name, known


OTHERS = [(name, known) for name, known in SETTINGS if known.kind not in (int, float)]

every_method = pytest.mark.parametrize("name", NAMES)


def every_setting(cases):
    return pytest.mark.parametrize(
        ("name", "known"), cases, ids=[f"{name}-{known.name}" for name, known in cases]
    )


@cache
def quick(name):
    """The method with the contract's quick settings."""
    return registry.method_class(name)(**contract.quick_settings(name))


def noisy_bricks(height=24, width=28):
    """(height, width, 3) float32, read-only."""
    rows, columns = np.mgrid[:height, :width]
    joints = (rows % 6 < 2) | ((columns + 4 * (rows // 6 % 2)) % 9 < 2)
    noise = np.random.default_rng(5).random((height, width, 3), dtype=np.float32)
    picture = np.where(joints, 0.6, 0.2)[:, :, None].astype(np.float32) + 0.3 * noise
    picture.flags.writeable = False
    return picture


EXEMPLAR = noisy_bricks()


# -- running without harm ---------------------------------------------------------------------


class Hung(Exception):
    """Nothing came back."""


class Stopped(Exception):
    """The run reported its steps, and was stopped."""


class Watch:
    """A progress callback that checks the steps and stops a long run."""

    def __init__(self):
        self.start, self.steps = time.monotonic(), 0

    def __call__(self, step):
        assert isinstance(step, Step) and 1 <= step.iteration <= step.total, step
        self.steps += 1
        if time.monotonic() - self.start > ENOUGH:
            raise Stopped


@contextlib.contextmanager
def alarm():
    """Raises Hung where the block does not end; only where the system has such alarms."""
    if not hasattr(signal, "setitimer"):
        yield
        return

    def ring(number, frame):
        raise Hung(f"nothing came back within {HUNG} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, HUNG)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextlib.contextmanager
def little_memory():
    """A MemoryError, not the system's end of the process, for whoever takes SPARE bytes."""
    if not sys.platform.startswith("linux"):
        yield
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    highest = taken + SPARE if hard == resource.RLIM_INFINITY else min(taken + SPARE, hard)
    resource.setrlimit(resource.RLIMIT_AS, (highest, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def outcome(label, name, exemplar=EXEMPLAR, shape=SHAPE, **changes):
    """What becomes of a run: a picture (checked), a TextoError, or Stopped. All else fails."""
    try:
        with alarm(), little_memory():
            method = dataclasses.replace(quick(name), **changes)
            watch = Watch()
            picture = method.fit(exemplar, rng=0, progress=watch).synthesize(
                shape, rng=1, progress=watch
            )
    except (TextoError, Stopped) as end:
        return end
    except Exception as error:
        pytest.fail(f"{label}: {type(error).__name__}: {error}")
    assert watch.steps, f"{label}: no step was reported"
    checked(picture, (*shape, exemplar.shape[2]), label)
    return picture


def checked(picture, shape, label):
    assert picture.shape == shape and picture.dtype == np.float32, label
    assert np.isfinite(picture).all(), f"{label}: not finite"
    assert picture.min() >= 0 and picture.max() <= 1, f"{label}: leaves [0, 1]"


def assert_told(error, setting, label):
    """One line which names the setting."""
    line = str(error)
    assert line.isprintable(), f"{label}: {line!r} is not one line"
    assert setting in line, f"{label}: {line!r} does not name {setting}"


def values_for(known):
    """Values that users try, and the borders of the range."""
    values = [-1, 0, 1, math.nan, math.inf, float("1e400"), "x", "", 2.5, 1e9, 10**9]
    if known.low is not None:
        values += [known.low - 1, known.low]
    if known.high is not None:
        values += [known.high, known.high + 1]
    return list({repr(value): value for value in values}.values())


# -- settings ---------------------------------------------------------------------------------


@every_method
def test_the_quick_settings_make_a_picture(name):
    """The ground that the other tests of this file stand on."""
    ended = outcome(f"{name} as it is", name)
    assert not isinstance(ended, TextoError), f"{name}: {ended}"


@every_setting(list(defined_once(NUMERIC)))
def test_a_numeric_setting_gives_a_picture_or_an_error(name, known):
    for value in values_for(known):
        label = f"{name} {known.name}={value!r}"
        ended = outcome(label, name, **{known.name: value})
        if not known.accepts(value):
            assert isinstance(ended, TextoError), f"{label} was accepted, it is not {known.range}"
        if isinstance(ended, TextoError) and ended.what != "training":  # which may collapse
            assert_told(ended, known.name, label)


@every_setting([case for case in NUMERIC if case[1].kind is int])
def test_an_integer_setting_has_both_limits(name, known):
    assert known.low is not None and known.high is not None, f"{name} {known.name}"
    assert known.low <= known.high


@every_setting(list(defined_once(OTHERS)))
def test_another_setting_gives_a_picture_or_an_error(name, known):
    values = ["x", "", "no\nsuch", "é" * 300, 1, 2.5, math.nan, None, *known.choices]
    values += [True, False] if known.kind is bool else []
    for value in values:
        label = f"{name} {known.name}={value!r}"
        ended = outcome(label, name, **{known.name: value})
        if not known.accepts(value):
            assert isinstance(ended, TextoError), f"{label} was accepted, it is not {known.range}"
        if isinstance(ended, TextoError):
            told = known.name in str(ended) or (value and repr(value) in str(ended))
            assert told and str(ended).isprintable(), f"{label}: {ended}"


@every_method
def test_the_largest_number_of_levels_is_told_and_works(name):
    known = settings_of(quick(name)).get("n_levels")
    if known is None:
        pytest.skip(f"{name} has no setting 'n_levels'")
    ended = outcome(f"{name} n_levels={known.high}", name, n_levels=int(known.high))
    assert isinstance(ended, TextoError), f"{name}: {known.high} levels on 28x24 were accepted"
    most = re.search(r"at most (\d+)\b", str(ended))
    assert most and ended.what == "n_levels", f"{name}: {ended}"
    largest = int(most[1])
    fits = outcome(f"{name} n_levels={largest}", name, n_levels=largest)
    assert not isinstance(fits, TextoError), f"{name} n_levels={largest}: {fits}"
    more = outcome(f"{name} n_levels={largest + 1}", name, n_levels=largest + 1)
    assert isinstance(more, TextoError), f"{name} n_levels={largest + 1} was accepted"
    assert f"at most {largest} " in f"{more} ", f"{name}: {more}"


@every_method
def test_an_unknown_setting_is_refused(name):
    with pytest.raises(TypeError, match="no_such_setting"):
        registry.method_class(name)(no_such_setting=1)


# -- sizes and seeds --------------------------------------------------------------------------


@every_method
def test_sizes_that_cannot_be_are_refused(name):
    model = quick(name).fit(EXEMPLAR, rng=0)
    for shape in [(0, 8), (8, 0), (-5, 8), (8, -5), (8.5, 8)]:
        with pytest.raises(TextoError, match="size"):
            model.synthesize(shape, rng=1)
            pytest.fail(f"{name}: size {shape} was accepted")
    label = f"{name} size 1000000x1000000"
    try:
        with alarm(), little_memory(), pytest.raises((MemoryError, TextoError)):
            model.synthesize((10**6, 10**6), rng=1)
    except Hung as hung:
        pytest.fail(f"{label}: {hung}")


@every_method
def test_sizes_smaller_than_a_patch_give_pictures(name):
    for shape in [(1, 1), (1, 30), (2, 3), (5, 40)]:
        ended = outcome(f"{name} size {shape}", name, shape=shape)
        assert not isinstance(ended, TextoError), f"{name} size {shape}: {ended}"


@every_method
def test_seeds_that_cannot_be_are_refused(name):
    model = quick(name).fit(EXEMPLAR, rng=0)
    for seed, begin in itertools.product(
        (-1, 2**32, 2**70),
        (
            lambda seed: quick(name).fit(EXEMPLAR, rng=seed),
            lambda s: model.synthesize((8, 8), rng=s),
        ),
    ):
        with pytest.raises(TextoError, match="seed"):
            begin(seed)
            pytest.fail(f"{name}: seed {seed} was accepted")


# -- the command line -------------------------------------------------------------------------


@pytest.fixture
def refused(tmp_path, monkeypatch, capsys):
    """Calls `texto ARGUMENTS` beside wall.png: refused in one line, nothing written."""
    monkeypatch.chdir(tmp_path)
    Image.fromarray((EXEMPLAR * 255).astype(np.uint8)).save("wall.png")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def call(*arguments):
        capsys.readouterr()
        with alarm():
            code = main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        label = " ".join(map(repr, arguments))
        assert code == 2, f"{label}: exit code {code}, {err!r}"
        assert out == "" and err.endswith("\n"), label
        line = err[:-1]
        assert line.startswith("texto: error: ") and line.isprintable(), f"{label}: {line!r}"
        after = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
        assert after == before, f"{label} changed the folder"
        return line

    return call


def texts_for(known):
    """What users may write for a setting and it does not accept."""
    texts = ["-1", "0", "nan", "inf", "1e400", "x", "", "2.5", "1e9", "1000000000"]
    texts += [] if known.low is None else [f"{known.low - 1:.0f}"]
    texts += [] if known.high is None else [f"{known.high + 1:.0f}"]
    for text in dict.fromkeys(texts):
        try:
            known.parse(text)
        except TextoError:
            yield text


@every_method
def test_numeric_settings_are_refused_on_the_command_line(name, refused):
    for _, known in (case for case in NUMERIC if case[0] == name):
        for text in texts_for(known):
            given = f"{known.name}={text}"
            line = refused("synth", "wall.png", "-m", name, "--set", given, "-s", "8")
            assert known.name in line, f"{name} --set {given}: {line}"


@every_method
def test_unknown_and_doubled_settings_are_refused_on_the_command_line(name, refused):
    def told(*options):
        return refused("synth", "wall.png", "-m", name, "-s", "8", *options)

    first = next(iter(settings_of(quick(name))))
    assert f"{first}" in told("--set", f"{first[:-1]}=1").partition("did you mean")[2]
    assert "'='" in told("--set", first)
    value = getattr(quick(name), first)
    twice = told("--set", f"{first}={value}", "--set", f"{first}={value}")
    assert first in twice and "twice" in twice
    if "tileable" in settings_of(quick(name)):
        assert "tileable" in told("--tileable", "x", "--set", "tileable=y")
        assert "tileable" in told("--set", "tileable=diagonal")
    else:
        assert "tileable" in told("--tileable", "x")


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("-m", "gausian"), "did you mean gaussian"),
        (("-m", "gaussian", "--device", "abacus"), "device"),
        (("-m", "gaussian", "--device", "cuda:0"), "device"),
        (("-m", "gaussian", "--seeed", "1"), "--seed"),
        (("-m", "gaussian", "--tileable", "z"), "--tileable"),
        (("-m", "gaussian", "-q", "-v"), "-v"),
        (("-m", "gaussian", "--from", "wall.png"), "wall.png"),
        *((("-m", "gaussian", "--seed", seed), "--seed") for seed in ("-1", "4294967296", "1.5")),
        *((("-m", "gaussian", "--seed", seed), "--seed") for seed in ("abc", "", "nan", "1e3")),
        *(
            (("-m", "gaussian", f"--size={size}"), "size")
            for size in ("0", "-5", "512x512x", "x", "0x", "101x", "1e5x1e5", "0x5", "8X0")
        ),
        *(
            (("-m", "gaussian", f"--size={size}"), "size")
            for size in ("nan", "", "2.5", "8.5x9", "-1x", "99999999x99999999", "9" * 30)
        ),
    ],
)
def test_options_that_cannot_be_are_refused(options, named, refused):
    line = refused("synth", "wall.png", *options)
    assert named in line, line


def test_a_large_size_is_refused_with_the_memory_it_needs(refused):
    assert "GiB" in refused("synth", "wall.png", "-m", "gaussian", "-s", "100000x100000")


# -- exemplars --------------------------------------------------------------------------------


def exemplars(name):
    """What the numerics of a method stumble over; each (H, W, 3) float32."""
    size = getattr(quick(name), "patch_size", 6)
    side = size if isinstance(size, int) else 6
    rng = np.random.default_rng(8)
    rows, columns = np.mgrid[:24, :28]
    flat = np.full((24, 28, 3), (0.2, 0.5, 0.8), np.float32)
    spot = flat.copy()
    spot[11, 13] = 1
    bright = np.repeat(EXEMPLAR[:, :, :1], 3, axis=2)
    return {
        "black": np.zeros((24, 28, 3), np.float32),
        "white": np.ones((24, 28, 3), np.float32),
        "constant": flat,
        "checkerboard": np.repeat(((rows + columns) % 2)[:, :, None], 3, 2).astype(np.float32),
        "half and half": np.where(columns[:, :, None] < 14, flat, np.float32(0.9)),
        "grey as RGB": bright,
        "one channel constant": np.concatenate([bright[:, :, :2], flat[:, :, :1]], axis=2),
        "a tile repeated": np.tile(EXEMPLAR[:6, :7], (4, 4, 1)),
        "noise of 1e-6": flat + rng.uniform(-1e-6, 1e-6, flat.shape).astype(np.float32),
        "one pixel different": spot,
        "as large as a patch": noisy_bricks(side, side),
        "one row of patches": noisy_bricks(side, 28),
        "one column of patches": noisy_bricks(24, side),
        "one pixel": EXEMPLAR[:1, :1],
        "a line": EXEMPLAR[:1],
    }


@every_method
def test_odd_exemplars_give_a_finite_picture_or_an_error(name):
    for kind, exemplar in exemplars(name).items():
        label = f"{name} on an exemplar that is {kind}"
        ended = outcome(label, name, exemplar=np.ascontiguousarray(exemplar))
        if isinstance(ended, TextoError):
            assert str(ended).isprintable(), f"{label}: {ended}"
            collapsed = ended.what == "training"
            assert collapsed or min(exemplar.shape[:2]) < 24, f"{label}: {ended}"
        elif isinstance(ended, np.ndarray):
            if kind in ("black", "white", "constant"):
                worst = np.abs(ended - exemplar[0, 0]).max()
                assert worst <= 1 / 255, f"{label}: off by {worst}"
            if kind in ("grey as RGB", "checkerboard", "black", "white"):
                worst = np.ptp(ended, axis=2).max()
                assert worst <= 1 / 255, f"{label}: channels differ by {worst}"
            if kind == "noise of 1e-6":
                worst = np.abs(ended - exemplar.mean(axis=(0, 1))).max()
                assert worst <= 1 / 255, f"{label}: off by {worst}"
