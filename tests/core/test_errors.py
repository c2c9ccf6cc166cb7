"""Foreseeable failures: one line in three parts."""

import pickle

from texto.core.errors import TextoError


def test_error_is_one_line_in_three_parts():
    error = TextoError("exemplar", "is 5x9", "lower patch_size")
    assert str(error) == "exemplar: is 5x9; lower patch_size"
    again = pickle.loads(pickle.dumps(error))
    assert (again.what, again.why, again.remedy) == ("exemplar", "is 5x9", "lower patch_size")
