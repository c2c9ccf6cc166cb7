"""What is new between two boundaries of least cost."""

import numpy as np
import pytest

from texto.patches.cuts import between, boundary

DIFFERENCE = np.random.default_rng(0).random((9, 12))


@pytest.mark.parametrize(("before", "after"), [(0, 0), (4, 0), (0, 3), (4, 3), (1, 1)])
def test_new_pixels_lie_between_the_boundaries(before, after):
    new = between(DIFFERENCE, before, after)
    first = boundary(DIFFERENCE[:, :before]) if before else np.zeros(9, int)
    last = boundary(DIFFERENCE[:, ::-1][:, :after]) if after else np.zeros(9, int)
    for row, (start, end) in enumerate(zip(first, 12 - last, strict=True)):
        assert new[row].tolist() == [start <= place < end for place in range(12)]


def test_a_strip_turned_round_is_cut_the_same():
    assert np.array_equal(between(DIFFERENCE[:, ::-1], 3, 4), between(DIFFERENCE, 4, 3)[:, ::-1])
