"""SW-VGG (Heitz et al. 2021): sliced transport of VGG-19 features."""

import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import texto  # noqa: E402
from neural.steps.work import Work  # noqa: E402
from texto.core.history import History  # noqa: E402


def run(picture, shape, progress=lambda step: None, **settings):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*random weights")
        model = texto.method("sw-vgg", device="cpu", **settings).fit(picture, rng=0)
    return model.synthesize(shape, rng=1, progress=progress)


def work(picture):
    return Work(picture, picture.shape, 0, (64, 64), "cpu", np.random.default_rng(0))


def test_its_twelve_layers_each_in_units_of_its_norm(picture, vgg_file):
    ((_, term),) = texto.method("sw-vgg", weights=str(vgg_file)).loss(work(picture)).terms
    assert len(term.layers) == 12 and term.layers[0] == "relu1_1" and term.layers[-1] == "relu4_4"
    with torch.no_grad():
        maps = term.features(torch.tensor(np.moveaxis(picture, 2, 0).copy())[None])
    for layer in term.layers:
        norm = float(maps[layer][0].square().sum(dim=0).mean())
        assert norm == pytest.approx(1, rel=0.1), layer  # padding differs at the border


def test_the_exemplar_itself_is_nearer_than_another(picture, vgg_file):
    method = texto.method("sw-vgg", weights=str(vgg_file), layers="relu1_1,relu2_1")
    ((_, term),) = method.loss(work(picture)).terms
    values = []
    for other in (picture, picture**2):
        planes = torch.tensor(np.moveaxis(other, 2, 0).copy())[None]
        values.append(float(term.value(term.features(planes))))
    assert values[0] < 0.05 * values[1]


@pytest.mark.parametrize("shape", [(40, 40), (27, 61)])
@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_the_loss_comes_down_at_any_size(picture, shape, optimizer):
    history = History()
    settings = {"weights": "random", "layers": "random3,random7", "start": "noise"}
    result = run(
        picture[:40, :40],
        shape,
        progress=history,
        n_iter=25,
        n_directions=16,
        optimizer=optimizer,
        **settings,
    )
    assert result.shape == (*shape, 3)
    losses = [step.loss for step in history.steps]
    assert len(losses) == 25 and np.mean(losses[-3:]) < 0.5 * losses[0]


def test_real_weights_serve_the_layers_that_exist(picture, real_weights):
    result = run(
        picture[:48, :48],
        (40, 36),
        weights=str(real_weights),
        layers="relu1_1,relu2_1,relu3_4",
        n_iter=3,
    )
    assert result.shape == (40, 36, 3) and result.std() > 0.02
