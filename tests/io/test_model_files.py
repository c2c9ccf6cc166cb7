"""Model files: what is saved comes back, and everything else is refused by name."""

import dataclasses
import json
import os
import pickle
import random
import re
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

import texto
from texto.core import registry
from texto.core.errors import TextoError
from texto.core.settings import check_settings, setting
from texto.core.state import check_covariances, check_probabilities, only, take
from texto.io import files, model_files, tensorfile

GOLDEN = Path(__file__).with_name("data") / "model_v1.safetensors"


@dataclasses.dataclass(frozen=True)
class Blend:
    """A method with every type of setting and arrays that lie in memory in every order."""

    n_components: int = setting(3, "number of components", low=1, high=64)
    strength: float = setting(0.5, "strength", low=0, high=1e6)
    limit: float | None = setting(None, "limit", low=0)
    flat: bool = setting(False, "no depth")
    tileable: str = setting("none", "seamless axes", choices=("none", "xy"))

    def __post_init__(self):
        check_settings(self)

    def fit(self, exemplar, *, rng=None, progress=None):
        k, rng = self.n_components, np.random.default_rng(rng)
        factors = rng.normal(size=(k, 4, 4))
        weights = rng.random(k)
        return BlendModel(
            method=self,
            exemplar=np.swapaxes(np.asarray(exemplar, np.float32).swapaxes(0, 1).copy(), 0, 1),
            weights=(weights / weights.sum())[::-1],
            means=np.asfortranarray(rng.normal(size=(k, 4)).astype(np.float32)),
            covariances=np.swapaxes(factors, 1, 2) @ factors,
        )

    def restore(self, state):
        k = self.n_components
        only(state, ["exemplar", "weights", "means", "covariances"])
        model = BlendModel(
            method=self,
            exemplar=take(state, "exemplar", shape=(None, None, None), dtype=np.float32),
            weights=take(state, "weights", shape=(k,), dtype=np.float64),
            means=take(state, "means", shape=(k, 4), dtype=np.float32),
            covariances=take(state, "covariances", shape=(k, 4, 4), dtype=np.float64),
        )
        check_probabilities(model.weights, "weights")
        check_covariances(model.covariances, "covariances")
        return model


@dataclasses.dataclass(frozen=True, eq=False)
class BlendModel:
    method: Blend
    exemplar: np.ndarray
    weights: np.ndarray
    means: np.ndarray
    covariances: np.ndarray

    def state(self):
        names = ("exemplar", "weights", "means", "covariances")
        return {name: getattr(self, name) for name in names}


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    monkeypatch.setitem(registry.METHODS, "blend", f"{Blend.__module__}:Blend")
    monkeypatch.setitem(sys.modules, Blend.__module__, sys.modules[Blend.__module__])


@pytest.fixture
def model():
    exemplar = np.random.default_rng(1).random((5, 7, 3), dtype=np.float32)
    return Blend(strength=1e-7, flat=True).fit(exemplar, rng=2)


@pytest.fixture
def path(model, tmp_path):
    path = tmp_path / "wall.safetensors"
    model_files.save(
        model, path, notes={"exemplar": "wäll.png", "seed": 2, "time": 1.5, "map": None}
    )
    return path


def refused(path, why, remedy=""):
    """`load` refuses `path` in one line that names the file and says `why`."""
    with pytest.raises(TextoError) as refusal:
        model_files.load(path)
    error = refusal.value
    assert error.what == f"model {str(path)!r}"
    assert re.search(why, error.why), error.why
    assert remedy in error.remedy
    assert str(error).isprintable()
    return error


def resign(path, *, metadata=None, state=None, drop=()):
    """Rewrite a model file with changes, and with checksums that are right again."""
    with files.opened(path) as (file, size):
        old, arrays = model_files._read(file, size)
    arrays.update(state or {})
    fields = {**old, **(metadata or {})}
    kept = {key: value for key, value in fields.items() if key not in ("checksum", *drop)}
    for name in drop:
        arrays.pop(name, None)
    text = model_files._signed(kept, arrays)
    path.write_bytes(tensorfile.pack(arrays, text))
    return path


# -- what is saved comes back -----------------------------------------------------------------


def test_round_trip(model, path):
    again = model_files.load(path)
    assert again.method == model.method and type(again.method.limit) is type(None)
    for name, array in model.state().items():
        np.testing.assert_array_equal(getattr(again, name), array)


def test_gaussian_makes_the_same_picture(tmp_path):
    exemplar = np.random.default_rng(0).random((12, 9, 3), dtype=np.float32)
    model = texto.Gaussian(tileable="x").fit(exemplar, rng=0)
    texto.save(model, tmp_path / "g.safetensors")
    again = texto.load(tmp_path / "g.safetensors")
    assert again.method == model.method
    np.testing.assert_array_equal(
        again.synthesize((20, 16), rng=3), model.synthesize((20, 16), rng=3)
    )


def test_same_model_same_bytes(model, tmp_path):
    notes = {"seed": 2, "exemplar": "wall.png"}
    for i in range(10):
        model_files.save(model, tmp_path / str(i), notes=dict(reversed(notes.items())))
        notes = dict(reversed(notes.items()))
    assert len({(tmp_path / str(i)).read_bytes() for i in range(10)}) == 1


def test_loaded_model_is_saved_with_the_same_bytes(path, tmp_path):
    notes = model_files.inspect(path)["notes"]
    model_files.save(model_files.load(path), tmp_path / "again", notes=notes)
    assert (tmp_path / "again").read_bytes() == path.read_bytes()


def test_inspect_is_plain_data(model, path):
    found = model_files.inspect(path)
    json.dumps(found)
    assert found["method"] == "blend" and found["settings"] == dataclasses.asdict(model.method)
    assert found["exemplar"]["size"] == [5, 7, 3]
    assert found["exemplar"]["sha256"] == model_files.exemplar_hash(model.exemplar)
    assert found["notes"] == {"exemplar": "wäll.png", "seed": 2, "time": 1.5, "map": None}
    assert found["tensors"]["means"] == {"dtype": "float32", "shape": [3, 4]}
    assert found["format_version"] == 1 and found["program"] == texto.__version__
    assert found["bytes"] == path.stat().st_size
    assert found["tensors_sha256"] == model_files.model_hash(path)


def test_inspect_needs_no_method(path, monkeypatch):
    monkeypatch.delitem(registry.METHODS, "blend")
    assert model_files.inspect(path)["method"] == "blend"
    refused(path, "unknown method 'blend'", "install the package")


def test_hashes_tell_content_apart(model, path, tmp_path):
    model_files.save(model, tmp_path / "other", notes={"seed": 99})
    assert model_files.model_hash(path) == model_files.model_hash(tmp_path / "other")
    changed = dataclasses.replace(model, means=model.means + 1)
    model_files.save(changed, tmp_path / "other")
    assert model_files.model_hash(path) != model_files.model_hash(tmp_path / "other")
    exemplar = model.exemplar
    assert model_files.exemplar_hash(exemplar) == model_files.exemplar_hash(
        exemplar.copy(order="F")
    )
    assert model_files.exemplar_hash(exemplar) != model_files.exemplar_hash(
        exemplar.reshape(7, 5, 3)
    )
    assert model_files.exemplar_hash(exemplar) != model_files.exemplar_hash(exemplar + 2**-20)


def test_golden_file_of_version_1():
    """Written once by `save`; files of format version 1 load for as long as it is supported."""
    golden = model_files.load(GOLDEN)
    assert golden.method == Blend(n_components=2, strength=0.25, limit=3.0, tileable="xy")
    np.testing.assert_array_equal(golden.weights, [0.25, 0.75])
    np.testing.assert_array_equal(golden.means, np.arange(8, dtype=np.float32).reshape(2, 4) / 8)
    np.testing.assert_array_equal(golden.covariances, np.eye(4) * [[[1]], [[2]]])
    np.testing.assert_array_equal(golden.exemplar[:, :, 0] * 8, [[0, 1, 2], [3, 4, 5]])
    assert model_files.inspect(GOLDEN)["notes"] == {"exemplar": "golden.png", "seed": 0}


# -- damage -----------------------------------------------------------------------------------


def test_every_cut_is_refused(path, tmp_path):
    data, cut = path.read_bytes(), tmp_path / "cut"
    for length in range(len(data)):
        cut.write_bytes(data[:length])
        refused(cut, "corrupt|is empty|not a texto model")


@pytest.mark.parametrize("extra", [b"\0", b" ", b"}", bytes(5000)])
def test_extended_file_is_refused(path, extra):
    path.write_bytes(path.read_bytes() + extra)
    refused(path, "is corrupt: .*not fully covered", "fit it again")


def test_every_changed_byte_is_refused(path, tmp_path):
    """Each byte of the header once, and 200 anywhere."""
    data, bad = path.read_bytes(), tmp_path / "bad"
    draw = random.Random(0)
    header = int.from_bytes(data[:8], "little") + 8
    for place in [*range(header), *(draw.randrange(len(data)) for _ in range(200))]:
        changed = bytearray(data)
        changed[place] ^= draw.randrange(1, 256)
        bad.write_bytes(changed)
        with pytest.raises(TextoError):
            model_files.load(bad)


def test_changed_data_is_a_checksum_error(path):
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)
    refused(path, "checksum of its tensors", "fit it again")
    with pytest.raises(TextoError, match="checksum of its tensors"):
        model_files.inspect(path)
    with pytest.raises(TextoError, match="checksum of its tensors"):
        model_files.model_hash(path)


@pytest.mark.parametrize(("old", "new"), [(b"blend", b"blond"), (b"1.5", b"1.6"), (b"e-0", b"E-0")])
def test_changed_metadata_is_a_checksum_error(path, old, new):
    """The last case is the same number written differently."""
    data = path.read_bytes()
    assert data.count(old) == 1
    path.write_bytes(data.replace(old, new))
    refused(path, "checksum of its metadata")


# -- other files ------------------------------------------------------------------------------


class Bomb:
    def __init__(self, canary):
        self.canary = canary

    def __reduce__(self):
        return os.system, (f"touch {self.canary}",)


def write_pickle(path, bomb):
    path.write_bytes(pickle.dumps(bomb))


def write_old_pickle(path, bomb):
    path.write_bytes(pickle.dumps(bomb, protocol=0))


def write_torch(path, bomb):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(bomb))
        archive.writestr("../../evil.npy", b"")


def write_npy(path, bomb):
    with open(path, "wb") as file:
        np.save(file, np.array([bomb], dtype=object), allow_pickle=True)


def write_npz(path, bomb):
    with open(path, "wb") as file:
        np.savez(file, x=np.array([bomb], dtype=object))


@pytest.mark.parametrize(
    "write", [write_pickle, write_old_pickle, write_torch, write_npy, write_npz]
)
@pytest.mark.parametrize("name", ["model.safetensors", "model.pt"])
def test_pickles_are_never_opened(tmp_path, write, name):
    canary = tmp_path / "canary"
    write(tmp_path / name, Bomb(canary))
    assert not model_files.is_model(tmp_path / name)
    refused(tmp_path / name, "is not a texto model", "texto fit")
    assert os.listdir(tmp_path) == [name]


OTHERS = {
    "empty": (b"", "is empty"),
    "short": (b"\x01\x02", "is not a texto model"),
    "picture": (b"\x89PNG\r\n\x1a\n" + bytes(100), "is not a texto model but a PNG picture"),
    "text": (b"hello, world\n" * 20, "is not a texto model"),
    "someone's": (
        tensorfile.pack({"w": np.ones(3)}, "").replace(b'"texto"', b'"other"'),
        "another program's safetensors",
    ),
    "no format": (tensorfile.pack({"w": np.ones(3)}, "{}"), "is not a texto model"),
    "no JSON": (tensorfile.pack({"w": np.ones(3)}, "hello"), "metadata is not valid"),
    "a list": (tensorfile.pack({"w": np.ones(3)}, "[]"), "metadata is not a table"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_files(tmp_path, name):
    data, why = OTHERS[name]
    (tmp_path / "file").write_bytes(data)
    refused(tmp_path / "file", why)


def test_is_model_by_content(path, tmp_path):
    assert model_files.is_model(path)
    assert model_files.is_model(str(path.rename(tmp_path / "picture.png")))
    os.mkfifo(tmp_path / "pipe")
    for other in ("pipe", "missing", "nul\0", ".", "/dev/zero", "/dev/null"):
        assert not model_files.is_model(tmp_path / other)
    for data, _ in OTHERS.values():
        (tmp_path / "file").write_bytes(data)
        ours = data[8:].startswith(b'{"__metadata__":{"texto":')
        assert model_files.is_model(tmp_path / "file") == ours


# -- right checksum, wrong content ------------------------------------------------------------

METADATA = {
    "future version": ({"version": 9}, r"format version 9, this program reads 1\.\.1"),
    "version 0": ({"version": 0}, r"format version 0, this program reads 1\.\.1"),
    "version text": ({"version": "1"}, "no format version"),
    "version true": ({"version": True}, "no format version"),
    "format": ({"format": "other"}, "is not a texto model"),
    "method unknown": ({"method": "blendd"}, "unknown method 'blendd'"),
    "method path": ({"method": "../../evil"}, r"unknown method '\.\./\.\./evil'"),
    "method module": ({"method": "os:system"}, "unknown method 'os:system'"),
    "method escape": ({"method": "\x1b[2J"}, r"unknown method '\\x1b\[2J'"),
    "method no text": ({"method": 3}, "'method' is not of type str"),
    "extra field": ({"more": 1}, "unknown metadata 'more'"),
    "exemplar no size": ({"exemplar": {"sha256": "0"}}, "'exemplar'"),
    "exemplar sides": ({"exemplar": {"sha256": "0", "size": [5, 7]}}, "exemplar's size"),
    "exemplar floats": ({"exemplar": {"sha256": "0", "size": [5, 7, 3.0]}}, "exemplar's size"),
    "exemplar other": ({"exemplar": {"sha256": "0" * 64, "size": [5, 7, 3]}}, "another exemplar"),
    "notes nested": ({"notes": {"a": [1]}}, "note 'a', which is not a short"),
    "notes long": ({"notes": {"a": "x" * 5000}}, "note 'a', which is not a short"),
    "settings none": ({"settings": {}}, "lacks the setting 'n_components'"),
}


@pytest.mark.parametrize("name", METADATA)
def test_signed_metadata_is_refused(path, name):
    change, why = METADATA[name]
    refused(resign(path, metadata=change), why)


def test_missing_fields(path):
    for field in model_files._FIELDS.keys() - {"checksum", "format", "version", "tensors"}:
        data = path.read_bytes()
        refused(resign(path, drop=[field]), f"missing or unknown metadata '{field}'")
        path.write_bytes(data)
    refused(resign(path, drop=["version"]), "no format version")


SETTINGS = {
    "misspelt": ({"n_component": 3}, "'n_component'", "n_components"),
    "integer as float": ({"n_components": 3.0}, "n_components must be an integer", ""),
    "integer as text": ({"n_components": "3"}, "n_components must be an integer", ""),
    "integer as bool": ({"n_components": True}, "n_components must be an integer", ""),
    "too low": ({"n_components": 0}, "from 1 to 64, got 0", ""),
    "too high": ({"n_components": 65}, "from 1 to 64, got 65", ""),
    "null": ({"strength": None}, "strength must be a number", ""),
    "list": ({"strength": [1]}, r"got \[1\]", ""),
    "bool as number": ({"flat": 1}, "flat must be true | false, got 1", ""),
    "choice": ({"tileable": "\x1b"}, r"tileable must be none | xy, got '\\x1b'", ""),
    "another size": ({"n_components": 2}, "tensor 'weights' has shape", ""),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_signed_settings_are_refused(model, path, name):
    change, why, remedy = SETTINGS[name]
    settings = {**dataclasses.asdict(model.method), **change}
    refused(resign(path, metadata={"settings": settings}), why, remedy)


def test_unrounded_text_is_refused_although_signed(path):
    """Numbers that Python would read as infinity or as thousands of digits."""
    text = tensorfile.pack({}, '{"format":"texto-model","version":1e999}')
    path.write_bytes(text)
    refused(path, "metadata is not valid")
    path.write_bytes(tensorfile.pack({}, '{"format":"texto-model","version":' + "9" * 5000 + "}"))
    refused(path, "metadata is not valid")


def bad_covariance(value):
    covariances = np.tile(np.eye(4), (3, 1, 1))
    covariances[1, 0, 1] = value
    return covariances


TENSORS = {
    "component lost": ("weights", np.array([0.5, 0.5]), "has shape"),
    "no component": ("weights", np.empty(0), "has shape"),
    "weights sum": ("weights", np.array([0.5, 0.5, 0.3]), "sums to 1.3"),
    "weight negative": ("weights", np.array([1.5, -0.25, -0.25]), "negative weight"),
    "weights single": ("weights", np.full(3, 1 / 3, np.float32), "is float32, expected float64"),
    "means double": ("means", np.zeros((3, 4)), "is float64, expected float32"),
    "means integer": ("means", np.zeros((3, 4), np.int64), "is int64"),
    "means flat": ("means", np.zeros(12, np.float32), "has shape"),
    "means NaN": ("means", np.full((3, 4), np.nan, np.float32), "not finite"),
    "means inf": ("means", np.full((3, 4), np.inf, np.float32), "not finite"),
    "asymmetric": ("covariances", bad_covariance(0.1), "covariance 1 is not symmetric"),
    "indefinite": ("covariances", -bad_covariance(0), "covariance 0 is not positive"),
    "exemplar grey": ("exemplar", np.zeros((5, 7), np.float32), "has shape"),
    "exemplar void": ("exemplar", np.zeros((0, 7, 3), np.float32), "has shape"),
    "extra": ("spare", np.zeros(3), "does not belong here"),
}


@pytest.mark.parametrize("name", TENSORS)
def test_signed_tensors_are_refused(path, name):
    tensor, array, why = TENSORS[name]
    error = refused(resign(path, state={tensor: array}), why, "fit it again")
    assert repr(tensor) in error.why


@pytest.mark.parametrize("name", ["exemplar", "weights", "means", "covariances"])
def test_missing_tensor(path, name):
    with files.opened(path) as (file, size):
        metadata, arrays = model_files._read(file, size)
    del arrays[name], metadata["checksum"]
    path.write_bytes(tensorfile.pack(arrays, model_files._signed(metadata, arrays)))
    refused(path, f"tensor '{name}' is missing")


def test_other_exemplar_under_the_same_hash(path):
    other = np.zeros((5, 7, 3), np.float32)
    refused(resign(path, state={"exemplar": other}), "another exemplar")


@pytest.mark.parametrize("error", [KeyError("k"), IndexError(3), ValueError("v"), OverflowError()])
def test_restore_that_stumbles_is_a_refusal(path, monkeypatch, error):
    def restore(self, state):
        raise error

    monkeypatch.setattr(Blend, "restore", restore)
    refused(path, f"make no 'blend' model .{type(error).__name__}")


def test_method_whose_package_is_missing(path, monkeypatch):
    monkeypatch.setitem(registry.METHODS, "blend", "not_installed_package:Blend")
    refused(path, "needs the package 'not_installed_package'", "install it")


NAMES = ["../../x", "/etc/passwd", "~", "a\x1b]0;title\x07b", "two\nlines", "\udcff.png", "\u202ex"]


@pytest.mark.parametrize("name", NAMES)
def test_stored_names_are_only_shown(model, tmp_path, name):
    folder = tmp_path / "inner"
    folder.mkdir()
    model_files.save(model, folder / "m", notes={"exemplar": name})
    shown = model_files.inspect(folder / "m")["notes"]["exemplar"]
    assert shown.isprintable() and (shown == name or shown == repr(name))
    assert model_files.load(folder / "m").method == model.method
    assert [p.name for p in tmp_path.rglob("*")] == ["inner", "m"]


# -- saving -----------------------------------------------------------------------------------


def test_save_refuses_what_load_would(model, path):
    before = path.read_bytes()
    wrong = {
        "not finite in tensor 'means'": dataclasses.replace(model, means=model.means * np.nan),
        "dtype complex64": dataclasses.replace(model, means=model.means * 1j),
    }
    for why, bad in wrong.items():
        with pytest.raises(TextoError, match=why):
            model_files.save(bad, path)
    for note in ([1], b"x", float("nan"), 2**70, "x" * 2000, True):
        with pytest.raises(TextoError, match="note 'n'"):
            model_files.save(model, path, notes={"n": note})
    with pytest.raises(TextoError, match="not a registered method"):
        model_files.save(dataclasses.replace(model, method=object()), path)
    assert path.read_bytes() == before and os.listdir(path.parent) == [path.name]


def test_save_verifies_before_it_writes(model, path, monkeypatch):
    """A writer that got the bytes wrong, as the library does for arrays that are not contiguous."""
    before = path.read_bytes()

    def careless(state, text):
        return tensorfile.pack({name: array[::-1] for name, array in state.items()}, text)

    monkeypatch.setattr(model_files, "pack", careless)
    with pytest.raises(TextoError, match="checksum of its tensors"):
        model_files.save(model, path)
    assert path.read_bytes() == before and os.listdir(path.parent) == [path.name]


def test_force(model, path):
    before = path.read_bytes()
    with pytest.raises(TextoError, match="exists already"):
        model_files.save(model, path, force=False)
    assert path.read_bytes() == before
    model_files.save(model, path.parent / "new", force=False)
    assert model_files.is_model(path.parent / "new")


@pytest.mark.parametrize("place", ["missing/m", "file/m", ".", "/dev/full"])
def test_places_where_nothing_can_be_saved(model, tmp_path, place):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(TextoError, match=r"output .* (folder|regular)"):
        model_files.save(model, tmp_path / place)
    assert os.listdir(tmp_path) == ["file"]
