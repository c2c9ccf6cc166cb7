"""Masks of holes, their levels, and the patches that know nothing of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from texto.core.errors import TextoError
from texto.patches.masks import as_mask, hole_pyramid, known_corners, touching_corners
from texto.patches.pyramid import pyramid


def test_a_good_mask_is_itself():
    holes = np.zeros((4, 6), bool)
    holes[1, 2] = True
    assert as_mask(holes, (4, 6, 3)) is holes


@pytest.mark.parametrize(
    ("mask", "told"),
    [
        (np.zeros((4, 6), bool), "no pixel"),
        (np.ones((4, 6), bool), "every pixel"),
        (np.ones((6, 4), bool), "is 4x6, the picture is 6x4"),
        (np.ones((4, 6, 1), bool), "is 1x6x4, the picture is 6x4"),
        (np.ones((4, 6), np.uint8), "uint8"),
        (np.ones((4, 6)), "float64"),
    ],
)
def test_bad_masks_are_refused(mask, told):
    with pytest.raises(TextoError, match=f"mask: .*{told}"):
        as_mask(mask, (4, 6, 3))


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_a_coarse_pixel_is_known_only_with_its_whole_footprint(height, width, seed):
    holes = np.random.default_rng(seed).random((height, width)) < 0.1
    n_levels = max(1, min(height, width).bit_length() - 1)
    levels = hole_pyramid(holes, n_levels)
    # The mean of ones and zeros is 0 exactly where no pixel under it is a hole.
    means = pyramid(holes[:, :, None].astype(np.float32), n_levels)
    for level, mean in zip(levels, means, strict=True):
        assert np.array_equal(level, mean[:, :, 0] > 0)


@given(st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_patches_that_touch_no_hole(patch_size, seed):
    holes = np.random.default_rng(seed).random((11, 9)) < 0.08
    known = {tuple(corner) for corner in known_corners(holes, patch_size)}
    touching = {tuple(corner) for corner in touching_corners(holes, patch_size)}
    for row in range(11 - patch_size + 1):
        for column in range(9 - patch_size + 1):
            hit = holes[row : row + patch_size, column : column + patch_size].any()
            assert ((row, column) in touching) == hit
            assert ((row, column) in known) != hit
    assert len(known) + len(touching) == (12 - patch_size) * (10 - patch_size)
