"""Model <-> one .safetensors file, with no pickle anywhere.

The file's one metadata text is sorted JSON: format and version, method and hyper-parameters, the
exemplar's size and SHA-256, notes, the SHA-256 of the tensors, and a checksum over all of it.
Nothing stored is ever opened, imported or run: a method is looked up by its registered name, notes
are only shown, and of a setting that is a path no more is stored than its last part.
"""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import hashlib
import io
import json
import os
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from .. import __version__
from ..core import registry
from ..core.contract import Model
from ..core.errors import TextoError, TextoWarning
from ..core.settings import settings_of
from .files import Refused, check_writable, opened, replacing
from .tensorfile import (
    check_tensor,
    looks_right,
    native,
    pack,
    parse,
    read_header,
    read_tensors,
    tensors_hash,
)

FORMAT = "texto-model"
VERSIONS = range(1, 2)  # the format versions that this program reads; it writes the last one

MADE_WITH = ("network_weights", "network_hash", "random_layers")

_PATHS = {"weights": ("random",)}  # settings that are paths, and their values that are none
_LONGEST = 80  # characters of a stored path that a note shows

Note = str | int | float | None

_FIELDS = {
    "checksum": str,
    "exemplar": dict,
    "format": str,
    "method": str,
    "notes": dict,
    "program": str,
    "settings": dict,
    "tensors": str,
    "version": int,
}


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
        data = _serialize(model, notes or {})
    with replacing(path) as file:
        file.write(data)


def load(path: str | os.PathLike) -> Model:
    """The model in the file `path`; TextoError if anything in it is damaged or makes no sense."""
    with _told(path):
        with opened(path) as (file, size):
            metadata, state = _read(file, size)
        return _restore(metadata, state, path)


def inspect(path: str | os.PathLike) -> dict[str, Any]:
    """What the file `path` says about its model, as plain data, without building the model.

    The checksum is verified. Stored texts with control characters are given as their repr.
    Raises TextoError as `load` does for a damaged file.
    """
    with _told(path), opened(path) as (file, size):
        metadata, state = _read(file, size)
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
        "bytes": size,
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


def stored_settings(method: Any) -> dict[str, Any]:
    """All settings of `method` as files hold them: paths without their folders."""
    return {
        name: Path(value).name if _is_path(name, value) else value
        for name, value in dataclasses.asdict(method).items()
    }


def made_with(method: Any) -> dict[str, str]:
    """What files say about the weights of `method`'s network, which this loads; {} without one.

    `network_weights` : the file's name, or "random"; `network_hash` : its SHA-256;
    `random_layers` : those that have random weights, where there are such. TextoError where
    weights are missing or do not suit.
    """
    tell = getattr(method, "made_with", None)
    found = tell() if callable(tell) else {}
    return {key: found[key] for key in MADE_WITH if key in found}


def without_paths(settings: Mapping[str, Any], what: str) -> dict[str, Any]:
    """`settings` as `what` holds them, without the paths: nobody's file says what to open here.

    A TextoWarning names a path that is left out.
    """
    kept = {name: value for name, value in settings.items() if not _is_path(name, value)}
    for name in settings.keys() - kept.keys():
        warnings.warn(
            f"{what} was made with {name} {settings[name][:_LONGEST]!r}, and stored paths are not "
            f"opened: those given now, or found here, are used",
            TextoWarning,
            stacklevel=3,
        )
    return kept


def _is_path(name: str, value: Any) -> bool:
    return name in _PATHS and isinstance(value, str) and value not in ("", *_PATHS[name])


def _serialize(model: Model, notes: Mapping[str, Note]) -> bytes:
    state = {name: native(array) for name, array in model.state().items()}
    for name, array in state.items():
        check_tensor(name, array)
    metadata = {
        "exemplar": _exemplar_entry(model.exemplar),
        "format": FORMAT,
        "method": registry.name_of(model.method),
        "notes": _checked_notes(dict(notes)),
        "program": __version__,
        "settings": stored_settings(model.method),
        "version": VERSIONS[-1],
    }
    data = pack(state, _signed(metadata, state))
    _verify(data, state)
    return data


def _signed(metadata: Mapping[str, Any], state: Mapping[str, np.ndarray]) -> str:
    """The metadata text, with the tensors' SHA-256 and the checksum over everything filled in."""
    metadata = {**metadata, "tensors": tensors_hash(state)}
    return _dumps({**metadata, "checksum": _checksum(metadata)})


def _verify(data: bytes, state: Mapping[str, np.ndarray]) -> None:
    """Read the bytes back before they replace an older file: what was meant must be in there."""
    _, again = _read(io.BytesIO(data), len(data))
    if tensors_hash(again) != tensors_hash(state):
        raise Refused("was not written as it should be", "report this, with your versions")


def _read(file: BinaryIO, size: int) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The checked metadata and tensors of a file of `size` bytes."""
    text = read_header(file, size)
    metadata = parse(text, "its metadata")
    _check_version(metadata)
    _check_fields(metadata)
    unsigned = {key: value for key, value in metadata.items() if key != "checksum"}
    # The text itself must be what we would write, so that no byte of it escapes the checksum.
    if metadata["checksum"] != _checksum(unsigned) or text != _dumps(metadata):
        raise Refused("is corrupt: the checksum of its metadata does not match")
    _checked_notes(metadata["notes"])
    state = read_tensors(file, size)
    if metadata["tensors"] != tensors_hash(state):
        raise Refused("is corrupt: the checksum of its tensors does not match")
    return metadata, state


def _check_version(metadata: Mapping[str, Any]) -> None:
    if metadata.get("format") != FORMAT:
        raise Refused("is not a texto model", "give a file made by `texto fit`")
    version = metadata.get("version")
    if type(version) is not int:
        raise Refused("is corrupt: it has no format version")
    if version not in VERSIONS:
        raise Refused(
            f"has format version {version}, this program reads {VERSIONS[0]}..{VERSIONS[-1]}",
            "update texto, or fit it again",
        )


def _check_fields(metadata: Mapping[str, Any]) -> None:
    if wrong := sorted(set(_FIELDS) ^ set(metadata)):
        raise Refused(f"is corrupt: missing or unknown metadata {wrong[0]!r}")
    for name, kind in _FIELDS.items():
        if type(metadata[name]) is not kind:
            raise Refused(f"is corrupt: metadata {name!r} is not of type {kind.__name__}")
    exemplar = metadata["exemplar"]
    size = exemplar.get("size")
    if set(exemplar) != {"size", "sha256"} or not isinstance(exemplar["sha256"], str):
        raise Refused("is corrupt: metadata 'exemplar' is not a size and a hash")
    if not isinstance(size, list) or [type(side) for side in size] != [int] * 3 or min(size) < 1:
        raise Refused("is corrupt: the exemplar's size is not [height, width, channels]")


def _checked_notes(notes: dict[str, Note]) -> dict[str, Note]:
    for key, value in notes.items():
        plain = value is None or type(value) in (str, int, float)
        if not isinstance(key, str) or not plain or len(key) + len(str(value)) > 1000:
            raise Refused(f"has the note {key!r}, which is not a short text or number")
        if type(value) in (int, float) and not abs(value) < 2**63:
            raise Refused(f"has the note {key!r}, which is not finite or too large")
    return notes


def _restore(
    metadata: Mapping[str, Any], state: Mapping[str, np.ndarray], path: str | os.PathLike
) -> Model:
    name = metadata["method"]
    cls = _method_class(name)
    try:
        settings = _checked_settings(cls, metadata["settings"])
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


def _checked_settings(method: type, stored: Mapping[str, Any]) -> dict[str, Any]:
    known = settings_of(method)
    for name in stored:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=3) or list(known)
            raise Refused(
                f"has the setting {name!r}, which its method does not know",
                f"fit it again (known are {', '.join(near)})",
            )
    for name in known:
        if name not in stored:
            raise Refused(f"lacks the setting {name!r} of its method")
    return {name: known[name].check(value) for name, value in stored.items()}


def _exemplar_entry(exemplar: np.ndarray) -> dict[str, Any]:
    return {"size": list(exemplar.shape), "sha256": exemplar_hash(exemplar)}


def _checksum(metadata: Mapping[str, Any]) -> str:
    return hashlib.sha256(_dumps(metadata).encode()).hexdigest()


def _dumps(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


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
