"""What `texto mix` is asked to do, checked before anything is computed."""

from __future__ import annotations

import argparse
import dataclasses
import math
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .. import __version__
from ..core import registry
from ..core.errors import TextoError, TextoWarning
from ..core.settings import settings_of
from ..io import model_files
from ..steps.mixing.ingredients import method_for_others
from . import outputs, powers, source
from .running import chosen_seed
from .synth_plan import DEFAULT_SIZE

DEFAULT_NAME = "{stem}_{method}_{size}_s{seed}.png"
DEFAULT_ROW = "{stem}_{method}_{size}_s{seed}_steps.png"
MODEL = ".safetensors"
_MAX_STEM = 120  # bytes, as for one picture
_CLOSE = 1e-9  # how far from one a sum of weights may be without a note


@dataclasses.dataclass(frozen=True, eq=False)
class Job:
    """Everything about a run that is known before it.

    `mixes` : the weights of each picture of a row, or of the one picture; `fields` are those of
    the record that all pictures share; `paths` gives each seed's file, of which None is stdout.
    """

    method: Any
    origins: Sequence[source.Source]
    mixes: Sequence[Sequence[float]]
    weight_map: Any
    size: tuple[int, int]
    bits: int
    fields: Mapping[str, Any]
    paths: Mapping[int, Path | None]


def planned(options: argparse.Namespace) -> Job:
    """The job that `options` describe; TextoError where it could not be done."""
    _check_kind(options)
    weights = chosen_weights(options)
    first = chosen_seed(options, options.num)
    method, origins = _opened(options, first)
    _check_channels(origins)
    weight_map = _opened_map(options, method)
    height, width, channels = origins[0].exemplar.shape
    size = (options.size or DEFAULT_SIZE).of((width, height))
    outputs.check_memory(*size, channels)
    seeds = range(first, first + options.num)
    made = source.made_with(method)
    name = source.name_in_files(registry.name_of(method), made)
    paths = {seed: _output(options, name, size, seed) for seed in seeds}
    bits = _checked_outputs(options, paths, origins)
    mixes = [weights]
    if options.steps:
        mixes = [
            (1 - k / (options.steps - 1), k / (options.steps - 1)) for k in range(options.steps)
        ]
    fields = {
        "command": "mix",
        "method": registry.name_of(method),
        "settings": model_files.stored_settings(method),
        **made,
        "size": list(size),
        "bits": bits,
        "fit_seed": first,
        "sources": [origin.path.name for origin in origins],
        "source_hashes": [_hash(origin) for origin in origins],
        "alpha": options.alpha or "refuse",
        "deterministic": options.deterministic,
        "version": __version__,
    }
    if weight_map is not None:
        fields |= {"map": Path(options.map).name, "map_hash": model_files.exemplar_hash(weight_map)}
    return Job(method, origins, mixes, weight_map, size, bits, fields, paths)


def beside(path: Path, number: int) -> Path:
    """The file of picture `number` of the row in `path`."""
    return path.with_name(f"{path.stem.removesuffix('_steps')}_{number}{path.suffix}")


def _check_kind(options: argparse.Namespace) -> None:
    """TextoError where options do not go together."""
    given = [name for name in ("weights", "steps", "map") if getattr(options, name) is not None]
    if len(given) > 1:
        names = " and ".join(f"--{name}" for name in given)
        raise TextoError(names, "exclude each other", "give one of them")
    if given and given[0] != "weights" and len(options.sources) != 2:
        raise TextoError(
            f"--{given[0]}", f"goes from A to B, got {len(options.sources)} textures", "give two"
        )
    if len(options.sources) < 2:
        raise TextoError("A B [C ...]", "a mix takes two textures or more", "name another one")


def chosen_weights(options: argparse.Namespace) -> tuple[float, ...]:
    """The weights of the textures, summing to one."""
    count = len(options.sources)
    if options.weights is None:
        return (1 / count,) * count
    what = f"--weights {options.weights!r}"
    remedy = "give numbers such as .5,.5"
    try:
        values = [float(word) for word in options.weights.split(",")]
    except ValueError:
        raise TextoError(what, "are not numbers with commas between them", remedy) from None
    if len(values) != count:
        raise TextoError(what, f"are {len(values)} for {count} textures", "give one for each")
    if not all(math.isfinite(value) for value in values):
        raise TextoError(what, "are not all finite", remedy)
    if min(values) < 0:
        raise TextoError(what, f"hold the negative weight {min(values):g}", remedy)
    total = sum(values)
    if not 0 < total < math.inf:
        raise TextoError(what, "are all zero" if total == 0 else "are too large", remedy)
    if abs(total - 1) > _CLOSE:
        note = f"the weights sum to {total:g} and are divided by it"
        warnings.warn(note, TextoWarning, stacklevel=2)
    return tuple(value / total for value in values)


def _opened(options: argparse.Namespace, seed: int) -> tuple[Any, list[source.Source]]:
    """The method, and each source: a model as it is, a picture to be fitted with `seed`.

    Where a model is among them, pictures are fitted with the settings of the first one.
    """
    models = {
        number: source.open_model(path, options, {})
        for number, path in enumerate(options.sources)
        if source.is_model(path)
    }
    given = [origin.method for origin in models.values()]
    method = powers.require(
        given[0] if given else source.build_method(options), "mix", "mixes no textures"
    )
    for origin in models.values():
        _check_same(method, origin)
    fitted = next((origin.model for origin in models.values() if origin.model is not None), None)
    fitting = method if fitted is None else method_for_others(fitted)
    origins = []
    for number, path in enumerate(options.sources):
        opened = models.get(number) or source.open_exemplar(path, options, fitting, seed)
        origins.append(opened)
    return method, origins


def _check_same(method: Any, origin: source.Source) -> None:
    """TextoError unless the model's method and the settings of its fit are those of `method`."""
    what, name = f"model {str(origin.path)!r}", registry.name_of(method)
    if type(origin.method) is not type(method):
        why = f"is a {registry.name_of(origin.method)!r} model, the first is of {name!r}"
        raise TextoError(what, why, "mix models of one method")
    for key, known in settings_of(method).items():
        values = getattr(origin.method, key), getattr(method, key)
        if known.stage == "fit" and not known.automatic and values[0] != values[1]:
            why = f"was fitted with {key}={values[0]}, the first with {values[1]}"
            raise TextoError(what, why, "fit all with the same settings")


def _check_channels(origins: Sequence[source.Source]) -> None:
    first = origins[0]
    for other in origins[1:]:
        counts = first.exemplar.shape[2], other.exemplar.shape[2]
        if counts[0] != counts[1]:
            raise TextoError(
                "channels",
                f"{str(first.path)!r} has {counts[0]} and {str(other.path)!r} {counts[1]}",
                "give textures of one kind, all in colour or all grey",
            )


def _opened_map(options: argparse.Namespace, method: Any) -> Any:
    """The weight map (H, W) of `--map`, float32 in [0, 1], or None."""
    if options.map is None:
        return None
    what = f"map {options.map!r}"
    if not hasattr(method, "mix_along"):
        why = f"{registry.name_of(method)!r} does not vary a mix over a picture"
        able = ", ".join(powers.methods_with("mix_along"))
        raise TextoError(what, why, f"use {able}, or --weights")
    if source.is_model(options.map):
        raise TextoError(what, "is a model", "give a grey picture, black is A, white is B")
    picture = source.open_picture(options.map, alpha=options.alpha, max_pixels=options.max_pixels)
    return picture.pixels.mean(axis=2)


def _hash(origin: source.Source) -> str:
    return origin.names.get("model_hash") or origin.names["exemplar_hash"]


def _output(
    options: argparse.Namespace, method: str, size: tuple[int, int], seed: int
) -> Path | None:
    if options.output == "-":
        return None
    stem = "-".join(outputs.safe_stem(path) for path in options.sources)
    fields = {
        "stem": stem.encode()[:_MAX_STEM].decode("utf-8", "ignore"),
        "method": method,
        "size": f"{size[0]}x{size[1]}",
        "seed": seed,
    }
    return outputs.output_path(
        options.output, DEFAULT_ROW if options.steps else DEFAULT_NAME, fields
    )


def _checked_outputs(
    options: argparse.Namespace,
    paths: Mapping[int, Path | None],
    origins: Sequence[source.Source],
) -> int:
    """The bits of the pictures; TextoError where something could not be written later."""
    path = next(iter(paths.values()))
    inputs = [*options.sources, *([options.map] if options.map else [])]
    files = [each for each in paths.values() if each]
    if options.steps:
        files += [beside(p, k) for p in list(files) for k in range(1, options.steps + 1)]
    if path and path.suffix.lower() == MODEL:
        _check_saved(options)
        outputs.check_outputs(files, inputs, force=options.force)
        return 8
    deep = path is None or path.suffix.lower() in outputs.DEEP
    bits = options.bits or (16 if deep and max(o.bits for o in origins) > 8 else 8)
    outputs.check_format(path, bits, origins[0].exemplar.shape[2])
    outputs.check_stdout(options, (options.steps or 1) * options.num)
    outputs.check_outputs(files, inputs, force=options.force)
    return bits


def _check_saved(options: argparse.Namespace) -> None:
    """TextoError for options that a model has no use for."""
    for name in ("steps", "map", "size", "bits"):
        if getattr(options, name) is not None:
            raise TextoError(f"--{name}", "is for pictures, the output is a model", "leave it out")
    if options.num > 1:
        raise TextoError("--num", "is for pictures, the output is a model", "leave it out")
