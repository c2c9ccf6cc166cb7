"""Random filters of many sizes."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from neural.features import RandomFeatures  # noqa: E402
from texto.core.errors import TextoError  # noqa: E402


def small(**options):
    return RandomFeatures(**{"sizes": (3, 8), "n_filters": 5, "device": "cpu", **options})


def filters(features, layer):
    """(n_filters, C, w, w), read off the answers to single bright pixels in the middle."""
    return features._filters[layer].numpy()


def test_maps_are_filtered_pictures(picture):
    features = small(stride=2, centre=(0.5, 0.25, 0.125))
    maps = features.of(picture[:20, :23])
    shifted = picture[:20, :23] - np.array([0.5, 0.25, 0.125])
    for layer, side in (("random3", 3), ("random8", 8)):
        before = (side - 1) // 2
        for row, column in ((0, 0), (9, 11), (5, 2)):
            rows = (2 * row + np.arange(side) - before) % 20
            columns = (2 * column + np.arange(side) - before) % 23
            patch = shifted[np.ix_(rows, columns)].transpose(2, 0, 1)
            expected = np.maximum((filters(features, layer) * patch).sum((1, 2, 3)), 0)
            found = maps[layer][:, row, column].numpy()
            np.testing.assert_allclose(found, expected, atol=1e-5)


def test_periodic_maps_roll_with_the_picture(picture):
    features, view = small(stride=1), picture[:24, :30]
    rolled = features.of(np.roll(view, (5, 7), (0, 1)))
    for layer, found in features.of(view).items():
        torch.testing.assert_close(torch.roll(found, (5, 7), (1, 2)), rolled[layer])


def test_valid_maps_are_the_inner_part_of_periodic_ones(picture):
    view = picture[:24, :30]
    inner = small(padding="valid", stride=1).of(view)
    around = small(stride=1).of(view)
    torch.testing.assert_close(inner["random8"], around["random8"][:, 3:-4, 3:-4])
    torch.testing.assert_close(inner["random3"], around["random3"][:, 1:-1, 1:-1])


def test_a_seed_tells_the_filters():
    view = np.random.default_rng(0).random((16, 16, 3), dtype=np.float32)
    one, same, other = (small(seed=seed).of(view)["random8"] for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_published_sizes_layers_and_strides():
    features = RandomFeatures(n_filters=2, device="cpu")
    sides = (3, 5, 7, 11, 15, 23, 37, 55)
    assert features.layers == tuple(f"random{side}" for side in sides)
    assert [features.strides[layer] for layer in features.layers] == [1, 1, 1, 2, 3, 5, 9, 13]
    assert features.weights_name == "random"
    maps = features(torch.rand(2, 3, 30, 40))  # smaller than the largest filter
    assert maps["random55"].shape == (2, 2, 3, 4)
    assert all(torch.isfinite(found).all() for found in maps.values())
    assert all((found > 0).any() for found in maps.values())


def test_gradients_go_back_to_the_picture():
    tensor = torch.rand(1, 3, 9, 10, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: tuple(small()(x).values()), tensor)


@pytest.mark.parametrize(
    ("options", "shape", "message"),
    [
        ({"padding": "zero"}, None, "padding: is 'zero'"),
        ({"sizes": ()}, None, "sizes: are"),
        ({"sizes": (3, 3)}, None, "sizes: are"),
        ({"n_filters": 0}, None, "n_filters: is 0"),
        ({"stride": 0}, None, "stride: is 0"),
        ({"centre": (0.1, 0.2)}, None, "centre: is"),
        ({}, (1, 1, 9, 9), "has 1 channels, the filters 3"),
        ({"padding": "valid"}, (1, 3, 9, 7), "is 7x9, and random8 needs 8 pixels"),
    ],
)
def test_what_does_not_fit_is_told(options, shape, message):
    with pytest.raises(TextoError, match=message):
        small(**options)(torch.zeros(shape))
