"""Hyper-parameters: each value is taken as meant, or refused with its range and default."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from texto.core.errors import TextoError
from texto.core.settings import check_settings, parse_settings, setting, settings_of


@dataclasses.dataclass(frozen=True)
class Example:
    patch_size: int = setting(8, "side of a patch in pixels", low=1, high=64)
    n_iter: int = setting(10, "iterations", low=0)
    n_levels: int | None = setting(None, "pyramid levels", low=1)
    strength: float = setting(0.5, "strength", low=0, high=1)
    bias: float = setting(0.0, "bias")
    cap: float | None = setting(None, "cap", high=10)
    flat: bool = setting(False, "no depth")
    tileable: str = setting("none", "axes", choices=("none", "x", "xy"), stage="synthesis")
    unset: int | None = setting(3, "an integer that may be missing", low=0)

    def __post_init__(self):
        check_settings(self)


KNOWN = settings_of(Example)

ACCEPTED = {
    "patch_size": [1, 8, 64],
    "n_iter": [0, 10**18],
    "n_levels": [None, 1],
    "strength": [0.0, 1.0, 0, 1, 0.25, 5e-324],
    "bias": [-1e300, 0, -7],
    "cap": [None, -3, 10.0],
    "flat": [True, False],
    "tileable": ["none", "x", "xy"],
    "unset": [None, 0],
}
REFUSED = {
    "patch_size": [0, -1, 65, 10**9, 8.0, 2.5, "8", "", None, True, math.nan, math.inf, [8], b"8"],
    "n_iter": [-1, 1.0, None, False, "10"],
    "n_levels": [0, -1, 1.0, "none", True],
    "strength": [-1e-9, 1.5, math.nan, math.inf, -math.inf, None, True, "0.5", 1j, 2],
    "bias": [math.nan, math.inf, None, "0", True],
    "cap": [10.5, 11, math.inf, math.nan, "1", False],
    "flat": [0, 1, "true", None, 1.0],
    "tileable": ["", "y", "X", None, 1, ("none",)],
    "unset": [-1, 0.0],
}


def cases(table):
    return [(name, value) for name, values in table.items() for value in values]


def test_the_tables_cover_every_setting():
    assert set(ACCEPTED) == set(REFUSED) == set(KNOWN)


@pytest.mark.parametrize(("name", "value"), cases(ACCEPTED))
def test_accepted(name, value):
    assert KNOWN[name].check(value) is value
    assert getattr(Example(**{name: value}), name) is value


@pytest.mark.parametrize(("name", "value"), cases(REFUSED))
def test_refused(name, value):
    with pytest.raises(TextoError) as refusal:
        Example(**{name: value})
    assert refusal.value.what == name
    assert refusal.value.why == f"must be {KNOWN[name].range}, got {value!r}"
    assert refusal.value.remedy == f"the default is {KNOWN[name].default}"


PARSED = [
    ("patch_size", "8", 8),
    ("patch_size", " 8 ", 8),
    ("n_iter", "+0", 0),
    ("n_levels", "none", None),
    ("n_levels", "Auto", None),
    ("n_levels", "4", 4),
    ("strength", "1", 1.0),
    ("strength", "5e-1", 0.5),
    ("bias", "-.25", -0.25),
    ("cap", "NONE", None),
    ("flat", "yes", True),
    ("flat", "ON", True),
    ("flat", "1", True),
    ("flat", "False", False),
    ("flat", "0", False),
    ("tileable", "none", "none"),
    ("tileable", "xy", "xy"),
    ("unset", "none", None),
]


@pytest.mark.parametrize(("name", "text", "value"), PARSED)
def test_parsed(name, text, value):
    found = KNOWN[name].parse(text)
    assert found == value and type(found) is type(value)


UNPARSED = [
    *[("patch_size", text) for text in ("0", "65", "2.5", "8.0", "1e1", "x", "", "none", "8 8")],
    *[("patch_size", text) for text in ("nan", "inf", "true", "0x8", "9" * 5000)],
    *[("strength", text) for text in ("-1", "1.1", "nan", "inf", "-inf", "1e400", "", "half")],
    *[("bias", text) for text in ("1e400", "nan", "none", "9" * 400)],
    *[("cap", text) for text in ("11", "inf", "nan", "auto?")],
    *[("flat", text) for text in ("2", "", "none", "maybe")],
    *[("tileable", text) for text in ("", "y", "XY", "x,y")],
]


@pytest.mark.parametrize(("name", "text"), UNPARSED)
def test_unparsed(name, text):
    with pytest.raises(TextoError) as refusal:
        KNOWN[name].parse(text)
    assert refusal.value.what == name and KNOWN[name].range in refusal.value.why


@given(st.sampled_from(list(KNOWN)), st.text(max_size=12))
def test_any_text_is_parsed_or_refused(name, text):
    try:
        value = KNOWN[name].parse(text)
    except TextoError as error:
        assert error.what == name
    else:
        assert KNOWN[name].accepts(value)


@given(st.sampled_from(list(KNOWN)), st.data())
def test_what_is_shown_is_parsed_again(name, data):
    value = data.draw(st.sampled_from(ACCEPTED[name]))
    assert KNOWN[name].parse(str(value)) == value


def test_numbers_of_numpy_become_those_of_python():
    made = Example(patch_size=np.int64(6), strength=np.float32(0.5), flat=np.bool_(True))
    assert [type(v) for v in (made.patch_size, made.strength, made.flat)] == [int, float, bool]
    assert made == Example(patch_size=6, strength=0.5, flat=True)


def test_ranges_in_words():
    assert {name: known.range for name, known in KNOWN.items() if name != "cap"} == {
        "patch_size": "an integer from 1 to 64",
        "n_iter": "an integer, at least 0",
        "n_levels": "an integer, at least 1 | none",
        "strength": "a number from 0 to 1",
        "bias": "a number",
        "flat": "true | false",
        "tileable": "none | x | xy",
        "unset": "an integer, at least 0 | none",
    }


def test_settings_tell_help_default_and_stage():
    assert list(KNOWN) == [field.name for field in dataclasses.fields(Example)]
    assert settings_of(Example()) == KNOWN
    assert KNOWN["patch_size"].help == "side of a patch in pixels"
    assert (KNOWN["patch_size"].default, KNOWN["n_levels"].default) == (8, None)
    assert [name for name, known in KNOWN.items() if known.stage == "synthesis"] == ["tileable"]
    assert [name for name, known in KNOWN.items() if known.optional] == ["n_levels", "cap", "unset"]


def test_pairs():
    pairs = ["patch-size=5", " strength =.5", "tileable=x", "n_levels=none"]
    assert parse_settings(Example, pairs) == {
        "patch_size": 5,
        "strength": 0.5,
        "tileable": "x",
        "n_levels": None,
    }
    assert parse_settings(Example, []) == {}


@pytest.mark.parametrize(
    ("pairs", "what", "why", "remedy"),
    [
        (["patch_size"], "--set 'patch_size'", "no '='", "key=value"),
        (["patchsize=5"], "'patchsize'", "no setting of this method", "patch_size"),
        (["n_itre=5"], "'n_itre'", "no setting of this method", "n_iter"),
        (["zzz=5"], "'zzz'", "no setting of this method", "patch_size, n_iter, n_levels"),
        (["=5"], "''", "no setting of this method", "did you mean"),
        (["n_iter=5", "n-iter=5"], "--set n_iter", "given twice", "give it once"),
        (["n_iter=5=6"], "n_iter", "got '5=6'", "the default is 10"),
        (["\x1b[2J=5"], "'\\x1b[2J'", "no setting of this method", "did you mean"),
    ],
)
def test_pairs_refused(pairs, what, why, remedy):
    with pytest.raises(TextoError) as refusal:
        parse_settings(Example, pairs)
    error = refusal.value
    assert what in error.what and why in error.why and remedy in error.remedy
    assert str(error).isprintable()
