"""Scores by networks: closed forms, second paths, reasons where they cannot run."""

from pathlib import Path

import numpy as np
import pytest
import scipy.linalg

torch = pytest.importorskip("torch")
pytest.importorskip("torchvision")

from neural import metrics  # noqa: E402
from neural.features import InceptionV3Features, VGG19Features  # noqa: E402
from neural.metrics import frechet_distance, table  # noqa: E402
from neural.metrics.frechet import moments  # noqa: E402
from neural.metrics.grams import gram_matrices  # noqa: E402
from texto.core.errors import TextoError, TextoWarning  # noqa: E402
from texto.metrics import Judge, columns  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("gram", "gram3", "sifid64", "sifid192")


@pytest.fixture
def random_networks(monkeypatch, vgg_file, inception_file):
    """Whole networks with random weights, in the environment."""
    monkeypatch.setenv("TEXTO_WEIGHTS", f"{vgg_file}:{inception_file}")


def clouds(first, second, n=400, d=5):
    """Two Gaussian clouds with these standard deviations."""
    rng = np.random.default_rng(0)
    return rng.normal(0, first, (n, d)), rng.normal(1, second, (n + 50, d))


def direct(first, second):
    """|m - m'|^2 + tr(S + S' - 2 (S S')^(1/2)), by scipy's square root."""
    s, t = (np.cov(cloud, rowvar=False) for cloud in (first, second))
    root = scipy.linalg.sqrtm(s @ t).real
    difference = first.mean(axis=0) - second.mean(axis=0)
    return difference @ difference + np.trace(s + t - 2 * root)


# -- the Frechet distance ---------------------------------------------------------------------


@pytest.mark.parametrize("scale", [1e-3, 1, 1e3])
def test_frechet_is_the_formula(scale):
    first, second = (scale * cloud for cloud in clouds([1, 2, 3, 4, 5], [5, 1, 2, 1, 3]))
    found = frechet_distance(moments(first), moments(second))
    assert found == pytest.approx(direct(first, second), rel=1e-9)


def test_frechet_of_axis_aligned_gaussians():
    """sum (m - m')^2 + sum (s - s')^2, with samples that have exactly these moments."""
    signs = np.array(np.meshgrid(*[[-1, 1]] * 3)).reshape(3, -1).T * np.sqrt(7 / 8)
    first, second = signs * [1, 2, 0], signs * [4, 2, 3] + [1, 0, 2]
    found = frechet_distance(moments(first), moments(second))
    assert found == pytest.approx(5 + 9 + 0 + 9, rel=1e-12)


@pytest.mark.parametrize("n", [2, 3, 64, 65, 500])
def test_frechet_of_a_set_to_itself_is_nothing(n):
    """Also where the covariance is singular: fewer samples than features, a constant feature."""
    samples = np.random.default_rng(n).normal(size=(n, 64)) * np.geomspace(1e-3, 1e3, 64)
    samples[:, 7] = 2
    distance = frechet_distance(moments(samples), moments(samples[::-1]))
    assert isinstance(distance, float)
    assert 0 <= distance <= 1e-12 * samples.var(axis=0).sum()


def test_frechet_of_few_samples_takes_the_same_way_as_of_many():
    rng = np.random.default_rng(1)
    few, many = rng.normal(size=(20, 30)), rng.normal(size=(90, 30)) * 2
    s, t = (np.cov(cloud, rowvar=False) for cloud in (few, many))
    root = scipy.linalg.sqrtm(t)
    cross = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ s @ root), 0)).sum()
    difference = few.mean(axis=0) - many.mean(axis=0)
    expected = difference @ difference + np.trace(s) + np.trace(t) - 2 * cross
    found = frechet_distance(moments(few), moments(many))
    assert found == pytest.approx(expected, rel=1e-6)
    assert frechet_distance(moments(many), moments(few)) == pytest.approx(found, rel=1e-12)


# -- sifid ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name, layer", list(table.SIFID.items()))
def test_sifid_is_the_formula(name, layer, picture, random_networks):
    other = np.clip(picture[::-1] * 0.8 + 0.1, 0, 1)
    features = InceptionV3Features((layer,))
    first, second = (
        features.of(each)[layer].flatten(1).T.double().numpy() for each in (picture, other)
    )
    assert first.shape[1] == int(name.removeprefix("sifid"))
    alive = (first.var(axis=0) > 0) & (second.var(axis=0) > 0)  # the others have no covariance
    expected = direct(first[:, alive], second[:, alive])
    expected += np.square((first - second)[:, ~alive].mean(axis=0)).sum()
    expected += sum(each[:, ~alive].var(axis=0, ddof=1).sum() for each in (first, second))
    assert alive.sum() > 32
    assert getattr(metrics, name)(picture, other) == pytest.approx(expected, rel=1e-4)


def test_sifid_of_real_weights_tells_what_they_are(picture, real_weights, monkeypatch):
    monkeypatch.setenv("TEXTO_WEIGHTS", str(real_weights))
    with pytest.warns(TextoWarning, match="the FID network of 2015"):
        near = metrics.sifid64(np.clip(picture + 0.02, 0, 1), picture)
        far = metrics.sifid64(picture.mean(axis=(0, 1)) + 0 * picture, picture)
    assert 0 < near < far / 5


def test_sifid_needs_more_positions_than_features(picture, random_networks):
    small = picture[:64, :64]
    with pytest.raises(TextoError, match="gives 144 positions at Conv2d_4a_3x3"):
        metrics.sifid192(small, picture)
    assert metrics.sifid192(picture[:76, :76], picture) > 0
    with pytest.raises(TextoError, match="result: is 31x64, smaller than the 32 pixels"):
        metrics.sifid64(small[:, :31], picture)


# -- gram -------------------------------------------------------------------------------------


def test_gram_matrices_of_known_maps():
    maps = torch.zeros(3, 2, 4)
    maps[0], maps[1, 0, 0] = 2, 4
    expected = [[4, 1, 0], [1, 2, 0], [0, 0, 0]]
    np.testing.assert_array_equal(gram_matrices({"layer": maps})["layer"], expected)


def test_gram_of_scaled_features(picture, random_networks):
    """Features twice as large are 4 - 1 times as far away as the exemplar's matrix is long."""
    measure = table.COLUMNS["gram"].prepare(picture)

    class Doubled:
        network_name = "vgg19"

        def of(self, picture):
            return {name: 2 * maps for name, maps in measure.features.of(picture).items()}

    doubled = type(measure)("gram", measure.exemplar, Doubled(), measure.grams)
    assert doubled(picture)[0] == pytest.approx(9, rel=1e-5)


@pytest.mark.parametrize("name, layers", [("gram", table.GRAM), ("gram3", table.GRAM3)])
def test_gram_is_the_formula(name, layers, picture, random_networks):
    other = np.clip(picture[::-1] * 0.8 + 0.1, 0, 1)
    features = VGG19Features(layers, device="cpu")
    distances = []
    for first, second in zip(
        features.of(picture).values(), features.of(other).values(), strict=True
    ):
        g, h = (
            np.einsum("chw,dhw->cd", each, each) / each[0].size
            for each in (first.double().numpy(), second.double().numpy())
        )
        distances.append(np.linalg.norm(g - h) ** 2 / np.linalg.norm(h) ** 2)
    assert getattr(metrics, name)(picture, other) == pytest.approx(np.mean(distances), rel=1e-4)


# -- columns ----------------------------------------------------------------------------------


def test_columns_are_found_in_order():
    assert tuple(metrics.COLUMNS) == NAMES == tuple(columns())[-len(NAMES) :]
    assert all(columns()[name] is metrics.COLUMNS[name] for name in NAMES)


def test_the_exemplar_itself_is_the_best_and_the_same_again(picture, random_networks):
    judge = Judge(picture, NAMES)
    scores = judge.scores(picture)
    assert all(0 <= scores[name].value < 1e-9 for name in NAMES)
    assert all(score.spread is None for score in scores.values())
    noise = np.random.default_rng(0).random(picture.shape, np.float32)
    worse = judge.scores(noise)
    assert all(worse[name].value > 1e-4 for name in NAMES)
    assert Judge(picture, NAMES).scores(noise) == worse
    halves = judge.floor()
    assert halves["gram"].value > 0 and halves["gram"].spread > 0
    assert halves["sifid64"].value > 0
    assert halves["sifid192"].reason == "the exemplar's halves are below 64 pixels a side"


def test_grey_counts_as_colour_and_stacks_are_refused(picture, random_networks):
    grey = picture[..., :1]
    colour = np.repeat(grey, 3, axis=2)
    other = grey[::-1].copy()
    expected = Judge(colour, NAMES).scores(np.repeat(other, 3, axis=2))
    assert Judge(grey, NAMES).scores(other) == expected
    stack = np.concatenate([picture, grey], axis=2)
    for score in Judge(stack, NAMES).scores(stack).values():
        assert score.reason == "exemplar has 4 channels, and networks take 1 or 3"


def test_no_weights_is_a_reason(picture):
    for name, score in Judge(picture, NAMES).scores(picture).items():
        network = "vgg19" if name.startswith("gram") else "inception_v3"
        assert "are not here" in score.reason
        assert f"texto weights download {network}" in score.reason


@pytest.mark.parametrize("lacks", table.NEEDED)
def test_no_torch_is_a_reason(lacks, picture, random_networks, monkeypatch):
    find_spec = table.find_spec
    monkeypatch.setattr(table, "find_spec", lambda name: None if name == lacks else find_spec(name))
    for score in Judge(picture, NAMES).scores(picture).values():
        assert score.value is None and score.reason == "needs the extra 'neural'"


def test_a_cut_file_serves_the_scores_it_can(picture, real_weights, monkeypatch):
    monkeypatch.setenv("TEXTO_WEIGHTS", str(real_weights))
    scores = Judge(picture, ["gram", "gram3"]).scores(picture)
    assert scores["gram3"].value == 0
    assert scores["gram"].reason.startswith("needs conv5_1, and vgg19")
    assert scores["gram"].reason.endswith("ends before conv4_1")


def test_a_broken_file_is_a_reason(picture, tmp_path, monkeypatch):
    monkeypatch.setenv("TEXTO_WEIGHTS", str(tmp_path))
    (tmp_path / "vgg19.pth").write_text("<html>")
    scores = Judge(picture, ["gram", "spectrum"]).scores(picture)
    assert "is neither a torch nor a safetensors file" in scores["gram"].reason
    assert scores["spectrum"].value == 0


def test_other_weights_in_the_same_place_are_loaded(picture, tmp_path, monkeypatch, vgg_file):
    """The network is kept, but not when its file changes."""
    from safetensors.torch import load_file, save_file

    monkeypatch.setenv("TEXTO_WEIGHTS", str(tmp_path))
    state = {
        name: each for name, each in load_file(vgg_file).items() if int(name.split(".")[1]) < 11
    }
    save_file(state, tmp_path / "vgg19.safetensors")
    before = metrics.gram3(picture[::-1].copy() * 0.5, picture)
    save_file({name: each * 1.5 for name, each in state.items()}, tmp_path / "vgg19.safetensors")
    assert metrics.gram3(picture[::-1].copy() * 0.5, picture) != before


def test_large_pictures_are_refused_before_they_fill_the_memory(
    picture, random_networks, monkeypatch
):
    from neural.metrics import networks

    monkeypatch.setattr(networks.memory, "available", lambda: 2**20)
    with pytest.raises(TextoError, match=r"needs about 0.0 GiB for its features at 128x112"):
        metrics.gram(picture, picture)


def test_unknown_names():
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = metrics.nonsense
