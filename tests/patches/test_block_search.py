"""The search for blocks by their frames against the definition."""

import numpy as np
import pytest

from texto.patches.block_search import BlockSearch


@pytest.mark.parametrize("channels", [1, 4])
@pytest.mark.parametrize(
    ("down", "across"), [((2, 0), (0, 0)), ((0, 0), (3, 0)), ((2, 0), (3, 0)), ((1, 2), (2, 3))]
)
def test_errors_are_those_of_a_direct_loop(down, across, channels):
    rng = np.random.default_rng(0)
    exemplar = rng.random((13, 17, channels), dtype=np.float32)
    old = rng.random((6, 7, channels), dtype=np.float32)
    frame = np.ones((6, 7), bool)
    frame[down[0] : 6 - down[1], across[0] : 7 - across[1]] = False
    expected = [
        [np.mean((exemplar[i : i + 6, j : j + 7] - old)[frame] ** 2.0) for j in range(11)]
        for i in range(8)
    ]
    assert np.allclose(BlockSearch(exemplar).errors(old, down, across), expected, atol=1e-7)


def test_what_fits_exactly_is_known_to():
    exemplar = np.random.default_rng(1).random((40, 50, 3), dtype=np.float32)
    errors = BlockSearch(exemplar).errors(exemplar[11:31, 22:42], (4, 0), (4, 4))
    assert abs(errors[11, 22]) < 1e-12 and (errors < 1e-3).sum() == 1


def test_nothing_there_fits_everywhere():
    exemplar = np.random.default_rng(1).random((9, 9, 3), dtype=np.float32)
    errors = BlockSearch(exemplar).errors(np.zeros((9, 4, 3), np.float32), (0, 0), (0, 0))
    assert errors.shape == (1, 6) and not errors.any()
