"""What `texto synth` is asked to do, checked before anything is computed."""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .. import __version__
from ..core import registry
from ..core.errors import TextoError, TextoWarning
from ..io import model_files, records
from ..io.records import Record
from . import maps, outputs, source
from .running import chosen_seed
from .values import Size

DEFAULT_SIZE = Size(scale=2.0)


@dataclasses.dataclass(frozen=True, eq=False)
class Job:
    """Everything about a run that is known before it.

    Each picture has a record and a path for every file it becomes: one, or one for each map.
    """

    origin: source.Source
    records: Sequence[Sequence[Record]]
    paths: Sequence[Sequence[Path | None]]  # None is stdout
    plots: Sequence[Path | None]  # None is no curve


def planned(options: argparse.Namespace) -> Job:
    """The job that `options` describe; TextoError where it could not be done."""
    repeated = records.read(options.repeat) if options.repeat else None
    first = first_seed(options, repeated)
    origin = opened(options, repeated, first)
    size = _chosen_size(options, repeated, origin)
    outputs.check_memory(*size, origin.exemplar.shape[2])
    name, made = registry.name_of(origin.method), weights_of(origin, repeated)
    stems, seeds = maps.stems_of(origin), range(first, first + options.num)
    called = source.name_in_files(name, made)
    paths = [[output(options, stem, called, size, seed) for stem in stems] for seed in seeds]
    maps.check_names(options, paths[0])
    bits = checked_bits(options, repeated, origin, paths[0])
    if options.plot and options.output == "-":
        raise TextoError("--plot", "needs a file to go beside", "name a file or folder with -o")
    outputs.check_stdout(options, options.num * len(stems))
    inputs = [origin.path, *origin.others, *([options.repeat] if options.repeat else [])]
    plots = [plot_path(files[0]) if options.plot else None for files in paths]
    written = [path for path in [*itertools.chain(*paths), *plots] if path]
    outputs.check_outputs(written, inputs, force=options.force)
    plan = Record(
        method=name,
        settings=model_files.stored_settings(origin.method),
        size=size,
        seed=first,
        fit_seed=origin.fit_seed,
        bits=bits[0],
        deterministic=options.deterministic or bool(repeated and repeated.deterministic),
        **origin.names,
        **made,
    )
    plans = [dataclasses.replace(plan, seed=seed) for seed in seeds]
    return Job(origin, [maps.record_of(each, origin.stack, bits) for each in plans], paths, plots)


def plot_path(path: Path | None) -> Path | None:
    """Where the loss curve of the picture `path` goes."""
    return path and path.with_name(f"{path.stem}_loss.png")


def opened(options: argparse.Namespace, repeated: Record | None, seed: int) -> source.Source:
    """The exemplar or model that the options name, or that the picture to repeat was made from."""
    path = options.source
    if path is None:
        if repeated is None:
            raise TextoError("EXEMPLAR|MODEL", "is missing", "name a picture or a model")
        path = records.find_source(repeated, options.repeat)
    if repeated is not None:
        options.alpha = options.alpha or repeated.alpha
        _note_version(repeated)
    if source.is_model(path):
        maps.refuse_for_models(options)
        settings = repeated.settings if repeated else {}
        origin = source.open_model(path, options, settings, maps=True)
        if repeated and registry.name_of(origin.method) != repeated.method:
            raise TextoError(
                f"model {str(path)!r}",
                f"is not a {repeated.method!r} model, as --from needs",
                "give the model that the picture was made from",
            )
    else:
        stored = (repeated.method, repeated.settings) if repeated else None
        fit_seed = _fit_seed(repeated, seed)
        method = source.build_method(options, stored)
        origin = maps.open_exemplar(path, options, method, fit_seed, repeated)
    if repeated and not _same_origin(origin, repeated):
        warnings.warn(
            f"{path!s} is not what the picture was made from: the result will be another",
            TextoWarning,
            stacklevel=2,
        )
    return origin


def weights_of(origin: source.Source, repeated: Record | None) -> Mapping[str, Any]:
    """What a record says about the network's weights; TextoError where they are missing."""
    made = source.weights_of(origin)
    before = {key: getattr(repeated, key, None) for key in model_files.MADE_WITH}
    if any(before.values()) and before != {key: made.get(key) for key in before}:
        warnings.warn(
            f"the weights {made.get('network_weights')!r} are not those of the picture, "
            f"{before['network_weights']!r}: the result will be another",
            TextoWarning,
            stacklevel=2,
        )
    return made


def _same_origin(origin: source.Source, repeated: Record) -> bool:
    """Whether `origin` gives the model that the picture to repeat was made from."""
    if origin.stack and repeated.layout:  # weights may be others, as settings may
        hashes = [[each.sha256 for each in stack.maps] for stack in (origin.stack, repeated.layout)]
        if hashes[0] != hashes[1]:
            return False
    elif origin.names["exemplar_hash"] != repeated.exemplar_hash:
        return False
    if origin.model is None:
        return True
    if repeated.model_hash:
        return origin.names["model_hash"] == repeated.model_hash
    return origin.fit_seed == repeated.fit_seed


def _fit_seed(repeated: Record | None, seed: int) -> int:
    if repeated is None:
        return seed
    if repeated.fit_seed is None:
        raise TextoError(
            "--from",
            f"the picture was made from the model {repeated.model!r}, fitted with unknown seed",
            "give that model",
        )
    return repeated.fit_seed


def _note_version(repeated: Record) -> None:
    if repeated.version != __version__:
        warnings.warn(
            f"the picture was made by texto {repeated.version}, this is {__version__}: "
            "the pixels may differ",
            TextoWarning,
            stacklevel=2,
        )


def first_seed(options: argparse.Namespace, repeated: Record | None) -> int:
    """The seed of the first picture: as given, as stored, or drawn."""
    if repeated is not None and options.seed is None:
        options.seed = repeated.seed
    return chosen_seed(options, options.num)


def _chosen_size(
    options: argparse.Namespace, repeated: Record | None, origin: source.Source
) -> tuple[int, int]:
    if options.size is None and repeated is not None:
        return repeated.size
    height, width, _ = origin.exemplar.shape
    return (options.size or DEFAULT_SIZE).of((width, height))


def checked_bits(
    options: argparse.Namespace,
    repeated: Record | None,
    origin: source.Source,
    paths: Sequence[Path | None],
) -> list[int]:
    """The bits of each file that a picture becomes; TextoError where its format lacks them."""
    if origin.stack is None:
        bits = [_chosen_bits(options, repeated, origin, paths[0])]
        outputs.check_format(paths[0], bits[0], origin.exemplar.shape[2])
        return bits
    bits = maps.chosen_bits(options.bits, repeated, origin.stack, paths)
    for path, depth, each in zip(paths, bits, origin.stack.maps, strict=True):
        outputs.check_format(path, depth, each.channels)
    return bits


def _chosen_bits(
    options: argparse.Namespace, repeated: Record | None, origin: source.Source, path: Path | None
) -> int:
    if options.bits is not None:
        return options.bits
    if repeated is not None:
        return repeated.bits
    deep = path is None or path.suffix.lower() in outputs.DEEP
    return 16 if origin.bits > 8 and deep else 8


def output(
    options: argparse.Namespace,
    stem: str,
    method: str,
    size: tuple[int, int],
    seed: int,
) -> Path | None:
    """The file of a picture, named as `-o` or the default say; None: stdout."""
    if options.output == "-":
        return None
    fields = {
        "stem": stem,
        "method": method,
        "size": f"{size[0]}x{size[1]}",
        "seed": seed,
    }
    return outputs.output_path(options.output, outputs.DEFAULT_PICTURE, fields)
