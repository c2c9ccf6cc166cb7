"""Holes filled by the GOTEX family: what is known stays, what is copied is allowed."""

import dataclasses
import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from safetensors.torch import save_file  # noqa: E402

import texto  # noqa: E402
from neural.features import PatchFeatures, backbones  # noqa: E402
from neural.methods.gotex.hole_sights import HoleWork, Part, box_around, touches  # noqa: E402
from neural.methods.gotex.inpainting import TARGETS, enlarged, for_holes  # noqa: E402
from neural.runtime.weight_files import random_state  # noqa: E402
from texto.core.errors import TextoError  # noqa: E402
from texto.patches.masks import known_corners, touching_corners  # noqa: E402
from texto.steps.inpainting.filling import LEAST_PATCHES  # noqa: E402
from texto.steps.inpainting.levels import hole_levels  # noqa: E402

QUICK = {"n_iter": 3, "n_first_dual": 2, "device": "cpu"}
FILTERS = {"weights": "random", "layers": "random5", **QUICK}
METHODS = {
    "gotex-patch": texto.method("gotex-patch", **QUICK),
    "gotex-vgg": texto.method("gotex-vgg", **FILTERS),
    "gotex-all": texto.method("gotex-all", **FILTERS),
    "published": texto.method("gotex-patch", **QUICK, n_iter_dual=1, as_published=True),
}
LAYERS = ("relu1_1", "relu2_1", "relu3_1")


def hole(shape, *boxes):
    """A mask (H, W) with `boxes` of (top, bottom, left, right)."""
    mask = np.zeros(shape, bool)
    for top, bottom, left, right in boxes:
        mask[top:bottom, left:right] = True
    return mask


def filled(method, *arguments, **options):
    """An inpainting, notes on random weights left out."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "(?s).*random.* weights")
        return method.inpaint(*arguments, **options)


def work(picture, holes, barred=None, level=0):
    rest = picture.shape, level, picture.shape[:2], "cpu", np.random.default_rng(0)
    return HoleWork(picture, *rest, holes=holes, barred=holes if barred is None else barred)


@pytest.fixture(scope="module")
def small(picture):
    return picture[:56, :61]


@pytest.fixture(scope="module")
def first_layers(tmp_path_factory):
    """Files of random weights by network, cut after their first layers."""
    from torchvision import models

    folder = tmp_path_factory.mktemp("weights")
    with torch.device("meta"):
        vgg = models.vgg19(weights=None, init_weights=False).features[:11]
        inception = models.inception_v3(weights=None, init_weights=False, aux_logits=False)
    names = ("Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "Conv2d_3b_1x1", "Conv2d_4a_3x3")
    modules = {
        "vgg19": torch.nn.ModuleDict({"features": vgg}),
        "inception_v3": torch.nn.ModuleDict({name: getattr(inception, name) for name in names}),
    }
    files = {}
    for name, module in modules.items():
        state = {k: v for k, v in module.state_dict().items() if "num_batches" not in k}
        shapes = {key: tuple(tensor.shape) for key, tensor in state.items()}
        files[name] = str(folder / f"{name}-random.safetensors")
        save_file(random_state(shapes, seed=7), files[name])
    return files


# -- what every method of the family does ---------------------------------------------------------


@pytest.mark.parametrize("name", ["gotex-all", "published"])
def test_nothing_goes_to_extremes(name, small):
    """What fills a hole are averages of known patches."""
    mask = hole(small.shape[:2], (0, 12, 0, 9), (30, 44, 20, 36))
    result = filled(METHODS[name], small, mask, rng=4)
    assert np.array_equal(result[~mask], small[~mask])
    values = result[mask]
    assert (values.min(axis=0) >= small[~mask].min(axis=0) - 1e-6).all()
    assert (values.max(axis=0) <= small[~mask].max(axis=0) + 1e-6).all()


@pytest.mark.parametrize("method", [METHODS["gotex-patch"], METHODS["gotex-all"]])
def test_sources_tell_where_features_come_from(method):
    image = 0.02 * np.random.default_rng(0).random((64, 64, 3), dtype=np.float32)
    image[:, :32, 0] += 0.9  # red on the left, blue on the right
    image[:, 32:, 2] += 0.9
    mask = hole((64, 64), (24, 40, 24, 40))
    for colour, columns in ((0, (0, 32)), (2, (32, 64))):
        sources = hole((64, 64), (0, 64, *columns))
        inner = filled(method, image, mask, sources=sources, rng=0)[28:36, 28:36]
        assert inner[:, :, colour].min() > 0.8 and inner[:, :, 2 - colour].max() < 0.15


@pytest.mark.parametrize("method", [METHODS["gotex-patch"], METHODS["gotex-all"]])
def test_a_picture_of_one_colour_stays_one(method):
    image = np.full((40, 40, 3), (0.2, 0.5, 0.8), np.float32)
    result = filled(method, image, hole((40, 40), (12, 25, 9, 23)), rng=0)
    np.testing.assert_allclose(result, image, atol=1 / 255)


@pytest.mark.parametrize("name", ["gotex-patch", "gotex-vgg"])
def test_what_repeats_goes_on(name):
    tile = np.random.default_rng(0).random((8, 8, 3), dtype=np.float32)
    tile = (tile + np.roll(tile, 1, 0) + np.roll(tile, 1, 1)) / 3
    image = np.tile(tile, (7, 7, 1))
    mask = hole((56, 56), (22, 34, 19, 31))
    result = filled(METHODS[name], image, mask, rng=0)
    error, spread = np.abs(result - image)[mask].mean(), np.abs(image - image.mean()).mean()
    assert error < 0.2 * spread


@pytest.mark.parametrize("name", ["gotex-patch", "gotex-vgg"])
def test_grey_stays_grey(name):
    image = np.random.default_rng(0).random((40, 41, 1), dtype=np.float32)
    mask = hole((40, 41), (10, 20, 10, 22))
    three = filled(METHODS[name], np.repeat(image, 3, axis=2), mask, rng=0)
    assert np.ptp(three, axis=2).max() < (1e-6 if name == "gotex-vgg" else 0.2)


@pytest.mark.parametrize(
    ("mask", "told"),
    [
        (hole((56, 61), (2, 56, 0, 61)), r"mask: leaves \d+ .* to copy from"),
        (hole((56, 61), (0, 0, 0, 0)), "mask: selects no pixel"),
        (~hole((56, 61), (0, 0, 0, 0)), "mask: selects every"),
        (hole((61, 56), (3, 9, 3, 9)), "mask: is 56x61"),
    ],
)
def test_bad_masks_are_refused(small, mask, told):
    with pytest.raises(TextoError, match=told):
        filled(METHODS["gotex-all"], small, mask, rng=0)


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_sources_too_few_are_refused(method, small):
    mask, sources = hole((56, 61), (10, 20, 10, 20)), hole((56, 61), (30, 35, 30, 35))
    with pytest.raises(TextoError, match=r"mask: leaves \d+ .* widen the source mask"):
        filled(method, small, mask, sources=sources, rng=0)


def test_networks_take_no_fifth_channel(small):
    image = np.repeat(small[:, :, :1], 5, axis=2) * np.linspace(0.5, 1, 5, dtype=np.float32)
    mask = hole((56, 61), (10, 20, 10, 20))
    with pytest.raises(TextoError, match="image: has 5 channels"):
        filled(METHODS["gotex-vgg"], image, mask, rng=0)
    assert filled(METHODS["gotex-patch"], image, mask, rng=0).shape == (56, 61, 5)


@pytest.mark.parametrize(
    ("name", "layers"), [("gotex-vgg", "relu1_1,relu2_1"), ("gotex-mix-iv3", "Conv2d_4a")]
)
def test_networks_fill_and_do_not_see_the_hole(name, layers, picture, first_layers):
    backbones.forget()
    weights = first_layers["inception_v3" if name.endswith("iv3") else "vgg19"]
    options = {"n_iter": 1, "n_first_dual": 1, "device": "cpu"}
    method = texto.method(name, weights=weights, layers=layers, **options)
    image, mask = picture[:64, :64].copy(), hole((64, 64), (30, 42, 52, 64))
    result = method.inpaint(image, mask, rng=0)
    image[mask] = np.nan
    assert np.array_equal(method.inpaint(image, mask, rng=0), result)
    assert np.array_equal(result[~mask], picture[:64, :64][~mask])
    assert 0.1 < result[mask].mean() < 0.9 and result[mask].std() > 0.01


@pytest.mark.parametrize("name", ["gotex-patch", "gotex-vgg"])
def test_grain_stays(name):
    """Averages of patches that do not agree are flat: fine noise shows it most."""
    image = np.random.default_rng(0).random((80, 80, 3), dtype=np.float32)
    image = (image + np.roll(image, 1, 0) + np.roll(image, 1, 1)) / 3
    mask = hole((80, 80), (30, 50, 30, 50))
    result = filled(METHODS[name], image, mask, rng=0)
    assert 0.78 < result[mask].std() / image.std() < 1.1  # with networks 0.74 without the flow


def test_settings_that_suit_holes():
    method = for_holes(texto.method("gotex-all"))
    assert (method.n_iter, method.n_patches, method.n_targets) == (20, TARGETS, TARGETS)
    assert method.learning_rate == pytest.approx(0.01) and method.start == "coarse"
    given = {"n_iter": 7, "n_patches": 9, "n_targets": 8, "learning_rate": 0.5}
    method = for_holes(texto.method("gotex-all", **given))
    assert {name: getattr(method, name) for name in given} == given
    published = texto.method("gotex-patch", as_published=True)
    assert for_holes(published) == dataclasses.replace(published, start="coarse")


# -- parts --------------------------------------------------------------------------------------


def test_patches_are_those_that_touch_and_those_that_do_not(small):
    holes = hole(small.shape[:2], (20, 33, 18, 30), (3, 4, 60, 61))
    barred = holes | hole(small.shape[:2], (0, 56, 0, 10))
    sight = work(small, holes, barred).patches(4, 2)
    every = PatchFeatures(4, 2, periodic=(False, False), device="cpu").of(small)
    for number, level in enumerate(hole_levels(small, holes, ~barred, 2)):
        layer = f"level{number}"
        rows, columns = known_corners(level.barred, 4).T
        expected = every[layer][:, rows, columns]
        assert torch.equal(sight.targets[layer][:, :, 0], expected)
        where = sight.where(layer, None)  # here the box is the whole picture but for odd lines
        assert where.sum() == len(touching_corners(level.holes, 4))
        assert sight.rates[layer] == pytest.approx(where.sum() / len(rows))


def test_windows_of_positions(first_layers):
    """relu2_1, stride 2: a window is three positions, 6 pixels, centred on the position."""
    picture = np.random.default_rng(0).random((64, 64, 3), dtype=np.float32)
    holes = hole((64, 64), (32, 33, 32, 33))
    backbone = texto.method("gotex-vgg", weights=first_layers["vgg19"], layers=",".join(LAYERS))
    sight = work(picture, holes).network(backbone.backbone("cpu"))
    moved = {
        layer: 64 * 64 // 4**k - sight.targets[layer].shape[1] for k, layer in enumerate(LAYERS)
    }
    assert moved == dict.fromkeys(LAYERS, 9)
    box = box_around(holes, 20, 4)
    sides = [(part.stop - part.start) // 2 for part in box]
    row, column = np.argwhere(sight.where("relu2_1", sides)).mean(axis=0)
    assert [16 - part.start // 2 for part in box] == [row, column]


def test_the_part_around_holes_has_the_maps_of_the_whole(first_layers):
    picture = np.random.default_rng(0).random((128, 128, 3), dtype=np.float32)
    holes = hole((128, 128), (60, 68, 64, 72))
    method = texto.method("gotex-vgg", weights=first_layers["vgg19"], layers=",".join(LAYERS))
    sight = work(picture, holes).network(method.backbone("cpu"))
    box = box_around(holes, 20, 4)
    assert box == (slice(40, 88), slice(44, 92))
    whole = Part(sight.features.features, (slice(None), slice(None)), 0, 3)
    planes = torch.tensor(np.moveaxis(picture, 2, 0)[None])
    with torch.no_grad():
        near, every = sight.features(planes), whole(planes)
    for k, layer in enumerate(LAYERS):
        rows, columns = (slice(part.start >> k, part.stop >> k) for part in box)
        where = sight.where(layer, near[layer].shape[-2:]) > 0
        expected = every[layer][0][:, rows, columns][:, where]
        torch.testing.assert_close(near[layer][0][:, where], expected, rtol=1e-3, atol=1e-4)


def test_touches_counts_windows():
    mask = hole((9, 7), (4, 5, 2, 3))
    rows, columns = (np.arange(6), np.arange(6) + 4), (np.arange(5), np.arange(5) + 3)
    expected = [[mask[i : i + 4, j : j + 3].any() for j in range(5)] for i in range(6)]
    assert np.array_equal(touches(mask, rows, columns), expected)


def test_a_mirrored_frame_is_left_out():
    class Seen:
        strides, layers = {"all": 1}, ("all",)

        def __call__(self, pictures):
            self.inputs = pictures
            return {"all": pictures}

    picture, features = torch.rand(1, 2, 5, 40), Seen()
    found = Part(features, (slice(None), slice(None)), 32)(picture)["all"]
    assert torch.equal(found, picture)
    expected = np.pad(picture[0].numpy(), ((0, 0), (32, 32), (32, 32)), mode="symmetric")
    assert np.array_equal(features.inputs[0].numpy(), expected)


def test_a_coarse_filling_goes_up_between_its_pixels():
    ramp = np.linspace(0, 1, 32, dtype=np.float32)[None].repeat(33, 0)[:, :, None]
    mask = hole((33, 32), (8, 33, 8, 20))
    fine, coarse = hole_levels(ramp, mask, None, 2)
    canvas = (ramp[:32:2] + ramp[1::2])[:, ::2] / 4 + (ramp[:32:2] + ramp[1::2])[:, 1::2] / 4
    result = enlarged(canvas, fine)
    np.testing.assert_allclose(result, ramp, atol=1e-6)
    assert np.array_equal(result[~mask], ramp[~mask]) and coarse.holes.sum() == 12 * 6


def test_sizes_without_sources_are_left_out(small):
    """A frame of 9 pixels has patches of 8 at full size only: that size alone is filled."""
    mask = hole((56, 61), (9, 47, 9, 52))
    steps = []
    method = texto.method("gotex-patch", **QUICK, patch_size=8)
    method.inpaint(small, mask, rng=0, progress=steps.append)
    assert {step.level for step in steps} == {0}
    levels = hole_levels(small, mask, None, 2)
    assert len(levels[0].known(8)) >= LEAST_PATCHES > len(levels[1].known(8)) == 0
