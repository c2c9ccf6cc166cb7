"""The borders of all settings, absurd sizes and odd exemplars on every registered method.

Driven from the registry and from each method's own fields, so that a new method or setting is
covered by itself. A run ends in a TextoError of one line that names the setting, or in a
finite picture; one that takes long must report its steps, so that it can be stopped. What lies
outside a range is refused in tests/core and, by every method, in the contract.
"""

import contextlib
import dataclasses
import inspect
import os
import re
import signal
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from texto.core import registry
from texto.core.errors import TextoError
from texto.core.settings import settings_of
from texto.core.types import Step

pytestmark = pytest.mark.filterwarnings("ignore::texto.core.errors.TextoWarning")

LONG = 60  # steps of a stage; where there are more, its third one is the last
HUNG = 60  # seconds of CPU time without an end on a picture of 24 x 28
SPARE = 3 << 30  # bytes that a run may take beyond what the process has
SHAPE = (13, 15)
# Iterations between two steps that are reported: at most, these take minutes, as they say.
WITHIN_A_STEP = {"n_iter_dual", "n_first_dual", "n_iter_sliced", "n_iter_em"}
WITHIN_A_STEP |= {"n_critic", "n_generator", "n_calibration"}
# At most, one step takes seconds: it is the only one, of a network that is small otherwise.
LARGE_STEPS = {"width", "max_width", "discriminator_width", "batch_size", "sample_size"}
LARGE_STEPS |= {"n_directions"}
# What these say about a run leaves little to others.
DECIDING = {"n_levels", "patch_size", "stride", "coarsest", "largest", "n_scales"}
SMALL = {"sample_size": 16, "n_scales": 2, "n_doublings": 2}
SMALLEST = {"n_scales": 1, "n_doublings": 1}


def usable(name):
    """Whether the packages that the method needs are installed."""
    try:
        registry.method_class(name)
    except ModuleNotFoundError:
        return False
    return True


NAMES = [name for name in registry.names() if usable(name)]
every_method = pytest.mark.parametrize("name", NAMES)


def settings_new_in(name):
    """The settings of the method that none before it in the registry shares through a base."""
    cls, seen = registry.method_class(name), set()
    for other in NAMES[: NAMES.index(name)]:
        before = registry.method_class(other)
        seen |= {(owner(before, key), key) for key in settings_of(before)}
    return [known for key, known in settings_of(cls).items() if (owner(cls, key), key) not in seen]


def owner(cls, key):
    """The class that defines the setting `key`."""
    return next(base for base in cls.__mro__ if key in inspect.get_annotations(base))


def first_and_last_of_each_family():
    """Methods that one module defines differ in what they sum up only."""
    families = {}
    for name in NAMES:
        families.setdefault(registry.method_class(name).__module__, []).append(name)
    return sorted({name for family in families.values() for name in (family[0], family[-1])})


@cache
def quick(name):
    """The method with quick settings, all that it needs loaded by a first run."""
    cls = registry.method_class(name)
    method = cls(**{**cls.quick, **own(cls, SMALL)})
    method.fit(EXEMPLAR, rng=0).synthesize(SHAPE, rng=1)
    return method


def own(method, values):
    """Those of the `values` that are settings of the method."""
    return {name: value for name, value in values.items() if name in settings_of(method)}


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

    def __init__(self, at_most=3):
        self.steps, self.at_most = 0, at_most

    def __call__(self, step):
        assert isinstance(step, Step) and 1 <= step.iteration <= step.total, step
        self.steps += 1
        if self.steps >= self.at_most and (step.total > LONG or self.at_most == 1):
            raise Stopped


@contextlib.contextmanager
def alarm():
    """Raises Hung where the block does not end; only where the system has such alarms."""
    if not hasattr(signal, "setitimer"):
        yield
        return

    def ring(number, frame):
        raise Hung(f"nothing came back within {HUNG} s of CPU time")

    before = signal.signal(signal.SIGPROF, ring)
    signal.setitimer(signal.ITIMER_PROF, HUNG)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


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


def outcome(label, name, exemplar=EXEMPLAR, shape=SHAPE, at_most=3, **changes):
    """What becomes of a run: a picture (checked), a TextoError, or Stopped. All else fails."""
    plain = quick(name)
    try:
        with alarm(), little_memory():
            method = dataclasses.replace(plain, **changes)
            watch = Watch(at_most)
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


# -- settings ---------------------------------------------------------------------------------


@every_method
@pytest.mark.parametrize("end", ["low", "high"])
def test_the_ends_of_all_ranges_give_a_picture_or_an_error(name, end):
    values = {}
    for known in settings_new_in(name):
        value = getattr(known, end)
        within = end == "high" and known.name in WITHIN_A_STEP
        if known.kind in (int, float) and value is not None and not within:
            values[known.name] = known.kind(value)
    alone = [key for key in values if key.startswith("n_iter") or key in DECIDING]
    if end == "high":
        alone += [key for key in values if key in LARGE_STEPS]
    together = [key for key in values if key not in alone]
    for part in (together[::2], together[1::2], *([key] for key in alone)):
        told(name, {key: values[key] for key in part})


@every_method
def test_all_choices_give_a_picture_or_an_error(name):
    others = {}
    for known in settings_new_in(name):
        if known.kind not in (int, float) and known.name != "tileable":  # as the contract has it
            values = known.choices or ((True, False) if known.kind is bool else ("no\nsuch",))
            usual = getattr(quick(name), known.name)
            others[known.name] = [value for value in values if value != usual]
    for turn in range(max(map(len, others.values()), default=0)):
        told(name, {key: left[turn] for key, left in others.items() if turn < len(left)})


def told(name, values):
    """A run with `values` ends well, or with one of them named.

    Of several at once an error may hide others: then each is tried by itself.
    """
    if not values:
        return
    label = f"{name} {values}"
    known = settings_of(quick(name))
    large = any(key in LARGE_STEPS and value == known[key].high for key, value in values.items())
    others = own(quick(name), SMALLEST) if large else {}
    ended = outcome(label, name, at_most=1 if large else 3, **{**others, **values})
    if isinstance(ended, np.ndarray):
        return
    if len(values) > 1:
        for key, value in values.items():
            told(name, {key: value})
    elif isinstance(ended, TextoError) and ended.what != "training":  # which may collapse
        ((key, value),) = values.items()
        line = str(ended)
        assert line.isprintable(), f"{label}: {line!r} is not one line"
        assert key in line or repr(value) in line, f"{label}: {line!r} does not name {key}"


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


# -- sizes ------------------------------------------------------------------------------------


@every_method
def test_a_size_beyond_all_memory_is_refused(name):
    model = quick(name).fit(EXEMPLAR, rng=0)
    label = f"{name} size 1000000x1000000"
    try:
        with alarm(), little_memory(), pytest.raises((MemoryError, TextoError)):
            model.synthesize((10**6, 10**6), rng=1)
    except Hung as hung:
        pytest.fail(f"{label}: {hung}")


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
        "white": np.ones((24, 28, 3), np.float32),
        "constant": flat,
        "checkerboard": np.repeat(((rows + columns) % 2)[:, :, None], 3, 2).astype(np.float32),
        "one channel constant": np.concatenate([bright[:, :, :2], flat[:, :, :1]], axis=2),
        "noise of 1e-6": flat + rng.uniform(-1e-6, 1e-6, flat.shape).astype(np.float32),
        "one pixel different": spot,
        "as large as a patch": noisy_bricks(side, side),
        "one column of patches": noisy_bricks(24, side),
        "a line": EXEMPLAR[:1],
    }


@pytest.mark.parametrize("name", first_and_last_of_each_family())
def test_odd_exemplars_give_a_finite_picture_or_an_error(name):
    for kind, exemplar in exemplars(name).items():
        label = f"{name} on an exemplar that is {kind}"
        ended = outcome(label, name, exemplar=np.ascontiguousarray(exemplar))
        if isinstance(ended, TextoError):
            assert str(ended).isprintable(), f"{label}: {ended}"
            collapsed = ended.what == "training"
            assert collapsed or min(exemplar.shape[:2]) < 24, f"{label}: {ended}"
        elif isinstance(ended, np.ndarray):
            if kind in ("white", "constant"):
                worst = np.abs(ended - exemplar[0, 0]).max()
                assert worst <= 1 / 255, f"{label}: off by {worst}"
            if kind in ("checkerboard", "white"):
                worst = np.ptp(ended, axis=2).max()
                assert worst <= 1 / 255, f"{label}: channels differ by {worst}"
            if kind == "noise of 1e-6":
                worst = np.abs(ended - exemplar.mean(axis=(0, 1))).max()
                assert worst <= 1 / 255, f"{label}: off by {worst}"
