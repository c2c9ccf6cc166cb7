"""Patches as feature maps, and maps in units of the exemplar's."""

import copy

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from neural.features import Normalised, PatchFeatures, normalised  # noqa: E402
from texto.core.errors import TextoError  # noqa: E402
from texto.patches.extraction import extract, grid  # noqa: E402
from texto.patches.pyramid import pyramid  # noqa: E402


def channels_last(maps, patch_size):
    """(w w C, h, w) as texto's patches (n, w w C)."""
    flat = maps.reshape(-1, patch_size, patch_size, maps.shape[1] * maps.shape[2])
    return flat.permute(3, 1, 2, 0).reshape(flat.shape[3], -1).numpy()


@pytest.mark.parametrize("periodic", [(True, True), (False, False), (True, False), (False, True)])
@pytest.mark.parametrize(("patch_size", "n_levels", "channels"), [(4, 3, 3), (3, 4, 1), (1, 1, 2)])
def test_patches_are_those_of_texto(picture, patch_size, n_levels, channels, periodic):
    small = picture[:37, :42, :channels]
    features = PatchFeatures(patch_size, n_levels, periodic=periodic, device="cpu")
    maps = features.of(small)
    assert tuple(maps) == features.layers == tuple(f"level{level}" for level in range(n_levels))
    for found, view in zip(maps.values(), pyramid(small, n_levels), strict=True):
        expected = extract(view, grid(view.shape[:2], patch_size, 1, periodic))
        np.testing.assert_allclose(channels_last(found, patch_size), expected, atol=1e-6)


def test_gradients_go_back_to_the_picture():
    features = PatchFeatures(3, 2, periodic=(True, False), device="cpu")
    tensor = torch.rand(1, 2, 7, 8, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: tuple(features(x).values()), tensor)


def test_each_pixel_of_a_torus_is_in_as_many_patches_as_a_patch_has_pixels():
    features = PatchFeatures(4, 1, device="cpu")
    tensor = torch.zeros(2, 3, 6, 2, requires_grad=True)  # narrower than a patch
    features(tensor)["level0"].sum().backward()
    assert torch.equal(tensor.grad, torch.full_like(tensor, 16))


@pytest.mark.parametrize(
    ("options", "side"),
    [({}, 8), ({"periodic": (False, False)}, 32), ({"periodic": (True, False)}, 32)],
)
def test_the_smallest_picture_has_a_patch_everywhere(options, side):
    features = PatchFeatures(4, 4, device="cpu", **options)
    assert features.smallest == side
    maps = features(torch.zeros(1, 3, side, side))
    assert min(each.shape[3] for each in maps.values()) == 1
    with pytest.raises(TextoError, match=f"needs {side} pixels a side"):
        features(torch.zeros(1, 3, side, side - 1))


def test_settings_out_of_range_are_told():
    for size, levels in ((0, 1), (4, 0)):
        with pytest.raises(TextoError, match="patches: are"):
            PatchFeatures(size, levels)


def test_normalised_layers_have_a_norm_of_one_on_the_exemplar(picture):
    valid = PatchFeatures(4, 3, periodic=(False, False), device="cpu")
    exemplar = valid.of(picture)
    features = normalised(PatchFeatures(4, 3, device="cpu"), exemplar)
    for layer, found in features.scaled(exemplar).items():
        assert float(found.square().sum(0).mean()) == pytest.approx(1, rel=1e-5)
        norm = features.norms[layer]
        torch.testing.assert_close(found * norm, exemplar[layer])
    plain = PatchFeatures(4, 3, device="cpu")
    planes = torch.tensor(picture.transpose(2, 0, 1))[None]
    for layer, found in features(planes).items():
        torch.testing.assert_close(found, plain(planes)[layer] / features.norms[layer])
    assert isinstance(features, Normalised) and features.layers == valid.layers
    assert copy.deepcopy(features).norms == features.norms


def test_a_layer_that_is_silent_on_the_exemplar_stays_finite():
    features = PatchFeatures(2, 1, device="cpu")
    silent = normalised(features, features.of(np.zeros((8, 8, 3), np.float32)))
    assert silent.norms == {"level0": 1.0}
