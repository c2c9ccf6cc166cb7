"""The method patch-ot: what its settings do to a run."""

import dataclasses

import numpy as np
import pytest

from texto import History, PatchOT, TextoError
from texto.metrics import patch_ot
from texto.steps.adam import WINDOW, Plateau

QUICK = PatchOT(n_iter=4, n_iter_dual=4, n_queries=600, device="cpu")


def run(method, exemplar, shape=(48, 40), seed=0):
    """The picture and its history."""
    history = History()
    picture = method.fit(exemplar).synthesize(shape, rng=seed, progress=history)
    return picture, history.steps


def test_it_transports_patches(exemplar):
    noise = np.random.default_rng(0).random((64, 72, 3), dtype=np.float32)
    shuffled = np.random.default_rng(0).permutation(exemplar.reshape(-1, 3)).reshape(64, 72, 3)
    result, _ = run(QUICK, exemplar, (64, 72))
    scores = [patch_ot(each, exemplar, n_patches=500) for each in (result, shuffled, noise)]
    assert scores[0] < 0.5 * scores[1] < 0.5 * scores[2]


def test_from_noise_the_loss_falls(exemplar):
    method = dataclasses.replace(QUICK, start="noise", n_iter=40, learning_rate=0.04, n_levels=3)
    _, steps = run(method, exemplar)
    losses = np.array([step.loss for step in steps])
    assert len(losses) == 40 and {step.level for step in steps} == {0}
    assert losses[-5:].mean() < 0.3 * losses[:5].mean()


def test_the_published_form_runs(exemplar):
    published = PatchOT(
        start="noise", n_iter=3, learning_rate=0.01, n_levels=4, n_patches=2000, device="cpu"
    )
    result, _ = run(published, exemplar)
    assert result.shape == (48, 40, 3)


def test_from_coarse_to_fine_in_stages(exemplar):
    _, steps = run(QUICK, exemplar)
    levels = [step.level for step in steps]
    assert levels == sorted(levels, reverse=True)
    assert [levels.count(level) for level in (2, 1, 0)] == [8, 6, 4]


def test_potentials_keep_the_masses(exemplar):
    with_psi, _ = run(QUICK, exemplar)
    without, _ = run(dataclasses.replace(QUICK, n_iter_dual=0), exemplar)
    costs = [patch_ot(each, exemplar, n_patches=600) for each in (with_psi, without)]
    assert costs[0] < costs[1]


def test_it_stops_when_the_loss_does(exemplar):
    patient = dataclasses.replace(QUICK, n_iter=50, n_queries=200, tolerance=0.0, n_levels=1)
    easy = dataclasses.replace(patient, tolerance=0.5)
    assert len(run(patient, exemplar)[1]) == 50
    steps = run(easy, exemplar)[1]
    assert 2 * WINDOW <= len(steps) < 50
    assert steps[-1].iteration == steps[-1].total


@pytest.mark.parametrize(
    ("losses", "tolerance", "when"),
    [
        (np.linspace(2, 1, 40), 0.01, None),
        (np.ones(40), 0.01, 2 * WINDOW),
        (np.ones(40), 0, None),
        (np.zeros(40), 0.01, 2 * WINDOW),
        (np.r_[np.linspace(2, 1, 15), np.ones(25)], 0.01, 33),
    ],
)
def test_plateau(losses, tolerance, when):
    plateau = Plateau(tolerance)
    reached = [number for number, loss in enumerate(losses, 1) if plateau.reached(loss)]
    assert (reached[0] if reached else None) == when


def test_levels(exemplar):
    assert PatchOT().count_levels((64, 72)) == 3
    assert [PatchOT().count_levels((side, 2 * side)) for side in (128, 256, 511, 512)] == [
        4,
        4,
        4,
        5,
    ]
    assert PatchOT().count_levels((4, 4)) == 1
    with pytest.raises(TextoError, match="n_levels: is 9, at most 4 suit an exemplar of 72x64"):
        PatchOT(n_levels=9).fit(exemplar)


def test_targets_may_be_limited(exemplar):
    few = dataclasses.replace(QUICK, n_patches=20)
    first, second = (run(few, exemplar, seed=seed)[0] for seed in (0, 0))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, run(QUICK, exemplar)[0])


def test_a_tile_smaller_than_the_coarsest_patches(exemplar):
    result, _ = run(dataclasses.replace(QUICK, tileable="xy"), exemplar, (5, 9))
    assert result.shape == (5, 9, 3) and np.isfinite(result).all()


def test_the_finishing_pass(exemplar):
    plain, _ = run(QUICK, exemplar)
    finished, _ = run(dataclasses.replace(QUICK, finish="sliced"), exemplar)
    assert 1e-3 < np.abs(plain - finished).mean() < 0.1
