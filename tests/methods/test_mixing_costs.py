"""Mixing by `patch-ot`: the minimiser of the weighted sum of the costs of transport."""

import dataclasses

import numpy as np
import pytest

import texto
from texto.core.contract import Mixes
from texto.core.errors import TextoError
from texto.methods.patch_ot.descent import energies
from texto.methods.patch_ot.energy import Torus
from texto.methods.patch_ot.method import PatchOTModel
from texto.methods.patch_ot.mixed_energy import MixedEnergy, ZonePlaces, ZoneSpots
from texto.methods.patch_ot.mixing import MixedCostModel
from texto.patches.database import draw_corners
from texto.patches.extraction import extract, extract_at, grid
from texto.patches.pyramid import pyramid
from texto.steps.mixing.zones import along, even
from texto.transport.gaussian_potential import gaussian_potential
from texto.transport.plan import exact_plan
from texto.transport.semidual import semidual_value, shift_potential

METHOD = texto.PatchOT(
    n_iter=12, n_iter_dual=6, n_patches=1000, n_queries=700, n_levels=3, device="cpu"
)
QUICK = texto.PatchOT(n_iter=2, n_iter_dual=2, n_patches=300, n_queries=300, device="cpu")


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


def assert_picture(result, shape):
    assert result.shape == shape and result.dtype == np.float32 and result.flags.c_contiguous
    assert np.isfinite(result).all() and result.min() >= 0 and result.max() <= 1


def assert_whole(steps):
    """Each stage in one run, counting up, with one total, which its last step reaches."""
    for stage in {step.stage for step in steps}:
        group = [number for number, step in enumerate(steps) if step.stage == stage]
        counts = [steps[number].iteration for number in group]
        assert group == list(range(group[0], group[-1] + 1)), "stages alternate"
        assert counts == sorted(set(counts)) and counts[0] >= 1
        assert {steps[number].total for number in group} == {counts[-1]}


def score(picture, exemplar, count=400):
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


@pytest.fixture(scope="module")
def models():
    return [METHOD.fit(picture, rng=0) for picture in (stripes(), dots())]


@pytest.fixture(scope="module")
def quick():
    return [QUICK.fit(picture, rng=0) for picture in (stripes(), dots())]


# -- weights ----------------------------------------------------------------------------------


def test_all_weight_on_one_gives_its_picture(quick):
    assert isinstance(QUICK, Mixes)
    for number, model in enumerate(quick):
        mixed = QUICK.mix(quick, np.eye(2)[number])
        assert isinstance(mixed, PatchOTModel)
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


def test_the_middle_costs_less_than_what_else_lies_between(models):
    """The weighted sum of costs, against a pure texture and a cross-fade of two."""
    exemplars = [model.exemplar for model in models]
    pure = [model.synthesize((64, 64), rng=1) for model in models]
    middle = METHOD.mix(models, [0.5, 0.5]).synthesize((64, 64), rng=1)

    def cost(picture):
        return np.mean([score(picture, exemplar) for exemplar in exemplars])

    assert cost(middle) < 0.8 * min(cost(picture) for picture in pure)
    assert cost(middle) < cost((pure[0] + pure[1]) / 2)


def test_the_middle_has_the_middle_colour_and_no_less_contrast(models):
    picture = METHOD.mix(models, [0.5, 0.5]).synthesize((64, 64), rng=1)
    means = [model.exemplar.mean(axis=(0, 1)) for model in models]
    assert np.allclose(picture.mean(axis=(0, 1)), np.mean(means, axis=0), atol=0.04)
    contrasts = [model.exemplar.std(axis=(0, 1)) for model in models]
    assert (picture.std(axis=(0, 1)) > 0.7 * np.min(contrasts, axis=0)).all()


@pytest.mark.parametrize("weights", [[1.0], [0.5, 0.6], [-0.5, 1.5], [np.nan, 1], [0, 0]])
def test_wrong_weights(quick, weights):
    with pytest.raises(TextoError, match=r"^weights: "):
        QUICK.mix(quick, weights)


# -- a mixed model is a model -----------------------------------------------------------------


@pytest.mark.parametrize("shape", [(1, 1), (3, 20), (41, 90)])
def test_any_size_and_progress_is_whole(quick, shape):
    seen = []
    mixed = dataclasses.replace(QUICK, finish="sliced").mix(quick, [0.5, 0.5])
    assert_picture(mixed.synthesize(shape, rng=1, progress=seen.append), (*shape, 3))
    assert_whole(seen)
    assert all(step.loss is None or np.isfinite(step.loss) for step in seen)


def test_the_seed_decides_and_nothing_is_changed(quick):
    before = [model.exemplar.copy() for model in quick]
    mixed = QUICK.mix(quick, [0.5, 0.5])
    first = mixed.synthesize((30, 33), rng=1)
    assert np.array_equal(mixed.synthesize((30, 33), rng=1), first)
    assert not np.allclose(mixed.synthesize((30, 33), rng=2), first, atol=1e-3)
    QUICK.mix_along(quick, np.eye(4), (20, 20), rng=0)
    assert np.array_equal(mixed.exemplar, before[0]) and len(mixed.exemplars) == 2
    for model, exemplar in zip(quick, before, strict=True):
        assert np.array_equal(model.exemplar, exemplar)


def test_saved_and_loaded(quick, tmp_path):
    mixed = QUICK.mix([*quick, QUICK.fit(1 - dots(48, 48), rng=0)], [0.2, 0.3, 0.5])
    texto.save(mixed, tmp_path / "a.safetensors")
    again = texto.load(tmp_path / "a.safetensors")
    assert isinstance(again, MixedCostModel) and again.method == QUICK
    assert np.array_equal(again.weights, mixed.weights) and len(again.exemplars) == 3
    texto.save(again, tmp_path / "b.safetensors")
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()
    expected = mixed.synthesize((24, 31), rng=1)
    assert np.array_equal(again.synthesize((24, 31), rng=1), expected)


def test_mixed_again_it_counts_as_its_ingredients(quick):
    half = QUICK.mix(quick, [0.5, 0.5])
    quarter = QUICK.mix([half, quick[0]], [0.5, 0.5])
    assert np.allclose(quarter.weights, [0.75, 0.25])
    expected = QUICK.mix(quick, [0.75, 0.25]).synthesize((24, 24), rng=1)
    assert np.array_equal(quarter.synthesize((24, 24), rng=1), expected)


def test_a_damaged_state_is_refused_by_name(quick):
    state = QUICK.mix(quick, [0.5, 0.5]).state()
    with pytest.raises(TextoError, match="stowaway"):
        QUICK.restore({**state, "stowaway": np.zeros(3, np.float32)})
    for name, array in state.items():
        changed = [
            {key: value for key, value in state.items() if key != name},
            {**state, name: array[None]},
            {**state, name: array[:0]},
            {**state, name: array.astype(np.float16)},
        ]
        for bad in changed if name != "mix.weights" else changed[1:]:
            with pytest.raises(TextoError, match=name):
                QUICK.restore(bad)
    grey = state["mix.exemplar1"][:, :, :1].copy()
    with pytest.raises(TextoError, match=r"mix\.exemplar1.*channels"):
        QUICK.restore({**state, "mix.exemplar1": grey})


@pytest.mark.parametrize("weights", [[1.0], [1.0, 0.0], [0.5, 0.6], [1.5, -0.5]])
def test_stored_weights_are_checked(quick, weights):
    state = QUICK.mix(quick, [0.5, 0.5]).state()
    with pytest.raises(TextoError, match=r"mix\.weights"):
        QUICK.restore({**state, "mix.weights": np.array(weights)})


@pytest.mark.parametrize(
    "options",
    [
        {"start": "noise"},
        {"n_iter_dual": 0},
        {"n_levels": 1},
        {"n_patches": None},
        {"tileable": "xy", "finish": "sliced"},
        {"tileable": "x"},
        {"patch_size": 5, "kept_variance": 0.5},
    ],
    ids=str,
)
def test_every_option_mixes(options):
    method = dataclasses.replace(QUICK, **options)
    models = [method.fit(picture, rng=0) for picture in (stripes(40, 40), dots(40, 44))]
    mixed = method.mix(models, [0.4, 0.6])
    picture = mixed.synthesize((25, 31), rng=1)
    assert_picture(picture, (25, 31, 3))
    assert np.array_equal(method.restore(mixed.state()).synthesize((25, 31), rng=1), picture)
    assert_picture(method.mix_along(models, np.eye(3), (25, 31), rng=1), (25, 31, 3))


def test_a_tile_has_no_seam(models):
    tiled = dataclasses.replace(METHOD, tileable="xy", n_iter=5)
    made = [tiled.mix(models, [0.5, 0.5]).synthesize((48, 48), rng=seed) for seed in range(2)]
    for axis in (0, 1):
        seams = [np.abs(p.take(0, axis) - p.take(-1, axis)).mean() for p in made]
        lines = [np.abs(np.diff(p, axis=axis)).mean(axis=(1 - axis, 2)).max() for p in made]
        assert np.mean(seams) < 1.25 * np.mean(lines)


# -- ingredients ------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 2, 5])
def test_any_channels_and_any_sizes(channels):
    pictures = stripes(90, 64, channels), dots(33, 40, channels), 1 - dots(48, 48, channels)
    models = [QUICK.fit(picture, rng=0) for picture in pictures]
    mixed = QUICK.mix(models, [0.2, 0.3, 0.5])
    assert_picture(mixed.synthesize((40, 31), rng=1), (40, 31, channels))
    assert np.array_equal(mixed.exemplars[1], pictures[1])


def test_constant_exemplars():
    flat = [METHOD.fit(np.full((40, 40, 3), value, np.float32), rng=0) for value in (0.2, 0.6)]
    picture = METHOD.mix(flat, [0.5, 0.5]).synthesize((24, 24), rng=1)
    assert np.abs(picture - 0.4).max() < 0.01


def test_the_same_exemplar_twice_is_the_exemplar(quick):
    other = QUICK.fit(quick[0].exemplar, rng=9)
    expected = quick[0].synthesize((20, 20), rng=1)
    mixed = QUICK.mix([quick[0], other], [0.5, 0.5])
    assert np.array_equal(mixed.synthesize((20, 20), rng=1), expected)
    along_it = QUICK.mix_along([quick[0], other], np.eye(2), (20, 20), rng=1)
    assert np.array_equal(along_it, expected)


def test_models_that_do_not_mix(quick):
    grey = QUICK.fit(stripes(channels=1), rng=0)
    with pytest.raises(TextoError, match=r"^channels: of the exemplars are 1 and 3"):
        QUICK.mix([quick[0], grey], [0.5, 0.5])
    coarse = dataclasses.replace(QUICK, patch_size=5).fit(stripes(), rng=0)
    with pytest.raises(TextoError, match="setting 'patch_size': is 4 for the mix and 5"):
        QUICK.mix([quick[0], coarse], [0.5, 0.5])
    small = QUICK.fit(stripes(12, 12), rng=0)
    with pytest.raises(TextoError, match=r"n_levels.*exemplar of 12x12"):
        dataclasses.replace(QUICK, n_levels=3).mix([quick[0], small], [0.5, 0.5])


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
    means = (picture[:, :, 0] - picture[:, :, 2]).reshape(64, 12, 16).mean(axis=(0, 2))
    assert np.diff(means).max() < 0.4 * (means[-1] - means[0]), "there is a jump"


@pytest.mark.parametrize("value, number", [(0.0, 0), (1.0, 1)])
def test_a_black_or_white_map_is_one_texture(models, value, number):
    picture = METHOD.mix_along(models, np.full((3, 5), value), (64, 64), rng=1)
    exemplar = models[number].exemplar
    pure = models[number].synthesize((64, 64), rng=1)
    assert score(picture, exemplar) < 1.3 * score(pure, exemplar)


def test_maps_lie_between_two_pure_textures(quick):
    half = QUICK.mix(quick, [0.5, 0.5])
    for given in ([*quick, quick[0]], [quick[0], half]):
        with pytest.raises(TextoError, match=r"^map: "):
            QUICK.mix_along(given, np.eye(2), (20, 20), rng=0)


# -- parts ------------------------------------------------------------------------------------


def mixed_energy(zones, periodic=(True, True), method=QUICK):
    pictures = stripes(24, 24), dots(24, 24)
    return MixedEnergy(method, pictures, zones, periodic, np.random.default_rng(0))


def test_value_and_gradient_are_the_weighted_sums_of_those_of_the_exemplars():
    method = dataclasses.replace(QUICK, n_patches=None, n_queries=10_000)
    picture = np.random.default_rng(3).random((20, 24, 3)).astype(np.float32)
    whole = mixed_energy(even([0.3, 0.7]), method=method)
    value, slope = whole.gradient(picture, np.random.default_rng(1), ascend=False)
    parts = [
        energies(method, source, 1, np.random.default_rng(0))[0].gradient(
            picture, np.random.default_rng(1), ascend=False
        )
        for source in whole.source
    ]
    assert value == pytest.approx(0.3 * parts[0][0] + 0.7 * parts[1][0], rel=1e-5)
    assert np.allclose(slope, 0.3 * parts[0][1] + 0.7 * parts[1][1], atol=1e-5)


def test_at_an_open_border_nothing_is_pulled_from_the_other_side():
    """Where the map is white and nothing wraps, the other end of the picture has no say."""
    method = dataclasses.replace(QUICK, n_patches=None, n_queries=10_000)
    ramp = along(np.linspace(0, 1, 48)[None].repeat(20, 0))
    energy = mixed_energy(ramp, (False, False), method)
    picture = np.random.default_rng(3).random((20, 48, 3)).astype(np.float32)
    changed = picture.copy()
    changed[:, -4:] = 0
    slopes = [
        energy.gradient(p, np.random.default_rng(1), ascend=False)[1] for p in (picture, changed)
    ]
    assert np.array_equal(slopes[0][:, :40], slopes[1][:, :40])
    assert not np.array_equal(slopes[0][:, 40:], slopes[1][:, 40:])


def test_zones_extract_and_fold_their_own_patches():
    rng = np.random.default_rng(0)
    picture, spots = rng.random((12, 15, 2)).astype(np.float32), grid((12, 15), 4, 1, (True, True))
    own = ZoneSpots(spots, rng.random(len(spots)) < 0.4)
    places, torus = ZonePlaces(4), Torus(4)
    patches = places.extract(picture, own)
    assert np.array_equal(patches, extract(picture, spots)[own.chosen])
    total, other = np.zeros_like(picture), np.zeros_like(picture)
    places.fold(total, patches, own)
    others = ZoneSpots(spots, ~own.chosen)
    places.fold(other, places.extract(picture, others), others)
    every = np.zeros_like(picture)
    torus.fold(every, torus.extract(picture, spots), spots)
    assert np.allclose(total + other, every, atol=1e-5)
    parts = [part for _, part in own.blocks(2)]
    assert parts[0].start == 0 and parts[-1].stop == len(own) == own.chosen.sum()


def test_the_gaussian_potential_is_that_of_the_monge_map():
    """Between Gaussian clouds it is all but optimal: W2^2 = |m - m'|^2 + (s - s')^2 in 1-D."""
    rng = np.random.default_rng(0)
    samples = (0.2 + 0.1 * rng.standard_normal((4000, 1))).astype(np.float32)
    points = (1.0 + 0.4 * rng.standard_normal((4000, 1))).astype(np.float32)
    weights = np.full(len(points), 1 / len(points))
    found = semidual_value(points, gaussian_potential(points, samples), samples)
    shifted = semidual_value(points, shift_potential(points, samples, weights), samples)
    means, deviations = points.mean() - samples.mean(), points.std() - samples.std()
    assert found == pytest.approx(means**2 + deviations**2, rel=0.03)
    assert (
        shifted < 0.97 * found < found + 1e-9
        and semidual_value(points, 0 * points[:, 0], samples) < shifted
    )


def test_the_gaussian_potential_of_a_shift_is_linear():
    rng = np.random.default_rng(0)
    samples = rng.random((500, 3)).astype(np.float32)
    shift = np.array([1, -2, 0.5], np.float32)
    found = gaussian_potential(samples + shift, samples)
    expected = 2 * (samples + shift) @ shift
    assert np.allclose(found, expected - expected.mean(), atol=1e-4)
