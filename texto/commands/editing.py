"""What the commands that change a part of a picture share: the rest keeps its bits."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .. import __version__
from ..core.choices import Alpha
from ..core.contract import Method
from ..core.errors import TextoError
from ..io import stored_settings
from ..io.codecs.samples import Metadata
from ..io.records import Record
from . import containers, maps, outputs
from .maps import PictureSet
from .options import Options
from .reading import Reading
from .running import Seeds
from .values import written
from .wanted import made_with, name_in_files

if TYPE_CHECKING:
    from ..editing.recoloring import Recoloring


@dataclasses.dataclass(frozen=True, eq=False)
class Target:
    """The files that the pictures of a set become, one for each map, by seed; None is stdout.

    `bits` and `metadata` : of each map's file. `plan` : what all records share.
    """

    given: PictureSet
    plan: Record
    paths: Mapping[int, Sequence[Path | None]]
    bits: Sequence[int]
    metadata: Sequence[Metadata]

    @property
    def files(self) -> list[Path]:
        """All of them that are files."""
        return [path for several in self.paths.values() for path in several if path]

    def write(
        self, values: Sequence[np.ndarray], seed: int, text: Mapping[str, str]
    ) -> list[Record]:
        """Write `values`, (H, W, C_i) for each map as they are stored; the records in them."""
        plan = dataclasses.replace(self.plan, seed=seed)
        files = maps.record_of(plan, self.given.stack, self.bits)
        for image, path, record, metadata, each in zip(
            values, self.paths[seed], files, self.metadata, self.given.stack.maps, strict=True
        ):
            containers.write_picture(
                image,
                path,
                bits=record.bits,
                text={**record.text(), **text},
                meaning=each.meaning,
                metadata=metadata,
            )
        return files


def opened(options: Options, *, alpha: Alpha | None = None) -> PictureSet:
    """The picture and its maps, in their own colours; `alpha` in place of `--alpha`."""
    return maps.opened(options.source, options, own=True, alpha=alpha)


def record_of(
    command: str,
    options: Options,
    name: str,
    method: Method | Recoloring | None,
    given: PictureSet,
    seed: int,
) -> Record:
    """What the records of all pictures of a run share; `method` : what is called `name`."""
    return Record(
        command=command,
        version=__version__,
        method=name,
        settings=stored_settings.as_stored(method) if method else {},
        shape=given.shape,
        seed=seed,
        bits=8,
        deterministic=options.deterministic,
        alpha=Reading.of(options).alpha,
        image=Path(options.source).name,
        image_hash=given.sha256,
    ).looking_through(made_with(method))


def target(
    options: Options,
    default: str,
    given: PictureSet,
    plan: Record,
    seeds: Seeds,
    *,
    bits: int | None = None,
    keeps: bool = True,
    more: Mapping[str, str] | None = None,
) -> Target:
    """The files, named as `-o` or `default` say with `more` fields.

    TextoError where they could not hold what they should.
    """
    fields = {
        "method": name_in_files(plan.method, plan.random_layers),
        "size": written(plan.shape),
        **(more or {}),
    }
    stems = maps.distinct([outputs.safe_stem(path) for path in given.paths])
    suffixes = maps.suffixes_of(given.stack)
    paths: dict[int, list[Path | None]] = {}
    for seed in seeds:
        paths[seed] = [
            None
            if options.output == "-"
            else outputs.output_path(
                options.output, default + suffix, {"stem": stem, **fields, "seed": seed}
            )
            for stem, suffix in zip(stems, suffixes, strict=True)
        ]
    first = paths[seeds.first]
    maps.check_names(options, first)
    depths = maps.depths(given.stack, first, given=bits, keeps=keeps)
    kept = [
        containers.kept_metadata(path, picture.metadata, strip=options.strip)
        for path, picture in zip(first, given.pictures, strict=True)
    ]
    outputs.check_stdout(options, len(seeds) * len(first))
    return Target(given, plan, paths, depths, kept)


@contextlib.contextmanager
def told_memory() -> Iterator[None]:
    """Memory that runs out inside the block is told as a TextoError."""
    try:
        yield
    except MemoryError as error:
        why = str(error) or "there is not enough for this picture"
        raise TextoError("memory", why, "scale the picture down, or change less of it") from error


def percent(share: float) -> str:
    """`share` of 1 in words, with two figures where it is small."""
    return f"{100 * share:.1f} %" if share >= 1e-3 else f"{100 * share:.2g} %"
