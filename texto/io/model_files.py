"""Model <-> one .safetensors file, with no pickle anywhere.

The file's one metadata text is sorted JSON: format and version, method and hyper-parameters, the
exemplar's size and SHA-256, notes, the SHA-256 of the tensors, and a checksum over all of it.
Nothing stored is ever opened, imported or run: a method is looked up by its registered name, notes
are only shown, and of a setting that is a path no more is stored than its last part.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from .. import __version__
from ..core import registry
from ..core.contract import Model
from ..core.errors import TextoError
from .files import Refused, check_writable
from .stored_settings import (
    as_stored,
    checked_settings,
    of_format_1,
    without_paths,
)
from .tensorfile import Kind, looks_right, native, tensors_hash

_KIND = Kind(
    "texto model",
    "texto-model",
    range(1, 3),
    {"exemplar": dict, "method": str, "notes": dict, "program": str, "settings": dict},
)

Note = str | int | float | None


def save(
    model: Model,
    path: str | os.PathLike,
    *,
    notes: Mapping[str, Note] | None = None,
    force: bool = True,
) -> None:
    """Write `model` to `path`, which holds the old file until the new one is complete.

    The same model and notes give the same bytes. notes : shown by `texto info` and otherwise
    ignored, for example {"exemplar": "wall.png", "seed": 7}. Raises TextoError where the folder
    or the disk refuses, where `path` exists and `force` is False, and for arrays that are not
    finite.
    """
    check_writable(path, force=force)
    with _told(path):
        state = {name: native(array) for name, array in model.state().items()}
        _KIND.write(path, state, _fields(model, notes or {}))


def load(path: str | os.PathLike) -> Model:
    """The model in the file `path`; TextoError if anything in it is damaged or makes no sense."""
    with _told(path):
        return _restore(*_read(path), path)


def inspect(path: str | os.PathLike) -> dict[str, Any]:
    """What the file `path` says about its model, as plain data, without building the model.

    The checksum is verified. Stored texts with control characters are given as their repr.
    Raises TextoError as `load` does for a damaged file.
    """
    with _told(path):
        metadata, state = _read(path)
    notes = {_shown(key): _shown(value) for key, value in metadata["notes"].items()}
    settings = {_shown(key): _shown(value) for key, value in metadata["settings"].items()}
    return {
        "format_version": metadata["version"],
        "program": _shown(metadata["program"]),
        "method": _shown(metadata["method"]),
        "settings": settings,
        "exemplar": metadata["exemplar"],
        "notes": notes,
        "tensors": {
            name: {"dtype": str(array.dtype), "shape": list(array.shape)}
            for name, array in sorted(state.items())
        },
        "tensors_sha256": metadata["tensors"],
        "bytes": os.path.getsize(path),
    }


def is_model(path: str | os.PathLike) -> bool:
    """Whether the file `path` begins as a model does. Reads some 30 bytes, raises nothing."""
    return looks_right(path)


def model_hash(path: str | os.PathLike) -> str:
    """The SHA-256 (hex) over the tensors of the model file `path`, verified."""
    return inspect(path)["tensors_sha256"]


def exemplar_hash(exemplar: np.ndarray) -> str:
    """The SHA-256 (hex) over the shape and the float32 bytes of `exemplar` (H, W, C)."""
    return tensors_hash({"exemplar": np.asarray(exemplar, dtype=np.float32)})


def _fields(model: Model, notes: Mapping[str, Note]) -> dict[str, Any]:
    """What a model's file says about it."""
    return {
        "exemplar": _exemplar_entry(model.exemplar),
        "method": registry.name_of(model.method),
        "notes": _checked_notes(dict(notes)),
        "program": __version__,
        "settings": as_stored(model.method),
    }


def _read(path: str | os.PathLike) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The checked metadata and tensors of the file."""
    metadata, state = _KIND.read(path)
    exemplar = metadata["exemplar"]
    size = exemplar.get("size")
    if set(exemplar) != {"size", "sha256"} or not isinstance(exemplar["sha256"], str):
        raise Refused("is corrupt: metadata 'exemplar' is not a size and a hash")
    if not isinstance(size, list) or [type(side) for side in size] != [int] * 3 or min(size) < 1:
        raise Refused("is corrupt: the exemplar's size is not [height, width, channels]")
    _checked_notes(metadata["notes"])
    return metadata, state


def _checked_notes(notes: dict[str, Note]) -> dict[str, Note]:
    for key, value in notes.items():
        plain = value is None or type(value) in (str, int, float)
        if not isinstance(key, str) or not plain or len(key) + len(str(value)) > 1000:
            raise Refused(f"has the note {key!r}, which is not a short text or number")
        if isinstance(value, int | float) and not abs(value) < 2**63:
            raise Refused(f"has the note {key!r}, which is not finite or too large")
    return notes


def _restore(
    metadata: Mapping[str, Any], state: Mapping[str, np.ndarray], path: str | os.PathLike
) -> Model:
    name = metadata["method"]
    cls = _method_class(name)
    try:
        settings = _settings(cls, metadata)
        method = cls(**without_paths(settings, f"model {os.fspath(path)!r}"))
        model = method.restore(state)
    except TextoError as error:
        raise Refused(f"makes no sense: {error.what} {error.why}") from error
    except (LookupError, ValueError, ArithmeticError) as error:
        raise Refused(
            f"holds tensors that make no {name!r} model ({type(error).__name__}: {error})"
        ) from error
    if _exemplar_entry(model.exemplar) != metadata["exemplar"]:
        raise Refused("holds another exemplar than the one its metadata names")
    return model


def _method_class(name: str) -> type:
    try:
        return registry.method_class(name)
    except ModuleNotFoundError as error:
        raise Refused(
            f"needs the package {error.name!r} for its method {name!r}", "install it"
        ) from error
    except TextoError as error:
        raise Refused(
            f"is of the unknown method {name!r}",
            "install the package that adds the method, or fit it again",
        ) from error


def _settings(cls: type, metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a model as `cls` takes them, whatever version wrote the file."""
    stored = metadata["settings"]
    if metadata["version"] == 1:
        stored = of_format_1(metadata["method"], stored)
    return checked_settings(cls, stored)


def _exemplar_entry(exemplar: np.ndarray) -> dict[str, Any]:
    return {"size": list(exemplar.shape), "sha256": exemplar_hash(exemplar)}


def _shown(value: Any) -> Any:
    """`value`, or its repr if it is a text that a terminal should not be sent."""
    return repr(value) if isinstance(value, str) and not value.isprintable() else value


@contextlib.contextmanager
def _told(path: str | os.PathLike) -> Iterator[None]:
    """Every refusal in the block, as a TextoError that names the model file."""
    try:
        yield
    except Refused as refused:
        raise TextoError(f"model {os.fspath(path)!r}", refused.why, refused.remedy) from refused
