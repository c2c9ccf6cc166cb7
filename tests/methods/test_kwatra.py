"""Texture optimisation: the energy falls, the run stops by itself, memory stays bounded."""

import dataclasses
import tracemalloc

import numpy as np
import pytest

from texto.core.errors import TextoError
from texto.core.types import silent
from texto.methods.kwatra import optimisation as algorithm
from texto.methods.kwatra.method import Kwatra
from texto.methods.kwatra.optimisation import irls_weights
from texto.patches.database import leading_patch_level, leading_space
from texto.patches.extraction import extract, extract_at, grid
from texto.patches.recompose import recompose, squared_distances
from texto.patches.space import principal_space


def energy(squares, patch_size, picture, exponent):
    """The energy that the bounded weights belong to: linear below their floor."""
    floor = algorithm.SOFTEST * patch_size**2 * picture.shape[2]
    power = squares ** (exponent / 2)
    tangent = floor ** (exponent / 2) * (1 + exponent / 2 * (squares / floor - 1))
    return float(np.where(squares > floor, power, tangent).sum(dtype=np.float64))


def optimisation(exemplar, shape, progress=silent, **settings):
    model = Kwatra(device="cpu", **settings).fit(exemplar)
    return algorithm.Optimisation(model.method, model.exemplar, shape, progress)


def periodic_exemplar(side=48, period=12, seed=0):
    tile = np.random.default_rng(seed).random((period, period, 3), np.float32)
    return np.tile(tile, (side // period, side // period, 1))


@pytest.mark.parametrize("exponent", [0.3, 0.8, 1.5, 2])
@pytest.mark.parametrize("patch_size", [4, 8])
def test_a_weighted_average_lowers_the_energy(exemplar, exponent, patch_size):
    spots = grid((30, 34), patch_size, patch_size // 4)
    rng = np.random.default_rng(0)
    limits = [side - patch_size + 1 for side in exemplar.shape[:2]]
    corners = rng.integers(0, limits, (len(spots), 2))
    picture, energies = rng.random((30, 34, 3), np.float32), []
    for _ in range(6):
        squares = squared_distances(picture, exemplar, corners, spots, weighting="gaussian")
        energies.append(energy(squares, patch_size, exemplar, exponent))
        weights = irls_weights(squares, patch_size, exemplar, exponent)
        picture = recompose(exemplar, corners, spots, weighting="gaussian", importance=weights)
    assert energies[1] < energies[0]
    assert (np.diff(energies) <= 1e-6 * energies[0]).all()


def test_weights_follow_the_norm_and_stay_bounded(exemplar):
    floor = algorithm.SOFTEST * 16 * 3
    squares = np.array([0, floor / 2, floor, 4 * floor], np.float32)
    weights = irls_weights(squares, 4, exemplar, 0.8)
    assert np.allclose(weights, [1, 1, 1, 4**-0.6])
    assert np.allclose(irls_weights(squares, 4, exemplar, 2), 1)


def test_a_shifted_periodic_copy_is_a_fixed_point_and_stops_the_run():
    exemplar, seen = periodic_exemplar(), []
    run = optimisation(
        exemplar, (24, 36), seen.append, patch_size=8, n_levels=1, n_iter=50, tileable="xy"
    )
    start = np.roll(exemplar[:24, :36], (5, 7), (0, 1))
    database = run._database(0, 8, np.random.default_rng(0))
    result, found, _ = run._descend(start, database, run._spots(0, 8), 0, "gaussian")
    assert np.allclose(result, start, atol=1e-5)
    theirs, ours = extract_at(exemplar, found, 8), extract(start, run._spots(0, 8))
    assert np.allclose(theirs, ours, atol=1e-6)
    assert [step.iteration for step in seen] == [1, 50]  # the second pass changes nothing
    assert seen[-1].loss < 1e-3


def test_a_run_that_does_not_settle_ends_at_n_iter(exemplar, monkeypatch):
    monkeypatch.setattr(algorithm, "SETTLED", -1)
    seen = []
    optimisation(exemplar, (24, 24), seen.append, patch_size=8, n_levels=1, n_iter=3).run(
        np.random.default_rng(0).spawn(1)
    )
    assert [step.iteration for step in seen] == [1, 2, 3]


def test_result_patches_are_near_the_exemplars(exemplar):
    def fit_of(picture):
        theirs = extract(exemplar, grid(exemplar.shape[:2], 8))
        ours = extract(picture, grid(picture.shape[:2], 8, 4))
        squares = np.square(ours).sum(1)[:, None] + np.square(theirs).sum(1) - 2 * ours @ theirs.T
        return np.maximum(squares, 0).min(axis=1).mean()

    picture = Kwatra(device="cpu").fit(exemplar).synthesize((48, 48), rng=1)
    shuffled = np.random.default_rng(0).permutation(picture.reshape(-1, 3)).reshape(48, 48, 3)
    assert fit_of(picture) < 0.1 * fit_of(shuffled)
    assert abs(picture.std() / exemplar.std() - 1) < 0.25  # it has not smeared


@pytest.mark.parametrize(
    ("shape", "settings", "sizes"),
    [
        ((256, 256), {}, [32, 16, 8]),
        ((64, 90), {}, [32, 16, 8]),
        ((32, 32), {}, [16, 8]),
        ((8, 900), {}, [8]),
        ((256, 256), {"patch_size": 33, "smallest_patch_size": 5}, [33, 16, 8]),
        ((256, 256), {"patch_size": 64, "smallest_patch_size": 64}, [64]),
        ((20, 20), {"patch_size": 64, "smallest_patch_size": 20}, [20]),
        ((5, 9), {"patch_size": 2, "smallest_patch_size": 2}, [2]),
    ],
)
def test_patch_sizes_of_a_level(shape, settings, sizes):
    assert Kwatra(**settings).patch_sizes((*shape, 3)) == sizes


@pytest.mark.parametrize(
    ("side", "settings", "levels"),
    [(256, {}, 3), (128, {}, 3), (64, {}, 2), (63, {}, 1), (8, {}, 1), (64, {"n_levels": 4}, 4)],
)
def test_levels_of_an_exemplar(side, settings, levels):
    assert Kwatra(**settings).count_levels((side, side + 3, 3)) == levels


def test_too_many_levels_are_refused():
    with pytest.raises(TextoError, match=r"n_levels: is 5, at most 4 suit an exemplar of 70x64"):
        Kwatra(n_levels=5).fit(np.zeros((64, 70, 3), np.float32))
    with pytest.raises(TextoError, match="exemplar: is 9x7, smaller than the 8"):
        Kwatra().fit(np.zeros((7, 9, 3), np.float32))
    with pytest.raises(TextoError, match="smallest_patch_size: is 16, patch_size is 8"):
        Kwatra(patch_size=8, smallest_patch_size=16)


@pytest.mark.parametrize("value", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("side", [8, 40])
def test_a_constant_exemplar_gives_its_colour(value, side):
    exemplar = np.full((side, side, 3), value, np.float32)
    result = Kwatra(device="cpu").fit(exemplar).synthesize((19, 33), rng=0)
    assert np.abs(result - value).max() < 1e-5


def test_the_start_is_made_of_whole_patches(exemplar):
    run = optimisation(exemplar, (32, 48), patch_size=16, n_levels=1)
    start = run._start(np.random.default_rng(0))
    tiles = extract(start, grid((32, 48), 16, 16))
    windows = extract(exemplar, grid(exemplar.shape[:2], 16))
    nearest = np.abs(tiles[:, None] - windows[None]).max(axis=2).min(axis=1)
    assert nearest.max() < 1e-6


def test_synthesis_settings_are_those_that_say_so(exemplar):
    model = Kwatra(device="cpu", n_iter=1, patch_size=8).fit(exemplar)
    sharpened = dataclasses.replace(model.method, finish="sliced").restore(model.state())
    one, two = (each.synthesize((32, 32), rng=1) for each in (model, sharpened))
    assert not np.array_equal(one, two) and np.abs(one - two).mean() < 0.1


# -- the patch space of large patches -----------------------------------------------------------


@pytest.mark.parametrize("rank", [3, 40])
def test_the_leading_space_is_the_principal_one(rank):
    rng = np.random.default_rng(0)
    scales = 0.8 ** np.arange(rank)
    points = ((rng.standard_normal((300, rank)) * scales) @ rng.random((rank, 60))).astype("f4")
    exact = principal_space(points, largest=6)
    ours = leading_space(points.copy(), 6, rng=np.random.default_rng(1))

    def kept(space):
        return np.square(space.project(points)).sum()

    assert ours.dimension <= 6
    assert np.allclose(ours.axes.T @ ours.axes, np.eye(ours.dimension), atol=1e-4)
    assert kept(ours) == pytest.approx(kept(exact), rel=1e-3)


@pytest.mark.parametrize("n", [1, 2, 30])
def test_a_leading_space_of_constant_points_is_finite(n):
    space = leading_space(np.full((n, 12), 0.3, np.float32), 5, rng=np.random.default_rng(0))
    assert np.isfinite(space.axes).all() and 1 <= space.dimension <= 5


def test_points_in_blocks_are_the_points_at_once(exemplar, monkeypatch):
    options = {"n_patches": 10**6, "n_dims": 10, "kept_variance": 1.0}
    level = leading_patch_level(exemplar, 8, rng=np.random.default_rng(0), **options)
    whole = level.space.project(extract_at(exemplar, level.corners, 8))
    monkeypatch.setattr("texto.patches.database.BLOCK", 1)
    assert len(level.corners) > 1024
    assert np.allclose(level.points, whole, atol=1e-5)


def test_large_patches_are_never_all_in_memory():
    exemplar = np.random.default_rng(0).random((150, 150, 3), np.float32)
    everything = 119**2 * 32 * 32 * 3 * 4  # 174 MB
    tracemalloc.start()
    level = leading_patch_level(
        exemplar, 32, n_patches=10**6, n_dims=8, kept_variance=1.0, rng=np.random.default_rng(0)
    )
    level.neighbors("cpu")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(level.corners) == 119**2 and peak < 0.8 * everything
