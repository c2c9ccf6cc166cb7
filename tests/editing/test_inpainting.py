"""Holes filled by any method: masks, rims, pictures that repeat."""

import dataclasses

import numpy as np
import pytest
from scipy import ndimage

import texto
from texto.core import registry
from texto.core.contract import Inpaints, Tiles
from texto.core.errors import TextoError
from texto.editing.inpainting import inpaint, renewed_pixels
from texto.steps.inpainting.wrapping import seeing_across

HOLE = np.zeros((40, 48), bool)
HOLE[12:20, 15:27] = True


class Painter:
    """A method that fills holes with one value, errs outside, and keeps what it was given."""

    def __init__(self, value=0.5):
        self.value, self.calls = value, []

    def fit(self, exemplar, *, rng=None, progress=None):
        raise AssertionError("nothing is fitted")

    restore = fit

    def inpaint(self, image, mask, *, sources=None, rng=None, progress=None):
        self.calls.append((image.copy(), mask.copy(), sources))
        image[:] = self.value
        mask[:] = False
        return image


@pytest.fixture(scope="module")
def picture(exemplar):
    return exemplar[:40, :48]


# -- what is changed ----------------------------------------------------------------------------


def test_it_is_the_method_and_nothing_else(picture):
    method = texto.Gaussian()
    made = texto.inpaint(picture, HOLE, method, rng=3)
    assert np.array_equal(made, method.inpaint(picture, HOLE, rng=3))
    assert made.dtype == np.float32


def test_only_the_hole_changes_whatever_a_method_does(picture):
    before, painter = picture.copy(), Painter()
    made = inpaint(picture, HOLE, painter)
    assert np.array_equal(picture, before) and HOLE.sum() == 8 * 12
    assert np.array_equal(made[~HOLE], picture[~HOLE]) and (made[HOLE] == 0.5).all()
    ((seen, mask, sources),) = painter.calls
    assert not seen[HOLE].any() and np.array_equal(mask, HOLE) and sources is None


@pytest.mark.parametrize("grow", [-2, 0, 3])
def test_grown_holes_are_euclidean_discs(picture, grow):
    found, renewed = renewed_pixels(HOLE, grow)
    inside, outside = (ndimage.distance_transform_edt(each) for each in (HOLE, ~HOLE))
    expected = outside <= grow if grow >= 0 else inside > -grow
    assert np.array_equal(found, expected) and np.array_equal(renewed, expected)
    changed = (inpaint(picture, HOLE, Painter(), grow=grow) != picture).any(axis=2)
    assert np.array_equal(changed, expected)


def test_holes_grow_across_the_edges_of_a_picture_that_repeats():
    hole = np.zeros((40, 48), bool)
    hole[0, 0] = True
    found, _ = renewed_pixels(hole, 2, 0, "x")
    assert found[0, -2:].all() and not found[-2:].any() and found.sum() == 9


def test_a_feathered_rim_fades_into_what_was_there(picture):
    made = inpaint(picture, HOLE, Painter(1.0), feather=3)
    far = ndimage.distance_transform_edt(~HOLE)
    assert (made[HOLE] == 1).all()
    assert np.array_equal(made[far > 3], picture[far > 3])
    shares = ((made - picture) / (1 - picture)).mean(axis=2)
    line = shares[15, 26:31]
    assert (np.diff(line) < 0).all() and 0 < line[3] < 0.2 and line[4] == 0


# -- masks --------------------------------------------------------------------------------------


def test_the_mask_of_a_masked_array_is_a_mask(picture):
    spoiled = picture.copy()
    spoiled[HOLE, 1] = np.nan
    masked = np.ma.masked_invalid(spoiled)
    method = texto.Gaussian()
    expected = inpaint(picture, HOLE, method, rng=1)
    assert np.array_equal(inpaint(masked, None, method, rng=1), expected)
    more = HOLE.copy()
    more[30:33, 5:9] = True
    both = inpaint(masked, more & ~HOLE, method, rng=1)
    assert np.array_equal(both, inpaint(picture, more, method, rng=1))


@pytest.mark.parametrize(
    "mask, more, told",
    [
        (HOLE * np.uint8(255), {}, "mask: holds uint8 values; .* as in mask > 127"),
        (HOLE * 1.0, {}, "mask: holds float64 values; .* as in mask > 0.5"),
        (None, {}, "mask: is missing"),
        (HOLE, {"grow": 60}, "mask, grown by 60: selects every pixel"),
        (HOLE, {"grow": -6}, "mask, grown by -6: selects no pixel"),
        (HOLE, {"feather": -1}, "feather: is -1"),
        (HOLE, {"grow": 1.5}, "grow: is 1.5"),
        (HOLE, {"tileable": "z"}, "tileable: is 'z'"),
        (HOLE, {"method": texto.EfrosLeung()}, "EfrosLeung fills no holes"),
        (HOLE, {"method": texto.Gaussian(tileable="x"), "tileable": "y"}, "is 'y', and the method"),
        (HOLE, {"sources": HOLE}, "selects no known pixel"),
    ],
)
def test_refused(picture, mask, more, told):
    with pytest.raises(TextoError, match=told):
        inpaint(picture, mask, **{"method": texto.Gaussian(), **more})


# -- another picture as the source --------------------------------------------------------------


@pytest.mark.parametrize("hole", [HOLE, np.pad(np.zeros((36, 44), bool), 2, constant_values=True)])
@pytest.mark.parametrize("method", [texto.Gaussian(), texto.Kwatra(patch_size=8, n_iter=2)])
def test_the_texture_of_another_picture(picture, method, hole):
    """Of one that is darker than anything in this one; the frame meets the border everywhere."""
    light, dark = 0.6 + 0.4 * picture, 0.3 * picture[::-1, :36]
    made = inpaint(light, hole, method, source=dark, rng=1)
    assert np.array_equal(made[~hole], light[~hole])
    assert made[hole].mean() < 0.5


def test_only_the_sources_of_another_picture(picture):
    other = np.dstack([picture[:, :, :1]] * 3)
    right = np.arange(48) >= 24
    other[:, 24:] = 0.25
    allowed = np.broadcast_to(right, (40, 48))
    made = inpaint(picture, HOLE, texto.Gaussian(), source=other, sources=allowed, rng=1)
    assert (made[HOLE] == 0.25).all()


def test_another_picture_across_the_edges_and_with_a_soft_rim(picture):
    mask, other = across((40, 48), rows=5, columns=6), np.full((20, 20, 3), 0.25, np.float32)
    made = inpaint(
        picture, mask, texto.Gaussian(), source=other, tileable="xy", grow=1, feather=2, rng=1
    )
    far = renewed_pixels(mask, 1, 2, "xy")[1]
    assert (made[mask] == 0.25).all() and np.array_equal(made[~far], picture[~far])


def test_a_method_sees_both_pictures_apart(picture):
    painter, other = Painter(), np.full((70, 30, 3), 0.75, np.float32)
    inpaint(picture, HOLE, painter, source=other)
    ((canvas, mask, sources),) = painter.calls
    assert (canvas[sources] == 0.75).all() and sources.sum() == 70 * 30
    assert np.array_equal(mask[:40, :48], HOLE) and not (mask & sources).any()
    assert np.array_equal(canvas[:40, :48][~HOLE], picture[~HOLE])
    away = ndimage.distance_transform_edt(~sources)[:40, :48]
    assert away.min() > 64


@pytest.mark.parametrize(
    "more, told",
    [
        ({"source": np.zeros((9, 9, 1), np.float32)}, "source: has 1 channels, the picture has 3"),
        ({"source": np.full((9, 9, 3), 2.0)}, "source: has values outside"),
        ({"source": np.zeros((9, 9, 3)), "sources": HOLE}, "source mask: is bool"),
    ],
)
def test_bad_sources_are_refused(picture, more, told):
    with pytest.raises(TextoError, match=told):
        inpaint(picture, HOLE, texto.Gaussian(), **more)


# -- pictures that repeat -----------------------------------------------------------------------


def across(shape, *, rows=0, columns=0):
    """A hole of some rows and columns on either side of the edges."""
    mask = np.zeros(shape, bool)
    mask[:rows] = mask[len(mask) - rows :] = True
    wide = np.zeros(shape, bool)
    wide[:, :columns] = wide[:, shape[1] - columns :] = True
    return mask & wide if rows and columns else mask | wide


def test_a_hole_across_the_edges_is_one_of_the_rolled_picture(picture):
    mask, method = across((40, 48), rows=5, columns=6), texto.Gaussian()
    rolled = [np.roll(each, (-20, -24), (0, 1)) for each in (picture, mask)]
    expected = np.roll(method.inpaint(*rolled, rng=2), (20, 24), (0, 1))
    assert np.array_equal(inpaint(picture, mask, method, tileable="xy", rng=2), expected)
    repeating = dataclasses.replace(method, tileable="xy")
    assert np.array_equal(repeating.inpaint(picture, mask, rng=2), expected)
    assert np.array_equal(inpaint(picture, mask, repeating, rng=2), expected)


def step(image, axis, marked):
    """The step across the wrap line at the pixels `marked`, in mean steps of the picture."""
    steps = np.abs(image - np.roll(image, 1, axis)).mean(axis=2)
    return steps.take(0, axis)[marked].mean() / steps.mean()


@pytest.mark.parametrize("axis", [0, 1])
def test_a_hole_all_along_an_axis_has_no_end(axis):
    noise = np.random.default_rng(0).random((48, 48, 1))
    image = ndimage.gaussian_filter(noise, (2, 2, 0), mode="wrap").astype(np.float32)
    image = (image - image.min()) / np.ptp(image)
    mask = np.zeros((48, 48), bool)
    np.moveaxis(mask, axis, 0)[:, 14:30] = True
    seen = []
    made = inpaint(image, mask, texto.Gaussian(), tileable="xy", rng=1, progress=seen.append)
    assert np.array_equal(made[~mask], image[~mask])
    assert (
        step(made, axis, slice(14, 30))
        < 1.6
        < step(inpaint(image, mask, texto.Gaussian(), rng=1), axis, slice(14, 30))
    )
    counts = [each.iteration for each in seen]
    assert counts == sorted(set(counts)) and counts[-1] == seen[-1].total


def test_every_method_with_the_setting_sees_across():
    honest = seeing_across(Painter.inpaint).__code__
    for name in registry.names():
        try:
            method = registry.method_class(name)()
        except ModuleNotFoundError:
            continue
        if isinstance(method, Inpaints) and isinstance(method, Tiles):
            assert type(method).inpaint.__code__ is honest, name
