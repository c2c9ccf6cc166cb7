"""The parser of the command line: commands, options, one-line errors. Imports nothing heavy."""

from __future__ import annotations

import argparse
import difflib
import itertools
import re
from collections.abc import Sequence

from .. import __version__
from . import stdin
from .options import Options, editing, judging, making, telling, weights

ADD = (
    making.add_synth,
    making.add_fit,
    making.add_mix,
    editing.add_inpaint,
    editing.add_tile,
    editing.add_recolor,
    judging.add_score,
    judging.add_compare,
    telling.add_info,
    telling.add_methods,
    weights.add_weights,
    telling.add_doctor,
    telling.add_demo,
)


def parse(argv: Sequence[str], *, quiet: bool = False) -> Options:
    """The options in `argv`; TextoError naming the nearest options where one is unknown.

    With `quiet` they are those of `argv` with `--quiet`.
    """
    parser = build_parser()
    if not argv:
        parser.parse_args(["--help"])
    options, extra = parser.parse_known_args(_bare_tileable(argv))
    chosen = subparsers(parser).get(options.command, parser)
    late = _late_pictures(options, extra)
    if extra and not late:
        _refuse_extra(extra[0], chosen)
    if chosen is parser:
        parser.error("the following arguments are required: COMMAND")
    values = {key: tuple(v) if isinstance(v, list) else v for key, v in vars(options).items()}
    if late:
        values["pictures"] += tuple(extra)
    values = stdin.named(values)
    if "pictures" in values:  # the one of most runs, see `commands.many` for others
        values["source"] = values["pictures"][0] if len(values["pictures"]) == 1 else None
    return Options({**values, "quiet": options.quiet or quiet})


def build_parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    parser = _Parser(
        prog="texto",
        description="Texture synthesis by optimal transport: make more texture from one picture.",
        epilog="'texto COMMAND --help' tells a command's options.",
    )
    parser.add_argument("--version", action="version", version=f"texto {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for add in ADD:
        add(commands)
    return parser


def subparsers(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """The parser of each command, by name."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def _late_pictures(options: argparse.Namespace, extra: Sequence[str]) -> bool:
    """Whether `extra` are pictures that come after options, which argparse does not take."""
    several = bool(vars(options).get("pictures"))
    return several and not any(len(word) > 1 and word[0] == "-" for word in extra)


def _bare_tileable(argv: Sequence[str]) -> list[str]:
    """`argv` where `--tileable FILE` is not read as `--tileable` along the axes FILE."""
    return [
        "--tileable=xy" if word == "--tileable" and len(after) > 2 else word
        for word, after in itertools.zip_longest(argv, argv[1:], fillvalue="")
    ]


class _Parser(argparse.ArgumentParser):
    """Errors are TextoErrors, options may not be shortened."""

    def __init__(self, **kwargs):
        super().__init__(allow_abbrev=False, **kwargs)

    def error(self, message: str):
        from ..core.errors import TextoError

        raise TextoError(*_in_three_parts(message, f"see '{self.prog} --help'"))


def _in_three_parts(message: str, see: str) -> tuple[str, str, str]:
    """argparse's `message` as what, why and remedy."""
    argument = re.fullmatch(r"argument ([^:]+): (.*)", message, re.DOTALL)
    if argument is None:
        return _missing(message, see)
    what, why = argument.groups()
    choice = re.fullmatch(r"invalid choice: (.*) \(choose from (.*)\)", why, re.DOTALL)
    if choice:
        given, allowed = choice.groups()
        names = re.findall(r"[\w-]+", allowed)
        near = difflib.get_close_matches(given.strip("'"), names, n=3)
        remedy = f"did you mean {', '.join(near)}?" if near else f"choose from {', '.join(names)}"
        return what, f"{given} is not known", remedy
    why, _, remedy = why.partition("; ")
    return what, why, remedy or see


def _missing(message: str, see: str) -> tuple[str, str, str]:
    names = re.fullmatch(r"the following arguments are required: (.*)", message)
    return (names[1], "is missing", see) if names else ("arguments", message, see)


def _refuse_extra(extra: str, parser: argparse.ArgumentParser):
    from ..core.errors import TextoError

    name = extra.partition("=")[0]
    if not name.startswith("-"):
        raise TextoError(f"argument {extra!r}", "is one too many", f"see '{parser.prog} --help'")
    known = list(parser._option_string_actions)
    if name in known:
        raise TextoError(f"option {name!r}", "stands before the command", "put it after")
    near = difflib.get_close_matches(name, [word for word in known if word[:2] == "--"], n=3)
    remedy = f"did you mean {', '.join(near)}?" if near else f"see '{parser.prog} --help'"
    raise TextoError(f"option {name!r}", "is not known", remedy)
