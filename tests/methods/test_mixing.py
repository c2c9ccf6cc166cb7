"""Mixing by classical methods: what lies between textures; the rest is in the contract."""

import dataclasses

import numpy as np
import pytest

import texto
from texto.core.errors import TextoError, TextoWarning
from texto.methods.textogmm.union import balance
from texto.patches.database import draw_corners
from texto.patches.extraction import extract_at
from texto.patches.pyramid import pyramid
from texto.transport.plan import exact_plan

QUICK = {
    "textogmm": texto.TextoGMM(
        patch_size=6,
        n_components=3,
        n_patches=500,
        n_iter=2,
        n_iter_em=5,
        n_iter_sliced=0,
        n_dims=12,
        stride=3,
        finish="none",
        device="cpu",
    ),
    "patch-ot": texto.PatchOT(n_iter=2, n_iter_dual=2, n_patches=300, n_queries=300, device="cpu"),
}
GOOD = {
    "textogmm": dataclasses.replace(QUICK["textogmm"], n_iter_sliced=2),
    "patch-ot": texto.PatchOT(
        n_iter=12, n_iter_dual=6, n_patches=1000, n_queries=700, n_levels=3, device="cpu"
    ),
}
OPTIONS = [  # together, as many at once as there are methods to make of them
    ("textogmm", {"map": "random", "covariance": "diag"}),
    ("textogmm", {"map": "identity", "finish": "sliced"}),
    ("textogmm", {"n_levels": 1, "search_all": True, "n_iter_sliced": 1, "n_iter": 1}),
    ("patch-ot", {"start": "noise", "n_iter_dual": 0, "n_patches": None}),
    ("patch-ot", {"n_levels": 1, "tileable": "xy", "finish": "sliced"}),
    ("patch-ot", {"tileable": "x", "patch_size": 5, "kept_variance": 0.5}),
]


def stripes(height=48, width=48, channels=3):
    """Dark blue with bright horizontal stripes."""
    rows = np.mgrid[:height, :width][0]
    noise = np.random.default_rng(1).random((height, width, 1)) / 10
    colour = np.array([0.1, 0.2, 0.5, 0.3, 0.2])[:channels]
    return (colour + 0.3 * (rows[..., None] % 8 < 3) + noise).astype(np.float32)


def dots(height=44, width=52, channels=3):
    """Orange with dark dots."""
    rows, columns = np.mgrid[:height, :width]
    holes = (rows % 10 - 5) ** 2 + (columns % 10 - 5) ** 2 < 9
    noise = np.random.default_rng(2).random((height, width, 1)) / 10
    colour = np.array([0.9, 0.6, 0.2, 0.7, 0.6])[:channels]
    return (colour - 0.2 * holes[..., None] - noise).clip(0, 1).astype(np.float32)


@pytest.fixture(scope="module", params=QUICK)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def quick(name):
    """Two models, and what they lie between."""
    return [QUICK[name].fit(picture, rng=0) for picture in (stripes(40, 40), dots(36, 44))]


@pytest.fixture(scope="module")
def models(name):
    """Two models whose pictures are worth a look."""
    return [GOOD[name].fit(picture, rng=0) for picture in (stripes(), dots())]


def assert_picture(result, shape):
    assert result.shape == shape and result.dtype == np.float32 and result.flags.c_contiguous
    assert np.isfinite(result).all() and result.min() >= 0 and result.max() <= 1


def score(picture, exemplar, count=250):
    """Exact transport cost between 4 x 4 patches, the mean over 4 levels, from a few of them."""
    rng, costs = np.random.default_rng(0), []
    for levels in zip(pyramid(picture, 4), pyramid(exemplar, 4), strict=True):
        one, two = (
            extract_at(level, draw_corners(level.shape, 4, count, rng), 4).astype(np.float64)
            for level in levels
        )
        cost = np.square(one[:, None] - two).sum(axis=2)
        plan = exact_plan(np.full(len(one), 1 / len(one)), np.full(len(two), 1 / len(two)), cost)
        costs.append((plan * cost).sum())
    return np.mean(costs)


# -- weights ----------------------------------------------------------------------------------


def test_all_weight_on_one_gives_its_picture(name, quick):
    for number, model in enumerate(quick):
        mixed = QUICK[name].mix(quick, np.eye(2)[number])
        expected = model.synthesize((30, 33), rng=4)
        assert np.array_equal(mixed.synthesize((30, 33), rng=4), expected)


def test_along_the_weights_one_score_rises_and_the_other_falls(name, models):
    exemplars = [model.exemplar for model in models]
    ends = [model.synthesize((48, 48), rng=1) for model in models]
    middle = GOOD[name].mix(models, [0.5, 0.5]).synthesize((48, 48), rng=1)
    made = [ends[0], middle, ends[1]]
    first, second = ([score(picture, exemplar) for picture in made] for exemplar in exemplars)
    assert (np.diff(first) > 0).all(), first
    assert (np.diff(second) < 0).all(), second
    means = [exemplar.mean(axis=(0, 1)) for exemplar in exemplars]
    assert np.allclose(middle.mean(axis=(0, 1)), np.mean(means, axis=0), atol=0.04)
    contrasts = [exemplar.std(axis=(0, 1)) for exemplar in exemplars]
    assert (middle.std(axis=(0, 1)) > 0.7 * np.min(contrasts, axis=0)).all()
    if name == "patch-ot":  # which minimises the weighted sum
        fade = [score((ends[0] + ends[1]) / 2, exemplar) for exemplar in exemplars]
        cost, *others = np.mean([[first[k], second[k]] for k in (1, 0, 2)], axis=1)
        assert cost < 0.8 * min(others) and cost < np.mean(fade)


# -- a mixed model is a model -----------------------------------------------------------------


def test_a_tile_has_no_seam(name, models):
    fewer = {"n_iter": 5} if name == "patch-ot" else {"finish": "none"}
    tiled = dataclasses.replace(GOOD[name], tileable="xy", **fewer)
    pure = dataclasses.replace(tiled, n_levels=models[0].method.n_levels)
    assert name == "patch-ot" or tiled.mix(models, [1, 0]).method == pure
    mixed = tiled.mix(models, [0.5, 0.5])
    made = [mixed.synthesize((40, 40), rng=seed) for seed in range(2)]
    for axis in (0, 1):
        seams = [np.abs(p.take(0, axis) - p.take(-1, axis)).mean() for p in made]
        lines = [np.abs(np.diff(p, axis=axis)).mean(axis=(1 - axis, 2)).max() for p in made]
        assert np.mean(seams) < 1.25 * np.mean(lines)


@pytest.mark.parametrize(("kind", "options"), OPTIONS, ids=str)
def test_every_option_mixes_and_restores(kind, options):
    method = dataclasses.replace(QUICK[kind], **options)
    models = [method.fit(picture, rng=0) for picture in (stripes(32, 32), dots(32, 36))]
    mixed = method.mix(models, [0.4, 0.6])
    picture = mixed.synthesize((25, 31), rng=1)
    assert_picture(picture, (25, 31, 3))
    assert np.array_equal(method.restore(mixed.state()).synthesize((25, 31), rng=1), picture)
    assert_picture(method.mix_along(models, np.eye(3), (25, 31), rng=1), (25, 31, 3))


# -- ingredients ------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 5])
def test_any_channels_and_any_sizes(name, channels):
    pictures = stripes(44, 30, channels), dots(23, 30, channels), 1 - dots(26, 26, channels)
    models = [QUICK[name].fit(picture, rng=0) for picture in pictures]
    mixed = QUICK[name].mix(models, [0.2, 0.3, 0.5])
    assert_picture(mixed.synthesize((40, 31), rng=1), (40, 31, channels))
    assert np.array_equal(mixed.exemplars[1], pictures[1])


def test_constant_exemplars(name):
    flat = [np.full((40, 40, 3), value, np.float32) for value in (0.2, 0.6)]
    models = [GOOD[name].fit(each, rng=0) for each in flat]
    picture = GOOD[name].mix(models, [0.5, 0.5]).synthesize((24, 24), rng=1)
    assert np.abs(picture - 0.4).max() < 0.01


def test_the_same_exemplar_twice_is_the_exemplar(name, quick):
    other = QUICK[name].fit(quick[0].exemplar, rng=9)
    expected = quick[0].synthesize((20, 20), rng=1)
    mixed = QUICK[name].mix([quick[0], other], [0.5, 0.5])
    assert np.array_equal(mixed.synthesize((20, 20), rng=1), expected)
    along_it = QUICK[name].mix_along([quick[0], other], np.eye(2), (20, 20), rng=1)
    assert np.array_equal(along_it, expected)


def test_a_one_colour_warning_is_not_raised_by_mixing(name, quick, recwarn):
    QUICK[name].mix(quick, [0.5, 0.5]).synthesize((16, 16), rng=0)
    assert not [w for w in recwarn if issubclass(w.category, TextoWarning)]


# -- maps -------------------------------------------------------------------------------------


def test_a_ramp_goes_from_one_texture_to_the_other(name, models):
    ramp = np.linspace(0, 1, 20, dtype=np.float32)[None]
    picture = GOOD[name].mix_along(models, ramp, (40, 128), rng=1)
    assert_picture(picture, (40, 128, 3))
    ends = picture[:, :32], picture[:, -32:]
    for number, (end, model) in enumerate(zip(ends, models, strict=True)):
        pure = model.synthesize((40, 32), rng=1)
        assert score(end, model.exemplar) < 1.3 * score(pure, model.exemplar)
        assert score(ends[1 - number], model.exemplar) > 3 * score(end, model.exemplar)
    means = (picture[:, :, 0] - picture[:, :, 2]).reshape(40, 8, 16).mean(axis=(0, 2))
    assert np.diff(means).max() < 0.45 * (means[-1] - means[0]), "there is a jump"


@pytest.mark.parametrize("number", [0, 1])
def test_a_black_or_white_map_is_one_texture(name, quick, number):
    picture = QUICK[name].mix_along(quick, np.full((3, 5), float(number)), (36, 36), rng=1)
    pure = quick[number].synthesize((36, 36), rng=1)
    exemplar = quick[number].exemplar
    assert score(picture, exemplar) < 1.3 * score(pure, exemplar)


def test_a_map_may_show_a_texture_at_the_seam_only(name, quick):
    tiled = dataclasses.replace(QUICK[name], tileable="xy", finish="none")
    narrow = np.ones((40, 40))
    narrow[:, -1] = 0
    assert_picture(tiled.mix_along(quick, narrow, (40, 40), rng=0), (40, 40, 3))


# -- mixtures of patches ----------------------------------------------------------------------


def test_corners_of_a_file_stay_within_their_exemplar():
    method = QUICK["textogmm"]
    models = [method.fit(picture, rng=0) for picture in (stripes(40, 40), dots(36, 44))]
    state = method.mix(models, [0.5, 0.5]).state()
    corners = state["level0.corners"].copy()
    corners[0] = 37, 10  # its patch reaches from the first exemplar into the second
    with pytest.raises(TextoError, match=r"level0\.corners.*leaves the exemplars"):
        method.restore({**state, "level0.corners": corners})


@pytest.mark.parametrize("weights", [[0.5, 0.5], [0.1, 0.9], [0.2, 0.3, 0.5]])
def test_the_balance_gives_every_side_its_share(weights):
    costs = np.random.default_rng(0).gamma(2, [[1, 3, 9][: len(weights)]] * 3000)
    taken = (costs - balance(costs, np.array(weights))).argmin(axis=1)
    shares = np.bincount(taken, minlength=len(weights)) / len(taken)
    assert np.allclose(shares, weights, atol=0.01)
