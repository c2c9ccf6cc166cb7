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
from .options import Options
from .values import written

DEFAULT_PICTURE = "{stem}_{method}_{size}_s{seed}"
DEFAULT_MODEL = "{stem}_{method}.safetensors"
_MAX_STEM = 120  # bytes: leaves room for the rest of a name within 255
_BYTES_PER_VALUE = 4 * 6  # float32; a 4096 x 4096 synthesis peaked at 18 bytes a value


def output_path(template: str | None, default: str, fields: Mapping[str, object]) -> Path:
    """The file that `template` names: a folder takes the `default` name, {fields} are filled in."""
    if template is None:
        return Path(_filled(default, fields))
    filled = _filled(template, fields)
    separators = tuple(filter(None, (os.sep, os.altsep)))
    if filled.endswith(separators) or os.path.isdir(filled):
        return Path(filled) / _filled(default, fields)
    if not filled:
        raise TextoError("-o/--output", "is empty", "name a file or a folder")
    return Path(filled)


def safe_stem(path: str | os.PathLike) -> str:
    """The stem of `path` made fit for a file name on any system, at most 120 bytes."""
    stem = Path(path).stem.encode("utf-8", "replace").decode("utf-8")
    stem = "".join(c if c.isprintable() else "_" for c in stem)
    stem = re.sub(r'[<>:"/\\|?*{}]', "_", stem).strip(" ")
    stem = re.sub(r"^[-.~]+", "_", stem)
    return stem.encode()[:_MAX_STEM].decode("utf-8", "ignore") or "texture"


def check_outputs(
    outputs: Sequence[Path], inputs: Iterable[str | os.PathLike], *, force: bool
) -> None:
    """Raise TextoError where an output could not be written, or would replace an input."""
    taken = {os.path.realpath(path): path for path in inputs}
    seen = set()
    for path in outputs:
        real = os.path.realpath(path)
        if real in taken or _same_as_one(real, taken):
            raise TextoError(
                f"output {str(path)!r}", "is also an input", "choose another name with -o"
            )
        if real in seen:
            raise TextoError(
                f"output {str(path)!r}",
                "would be written more than once",
                "put {seed} into the name, as in -o 'more_{seed}.png'",
            )
        seen.add(real)
        check_writable(path, force=force)


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


def _filled(template: str, fields: Mapping[str, object]) -> str:
    def value(match: re.Match) -> str:
        name = match[1]
        if name not in fields:
            known = " ".join(f"{{{field}}}" for field in fields)
            raise TextoError(f"-o {template!r}", f"{{{name}}} is no field", f"use {known}")
        return str(fields[name])

    return re.sub(r"\{(\w*)\}", value, template)


def _same_as_one(real: str, taken: Iterable[str]) -> bool:
    if not os.path.exists(real):
        return False
    return any(os.path.exists(path) and os.path.samefile(real, path) for path in taken)


def _gib(size: int) -> str:
    return f"{size / 2**30:,.3g} GiB" if size < 2**40 else f"{size / 2**30:,.0f} GiB"
