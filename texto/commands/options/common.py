"""Options that several commands share."""

from __future__ import annotations

from ...core.choices import ALPHAS, MAX_SEED
from ..values import Integer, Size, device

DEFAULT_METHOD = "ot-flow"
AXES = ("x", "y", "xy")


def method_options(parser, *, default=DEFAULT_METHOD):
    """-m, --set and --device."""
    parser.add_argument(
        "-m",
        "--method",
        metavar="NAME",
        help=f"see 'texto methods' (default: {default})",
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


def weights_option(parser):
    """--weights, of networks; `texto mix` has another of that name."""
    parser.add_argument(
        "--weights",
        dest="network_weights",
        metavar="FILE|FOLDER|random",
        help="weights of the method's network, or 'random' for filters that nobody trained "
        "(default: TEXTO_WEIGHTS or torch's cache, see 'texto weights')",
    )


def size_option(parser, *, of: str):
    """--size."""
    parser.add_argument(
        "-s",
        "--size",
        type=Size.parse,
        metavar="WxH|N|2x",
        help=f"width x height in pixels, one number for a square, or a multiple of {of} size "
        "such as 1.5x (default: 2x)",
    )


def num_option(parser, *, what: str):
    """--num."""
    parser.add_argument(
        "-n",
        "--num",
        type=Integer(1, 10_000),
        default=1,
        metavar="NUM",
        help=f"how many {what} has seed SEED+i (default: 1)",
    )


def bits_option(parser, *, deep: str):
    """--bits."""
    parser.add_argument(
        "--bits",
        type=Integer(8, 16, only=(8, 16)),
        metavar="8|16",
        help=f"bits per channel (default: 16 {deep}, else 8)",
    )


def seed_option(parser):
    """--seed."""
    parser.add_argument(
        "--seed",
        type=Integer(0, MAX_SEED),
        metavar="INT",
        help=f"0 to {MAX_SEED}; the same seed gives the same result (default: drawn and told)",
    )


def tileable_option(parser):
    """--tileable."""
    parser.add_argument(
        "--tileable",
        nargs="?",
        const="xy",
        choices=AXES,
        metavar="x|y|xy",
        help="let the texture repeat without a seam along these axes (alone: xy)",
    )


def output_options(parser, help, *, metavar):
    """-o and --force."""
    parser.add_argument("-o", "--output", metavar=metavar, help=help)
    parser.add_argument("--force", action="store_true", help="replace files that exist")


def picture_options(parser):
    """How pictures are opened."""
    parser.add_argument(
        "--alpha",
        choices=ALPHAS,
        metavar="|".join(ALPHAS),
        help="what to do with a transparent picture (default: refuse)",
    )
    parser.add_argument(
        "--max-pixels",
        type=Integer(1, 2**62),
        metavar="N",
        help="largest picture to open, in pixels",
    )


def run_options(parser):
    """--deterministic and what `talk_options` adds."""
    parser.add_argument(
        "--deterministic",
        action="store_true",
        help="one thread, so that the result does not depend on the number of processors",
    )
    talk_options(parser)


def talk_options(parser):
    """-q, -v and --json."""
    loudness = parser.add_mutually_exclusive_group()
    loudness.add_argument("-q", "--quiet", action="store_true", help="errors only on stderr")
    loudness.add_argument("-v", "--verbose", action="store_true", help="times, all warnings")
    parser.add_argument("--json", action="store_true", help="print results as JSON")
