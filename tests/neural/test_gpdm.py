"""Sliced distances of patches as convolutions, and the method that descends on them."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from neural.losses import Sliced, SlicedPatches  # noqa: E402
from neural.losses.sliced_patches import PIXELS, _adjoint  # noqa: E402
from texto import GPDM  # noqa: E402


def planes(seed, *shape):
    return torch.tensor(np.random.default_rng(seed).random(shape, dtype=np.float32))


def value_and_slope(loss, picture):
    point = picture.clone().requires_grad_()
    value = loss.value({PIXELS: point})
    value.backward()
    return float(value.detach()), point.grad


@pytest.mark.parametrize("sides", [(20, 31), (21, 30), (7, 8)])
@pytest.mark.parametrize("width", [3, 4, 7])
def test_the_adjoint_is_that_of_the_convolution(sides, width):
    filters, maps = planes(0, 5, 3, width, width), planes(1, 1, 5, *sides)
    expected = torch.nn.functional.conv_transpose2d(maps, filters)
    torch.testing.assert_close(_adjoint(maps, filters), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("exemplar_sides", [(16, 19), (12, 23)])
def test_value_and_slope_are_those_of_sorted_patches(exemplar_sides):
    """Against unfolded patches, plain sorts and autograd."""
    picture, exemplar = planes(2, 1, 3, 16, 19), planes(3, 3, *exemplar_sides)
    options = {"patch_size": 5, "n_directions": 9}
    value, slope = value_and_slope(
        SlicedPatches(exemplar, rng=np.random.default_rng(4), **options), picture
    )
    filters = SlicedPatches(exemplar, rng=np.random.default_rng(4), **options)._filters()
    point = picture.clone().requires_grad_()
    projections, aims = (
        filters.flatten(1) @ torch.nn.functional.unfold(each, 5)[0]
        for each in (point, exemplar[None])
    )
    count = projections.shape[1]
    ranks = (np.arange(count) + 0.5) / count
    wanted = np.quantile(aims.double().numpy(), ranks, axis=1, method="hazen").T
    gaps = projections.sort(dim=1).values - torch.tensor(wanted, dtype=torch.float32)
    expected = gaps.abs().mean()
    expected.backward()
    assert value == pytest.approx(float(expected.detach()), rel=1e-5)
    torch.testing.assert_close(slope, point.grad, rtol=1e-3, atol=1e-7)


def test_patches_wrap_round_periodic_axes():
    picture, exemplar = planes(5, 1, 3, 14, 15), planes(6, 3, 20, 20)
    rolled = picture.roll((5, 3), (2, 3))
    for axes, same in (((True, True), True), ((False, False), False)):
        values = [
            value_and_slope(
                SlicedPatches(exemplar, periodic=axes, rng=np.random.default_rng(7)), each
            )[0]
            for each in (picture, rolled)
        ]
        assert (values[0] == pytest.approx(values[1], rel=1e-6)) is same


def test_a_picture_is_at_no_distance_from_itself():
    exemplar = planes(8, 3, 20, 25)
    value, slope = value_and_slope(
        SlicedPatches(exemplar, rng=np.random.default_rng(9)), exemplar[None]
    )
    assert value == pytest.approx(0, abs=1e-6)
    assert slope.abs().max() < 1e-4


def test_blocks_of_directions_change_nothing(monkeypatch):
    picture, exemplar = planes(10, 1, 3, 16, 19), planes(11, 3, 18, 17)
    found = []
    for size in (1 << 20, 500):
        monkeypatch.setattr("neural.losses.matching.CPU_BLOCK", size)
        loss = SlicedPatches(exemplar, n_directions=11, rng=np.random.default_rng(12))
        found.append(value_and_slope(loss, picture))
    assert found[0][0] == pytest.approx(found[1][0], rel=1e-6)
    torch.testing.assert_close(found[0][1], found[1][1], rtol=1e-4, atol=1e-8)


@pytest.mark.parametrize("preset", ["published", "fast"])
def test_patches_come_to_be_those_of_the_exemplar(preset):
    rows, columns = np.mgrid[:40, :44]
    stripes = 0.5 + 0.4 * np.sin((rows + columns) * 0.7)
    exemplar = np.stack([stripes, stripes**2, 1 - stripes], axis=2).astype(np.float32)
    method = GPDM(preset=preset, factor=0.7, n_iter=40, learning_rate=0.03, device="cpu")
    result = method.fit(exemplar).synthesize((37, 50), rng=1)
    start = np.random.default_rng(0).random((37, 50, 3), dtype=np.float32)
    # along the fixed directions of one check
    near, far = (
        float(
            Sliced(
                _Columns(), {"c": _columns(exemplar)}, n_directions=60, rng=np.random.default_rng(2)
            ).value({"c": _columns(each)[None]})
        )
        for each in (result, start)
    )
    assert near < 0.2 * far


class _Columns:
    layers = ("c",)


def _columns(picture):
    view = torch.tensor(np.moveaxis(picture, 2, 0).copy())[None]
    return torch.nn.functional.unfold(view, 5)[0].unflatten(1, (1, -1))


def test_sizes_go_down_to_the_coarsest_by_the_factor():
    assert GPDM(factor=0.5).scales((168, 300)) == [0.125, 0.25, 0.5, 1]
    assert GPDM(factor=0.5, coarsest=400).scales((168, 300)) == [1]
    published = GPDM().scales((256, 256))
    assert len(published) == 16 and 21 <= 256 * published[0] < 25
