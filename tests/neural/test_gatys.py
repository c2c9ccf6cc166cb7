"""Gatys 2015: Gram matrices of VGG-19 features."""

import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import texto  # noqa: E402
from neural.features import VGG19Features  # noqa: E402
from neural.losses.gram import gram_matrix  # noqa: E402
from neural.steps.work import Work  # noqa: E402
from texto.core.history import History  # noqa: E402
from texto.patches.noise import field_like  # noqa: E402

LAYERS = ("relu1_1", "pool1", "pool2")


def run(picture, shape, progress=lambda step: None, **settings):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*random weights")
        model = texto.method("gatys", device="cpu", **settings).fit(picture, rng=0)
    return model.synthesize(shape, rng=1, progress=progress)


def distance(features, exemplar, result):
    """The mean over layers of |G - G*|^2 / |G*|^2, zero padding on both sides."""
    pairs = zip(*(features.of(each).values() for each in (exemplar, result)), strict=True)
    grams = [(gram_matrix(one), gram_matrix(two)) for one, two in pairs]
    return np.mean([float((a - b).norm() ** 2 / a.norm() ** 2) for a, b in grams])


def test_gram_matrices_come_near_the_exemplars(picture, vgg_file):
    small = picture[:64, :64]
    settings = {"weights": str(vgg_file), "layers": ",".join(LAYERS)}
    result = run(small, (64, 64), n_iter=15, **settings)
    features = VGG19Features(LAYERS, weights=vgg_file, pooling="average", device="cpu")
    start = field_like(small, (64, 64), np.random.default_rng(1), periodic=(True, True))
    assert distance(features, small, result) < 0.3 * distance(features, small, start.clip(0, 1))


def test_real_weights_serve_the_layers_that_exist(picture, real_weights):
    history = History()
    result = run(
        picture[:48, :48],
        (40, 36),
        progress=history,
        weights=str(real_weights),
        layers="relu1_1,pool1,relu3_1",
        n_iter=12,
        start="noise",
    )
    assert result.shape == (40, 36, 3)
    assert history.steps[-1].loss < 0.5 * history.steps[0].loss


def test_default_layers_and_losses(picture, vgg_file):
    work = Work(picture, picture.shape, 0, (64, 64), "cpu", np.random.default_rng(0))
    for published in (False, True):
        method = texto.method("gatys", weights=str(vgg_file), as_published=published)
        ((weight, term),) = method.loss(work).terms
        assert term.layers == ("relu1_1", "pool1", "pool2", "pool3", "pool4") and weight == 1
        assert set(term.weights.values()) == ({1.0} if published else {0.2})


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_lbfgs_and_adam_bring_the_loss_down(picture, optimizer):
    history = History()
    settings = {"weights": "random", "layers": "random3,random7", "start": "noise"}
    run(picture[:40, :40], (40, 40), progress=history, n_iter=20, optimizer=optimizer, **settings)
    assert len(history.steps) == 20
    assert history.steps[-1].loss < 0.3 * history.steps[0].loss
