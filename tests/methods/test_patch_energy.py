"""The transport cost of patches: closed forms of its value and gradient, and its potentials."""

import numpy as np
import pytest

from texto.methods.patch_ot.energy import LevelEnergy, Torus, gradient
from texto.patches.database import patch_level
from texto.patches.extraction import extract, extract_at, grid
from texto.patches.pyramid import pyramid
from texto.patches.recompose import recompose
from texto.transport.plan import exact_plan

SIZE = 4
WHOLE = 10_000_000  # more queries than patches: every patch takes part


@pytest.fixture(scope="module")
def target(exemplar):
    return exemplar[:32, :32]


@pytest.fixture(scope="module")
def picture():
    return np.random.default_rng(3).random((24, 20, 3), dtype=np.float32)


def energy(picture, *, n_queries=WHOLE, rate=0.2, n_patches=None, size=SIZE):
    database = patch_level(
        picture,
        size,
        n_patches=n_patches or picture.shape[0] * picture.shape[1],
        n_dims=None,
        kept_variance=1.0,
        rng=np.random.default_rng(0),
    )
    return LevelEnergy(database, n_queries=n_queries, rate=rate, device="cpu", places=Torus(size))


def distances(picture, target, size=SIZE):
    """(n, m) squared distances between all patches, by brute force in double precision."""
    patches = extract(picture, grid(picture.shape[:2], size, 1, (True, True)))
    targets = extract(target, grid(target.shape[:2], size))
    return np.square(patches[:, None].astype(np.float64) - targets[None]).sum(axis=2)


def semidual(picture, targets, potentials):
    """The loss (10) with c = |x - y|^2 at full overlap, by brute force in double precision."""
    total = 0.0
    for level, (v, psi) in enumerate(zip(targets, potentials, strict=True)):
        if level:
            height, width = picture.shape[:2]
            picture = picture.reshape(height // 2, 2, width // 2, 2, -1).mean(axis=(1, 3))
        total += (distances(picture, v) - psi).min(axis=1).mean() + psi.mean()
    return total


def test_without_potentials_the_step_is_kwatras(picture, target):
    level = energy(target)
    _, slope = level.gradient(picture, np.random.default_rng(0), ascend=False)
    assert not level.potential.any()
    spots = grid(picture.shape[:2], SIZE, 1, (True, True))
    nearest = distances(picture, target).argmin(axis=1)
    corners = np.stack(np.unravel_index(nearest, (29, 29)), axis=1)
    kwatra = recompose(target, corners, spots)
    np.testing.assert_allclose(picture - slope, kwatra, atol=2e-6)


def test_potentials_change_the_step(picture, target):
    level = energy(target)
    _, before = level.gradient(picture, np.random.default_rng(0), ascend=False)
    level.ascend(picture, np.random.default_rng(0))
    _, after = level.gradient(picture, np.random.default_rng(0), ascend=False)
    assert np.abs(after - before).max() > 1e-2


def test_value_and_gradient_agree_with_finite_differences(target):
    picture = np.random.default_rng(1).random((16, 24, 3)).astype(np.float32)
    targets = pyramid(target, 3)
    levels = [energy(v) for v in targets]
    for u, level in zip(pyramid(picture, 3), levels, strict=True):
        for _ in range(3):
            level.ascend(u, np.random.default_rng(2))
    potentials = [level.potential.copy() for level in levels]
    value, slope = gradient(picture, levels, np.random.default_rng(0), ascend=False)
    exact = picture.astype(np.float64)
    loss = semidual(exact, targets, potentials)
    assert value == pytest.approx(loss / 3, rel=1e-5)
    rng, step, n_pixels = np.random.default_rng(5), 1e-5, 16 * 24
    for _ in range(4):
        direction = rng.standard_normal(picture.shape)
        there, back = (
            semidual(exact + sign * step * direction, targets, potentials) for sign in (1, -1)
        )
        predicted = (slope * direction).sum(dtype=np.float64) * 2 * SIZE**2 / n_pixels
        assert (there - back) / (2 * step) == pytest.approx(predicted, rel=1e-3, abs=1e-3)


def test_ascent_approaches_the_exact_transport_cost():
    rng = np.random.default_rng(0)
    picture, target = (rng.random((16, 16, 1)).astype(np.float32) ** p for p in (1, 2))
    level = energy(target, rate=0.3)
    start, _ = level.gradient(picture, rng, ascend=False)
    for _ in range(150):
        level.ascend(picture, rng)
    value, _ = level.gradient(picture, rng, ascend=False)
    cost = distances(picture, target)
    weights = [np.full(count, 1 / count) for count in cost.shape]
    exact = (exact_plan(*weights, cost) * cost).sum()
    assert value <= exact * (1 + 1e-4), "the semi-dual value is a lower bound"
    assert value > exact - 0.03 * (exact - start) - 0.01 * exact


def test_masses_of_the_cells_become_equal(picture, target):
    def spread(level):
        cost = distances(picture, target) - level.potential
        return np.bincount(cost.argmin(axis=1), minlength=len(level.potential)).std()

    level, rng = energy(target), np.random.default_rng(0)
    before = spread(level)
    for _ in range(40):
        level.ascend(picture, rng)
    assert spread(level) < 0.6 * before


@pytest.mark.parametrize("n_queries", [1, 30])
def test_subsets_are_unbiased(picture, target, n_queries):
    whole = energy(target)
    value, slope = whole.gradient(picture, np.random.default_rng(0), ascend=False)
    level, rng = energy(target, n_queries=n_queries), np.random.default_rng(1)
    runs = [level.gradient(picture, rng, ascend=False) for _ in range(200)]
    assert np.mean([run[0] for run in runs]) == pytest.approx(value, rel=0.02)
    mean = np.mean([run[1] for run in runs], axis=0)
    assert np.corrcoef(mean.ravel(), slope.ravel())[0, 1] > 0.98


def test_a_step_covers_the_picture(picture, target):
    level = energy(target, n_queries=1)
    _, slope = level.gradient(picture, np.random.default_rng(0))
    assert (np.abs(slope).sum(axis=2) > 0).all()


@pytest.mark.parametrize("shape", [(48, 40), (47, 40), (47, 39)])
def test_enlarging_copies_the_exemplars_finer_pixels(exemplar, shape):
    finer, coarse = pyramid(exemplar[:48, :40], 2)
    result = energy(coarse).enlarged(coarse, finer, shape)
    assert result.shape == (*shape, 3)
    # Patches inside match themselves, so the finer picture comes back; the wrapped ones do not.
    np.testing.assert_allclose(result[8:38, 8:30], finer[8:38, 8:30], atol=1e-6)


def test_a_limited_number_of_targets(target):
    level = energy(target, n_patches=50)
    assert level.potential.shape == (50,)
    assert len(extract_at(target, level.database.corners, SIZE)) == 50
