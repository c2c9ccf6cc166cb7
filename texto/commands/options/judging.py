"""Commands that judge pictures."""

from __future__ import annotations

from ..values import Integer
from .common import MAX_SEED, output_options, picture_options, run_options

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
        "originality, copied, gram, sifid64, sifid192 (default: all)",
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
    picture_options(parser)
    run_options(parser)
