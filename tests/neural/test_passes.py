"""How often the methods pass through their networks."""

from collections import Counter

import pytest

torch = pytest.importorskip("torch")

import texto  # noqa: E402
from neural.features import InceptionV3Features, VGG19Features  # noqa: E402


@pytest.fixture
def passes(monkeypatch):
    """Counts forward passes with and without gradients, and backward passes."""
    counts = Counter()

    def count(features):
        real = features._maps

        def counted(self, inputs):
            counts["forward" if inputs.requires_grad else "still"] += 1
            if inputs.requires_grad:
                inputs.register_hook(lambda _: counts.update(["backward"]))
            return real(self, inputs)

        monkeypatch.setattr(features, "_maps", counted)

    for features in (VGG19Features, InceptionV3Features):
        count(features)
    return counts


@pytest.mark.parametrize(
    "name, file, n_iter, more",
    [
        ("gotex-mix-iv3", "inception_file", 2, {"n_iter_dual": 5, "n_queries": 200}),
        ("gotex-all", "vgg_file", 2, {"n_iter_dual": 5, "layers": "relu1_1", "n_queries": 200}),
        ("gatys", "vgg_file", 3, {"layers": "relu1_1,pool1"}),  # L-BFGS counts evaluations
    ],
)
def test_one_forward_and_one_backward_an_iteration(
    name, file, n_iter, more, picture, passes, request
):
    """However often potentials rise: their features are the ones that the picture moves on."""
    path = str(request.getfixturevalue(file))
    method = texto.method(name, weights=path, n_iter=n_iter, start="noise", device="cpu", **more)
    model = method.fit(picture[:80, :80], rng=0)
    passes.clear()
    model.synthesize((48, 48), rng=1)
    assert passes == {"forward": n_iter, "backward": n_iter, "still": 1}  # one of the exemplar
