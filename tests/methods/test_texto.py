"""Texto: fit, synthesis, its two layers and two source laws. contract.py has the rest."""

import dataclasses

import numpy as np
import pytest

from texto import metrics
from texto.core.errors import TextoError
from texto.methods.texto.level import field_law, mixture_sampler, solve_level
from texto.methods.texto.method import Texto
from texto.patches.database import patch_level
from texto.patches.extraction import all_corners, extract_at
from texto.patches.noise import gaussian_field, texton
from texto.patches.space import principal_space
from texto.transport.mixture import GaussianMixture
from texto.transport.semidual import Schedule

QUICK = {"n_patches": 200, "n_iter_dual": 40, "stride": 2, "device": "cpu"}
LAYERS = (1, 2)


def stripes(height=64, width=64):
    """Bright blobs on a dark ground, (H, W, 3)."""
    rows, columns = np.indices((height, width))
    waves = np.sin(rows * 0.7) * np.sin(columns * 0.5) > 0.3
    picture = np.where(waves[:, :, None], [0.9, 0.6, 0.2], [0.1, 0.2, 0.3])
    noise = np.random.default_rng(0).normal(0, 0.03, picture.shape)
    return np.clip(picture + noise, 0, 1).astype(np.float32)


@pytest.fixture(scope="module", params=LAYERS, ids=["one-layer", "two-layers"])
def model(request):
    return Texto(layers=request.param, **{**QUICK, "n_iter_dual": 100}).fit(stripes(), rng=0)


def test_it_is_closer_to_the_exemplar_than_its_start(model):
    exemplar = stripes()
    mean = exemplar.mean(axis=(0, 1), dtype=np.float64)
    field = gaussian_field(texton(exemplar), mean, (64, 64), np.random.default_rng(1))
    start = metrics.patch_ot(np.clip(field, 0, 1), exemplar, n_patches=400)
    made = model.synthesize((64, 64), rng=1)
    assert metrics.patch_ot(made, exemplar, n_patches=400) < 0.7 * start


def test_synthesis_is_offline(model):
    before = {name: array.tobytes() for name, array in model.state().items()}
    first = model.synthesize((40, 50), rng=3)
    model.synthesize((90, 30), rng=4)
    assert {name: array.tobytes() for name, array in model.state().items()} == before
    assert np.array_equal(model.synthesize((40, 50), rng=3), first)


def test_the_potentials_share_the_targets_out(model):
    level = model.levels[0]
    plain = dataclasses.replace(level, potential=np.zeros_like(level.potential))
    if level.layers is not None:
        plain = dataclasses.replace(plain, cluster_potential=np.zeros_like(level.cluster_potential))
    errors = []
    for levels in (model.levels, (plain, *model.levels[1:])):
        big = dataclasses.replace(model, levels=levels)
        seen = _used(big)
        errors.append(np.abs(seen / seen.sum() - 1 / len(seen)).sum())
    assert errors[0] < 0.85 * errors[1]


def _used(model):
    """How often each target of the finest level is used in a synthesis."""
    level = model.levels[0]
    counts = np.zeros(len(level.potential))
    numbers = {tuple(corner): j for j, corner in enumerate(level.database.corners.tolist())}
    assign = type(level).assign

    def counted(self, *arguments):
        found = assign(self, *arguments)
        if self is level:
            for corner in found.tolist():
                counts[numbers[tuple(corner)]] += 1
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(level), "assign", counted)
        model.synthesize((160, 160), rng=0)
    return counts


@pytest.mark.parametrize("layers", LAYERS)
def test_the_published_form_runs(layers):
    method = Texto(patch_size=3, source="gmm", n_levels=2, layers=layers, **QUICK)
    model = method.fit(stripes(), rng=0)
    result = model.synthesize((26, 21), rng=1)
    assert result.shape == (26, 21, 3) and np.isfinite(result).all()
    again = method.fit(stripes(), rng=0)
    assert np.array_equal(again.levels[0].potential, model.levels[0].potential)
    other = dataclasses.replace(method, source="patches").fit(stripes(), rng=0)
    assert not np.array_equal(other.levels[0].potential, model.levels[0].potential)


def test_the_law_of_the_field_is_exact():
    kernel = texton(stripes(24, 30))
    rng = np.random.default_rng(0)
    field = gaussian_field(kernel, np.array([0.2, 0.5, 0.7]), (700, 700), rng)
    patches = extract_at(field, all_corners(field.shape, 3)[::7], 3)
    space = principal_space(patches, largest=8)
    law = field_law(kernel, np.array([0.2, 0.5, 0.7]), 3, space)
    points = space.project(patches).astype(np.float64)
    spread = np.sqrt(np.trace(law.covariances[0]))
    assert np.abs(law.means[0] - points.mean(axis=0)).max() < 0.05 * spread
    assert np.abs(law.covariances[0] - np.cov(points.T)).max() < 0.06 * spread**2


def test_a_mixture_is_drawn_all_at_once():
    rng = np.random.default_rng(0)
    factors = rng.standard_normal((3, 4, 4))
    covariances = factors @ factors.transpose(0, 2, 1) + np.eye(4)
    mixture = GaussianMixture(
        np.array([0.2, 0.0, 0.8]), 5 * rng.standard_normal((3, 4)), covariances
    )
    points = mixture_sampler(mixture, rng)(200_000)
    assert points.shape == (200_000, 4) and points.dtype == np.float32
    mean = mixture.weights @ mixture.means
    assert points.mean(axis=0) == pytest.approx(mean, abs=0.05)
    centred = mixture.means - mean
    expected = np.einsum("k,kij->ij", mixture.weights, covariances)
    expected += np.einsum("k,ki,kj->ij", mixture.weights, centred, centred)
    assert np.cov(points.T) == pytest.approx(expected, abs=0.02 * np.trace(expected))


@pytest.mark.parametrize("layers", LAYERS)
@pytest.mark.parametrize("source", ["patches", "gmm"])
def test_a_constant_exemplar_gives_its_colour(layers, source):
    exemplar = np.full((40, 36, 3), [0.2, 0.5, 0.8], np.float32)
    model = Texto(layers=layers, source=source, **QUICK).fit(exemplar, rng=0)
    result = model.synthesize((30, 33), rng=1)
    assert np.abs(result - exemplar[0, 0]).max() < 1e-5


@pytest.mark.parametrize("layers", LAYERS)
def test_two_colours_and_tiny_exemplars_work(layers):
    board = (np.indices((40, 40)).sum(axis=0) % 2).astype(np.float32)[:, :, None]
    tiny = stripes(5, 9)
    for exemplar in (board, tiny):
        result = Texto(layers=layers, **QUICK).fit(exemplar, rng=0).synthesize((20, 25), rng=1)
        assert result.min() >= 0 and result.max() <= 1


def test_more_targets_than_patches_takes_them_all():
    model = Texto(n_patches=1_000_000, n_iter_dual=2, n_levels=1).fit(stripes(20, 24), rng=0)
    assert len(model.levels[0].potential) == 16 * 20


def test_too_much_is_refused():
    cases = [
        ({"n_levels": 9}, "n_levels", "at most 4 suit an exemplar of 64x64"),
        ({"stride": 6}, "stride", "patch_size is 5"),
        ({"layers": 3}, "layers", "1 to 2"),
        ({"patch_size": 17}, "patch_size", "2 to 16"),
    ]
    for settings, what, why in cases:
        with pytest.raises(TextoError, match=why) as caught:
            Texto(**{**QUICK, **settings}).fit(stripes(), rng=0)
        assert caught.value.what == what
    with pytest.raises(TextoError, match="4x30"):
        Texto().fit(stripes(30, 4), rng=0)


@pytest.mark.parametrize("size", [9, 40, 64, 130, 256])
def test_automatic_levels_end_at_32_pixels(size):
    expected = {9: 1, 40: 1, 64: 2, 130: 3, 256: 4}[size]
    assert Texto().count_levels((size, 300, 3)) == expected


def test_a_state_that_makes_no_sense_is_refused(model):
    state = model.state()
    changes = {
        "level0.corners": lambda corners: corners + 60,
        "level1.corners": lambda corners: corners - 40,
        "level0.potential": lambda potential: potential[:-1],
    }
    if model.method.layers == 2:
        changes |= {
            "level0.cluster.labels": lambda labels: labels + 1,
            "level1.cluster.labels": lambda labels: np.zeros_like(labels),
            "level0.cluster.potential": lambda potential: potential[:-1],
        }
    for name, change in changes.items():
        with pytest.raises(TextoError, match=name):
            model.method.restore({**state, name: change(state[name])})
            pytest.fail(f"{name} was accepted")
    other = dataclasses.replace(model.method, layers=3 - model.method.layers)
    with pytest.raises(TextoError, match="cluster"):
        other.restore(state)


@pytest.mark.parametrize("layers", LAYERS)
def test_the_search_does_not_depend_on_the_bands(layers, monkeypatch):
    rng = np.random.default_rng(0)
    database = patch_level(stripes(), 5, n_patches=300, n_dims=None, kept_variance=0.99, rng=rng)
    source = rng.standard_normal((2000, database.space.dimension), dtype=np.float32)
    level = solve_level(database, source, n_layers=layers, schedule=Schedule(20), rng=rng)
    model = dataclasses.replace(
        Texto(layers=layers, **QUICK).fit(stripes(), rng=0), levels=(level,)
    )
    whole = model.synthesize((50, 40), rng=0)
    monkeypatch.setattr("texto.patches.database.QUERIES", 100)
    monkeypatch.setattr("texto.transport.layered.QUERIES", 64)
    assert np.allclose(model.synthesize((50, 40), rng=0), whole, atol=1e-4)
