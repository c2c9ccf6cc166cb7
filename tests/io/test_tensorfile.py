"""The safetensors container: what is written comes back, and a hostile header is refused."""

import dataclasses
import io
import json
import os
import struct
import tracemalloc

import numpy as np
import pytest
import safetensors.numpy

from texto.io import files, tensorfile
from texto.io.files import Refused
from texto.io.tensorfile import pack, read_header, read_tensors


def unpack(data):
    file = io.BytesIO(data)
    return read_header(file, len(data)), read_tensors(file, len(data))


METADATA = '{"__metadata__":{"texto":"{}"}'


def forged(table, data=b"", *, length=None, metadata=METADATA, padding=""):
    """A file with any header: `table` is JSON text, put behind our metadata key."""
    text = (metadata + ("," + table if table else "") + "}" + padding).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def entry(name="a", dtype="F32", shape=(1,), offsets=(0, 4), **more):
    value = {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets), **more}
    return json.dumps({name: value}, separators=(",", ":"))[1:-1]


base = np.arange(24, dtype=np.float32).reshape(4, 6)
ARRAYS = {
    "plain": base,
    "transposed": base.T,
    "fortran": np.asfortranarray(base),
    "strided": base[:, ::2],
    "backwards": base[::-1, ::-1],
    "broadcast": np.broadcast_to(np.float32(3), (2, 5)),
    "big_endian": base.astype(">f4"),
    "scalar": np.float64(2.5),
    "empty": np.empty((0, 3), np.int16),
    "bools": np.array([True, False, True]),
    "halves": base.astype(np.float16),
    **{kind: np.array([0, 1, 7], kind) for kind in ("u1", "i1", "u2", "i2", "u4", "i4")},
    **{kind: np.array([0, 1, np.iinfo(kind).max], kind) for kind in ("u8", "i8")},
}


@pytest.mark.parametrize("name", ARRAYS)
def test_any_memory_layout_comes_back(name):
    array = ARRAYS[name]
    _, found = unpack(pack({"x": array}, "{}"))
    assert found["x"].shape == array.shape
    assert found["x"].dtype == array.dtype.newbyteorder("=")
    np.testing.assert_array_equal(found["x"], array)
    assert found["x"].flags.writeable and found["x"].flags.c_contiguous


def test_all_arrays_in_one_file_agree_with_the_library():
    data = pack(ARRAYS, "text")
    metadata, found = unpack(data)
    library = safetensors.numpy.load(data)
    assert metadata == "text" and set(found) == set(library) == set(ARRAYS)
    for name, array in library.items():
        np.testing.assert_array_equal(found[name], array)


def test_same_bytes_every_time():
    assert len({pack(ARRAYS, "text") for _ in range(20)}) == 1


def test_a_minimal_forged_file_is_read():
    """The forgeries below are refused for their fault, not for how they are made."""
    _, found = unpack(forged(entry(), b"\x00\x00\x80\x3f", padding="   "))
    assert found["a"].tolist() == [1.0]


ATTACKS = {
    "length 2^40": forged(entry(), bytes(4), length=2**40),
    "length 2^64-1": forged(entry(), bytes(4), length=2**64 - 1),
    "length 0": forged(entry(), bytes(4), length=0),
    "length short": forged(entry(), bytes(4), length=40),
    "length long": forged(entry(), bytes(400), length=len(forged(entry())) - 8 + 4),
    "overlap": forged(entry("a") + "," + entry("b", offsets=(2, 6)), bytes(6)),
    "same place": forged(entry("a") + "," + entry("b"), bytes(4)),
    "gap": forged(entry("a") + "," + entry("b", offsets=(8, 12)), bytes(12)),
    "starts late": forged(entry(offsets=(4, 8)), bytes(8)),
    "trailing data": forged(entry(), bytes(5)),
    "data missing": forged(entry(), bytes(3)),
    "no tensors but data": forged("", bytes(8)),
    "negative offset": forged(entry(offsets=(-4, 0)), bytes(4)),
    "offsets reversed": forged(entry(offsets=(4, 0)), bytes(4)),
    "offset huge": forged(entry(offsets=(0, 2**63)), bytes(4)),
    "offset 400 digits": forged(entry().replace("4]", "9" * 400 + "]"), bytes(4)),
    "offset float": forged(entry(offsets=(0, 4.0)), bytes(4)),
    "offset bool": forged(entry(dtype="U8", offsets=(False, True)), bytes(1)),
    "three offsets": forged(entry(offsets=(0, 4, 4)), bytes(4)),
    "negative shape": forged(entry(shape=(-1, -1)), bytes(4)),
    "overflowing shape": forged(entry(shape=(2**32, 2**32)), bytes(4)),
    "empty but overflowing": forged(entry(shape=(0, 2**62, 4), offsets=(0, 0))),
    "wrong size": forged(entry(shape=(2,)), bytes(4)),
    "shape no list": forged(entry().replace("[1]", "1"), bytes(4)),
    "shape nested": forged(entry(shape=([1],)), bytes(4)),
    "thousand axes": forged(entry(shape=(1,) * 1000), bytes(4)),
    "unknown dtype": forged(entry(dtype="BF16", shape=(2,)), bytes(4)),
    "dtype no text": forged(entry(dtype=["F32"]), bytes(4)),
    "extra field": forged(entry(extra=1), bytes(4)),
    "entry no table": forged('"a":[]', bytes(4)),
    "name with a path": forged(entry("../../evil"), bytes(4)),
    "name with an escape": forged(entry("a\x1b[2J"), bytes(4)),
    "name empty": forged(entry(""), bytes(4)),
    "duplicate tensor": forged(entry() + "," + entry(), bytes(4)),
    "duplicate field": forged(entry()[:-1] + ',"dtype":"F32"}', bytes(4)),
    "duplicate metadata": forged('"__metadata__":{},' + entry(), bytes(4)),
    "second metadata key": forged(
        entry(), bytes(4), metadata='{"__metadata__":{"texto":"{}","more":"x"}'
    ),
    "metadata no text": forged(entry(), bytes(4), metadata='{"__metadata__":{"texto":7}'),
    "NaN in header": forged(entry(shape=(float("nan"),)), bytes(4)),
    "1e999 in header": forged(entry().replace("[1]", "[1e999]"), bytes(4)),
    "deep nesting": forged('"a":' + "[" * 200_000 + "]" * 200_000, bytes(4)),
    "not JSON": forged("}}{{", bytes(4)),
    "not UTF-8": forged(entry(), bytes(4)).replace(b'"a"', b'"\xff"'),
    "newline in the padding": forged(entry(), bytes(4), padding="\n  "),
    "NaN value": forged(entry(), struct.pack("<f", float("nan"))),
    "infinite value": forged(entry(), struct.pack("<f", float("inf"))),
    "bool of 2": forged(entry(dtype="BOOL", offsets=(0, 1)), b"\x02"),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_attack_is_refused_in_little_memory(name):
    tracemalloc.start()
    try:
        with pytest.raises(Refused) as refusal:
            unpack(ATTACKS[name])
        assert tracemalloc.get_traced_memory()[1] < 40e6
    finally:
        tracemalloc.stop()
    assert refusal.value.why.isprintable()
    assert len(refusal.value.why) < 300


KIND = tensorfile.Kind("texto thing", "thing", range(1, 4), {"about": dict})


def test_a_kind_of_file_comes_back(tmp_path):
    KIND.write(tmp_path / "a", ARRAYS, {"about": {"b": [1, None], "a": "ü"}})
    fields, tensors = KIND.read(tmp_path / "a")
    assert fields["about"] == {"b": [1, None], "a": "ü"} and fields["version"] == 3
    assert KIND.read_fields(tmp_path / "a") == fields and set(tensors) == set(ARRAYS)
    other = dataclasses.replace(KIND, name="other thing", format="other")
    with pytest.raises(Refused, match="is not a other thing"):
        other.read_fields(tmp_path / "a")
    with pytest.raises(Refused, match=r"version 3, this program reads 1\.\.2"):
        dataclasses.replace(KIND, versions=range(1, 3)).read(tmp_path / "a")


def test_what_was_written_wrong_replaces_nothing(tmp_path, monkeypatch):
    """A writer that got the bytes wrong, as the library does for arrays that are not contiguous."""
    KIND.write(tmp_path / "a", {"x": base}, {"about": {}})
    before = (tmp_path / "a").read_bytes()

    def careless(tensors, text):
        return pack({name: array[::-1] for name, array in tensors.items()}, text)

    monkeypatch.setattr(tensorfile, "pack", careless)
    with pytest.raises(Refused, match="checksum of its tensors"):
        KIND.write(tmp_path / "a", {"x": base}, {"about": {}})
    assert (tmp_path / "a").read_bytes() == before and os.listdir(tmp_path) == ["a"]


def test_header_of_100_megabytes_is_refused_unread(tmp_path):
    path = tmp_path / "bomb.safetensors"
    with open(path, "wb") as file:
        file.write(forged(entry(), length=10**8)[:100])
        file.truncate(2 * 10**8)
    with files.opened(path) as (file, size):
        with pytest.raises(Refused, match="a header of 100000000 bytes"):
            read_header(file, size)
        assert file.tell() < 100


def test_file_that_shrinks_while_read():
    data = pack({"x": base}, "{}")
    file = io.BytesIO(data[:-8])
    with pytest.raises(Refused, match="not fully covered"):
        read_tensors(file, len(data))


@pytest.mark.parametrize(
    ("name", "array", "why"),
    [
        ("a/b", base, "a tensor called 'a/b'"),
        ("__metadata__/", base, "a tensor called"),
        ("x", np.array(["text"]), "cannot be stored"),
        ("x", np.array([None]), "cannot be stored"),
        ("x", np.array([1j]), "cannot be stored"),
        ("x", np.array([np.nan]), "not finite in tensor 'x'"),
    ],
)
def test_what_cannot_be_stored(name, array, why):
    with pytest.raises(Refused, match=why):
        tensorfile.check_tensor(name, array)


def test_places_that_are_no_files(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    expected = {
        tmp_path / "pipe": "is not a regular file",
        tmp_path: "is a folder",
        tmp_path / "missing": "No such file",
        tmp_path / "nul\0": "no possible file name",
        tmp_path / ("x" * 300): "too long",
    }
    for path, why in expected.items():
        assert not tensorfile.looks_right(path)
        with pytest.raises(Refused, match=why), files.opened(path):
            raise AssertionError("it was opened")
