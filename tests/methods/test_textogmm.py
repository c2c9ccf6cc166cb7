"""TextoGMM: its options, its limits, hard exemplars, and what the transport is for."""

import dataclasses
import gc
import weakref

import numpy as np
import pytest

import texto
from texto.core.errors import TextoError
from texto.methods.textogmm.method import TextoGMM
from texto.metrics import patch_ot
from texto.patches.pyramid import halve

PUBLISHED = {
    "n_iter": 1,
    "n_iter_sliced": 0,
    "search_share": 1.0,
    "recomposition": "mean",
    "finish": "none",
}
QUICK = {
    "patch_size": 6,
    "n_components": 3,
    "n_patches": 600,
    "n_iter": 2,
    "n_iter_em": 5,
    "n_iter_sliced": 0,
    "n_dims": 12,
    "stride": 3,
    "finish": "none",
    "device": "cpu",
}
OPTIONS = [  # together, as many at once as go together
    PUBLISHED | {"map": "random"},
    {"map": "identity", "recomposition": "gaussian"},
    {"covariance": "diag", "finish": "sliced", "n_iter_sliced": 1},
    {"covariance": "diag", "map": "random", "recomposition": "robust", "n_dims": 1, "n_levels": 1},
    {"search_all": True, "n_dims": None, "kept_variance": 1.0, "n_levels": 3, "n_components": 1},
    {"n_components": 40, "n_patches": 50, "patch_size": 7, "stride": 1},
    {"patch_size": 2, "stride": None},
]


def quick(**options):
    """The method with small settings, or those of `options`."""
    return TextoGMM(**{**QUICK, **options})


def assert_picture(result, shape):
    assert result.shape == shape and result.dtype == np.float32
    assert np.isfinite(result).all() and result.min() >= 0 and result.max() <= 1


@pytest.fixture(scope="module")
def model(exemplar):
    return quick().fit(exemplar, rng=0)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_every_option_makes_a_picture_and_a_file_that_makes_it_again(options, exemplar, tmp_path):
    model = quick(**options).fit(exemplar, rng=0)
    result = model.synthesize((33, 41), rng=1)
    assert_picture(result, (33, 41, 3))
    goal = exemplar.mean(axis=(0, 1))
    assert np.abs(result.mean(axis=(0, 1)) - goal).max() < 0.12
    texto.save(model, tmp_path / "model.safetensors")
    again = texto.load(tmp_path / "model.safetensors")
    assert again.method == model.method
    assert np.array_equal(again.synthesize((33, 41), rng=1), result)


def test_the_defaults_and_the_published_form(exemplar):
    found = TextoGMM(device="cpu").fit(exemplar[:16, :16], rng=0)
    assert len(found.levels) == 1 and len(found.levels[0].plans) == TextoGMM().n_iter
    assert_picture(found.synthesize((9, 11), rng=1), (9, 11, 3))
    exemplar = exemplar[:40, :44]
    published = TextoGMM(**PUBLISHED, n_iter_em=2, n_levels=2, device="cpu").fit(exemplar, rng=0)
    assert [len(level.plans) for level in published.levels] == [1] * len(published.levels)
    for level, picture in zip(published.levels, (exemplar, halve(exemplar)), strict=False):
        windows = (picture.shape[0] - 7) * (picture.shape[1] - 7)
        assert len(level.database.corners) == windows  # below 10,000, so all of them


def test_a_level_holds_sound_mixtures_and_plans(model):
    assert [len(level.plans) for level in model.levels] == [1, 2]
    for level in model.levels:
        assert len(level.converged) == len(level.plans) + 1
        for plan in level.plans:
            assert np.allclose(plan.matrix.sum(axis=1), plan.source.weights, atol=1e-9)
            assert np.allclose(plan.matrix.sum(axis=0), plan.target.weights, atol=1e-9)
            np.linalg.cholesky(plan.source.covariances)
            np.linalg.cholesky(plan.target.covariances)
            assert np.isfinite(plan.cost) and plan.cost >= 0


def test_synthesis_settings_change_the_picture_of_one_fit(exemplar, model):
    first = model.synthesize((30, 30), rng=1)
    for change in ({"recomposition": "robust"}, {"finish": "sliced"}, {"tileable": "xy"}):
        other = dataclasses.replace(model.method, **change).restore(model.state())
        assert not np.array_equal(other.synthesize((30, 30), rng=1), first)


def test_smooth_colours_come_back_without_a_screen():
    """Patches start at every second pixel: steps there, with flat windows, are 1.4 times others."""
    y, x = np.mgrid[:64, :64] / 64
    picture = np.stack([0.5 + 0.3 * np.sin(2 * np.pi * (x + k * y)) for k in (1, 2, 3)], axis=2)
    noise = np.random.default_rng(0).normal(0, 0.02, picture.shape)
    model = quick(stride=2, finish="sliced").fit((picture + noise).astype(np.float32), rng=0)
    result = model.synthesize((64, 64), rng=1)
    change = np.abs(np.diff(result, axis=1)).mean(axis=(0, 2))
    assert change[1::2].mean() == pytest.approx(change[0::2].mean(), rel=0.15)


@pytest.mark.parametrize("finish", ["none", "sliced"])
def test_progress_names_the_stages(finish, exemplar):
    seen = []
    model = quick(finish=finish).fit(exemplar, rng=0, progress=seen.append)
    assert {step.stage for step in seen} == {"fit"}
    levels = [step.level for step in seen]
    assert levels == sorted(levels, reverse=True) and levels[-1] == 0
    seen.clear()
    model.synthesize((30, 30), rng=1, progress=seen.append)
    stages = list(dict.fromkeys(step.stage for step in seen))
    assert stages == ["synthesize"] + ["finish"] * (finish == "sliced")


def test_patches_side_by_side_are_copied_from_the_exemplar(exemplar):
    """Where patches do not overlap, the published form copies whole blocks."""
    result = quick(**PUBLISHED, stride=6).fit(exemplar, rng=0).synthesize((24, 30), rng=1)
    colours = {tuple(pixel) for pixel in exemplar.reshape(-1, 3)}
    assert all(tuple(pixel) in colours for pixel in result.reshape(-1, 3))


# Sizes


@pytest.mark.parametrize(
    ("shape", "tileable"),
    [((2, 9), "xy"), ((5, 5), "x"), ((6, 6), "none"), ((7, 13), "xy"), ((130, 71), "none")],
)
def test_any_size(model, shape, tileable):
    method = dataclasses.replace(model.method, tileable=tileable)
    assert_picture(method.restore(model.state()).synthesize(shape, rng=1), (*shape, 3))


def test_tileable_axes_have_no_seam_and_the_others_have(model):
    method = dataclasses.replace(model.method, tileable="x")
    tiled = method.restore(model.state())
    results = [tiled.synthesize((48, 48), rng=seed) for seed in range(4)]
    for axis, tileable in enumerate((False, True)):
        seam = np.mean([seam_over_worst_line(result, axis) for result in results])
        assert (seam < 1.1) == tileable, (axis, seam)


@pytest.mark.parametrize("finish", ["none", "sliced"])
def test_odd_periodic_sizes_have_no_seam(exemplar, finish):
    """Halving rounds up; the line too many must not be cut out of the wrapped picture."""
    model = quick(stride=1, tileable="xy", finish=finish).fit(exemplar, rng=0)
    ratios = []
    for shape, seed in (((41, 45), 1),):
        result = model.synthesize(shape, rng=seed)
        for axis in (0, 1):
            inside = np.abs(np.diff(result, axis=axis)).mean()
            ratios.append(np.abs(result.take(0, axis) - result.take(-1, axis)).mean() / inside)
    assert np.mean(ratios) < 1.4  # about 1, and 1.9 where a line is cut


def seam_over_worst_line(picture, axis):
    """How rough the wrapped border is, over the roughest line inside (patches have borders too)."""
    others = tuple({0, 1, 2} - {axis})
    lines = np.abs(np.diff(picture, axis=axis)).mean(axis=others)
    return np.abs(picture.take(0, axis) - picture.take(-1, axis)).mean() / lines.max()


def test_a_model_is_freed_with_its_last_reference(exemplar):
    model = quick(n_levels=1).fit(exemplar, rng=0)
    model.synthesize((20, 20), rng=1)
    alive = weakref.ref(model.levels[0].database)
    del model
    gc.collect()
    assert alive() is None


# Limits


@pytest.mark.parametrize(
    ("settings", "shape", "words"),
    [
        ({}, (5, 9), ("exemplar", "9x5", "patch_size")),
        ({}, (1, 1), ("exemplar", "1x1")),
        ({"patch_size": 64}, (63, 80), ("exemplar", "80x63", "64")),
        ({"n_components": 11}, (7, 10), ("exemplar", "10 patches", "n_components=11")),
        ({"n_components": 120}, (15, 15), ("exemplar", "100 patches", "n_components=120")),
        ({"n_levels": 4}, (40, 60), ("n_levels", "at most 3", "60x40", "patch_size=6")),
        ({"n_levels": 12}, (64, 64), ("n_levels", "at most 4", "n_components=3")),
    ],
)
def test_exemplars_too_small_for_the_settings_are_told(settings, shape, words):
    picture = np.random.default_rng(0).random((*shape, 3), np.float32)
    with pytest.raises(TextoError) as caught:
        quick(**settings).fit(picture, rng=0)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "shape"),
    [
        ({"n_components": 1}, (6, 6)),
        ({"n_components": 2}, (6, 7)),
        ({"n_components": 10}, (7, 10)),
        ({"n_components": 3, "n_levels": 3}, (40, 60)),
        ({"n_levels": 4}, (64, 64)),
        ({"patch_size": 20, "stride": 10, "n_components": 4}, (21, 21)),
    ],
)
def test_the_smallest_exemplars_work(settings, shape):
    picture = np.random.default_rng(0).random((*shape, 3), np.float32)
    model = quick(**settings).fit(picture, rng=0)
    assert_picture(model.synthesize((31, 27), rng=1), (31, 27, 3))


def test_a_device_that_is_absent_is_told_before_anything_is_computed(exemplar, monkeypatch):
    monkeypatch.setattr("texto.patches.search._gpus", lambda: 0)
    seen = []
    for device in ("cuda", "cuda:7", "mps", "tpu"):
        with pytest.raises(TextoError, match=f"device '{device}'"):
            quick(device=device).fit(exemplar, rng=0, progress=seen.append)
    assert not seen


# Hard exemplars


def hard(kind):
    rows, columns = np.mgrid[:40, :44]
    rng = np.random.default_rng(0)
    if kind == "two colours":
        inside = (np.hypot(rows - 20, columns - 22) < 9)[:, :, None]
        return np.where(inside, (0.9, 0.2, 0.1), (0.1, 0.2, 0.8)).astype(np.float32)
    if kind == "grey as RGB":
        return rng.random((40, 44, 1), np.float32).repeat(3, axis=2)
    return (0.5 + 0.5 * np.sin(columns / 2))[:, :, None].astype(np.float32)


DIAGONAL = {"covariance": "diag", "finish": "sliced"}
KINDS = [
    ("two colours", PUBLISHED),
    ("grey as RGB", PUBLISHED),
    ("grey as RGB", DIAGONAL),
    ("stripes", DIAGONAL),
]


@pytest.mark.parametrize(("kind", "settings"), KINDS, ids=str)
def test_hard_exemplars(kind, settings):
    picture = hard(kind)
    result = quick(**settings).fit(picture, rng=0).synthesize((39, 45), rng=1)
    assert_picture(result, (39, 45, picture.shape[2]))
    assert np.abs(result.mean(axis=(0, 1)) - picture.mean(axis=(0, 1))).max() < 0.2
    if kind == "grey as RGB":
        assert np.abs(np.diff(result, axis=2)).max() < 0.02


@pytest.mark.parametrize(
    ("value", "channels", "settings"),
    [
        (0.0, 1, {"finish": "sliced"}),
        (0.3, 3, {"recomposition": "gaussian"}),
        (1.0, 3, {"recomposition": "robust"}),
    ],
)
def test_a_constant_picture_gives_its_colour(value, channels, settings):
    picture = np.full((36, 36, channels), value, np.float32)
    result = quick(**settings).fit(picture, rng=0).synthesize((30, 41), rng=1)
    assert_picture(result, (30, 41, channels))
    assert np.abs(result - value).max() <= 1 / 255


# Model files


def spoilt(state, name, change):
    array = state[name].copy()
    return {**state, name: change(array)}


def scaled(factor):
    return lambda array: array * factor


def put(index, value):
    def change(array):
        array[index] = value
        return array

    return change


def moved_mass(array):
    """A plan with the right total and wrong marginals."""
    row, column = np.unravel_index(array.argmax(), array.shape)
    array[row, column] -= 0.1
    array[row, (column + 1) % array.shape[1]] += 0.1
    return array


MUTATIONS = [
    ("level0.target.weights", scaled(1.3), "sums to 1.3"),
    ("level0.target.weights", put(0, -0.1), "negative"),
    ("level0.target.weights", put(0, np.nan), "finite"),
    ("level0.target.weights", lambda a: a[:-1], ""),
    ("level0.target.weights", lambda a: a.astype(np.float32), "float32"),
    ("level0.target.means", put((0, 0), np.nan), "finite"),
    ("level0.target.means", lambda a: a[:, :-1], "shape"),
    ("level0.target.covariances", put(0, 0), "positive"),
    ("level0.target.covariances", scaled(-1), "positive"),
    ("level0.target.covariances", put((0, 0, 1), 5.0), "symmetric"),
    ("level0.target.covariances", put((0, 0, 0), np.inf), "finite"),
    ("level0.target.covariances", lambda a: np.diagonal(a, axis1=1, axis2=2).copy(), ""),
    ("level0.pass0.weights", scaled(0.5), "sums to 0.5"),
    ("level0.pass0.means", put((1, 1), np.inf), "finite"),
    ("level0.pass0.covariances", put(1, 0), "positive"),
    ("level0.pass0.plan", scaled(2), "weights"),
    ("level0.pass0.plan", scaled(0), "weights"),
    ("level0.pass0.plan", moved_mass, "weights"),
    ("level0.pass0.plan", lambda a: a[:, :-1], "shape"),
    ("level0.pass0.plan", put((0, 0), np.nan), "finite"),
    ("level0.corners", put((0, 0), -1), "leaves the exemplar"),
    ("level0.corners", put((0, 1), 67), "leaves the exemplar"),
    ("level0.corners", put((0, 0), 2**31 - 1), "leaves the exemplar"),
    ("level0.corners", lambda a: a[:0], "shape"),
    ("level0.corners", lambda a: a.astype(np.int64), "int64"),
    ("level0.mean", put(0, np.nan), "finite"),
    ("level0.mean", lambda a: a[:-1], "shape"),
    ("level0.axes", put((0, 0), np.inf), "finite"),
    ("level0.axes", lambda a: a[:, :-1], ""),
    ("level0.converged", lambda a: a[:-1], "shape"),
    ("exemplar", scaled(np.float32(2)), r"outside \[0, 1\]"),
    ("exemplar", lambda a: a[:, :, :1].copy(), ""),
    ("exemplar", lambda a: a[:5].copy(), "smaller"),
    ("exemplar", lambda a: a[:40].copy(), ""),
]


@pytest.mark.parametrize(("name", "change", "why"), MUTATIONS)
def test_arrays_that_make_no_sense_are_refused_by_name(model, name, change, why):
    changed = spoilt(model.state(), name, change)
    with pytest.raises(TextoError, match=rf"tensor '(exemplar|level\d\.)[\w.]*'?.*{why}"):
        model.method.restore(changed)


def test_a_missing_level_or_pass_and_an_unknown_tensor_are_refused(model):
    state = model.state()
    passes = {name: a for name, a in state.items() if not name.startswith("level0.pass0.")}
    with pytest.raises(TextoError, match=r"level0\.pass0\.\w+.*missing"):
        model.method.restore(passes)
    levels = {name: a for name, a in state.items() if not name.startswith("level0.")}
    with pytest.raises(TextoError, match=r"level0\.corners.*missing"):
        model.method.restore(levels)
    with pytest.raises(TextoError, match=r"level0\.pass7\.plan.*does not belong"):
        model.method.restore({**state, "level0.pass7.plan": np.eye(3)})


@pytest.mark.parametrize(
    "other", [{"n_iter": 3}, {"n_levels": 3}, {"patch_size": 5}, {"map": "identity"}], ids=str
)
def test_the_arrays_of_other_settings_are_refused(model, other):
    with pytest.raises(TextoError, match="tensor"):
        dataclasses.replace(model.method, **other).restore(model.state())


@pytest.mark.parametrize(
    ("weights", "row"), [([1.0, 0.0, 0.0], 1), ([1 - 2e-5, 1e-5, 1e-5], 2)], ids=["none", "hardly"]
)
def test_a_component_that_the_plan_leaves_out_is_refused_or_harmless(model, weights, row):
    """A row of zeros in a plan must not turn into NaN when the model is used."""
    state = dict(model.state())
    target = state["level0.target.weights"]
    plan = np.outer(weights, target)
    plan[row] = 0
    state |= {"level0.pass0.weights": np.array(weights), "level0.pass0.plan": plan}
    try:
        restored = model.method.restore(state)
    except TextoError as error:
        assert "level0.pass0" in str(error)
    else:
        assert_picture(restored.synthesize((20, 20), rng=1), (20, 20, 3))


# What it is for


def test_transport_brings_the_patches_closer_than_the_nearest_neighbour_alone(pytestconfig):
    picture = halve(texto.read_image(pytestconfig.rootpath / "data" / "pebbles.png"))[:80, :80]
    scores = []
    for how in ("barycentric", "identity"):
        method = TextoGMM(**PUBLISHED, map=how, n_patches=2000, n_components=5, device="cpu")
        model = method.fit(picture, rng=0)
        result = model.synthesize((80, 80), rng=1)
        scores.append(patch_ot(result, picture, n_patches=500))
    assert scores[0] < 0.9 * scores[1]


def test_a_finished_picture_is_closer_in_spectrum(pytestconfig):
    picture = halve(texto.read_image(pytestconfig.rootpath / "data" / "pebbles.png"))[:96, :96]
    model = quick(patch_size=8, n_components=5, n_patches=2000).fit(picture, rng=0)
    finished = dataclasses.replace(model.method, finish="sliced").restore(model.state())
    scores = [
        texto.metrics.spectrum(m.synthesize((96, 96), rng=1), picture) for m in (model, finished)
    ]
    assert scores[1] < 0.7 * scores[0]
