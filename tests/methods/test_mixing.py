"""Mixing: what lies between textures, and what a mixed model is."""

import dataclasses
import itertools

import numpy as np
import pytest

import texto
from texto.core.contract import Mixes
from texto.core.errors import TextoError, TextoWarning
from texto.methods.textogmm.mixing import MixedModel
from texto.methods.textogmm.tone import toned
from texto.methods.textogmm.union import balance, canvases
from texto.metrics import patch_ot
from texto.patches.extraction import grid
from texto.steps.mixing.zones import Zones, along, even

QUICK = {
    "patch_size": 6,
    "n_components": 3,
    "n_patches": 500,
    "n_iter": 2,
    "n_iter_em": 5,
    "n_iter_sliced": 2,
    "n_dims": 12,
    "stride": 3,
    "device": "cpu",
}
METHOD = texto.TextoGMM(**QUICK)


def stripes(height=64, width=64, channels=3):
    """Dark blue with bright horizontal stripes."""
    rows = np.mgrid[:height, :width][0]
    noise = np.random.default_rng(1).random((height, width, 1)) / 10
    colour = np.array([0.1, 0.2, 0.5, 0.3, 0.2])[:channels]
    return (colour + 0.3 * (rows[..., None] % 8 < 3) + noise).astype(np.float32)


def dots(height=60, width=70, channels=3):
    """Orange with dark dots."""
    rows, columns = np.mgrid[:height, :width]
    holes = (rows % 10 - 5) ** 2 + (columns % 10 - 5) ** 2 < 9
    noise = np.random.default_rng(2).random((height, width, 1)) / 10
    colour = np.array([0.9, 0.6, 0.2, 0.7, 0.6])[:channels]
    return (colour - 0.2 * holes[..., None] - noise).clip(0, 1).astype(np.float32)


@pytest.fixture(scope="module")
def models():
    return [METHOD.fit(picture, rng=0) for picture in (stripes(), dots())]


@pytest.fixture(scope="module")
def half(models):
    return METHOD.mix(models, [0.5, 0.5])


def assert_picture(result, shape):
    assert result.shape == shape and result.dtype == np.float32 and result.flags.c_contiguous
    assert np.isfinite(result).all() and result.min() >= 0 and result.max() <= 1


def score(picture, exemplar):
    """From a few hundred patches, which is quick."""
    return patch_ot(picture, exemplar, n_patches=400)


# -- weights ----------------------------------------------------------------------------------


def test_all_weight_on_one_gives_its_picture(models):
    assert isinstance(METHOD, Mixes)
    for number, model in enumerate(models):
        weights = np.eye(2)[number]
        mixed = METHOD.mix(models, weights)
        expected = model.synthesize((30, 33), rng=4)
        assert np.array_equal(mixed.synthesize((30, 33), rng=4), expected)


def test_along_the_weights_one_score_rises_and_the_other_falls(models):
    exemplars = [model.exemplar for model in models]
    made = [
        METHOD.mix(models, [1 - t, t]).synthesize((64, 64), rng=1) for t in np.linspace(0, 1, 5)
    ]
    first, second = ([score(picture, exemplar) for picture in made] for exemplar in exemplars)
    assert (np.diff(first) > 0).all(), first
    assert (np.diff(second) < 0).all(), second


def test_the_middle_has_the_middle_colour_and_no_less_contrast(models, half):
    picture = half.synthesize((64, 64), rng=1)
    means = [model.exemplar.mean(axis=(0, 1)) for model in models]
    assert np.allclose(picture.mean(axis=(0, 1)), np.mean(means, axis=0), atol=0.04)
    contrasts = [model.exemplar.std(axis=(0, 1)) for model in models]
    assert (picture.std(axis=(0, 1)) > 0.7 * np.min(contrasts, axis=0)).all()


@pytest.mark.parametrize(
    "weights", [[1.0], [0.5, 0.6], [-0.5, 1.5], [np.nan, 1], [0, 0], [np.inf, 0], [], [1, 0, 0]]
)
def test_wrong_weights(models, weights):
    with pytest.raises(TextoError, match=r"^weights: "):
        METHOD.mix(models, weights)


# -- a mixed model is a model -----------------------------------------------------------------


def test_the_same_models_give_the_same_mix_and_seeds_decide(models, half):
    again = METHOD.mix(models, [0.5, 0.5])
    assert all(np.array_equal(array, again.state()[name]) for name, array in half.state().items())
    first = half.synthesize((30, 33), rng=1)
    assert np.array_equal(again.synthesize((30, 33), rng=1), first)
    assert not np.allclose(half.synthesize((30, 33), rng=2), first, atol=1e-3)


@pytest.mark.parametrize("shape", [(1, 1), (3, 20), (41, 90)])
def test_any_size(half, shape):
    assert_picture(half.synthesize(shape, rng=1), (*shape, 3))


def test_its_exemplar_is_the_first_and_nothing_is_changed(models, half):
    before = [model.exemplar.copy() for model in models]
    half.synthesize((20, 20), rng=0)
    METHOD.mix_along(models, np.eye(4), (20, 20), rng=0)
    assert np.array_equal(half.exemplar, before[0]) and len(half.exemplars) == 2
    for model, exemplar in zip(models, before, strict=True):
        assert np.array_equal(model.exemplar, exemplar)


def test_saved_and_loaded(half, tmp_path):
    texto.save(half, tmp_path / "a.safetensors")
    again = texto.load(tmp_path / "a.safetensors")
    assert isinstance(again, MixedModel) and again.method == METHOD
    texto.save(again, tmp_path / "b.safetensors")
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()
    expected = half.synthesize((24, 31), rng=1)
    assert np.array_equal(again.synthesize((24, 31), rng=1), expected)


def test_mixed_again_it_counts_as_its_ingredients(models, half):
    quarter = METHOD.mix([half, models[0]], [0.5, 0.5])
    assert np.allclose(quarter.weights, [0.75, 0.25])
    direct = METHOD.mix(models, [0.75, 0.25])
    expected = direct.synthesize((24, 24), rng=1)
    assert np.array_equal(quarter.synthesize((24, 24), rng=1), expected)
    assert np.array_equal(
        METHOD.mix([half, half], [0.3, 0.7]).synthesize((24, 24), rng=1),
        half.synthesize((24, 24), rng=1),
    )


def test_a_damaged_state_is_refused_by_name(half):
    state = half.state()
    with pytest.raises(TextoError, match="stowaway"):
        METHOD.restore({**state, "stowaway": np.zeros(3, np.float32)})
    for name, array in state.items():
        changed = [
            {key: value for key, value in state.items() if key != name},
            {**state, name: array[None]},
            {**state, name: array[:0]},
            {**state, name: array.astype(np.float16)},
        ]
        for bad in changed if name != "mix.weights" else changed[1:]:
            with pytest.raises(TextoError, match=name.rpartition(".")[0] or name):
                METHOD.restore(bad)


@pytest.mark.parametrize("weights", [[1.0], [1.0, 0.0], [0.5, 0.6], [1.5, -0.5]])
def test_stored_weights_are_checked(half, weights):
    with pytest.raises(TextoError, match=r"mix\.weights"):
        METHOD.restore({**half.state(), "mix.weights": np.array(weights)})


def test_stored_patches_stay_inside_the_exemplars(half):
    state = half.state()
    corners = state["level0.corners"].copy()
    corners[0] = 61, 10  # its patch reaches from the first exemplar into the second
    with pytest.raises(TextoError, match=r"level0\.corners.*leaves the exemplars"):
        METHOD.restore({**state, "level0.corners": corners})


def test_settings_of_the_synthesis_still_count(models):
    tiled = dataclasses.replace(METHOD, tileable="xy", finish="none")
    pure = tiled.mix(models, [1, 0])
    assert pure.method == tiled
    made = [tiled.mix(models, [0.5, 0.5]).synthesize((48, 48), rng=seed) for seed in range(3)]
    for axis in (0, 1):
        seams = [np.abs(p.take(0, axis) - p.take(-1, axis)).mean() for p in made]
        lines = [np.abs(np.diff(p, axis=axis)).mean(axis=(1 - axis, 2)).max() for p in made]
        assert np.mean(seams) < 1.25 * np.mean(lines)


@pytest.mark.parametrize(
    "options",
    [
        {"map": "random"},
        {"map": "identity"},
        {"covariance": "diag"},
        {"n_iter_sliced": 0, "finish": "none"},
        {"n_levels": 1, "search_all": True},
    ],
    ids=str,
)
def test_every_option_mixes_and_restores(options):
    method = texto.TextoGMM(**{**QUICK, **options})
    models = [method.fit(picture, rng=0) for picture in (stripes(40, 40), dots(40, 44))]
    mixed = method.mix(models, [0.4, 0.6])
    picture = mixed.synthesize((24, 30), rng=1)
    assert_picture(picture, (24, 30, 3))
    again = method.restore(mixed.state())
    assert np.array_equal(again.synthesize((24, 30), rng=1), picture)
    assert_picture(method.mix_along(models, np.eye(3), (24, 30), rng=1), (24, 30, 3))


# -- ingredients ------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 2, 5])
def test_any_channels_and_any_sizes(channels):
    pictures = stripes(90, 64, channels), dots(33, 40, channels), 1 - dots(48, 48, channels)
    models = [METHOD.fit(picture, rng=0) for picture in pictures]
    mixed = METHOD.mix(models, [0.2, 0.3, 0.5])
    assert_picture(mixed.synthesize((40, 31), rng=1), (40, 31, channels))
    assert np.array_equal(mixed.exemplars[1], pictures[1])


def test_constant_exemplars():
    flat = [METHOD.fit(np.full((40, 40, 3), value, np.float32), rng=0) for value in (0.2, 0.6)]
    picture = METHOD.mix(flat, [0.5, 0.5]).synthesize((24, 24), rng=1)
    assert np.abs(picture - 0.4).max() < 0.01


def test_the_same_exemplar_twice_is_the_exemplar(models):
    other = METHOD.fit(models[0].exemplar, rng=9)
    mixed = METHOD.mix([models[0], other], [0.5, 0.5])
    expected = models[0].synthesize((20, 20), rng=1)
    assert np.array_equal(mixed.synthesize((20, 20), rng=1), expected)
    along_it = METHOD.mix_along([models[0], other], np.eye(2), (20, 20), rng=1)
    assert np.array_equal(along_it, expected)


def test_models_that_do_not_mix(models):
    grey = METHOD.fit(stripes(channels=1), rng=0)
    with pytest.raises(TextoError, match=r"^channels: of the exemplars are 1 and 3"):
        METHOD.mix([models[0], grey], [0.5, 0.5])
    coarse = dataclasses.replace(METHOD, patch_size=5).fit(stripes(), rng=0)
    with pytest.raises(TextoError, match="setting 'patch_size': is 6 for the mix and 5"):
        METHOD.mix([models[0], coarse], [0.5, 0.5])
    with pytest.raises(TextoError, match=r"^models: one is of Gaussian"):
        METHOD.mix([models[0], texto.Gaussian().fit(stripes(), rng=0)], [0.5, 0.5])


# -- maps -------------------------------------------------------------------------------------


def test_a_ramp_goes_from_one_texture_to_the_other(models):
    ramp = np.linspace(0, 1, 20, dtype=np.float32)[None]
    picture = METHOD.mix_along(models, ramp, (64, 192), rng=1)
    assert_picture(picture, (64, 192, 3))
    ends = picture[:, :48], picture[:, -48:]
    for number, (end, model) in enumerate(zip(ends, models, strict=True)):
        pure = model.synthesize((64, 192), rng=1)
        crop = pure[:, -48:] if number else pure[:, :48]
        assert score(end, model.exemplar) < 1.3 * score(crop, model.exemplar)
        assert score(ends[1 - number], model.exemplar) > 3 * score(end, model.exemplar)
    means = picture.reshape(64, 12, 16, 3).mean(axis=(0, 2, 3))
    assert np.diff(means).max() < 0.4 * (means[-1] - means[0]), "there is a jump"
    again = METHOD.mix_along(models, ramp, (64, 192), rng=1)
    assert np.array_equal(again, picture)


@pytest.mark.parametrize("value, number", [(0.0, 0), (1.0, 1)])
def test_a_black_or_white_map_is_one_texture(models, value, number):
    picture = METHOD.mix_along(models, np.full((3, 5), value), (64, 64), rng=1)
    exemplar = models[number].exemplar
    pure = models[number].synthesize((64, 64), rng=1)
    assert score(picture, exemplar) < 1.3 * score(pure, exemplar)


@pytest.mark.parametrize(
    "bad", [np.full((2, 2), np.nan), np.full((2, 2), 1.1), np.zeros(3), np.zeros((2, 2), int)]
)
def test_wrong_maps(models, bad):
    with pytest.raises(TextoError, match=r"^map: "):
        METHOD.mix_along(models, bad, (20, 20), rng=0)


def test_maps_lie_between_two_pure_textures(models, half):
    for given in ([*models, models[0]], [models[0], half]):
        with pytest.raises(TextoError, match=r"^map: "):
            METHOD.mix_along(given, np.eye(2), (20, 20), rng=0)


def test_progress_of_a_map_is_whole(models):
    seen = []
    METHOD.mix_along(models, np.eye(2), (32, 32), rng=0, progress=seen.append)
    for stage in ("synthesize", "finish"):
        counts = [step.iteration for step in seen if step.stage == stage]
        assert counts == list(range(1, len(counts) + 1)) and len(counts) > 1
        assert {step.total for step in seen if step.stage == stage} == {len(counts)}


# -- parts ------------------------------------------------------------------------------------


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


@pytest.mark.parametrize("weights", [[0.5, 0.5], [0.1, 0.9], [0.2, 0.3, 0.5]])
def test_the_balance_gives_every_side_its_share(weights):
    costs = np.random.default_rng(0).gamma(2, [[1, 3, 9][: len(weights)]] * 3000)
    taken = (costs - balance(costs, np.array(weights))).argmin(axis=1)
    shares = np.bincount(taken, minlength=len(weights)) / len(taken)
    assert np.allclose(shares, weights, atol=0.01)


def test_patches_are_drawn_where_their_zone_is():
    values = np.repeat([[0.0, 1.0]], 40, axis=0).repeat(20, axis=1).astype(np.float32)
    zones = Zones(np.eye(3), values)
    left, right, empty = zones.draw((40, 40), 6, 50, np.random.default_rng(0))
    assert left.shape == (50, 2) and (left[:, 1] + 3 < 20).all()
    assert (right[:, 1] + 3 >= 20).all() and empty is None
    values[:, :39], values[:, 39] = 1, 0
    at_the_border = Zones(np.eye(2), 1 - values)
    assert at_the_border.draw((40, 40), 6, 5, np.random.default_rng(0))[1].shape == (5, 2)


def test_a_map_may_show_a_texture_at_the_seam_only(models):
    tiled = dataclasses.replace(METHOD, tileable="xy", finish="none")
    narrow = np.ones((40, 40))
    narrow[:, -1] = 0
    assert_picture(tiled.mix_along(models, narrow, (40, 40), rng=0), (40, 40, 3))


def test_a_canvas_keeps_finer_pixels_at_twice_the_place():
    pictures = [stripes(45, 39), dots(33, 50)]
    levels = canvases(pictures, [0, 1], 3)
    for fine, coarse in itertools.pairwise(levels):
        assert np.array_equal(fine.tops, 2 * coarse.tops)
        for picture, top in zip(coarse.pictures, coarse.tops, strict=True):
            height, width = picture.shape[:2]
            block = fine.picture[2 * top : 2 * (top + height), : 2 * width]
            means = block.reshape(height, 2, width, 2, 3).mean(axis=(1, 3))
            assert np.allclose(coarse.picture[top : top + height, :width], means, atol=1e-6)
            assert np.allclose(picture, means, atol=1e-6)


def test_toned_exemplars_have_the_colours_of_the_mix():
    pictures = [stripes(), dots()]
    rng = np.random.default_rng(0)
    weights = np.array([0.25, 0.75])
    moved = toned(pictures, weights, rng)
    goal = sum(w * picture.mean(axis=(0, 1)) for w, picture in zip(weights, pictures, strict=True))
    for picture, original in zip(moved, pictures, strict=True):
        assert picture.shape == original.shape
        assert np.allclose(picture.mean(axis=(0, 1)), goal, atol=0.02)
    assert toned(pictures, np.array([1.0, 0.0]), rng)[0] is pictures[0]
    assert np.array_equal(pictures[0], stripes())


def test_a_one_colour_warning_is_not_raised_by_mixing(models, recwarn):
    METHOD.mix(models, [0.5, 0.5]).synthesize((16, 16), rng=0)
    assert not [w for w in recwarn if issubclass(w.category, TextoWarning)]
