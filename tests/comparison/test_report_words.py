"""Numbers, times and loss curves as the report shows them."""

import pytest

from texto.comparison.report.curves import HEIGHT, MOST_POINTS, WIDTH, curve
from texto.comparison.report.wording import figure, moment, plain, seconds, spread_of


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.31, "0.310"), (0.0123, "0.0123"), (283.4, "283"), (4096, "4096"), (-2.5, "-2.50"),
     (1e-7, "1.0e-07"), (123456.0, "1.2e+05"), (9.999, "10.0"),
     (99900.0, "99900"), (99999.0, "1.0e+05")],
)  # fmt: skip
def test_figure(value, text):
    assert figure(value) == text


@pytest.mark.parametrize(
    ("value", "spread", "text"),
    [(0.31, None, None), (0.31, 0.0123, "0.012"), (0.31, 0.0, "0"), (283, 0.04, "0.04"),
     (1e-7, 2e-8, "2e-08"), (0, 3.0, "3")],
)  # fmt: skip
def test_spread(value, spread, text):
    assert spread_of(value, spread) == text


def test_other_words():
    assert [seconds(value) for value in (0.0, 0.0021, 12.345)] == ["<0.001", "0.002", "12.3"]
    assert moment("2026-03-04T05:06:07+02:00") == "2026-03-04 03:06 UTC"
    assert moment("2026-03-04T05:06:07") == "2026-03-04 05:06" and moment("lately") == "lately"
    assert (plain("a"), plain([1, None]), plain(True)) == ("a", "[1, null]", "true")


def test_curve_spans_its_box():
    drawn = curve([(1, 4.0), (2, 2.0), (5, 1.0)])
    assert drawn.points == f"0.0,0.0 {WIDTH / 4},{HEIGHT * 2 / 3:.1f} {WIDTH:.1f},{HEIGHT:.1f}"
    assert (drawn.first, drawn.last, drawn.low, drawn.high) == (1, 5, "1.00", "4.00")
    assert not drawn.logarithmic
    halfway = curve([(1, 1.0), (2, 10.0), (3, 100.0)])
    assert halfway.logarithmic and halfway.points.split()[1] == f"{WIDTH / 2},{HEIGHT / 2}"


@pytest.mark.parametrize("loss", [[], [(1, 2.0)], [(1, float("nan")), (2, 1.0)]])
def test_curve_needs_two_points(loss):
    assert curve(loss) is None


def test_curve_of_one_height_and_of_many_points():
    assert curve([(0, 2.0), (1, 2.0)]).points == f"0.0,{HEIGHT / 2} {WIDTH:.1f},{HEIGHT / 2}"
    many = curve([(number, 1 + number) for number in range(5000)]).points.split()
    assert len(many) == MOST_POINTS
    assert (many[0], many[-1]) == (f"0.0,{HEIGHT:.1f}", f"{WIDTH:.1f},0.0")
