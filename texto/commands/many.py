"""Several pictures, or folders of them, where a command takes one: each is done for itself.

What the options alone get wrong, and outputs that two pictures would share, are refused at the
start; what is wrong with one picture is told at the end, and all others are done.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
import warnings
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from ..core.errors import TextoError
from ..io import files
from . import console, containers, outputs, stages
from .gathered import Piece, gathered
from .options import Options
from .reading import Reading, is_model
from .running import Seeds
from .signals import Interrupted
from .workers import End, attempt_all

_ONE = {  # options that name the file of one picture
    "checkpoint": "--checkpoint",
    "preview": "--preview",
    "figure": "--figure",
    "repeat": "--from",
}
_SHARED = ("like", "guide", "mask", "source_mask", "ignore")  # pictures that all have in common
_BY_NAME = ("mask", "source_mask", "ignore")  # these may be folders with one for each
_DERIVED = re.compile(r"(_2x2|_loss|_sources)+$")  # what files beside an output are called


def run(options: Options) -> int:
    """Check everything, then run the command for each picture; the exit code."""
    _refuse_what_is_for_one(options)
    pieces = gathered(options.pictures, models=options.command == "synth")
    seeds = Seeds.chosen(options.seed, vars(options).get("num", 1))
    options = options.but(seed=seeds.first)
    folder = _checked_output(options)
    _refuse_folder_that_is_read(options, folder)
    _check_options(options, pieces)
    matched = {key: _by_stem(vars(options).get(key)) for key in _BY_NAME}
    tasks = [_changes(options, piece, matched) for piece in pieces]
    _refuse_shared_outputs(options, pieces, tasks)
    told = _Told(options, pieces)
    taken = {os.path.realpath(path): path for piece in pieces for path in piece.files}
    with _made(folder):
        try:
            attempt_all(options.but(taken=taken), tasks, options.jobs, told.hear)
        except Interrupted as stop:
            done = len(told.ends)
            again = f"--seed {seeds.first} --skip-existing" if done else ""
            stop.advice = again and f"{done} of {len(pieces)} are done, go on with {again}"
            if folder is not None:
                files.remove_stale(folder)
            raise
    seeds.tell(quiet=options.quiet)
    return told.concluded(seeds.first)


class _Told:
    """What is told of the pictures, on the way and at the end."""

    def __init__(self, options: Options, pieces: Sequence[Piece]):
        self.options, self.pieces = options, pieces
        self.ends: dict[int, End] = {}
        self.documents: dict[int, Any] = {}
        self.notes: dict[str, list[str]] = {}

    def hear(self, number: int, kind: str, what: Any) -> None:
        """Print what is said of the picture `number`, or keep it for the end."""
        source = self.pieces[number].source
        if kind == "line":
            console.say(what)
        elif kind == "json":
            self.documents[number] = what
        elif kind == "aside":
            self._aside(source, what.removeprefix("texto: "))
        else:
            self.ends[number] = what
            if what.how == "there" and self.options.verbose:
                self._aside(source, "all its files are there, it is passed over")

    def _aside(self, source: str, text: str) -> None:
        """Tell `text` of the picture `source`; a note of several at once, the others at the end."""
        if text.startswith(("note: ", "warning: ")):
            others = self.notes.setdefault(text, [])
            others.append(source)
            if len(others) > 1:
                return
        about = "" if source in text else f"{source}: "
        console.complain(f"texto: {about}{text}")

    def _same_notes(self) -> None:
        """Tell which notes are true of more pictures than the one they were told of."""
        for text, (first, *others) in self.notes.items():
            if others:
                told = others[0] if len(others) == 1 else f"{len(others)} others"
                console.complain(f"texto: {text} ({first}, and {told})")

    def concluded(self, seed: int) -> int:
        """Print the one document of all, and what failed; the exit code."""
        of = {
            how: [k for k, end in sorted(self.ends.items()) if end.how == how]
            for how in ("done", "there", "failed")
        }
        self._same_notes()
        lines = {k: self._failure(k) for k in of["failed"]}
        if self.options.json:
            names = [piece.source for piece in self.pieces]
            console.say_json(
                {
                    "pictures": [{"source": names[k], **self.documents[k]} for k in of["done"]],
                    "skipped": [names[k] for k in of["there"]],
                    "failed": [{"source": names[k], "error": line} for k, line in lines.items()],
                    "seed": seed,
                }
            )
        for line in lines.values():
            console.complain(f"texto: error: {line}")
        codes = {self.ends[k].code for k in of["failed"]}
        return min(codes, default=0)  # a bug of ours is 1, and tells more than 2

    def _failure(self, number: int) -> str:
        line, source = self.ends[number].line, self.pieces[number].source
        return line if source in line else f"{source!r}: {line}"


# Before anything is computed


def _refuse_what_is_for_one(options: Options) -> None:
    if options.maps:
        why = "names the maps of one picture, and several are given"
        raise TextoError("--with", why, "leave it out: maps are found by what they are called")
    for key, option in _ONE.items():
        if vars(options).get(key) is not None:
            why = "is for one picture, and several are given"
            raise TextoError(option, why, "leave it out, or name one picture")


def _checked_output(options: Options) -> Path | None:
    """The folder that all outputs go to, None where each may have another."""
    template = options.output
    if template is None:
        return Path()
    what = f"-o {template!r}"
    if template == "-":
        raise TextoError(what, "stdout takes one picture, and several are given", "name a folder")
    fields, is_fit = outputs.fields_in(template), options.command == "fit"
    known = {"stem", "method"} if is_fit else {"stem", "method", "size", "seed"}
    known |= {"like"} if options.command == "recolor" else set()
    named = outputs.output_path(template, "{stem}.png", {key: key for key in sorted(known)})
    if not outputs.is_folder(template):
        if "stem" not in fields:
            remedy = "name a folder, with a / at its end if it is to be made, or put {stem} into it"
            raise TextoError(what, "names one file for several pictures", remedy)
        if vars(options).get("num", 1) > 1 and "seed" not in fields:
            raise TextoError(what, "names one file for several seeds", "put {seed} into it")
        if not is_fit:
            containers.check_suffix(named)
    if outputs.fields_in(os.path.dirname(template)):
        return None
    folder = named.parent
    if not folder.is_dir() and not (outputs.is_folder(template) and folder.parent.is_dir()):
        raise TextoError(what, "its folder does not exist", "create the folder first")
    return folder


def _refuse_folder_that_is_read(options: Options, folder: Path | None) -> None:
    read = {os.path.realpath(path): path for path in options.pictures if os.path.isdir(path)}
    if folder is not None and (real := os.path.realpath(folder)) in read:
        why = "is where the results would go, and the next time they would be pictures to work on"
        raise TextoError(f"folder {read[real]!r}", why, "name another folder with -o")


def _check_options(options: Options, pieces: Sequence[Piece]) -> None:
    """TextoError for what is wrong with the options, or with a picture that all have in common."""
    first = next((piece for piece in pieces if not is_model(piece.source)), None)
    if first is not None:
        kind = None if "," in (options.kind or "") else options.kind  # of a set, perhaps
        alone = options.but(source=first.source, kind=kind, weights_per_map=None, until="opening")
        with contextlib.suppress(stages.Reached):
            import_module(f"texto.commands.{options.command}").run(alone)
    reading = dataclasses.replace(Reading.of(options), alpha="ignore")
    for key in _SHARED:
        path = vars(options).get(key)
        if path not in (None, "alpha") and not (key in _BY_NAME and os.path.isdir(path)):
            reading.open(path)


def _changes(options: Options, piece: Piece, matched: dict[str, dict[str, str]]) -> dict[str, Any]:
    """What `options` are for one of the pictures; `matched` : masks by the stem of the picture."""
    changes: dict[str, Any] = {"source": piece.source, "maps": piece.maps}
    for key, paths in matched.items():
        if paths:
            name = Path(piece.source).name
            missing = os.path.join(vars(options)[key], name)  # which is told when it is opened
            changes[key] = paths.get(name) or paths.get(Path(name).stem) or missing
    return changes


def _by_stem(folder: str | None) -> dict[str, str]:
    """The files of `folder` by name and by stem; none where it is no folder."""
    if folder is None or not os.path.isdir(folder):
        return {}
    names = sorted(os.listdir(folder), reverse=True)
    paths = {name: os.path.join(folder, name) for name in names if not name.startswith(".")}
    return {"": folder, **{Path(name).stem: path for name, path in paths.items()}, **paths}


def _refuse_shared_outputs(
    options: Options, pieces: Sequence[Piece], tasks: Sequence[dict[str, Any]]
) -> None:
    """TextoError where two pictures would be written to one file.

    Only those of nearly one name can be; their outputs are named, for which they are opened.
    """
    alike: dict[str, set[int]] = {}
    for number, piece in enumerate(pieces):
        for path in piece.files:
            stem = _DERIVED.sub("", outputs.safe_stem(path)).casefold()
            alike.setdefault(stem, set()).add(number)
    suspects = {number for numbers in alike.values() if len(numbers) > 1 for number in numbers}
    written: dict[str, int] = {}
    for number in sorted(suspects):
        for output in _outputs_of(options.but(**tasks[number])):
            other = written.setdefault(os.path.realpath(output), number)
            if other != number:
                one, two = (pieces[k].source for k in (other, number))
                why = f"would be written for {one!r} and for {two!r}"
                raise TextoError(f"output {str(output)!r}", why, "rename one, or leave it out")


def _outputs_of(options: Options) -> Sequence[Path]:
    """The files that the run for one picture writes; none where it would fail."""
    try:
        with warnings.catch_warnings(), console.heard_by(lambda kind, what: None):
            warnings.simplefilter("ignore")  # they are given when it runs
            import_module(f"texto.commands.{options.command}").run(options.but(until="writing"))
    except stages.Reached as reached:
        return reached.files
    except Exception:  # told when it runs
        pass
    return ()


@contextlib.contextmanager
def _made(folder: Path | None):
    """The `folder` is there inside the block, and goes again if nothing came into it."""
    if folder is None or folder.is_dir():
        yield
        return
    try:
        folder.mkdir()
    except OSError as error:
        why = f"cannot be made: {error.strerror}"
        raise TextoError(f"folder {str(folder)!r}", why, "choose another with -o") from error
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            folder.rmdir()
