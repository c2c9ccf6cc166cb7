"""The table of commands and options, and the types of their values. Imports nothing heavy."""

from __future__ import annotations

import argparse
import difflib
import itertools
import re
from collections.abc import Sequence

from .. import __version__
from .values import Integer, Size, device

DEFAULT_METHOD = "textogmm"
MAX_SEED = 2**32 - 1
ALPHA = ("refuse", "ignore", "white")
AXES = ("x", "y", "xy")


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The options in `argv`; TextoError naming the nearest options where one is unknown."""
    parser = build_parser()
    options, extra = parser.parse_known_args(_bare_tileable(argv))
    chosen = subparsers(parser).get(options.command, parser)
    if extra:
        _refuse_extra(extra[0], chosen)
    if chosen is parser:
        parser.error("the following arguments are required: COMMAND")
    return options


def build_parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    parser = _Parser(
        prog="texto",
        description="Texture synthesis by optimal transport: make more texture from one picture.",
        epilog="'texto COMMAND --help' tells a command's options.",
    )
    parser.add_argument("--version", action="version", version=f"texto {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for add in (
        _add_synth,
        _add_fit,
        _add_mix,
        _add_inpaint,
        _add_info,
        _add_methods,
        _add_doctor,
        _add_demo,
    ):
        add(commands)
    return parser


def subparsers(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """The parser of each command, by name."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def _add_synth(commands):
    parser = commands.add_parser(
        "synth",
        help="make texture of any size from a picture or a model",
        description="Make texture of any size. A picture is fitted first; a model made by "
        "'texto fit' is used as it is.",
    )
    parser.add_argument("source", nargs="?", metavar="EXEMPLAR|MODEL", help="picture or model file")
    _method_options(parser)
    parser.add_argument(
        "-s",
        "--size",
        type=Size.parse,
        metavar="WxH|N|2x",
        help="width x height in pixels, one number for a square, or a multiple of the "
        "exemplar's size such as 1.5x (default: 2x)",
    )
    parser.add_argument(
        "-n",
        "--num",
        type=Integer(1, 10_000),
        default=1,
        metavar="NUM",
        help="how many pictures; picture i has seed SEED+i (default: 1)",
    )
    _seed_option(parser)
    _tileable_option(parser)
    _output_options(
        parser,
        "file, folder, '-' for stdout, or a name with {stem} {method} {size} {seed} "
        "(default: {stem}_{method}_{size}_s{seed}.png)",
        metavar="FILE|FOLDER|-",
    )
    parser.add_argument(
        "--bits",
        type=Integer(8, 16, only=(8, 16)),
        metavar="8|16",
        help="bits per channel (default: 16 for a 16-bit exemplar, else 8)",
    )
    parser.add_argument(
        "--plot",
        action="store_true",
        help="draw the loss curve of methods that have one into NAME_loss.png beside NAME.png",
    )
    _picture_options(parser)
    parser.add_argument(
        "--from",
        dest="repeat",
        metavar="FILE.png",
        help="repeat a picture that texto made, with the settings stored in it; options given "
        "beside it override",
    )
    _run_options(parser)


def _add_fit(commands):
    parser = commands.add_parser(
        "fit",
        help="fit a method to a picture, write a model",
        description="Fit a method to a picture once and write a model, from which 'texto synth' "
        "makes pictures without fitting again.",
    )
    parser.add_argument("source", metavar="EXEMPLAR", help="picture file")
    _method_options(parser)
    _seed_option(parser)
    _output_options(
        parser, "model file (default: {stem}_{method}.safetensors)", metavar="MODEL.safetensors"
    )
    _picture_options(parser)
    _run_options(parser)


def _add_mix(commands):
    parser = commands.add_parser(
        "mix",
        help="make a texture between two or more",
        description="Make a texture between two or more pictures or models. Pictures are fitted "
        "first; where a model is given, with its settings.",
    )
    parser.add_argument("sources", nargs="+", metavar="A B [C ...]", help="pictures or models")
    _method_options(parser)
    parser.add_argument(
        "--weights",
        metavar="W,W[,W ...]",
        help="how much each texture counts (default: all the same)",
    )
    parser.add_argument(
        "--steps",
        type=Integer(2, 100),
        metavar="N",
        help="a row of N pictures from A to B: one file each, and one with the row",
    )
    parser.add_argument(
        "--map",
        metavar="FILE",
        help="grey picture of the weights, resized to the output: black is A, white is B",
    )
    parser.add_argument(
        "-s",
        "--size",
        type=Size.parse,
        metavar="WxH|N|2x",
        help="width x height in pixels, one number for a square, or a multiple of A's size such "
        "as 1.5x (default: 2x)",
    )
    parser.add_argument(
        "-n",
        "--num",
        type=Integer(1, 10_000),
        default=1,
        metavar="NUM",
        help="how many pictures or rows; number i has seed SEED+i (default: 1)",
    )
    _seed_option(parser)
    _tileable_option(parser)
    _output_options(
        parser,
        "file, folder, '-' for stdout, a name with {stem} {method} {size} {seed}, or "
        "MODEL.safetensors for the mixed model (default: {stem}_{method}_{size}_s{seed}.png)",
        metavar="FILE|FOLDER|-",
    )
    parser.add_argument(
        "--bits",
        type=Integer(8, 16, only=(8, 16)),
        metavar="8|16",
        help="bits per channel (default: 16 where an exemplar has 16, else 8)",
    )
    _picture_options(parser)
    _run_options(parser)


def _add_inpaint(commands):
    parser = commands.add_parser(
        "inpaint",
        help="fill the holes of a picture with its texture",
        description="Fill the holes of a picture with the texture around them. All other pixels "
        "come back unchanged, at the picture's own depth.",
    )
    parser.add_argument("source", metavar="IMAGE", help="picture file")
    parser.add_argument(
        "--mask",
        required=True,
        metavar="FILE",
        help="picture of the same size: white is filled, black is kept. Any depth, grey or "
        "colour: a pixel is white where the mean of its channels is above half the range (127 "
        "of 255)",
    )
    parser.add_argument(
        "--invert-mask", action="store_true", help="fill where the mask is black instead"
    )
    parser.add_argument(
        "--source-mask",
        metavar="FILE",
        help="picture of the same size, white where texture may come from (default: everywhere "
        "outside the holes)",
    )
    _method_options(parser)
    parser.add_argument(
        "-n",
        "--num",
        type=Integer(1, 10_000),
        default=1,
        metavar="NUM",
        help="how many pictures; picture i has seed SEED+i (default: 1)",
    )
    _seed_option(parser)
    _output_options(
        parser,
        "file, folder, '-' for stdout, or a name with {stem} {method} {size} {seed} "
        "(default: {stem}_{method}_inpaint_s{seed}.png)",
        metavar="FILE|FOLDER|-",
    )
    _picture_options(parser)
    _run_options(parser)


def _add_info(commands):
    parser = commands.add_parser(
        "info",
        help="what is stored in a picture or a model that texto made",
        description="Show what is stored in a PNG or a model that texto made.",
    )
    parser.add_argument("file", metavar="FILE", help="picture or model made by texto")
    _talk_options(parser)


def _add_methods(commands):
    parser = commands.add_parser(
        "methods",
        help="the methods, or one method's settings",
        description="List the methods, or the settings of one with default, range and help.",
    )
    parser.add_argument("name", nargs="?", metavar="NAME", help="a method's name")
    _talk_options(parser)


def _add_doctor(commands):
    parser = commands.add_parser(
        "doctor",
        help="check the installation",
        description="Show versions, GPU, threads and writable folders. "
        "Exit code 2 if something required is broken.",
    )
    _talk_options(parser)


def _add_demo(commands):
    parser = commands.add_parser(
        "demo",
        help="make two example textures",
        description="Make texture from a photograph and from a drawn exemplar: for each, the "
        "exemplar, the result and a sheet with both.",
    )
    parser.add_argument("-m", "--method", metavar="NAME", help=f"default: {DEFAULT_METHOD}")
    parser.add_argument(
        "-o", "--output", metavar="FOLDER", default="demo", help="default: demo, made if missing"
    )
    _talk_options(parser)


def _method_options(parser):
    parser.add_argument(
        "-m",
        "--method",
        metavar="NAME",
        help=f"see 'texto methods' (default: {DEFAULT_METHOD})",
    )
    parser.add_argument(
        "--set",
        dest="settings",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="one of the method's settings, see 'texto methods NAME'; may be given often",
    )
    parser.add_argument(
        "--device",
        type=device,
        metavar="NAME",
        help="auto, cpu, cuda, cuda:1 ... or mps (default: the method's)",
    )


def _seed_option(parser):
    parser.add_argument(
        "--seed",
        type=Integer(0, MAX_SEED),
        metavar="INT",
        help=f"0 to {MAX_SEED}; the same seed gives the same result (default: drawn and told)",
    )


def _tileable_option(parser):
    parser.add_argument(
        "--tileable",
        nargs="?",
        const="xy",
        choices=AXES,
        metavar="x|y|xy",
        help="let the texture repeat without a seam along these axes (alone: xy)",
    )


def _output_options(parser, help, *, metavar):
    parser.add_argument("-o", "--output", metavar=metavar, help=help)
    parser.add_argument("--force", action="store_true", help="replace files that exist")


def _picture_options(parser):
    parser.add_argument(
        "--alpha",
        choices=ALPHA,
        metavar="|".join(ALPHA),
        help="what to do with a transparent picture (default: refuse)",
    )
    parser.add_argument(
        "--max-pixels",
        type=Integer(1, 2**62),
        metavar="N",
        help="largest picture to open, in pixels",
    )


def _run_options(parser):
    parser.add_argument(
        "--deterministic",
        action="store_true",
        help="one thread, so that the result does not depend on the number of processors",
    )
    _talk_options(parser)


def _talk_options(parser):
    loudness = parser.add_mutually_exclusive_group()
    loudness.add_argument("-q", "--quiet", action="store_true", help="errors only on stderr")
    loudness.add_argument("-v", "--verbose", action="store_true", help="times, all warnings")
    parser.add_argument("--json", action="store_true", help="print results as JSON")


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
        from ..protocols import TextoError

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
    from ..protocols import TextoError

    name = extra.partition("=")[0]
    if not name.startswith("-"):
        raise TextoError(f"argument {extra!r}", "is one too many", f"see '{parser.prog} --help'")
    known = list(parser._option_string_actions)
    if name in known:
        raise TextoError(f"option {name!r}", "stands before the command", "put it after")
    near = difflib.get_close_matches(name, [word for word in known if word[:2] == "--"], n=3)
    remedy = f"did you mean {', '.join(near)}?" if near else f"see '{parser.prog} --help'"
    raise TextoError(f"option {name!r}", "is not known", remedy)
