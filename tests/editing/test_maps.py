"""Aligned maps: one correspondence for all, weights, and what a model remembers."""

import dataclasses

import numpy as np
import pytest

import texto
from texto.core.errors import TextoError
from texto.core.settings import settings_of
from texto.editing.maps import Stack
from texto.io import model_files
from texto.io.maps import LEAST_SCALE, Map, layout_in

QUICK = {
    "texto": {"n_patches": 300, "n_iter_dual": 30, "stride": 2},
    "efros-leung": {"patch_size": 5, "n_patches": 500},
    "kwatra": {"patch_size": 16, "n_iter": 2, "n_patches": 1000},
    "patch-ot": {"n_iter": 2, "n_iter_dual": 2, "n_patches": 500, "n_queries": 400},
    "patch-assignment": {"n_iter": 2, "n_exact": 100},
    "textogmm": {
        **{"patch_size": 6, "n_components": 3, "n_patches": 600, "n_iter": 2, "n_iter_em": 5},
        **{"n_iter_sliced": 0, "n_dims": 12, "stride": 3},
    },
}
BARE = {"finish": "none"}  # the sliced steps draw more for more channels
FUNCTIONS = {
    "negative": lambda image: 1 - image,
    "channels": lambda image: image[:, :, [2, 0, 1]],
    "half grey": lambda image: 0.25 + 0.5 * image.mean(axis=2, keepdims=True),
}
METHODS = ["gaussian", "textogmm", "kwatra", "patch-ot", "patch-assignment", "texto"]


@pytest.fixture(scope="module")
def exemplar(exemplar):
    """(48, 52, 3), read-only."""
    return exemplar[:48, :52]


def quick(name, **settings):
    return texto.method(name, **{**QUICK.get(name, {}), **settings})


def numbered(shape, seed=0):
    """A map (H, W, 2) whose pixels are their numbers, shuffled, and those numbers (H, W)."""
    numbers = np.random.default_rng(seed).permutation(np.prod(shape)).reshape(shape)
    return np.stack([numbers // 256, numbers % 256], axis=2).astype(np.float32) / 65535, numbers


# -- one correspondence -----------------------------------------------------------------------


@pytest.mark.parametrize("weights", [(1, 1), (1, 0), (1, 0.3), (0.2, 1)])
def test_every_pixel_of_all_maps_comes_from_one_place(weights, exemplar):
    small = exemplar[:32, :40]
    codes, numbers = numbered(small.shape[:2])
    picture, maps = texto.stack([small, codes], weights=weights)
    made, places = maps.synthesize(quick("efros-leung").fit(picture), (24, 30), rng=1)
    found = np.rint(places * 65535).astype(int) @ [256, 1]
    order = np.argsort(numbers.ravel())
    expected = small.reshape(-1, 3)[order[found]]
    if weights[0] == 1:
        assert np.array_equal(made, expected)
    assert np.allclose(made, expected, rtol=0, atol=2e-7)
    assert len(np.unique(found)) > 30


@pytest.mark.parametrize(
    "name, function",
    [(name, "negative") for name in METHODS]
    # patch-ot moves pixels by at most a step in grey values, so no other contrast will do there.
    + [("patch-ot", "channels"), ("textogmm", "half grey"), ("kwatra", "half grey")],
)
def test_a_function_of_a_map_stays_that_function(name, function, exemplar):
    f = FUNCTIONS[function]
    settings = {"finish": "sliced"} if "finish" in settings_of(texto.method(name)) else {}
    picture, maps = texto.stack([exemplar, f(exemplar)])
    made, other = maps.synthesize(quick(name, **settings).fit(picture, rng=0), (30, 34), rng=1)
    inside = ((made > 0) & (made < 1)).all(axis=2)
    assert inside.mean() > 0.9
    assert np.abs(f(made) - other)[inside].max() < 1e-4


@pytest.mark.parametrize(
    "name, weights",
    [(name, (1, 0.25)) for name in ("gaussian", "textogmm", "kwatra")]
    + [("textogmm", (1, 0)), ("textogmm", (0, 1))],
)
def test_it_does_so_with_any_weights(name, weights, exemplar):
    settings = {"finish": "sliced"} if name != "gaussian" else {}
    picture, maps = texto.stack([exemplar, 1 - exemplar], weights=weights)
    made, other = maps.synthesize(quick(name, **settings).fit(picture, rng=0), (30, 34), rng=1)
    inside = ((made > 0) & (made < 1)).all(axis=2)
    assert np.abs(1 - made - other)[inside].max() < 1e-4


def test_equal_weights_are_the_models_own_picture(exemplar):
    picture, maps = texto.stack([exemplar, exemplar[:, :, :1]], weights=[3, 3])
    model = quick("textogmm").fit(picture, rng=0)
    made = maps.synthesize(model, (30, 33), rng=1)
    assert np.array_equal(np.concatenate(made, axis=2), model.synthesize((30, 33), rng=1))
    assert [each.shape for each in made] == [(30, 33, 3), (30, 33, 1)]


def test_maps_tile(exemplar):
    picture, maps = texto.stack([exemplar, 1 - exemplar], weights=[1, 0.1])
    method = quick("textogmm", tileable="xy", finish="sliced")
    made, _ = maps.synthesize(method.fit(picture, rng=0), (40, 48), rng=1)
    steps = np.abs(np.diff(made, axis=0, append=made[:1])).mean(axis=(1, 2))
    assert steps[-1] < 1.5 * steps[:-1].max()


# -- weights ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["gaussian", "efros-leung", "kwatra", "textogmm"])
def test_what_a_map_of_weight_zero_holds_does_not_matter(name, exemplar):
    rng = np.random.default_rng(3)
    method = quick(name, **(BARE if name == "textogmm" else {}))
    noises = [rng.random((*exemplar.shape[:2], 2), np.float32) for _ in range(2)]

    def differing(weights):
        stacks = [texto.stack([exemplar, noise], weights=weights) for noise in noises]
        one, two = (
            maps.synthesize(method.fit(picture, rng=0), (30, 36), rng=1)[0]
            for picture, maps in stacks
        )
        return (np.abs(one - two).max(axis=2) > 1e-3).mean()

    assert differing([1, 0]) < 0.02  # near ties may go the other way
    if name != "gaussian":
        assert differing([1, 1]) > 0.2


@pytest.mark.parametrize("name", ["gaussian", "efros-leung", "textogmm"])
def test_a_map_of_weight_zero_is_as_none(name, exemplar):
    noise = np.random.default_rng(3).random((*exemplar.shape[:2], 2), np.float32)
    method = quick(name, **(BARE if name == "textogmm" else {}))
    alone = method.fit(exemplar, rng=0).synthesize((30, 36), rng=1)
    picture, maps = texto.stack([exemplar, noise], weights=[1, 0])
    made = maps.synthesize(method.fit(picture, rng=0), (30, 36), rng=1)[0]
    assert (np.abs(made - alone).max(axis=2) > 1e-3).mean() < 0.02


def test_the_finish_does_not_drown_a_map_of_small_weight(exemplar):
    height = np.roll(exemplar.mean(axis=2, keepdims=True), 30, axis=1)
    picture, maps = texto.stack([exemplar, height], weights=[1, 1e-5])
    model = quick("textogmm", finish="sliced").fit(picture, rng=0)
    bare = dataclasses.replace(model, method=quick("textogmm", finish="none"))
    blurred = maps.synthesize(bare, (40, 46), rng=1)[1]

    def moved(made):
        return np.abs(made[1] - blurred).mean()

    naive = maps.split(model.synthesize((40, 46), rng=1))
    assert 0.01 < moved(maps.synthesize(model, (40, 46), rng=1)) < 0.4 * moved(naive)


def test_scales_make_distances_count_in_proportion():
    maps = [np.full((2, 2, count), 0.5, np.float32) for count in (3, 1, 1)]
    picture, stack = texto.stack(maps, weights=[2, 0.5, 0])
    assert stack.scales == pytest.approx([1, 1, 1, 0.5, LEAST_SCALE])
    assert picture[0, 0] == pytest.approx(0.5 * stack.scales)


@pytest.mark.parametrize("weights", [(1, 1), (1, 0), (1, 1e-30), (1e-300, 1e300), (5, 3)])
def test_sixteen_bits_survive_stacking(weights):
    steps = np.arange(65536, dtype=np.float32).reshape(256, 256, 1) / 65535
    picture, maps = texto.stack([steps, steps], weights=weights)
    assert picture.dtype == np.float32 and picture.min() >= 0 and picture.max() <= 1
    for part in maps.split(picture):
        assert np.array_equal(np.rint(part * 65535), np.rint(steps * 65535))


def test_noise_is_no_start_for_maps_of_small_weight(exemplar):
    picture, maps = texto.stack([exemplar, 1 - exemplar], weights=[1, 0.1])
    model = quick("patch-ot", start="noise").fit(picture, rng=0)
    with pytest.raises(TextoError, match="start=coarse"):
        maps.synthesize(model, (30, 30), rng=1)


# -- models and bad input ---------------------------------------------------------------------


def test_a_saved_model_knows_its_maps(exemplar, tmp_path):
    names = ("wall.png", "height.tif")
    given = {"weights": [1, 0.5], "names": names, "bits": [8, 16]}
    picture, maps = texto.stack([exemplar, exemplar[:, :, :1]], **given)
    path = tmp_path / "wall.safetensors"
    texto.save(texto.Gaussian().fit(picture), path, notes={"seed": 3, **maps.notes()})
    assert texto.stack_of(path) == maps
    assert [each.name for each in maps.maps] == list(names)
    assert maps.maps[1].sha256 == model_files.exemplar_hash(exemplar[:, :, :1])
    model = texto.load(path)
    made = texto.stack_of(path).synthesize(model, (20, 24), rng=1)
    direct = maps.split(model.synthesize((20, 24), rng=1))
    assert all(np.array_equal(one, two) for one, two in zip(made, direct, strict=True))


def test_a_model_of_one_picture_has_no_maps(exemplar, tmp_path):
    path = tmp_path / "wall.safetensors"
    texto.save(texto.Gaussian().fit(exemplar), path, notes={"map": "x", "exemplar": "wall.png"})
    assert texto.stack_of(path) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"map1.channels": 2},
        {"map1.channels": 0},
        {"map1.channels": "3"},
        {"map1.channels": None},
        {"map2.weight": -1.0},
        {"map2.weight": "1"},
        {"map1.weight": 0, "map2.weight": 0},
        {"map2.bits": 9},
        {"map2.name": 5},
        {"map2.depth": 5},
        {"map2.sha256": 5},
    ],
)
def test_notes_that_make_no_sense(changes, exemplar, tmp_path):
    picture, maps = texto.stack([exemplar, exemplar[:, :, :1]])
    path = tmp_path / "wall.safetensors"
    texto.save(texto.Gaussian().fit(picture), path, notes={**maps.notes(), **changes})
    with pytest.raises(TextoError, match=r"wall\.safetensors.*its notes on maps make no sense"):
        texto.stack_of(path)


def test_notes_round_trip():
    stack = Stack((Map("a", 3), Map("b", 1, 0.0, 32, "0" * 64), *[Map("c", 1)] * 10))
    assert Stack(layout_in(stack.notes(), "model").maps) == stack


@pytest.mark.parametrize(
    "weights, told",
    [
        ([1, -1], "negative weight -1"),
        ([1, np.nan], "not all finite"),
        ([np.inf, 1], "not all finite"),
        ([0, 0], "all zero"),
        ([1], "1 for 2 maps"),
        ([1, 1, 1], "3 for 2 maps"),
    ],
)
def test_bad_weights(weights, told, exemplar):
    with pytest.raises(TextoError, match=told):
        texto.stack([exemplar, exemplar], weights=weights)


def test_bad_maps(exemplar):
    with pytest.raises(TextoError, match="'low': is 52x40, and 'wall' is 52x48"):
        texto.stack([exemplar, exemplar[:40]], names=["wall", "low"])
    with pytest.raises(TextoError, match="are none"):
        texto.stack([])
    _, maps = texto.stack([exemplar, exemplar[:, :, :1]])
    with pytest.raises(TextoError, match="4 channels"):
        maps.split(exemplar)
    with pytest.raises(TextoError, match="one for each"):
        maps.join([exemplar, exemplar])
    with pytest.raises(TextoError, match="outside"):
        texto.stack([exemplar, 2 * exemplar + 1])
