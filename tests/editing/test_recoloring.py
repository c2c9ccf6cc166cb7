"""Colour transfer: moments are taken over, equal colours stay, noise is not amplified."""

import itertools
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import texto
from texto.core.errors import TextoError, TextoWarning
from texto.editing.recoloring import Recoloring, recolored, smoothing
from texto.editing.recoloring.figure import figure
from texto.editing.recoloring.moments import correction, moments
from texto.editing.recoloring.smoothing import Grid, smoothly_mapped
from texto.patches.pyramid import halve
from texto.transport.gaussian import monge_matrices

DATA = Path(__file__).resolve().parents[2] / "data"
NAMES = ("bricks", "pebbles", "spots", "wood", "woven")
LEVEL = 1 / 255


@pytest.fixture(scope="module")
def pictures():
    """The exemplars of data/ at half size, each cut to a size of its own."""
    return {
        name: halve(texto.read_image(DATA / f"{name}.png"))[: 96 - 7 * k, : 70 + 9 * k]
        for k, name in enumerate(NAMES)
    }


def pixels_of(picture):
    return picture.reshape(-1, picture.shape[2]).astype(np.float64)


def off_by(picture, target):
    """The errors of mean and covariance, relative to those of the target."""
    result, goal = pixels_of(picture), pixels_of(target)
    spread, wanted = np.cov(result.T), np.cov(goal.T)
    mean = np.linalg.norm(result.mean(axis=0) - goal.mean(axis=0))
    return mean / np.linalg.norm(goal.mean(axis=0)), np.linalg.norm(spread - wanted) / (
        np.linalg.norm(wanted)
    )


def filtered(image, colour_map, radius, smooth):
    result = np.empty(image.shape, np.float32)
    seen = np.zeros(len(image), int)
    for rows, colours in smoothly_mapped(image, colour_map, radius, smooth):
        result[rows] = colours
        seen[rows] += 1
    assert (seen == 1).all()
    return result


# -- what is promised -------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"radius": 0}, {"n_components": 1}])
def test_mean_and_covariance_are_the_others(pictures, options):
    for a, b in itertools.pairwise([*NAMES, NAMES[0]]):
        result = texto.recolor(pictures[a], pictures[b], rng=0, **options)
        assert result.shape == pictures[a].shape and result.dtype == np.float32
        assert result.min() >= 0 and result.max() <= 1
        assert max(off_by(result, pictures[b])) < 0.02
        eight_bits = np.rint(result * 255) / 255
        assert max(off_by(eight_bits, pictures[b])) < 0.02


@pytest.mark.parametrize("options", [{}, {"radius": 0}, {"n_components": 3, "smooth": 2.0}])
@pytest.mark.parametrize("name", ["bricks", "wood"])
def test_its_own_colours_change_nothing(pictures, name, options):
    picture = pictures[name]
    assert np.abs(texto.recolor(picture, picture, rng=5, **options) - picture).max() < LEVEL
    grey = picture[:, :, :1]
    assert np.abs(texto.recolor(grey, grey, rng=5, **options) - grey).max() < LEVEL


def test_colours_are_matched_beyond_their_moments(pictures):
    """Each quantile of each channel comes nearer than by the best affine map."""
    picture, other = pictures["pebbles"], pictures["woven"]
    shares = np.linspace(0.02, 0.98, 25)

    def distance(result):
        ends = [np.quantile(pixels_of(each), shares, axis=0) for each in (result, other)]
        return np.abs(ends[0] - ends[1]).mean()

    affine = distance(texto.recolor(picture, other, n_components=1, radius=0, rng=0))
    mixtures = distance(texto.recolor(picture, other, n_components=10, radius=0, rng=0))
    assert mixtures < 0.8 * affine


def test_one_component_is_the_map_between_gaussians():
    rng = np.random.default_rng(2)
    picture, other = rng.random((2, 40, 40, 3), dtype=np.float32)
    picture = 0.4 + 0.2 * (picture @ rng.random((3, 3), dtype=np.float32)) / 3
    other = 0.3 + 0.3 * (other @ rng.random((3, 3), dtype=np.float32)) / 3
    result = texto.recolor(picture, other, n_components=1, radius=0, rng=0)
    source, target = moments(picture), moments(other)
    linear = monge_matrices(source.covariance[None], target.covariance[None])[0, 0]
    expected = (picture - source.mean) @ linear + target.mean
    assert expected.min() > 0 and expected.max() < 1
    assert np.abs(result - expected).max() < 2 * LEVEL


def noisy_squares():
    """(96, 128, 3): flat squares of six colours, with noise of two grey levels."""
    colours = np.float32([[9, 3, 2], [2, 8, 3], [3, 3, 8], [8, 8, 7], [1, 2, 1], [5, 6, 5]]) / 10
    flat = colours.reshape(2, 3, 3).repeat(48, axis=0).repeat(43, axis=1)[:, :128]
    noise = np.random.default_rng(0).normal(0, 2 * LEVEL, flat.shape)
    return np.clip(flat + noise, 0, 1).astype(np.float32)


def test_the_radius_is_a_fiftieth_of_the_shorter_side():
    assert Recoloring().radius_for((200, 500, 3)) == Recoloring().radius_for((500, 200)) == 4


def test_noise_is_not_amplified(pictures):
    picture, gains = noisy_squares(), {}
    for smooth in (0.0, 0.2):
        result = texto.recolor(picture, pictures["pebbles"], smooth=smooth, rng=0)
        inside = [
            (slice(8 + y, 40 + y), slice(8 + x, 35 + x)) for y in (0, 48) for x in (0, 43, 86)
        ]
        gains[smooth] = np.array(
            [result[part].std(axis=(0, 1)) / picture[part].std(axis=(0, 1)) for part in inside]
        )
    assert gains[0.0].max() > 5  # the map alone stretches each square to part of the pebbles
    assert gains[0.2].max() < 2  # what the moments need beyond it


def test_edges_stay_sharp(pictures):
    result = texto.recolor(noisy_squares(), pictures["pebbles"], rng=0)
    for x in (43, 86):
        lines = result[4:44].mean(axis=0)
        step = np.abs(lines[x + 8 : x + 35].mean(axis=0) - lines[x - 35 : x - 8].mean(axis=0))
        across = np.abs(lines[x] - lines[x - 1])
        assert across.max() > 0.1 and (across > 0.75 * step - 0.02).all()


# -- channels, sizes, degenerate pictures -------------------------------------------------------


@pytest.mark.parametrize(
    "first, second, channels", [(1, 3, 3), (3, 1, 3), (1, 1, 1), (5, 5, 5), (2, 1, 2)]
)
def test_channels(first, second, channels):
    rng = np.random.default_rng(0)
    picture = rng.random((30, 34, first), dtype=np.float32)
    other = rng.random((21, 44, second), dtype=np.float32) ** 2
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TextoWarning)  # greys cannot fill a cube
        result = texto.recolor(picture, other, rng=0)
    assert result.shape == (30, 34, channels) and np.isfinite(result).all()
    if second == 1:  # grey is taken over
        assert np.ptp(result, axis=2).max() < LEVEL
        assert abs(result.mean() - other.mean()) < 0.02 * other.mean()
        assert abs(result.var() - other.var()) < 0.03 * other.var()


def test_a_grey_picture_is_coloured(pictures):
    picture = pictures["pebbles"].mean(axis=2)
    result = texto.recolor(picture, pictures["woven"], rng=0)
    assert result.shape == (*picture.shape, 3) and np.ptp(result, axis=2).max() > 0.1


def flat(*colours, shape=(12, 15)):
    """(12, 15, 3): stripes of `colours`."""
    return np.float32(colours)[np.arange(shape[1]) % len(colours)][None].repeat(shape[0], axis=0)


DEGENERATE = {
    "one colour": flat((0.2, 0.5, 0.7)),
    "two colours": flat((0.2, 0.5, 0.7), (0.9, 0.1, 0.3)),
    "black and white": flat((0, 0, 0), (1, 1, 1)),
    "black": flat((0, 0, 0)),
    "one pixel": flat((0.2, 0.5, 0.7), shape=(1, 1)),
    "one row": flat((0.2, 0.5, 0.7), (0.9, 0.1, 0.3), (0.4, 0.4, 0.4), shape=(1, 30)),
    "noise": np.random.default_rng(0).random((12, 15, 3), dtype=np.float32),
}


@pytest.mark.parametrize("a, b", list(itertools.product(DEGENERATE, repeat=2)))
def test_degenerate_pictures(a, b):
    number = list(DEGENERATE).index(a) + list(DEGENERATE).index(b)
    options = ({}, {"radius": 0}, {"n_components": 100, "radius": 9999})[number % 3]
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("error")
        warnings.simplefilter("always", TextoWarning)
        result = texto.recolor(DEGENERATE[a], DEGENERATE[b], rng=0, **options)
    assert result.shape == DEGENERATE[a].shape
    assert np.isfinite(result).all() and result.min() >= 0 and result.max() <= 1
    mean = DEGENERATE[b].mean(axis=(0, 1))
    assert told or np.abs(result.mean(axis=(0, 1)) - mean).max() < 0.02
    if a == b:
        assert not told
        assert np.abs(result - DEGENERATE[a]).max() < LEVEL


def test_colours_too_few_for_the_moments_are_told_once(pictures):
    with pytest.warns(TextoWarning, match="too few, or too alike") as told:
        texto.recolor(DEGENERATE["two colours"], pictures["pebbles"], rng=0)
    assert len(told) == 1 and told[0].filename == __file__


def test_seeds_inputs_and_progress(pictures):
    picture, other = pictures["wood"], pictures["woven"]
    before, steps = (picture.copy(), other.copy()), []
    result = texto.recolor(picture, other, rng=1, progress=steps.append)
    assert np.array_equal(result, texto.recolor(picture, other, rng=1))
    again = texto.recolor(picture, other, rng=np.random.default_rng(1))
    assert np.array_equal(result, again)
    assert np.array_equal(picture, before[0]) and np.array_equal(other, before[1])
    counts = [step.iteration for step in steps]
    assert counts == sorted(set(counts)) and counts[-1] == steps[-1].total
    assert {step.stage for step in steps} == {"recolor"}


def test_large_pictures_are_fitted_to_a_sample(exemplar):
    large = np.tile(exemplar, (3, 3, 1))
    assert np.abs(texto.recolor(large, large, rng=0) - large).max() < LEVEL
    result = texto.recolor(large, 0.5 * exemplar, rng=0)
    assert max(off_by(result, 0.5 * exemplar)) < 0.02
    assert not np.array_equal(result, texto.recolor(large, 0.5 * exemplar, rng=1))


@pytest.mark.parametrize(
    "change, told",
    [
        ({"n_components": 0}, "n_components"),
        ({"radius": -1}, "radius"),
        ({"smooth": float("nan")}, "smooth"),
        ({"image": np.zeros((4, 4, 2), np.float32)}, "image: has 2 channels, and the other"),
        ({"like": np.zeros((4, 4, 3), np.uint8)}, "like: holds uint8"),
        ({"like": np.full((4, 4, 3), np.nan, np.float32)}, "like: has values outside"),
        ({"rng": -1}, "seed"),
    ],
)
def test_refusals(pictures, change, told):
    given = {"image": pictures["wood"], "like": pictures["woven"], **change}
    with pytest.raises(TextoError, match=told):
        texto.recolor(given.pop("image"), given.pop("like"), **given)


# -- the guided filter --------------------------------------------------------------------------


def squares(colours):
    return np.square(colours)


def test_filter_is_the_one_of_the_paper(exemplar):
    """Against the equations taken literally, window by window."""
    image, radius, smooth = exemplar[:13, :17], 2, 0.1
    padded = np.pad(image, [(radius, radius)] * 2 + [(0, 0)], mode="symmetric").astype(float)
    shape = image.shape[:2]
    fields = np.empty((*shape, 4, 3))
    for y, x in np.ndindex(shape):
        guide = padded[y : y + 5, x : x + 5].reshape(-1, 3)
        added = squares(guide) - guide
        joint = guide.T @ added / 25 - np.outer(guide.mean(axis=0), added.mean(axis=0))
        slopes = np.linalg.solve(np.cov(guide.T, bias=True) + smooth**2 * np.eye(3), joint)
        fields[y, x] = [*slopes, added.mean(axis=0) - guide.mean(axis=0) @ slopes]
    fields = np.pad(fields, [(radius, radius)] * 2 + [(0, 0)] * 2, mode="symmetric")
    expected = np.empty(image.shape)
    for y, x in np.ndindex(shape):
        mean = fields[y : y + 5, x : x + 5].mean(axis=(0, 1))
        expected[y, x] = image[y, x] + image[y, x] @ mean[:3] + mean[3]
    np.testing.assert_allclose(filtered(image, squares, radius, smooth), expected, atol=2e-5)


def test_bands_leave_no_trace(exemplar, monkeypatch):
    whole = filtered(exemplar, squares, 3, 0.05)
    monkeypatch.setattr(smoothing, "SAMPLES", 600)  # eight rows at a time
    monkeypatch.setattr(smoothing, "_step", lambda *_: 1)
    np.testing.assert_allclose(filtered(exemplar, squares, 3, 0.05), whole, atol=1e-5)


def test_skipping_pixels_changes_little(exemplar, monkeypatch):
    image = np.kron(exemplar, np.ones((3, 3, 1), np.float32))
    whole = filtered(image, squares, 16, 0.05)
    monkeypatch.setattr(smoothing, "SAMPLES", 4000)
    assert smoothing._step(image.shape, 16) == 4
    skipping = filtered(image, squares, 16, 0.05)
    assert np.abs(skipping - whole).mean() < LEVEL
    assert np.abs(whole - image).mean() > 10 * LEVEL


@given(size=st.integers(1, 60), step=st.integers(1, 9))
@settings(max_examples=80, deadline=None)
def test_grids_interpolate_lines_exactly(size, step):
    grid = Grid(size, min(step, size))
    points = np.arange(grid.offset, size, grid.step)
    assert len(points) == grid.count >= 1
    before, share = grid.places(0, size)
    after = np.minimum(before + 1, grid.count - 1)
    line = points[before] + share * (points[after] - points[before])
    np.testing.assert_allclose(line, np.arange(size).clip(points[0], points[-1]), atol=1e-4)
    assert points[0] <= step // 2 and size - 1 - points[-1] <= step


# -- moments ------------------------------------------------------------------------------------


def test_moments_are_those_of_numpy(exemplar):
    got, points = moments(exemplar), pixels_of(exemplar)
    np.testing.assert_allclose(got.mean, points.mean(axis=0), atol=1e-9)
    np.testing.assert_allclose(got.covariance, np.cov(points.T, bias=True), atol=1e-9)


def test_the_correction_allows_for_clipping(exemplar):
    target = np.clip(3 * exemplar - 1, 0, 1)  # with much black and white
    assert (target == 0).mean() > 0.2 and (target == 1).mean() > 0.05
    affine = correction(exemplar[::2], moments(target))
    assert affine.error < 0.02
    assert max(off_by(affine(exemplar[::2]), target)) < 0.025


# -- the figure ---------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_figures(exemplar, channels):
    picture = exemplar[:, :, :channels]
    made = recolored(picture, picture[::-1] ** 2, Recoloring(n_components=4), rng=0)
    drawing = figure(made, "title")
    assert drawing.shape == (960, 1080, 3) and drawing.dtype == np.float32
    assert drawing.min() >= 0 and drawing.max() <= 1 and drawing.std() > 0.05
