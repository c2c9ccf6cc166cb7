"""What the scores see and do not see, and the judge that computes them together."""

import dataclasses
import sys
from functools import partial
from types import ModuleType

import numpy as np
import pytest
import scipy.ndimage

from texto import metrics
from texto.core.errors import TextoError
from texto.metrics import Column, Judge, Score
from texto.metrics.sources import Originality
from texto.metrics.transport_scores import PatchTransport, SlicedTransport

OURS = (
    "patch_ot",
    "patch_ot_8",
    "sliced_w",
    "spectrum",
    "autocorrelation",
    "originality",
    "copied",
)
NEURAL = ("gram", "gram3", "sifid64", "sifid192")
DRAWN = OURS[:3]
OPTIONS = {  # small problems, which are quick
    "patch_ot": {"n_patches": 300},
    "patch_ot_8": {"n_patches": 300},
    "sliced_w": {"n_patches": 1500, "n_directions": 128},
    "originality": {"side": 40},
}
PREPARE = {
    "patch_ot": partial(PatchTransport.of, size=4, **OPTIONS["patch_ot"]),
    "patch_ot_8": partial(PatchTransport.of, size=8, **OPTIONS["patch_ot_8"]),
    "sliced_w": partial(SlicedTransport.of, **OPTIONS["sliced_w"]),
    "originality": partial(Originality.of, **OPTIONS["originality"]),
}


def quick(names):
    """The columns with these names, on small problems."""
    known = metrics.columns()
    return [
        dataclasses.replace(known[name], prepare=PREPARE.get(name, known[name].prepare))
        for name in names
    ]


def texture(side, seed, scale=1.5):
    """(side, side, 3): blobs of two colours and some noise, the same statistics everywhere."""
    rng = np.random.default_rng(seed)
    field = scipy.ndimage.gaussian_filter(rng.standard_normal((side, side)), scale, mode="wrap")
    blobs = 1 / (1 + np.exp(-4 * field[:, :, None] / field.std()))
    grain = 0.03 * rng.standard_normal((side, side, 3))
    picture = blobs * [0.7, 0.5, 0.2] + (1 - blobs) * [0.2, 0.3, 0.5] + grain
    return picture.clip(0, 1).astype(np.float32)


@pytest.fixture(scope="module")
def large():
    return texture(448, 0)


@pytest.fixture(scope="module")
def exemplar(large):
    return np.ascontiguousarray(large[:192, :192])


@pytest.fixture(scope="module")
def judge(exemplar):
    return Judge(exemplar, quick(OURS))


@pytest.fixture(scope="module")
def good(large, judge):
    """The scores of another part of the same texture."""
    return judge.scores(large[192:320, 192:320])


def shuffled(picture):
    pixels = picture.reshape(-1, 3)
    return np.random.default_rng(1).permutation(pixels).reshape(picture.shape)


def blurred(picture):
    return scipy.ndimage.gaussian_filter(picture, (1.5, 1.5, 0))


def tinted(picture):
    return (0.85 * picture + np.float32([0.15, 0, 0])).astype(np.float32)


def tiled(picture):
    return np.tile(picture[:16, :16], (8, 8, 1))


@pytest.mark.parametrize(
    ("spoil", "seen_by"),
    [
        (shuffled, ("patch_ot", "patch_ot_8", "sliced_w", "spectrum", "autocorrelation")),
        (blurred, ("sliced_w", "spectrum", "autocorrelation")),
        (tinted, ("patch_ot", "patch_ot_8", "sliced_w")),
        (tiled, ("patch_ot", "patch_ot_8", "sliced_w", "spectrum", "autocorrelation")),
    ],
)
def test_spoilt_pictures_score_worse_than_a_good_one(spoil, seen_by, large, exemplar, good):
    spoilt = spoil(large[192:320, 192:320])
    scores = Judge(exemplar, quick(seen_by)).scores(spoilt)
    for name in seen_by:
        assert scores[name].value > 1.15 * good[name].value, name


def test_a_patch_tiled_is_copied(exemplar, good):
    scores = Judge(exemplar, ["copied"]).scores(tiled(exemplar))
    assert scores["copied"].value >= 16 * 16 > good["copied"].value == 0


def test_the_exemplar_itself_scores_best(judge, exemplar, good):
    """Only originality and copies, which are there to tell it from a result, disagree."""
    itself = judge.scores(exemplar)
    for name in OURS[:5]:
        assert itself[name].value <= good[name].value + 2 * (good[name].spread or 0)
        assert itself[name].value < judge.floor()[name].value
    assert itself["spectrum"].value == itself["autocorrelation"].value == 0
    assert itself["originality"].value == 0
    assert itself["copied"].value == exemplar.shape[0] * exemplar.shape[1]


def test_the_floor_is_what_a_good_picture_gets(judge, good):
    floor = judge.floor()
    for name in DRAWN[:2]:
        assert good[name].value == pytest.approx(floor[name].value, rel=0.15)
    for name in ("spectrum", "autocorrelation"):
        assert good[name].value < 1.5 * floor[name].value
    assert floor["copied"].value == good["copied"].value == 0
    assert all(floor[name].spread is not None for name in OURS)
    assert judge.floor() is floor


@pytest.mark.parametrize("name", OURS)
def test_the_size_of_a_result_does_not_matter_beyond_the_spread(name, large, judge):
    """Good results are at the floor whatever their size, bad ones equally far above it."""
    judge, floor = Judge(judge.exemplar, quick([name])), judge.floor()[name]
    bad = tinted(texture(256, 7, scale=2.5))
    good_scores, bad_scores = (
        [judge.scores(picture[-side:, -side:])[name] for side in (128, 224)]
        for picture in (large, bad)
    )
    for score in good_scores:
        assert score.value <= floor.value + 4 * (floor.spread + (score.spread or 0))
    # These two draw nothing, and what chance does to a picture is the floor itself.
    chance = floor.value if name in ("spectrum", "autocorrelation") else 4 * floor.spread
    slack = chance + 4 * max(score.spread or 0 for score in bad_scores)
    values = [score.value for score in bad_scores]
    assert max(values) - min(values) <= slack + 0.05 * max(values)


def test_the_judge_gives_the_numbers_of_the_functions(exemplar, large):
    names, result = OURS[::-1], large[192:288, 200:300]
    found = Judge(exemplar[:96, :96], quick(names), seed=5, n_draws=2).scores(result)
    assert list(found) == list(names)
    for name in names:
        options = {"rng": 5, "n_draws": 2} if name in DRAWN else {}
        function = partial(getattr(metrics, name), **OPTIONS.get(name, {}), **options)
        assert found[name].value == function(result, exemplar[:96, :96])
        assert (found[name].spread is not None) == (name in DRAWN)


def test_the_columns_have_the_defaults_of_the_functions(exemplar, large):
    """But for draws. Pictures of one size each, the least that all scores take."""
    pictures = large[300:394, 300:394], exemplar[:94, :94]
    names = [name for name in OURS if name != "patch_ot_8"]  # as patch_ot, but for the size
    found = metrics.score(*pictures, names, n_draws=1)
    for name in names:
        assert found[name].value == getattr(metrics, name)(*pictures), name


def test_what_was_computed_before_makes_no_difference(exemplar, large, judge, good):
    assert judge.scores(large[192:320, 192:320]) == good
    alone = Judge(exemplar, quick(["sliced_w"])).scores(large[192:320, 192:320])
    assert alone["sliced_w"] == good["sliced_w"]


def test_the_spread_is_the_deviation_over_the_draws(exemplar):
    rng = np.random.default_rng(2)
    single = [metrics.sliced_w(exemplar[:64], exemplar, rng=rng) for _ in range(3)]
    found = Judge(exemplar, ["sliced_w"], seed=2, n_draws=3).scores(exemplar[:64])["sliced_w"]
    assert found.value == pytest.approx(np.mean(single))
    assert found.spread == pytest.approx(np.std(single, ddof=1))
    one = Judge(exemplar, ["sliced_w"], n_draws=1).scores(exemplar[:64])["sliced_w"]
    assert one.spread is None


# -- where a score cannot be ------------------------------------------------------------------


def test_small_pictures_lose_only_the_columns_that_need_more(exemplar):
    scores = Judge(exemplar, quick(OURS), n_draws=1).scores(exemplar[:40, :40])
    without = {name for name, score in scores.items() if score.value is None}
    assert without == {"patch_ot_8", "spectrum"}
    assert "40x40" in scores["patch_ot_8"].reason and "64 pixels" in scores["patch_ot_8"].reason
    assert all(score.reason is None for name, score in scores.items() if name not in without)


def test_small_exemplars_have_no_floor_where_their_halves_are_too_small(exemplar):
    judge = Judge(exemplar[:70, :100], quick(["patch_ot_8", "autocorrelation"]), n_draws=1)
    floor = judge.floor()
    assert "halves are below 64 pixels" in floor["patch_ot_8"].reason
    assert floor["autocorrelation"].value > 0
    assert judge.scores(exemplar[:64, :64])["patch_ot_8"].value > 0


def test_halves_of_odd_exemplars_leave_out_the_middle_line():
    picture = np.random.default_rng(0).random((7, 9, 3), dtype=np.float32)
    seen = []

    def prepare(one):
        return lambda other, rng, n_draws: seen.append((one, other)) or np.zeros(1)

    Judge(picture, [Column("pair", "help", prepare)]).floor()
    sides, ends = (picture[:, :4], picture[:, 5:]), (picture[:3], picture[4:])
    for pair, wanted in zip(seen, (sides, sides[::-1], ends, ends[::-1]), strict=True):
        assert all(np.array_equal(*each) for each in zip(pair, wanted, strict=True))


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (7, 7)])
def test_tiny_pictures_get_reasons_only(shape):
    judge = Judge(np.full((*shape, 3), 0.5, np.float32), OURS)
    for scores in (judge.floor(), judge.scores(np.zeros((*shape, 3), np.float32))):
        assert all(score.value is None and score.reason for score in scores.values())


def test_other_channels_and_no_pictures_are_refused(exemplar, judge):
    with pytest.raises(TextoError, match="channels"):
        judge.scores(exemplar[:, :, :1])
    with pytest.raises(TextoError, match=r"\[0, 1\]"):
        judge.scores(exemplar + 1)
    with pytest.raises(TextoError, match="n_draws"):
        Judge(exemplar, n_draws=0)


def test_columns_and_their_order():
    known = metrics.columns()
    assert tuple(known)[: len(OURS + NEURAL)] == OURS + NEURAL
    assert all(known[name].absent() is None for name in OURS)
    assert known["originality"].better == "higher"
    assert {name for name in OURS if known[name].drawn} == set(DRAWN)
    assert [column.name for column in metrics.chosen(["copied", "spectrum", "copied"])] == [
        "copied",
        "spectrum",
    ]


@pytest.mark.parametrize(
    ("names", "told"), [(["spectrun"], "did you mean spectrum"), (["x"], "patch_ot"), ([], "none")]
)
def test_unknown_columns(names, told):
    with pytest.raises(TextoError, match=told):
        metrics.chosen(names)


def test_best_values_of_a_column():
    lower, higher = (metrics.columns()[name] for name in ("copied", "originality"))
    assert metrics.best(lower, [3, None, 1, 1]) == [2, 3]
    assert metrics.best(higher, [3, None, 1]) == [0]
    assert metrics.best(higher, [None]) == []


# -- scores of other packages -----------------------------------------------------------------


@pytest.fixture
def provider(monkeypatch):
    """Puts a package in the place of `neural.metrics`."""
    from texto.metrics import table

    def put(**offered):
        module = ModuleType("strange_metrics")
        module.__spec__ = object()  # found by find_spec
        module.COLUMNS = offered
        monkeypatch.setitem(sys.modules, "strange_metrics", module)
        others = {"strange_metrics": ("strange", {"gram": "help"})}
        monkeypatch.setattr(table, "_OTHERS", others)

    return put


def test_a_missing_package_is_a_reason(exemplar, monkeypatch):
    from texto.metrics import table

    monkeypatch.setattr(table, "_OTHERS", {"nowhere.metrics": ("neural", {"gram": "help"})})
    found = Judge(exemplar, ["gram", "spectrum"]).scores(exemplar)
    assert found["gram"] == Score(reason="needs the extra 'neural'")
    assert found["spectrum"].value == 0
    assert Judge(exemplar, ["gram"]).floor()["gram"].reason == "needs the extra 'neural'"
    with pytest.raises(TextoError, match="needs the extra"):
        metrics.columns()["gram"].prepare(exemplar)


def test_another_package_brings_its_columns(provider, exemplar):
    prepared = []

    def prepare(picture):
        prepared.append(picture.shape)
        return lambda result, rng, n_draws: np.array([rng.random() + len(prepared)])

    provider(
        gram=Column("gram", "help", prepare),
        more=Column("more", "help", prepare, absent=lambda: "its weights are not here"),
    )
    assert tuple(metrics.columns()) == (*OURS, "gram", "more")
    judge = Judge(exemplar, ["gram", "more"], seed=4)
    expected = Score(1 + np.random.default_rng(4).random())
    assert judge.scores(exemplar)["gram"] == judge.scores(exemplar)["gram"] == expected
    assert judge.scores(exemplar)["more"] == Score(reason="its weights are not here")
    assert prepared == [exemplar.shape]


def test_a_column_that_refuses_gives_its_reason(provider, exemplar):
    def prepare(picture):
        raise TextoError("exemplar", "is grey", "take another")

    provider(gram=Column("gram", "help", prepare))
    assert Judge(exemplar, ["gram"]).scores(exemplar)["gram"].reason == "exemplar is grey"


def test_a_package_that_fails_to_import_is_a_reason(exemplar, tmp_path, monkeypatch):
    from texto.metrics import table

    (tmp_path / "broken_metrics.py").write_text("import surely_not_installed\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(table, "_OTHERS", {"broken_metrics": ("neural", {"gram": "help"})})
    assert "surely_not_installed" in metrics.columns()["gram"].absent()
