"""Patch nearest neighbours: the completeness score, the levels, what a synthesis uses."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from texto.core.errors import TextoError
from texto.methods.gpnn import completeness, method
from texto.methods.gpnn.completeness import completeness_search
from texto.methods.gpnn.method import GPNN
from texto.patches import search
from texto.patches.extraction import extract, grid
from texto.patches.resample import enlarged, shrunk
from texto.patches.search import Neighbors

# -- a search with a scale for each point -----------------------------------------------------


@pytest.fixture(params=["product", "faiss"])
def engine(request, monkeypatch):
    """Every search of the test by the product of the CPU, then by FAISS as on a GPU."""
    if request.param == "faiss":
        faiss = pytest.importorskip("faiss", reason="FAISS is not installed")
        monkeypatch.setattr(
            search, "_Product", lambda points: search._Faiss(points, faiss.IndexFlat)
        )
    return request.param


def squares(queries, points):
    return np.square(queries[:, None].astype(np.float64) - points[None]).sum(axis=2)


@pytest.mark.parametrize("dimension", [1, 3, 16, 50])
@pytest.mark.parametrize("m", [1, 5, 1500])
def test_a_scaled_search_is_brute_force(engine, dimension, m):
    rng = np.random.default_rng(dimension)
    points = rng.random((m, dimension), np.float32)
    queries = rng.random((90, dimension), np.float32)
    scale = np.exp(2 * rng.standard_normal(m))
    found = Neighbors(points, scale=scale, device="cpu").search(queries)
    table = squares(queries, points) / scale
    best, ours = table.min(axis=1), table[np.arange(90), found]
    assert (ours <= best + 1e-6 * dimension / scale[found]).all()  # float32 decides near ties


def test_equal_scales_are_none(engine):
    rng = np.random.default_rng(0)
    points, queries = rng.random((300, 8), np.float32), rng.random((200, 8), np.float32)
    plain = Neighbors(points, device="cpu").search(queries)
    scaled = Neighbors(points, scale=np.full(300, 1e-7), device="cpu").search(queries)
    assert np.array_equal(plain, scaled)


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan, np.inf])
def test_bad_scales_are_refused(bad):
    points = np.zeros((3, 2), np.float32)
    with pytest.raises(ValueError, match="scale must be finite and above 0"):
        Neighbors(points, scale=np.array([1, 1, bad]), device="cpu")


def test_a_bias_and_a_scale_do_not_go_together():
    points, ones = np.zeros((3, 2), np.float32), np.ones(3)
    with pytest.raises(ValueError, match="not both"):
        Neighbors(points, scale=ones, bias=ones, device="cpu")
    with pytest.raises(ValueError, match="not both"):
        Neighbors(points, scale=ones, device="cpu").biased(ones)


# -- the completeness score --------------------------------------------------------------------


def scores(queries, keys, alpha):
    """(n, m): the published matrix of normalised distances."""
    distances = squares(queries, keys)
    return distances / (alpha + distances.min(axis=0))


@pytest.mark.parametrize("alpha", [1e-3, 0.1, 10.0])
@pytest.mark.parametrize(("n", "m"), [(1, 1), (1, 40), (40, 1), (300, 1100), (1100, 300)])
def test_the_search_is_brute_force(engine, n, m, alpha):
    rng = np.random.default_rng(n)
    queries, keys = rng.random((n, 6), np.float32), rng.random((m, 6), np.float32)
    found = completeness_search(queries, keys, alpha=alpha, device="cpu")
    assert found.dtype == np.int64
    assert np.array_equal(found, scores(queries, keys, alpha).argmin(axis=1))


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(1, 30),
    m=st.integers(1, 30),
    alpha=st.sampled_from([1e-4, 0.01, 1.0, 1e4]),
    spread=st.sampled_from([0.0, 0.01, 1.0]),
)
def test_guesses_cost_no_more_than_they_may(seed, n, m, alpha, spread):
    rng = np.random.default_rng(seed)
    keys = rng.random((m, 4), np.float32)
    guesses = rng.integers(m, size=n)
    queries = keys[guesses] + np.float32(spread) * rng.random((n, 4), np.float32)
    negligible = 1e-4 * alpha
    found = completeness_search(
        queries, keys, alpha=alpha, guesses=guesses, negligible=negligible, device="cpu"
    )
    table = scores(queries, keys, alpha)
    best, ours = table.min(axis=1), table[np.arange(n), found]
    assert (ours <= best * (1 + 1e-3) + 2e-4).all()


def test_copies_keep_their_guess_and_are_not_searched(monkeypatch):
    keys = np.random.default_rng(0).random((50, 4), np.float32)
    guesses = np.arange(50)[::-1]
    monkeypatch.setattr(completeness, "Neighbors", None)  # any search would fail
    found = completeness_search(keys[guesses], keys, alpha=0.01, guesses=guesses)
    assert np.array_equal(found, guesses)


def test_a_large_alpha_gives_plain_nearest_neighbours():
    rng = np.random.default_rng(1)
    queries, keys = rng.random((400, 5), np.float32), rng.random((200, 5), np.float32)
    found = completeness_search(queries, keys, alpha=1e6, device="cpu")
    assert np.array_equal(found, Neighbors(keys, device="cpu").search(queries))


def test_a_small_alpha_uses_more_of_the_keys():
    rng = np.random.default_rng(2)
    keys = rng.random((300, 4), np.float32)
    queries = 0.5 + 0.2 * rng.random((600, 4), np.float32)  # all in one corner of the keys
    used = [
        len(np.unique(completeness_search(queries, keys, alpha=alpha, device="cpu")))
        for alpha in (1e-4, 1e-2, 1e2)
    ]
    assert used[0] > 1.3 * used[1] > 1.3 * used[2]


def test_no_matrix_of_all_pairs_exists():
    rng = np.random.default_rng(3)
    queries, keys = rng.random((4000, 8), np.float32), rng.random((4000, 8), np.float32)
    completeness_search(queries[:10], keys, alpha=0.01, device="cpu")  # imports, thread pool
    tracemalloc.start()
    completeness_search(queries, keys, alpha=0.01, device="cpu")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.3 * 4000 * 4000 * 4


# -- sizes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("side", "options", "levels"),
    [
        (256, {}, 11),
        (14, {}, 1),
        (7, {}, 1),
        (64, {}, 6),
        (64, {"patch_size": 5}, 7),
        (64, {"ratio": 0.5}, 3),
        (64, {"n_levels": 8}, 8),
    ],
)
def test_levels_of_an_exemplar(side, options, levels):
    assert GPNN(**options).count_levels((side, side + 3, 3)) == levels


def test_sizes_of_levels_are_those_of_the_paper():
    sizes = [GPNN().size((256, 300), level) for level in range(11)]
    assert sizes[:3] == [(256, 300), (192, 225), (144, 169)] and sizes[-1] == (14, 17)


def test_too_many_levels_are_refused():
    with pytest.raises(TextoError, match=r"n_levels: is 9, at most 8 suit an exemplar of 70x64"):
        GPNN(n_levels=9).fit(np.zeros((64, 70, 3), np.float32))
    with pytest.raises(TextoError, match="exemplar: is 9x6, smaller than the 7"):
        GPNN().fit(np.zeros((6, 9, 3), np.float32))


def test_enlarging_a_torus_commutes_with_turning_it():
    image = np.random.default_rng(0).random((6, 9, 2), np.float32)
    one = enlarged(np.roll(image, (2, 3), (0, 1)), (12, 27), (True, True))
    other = np.roll(enlarged(image, (12, 27), (True, True)), (4, 9), (0, 1))
    assert one.dtype == np.float32 and np.allclose(one, other, atol=1e-6)


def test_enlarging_keeps_ramps_and_does_not_wrap_open_axes():
    ramp = np.broadcast_to(np.linspace(0, 1, 10, dtype=np.float32)[:, None, None], (10, 3, 1))
    larger = enlarged(ramp, (14, 4))
    assert larger.shape == (14, 4, 1) and np.ptp(larger, axis=1).max() < 1e-6
    inner = np.diff(larger[1:-1, 0, 0])
    assert np.allclose(inner, inner[0], atol=1e-5)
    assert larger[0].max() < 0.05 and larger[-1].min() > 0.95


def test_shrinking_does_not_alias():
    stripes = np.tile(np.array([0, 1], np.float32), 40)[None, :, None].repeat(80, axis=0)
    smaller = shrunk(stripes, (30, 30))
    assert smaller.shape == (30, 30, 1) and smaller.std() < 0.1
    assert shrunk(stripes, (80, 80)) is stripes


# -- the synthesis -----------------------------------------------------------------------------


@pytest.mark.parametrize("value", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("side", [7, 30])
def test_a_constant_exemplar_gives_its_colour(value, side):
    exemplar = np.full((side, side, 3), value, np.float32)
    result = GPNN(device="cpu").fit(exemplar).synthesize((19, 33), rng=0)
    assert np.abs(result - value).max() < 1e-5


@pytest.mark.parametrize(
    "options",
    [
        {"noise": 100},
        {"noise": 0},
        {"alpha": 1e-6},
        {"alpha": 1e6},
        {"n_patches": 1},
        {"n_dims": 1},
        {"ratio": 0.25},
        {"patch_size": 2, "n_levels": 2},
        {"patch_size": 30, "n_levels": 1},
    ],
)
def test_ends_of_ranges_give_pictures(exemplar, options):
    part = exemplar[:30, :32]
    result = GPNN(**{"n_iter": 2, "device": "cpu"} | options).fit(part).synthesize((21, 40), rng=0)
    assert result.shape == (21, 40, 3) and np.isfinite(result).all()
    assert result.min() >= part.min() - 1e-6 and result.max() <= part.max() + 1e-6


def test_a_copy_without_noise_is_a_fixed_point(exemplar):
    """The start is a piece of the exemplar, which one level without noise leaves as it is."""
    seen = []
    model = GPNN(n_levels=1, noise=0, n_dims=64, alpha=1e6, device="cpu").fit(exemplar)
    run = method._Synthesis(model, (40, 44), np.random.default_rng(0), seen.append)
    run._start = lambda: exemplar[5:45, 3:47].copy()
    assert np.allclose(run.run(), exemplar[5:45, 3:47], atol=1e-5)
    assert [step.iteration for step in seen] == [1]


def test_passes_stop_where_hardly_a_patch_changes(exemplar, monkeypatch):
    model, counts = GPNN(n_levels=2, n_iter=4, device="cpu").fit(exemplar), {}
    for settled in (-1, 0.99):
        monkeypatch.setattr(method, "SETTLED", settled)
        seen = []
        model.synthesize((32, 32), rng=1, progress=seen.append)
        counts[settled] = [step.iteration for step in seen]
    assert counts == {-1: [1, 2, 3, 4, 5], 0.99: [1, 2, 5]}


def test_result_patches_are_near_the_exemplars(exemplar):
    theirs = extract(exemplar, grid(exemplar.shape[:2], 7))

    def fit_of(picture):
        return squares_in_rows(extract(picture, grid(picture.shape[:2], 7, 4)), theirs)

    picture = GPNN(device="cpu").fit(exemplar).synthesize((48, 48), rng=1)
    shuffled = np.random.default_rng(0).permutation(picture.reshape(-1, 3)).reshape(48, 48, 3)
    assert fit_of(picture) < 0.1 * fit_of(shuffled)
    assert abs(picture.std() / exemplar.std() - 1) < 0.25  # it has not smeared


def squares_in_rows(queries, points):
    """The mean over queries of the least squared distance."""
    found = np.square(queries).sum(1)[:, None] + np.square(points).sum(1) - 2 * queries @ points.T
    return np.maximum(found, 0).min(axis=1).mean()


def test_a_small_alpha_covers_more_of_the_exemplar(exemplar):
    theirs = extract(exemplar, grid(exemplar.shape[:2], 7, 3))

    def uncovered(alpha):
        model = GPNN(alpha=alpha, n_levels=4, n_iter=5, device="cpu").fit(exemplar)
        results = [model.synthesize((64, 72), rng=seed) for seed in (1, 2)]
        return np.mean([squares_in_rows(theirs, extract(r, grid((64, 72), 7))) for r in results])

    assert uncovered(1e-4) < 0.9 * uncovered(1e3)
