"""What `texto mix` is asked to do, checked before anything is computed."""

from __future__ import annotations

import dataclasses
import math
import warnings
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np

from .. import __version__
from ..core import registry
from ..core.contract import Method, Mixes, MixesAlong
from ..core.errors import TextoError, TextoWarning
from ..core.kinds import Meaning
from ..core.settings import settings_of
from ..editing.maps import Stack
from ..io import model_files, stored_settings
from ..io.maps import Map
from ..io.records import Record
from ..steps.mixing.ingredients import method_for_others
from . import maps, outputs, powers, source
from .options import Options
from .reading import Reading, is_model
from .running import Seeds
from .source import Source
from .synth_plan import DEFAULT_SIZE
from .values import written
from .wanted import Wanted, made_with, name_in_files

DEFAULT_NAME = "{stem}_{method}_{size}_s{seed}"
DEFAULT_ROW = "{stem}_{method}_{size}_s{seed}_steps"
MODEL = ".safetensors"
_MAX_STEM = 120  # bytes, as for one picture
_CLOSE = 1e-9  # how far from one a sum of weights may be without a note


@dataclasses.dataclass(frozen=True, eq=False)
class Job:
    """Everything about a run that is known before it.

    `mixes` : the weights of each picture of a row, or of the one picture; `weight_map` : (h, w)
    float32 in [0, 1] or None. `plan` : what the records of all pictures share; `paths` gives
    the files of each seed, one for each map of `stack`, of which None is stdout.
    """

    method: Mixes
    origins: Sequence[Source]
    stack: Stack
    mixes: Sequence[tuple[float, ...]]
    weight_map: np.ndarray | None
    seeds: Seeds
    plan: Record
    bits: Sequence[int]
    paths: Mapping[int, Sequence[Path | None]]


def planned(options: Options) -> Job:
    """The job that `options` describe; TextoError where it could not be done."""
    _check_kind(options)
    mixes = [chosen_weights(options.weights, len(options.sources))]
    if options.steps:
        last = options.steps - 1
        mixes = [(1 - k / last, k / last) for k in range(options.steps)]
    seeds, reading = Seeds.chosen(options.seed, options.num), Reading.of(options)
    method, origins = _opened(options)
    stack = _common_stack(origins)
    weight_map = _opened_map(options.map, reading, method)
    shape = (options.size or DEFAULT_SIZE).of(origins[0].shape)
    outputs.check_memory(shape, origins[0].channels)
    name, made = registry.name_of(method), made_with(method)
    called = name_in_files(name, made.get("random_layers"))
    paths = {seed: _outputs(options, stack, called, shape, seed) for seed in seeds}
    maps.check_names(options, paths[seeds.first])
    plan = Record(
        command="mix",
        version=__version__,
        method=name,
        settings=stored_settings.as_stored(method),
        shape=shape,
        seed=seeds.first,
        bits=8,
        deterministic=options.deterministic,
        alpha=reading.alpha,
        fit_seed=options.fit_seed or 0,
        sources=tuple(origin.path.name for origin in origins),
        source_hashes=tuple(origin.model_hash or origin.exemplar_hash for origin in origins),
        map=Path(options.map).name if weight_map is not None else None,
        map_hash=model_files.exemplar_hash(weight_map) if weight_map is not None else None,
    ).looking_through(made)
    bits = _checked_outputs(options, paths, stack)
    return Job(method, origins, stack, mixes, weight_map, seeds, plan, bits, paths)


def beside(path: Path, number: int) -> Path:
    """The file of picture `number` of the row in `path`."""
    return path.with_name(f"{path.stem.removesuffix('_steps')}_{number}{path.suffix}")


def _check_kind(options: Options) -> None:
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


def chosen_weights(given: str | None, count: int) -> tuple[float, ...]:
    """The weights of `count` textures, summing to one: as `given`, or all the same."""
    if given is None:
        return (1 / count,) * count
    what = f"--weights {given!r}"
    remedy = "give numbers such as .5,.5"
    try:
        values = [float(word) for word in given.split(",")]
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


def _opened(options: Options) -> tuple[Mixes, list[Source]]:
    """The method, and each source: a model as it is, a picture to be fitted.

    Where a model is among them, pictures are fitted with the settings of the first one.
    """
    wanted = Wanted.of(options)
    models = {
        number: source.open_model(path, wanted, {})
        for number, path in enumerate(options.sources)
        if is_model(path)
    }
    given = [origin.method for origin in models.values()]
    method = powers.require(given[0] if given else wanted.method(), Mixes, "mixes no textures")
    for origin in models.values():
        _check_same(method, origin)
    fitted = next((origin.model for origin in models.values() if origin.model is not None), None)
    fitting = method if fitted is None else method_for_others(fitted)
    others = _maps_of(options, models)
    origins = []
    for number, path in enumerate(options.sources):
        opened = models.get(number) or source.open_exemplar(
            path, options, fitting, options.fit_seed or 0, others=others[number]
        )
        origins.append(opened)
    return method, origins


def _maps_of(options: Options, models: Collection[int]) -> list[list[str]]:
    """The maps of each source: of each `--with` one for each picture, in their order."""
    pictures = [number for number in range(len(options.sources)) if number not in models]
    found: list[list[str]] = [[] for _ in options.sources]
    for each in options.maps:
        if len(each) != len(pictures):
            raise TextoError(
                "--with",
                f"names {len(each)} maps for {len(pictures)} pictures",
                "give one for each, and --with again for the next kind of map",
            )
        for number, path in zip(pictures, each, strict=True):
            found[number].append(path)
    return found


def _check_same(method: Method, origin: Source) -> None:
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


def _common_stack(origins: Sequence[Source]) -> Stack:
    """The maps of all `origins`, as the first has them; TextoError unless the others agree."""
    first = origins[0]
    for other in origins[1:]:
        if first.channels != other.channels:
            raise TextoError(
                "channels",
                f"{str(first.path)!r} has {first.channels} and {str(other.path)!r} "
                f"{other.channels}",
                "give textures of one kind, all in colour or all grey",
            )
        told = [[_told(each) for each in origin.stack.maps] for origin in (first, other)]
        if told[0] != told[1]:
            why = f"those of {str(other.path)!r} are others than those of {str(first.path)!r}"
            raise TextoError("maps", why, "give maps of the same kinds and ranges in one order")
    bits = [max(o.stack.maps[k].bits for o in origins) for k in range(len(first.stack.maps))]
    pairs = zip(first.stack.maps, bits, strict=True)
    return Stack(tuple(dataclasses.replace(each, bits=depth) for each, depth in pairs))


def _told(each: Map) -> tuple[int, float, Meaning]:
    return each.channels, each.weight, each.meaning


def _opened_map(path: str | None, reading: Reading, method: Mixes) -> np.ndarray | None:
    """The weight map (H, W) of `--map`, float32 in [0, 1], or None."""
    if path is None:
        return None
    what = f"map {path!r}"
    if not isinstance(method, MixesAlong):
        why = f"{registry.name_of(method)!r} does not vary a mix over a picture"
        able = ", ".join(powers.methods_with(MixesAlong))
        raise TextoError(what, why, f"use {able}, or --weights")
    if is_model(path):
        raise TextoError(what, "is a model", "give a grey picture, black is A, white is B")
    return reading.open(path).pixels.mean(axis=2)


def _outputs(
    options: Options, stack: Stack, method: str, shape: tuple[int, int], seed: int
) -> list[Path | None]:
    """The file of each map, or of the model."""
    if options.output == "-":
        return [None] * len(stack.maps)
    stem = "-".join(outputs.safe_stem(path) for path in options.sources)
    stem = stem.encode()[:_MAX_STEM].decode("utf-8", "ignore")
    stems = [stem, *(outputs.safe_stem(each.name) for each in stack.maps[1:])]
    fields = {"method": method, "size": written(shape), "seed": seed}
    default = DEFAULT_ROW if options.steps else DEFAULT_NAME
    paths: list[Path | None] = [
        outputs.output_path(options.output, default + suffix, {"stem": name, **fields})
        for name, suffix in zip(maps.distinct(stems), maps.suffixes_of(stack), strict=True)
    ]
    return paths[:1] if is_saved(paths[0]) else paths


def is_saved(path: Path | None) -> bool:
    """Whether the output `path` is a model."""
    return path is not None and path.suffix.lower() == MODEL


def _checked_outputs(
    options: Options, paths: Mapping[int, Sequence[Path | None]], stack: Stack
) -> list[int]:
    """The bits of each map; TextoError where something could not be written later."""
    first = next(iter(paths.values()))
    named = [path for each in options.maps for path in each]
    inputs = [*options.sources, *named, *([options.map] if options.map else [])]
    files = [each for several in paths.values() for each in several if each]
    if options.steps:
        files += [beside(p, k) for p in list(files) for k in range(1, options.steps + 1)]
    if is_saved(first[0]):
        _check_saved(options)
        outputs.check_outputs(files, inputs, options)
        return [8]
    bits = maps.depths(stack, first, given=options.bits)
    outputs.check_stdout(options, (options.steps or 1) * options.num * len(first))
    outputs.check_outputs(files, inputs, options)
    return bits


def _check_saved(options: Options) -> None:
    """TextoError for options that a model has no use for."""
    for name in ("steps", "map", "size", "bits"):
        if getattr(options, name) is not None:
            raise TextoError(f"--{name}", "is for pictures, the output is a model", "leave it out")
    if options.num > 1:
        raise TextoError("--num", "is for pictures, the output is a model", "leave it out")
