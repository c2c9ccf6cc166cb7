"""Sliced transport of small patches, and the finishing pass made of it."""

import numpy as np
import pytest
import scipy.ndimage

from texto.patches.extraction import all_corners, extract_at
from texto.patches.noise import gaussian_field, texton
from texto.steps.finish import Schedule, finish
from texto.steps.sliced_flow import PATCH_SIZE, sliced_transport

SHORT = Schedule(strides=((2,) * 6 + (1,) * 2,))


def dots(shape=(64, 64), channels=3, seed=0):
    """(H, W, C) in [0, 1]: sharp, dark-edged shapes in two colours, periodic."""
    field = np.random.default_rng(seed).standard_normal(shape)
    field = scipy.ndimage.gaussian_filter(field, 2.5, mode="wrap")
    inside = (field > 0)[:, :, None]
    colours = np.array([[0.9, 0.6, 0.2], [0.1, 0.2, 0.5]])[:, :channels]
    return np.where(inside, colours[0], colours[1]).astype(np.float32)


def sliced_distance(a, b, *, seed=9):
    """A sliced Wasserstein distance of the 7 x 7 patches: another path, by sorted quantiles."""
    clouds = [extract_at(u, all_corners(u.shape, PATCH_SIZE), PATCH_SIZE) for u in (a, b)]
    directions = np.random.default_rng(seed).standard_normal((clouds[0].shape[1], 40))
    directions /= np.linalg.norm(directions, axis=0)
    levels = np.linspace(0, 1, 200)
    first, second = (np.quantile(cloud @ directions, levels, axis=0) for cloud in clouds)
    return np.square(first - second).mean()


def steps(flow, image, count, *, seed=3, stride=2, **options):
    image, rng = image.copy(), np.random.default_rng(seed)
    for _ in range(count):
        flow.step(image, rng=rng, stride=stride, **options)
    return image


@pytest.fixture(scope="module")
def exemplar():
    return dots()


@pytest.fixture(scope="module")
def flow(exemplar):
    return sliced_transport(exemplar, rng=np.random.default_rng(0))


@pytest.fixture(scope="module")
def start(exemplar):
    mean = exemplar.mean(axis=(0, 1))
    return gaussian_field(texton(exemplar), mean, (60, 56), np.random.default_rng(1))


def test_the_frame_undoes_itself(flow):
    product = flow.analysis.T @ flow.synthesis
    assert np.allclose(product, np.eye(len(product)), atol=1e-3)


def test_a_step_towards_itself_changes_little(flow, exemplar, start):
    still = np.abs(steps(flow, exemplar, 1) - exemplar).mean()
    moved = np.abs(steps(flow, start, 1) - start).mean()
    assert still < 0.02 and still < moved / 2


def test_steps_bring_the_patches_closer(flow, exemplar, start):
    before = sliced_distance(start, exemplar)
    after = [sliced_distance(steps(flow, start, count), exemplar) for count in (1, 8)]
    assert after[1] < after[0] < before and after[1] < 0.7 * before


def test_steps_bring_the_colours_closer(flow, exemplar):
    start = np.random.default_rng(2).random((50, 50, 3)).astype(np.float32)
    result = steps(flow, start, 8)
    goal = exemplar.mean(axis=(0, 1))
    before, after = (np.abs(u.mean(axis=(0, 1)) - goal).max() for u in (start, result))
    assert after < before / 4 and after < 0.03


def test_no_gain_no_change(flow, start):
    assert np.array_equal(steps(flow, start, 1, gain=0.0), start)


@pytest.mark.parametrize("shape", [(7, 7), (7, 30), (8, 9), (31, 45)])
@pytest.mark.parametrize("periodic", [(False, False), (True, True), (False, True)])
@pytest.mark.parametrize("stride", [1, 2, 7])
def test_any_size_of_at_least_a_patch(flow, shape, periodic, stride):
    image = np.random.default_rng(4).random((*shape, 3)).astype(np.float32)
    result = steps(flow, image, 2, stride=stride, periodic=periodic)
    assert result.shape == image.shape and result.dtype == np.float32
    assert np.isfinite(result).all() and not np.array_equal(result, image)


@pytest.mark.parametrize("channels", [1, 5])
def test_any_number_of_channels(channels):
    rng = np.random.default_rng(5)
    exemplar = rng.random((20, 20, channels)).astype(np.float32) ** 2
    flow = sliced_transport(exemplar, rng=rng)
    start = rng.random((22, 18, channels)).astype(np.float32)
    goal = exemplar.mean(axis=(0, 1))
    result = steps(flow, start, 8)
    before, after = (np.abs(u.mean(axis=(0, 1)) - goal).max() for u in (start, result))
    assert after < before / 2


@pytest.mark.parametrize("value", [0.0, 0.4, 1.0])
def test_a_constant_exemplar_is_harmless(value):
    rng = np.random.default_rng(6)
    flow = sliced_transport(np.full((16, 16, 3), value, np.float32), rng=rng)
    constant = np.full((20, 20, 3), value, np.float32)
    assert np.allclose(steps(flow, constant, 3), constant, atol=1e-3)
    start = rng.random((20, 20, 3)).astype(np.float32)
    result = steps(flow, start, 12)
    assert np.isfinite(result).all()
    assert np.abs(result - value).mean() < 1.1 * np.abs(start - value).mean()


def test_grey_in_rgb_stays_grey():
    exemplar, start = (dots(seed=seed)[:, :, :1].repeat(3, axis=2) for seed in (0, 1))
    flow = sliced_transport(exemplar, rng=np.random.default_rng(0))
    blurred = scipy.ndimage.gaussian_filter(start, (1, 1, 0)).astype(np.float32)
    result = steps(flow, blurred, 6)
    assert np.abs(np.diff(result, axis=2)).max() < 1e-3 and not np.allclose(result, blurred)


def test_the_exemplar_is_left_alone_and_the_seed_decides(exemplar, start):
    before = exemplar.tobytes()
    one, two, other = (
        steps(sliced_transport(exemplar, rng=np.random.default_rng(seed)), start, 2, seed=seed)
        for seed in (1, 1, 2)
    )
    assert exemplar.tobytes() == before
    assert one.tobytes() == two.tobytes() and not np.array_equal(one, other)


def test_finish_sharpens_a_blurred_result(exemplar):
    other = dots(seed=8)
    blurred = scipy.ndimage.gaussian_filter(other, (1.2, 1.2, 0)).astype(np.float32)
    result = finish(blurred, exemplar, rng=np.random.default_rng(0), schedule=SHORT)
    assert sliced_distance(result, exemplar) < sliced_distance(blurred, exemplar) / 2
    edges = [np.abs(np.diff(u, axis=1)).max(axis=2) for u in (other, blurred, result)]
    sharp = [np.mean(edge > 0.3) for edge in edges]
    assert sharp[2] > sharp[1] + 0.3 * (sharp[0] - sharp[1])
    # the shapes stay where they were
    assert np.corrcoef(result.ravel(), other.ravel())[0, 1] > 0.9


@pytest.mark.parametrize("shape", [(14, 14), (15, 40), (33, 29)])
def test_finish_keeps_shape_type_range_and_input(exemplar, shape):
    image = np.random.default_rng(1).random((*shape, 3)).astype(np.float32)
    before = image.tobytes(), exemplar.tobytes()
    result = finish(image, exemplar, rng=np.random.default_rng(0), schedule=SHORT)
    assert result.shape == image.shape and result.dtype == np.float32
    assert np.isfinite(result).all() and result.min() >= 0 and result.max() <= 1
    assert (image.tobytes(), exemplar.tobytes()) == before
    assert not np.shares_memory(result, image)


@pytest.mark.parametrize("shape", [(1, 1), (6, 6), (13, 13), (13, 50)])
@pytest.mark.parametrize("which", ["image", "exemplar"])
def test_finish_lets_tiny_pictures_pass(exemplar, shape, which):
    small = np.random.default_rng(1).random((*shape, 3)).astype(np.float32)
    image, goal = (small, exemplar) if which == "image" else (exemplar, small)
    seen = []
    result = finish(image, goal, rng=np.random.default_rng(0), progress=seen.append)
    assert np.array_equal(result, image) and not seen and not np.shares_memory(result, image)


def test_finish_clips_what_it_lets_pass(exemplar):
    image = np.array([[[-0.5, 0.5, 1.5]]], np.float32)
    result = finish(image, exemplar, rng=np.random.default_rng(0))
    assert np.array_equal(result, [[[0, 0.5, 1]]]) and image[0, 0, 2] == 1.5


def test_finish_keeps_a_periodic_picture_periodic(exemplar):
    torus = dots((48, 48), seed=8)
    blurred = scipy.ndimage.gaussian_filter(torus, (1, 1, 0), mode="wrap").astype(np.float32)
    result = finish(
        blurred, exemplar, rng=np.random.default_rng(0), periodic=(True, True), schedule=SHORT
    )
    for axis in (0, 1):
        inside = np.abs(np.diff(result, axis=axis)).mean()
        seam = np.abs(result.take(0, axis) - result.take(-1, axis)).mean()
        assert seam < 1.6 * inside


def test_finish_over_several_levels_reports_every_step(exemplar):
    schedule = Schedule(strides=((3, 2), (2, 2, 1)))
    image = np.random.default_rng(1).random((41, 37, 3)).astype(np.float32)
    seen = []
    result = finish(
        image, exemplar, rng=np.random.default_rng(0), schedule=schedule, progress=seen.append
    )
    assert [step.level for step in seen] == [1, 1, 0, 0, 0]
    assert [step.iteration for step in seen] == [1, 2, 3, 4, 5]
    assert {(step.stage, step.total) for step in seen} == {("finish", 5)}
    assert result.shape == image.shape
    assert sliced_distance(result, exemplar) < 0.9 * sliced_distance(image, exemplar)


def test_coarse_levels_reach_an_odd_last_row_and_column(exemplar):
    image = np.full((41, 37, 3), 0.2, np.float32)
    bright = np.clip(exemplar * 0.1 + 0.85, 0, 1)
    schedule = Schedule(strides=((1,) * 5, ()))
    result = finish(image, bright, rng=np.random.default_rng(0), schedule=schedule)
    assert result[:-1, :-1].mean() > 0.5
    assert np.allclose(result[-1], result[-2]) and np.allclose(result[:, -1], result[:, -2])
