"""The record of a picture: what is written, and what is taken for one."""

import dataclasses
import json

import numpy as np
import pytest

from texto.core.errors import TextoError
from texto.io import records
from texto.io.images import write_image
from texto.io.records import Record

PLAIN = Record(
    version="1",
    method="gaussian",
    settings={},
    shape=(30, 40),
    seed=7,
    bits=8,
    exemplar_hash="0" * 64,
)
NOTES = {"map1.name": "a.png", "map1.channels": 3, "map1.weight": 1.0, "map1.bits": 8}
FULL = {  # a good value of each field that may be left out
    **{"alpha": "white", "fit_seed": 3, "exemplar": "a.png", "model": "m.safetensors"},
    **{
        "maps": NOTES,
        "map": 2,
        "network_weights": "random",
        "random_layers": "conv1",
        "guide": "g",
    },
    **{"guide_weight": 0.5, "sources": ("a", "b"), "source_hashes": ("1" * 64,), "steps": 3},
    **{"weights": (0.5, 1), "image": "i", "mask": "m", "mask_inverted": True, "source_mask": "s"},
    **{"axis": "x", "width": 5, "preview": "2x2", "like": "l", "deterministic": True},
    **{"ignore": "i", "grow": -2, "feather": 3, "extend": (1, 0, 2, 0), "tileable": "x"},
    **{f"{name}_hash": "2" * 64 for name in ("model", "map", "network", "guide", "image", "mask")},
    **{f"{name}_hash": "3" * 64 for name in ("exemplar", "source_mask", "like", "ignore")},
}


@pytest.fixture
def stored(tmp_path):
    """Writes a picture with these fields in its record."""

    def write(fields):
        path = tmp_path / "made.png"
        write_image(path, np.zeros((2, 2, 3), np.float32), text={records.KEY: json.dumps(fields)})
        return path

    return write


def fields_of(record):
    return json.loads(record.text()[records.KEY])


def test_a_record_leaves_out_what_is_not_known():
    known = {"version", "method", "settings", "size", "seed", "bits", "deterministic"}
    assert set(fields_of(PLAIN)) == {*known, "exemplar_hash"}
    assert fields_of(PLAIN)["size"] == [40, 30]
    assert fields_of(dataclasses.replace(PLAIN, command="mix"))["command"] == "mix"


def test_every_field_comes_back(stored):
    full = dataclasses.replace(PLAIN, **FULL)
    optional = {field.name for field in dataclasses.fields(Record)} - {"command"}
    assert None not in {name: getattr(full, name) for name in optional}.values()
    assert records.read(stored(fields_of(full))) == full


@pytest.mark.parametrize("name", sorted({**FULL, **fields_of(PLAIN)}))
def test_a_field_of_another_type_is_named(name, stored):
    for wrong in (
        {"a": 1} if name != "settings" else 5,
        [None],
        1.5 if name != "guide_weight" else "x",
    ):
        with pytest.raises(TextoError, match=f"wrong '{name}'"):
            records.read(stored({**fields_of(PLAIN), name: wrong}))


def test_fields_that_are_not_known_are_no_fault(stored):
    assert records.read(stored({**fields_of(PLAIN), "added": [1]})) == PLAIN
