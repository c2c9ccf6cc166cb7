"""Patch assignment: permutations, their exact cost, the entropic way above the limit, memory."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from texto.core.errors import TextoError
from texto.core.types import silent
from texto.methods.patch_assignment import assignments as algorithm
from texto.methods.patch_assignment.assignments import Assignments, _balanced, _patches_at
from texto.methods.patch_assignment.method import PatchAssignment
from texto.patches.extraction import extract, grid
from texto.transport.plan import squared_costs


def assignments(exemplar, shape=(40, 44), progress=silent, **settings):
    model = PatchAssignment(**{"device": "cpu", "patch_size": 6, **settings}).fit(exemplar)
    return Assignments(model.method, model.exemplar, shape, np.random.default_rng(0), progress)


def matched(exemplar, *, shape=(64, 72), **settings):
    """A correspondence of a noise picture, its spots, and the database."""
    run = assignments(exemplar, shape, n_levels=1, **settings)
    picture = np.random.default_rng(1).random((*shape, 3), np.float32)
    spots, database = grid(shape, 6, run._stride), run._database(exemplar)
    return run._assign(picture, spots, database), picture, spots, database


def counts_of(found):
    return np.unique(found, axis=0, return_counts=True)[1]


def test_the_exact_assignment_uses_no_patch_twice(exemplar):
    found, _, spots, _ = matched(exemplar, shape=(48, 48), stride=3)
    assert len(found) == len(spots) and counts_of(found).max() == 1


def test_a_larger_result_uses_all_patches_alike(exemplar):
    found, *_ = matched(exemplar[:36, :36], shape=(84, 60), stride=3, n_exact=1000)
    counts = counts_of(found)
    assert counts.max() - counts.min() <= 1


def test_its_cost_is_the_exact_transport_cost(exemplar):
    import ot

    found, picture, spots, database = matched(exemplar, shape=(33, 36), stride=3)
    ours = database.space.project(extract(picture, spots))
    theirs = database.space.project(
        np.stack([exemplar[r : r + 6, c : c + 6].ravel() for r, c in found])
    )
    exact = ot.emd2([], [], squared_costs(ours, theirs).astype(np.float64))
    assert np.square(ours - theirs).sum(axis=1).mean() == pytest.approx(exact, rel=1e-4)


def test_a_permuted_picture_is_undone(exemplar):
    """Where the result is the exemplar, each patch is assigned to itself: cost zero."""
    run = assignments(exemplar, exemplar.shape[:2], n_levels=1, stride=1, n_exact=4000)
    crop = exemplar[:40, :40]
    database = run._database(crop)
    spots = grid((40, 40), 6)
    found = run._assign(crop, spots, database)
    assert np.array_equal(found, _corners(spots))


def test_the_entropic_assignment_is_near_the_exact_one(exemplar):
    """Nearly its cost, and a use of the patches that nearest neighbours are far from."""
    settings = {"shape": (48, 48), "stride": 2}
    exact, picture, spots, database = matched(exemplar, n_exact=2000, **settings)
    near, *_ = matched(exemplar, n_exact=400, regularization=0.01, n_iter_dual=300, **settings)
    nearest = replace(database, corners=exact).assign(picture, spots, lambda points: points, "cpu")
    ours = database.space.project(extract(picture, spots))

    def cost(found):
        theirs = np.stack([exemplar[r : r + 6, c : c + 6].ravel() for r, c in found])
        return np.square(ours - database.space.project(theirs)).sum(axis=1).mean()

    assert len(exact) == 484 == len(counts_of(exact))
    assert cost(near) < 1.1 * cost(exact)
    assert len(counts_of(near)) > 3 * len(counts_of(nearest))
    assert counts_of(near).max() < counts_of(nearest).max() / 3


@pytest.mark.parametrize(("available", "count"), [(5, 5), (5, 3), (5, 12), (1, 4), (7, 1)])
def test_balanced_numbers(available, count):
    numbers = _balanced(available, count, np.random.default_rng(0))
    times = np.bincount(numbers, minlength=available)
    assert len(numbers) == count and numbers.max() < available
    assert times.max() - times.min() <= 1


@pytest.mark.parametrize("periodic", [(False, False), (True, True), (False, True)])
@pytest.mark.parametrize("shape", [(12, 15), (6, 7)])
def test_patches_at_spots_are_the_extracted_ones(periodic, shape):
    picture = np.random.default_rng(0).random((*shape, 2), np.float32)
    spots = grid(shape, 6, 2, periodic)
    assert np.array_equal(_patches_at(picture, spots, slice(None)), extract(picture, spots))
    some = np.array([len(spots) - 1, 0])
    assert np.array_equal(_patches_at(picture, spots, some), extract(picture, spots)[some])


def test_no_array_is_larger_than_the_cap(exemplar, monkeypatch):
    seen = []

    def spy(first, second):
        seen.append((len(first), len(second)))
        return squared_costs(first, second)

    monkeypatch.setattr(algorithm, "squared_costs", spy)
    model = PatchAssignment(n_exact=50, stride=1, n_iter=2, device="cpu").fit(exemplar)
    tracemalloc.start()
    model.synthesize((120, 120), rng=0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert seen and max(max(pair) for pair in seen) <= 50
    whole = 4 * 113 * 113 * 57 * 65  # an n x m array of float32: 189 MB
    assert peak < whole / 3


@pytest.mark.parametrize(
    ("n_iter", "n_levels", "passes"),
    [(12, 4, [6, 8, 10, 12]), (8, 1, [8]), (1, 3, [1, 1, 1]), (3, 3, [2, 2, 3])],
)
def test_passes_of_the_levels(n_iter, n_levels, passes):
    assert PatchAssignment(n_iter=n_iter).passes(n_levels) == passes


def test_too_many_levels_and_gaps_are_refused():
    with pytest.raises(TextoError, match=r"n_levels: is 5, at most 4 suit an exemplar of 70x64"):
        PatchAssignment(n_levels=5).fit(np.zeros((64, 70, 3), np.float32))
    with pytest.raises(TextoError, match="stride: is 9, patch_size is 8"):
        PatchAssignment(stride=9)
    with pytest.raises(TextoError, match="exemplar: is 9x7, smaller than the 8"):
        PatchAssignment().fit(np.zeros((7, 9, 3), np.float32))


@pytest.mark.parametrize("value", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("n_exact", [20, 1000])
def test_a_constant_exemplar_gives_its_colour(value, n_exact):
    exemplar = np.full((40, 36, 3), value, np.float32)
    model = PatchAssignment(device="cpu", n_exact=n_exact, n_iter=2).fit(exemplar)
    assert np.abs(model.synthesize((37, 52), rng=0) - value).max() < 1e-5


@pytest.mark.parametrize("n_exact", [100, 1000])
def test_the_histogram_is_the_exemplars(exemplar, n_exact):
    """What sets it apart from nearest neighbours: statistics are kept."""
    model = PatchAssignment(device="cpu", n_exact=n_exact).fit(exemplar)
    result = model.synthesize((56, 48), rng=1)
    shares = np.linspace(0.02, 0.98, 25)
    for channel in range(3):
        ours, theirs = (np.quantile(image[:, :, channel], shares) for image in (result, exemplar))
        assert np.abs(ours - theirs).mean() < 0.05


def test_a_shifted_pass_leaves_no_pixel_unset_and_rolls_a_torus(exemplar):
    for tileable in ("none", "x", "y", "xy"):
        run = assignments(exemplar, (41, 37), n_levels=1, tileable=tileable, stride=3)
        picture = np.full((41, 37, 3), 0.5, np.float32)
        run._shifted_pass(picture, run._database(exemplar))
        assert np.isfinite(picture).all() and (picture != 0.5).any(axis=2).mean() > 0.8


def test_synthesis_settings_are_those_that_say_so(exemplar):
    model = PatchAssignment(device="cpu", n_iter=1, n_exact=50).fit(exemplar)
    sharpened = replace(model.method, finish="sliced").restore(model.state())
    one, two = (each.synthesize((32, 32), rng=1) for each in (model, sharpened))
    assert not np.array_equal(one, two) and np.abs(one - two).mean() < 0.15


def _corners(spots):
    return np.array([(row, column) for row in spots.rows for column in spots.columns])
