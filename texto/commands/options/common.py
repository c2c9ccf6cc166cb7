"""Options that several commands share."""

from __future__ import annotations

from ...core.choices import ALPHAS, DEFAULT_METHOD, KINDS, MAX_SEED
from ..values import Integer, Size, device

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


def pictures_option(parser, *, metavar: str = "IMAGE", what: str = "picture", needed: bool = True):
    """The pictures, and what is asked for where they are several."""
    parser.add_argument(
        "pictures",
        nargs="+" if needed else "*",
        metavar=metavar,
        help=f"{what} file, '-' for a picture on standard input; or several, or folders of them",
    )
    group = parser.add_argument_group(
        "several pictures",
        "Each is done for itself; -o names a folder or has {stem}. Of a folder, all pictures "
        "are taken, but those inside its folders; wall.png (or wall_albedo.png, _color, _diffuse, "
        "_basecolor) with wall_normal.png, wall_rough.png and the like are one with its maps. A "
        "folder that -o names with a / at its end is made if it is missing. Those that fail are "
        "told at the end.",
    )
    group.add_argument(
        "--jobs",
        type=Integer(1, 1024),
        default=1,
        metavar="N",
        help="pictures at a time, which share the processors (default: 1)",
    )
    group.add_argument(
        "--skip-existing",
        action="store_true",
        help="pass over pictures whose outputs are all there",
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
        type=Integer(8, 32, only=(8, 16, 32)),
        metavar="8|16|32",
        help=f"bits per channel, 32 is floating point (default: as {deep}, as far as the file "
        "holds them)",
    )


def seed_option(parser):
    """--seed."""
    parser.add_argument(
        "--seed",
        type=Integer(0, MAX_SEED),
        metavar="INT",
        help=f"0 to {MAX_SEED}; the same seed gives the same result (default: drawn and told)",
    )


def tileable_option(
    parser, help="let the texture repeat without a seam along these axes (alone: xy)"
):
    """--tileable."""
    parser.add_argument(
        "--tileable", nargs="?", const="xy", choices=AXES, metavar="x|y|xy", help=help
    )


def output_options(parser, help, *, metavar):
    """-o and --force."""
    parser.add_argument("-o", "--output", metavar=metavar, help=help)
    parser.add_argument("--force", action="store_true", help="replace files that exist")


def with_option(parser, help, *, action="extend"):
    """--with; `action` "append" where each names one map for each of several pictures."""
    parser.add_argument(
        "--with", dest="maps", nargs="+", action=action, default=[], metavar="MAP", help=help
    )


def maps_options(parser, *, of: str):
    """--with and --weights-per-map."""
    with_option(
        parser,
        f"maps of {of} size that go with it, such as normals and heights: all get the same "
        "from the same places; one file each, in its own depth; -o then names a folder or has "
        "{stem}",
    )
    parser.add_argument(
        "--weights-per-map",
        metavar="W,W[,W ...]",
        help="how much the picture and each map count in the search; 0: only carried along "
        "(default: all the same)",
    )


def kind_option(parser, *, several: bool = True):
    """--kind."""
    more = "; of a picture and its maps one for each, with commas" if several else ""
    parser.add_argument(
        "--kind",
        metavar="|".join(KINDS),
        **({} if several else {"choices": KINDS}),
        help=f"what the values mean{more}: normals stay unit vectors, labels keep their values, "
        "and only colours are managed (default: by the end of the name, as in _normal, _height, "
        "_rough, _ao, _mask, _id; else colour)",
    )


def ignore_option(parser):
    """--ignore of an exemplar."""
    parser.add_argument(
        "--ignore",
        metavar="FILE|alpha",
        help="picture of the exemplar's size, white where it is left out: these pixels are first "
        "filled with the texture of the rest, as 'texto inpaint' does, and then all is fitted. "
        "alpha: leave out what is transparent in it",
    )


def strip_option(parser):
    """--strip."""
    parser.add_argument(
        "--strip",
        action="store_true",
        help="leave out what the picture says of itself, such as EXIF, text and resolution, but "
        "for its colour profile",
    )


def fit_seed_option(parser):
    """--fit-seed."""
    parser.add_argument(
        "--fit-seed",
        type=Integer(0, MAX_SEED),
        metavar="INT",
        help="seed of the fit, the same for all pictures (default: 0)",
    )


def picture_options(parser, *, keep: bool = True):
    """How pictures are opened; with `keep`, opacity may become a channel."""
    choices = ALPHAS if keep else ALPHAS[:-1]
    parser.add_argument(
        "--alpha",
        choices=choices,
        metavar="|".join(choices),
        help="what to do with a transparent picture"
        + (": keep makes opacity a channel" if keep else "")
        + " (default: refuse)",
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
