"""Pictures made seamless: the seam goes, the rest stays, and boundaries cost least."""

import itertools
import sys

import numpy as np
import pytest

import texto
from texto.core import registry
from texto.core.errors import TextoError, TextoWarning
from texto.editing.tiling import band_width, bands, seam, tile
from texto.patches.cuts import boundary
from texto.steps.inpainting.ends import Band


def _methods():
    """Strips, and those that tell what tiling does from what a method does: see the contract."""
    yield pytest.param(None, id="strips")
    for name in ("gaussian", "patch-ot", "gotex-vgg"):
        if not name.startswith("gotex") or registry.missing_torch() is None:
            cls = registry.method_class(name)
            yield pytest.param(cls(**cls.quick), id=name)


pytestmark = pytest.mark.filterwarnings("ignore:.* runs on random weights")
a_few_methods = pytest.mark.parametrize("method", list(_methods()))


class Painter:
    """A method that fills holes with one value, and keeps what it was given."""

    def __init__(self, value=0.5, steps=()):
        self.value, self.steps, self.calls = value, steps, []

    def fit(self, exemplar, *, rng=None, progress=None):
        raise AssertionError("tiling fits nothing")

    restore = fit

    def inpaint(self, image, mask, *, sources=None, rng=None, progress=None):
        self.calls.append((image.copy(), mask.copy(), rng))
        for step in self.steps:
            progress(step)
        return np.full_like(image, self.value)  # known pixels too: a method that errs


@pytest.fixture(scope="module")
def ramp(exemplar):
    """(44, 48, 3): a texture that grows lighter to the right and downwards."""
    rows, columns = np.mgrid[:44, :48] / 47
    return (0.4 * exemplar[:44, :48] + 0.3 * (rows + columns)[:, :, None]).astype(np.float32)


# -- what holds with any method ------------------------------------------------------------------


@a_few_methods
def test_the_seam_goes_and_the_rest_stays(method, ramp):
    steps, before = [], ramp.copy()
    result = tile(ramp, method, rng=3, progress=steps.append)
    assert result.dtype == np.float32 and result.shape == ramp.shape
    assert result.min() >= 0 and result.max() <= 1 and np.array_equal(ramp, before)
    same = (result == ramp).all(axis=2)
    assert same[~bands(ramp.shape)].all() and same.mean() >= 0.5
    for axis in "xy":
        assert seam(ramp, axis) > 5 and seam(result, axis) < 0.4 * seam(ramp, axis)
    if method is None or method == texto.Gaussian():
        assert np.array_equal(tile(ramp, method, rng=3), result)
        assert not np.array_equal(tile(ramp, method, rng=4), result)
    assert {step.stage for step in steps} == {"tile"}
    counts = [step.iteration for step in steps]
    assert counts == sorted(set(counts)) and counts[-1] == steps[0].total == steps[-1].total


@a_few_methods
@pytest.mark.parametrize("axis, other", ["xy", "yx"])
def test_one_axis_leaves_the_other_alone(method, ramp, axis, other):
    result = tile(ramp, method, axis=axis, rng=0)
    changed = (result != ramp).any(axis=2)
    assert changed.any() and not changed[~bands(ramp.shape, axis)].any()
    assert changed.mean() <= 0.25
    assert seam(result, axis) < 0.4 * seam(ramp, axis)
    assert seam(result, other) > 0.6 * seam(ramp, other)


@a_few_methods
@pytest.mark.parametrize("shape", [(36, 41), (41, 36, 1), (36, 40, 5)])
def test_any_channels(method, shape):
    takes = getattr(method, "takes_channels", None)
    if takes and shape[2:] and shape[2] not in takes:
        pytest.skip(f"networks take {takes[0]} or {takes[-1]} channels")
    image = np.random.default_rng(0).random(shape, dtype=np.float32)
    image[:, :12] *= 0.1
    image[:8] *= 0.1
    result = tile(image, method, rng=0)
    assert result.shape == (*shape[:2], shape[2] if len(shape) == 3 else 1)
    outside = ~bands(shape)
    assert np.array_equal(result[outside], image.reshape(result.shape)[outside])


# -- strips -------------------------------------------------------------------------------------


@pytest.mark.parametrize("axis", ["x", "y", "xy"])
@pytest.mark.filterwarnings("ignore::texto.core.errors.TextoWarning")
def test_what_repeats_goes_on(axis):
    """A picture cut from a pattern of period 9 that ends in mid-period gets whole periods."""
    cell = np.random.default_rng(0).random((9, 9, 3), dtype=np.float32)
    pattern = np.tile(cell, (8, 8, 1))
    image = pattern[: 68 if "y" in axis else 63, : 68 if "x" in axis else 63]
    result = tile(image, axis=axis, width=18, rng=0)
    # The phases at the two ends differ by 4 or 5: the boundaries take them up where they cost
    # least, and the seam itself lies inside one strip of the pattern.
    for each in axis:
        assert seam(result, each) == pytest.approx(1, abs=0.2)


@pytest.mark.parametrize("axis", ["x", "y"])
def test_a_picture_seamless_along_the_other_axis_stays_so(axis):
    rng = np.random.default_rng(1)
    spectrum = np.fft.rfft2(rng.random((60, 60, 3)), axes=(0, 1))
    spectrum[9:-8] = spectrum[:, 9:] = 0
    smooth = np.fft.irfft2(spectrum, (60, 60), axes=(0, 1))
    smooth = (smooth - smooth.min()) / np.ptp(smooth)
    cut = [slice(0, 45), slice(None)] if axis == "y" else [slice(None), slice(0, 45)]
    image = smooth[tuple(cut)].astype(np.float32)
    other = "y" if axis == "x" else "x"
    result = tile(image, axis=axis, width=16, rng=0)
    assert seam(image, axis) > 1.5 and seam(result, axis) < 1.2
    assert seam(result, other) == pytest.approx(seam(image, other), abs=0.15)


@pytest.mark.filterwarnings("ignore::texto.core.errors.TextoWarning")
@pytest.mark.parametrize("axis, shape", [("x", (1, 30, 3)), ("y", (30, 1, 1)), ("x", (2, 9, 3))])
def test_strips_of_a_line(axis, shape):
    image = np.random.default_rng(0).random(shape, dtype=np.float32)
    result = tile(image, axis=axis, rng=0)
    outside = ~bands(shape, axis)
    assert np.array_equal(result[outside], image[outside])


def test_the_second_seam_knows_that_the_first_is_closed(ramp, monkeypatch):
    module, told = sys.modules["texto.editing.tiling.seamless"], []
    cover = module.cover

    def watched(*given, periodic):
        told.append(periodic)
        return cover(*given, periodic=periodic)

    monkeypatch.setattr(module, "cover", watched)
    tile(ramp, rng=0)
    assert told == [False, True]


def test_seeds_give_other_strips_and_no_effort_is_endless(ramp, monkeypatch):
    from texto.editing.tiling import strips

    results = {tile(ramp, axis="x", rng=seed).tobytes() for seed in range(6)}
    assert len(results) > 1
    monkeypatch.setattr(strips, "EFFORT", 1)
    steps = []
    tile(ramp, rng=0, progress=steps.append)
    assert [step.iteration for step in steps] == [499, 500, 999, 1000]


def test_both_ends_of_a_boundary_meet():
    rng = np.random.default_rng(2)
    for _ in range(20):
        difference = rng.random((17, 6)) ** 2
        path = boundary(difference, closed=True)
        assert np.abs(np.diff(path, append=path[0])).max() <= 1
        assert path[8] == boundary(difference)[8]


@pytest.mark.filterwarnings("ignore::texto.core.errors.TextoWarning")
@pytest.mark.parametrize("shape", [(8, 8, 1), (9, 200, 3), (33, 8, 2), (64, 64, 3)])
@pytest.mark.parametrize("axis", ["x", "y", "xy"])
def test_strips_of_any_picture(shape, axis):
    image = np.random.default_rng(0).random(shape, dtype=np.float32)
    widest = next(w for w in itertools.count(2) if not _fits(shape, axis, w + 1))
    for width in {2, 3, widest}:
        if _fits(shape, axis, width):
            result = tile(image, axis=axis, width=width, rng=0)
            outside = ~bands(shape, axis, width)
            assert np.array_equal(result[outside], image[outside])
            assert np.isfinite(result).all() and (result != image).any()
    same = np.full(shape, 0.25, np.float32)
    assert np.array_equal(tile(same, axis=axis, rng=0), same)


# -- bands and fills ----------------------------------------------------------------------------


@pytest.mark.parametrize("axis", ["x", "y", "xy"])
@pytest.mark.parametrize("shape", [(8, 8), (9, 31), (64, 64), (75, 20), (41, 301), (900, 1100)])
def test_every_width_leaves_half_and_fills_the_seams(shape, axis):
    usual = band_width(shape, axis)
    most = next(width for width in itertools.count(usual) if not _fits(shape, axis, width + 1))
    for width in (2, usual, most):
        mask = bands(shape, axis, width)
        assert mask.mean() <= 0.5
        assert mask[:, [0, -1]].all() == ("x" in axis) and mask[[0, -1]].all() == ("y" in axis)
    with pytest.raises(TextoError, match=f"width: is {most + 1}, not from 2 to the {most} pixels"):
        band_width(shape, axis, most + 1)
    closed = {"x": shape[1], "y": shape[0], "xy": min(shape)}[axis]
    assert usual == min(128, max(2, closed // 4))


def _fits(shape, axis, width):
    try:
        band_width(shape, axis, width)
    except TextoError:
        return False
    return True


@pytest.mark.parametrize("shape", [(60, 64, 3), (41, 77, 1), (18, 90, 2)])
@pytest.mark.filterwarnings("ignore::texto.core.errors.TextoWarning")
@pytest.mark.parametrize("width", [None, 2, 7, 8])
def test_no_fill_is_cut_by_the_border_where_it_must_not(shape, width):
    """Spots lie wholly inside, seams in the middle, and both ends of each band are renewed."""
    painter = Painter()
    image = np.random.default_rng(0).random(shape, dtype=np.float32)
    tile(image, painter, width=width, rng=0)
    (_, cross, _), (_, spots, _) = painter.calls
    height, across = shape[:2]
    assert cross[height // 2 - 1 : height // 2 + 1].all()
    assert cross[:, across // 2 - 1 : across // 2 + 1].all()
    inner = np.zeros_like(spots)
    inner[1:-1, 1:-1] = True
    wide = band_width(shape, "xy", width)
    assert spots.sum() == 2 * wide**2
    if wide <= min(height, across) // 2 - 3:
        assert not spots[~inner].any()
    moved = np.roll(spots, (height // 2 - height // 4, across // 2 - across // 4), (0, 1))
    ends = cross & moved
    assert ends[[0, -1]].any(axis=1).all() and ends[:, [0, -1]].any(axis=0).all()


def test_what_a_method_does_outside_the_bands_has_no_effect(ramp):
    painter = Painter(0.25)
    result = tile(ramp, painter, axis="x", width=8, rng=0)
    mask = bands(ramp.shape, "x", 8)
    assert np.array_equal(result[~mask], ramp[~mask])
    assert (result[:, :2] == 0.25).all() and (result[:, -2:] == 0.25).all()
    ((rolled, holes, _),) = painter.calls
    assert np.array_equal(rolled, np.roll(ramp, 24, 1)) and holes.sum() == 8 * 44


def test_progress_of_any_method_is_one_stage(ramp):
    told = [texto.core.types.Step("a", 1, i, 9, 0.5) for i in (0, 4, 4, 9)]
    told += [texto.core.types.Step("b", 0, i, 3000) for i in range(0, 3001, 7)]
    for steps in ([], told):
        seen = []
        tile(ramp, Painter(steps=steps), rng=0, progress=seen.append)
        counts = [step.iteration for step in seen]
        assert counts == sorted(set(counts)) and counts[-1] == 1000
        assert {(step.stage, step.total) for step in seen} == {("tile", 1000)}


# -- boundaries ---------------------------------------------------------------------------------


def test_boundary_has_the_least_cost_of_all_paths():
    rng = np.random.default_rng(0)
    for _ in range(5):
        difference = rng.random((5, 4)) ** 3
        cost = difference.copy()
        cost[:, 1:] = (difference[:, 1:] + difference[:, :-1]) / 2
        paths = np.array(list(itertools.product(range(4), repeat=5)))
        paths = paths[(np.abs(np.diff(paths, axis=1)) <= 1).all(axis=1)]
        least = cost[np.arange(5), paths].sum(axis=1).min()
        found = boundary(difference)
        assert np.abs(np.diff(found)).max() <= 1
        assert cost[np.arange(5), found].sum() == pytest.approx(least)


def test_new_pixels_begin_where_they_agree_with_the_old():
    difference = np.ones((30, 6))
    wave = (2 + 2 * np.sin(np.arange(30) / 4)).round().astype(int)
    difference[np.arange(30), wave] = difference[np.arange(30), wave + 1] = 0
    assert np.array_equal(boundary(difference), wave + 1)
    assert np.array_equal(boundary(np.zeros((30, 6))), np.zeros(30))
    assert np.array_equal(boundary(np.ones((1, 1))), [0])


def test_bands_wrap():
    assert Band(1, 0, 4).places(10).tolist() == [8, 9, 0, 1]
    assert Band(0, 5, 3).places(10).tolist() == [4, 5, 6]


# -- seams told, refusals -----------------------------------------------------------------------


def test_seam_is_a_ratio_of_lines(ramp):
    image = np.zeros((4, 5, 1), np.float32)
    image[:, :, 0] = np.arange(5) / 10
    assert seam(image, "x") == pytest.approx(4) and seam(image, "y") == 1
    assert seam(np.ones((1, 1, 3), np.float32), "x") == 1
    repeated = np.tile(ramp, (2, 2, 1))
    assert seam(repeated, "x") > 5  # a seam inside does not hide the one at the border


def test_a_seamless_picture_is_told_and_tiled_all_the_same():
    wave = np.sin((np.arange(48) + 4) / 48 * 6 * np.pi)  # slow where it wraps
    image = (0.5 + 0.2 * (wave[:, None] + wave))[:, :, None].astype(np.float32)
    painter = Painter()
    with pytest.warns(TextoWarning, match=r"along [xy] the picture may be seamless") as notes:
        tile(image, painter, rng=0)
    assert len(notes) == 2 and len(painter.calls) == 2


@pytest.mark.parametrize(
    "given, told",
    [
        ({"axis": "none"}, "axis: is 'none'"),
        ({"axis": "z"}, "axis: is 'z'"),
        ({"width": 1}, "width: is 1, not from 2"),
        ({"width": -3}, "width: is -3, not from 2"),
        ({"width": 60}, "width: is 60, not from 2"),
        ({"rng": -1}, "seed"),
    ],
)
def test_bad_settings_are_refused(ramp, given, told):
    with pytest.raises(TextoError, match=told):
        tile(ramp, Painter(), **given)


def test_pictures_and_methods_that_cannot_are_refused(ramp):
    with pytest.raises(TextoError, match="image: is 3x3, too small for a band"):
        tile(ramp[:3, :3], Painter())
    with pytest.raises(TextoError, match="EfrosLeung fills no holes"):
        tile(ramp, texto.EfrosLeung())
    with pytest.raises(TextoError, match="outside"):
        tile(ramp * 3, Painter())
    with pytest.raises(TextoError, match=r"image: the band leaves 0 patches .* lower patch_size"):
        tile(ramp, texto.Kwatra(patch_size=40, smallest_patch_size=40, n_levels=1), rng=0)
