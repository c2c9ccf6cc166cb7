"""What `texto synth` is asked to do, checked before anything is computed."""

from __future__ import annotations

import dataclasses
import itertools
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

from .. import __version__
from ..core import registry
from ..core.contract import ShowsSources
from ..core.errors import TextoError, TextoWarning
from ..io import records, stored_settings
from ..io.records import Record
from . import maps, outputs, source
from .options import Options
from .powers import require
from .reading import is_model
from .running import Seeds
from .source import Source
from .values import Size, written
from .wanted import Wanted, name_in_files

DEFAULT_SIZE = Size(scale=2.0)


@dataclasses.dataclass(frozen=True, eq=False)
class Job:
    """Everything about a run that is known before it.

    Each picture has a record and a path for every file it becomes: one, or one for each map.
    """

    origin: Source
    seeds: Seeds
    records: Sequence[Sequence[Record]]
    paths: Sequence[Sequence[Path | None]]  # None is stdout
    plots: Sequence[Path | None]  # None is no curve
    shown: Sequence[Path | None]  # files of the sources; None is no such file


def planned(options: Options) -> Job:
    """The job that `options` describe; TextoError where it could not be done."""
    repeated = records.read(options.repeat) if options.repeat else None
    seeds = chosen_seeds(options, repeated)
    origin = opened(options, repeated)
    shape = _chosen_shape(options, repeated, origin)
    outputs.check_memory(shape, origin.channels)
    made = weights_of(origin, repeated)
    called = name_in_files(registry.name_of(origin.method), made.get("random_layers"))
    paths = [output(options, origin, called, shape, seed) for seed in seeds]
    maps.check_names(options, paths[0])
    bits = maps.depths(origin.stack, paths[0], given=options.bits, repeated=repeated)
    plots = [plot_path(files[0]) if options.plot else None for files in paths]
    shown = [_sources_path(files, origin) if options.show_sources else None for files in paths]
    inputs = [origin.path, *origin.others, *filter(None, [options.repeat, options.ignore])]
    check_outputs(options, [*itertools.chain(*paths)], [*plots, *shown], inputs)
    plan = record_of(origin, shape, seeds.first, bits[0], options, repeated)
    plan = dataclasses.replace(plan, fit_seed=origin.fit_seed).looking_through(made)
    plans = [dataclasses.replace(plan, seed=seed) for seed in seeds]
    files = [maps.record_of(each, origin.stack, bits) for each in plans]
    return Job(origin, seeds, files, paths, plots, shown)


def record_of(
    origin: Source,
    shape: tuple[int, int],
    seed: int,
    bits: int,
    options: Options,
    repeated: Record | None,
) -> Record:
    """What is known of a picture of `shape` made from `origin`, but for its weights."""
    return Record(
        version=__version__,
        method=registry.name_of(origin.method),
        settings=stored_settings.as_stored(origin.method),
        shape=shape,
        seed=seed,
        bits=bits,
        deterministic=options.deterministic or bool(repeated and repeated.deterministic),
        alpha=origin.alpha,
        exemplar=origin.exemplar_name,
        exemplar_hash=origin.exemplar_hash,
        model=origin.path.name if origin.model is not None else None,
        model_hash=origin.model_hash,
        ignore=origin.ignored.name if origin.ignored else None,
        ignore_hash=origin.ignored.sha256 if origin.ignored else None,
    )


def _sources_path(files: Sequence[Path | None], origin: Source) -> Path:
    """Where the sources of the picture `files` go; TextoError where there are none to show."""
    lack = "does not say which pixel of the exemplar is where"
    require(origin.method, ShowsSources, lack).check_sources(origin.model)
    if len(origin.stack.maps) > 1:
        raise TextoError("--show-sources", "is for one picture, not for maps", "leave out --with")
    if files[0] is None:
        raise TextoError(
            "--show-sources", "needs a file to go beside", "name a file or folder with -o"
        )
    return files[0].with_name(f"{files[0].stem}_sources.png")


def plot_path(path: Path | None) -> Path | None:
    """Where the loss curve of the picture `path` goes."""
    return path and path.with_name(f"{path.stem}_loss.png")


def check_outputs(
    options: Options,
    paths: Sequence[Path | None],
    plots: Sequence[Path | None],
    inputs: Sequence[str | Path],
) -> None:
    """Raise TextoError where a picture or a curve could not be written later."""
    if options.plot and options.output == "-":
        raise TextoError("--plot", "needs a file to go beside", "name a file or folder with -o")
    outputs.check_stdout(options, len(paths))
    files = [path for path in [*paths, *plots] if path]
    outputs.check_outputs(files, inputs, options)


def opened(options: Options, repeated: Record | None) -> Source:
    """The exemplar or model that the options name, or that the picture to repeat was made from."""
    path = options.source
    if path is None:
        if repeated is None:
            raise TextoError("EXEMPLAR|MODEL", "is missing", "name a picture or a model")
        path = records.find_source(repeated, options.repeat)
    if repeated is not None:
        _note_version(repeated)
    if is_model(path):
        origin = _opened_model(path, options, repeated)
    else:
        stored = (repeated.method, repeated.settings) if repeated else None
        method = Wanted.of(options).method(stored)
        origin = source.open_exemplar(path, options, method, fit_seed(options, repeated), repeated)
    if repeated and not _same_origin(origin, repeated):
        warnings.warn(
            f"{path!s} is not what the picture was made from: the result will be another",
            TextoWarning,
            stacklevel=2,
        )
    return origin


def _opened_model(path: str | Path, options: Options, repeated: Record | None) -> Source:
    maps.refuse_for_models(options)
    if options.fit_seed is not None:
        raise TextoError("--fit-seed", "a model is fitted already", "leave it out")
    if options.ignore is not None:
        raise TextoError("--ignore", "a model is fitted already", "leave it out")
    settings = repeated.settings if repeated else {}
    origin = source.open_model(path, Wanted.of(options), settings)
    if repeated and registry.name_of(origin.method) != repeated.method:
        raise TextoError(
            f"model {str(path)!r}",
            f"is not a {repeated.method!r} model, as --from needs",
            "give the model that the picture was made from",
        )
    return origin


def weights_of(origin: Source, repeated: Record | None) -> Mapping[str, str]:
    """What a record says about the network's weights; TextoError where they are missing."""
    made = source.weights_of(origin)
    if repeated and repeated.network_weights and repeated.looking_through(made) != repeated:
        warnings.warn(
            f"the weights {made.get('network_weights')!r} are not those of the picture, "
            f"{repeated.network_weights!r}: the result will be another",
            TextoWarning,
            stacklevel=2,
        )
    return made


def _same_origin(origin: Source, repeated: Record) -> bool:
    """Whether `origin` gives the model that the picture to repeat was made from."""
    if repeated.layout:  # weights may be others, as settings may
        hashes = [[each.sha256 for each in stack.maps] for stack in (origin.stack, repeated.layout)]
        if hashes[0] != hashes[1]:
            return False
    elif origin.exemplar_hash != repeated.exemplar_hash:
        return False
    if origin.model is None:
        return True
    if repeated.model_hash:
        return origin.model_hash == repeated.model_hash
    return origin.fit_seed == repeated.fit_seed


def fit_seed(options: Options, repeated: Record | None) -> int:
    """The seed of a fit, which is none of the pictures': as given, as repeated, or 0."""
    if options.fit_seed is not None:
        return options.fit_seed
    if repeated is None:
        return 0
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


def chosen_seeds(options: Options, repeated: Record | None) -> Seeds:
    """The seeds of the pictures: from the one given on, or the one stored, or a drawn one."""
    given = repeated.seed if repeated is not None and options.seed is None else options.seed
    return Seeds.chosen(given, options.num)


def _chosen_shape(options: Options, repeated: Record | None, origin: Source) -> tuple[int, int]:
    if options.size is None and repeated is not None:
        return repeated.shape
    return (options.size or DEFAULT_SIZE).of(origin.shape)


def output(
    options: Options, origin: Source, method: str, shape: tuple[int, int], seed: int
) -> list[Path | None]:
    """The file of each map of a picture, named as `-o` or the default say; None: stdout."""
    if options.output == "-":
        return [None] * len(origin.stack.maps)
    names = [each.name for each in origin.stack.maps]
    if len(names) == 1:
        names = [str(origin.path)]
    stems = maps.distinct([outputs.safe_stem(name) for name in names])
    fields = {"method": method, "size": written(shape), "seed": seed}
    return [
        outputs.output_path(
            options.output, outputs.DEFAULT_PICTURE + suffix, {"stem": stem, **fields}
        )
        for stem, suffix in zip(stems, maps.suffixes_of(origin.stack), strict=True)
    ]
