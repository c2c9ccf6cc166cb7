"""Exact search: the tiled product, FAISS and brute force give the same labels."""

import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from texto.core.errors import TextoError
from texto.patches import search
from texto.patches.search import Neighbors, resolve_device

ENGINES = ("product", "faiss")


@pytest.fixture(params=ENGINES)
def engine(request, monkeypatch):
    """Every search of the test by the product of the CPU, then by FAISS as on a GPU."""
    if request.param == "faiss":
        faiss = pytest.importorskip("faiss", reason="FAISS is not installed")
        flat = functools.partial(search._Faiss, make_index=faiss.IndexFlatL2)
        monkeypatch.setattr(search, "_Product", flat)
    return request.param


def brute(queries, points, bias=0.0):
    squares = np.square(queries[:, None].astype(np.float64) - points[None]).sum(axis=2)
    return (squares - bias).argmin(axis=1)


@pytest.mark.parametrize("dimension", [1, 2, 3, 8, 48, 75])
@pytest.mark.parametrize("m", [1, 5, 700])
def test_labels_are_brute_force(engine, dimension, m):
    rng = np.random.default_rng(dimension)
    points = rng.random((m, dimension), np.float32)
    queries = rng.random((90, dimension), np.float32)
    found = Neighbors(points, device="cpu").search(queries)
    assert found.dtype == np.int64 and np.array_equal(found, brute(queries, points))


@pytest.mark.parametrize("n", [0, 1, 19, 3000])
def test_any_number_of_queries(engine, n):
    rng = np.random.default_rng(n)
    points, queries = rng.random((50, 6), np.float32), rng.random((n, 6), np.float32)
    assert np.array_equal(Neighbors(points, device="cpu").search(queries), brute(queries, points))


def test_blocks_of_queries_change_nothing(engine, monkeypatch):
    rng = np.random.default_rng(0)
    points, queries = rng.random((60, 5), np.float32), rng.random((333, 5), np.float32)
    whole = Neighbors(points, device="cpu").search(queries)
    for name, value in {"QUERIES": 50, "ROWS": 7, "COLUMNS": 64}.items():
        monkeypatch.setattr(search, name, value)
    assert np.array_equal(Neighbors(points, device="cpu").search(queries), whole)


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    m=st.integers(1, 40),
    dimension=st.integers(1, 10),
    strength=st.sampled_from([0.0, 0.01, 1.0, 30.0]),
)
def test_biased_search_is_the_biased_assignment(seed, m, dimension, strength):
    rng = np.random.default_rng(seed)
    points, queries = rng.random((m, dimension)), rng.random((30, dimension))
    bias = strength * rng.standard_normal(m)
    found = Neighbors(points, bias=bias, device="cpu").search(queries)
    scores = np.square(queries[:, None] - points[None]).sum(axis=2) - bias
    best, ours = scores.min(axis=1), scores[np.arange(30), found]
    assert np.allclose(ours, best, atol=1e-5 * (1 + strength))  # float32 decides near ties


def test_biased_search_by_both_engines(engine):
    rng = np.random.default_rng(4)
    points, queries = rng.random((300, 12)), rng.random((200, 12))
    bias = 0.5 * rng.standard_normal(300)
    found = Neighbors(points, bias=bias, device="cpu").search(queries)
    assert np.array_equal(found, brute(queries, points, bias))
    assert len(np.unique(found)) < len(np.unique(brute(queries, points)))  # the bias tells


def test_a_constant_bias_is_none(engine):
    rng = np.random.default_rng(5)
    points, queries = rng.random((80, 4)), rng.random((60, 4))
    plain = Neighbors(points, device="cpu").search(queries)
    for value in (0, 7.5, -3):
        biased = Neighbors(points, bias=np.full(80, float(value)), device="cpu")
        assert np.array_equal(biased.search(queries), plain)


@pytest.mark.parametrize("dimension", [1, 2, 4, 16, 48])
@pytest.mark.parametrize("n", [3, 500])
def test_ties_go_to_one_of_the_nearest(engine, dimension, n):
    rng = np.random.default_rng(6)
    distinct = rng.integers(0, 5, (7, dimension)).astype(np.float32)
    points = distinct[rng.integers(0, 7, 2500)]
    queries = distinct[rng.integers(0, 7, n)]
    found = Neighbors(points, device="cpu").search(queries)
    assert np.array_equal(points[found], queries)
    assert np.array_equal(Neighbors(points, device="cpu").search(queries), found)


@pytest.mark.parametrize("offset", [0, 1e3, -3e4])
def test_data_far_from_the_origin_find_themselves(engine, offset):
    rng = np.random.default_rng(7)
    points = (rng.integers(0, 256, (900, 27)) + offset).astype(np.float32)
    points = np.unique(points, axis=0)
    assert np.array_equal(Neighbors(points, device="cpu").search(points), np.arange(len(points)))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("n", [1, 40])
def test_a_query_that_is_not_finite_is_refused(engine, value, n):
    queries = np.zeros((n, 3), np.float32)
    queries[-1, 1] = value
    with pytest.raises(ValueError, match="queries must be finite"):
        Neighbors(np.eye(3, dtype=np.float32), device="cpu").search(queries)


@pytest.mark.parametrize(
    "points",
    [np.zeros((0, 3)), np.zeros(3), np.array([[0, np.nan]]), np.array([[np.inf, 1.0]])],
    ids=["empty", "1-d", "NaN", "inf"],
)
def test_a_bad_database_is_refused(engine, points):
    with pytest.raises(ValueError, match="points must be"):
        Neighbors(points, device="cpu")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_bias_that_is_not_finite_is_refused(engine, value):
    with pytest.raises(ValueError, match="bias"):
        Neighbors(np.eye(3), bias=np.array([0, value, 0]), device="cpu")


@pytest.mark.parametrize("shape", [(3, 2), (3, 4), (3,), (1, 3, 3)])
def test_queries_of_another_dimension_are_refused(engine, shape):
    with pytest.raises(ValueError, match=r"queries must be \(n, 3\)"):
        Neighbors(np.eye(3), device="cpu").search(np.zeros(shape))


@pytest.mark.parametrize("device", ["cpu", "auto"])
def test_devices_that_are_always_there(device, monkeypatch):
    monkeypatch.setattr(search, "_gpus", lambda: 0)
    assert resolve_device(device) == "cpu"


@pytest.mark.parametrize(
    ("device", "gpus", "expected"),
    [("auto", 1, "cuda:0"), ("cuda", 2, "cuda:0"), ("cuda:1", 2, "cuda:1"), ("cpu", 2, "cpu")],
)
def test_devices_with_gpus(device, gpus, expected, monkeypatch):
    monkeypatch.setattr(search, "_gpus", lambda: gpus)
    assert resolve_device(device) == expected


@pytest.mark.parametrize(
    ("device", "gpus"),
    [
        ("cuda", 0),
        ("cuda:0", 0),
        ("cuda:7", 0),
        ("cuda:7", 2),
        ("cuda:-1", 2),
        ("cuda:x", 2),
        ("cuda:²", 2),
        ("mps", 0),
        ("gpu", 0),
        ("", 0),
        ("CPU please", 1),
    ],
)
def test_devices_that_are_refused(device, gpus, monkeypatch):
    monkeypatch.setattr(search, "_gpus", lambda: gpus)
    with pytest.raises(TextoError) as caught:
        resolve_device(device)
    assert repr(device) in str(caught.value) and "auto" in caught.value.remedy
    with pytest.raises(TextoError):
        Neighbors(np.eye(2), device=device)


def test_the_cpu_needs_no_faiss(monkeypatch):
    rng = np.random.default_rng(8)
    points, queries = rng.random((200, 10)), rng.random((150, 10))
    monkeypatch.setitem(__import__("sys").modules, "faiss", None)  # an import then fails
    for cached in (search._faiss, search._gpus):
        cached.cache_clear()
    try:
        found = Neighbors(points, device="auto").search(queries)
        with pytest.raises(TextoError, match="FAISS sees 0 GPUs"):
            Neighbors(points, device="cuda")
    finally:
        for cached in (search._faiss, search._gpus):
            cached.cache_clear()
    assert np.array_equal(found, brute(queries, points))


@pytest.mark.parametrize("m", [3, 64, 2500])
def test_another_bias_on_the_same_points(engine, m):
    rng = np.random.default_rng(m)
    points, queries = rng.random((m, 5)), rng.random((120, 5))
    plain = Neighbors(points, device="cpu")
    biases = [0.3 * rng.standard_normal(m) for _ in range(2)]
    for bias in biases:
        again = plain.biased(biases[0]).biased(bias)
        assert np.array_equal(again.search(queries), brute(queries, points, bias))
    assert np.array_equal(plain.search(queries), brute(queries, points))
    with pytest.raises(ValueError, match="bias"):
        plain.biased(np.full(m, np.nan))


def test_a_gpu_gives_the_labels_of_the_cpu():
    pytest.importorskip("faiss", reason="FAISS is not installed")
    if search._gpus() == 0:
        pytest.skip("FAISS sees no GPU: this machine has none, or the extra 'gpu' is missing")
    rng = np.random.default_rng(9)
    points, queries = rng.random((2000, 48), np.float32), rng.random((3000, 48), np.float32)
    bias = 0.1 * rng.standard_normal(2000)
    for given_bias in (None, bias):
        on_cpu, on_gpu = (
            Neighbors(points, bias=given_bias, device=device).search(queries)
            for device in ("cpu", "cuda:0")
        )
        assert np.mean(on_cpu == on_gpu) > 0.999  # near ties may fall either way
