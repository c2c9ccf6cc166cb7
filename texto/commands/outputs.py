"""Names of the files to write, and the checks before anything is computed."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from ..core import memory
from ..core.errors import TextoError
from ..io.files import check_writable
from . import existing, stages
from .options import Options
from .values import written

DEFAULT_PICTURE = "{stem}_{method}_{size}_s{seed}"
DEFAULT_MODEL = "{stem}_{method}.safetensors"
_MAX_STEM = 120  # bytes: leaves room for the rest of a name within 255
_FIELD = re.compile(r"\{\{|\}\}|\{(\w*)\}")
_BYTES_PER_VALUE = 4 * 6  # float32; a 4096 x 4096 synthesis peaked at 18 bytes a value


def output_path(template: str | None, default: str, fields: Mapping[str, object]) -> Path:
    """The file that `template` names: a folder takes the `default` name, {fields} are filled in.

    Two braces are one that belongs to the name.
    """
    if template is None:
        return Path(_filled(default, fields))
    filled = _filled(template, fields)
    if is_folder(filled):
        return Path(filled) / _filled(default, fields)
    if not filled:
        raise TextoError("-o/--output", "is empty", "name a file or a folder")
    return Path(filled)


def is_folder(name: str) -> bool:
    """Whether the output `name` is a folder, or says at its end that it shall be one."""
    separators = tuple(filter(None, (os.sep, os.altsep)))
    return name.endswith(separators) or os.path.isdir(name)


def safe_stem(path: str | os.PathLike) -> str:
    """The stem of `path` made fit for a file name on any system, at most 120 bytes."""
    stem = Path(path).stem.encode("utf-8", "replace").decode("utf-8")
    stem = "".join(c if c.isprintable() else "_" for c in stem)
    stem = re.sub(r'[<>:"/\\|?*{}]', "_", stem).strip(" ")
    stem = re.sub(r"^[-.~]+", "_", stem)
    return stem.encode()[:_MAX_STEM].decode("utf-8", "ignore") or "texture"


def check_outputs(
    outputs: Sequence[Path],
    inputs: Iterable[str | os.PathLike],
    options: Options,
    *,
    named: Mapping[Path, str] | None = None,
) -> None:
    """Raise TextoError where an output could not be written, or would replace an input.

    `named` : the options that named those outputs that `-o` does not. AllThere is raised where
    there is nothing left to do.
    """
    stages.reached(options, "writing", outputs)
    force = options.force or existing.all_or_force(outputs, options)
    taken = {os.path.realpath(path): path for path in inputs}
    seen = set()
    for path in outputs:
        real, option = os.path.realpath(path), (named or {}).get(path)
        what = f"{option or 'output'} {str(path)!r}"
        others = vars(options).get("taken", ())  # what other pictures of the run are made from
        if real in taken or real in others or _same_as_one(real, taken):
            remedy = f"choose another name with {option or '-o'}"
            raise TextoError(what, "is also an input", remedy)
        if real in seen:
            remedy = f"choose another name with {option}"
            if option is None:
                remedy = "put {seed} into the name, as in -o 'more_{seed}.png'"
            raise TextoError(what, "would be written more than once", remedy)
        seen.add(real)
        check_writable(path, force=force, option=option or "output")


def check_skipping(options: Options) -> None:
    """TextoError where `--skip-existing` could not pass over anything."""
    what, template = "--skip-existing", options.output
    if options.force:
        raise TextoError(f"{what} and --force", "exclude each other", "give one of them")
    if template == "-":
        raise TextoError(what, "stdout is no file", "name a folder with -o")
    by_default = template is None or is_folder(template)
    fields = fields_in(DEFAULT_MODEL) if options.command == "fit" else {"seed"}
    if options.seed is None and "seed" in (fields if by_default else fields_in(template)):
        why = "the names hold the seed, and a seed that is drawn is always another"
        raise TextoError(what, why, "give --seed, or a name without {seed}")


def check_stdout(options: Options, pictures: int = 1) -> None:
    """Raise TextoError where `-o -` is given and `pictures` cannot go to stdout."""
    if options.output != "-":
        return
    if pictures > 1:
        raise TextoError("-o -", f"stdout takes one picture, not {pictures}", "name a folder")
    if options.json:
        raise TextoError("--json", "would mix with the picture on stdout", "name a file with -o")
    if sys.stdout is None or sys.stdout.isatty():
        raise TextoError("-o -", "stdout is closed or a terminal", "redirect it, or name a file")


def check_memory(
    shape: tuple[int, int], channels: int, remedy: str = "choose a smaller size with -s"
) -> None:
    """Raise TextoError where a picture of `shape` (height, width) needs more than there is."""
    need = shape[0] * shape[1] * channels * _BYTES_PER_VALUE
    have = memory.available()
    if need > have:
        raise TextoError(
            f"size {written(shape)}",
            f"needs about {_gib(need)} of memory, and {_gib(have)} are available",
            remedy,
        )


def fields_in(template: str) -> set[str]:
    """The fields that `template` has."""
    return {match[1] for match in _FIELD.finditer(template) if match[1] is not None}


def _filled(template: str, fields: Mapping[str, object]) -> str:
    def value(match: re.Match) -> str:
        name = match[1]
        if name is None:  # a brace that is escaped
            return match[0][0]
        if name not in fields:
            known = " ".join(f"{{{field}}}" for field in fields)
            raise TextoError(f"-o {template!r}", f"{{{name}}} is no field", f"use {known}")
        return str(fields[name])

    return _FIELD.sub(value, template)


def _same_as_one(real: str, taken: Iterable[str]) -> bool:
    if not os.path.exists(real):
        return False
    return any(os.path.exists(path) and os.path.samefile(real, path) for path in taken)


def _gib(size: int) -> str:
    return f"{size / 2**30:,.3g} GiB" if size < 2**40 else f"{size / 2**30:,.0f} GiB"
