"""The stationary Gaussian model against its closed forms."""

import numpy as np
import pytest
import scipy.ndimage

from texto.patches.noise import gaussian_field, texton


def smooth(shape=(24, 20), seed=0):
    """(H, W, 3) float32 in [0, 1] with correlated pixels and colours."""
    rng = np.random.default_rng(seed)
    grey = scipy.ndimage.gaussian_filter(rng.standard_normal(shape), 1.5, mode="wrap")
    colours = grey[:, :, None] * (1, 0.6, -0.8) + 0.02 * rng.standard_normal((*shape, 3))
    return (0.5 + 0.3 * colours / np.abs(colours).max()).astype(np.float32)


def autocovariance(kernel, lag):
    """sum_x t_a(x) t_b(x + lag): the covariance (C, C) of the field at that lag."""
    height, width, _ = kernel.shape
    rows, columns = lag
    spans = [
        (slice(max(0, -step), size - max(0, step)), slice(max(0, step), size + min(0, step)))
        for step, size in ((rows, height), (columns, width))
    ]
    (first_rows, second_rows), (first_columns, second_columns) = spans
    first, second = kernel[first_rows, first_columns], kernel[second_rows, second_columns]
    return np.einsum("ija,ijb->ab", first, second)


def test_texton_has_the_windowed_covariance_of_the_exemplar():
    image = smooth((64, 48))
    kernel = texton(image)
    assert kernel.shape == image.shape and kernel.dtype == np.float32
    inner = (image - image.mean(axis=(0, 1)))[4:-4, 3:-3].reshape(-1, 3)  # where the window is one
    ours = np.einsum("ija,ijb->ab", kernel, kernel)
    assert np.allclose(ours, inner.T @ inner / len(inner), atol=0.1 * np.abs(ours).max())


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (5, 2), (15, 15)])
def test_texton_of_a_small_picture_has_no_taper(shape):
    image = np.random.default_rng(0).random((*shape, 2), np.float32)
    centred = (image - image.mean(axis=(0, 1))) / np.sqrt(shape[0] * shape[1])
    assert np.allclose(texton(image), centred, atol=1e-6)


def test_texton_of_a_constant_picture_is_zero():
    assert np.abs(texton(np.full((20, 40, 3), 0.3, np.float32))).max() < 1e-6


@pytest.mark.parametrize("periodic", [(False, False), (True, True), (True, False)])
def test_field_has_the_texton_as_autocovariance(periodic):
    kernel, mean = texton(smooth()), np.array([0.2, 0.5, 0.7])
    field = gaussian_field(kernel, mean, (600, 640), np.random.default_rng(3), periodic=periodic)
    assert field.shape == (600, 640, 3) and field.dtype == np.float32
    assert np.allclose(field.mean(axis=(0, 1)), mean, atol=0.01)
    centred = field - mean
    scale = np.abs(autocovariance(kernel, (0, 0))).max()
    for lag in [(0, 0), (0, 1), (1, 0), (2, 3), (3, -2), (30, 30)]:
        rows, columns = lag
        first = centred[: 600 - rows, max(0, -columns) : 640 - max(0, columns)]
        second = centred[rows:, max(0, columns) : 640 + min(0, columns)]
        found = np.einsum("ija,ijb->ab", first, second) / first[:, :, 0].size
        expected = autocovariance(kernel, lag) if max(lag) < 20 else np.zeros((3, 3))
        assert np.allclose(found, expected, atol=0.06 * scale), lag


def test_field_is_the_plain_convolution_of_one_noise_image():
    kernel, mean, shape = texton(smooth((6, 5))), np.zeros(3), (9, 8)
    field = gaussian_field(kernel, mean, shape, np.random.default_rng(7), periodic=(True, True))
    noise = np.random.default_rng(7).standard_normal(shape, dtype=np.float32)
    expected = np.zeros((*shape, 3))
    for row in range(6):
        for column in range(5):
            shifted = np.roll(noise, (row, column), axis=(0, 1))
            expected += kernel[row, column] * shifted[:, :, None]
    assert np.allclose(field, expected, atol=1e-5)


@pytest.mark.parametrize("shape", [(1, 1), (4, 3), (7, 30), (24, 20), (25, 41)])
@pytest.mark.parametrize("periodic", [(False, False), (True, True), (False, True)])
def test_any_size_has_the_variance_of_the_folded_kernel(shape, periodic):
    kernel = np.random.default_rng(4).standard_normal((24, 20, 1)).astype(np.float32)
    kernel /= np.linalg.norm(kernel)
    rng = np.random.default_rng(5)
    draws = [gaussian_field(kernel, np.zeros(1), shape, rng, periodic=periodic) for _ in range(300)]
    assert draws[0].shape == (*shape, 1)
    # A kernel that reaches round the torus meets the same noise again, and adds up.
    rows, columns = (
        np.arange(reach) % size if wraps else np.arange(reach)
        for reach, size, wraps in zip((24, 20), shape, periodic, strict=True)
    )
    folded = np.zeros((24, 41))
    np.add.at(folded, np.ix_(rows, columns), kernel[:, :, 0])
    assert np.mean(np.square(draws)) == pytest.approx(np.square(folded).sum(), rel=0.3)


def test_a_periodic_field_has_no_seam_and_an_open_one_has():
    kernel, mean = texton(smooth((40, 40), seed=2)), np.zeros(3)
    for wraps in (True, False):
        field = gaussian_field(
            kernel, mean, (90, 70), np.random.default_rng(6), periodic=(False, wraps)
        )
        inside = np.square(np.diff(field, axis=1)).mean()
        seam = np.square(field[:, 0] - field[:, -1]).mean()
        assert (seam < 1.6 * inside) == wraps
        assert np.square(field[0] - field[-1]).mean() > 2 * np.square(np.diff(field, axis=0)).mean()


def test_colours_stay_correlated():
    image = smooth((48, 48), seed=9)
    rng = np.random.default_rng(8)
    field = gaussian_field(texton(image), image.mean(axis=(0, 1)), (200, 200), rng)
    ours, theirs = (np.corrcoef(u.reshape(-1, 3).T) for u in (field, image))
    assert np.abs(ours - theirs).max() < 0.15 and theirs[0, 2] < -0.7


def test_same_seed_same_field():
    fields = [
        gaussian_field(texton(smooth()), np.zeros(3), (33, 20), np.random.default_rng(seed))
        for seed in (1, 1, 2)
    ]
    assert np.array_equal(fields[0], fields[1]) and not np.allclose(fields[0], fields[2])
