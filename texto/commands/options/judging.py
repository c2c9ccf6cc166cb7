"""Commands that judge pictures."""

from __future__ import annotations

import argparse
import re

from ...core.choices import MAX_SEED
from ..values import Integer, Size
from .common import kind_option, output_options, picture_options, run_options, with_option

N_DRAWS = 2


def add_score(commands):
    parser = commands.add_parser(
        "score",
        help="how near pictures come to an exemplar",
        description="Score pictures, whatever made them, against the exemplar whose texture they "
        "should have. The floor is what halves of the exemplar get against each other: about what "
        "a perfect result would get. Give the exemplar as a result too to see what no result can "
        "beat.",
    )
    parser.add_argument("source", metavar="EXEMPLAR", help="picture file")
    parser.add_argument("results", nargs="+", metavar="RESULT", help="pictures of any sizes")
    parser.add_argument(
        "--columns",
        metavar="A,B,...",
        help="scores to compute: patch_ot, patch_ot_8, sliced_w, spectrum, autocorrelation, "
        "originality, copied, gram, gram3, sifid64, sifid192 (default: all)",
    )
    parser.add_argument(
        "--draws",
        type=Integer(1, 1000),
        default=N_DRAWS,
        metavar="N",
        help=f"how often patches are drawn where they are (default: {N_DRAWS})",
    )
    parser.add_argument(
        "--seed",
        type=Integer(0, MAX_SEED),
        default=0,
        metavar="INT",
        help=f"0 to {MAX_SEED}; the same seed gives the same scores (default: 0)",
    )
    parser.add_argument(
        "--no-floor", action="store_true", help="leave the floor out, which is quicker"
    )
    output_options(
        parser,
        "write the table as CSV, '-' for stdout instead of the table",
        metavar="FILE.csv|-",
    )
    kind_option(parser, several=False)
    picture_options(parser, keep=False)
    run_options(parser)


def add_compare(commands):
    parser = commands.add_parser(
        "compare",
        help="every method on every exemplar: pictures, times, memory, scores, a report",
        description="Run methods on exemplars with several seeds, each run in a process of its "
        "own, and write grid.png, scores.csv and report.html. Interrupted, the same command "
        "continues. A method that fails has its reason in its cell, and the rest goes on: the "
        "exit code is 0 unless no cell could be made.",
    )
    parser.add_argument("exemplars", nargs="*", metavar="EXEMPLAR", help="picture files")
    with_option(
        parser,
        "one kind of map that goes with the exemplars, such as their normals: one file for "
        "each, in their order; again for the next kind. Pictures and scores are of the exemplars",
        action="append",
    )
    parser.add_argument(
        "-m",
        "--methods",
        metavar="all|A,B,...",
        help="methods, or labels of the config (default: the config's entries, else all)",
    )
    parser.add_argument(
        "--set",
        dest="settings",
        action="append",
        default=[],
        metavar="METHOD.KEY=VALUE",
        help="one setting of one method or label; may be given often",
    )
    parser.add_argument(
        "--config",
        metavar="FILE.toml",
        help="title, exemplars, size, seeds, columns and entries of a comparison to repeat; "
        "options given here go before it",
    )
    _compare_numbers(parser)
    parser.add_argument(
        "-o",
        "--output",
        metavar="FOLDER",
        help="folder for everything (default: compare_STEM); what was begun there is continued",
    )
    parser.add_argument(
        "--force", action="store_true", help="start anew where the folder holds a comparison"
    )
    picture_options(parser, keep=False)
    run_options(parser)


def _compare_numbers(parser):
    """Seeds, size, columns, and how the runs take place."""
    parser.add_argument(
        "--seeds",
        type=Integer(1, 10_000),
        metavar="N",
        help="how many seeds each method gets (default: 3)",
    )
    parser.add_argument(
        "--seed",
        type=Integer(0, MAX_SEED),
        metavar="INT",
        help="the first seed (default: 0)",
    )
    parser.add_argument(
        "-s",
        "--size",
        type=Size.parse,
        metavar="WxH|N|2x",
        help="size of the results: width x height, one number for a square, or a multiple of "
        "the exemplar's (default: each exemplar's own)",
    )
    parser.add_argument(
        "--columns", metavar="A,B,...", help="scores, see 'texto score' (default: all)"
    )
    parser.add_argument(
        "--jobs",
        type=Integer(1, 1024),
        default=1,
        metavar="N",
        help="runs at a time, which share the processors; times are comparable with 1 only "
        "(default: 1)",
    )
    parser.add_argument(
        "--timeout",
        type=_seconds,
        metavar="SECONDS",
        help="end a run, with its scores, that takes longer (default: never)",
    )
    parser.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="run on the workers of this Dask scheduler, such as tcp://HOST:8786; needs the "
        "extra 'cluster'",
    )


def _seconds(text: str) -> float:
    """A time above 0 in seconds, at most a year."""
    given = re.fullmatch(r"[0-9]{1,8}(?:\.[0-9]{1,6})?", text)
    if not given or not 0 < float(text) <= 366 * 86_400:
        raise argparse.ArgumentTypeError(f"got {text!r}; give seconds above 0, a year at most")
    return float(text)
