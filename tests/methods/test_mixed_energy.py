"""The energy of a mix by `patch-ot`: the weighted sum of the costs of transport."""

import dataclasses

import numpy as np
import pytest

import texto
from texto.methods.patch_ot.descent import energies
from texto.methods.patch_ot.energy import Torus
from texto.methods.patch_ot.mixed_energy import MixedEnergy, ZonePlaces, ZoneSpots
from texto.patches.extraction import extract, grid
from texto.steps.mixing.zones import along, even
from texto.transport.gaussian_potential import gaussian_potential
from texto.transport.semidual import semidual_value, shift_potential

QUICK = texto.PatchOT(n_iter=2, n_iter_dual=2, n_patches=300, n_queries=300, device="cpu")


def mixed_energy(zones, periodic=(True, True), method=QUICK):
    pictures = np.random.default_rng(7).random((2, 24, 24, 3), dtype=np.float32)
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
