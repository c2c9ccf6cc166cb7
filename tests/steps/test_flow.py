"""Flows of patches: what they end in, potentials, threads, lots, odd sizes, holes, variety."""

import dataclasses
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import texto
from texto.core import threads
from texto.core.errors import TextoError
from texto.metrics import originality
from texto.patches.coherent import NEVER
from texto.patches.extraction import grid
from texto.steps.flow.bank import bank
from texto.steps.flow.flow import Flow
from texto.steps.flow.inpainting import _correction
from texto.steps.flow.lots import drawn
from texto.steps.flow.matching import CoherentSearch, FullSearch, Matches, seeds
from texto.steps.flow.mixing import Mixture
from texto.steps.flow.octave import Octave
from texto.steps.mixing.zones import even

QUICK = {
    "ot-flow": texto.OTFlow(patch_size=8, n_iter=3, n_dims=16),
    "nifty": texto.Nifty(patch_size=8, n_iter=3, stride=4),
}
both = pytest.mark.parametrize("method", QUICK.values(), ids=QUICK)


def noise(height=40, width=36, channels=3, seed=0):
    return np.random.default_rng(seed).random((height, width, channels), np.float32)


@both
def test_a_single_patch_is_all_that_it_can_end_in(method):
    exemplar = noise(8, 8)
    result = method.fit(exemplar, rng=0).synthesize((8, 8), rng=1)
    np.testing.assert_allclose(result, exemplar, atol=1e-5)


def test_one_step_is_no_flat_picture():
    """The first step goes to the mean of all patches: the coarsest octave needs another one."""
    method = dataclasses.replace(QUICK["ot-flow"], n_iter=1, n_levels=1)
    picture, sources = method.synthesize_with_sources(method.fit(noise(), rng=0), (20, 20), rng=1)
    assert picture.std() > 0.1 and len(np.unique(sources.reshape(-1, 2), axis=0)) > 50


def test_potentials_use_all_patches_about_equally():
    exemplar = np.kron(noise(8, 8), np.ones((8, 8, 1), np.float32))
    exemplar[:, :32] = 0.5 + 0.02 * (exemplar[:, :32] - 0.5)  # nearly flat: close to everything

    def entropy(n_iter_dual):
        method = texto.OTFlow(patch_size=8, n_levels=2, n_iter_dual=n_iter_dual)
        _, sources = method.synthesize_with_sources(method.fit(exemplar, rng=0), (64, 64), rng=1)
        cells = np.bincount((sources // 8 @ [8, 1]).ravel(), minlength=64) / 64**2
        return -(cells * np.log(np.maximum(cells, 1e-9))).sum() / np.log(64), cells

    (held, cells), (free, drawn_in) = entropy(16), entropy(0)
    assert held > free + 0.03
    assert 0.4 < cells.reshape(8, 8)[:, :4].sum() < 0.6 < drawn_in.reshape(8, 8)[:, :4].sum()


@both
def test_the_number_of_threads_makes_no_difference(method, exemplar, monkeypatch):
    model = method.fit(exemplar, rng=0)
    half = method.mix([model, method.fit(noise(), rng=0)], [0.4, 0.6])

    def made(count):
        with ThreadPoolExecutor(count) as pool, monkeypatch.context() as patch:
            patch.setattr(threads, "_pool", lambda: pool)
            patch.setattr(threads, "_processors", lambda: count)
            return [each.synthesize((50, 61), rng=3).tobytes() for each in (model, half)]

    assert made(1) == made(2)


def test_lots_keep_proportions_and_leave_what_is_pure():
    lots = drawn((120, 100), 8, (True, False), np.random.default_rng(0))
    again = drawn((120, 100), 8, (True, False), np.random.default_rng(0))
    assert np.array_equal(lots.values, again.values)
    assert lots.values.min() == 0 and lots.values.max() < 1
    for shape, stride in (((120, 100), 2), ((239, 200), 3), ((60, 50), 1)):  # of any octave
        spots = grid(shape, 8, stride)
        whole = (len(spots.rows), len(spots.columns))
        for weights in ([0.3, 0.7], [0.2, 0.5, 0.3]):
            shares = np.broadcast_to(np.float32(weights), (*whole, len(weights)))
            owners = lots.owners(shares, spots)
            counts = np.bincount(owners.ravel(), minlength=len(weights)) / owners.size
            np.testing.assert_allclose(counts, weights, atol=0.05)
        for pure in np.eye(3, dtype=np.float32):
            owners = lots.owners(np.broadcast_to(pure, (*whole, 3)), spots)
            assert (owners == pure.argmax()).all()
        hole = lots.owners(np.broadcast_to(np.float32([0.5, 0, 0.5]), (*whole, 3)), spots)
        assert set(np.unique(hole)) == {0, 2}


@both
@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (5, 3)])
def test_any_size_on_a_torus(method, shape):
    method = dataclasses.replace(method, tileable="xy")
    result = method.fit(noise(channels=1), rng=0).synthesize(shape, rng=1)
    assert result.shape == (*shape, 1) and np.isfinite(result).all()


@both
def test_many_channels_with_all_powers(method):
    channels = 5
    exemplar, other = noise(channels=channels), noise(33, 50, channels, seed=1)
    mask = np.zeros((40, 36), bool)
    mask[9:20, 10:24] = True
    models = [method.fit(each, rng=0) for each in (exemplar, other)]
    results = [
        method.mix(models, [0.5, 0.5]).synthesize((40, 36), rng=1),
        method.mix_along(models, np.float32([[0, 1]]), (40, 36), rng=1),
        method.inpaint(exemplar, mask, rng=1),
        method.guide(exemplar, noise(channels=3, seed=2), rng=1),
    ]
    for result in results:
        assert result.shape == (40, 36, channels) and np.isfinite(result).all()


@both
def test_a_constant_exemplar_gives_a_constant_picture(method):
    colour = np.array([0.2, 0.5, 0.9], np.float32)
    exemplar = np.broadcast_to(colour, (33, 40, 3)).copy()
    model, mask = method.fit(exemplar, rng=0), np.zeros((33, 40), bool)
    mask[10:20, 10:20] = True
    for result in (
        model.synthesize((30, 41), rng=1),
        method.inpaint(exemplar, mask, rng=1),
        method.mix([model, method.fit(exemplar[:20], rng=0)], [0.5, 0.5]).synthesize((9, 9), rng=1),
    ):
        np.testing.assert_allclose(result, np.broadcast_to(colour, result.shape), atol=1e-3)


@both
def test_known_pixels_stay_around_a_hole_wider_than_a_patch(method, exemplar):
    mask = np.zeros(exemplar.shape[:2], bool)
    mask[13:39, 20:51] = True
    result = method.inpaint(exemplar, mask, rng=0)
    assert result[~mask].tobytes() == exemplar[~mask].tobytes()
    inside = result[mask]
    assert inside.std() > 0.5 * exemplar.std() and not np.array_equal(inside, exemplar[mask])


def test_smaller_patches_around_a_hole_still_touch():
    """Where few patches are whole smaller ones serve: they may be smaller than the stride."""
    image, mask = noise(30, 30), np.ones((30, 30), bool)
    mask[:7] = False
    result = texto.Nifty(patch_size=8, n_iter=3, stride=8).inpaint(image, mask, rng=0)
    assert np.isfinite(result).all() and np.array_equal(result[:7], image[:7])


def test_variety_is_more_of_the_new(pytestconfig):
    from texto.io.images import read_image

    picture = read_image(pytestconfig.rootpath / "data" / "wood.png")[:128, :128]

    def scored(variety):
        method = texto.OTFlow(variety=variety, n_iter=4)
        return originality(method.fit(picture, rng=0).synthesize((128, 128), rng=1), picture)

    low, high = scored(0.0), scored(1.0)
    assert high > 1.2 * low, (low, high)


def test_sources_tell_where_pixels_come_from(exemplar):
    method = dataclasses.replace(QUICK["ot-flow"], sharpness=100.0)
    model = method.fit(exemplar, rng=0)
    picture, sources = method.synthesize_with_sources(model, (50, 61), rng=1)
    assert np.array_equal(picture, model.synthesize((50, 61), rng=1))
    assert sources.shape == (50, 61, 2) and sources.min() >= 0
    copied = exemplar[sources[..., 0], sources[..., 1]]
    assert np.median(np.abs(picture - copied)) < 0.02


def test_where_no_source_decides_nothing_is_computed(exemplar, monkeypatch):
    method, blunt = QUICK["ot-flow"], dataclasses.replace(QUICK["ot-flow"], sharpness=0.0)
    half = method.mix([method.fit(each, rng=0) for each in (exemplar, noise())], [0.5, 0.5])
    monkeypatch.setattr(Flow, "run", None)
    for maker, each in ((blunt, blunt.fit(exemplar, rng=0)), (method, half)):
        with pytest.raises(TextoError, match="sources: are those of a picture made from one"):
            maker.synthesize_with_sources(each, (20, 20), rng=1)


def test_exemplars_of_any_sizes_mix_where_few_patches_are_compared():
    """Strides count from each exemplar's own corner, and the fewest patches set how many speak."""
    method = texto.Nifty(patch_size=8, n_iter=3, stride=4, n_levels=1)
    for small, large in (((8, 8), (11, 8)), ((9, 11), (40, 41)), ((13, 30), (8, 9))):
        pair = [noise(*small), noise(*large, seed=1)]
        for pictures in (pair, pair[::-1]):
            mixture = Mixture(method, pictures, even(np.array([0.5, 0.5])))
            (own,) = mixture._banks
            counts = np.bincount(own.owner, minlength=2)
            alone = [bank(each, 8, None, stride=4).open.sum() for each in pictures]
            assert counts.tolist() == alone
            models = [method.fit(each, rng=0) for each in pictures]
            result = method.mix(models, [0.5, 0.5]).synthesize((20, 21), rng=1)
            assert np.isfinite(result).all() and result.std() > 0.02


def test_seeds_are_patches_that_may_be_used():
    picture, opened = noise(40, 40), np.zeros((33, 33), bool)
    opened[2, 30] = opened[31, 4] = True
    own = bank(picture, 8, None, allowed=opened)
    coarse_spots, spots = grid((20, 20), 8, 3), grid((40, 40), 8, 4)
    shape = (len(coarse_spots.rows), len(coarse_spots.columns), 1)
    corners = np.random.default_rng(0).integers(0, 13, (*shape, 2), dtype=np.int32)
    parents = seeds(Matches(corners, np.zeros(shape, np.float32)), coarse_spots, spots, own)
    assert opened[parents[..., 0], parents[..., 1]].all()
    octave = Octave(0.5, 2, 4, n_matches=3, full=False)
    search = CoherentSearch(own, spots, octave, (False, False), parents)
    points = own.coordinates(noise(40, 40, seed=1), spots)
    found = search(points, 0.5, None, np.random.default_rng(0))
    assert (found.costs[..., 0] < NEVER).all()
    assert opened[found.corners[..., 0], found.corners[..., 1]].all()


def places(spots):
    """(R, S, 2): the corners of a grid's patches."""
    return np.stack(np.meshgrid(spots.rows, spots.columns, indexing="ij"), axis=2)


@pytest.mark.parametrize("shift", [(2, -3), (0, 1)])
def test_seeds_go_on_as_far_as_the_coarser_matches_lead(shift):
    own = bank(noise(40, 40), 8, None)
    coarse_spots, spots = grid((20, 20), 8, 3), grid((40, 40), 8, 4)
    corners = (places(coarse_spots) + np.array(shift))[:, :, None].astype(np.int32)
    coarse = Matches(corners, np.zeros(corners.shape[:3], np.float32))
    wanted = np.clip(places(spots) + 2 * np.array(shift), 0, 32)
    assert (seeds(coarse, coarse_spots, spots, own) == wanted[:, :, None]).all()


def test_a_penalty_leads_a_full_search_away_from_going_on():
    picture, spots = noise(30, 30), grid((24, 24), 8, 4)
    own = bank(picture, 8, None)
    going_on = (places(spots) + np.array([2, 3]))[:, :, None].astype(np.int32)
    canvas = picture[2:26, 3:27] + 0.3 * noise(24, 24, seed=1)
    points, before = own.coordinates(canvas, spots), Matches(going_on, np.float32(going_on[..., 0]))

    def found(penalty):
        octave = Octave(0.5, 2, 4, n_matches=1, full=True, penalty=penalty)
        search = FullSearch(own, spots, octave)
        return search(points, 1.0, before, np.random.default_rng(0)).corners

    assert np.array_equal(found(0.0), going_on)
    assert (found(100.0) != going_on).any(axis=3).all()


@both
def test_what_does_not_fit_is_refused_by_name(method, exemplar):
    with pytest.raises(TextoError, match="exemplar: is 30x7, smaller than the 8 pixels"):
        method.fit(exemplar[:7, :30], rng=0)
    with pytest.raises(TextoError, match="n_levels"):
        dataclasses.replace(method, n_levels=5).fit(exemplar, rng=0)
    with pytest.raises(TextoError, match="exemplar"):
        dataclasses.replace(method, patch_size=64).fit(exemplar[:63], rng=0)
    whole = np.ones(exemplar.shape[:2], bool)
    whole[:4, :18] = False
    with pytest.raises(TextoError, match="mask: leaves too few patches of 4 x 4"):
        method.inpaint(exemplar, whole, rng=0)


def test_what_the_rim_misses_fades_into_a_hole_without_a_step():
    holes = np.zeros((40, 40), bool)
    holes[10:30, 10:30] = True
    line = _correction(np.ones((40, 40, 1), np.float32), holes)[20, 9:19, 0]
    assert line[0] == pytest.approx(1) and (np.diff(line) < 0).all()
    assert np.abs(np.diff(line)).max() < 0.2
