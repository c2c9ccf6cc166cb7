"""Principal spaces of patches, and a level as a database."""

import numpy as np
import pytest

from texto.patches.database import draw_corners, patch_level
from texto.patches.extraction import all_corners, extract, grid
from texto.patches.space import principal_space


def cloud(n=400, dimension=12, rank=5, seed=0):
    rng = np.random.default_rng(seed)
    factors = rng.standard_normal((rank, dimension)) * (2.0 ** -np.arange(rank))[:, None]
    return (rng.standard_normal((n, rank)) @ factors + rng.random(dimension)).astype(np.float32)


def test_the_frame_is_orthonormal_and_holds_the_largest_variances():
    points = cloud()
    space = principal_space(points, largest=3)
    assert space.mean.shape == (12,) and space.axes.shape == (12, 3) == (12, space.dimension)
    assert np.allclose(space.axes.T @ space.axes, np.eye(3), atol=1e-5)
    singular = np.linalg.svd(points - points.mean(axis=0), compute_uv=False)
    assert np.allclose(np.square(space.project(points)).sum(axis=0), singular[:3] ** 2, rtol=1e-3)


def test_the_full_space_keeps_distances():
    points = cloud(rank=12)
    coordinates = principal_space(points).project(points)
    ours = np.linalg.norm(coordinates[:50, None] - coordinates[None, :50], axis=2)
    theirs = np.linalg.norm(points[:50, None] - points[None, :50], axis=2)
    assert np.allclose(ours, theirs, atol=1e-4)


@pytest.mark.parametrize("kept", [0.01, 0.5, 0.9, 0.99])
def test_no_fewer_and_no_more_axes_than_the_kept_variance_needs(kept):
    points = cloud()
    variances = np.linalg.svd(points - points.mean(axis=0), compute_uv=False) ** 2
    shares = np.cumsum(variances) / variances.sum()
    dimension = principal_space(points, kept_variance=kept).dimension
    assert shares[dimension - 1] >= kept - 1e-6
    assert dimension == 1 or shares[dimension - 2] < kept


def test_limits_of_the_dimension():
    points = cloud()
    assert principal_space(points, largest=4).dimension == 4
    assert principal_space(cloud(rank=12), largest=1000).dimension == 12
    assert principal_space(points, kept_variance=0.9, largest=1).dimension == 1


@pytest.mark.parametrize("n", [1, 2, 50])
@pytest.mark.parametrize("kept", [0.01, 0.99, 1.0])
def test_constant_and_few_points_give_a_finite_frame(n, kept):
    points = np.full((n, 6), 0.7, np.float32)
    space = principal_space(points, kept_variance=kept)
    assert np.isfinite(space.axes).all() and 1 <= space.dimension <= 6
    assert np.allclose(space.axes.T @ space.axes, np.eye(space.dimension), atol=1e-6)
    assert np.abs(space.project(points)).max() < 1e-6


def test_equal_data_give_equal_bytes_and_signs_do_not_follow_the_rows():
    points = cloud()
    one, two = principal_space(points), principal_space(points.copy())
    assert one.axes.tobytes() == two.axes.tobytes()
    shuffled = principal_space(np.random.default_rng(1).permutation(points), largest=5)
    assert np.allclose(shuffled.axes, one.axes[:, :5], atol=1e-3)


@pytest.mark.parametrize(("count", "expected"), [(1000, 35), (36, 35), (35, 35), (10, 10)])
def test_drawn_corners_are_distinct_windows(count, expected):
    corners = draw_corners((10, 8, 3), 4, count, np.random.default_rng(0))
    assert corners.shape == (expected, 2)
    assert len(np.unique(corners, axis=0)) == expected
    assert corners.min() >= 0 and (corners <= (6, 4)).all()


@pytest.mark.parametrize("n_patches", [1000, 60])
def test_a_level_finds_the_patches_of_its_own_picture(n_patches):
    picture = np.random.default_rng(0).random((14, 16, 3), np.float32)
    level = patch_level(
        picture,
        4,
        n_patches=n_patches,
        n_dims=None,
        kept_variance=1.0,
        rng=np.random.default_rng(1),
    )
    spots = grid(picture.shape[:2], 4)
    found = level.assign(picture, spots, lambda points: points, "cpu")
    corners = all_corners(picture.shape, 4)
    mine = (corners[:, None] == level.corners[None]).all(axis=2).any(axis=1)
    assert np.array_equal(found[mine], corners[mine])
    assert mine.sum() == len(level.corners) == min(n_patches, len(spots))
    assert (found[:, None] == level.corners[None]).all(axis=2).any(axis=1).all()


def test_assignment_follows_the_transport_and_not_the_band(monkeypatch):
    picture = np.random.default_rng(0).random((14, 16, 1), np.float32)
    level = patch_level(
        picture, 4, n_patches=1000, n_dims=8, kept_variance=1.0, rng=np.random.default_rng(1)
    )
    other, spots = picture[::-1].copy(), grid((14, 16), 4, 2)

    def transport(points):
        return -2 * points

    found = level.assign(other, spots, transport, "cpu")
    wanted = transport(level.space.project(extract(other, spots)))
    nearest = np.square(wanted[:, None] - level.points[None]).sum(axis=2).argmin(axis=1)
    assert np.array_equal(found, level.corners[nearest])
    monkeypatch.setattr("texto.patches.extraction.BLOCK", 64)
    assert np.array_equal(level.assign(other, spots, transport, "cpu"), found)
