"""What goes into a mix, and where it holds: refusals, ingredients, zones, canvases, colours."""

import dataclasses
import itertools

import numpy as np
import pytest

import texto
from texto.core.errors import TextoError
from texto.patches.extraction import grid
from texto.patches.pyramid import pyramid
from texto.steps.mixing.canvas import canvases
from texto.steps.mixing.ingredients import ingredients, normalised, pure_pair, restored
from texto.steps.mixing.tone import toned
from texto.steps.mixing.zones import Zones, along, even

METHOD = texto.PatchOT(n_iter=2, n_iter_dual=2, n_patches=300, n_queries=300, device="cpu")


def noise(height, width, channels=3, seed=0):
    return np.random.default_rng(seed).random((height, width, channels), dtype=np.float32)


@pytest.fixture(scope="module")
def models():
    return [METHOD.fit(noise(*shape), rng=0) for shape in ((40, 40), (36, 44))]


# -- ingredients ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "weights", [[1.0], [0.5, 0.6], [-0.5, 1.5], [np.nan, 1], [0, 0], [np.inf, 0], [], [1, 0, 0]]
)
def test_wrong_weights(models, weights):
    with pytest.raises(TextoError, match=r"^weights: "):
        ingredients(METHOD, models, weights)


def test_a_mix_counts_as_its_ingredients(models):
    half = METHOD.mix(models, [0.5, 0.5])
    parts = ingredients(METHOD, [half, models[0]], [0.5, 0.5])
    assert np.allclose(normalised(parts), [0.75, 0.25]) and parts[0].model is models[0]
    again = ingredients(METHOD, [half, half], [0.3, 0.7])
    assert np.array_equal(normalised(again), half.weights)
    assert [part.model for part in again] == [None, None]
    assert len(ingredients(METHOD, models, [0, 1])) == 1


def test_models_that_do_not_mix(models):
    def mix(first, second, method=METHOD):
        return method.mix([first, second], [0.5, 0.5])

    grey, small = (METHOD.fit(noise(*shape), rng=0) for shape in ((30, 30, 1), (12, 12)))
    with pytest.raises(TextoError, match=r"^channels: of the exemplars are 1 and 3"):
        mix(models[0], grey)
    coarse = dataclasses.replace(METHOD, patch_size=5).fit(noise(30, 30), rng=0)
    with pytest.raises(TextoError, match="setting 'patch_size': is 4 for the mix and 5"):
        mix(models[0], coarse)
    with pytest.raises(TextoError, match=r"^models: one is of Gaussian"):
        mix(models[0], texto.Gaussian().fit(noise(30, 30), rng=0))
    with pytest.raises(TextoError, match=r"n_levels.*exemplar of 12x12"):
        mix(small, models[0], dataclasses.replace(METHOD, n_levels=7))


def test_maps_lie_between_two_pure_textures(models):
    half = METHOD.mix(models, [0.5, 0.5])
    for given in ([*models, models[0]], [models[0], half]):
        with pytest.raises(TextoError, match=r"^map: "):
            pure_pair(METHOD, given)


def test_stored_arrays_are_checked(models):
    state = METHOD.mix(models, [0.5, 0.5]).state()
    for weights in ([1.0], [1.0, 0.0], [0.5, 0.6], [1.5, -0.5]):
        with pytest.raises(TextoError, match=r"mix\.weights"):
            restored({**state, "mix.weights": np.array(weights)}, smallest=4)
    grey = state["mix.exemplar1"][:, :, :1].copy()
    with pytest.raises(TextoError, match=r"mix\.exemplar1.*channels"):
        restored({**state, "mix.exemplar1": grey}, smallest=4)


# -- zones ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "bad", [np.full((2, 2), np.nan), np.full((2, 2), 1.1), np.zeros(3), np.zeros((2, 2), int)]
)
def test_wrong_maps(bad):
    with pytest.raises(TextoError, match=r"^map: "):
        along(bad)


def test_zones_share_every_patch():
    zones = along(np.random.default_rng(0).random((9, 7)))
    spots = grid((33, 40), 8, 3)
    shares, chosen = zones.shares(spots), zones.chosen(spots)
    assert np.allclose(shares.sum(axis=1), 1, atol=1e-6) and shares.min() >= 0
    assert (np.take_along_axis(shares, chosen[:, None], axis=1) > 0).all()
    weights = zones.mean_weights((33, 40))
    assert np.allclose(weights.sum(axis=2), 1, atol=1e-6)
    constant = along(np.full((2, 2), 0.5))
    assert np.allclose(constant.mean_weights((4, 4)), 0.5)
    assert np.allclose(even([0.3, 0.7]).mean_weights((2, 3)), [0.3, 0.7])


def test_the_dither_keeps_the_shares():
    zones = Zones(np.eye(2), np.full((4, 4), 0.3, np.float32))
    chosen = zones.chosen(grid((200, 200), 8, 2))
    assert chosen.mean() == pytest.approx(0.3, abs=0.01)


def test_patches_are_drawn_where_their_zone_is():
    values = np.repeat([[0.0, 1.0]], 40, axis=0).repeat(20, axis=1).astype(np.float32)
    zones = Zones(np.eye(3), values)
    left, right, empty = zones.draw((40, 40), 6, 50, np.random.default_rng(0))
    assert left.shape == (50, 2) and (left[:, 1] + 3 < 20).all()
    assert (right[:, 1] + 3 >= 20).all() and empty is None
    values[:, :39], values[:, 39] = 1, 0
    at_the_border = Zones(np.eye(2), 1 - values)
    assert at_the_border.draw((40, 40), 6, 5, np.random.default_rng(0))[1].shape == (5, 2)


def test_a_canvas_keeps_finer_pixels_at_twice_the_place():
    pictures = [noise(45, 39), noise(33, 50, seed=1)]
    levels = canvases([pyramid(each, 3) for each in pictures], [0, 1])
    for fine, coarse in itertools.pairwise(levels):
        assert np.array_equal(fine.tops, 2 * coarse.tops)
        for picture, top in zip(coarse.pictures, coarse.tops, strict=True):
            height, width = picture.shape[:2]
            block = fine.picture[2 * top : 2 * (top + height), : 2 * width]
            means = block.reshape(height, 2, width, 2, 3).mean(axis=(1, 3))
            assert np.allclose(coarse.picture[top : top + height, :width], means, atol=1e-6)
            assert np.allclose(picture, means, atol=1e-6)


def test_toned_exemplars_have_the_colours_of_the_mix():
    pictures = [noise(50, 50) * [0.3, 0.9, 1], 0.5 + 0.3 * noise(40, 60, seed=1)]
    pictures = [each.astype(np.float32) for each in pictures]
    kept = pictures[0].copy()
    rng = np.random.default_rng(0)
    weights = np.array([0.25, 0.75])
    moved = toned(pictures, weights, rng)
    goal = sum(w * picture.mean(axis=(0, 1)) for w, picture in zip(weights, pictures, strict=True))
    for picture, original in zip(moved, pictures, strict=True):
        assert picture.shape == original.shape
        assert np.allclose(picture.mean(axis=(0, 1)), goal, atol=0.02)
    assert toned(pictures, np.array([1.0, 0.0]), rng)[0] is pictures[0]
    assert np.array_equal(pictures[0], kept)
