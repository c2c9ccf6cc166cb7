"""Commands that change a picture."""

from __future__ import annotations

from ..values import Integer, sides
from .common import (
    AXES,
    bits_option,
    kind_option,
    maps_options,
    method_options,
    num_option,
    output_options,
    picture_options,
    pictures_option,
    run_options,
    seed_option,
    strip_option,
    tileable_option,
    with_option,
)


def add_inpaint(commands):
    parser = commands.add_parser(
        "inpaint",
        help="fill the holes of a picture with its texture",
        description="Fill the holes of a picture with the texture around them. All other pixels "
        "come back unchanged, at the picture's own depth.",
    )
    pictures_option(parser)
    _hole_options(parser)
    maps_options(parser, of="the picture's")
    kind_option(parser)
    method_options(parser)
    num_option(parser, what="pictures; picture i")
    seed_option(parser)
    output_options(
        parser,
        "file, folder, '-' for stdout, or a name with {stem} {method} {size} {seed} "
        "(default: {stem}_{method}_inpaint_s{seed}.png)",
        metavar="FILE|FOLDER|-",
    )
    picture_options(parser)
    strip_option(parser)
    run_options(parser)


def _hole_options(parser):
    """Which pixels are made anew, and from what."""
    parser.add_argument(
        "--mask",
        metavar="FILE|alpha",
        help="picture of the same size: white is filled, black is kept. Any depth, grey or "
        "colour: a pixel is white where the mean of its channels is above half the range (127 "
        "of 255). A brush of one colour on a transparent ground is filled where it is opaque. "
        "alpha: fill the transparent part of the picture itself, which comes back opaque "
        "(./alpha is a file of that name)",
    )
    parser.add_argument(
        "--invert-mask", action="store_true", help="fill black and keep white instead"
    )
    parser.add_argument(
        "--extend",
        type=sides,
        metavar="N|TOP,RIGHT,BOTTOM,LEFT",
        help="more of the picture beyond its frame, in place of a mask or beside one: pixels for "
        "all sides, or clockwise from the top as in CSS, such as 100,0,50,0; two numbers are top "
        "and bottom, right and left. What was there keeps its values",
    )
    parser.add_argument(
        "--grow",
        type=Integer(-10_000, 10_000),
        default=0,
        metavar="N",
        help="make the holes larger by N pixels, below 0 smaller (default: 0)",
    )
    parser.add_argument(
        "--feather",
        type=Integer(0, 10_000),
        default=0,
        metavar="N",
        help="blend what is new into the N pixels round the holes, which so change too; all "
        "pixels beyond stay as they are (default: 0)",
    )
    tileable_option(
        parser,
        "the picture repeats along these axes: what is filled goes on across its edges (alone: xy)",
    )
    parser.add_argument(
        "--source",
        dest="texture",
        nargs="+",
        action="extend",
        default=[],
        metavar="OTHER",
        help="fill with the texture of another picture of any size, and of nothing else; with "
        "--with one for each map, in their order; what is transparent in it is left out. Takes "
        "the time of a picture with the area of both",
    )
    parser.add_argument(
        "--source-mask",
        metavar="FILE",
        help="picture of the same size, or of that of --source, white where texture may come "
        "from (default: everywhere outside the holes)",
    )
    parser.add_argument(
        "--ignore",
        metavar="FILE",
        help="picture of that size, white where no texture may come from",
    )


def add_tile(commands):
    parser = commands.add_parser(
        "tile",
        help="make a picture seamless",
        description="Make a picture repeat without a seam. A band round each seam is covered by "
        "a strip of the picture, or filled by a method with the texture of the rest, which comes "
        "back unchanged, at the picture's own depth.",
    )
    pictures_option(parser)
    parser.add_argument(
        "--axis",
        choices=AXES,
        default="xy",
        metavar="x|y|xy",
        help="where it shall repeat: side by side, one above the other, or both (default: xy)",
    )
    parser.add_argument(
        "--width",
        type=Integer(2, 2**31 - 1),
        metavar="N",
        help="width of the bands in pixels; at least half of the picture stays outside them "
        "(default: a quarter of the side that is closed, 128 at most)",
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="write the picture 2 x 2 times into NAME_2x2.png beside NAME.png as well",
    )
    maps_options(parser, of="the picture's")
    kind_option(parser)
    method_options(parser, default="none, strips of the picture are laid over the seams")
    num_option(parser, what="pictures; picture i")
    seed_option(parser)
    output_options(
        parser,
        "file, folder, '-' for stdout, or a name with {stem} {method} {size} {seed} "
        "(default: {stem}_{method}_tile_s{seed}.png)",
        metavar="FILE|FOLDER|-",
    )
    picture_options(parser)
    strip_option(parser)
    run_options(parser)


def add_recolor(commands):
    parser = commands.add_parser(
        "recolor",
        help="give a picture the colours of another",
        description="Give a picture the colours of another one: their mean, their covariance, and "
        "about their whole distribution. Colours travel by the optimal plan between Gaussian "
        "mixtures, along a map that is smoothed so that it amplifies no noise.",
    )
    pictures_option(parser)
    parser.add_argument(
        "--like", required=True, metavar="OTHER", help="picture with the colours, of any size"
    )
    with_option(
        parser,
        "maps of the picture's size that go with it: colours get the same change, normals, "
        "data and labels none; -o then names a folder or has {stem}",
    )
    kind_option(parser)
    parser.add_argument(
        "-K",
        "--components",
        type=Integer(1, 100),
        metavar="K",
        help="Gaussians in the colours of each picture; 1: one affine map (default: 10)",
    )
    parser.add_argument(
        "--smooth",
        metavar="X",
        help="contrast below which the map is smoothed, in standard deviations of the picture; "
        "0: not at all (default: 0.2)",
    )
    parser.add_argument(
        "--radius",
        type=Integer(0, 10_000),
        metavar="N",
        help="pixels over which the map is smoothed; 0: not at all (default: a fiftieth of the "
        "shorter side)",
    )
    parser.add_argument(
        "--set",
        dest="settings",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="the same settings by the names n_components, smooth and radius",
    )
    parser.add_argument(
        "--figure",
        metavar="FILE.png",
        help="draw the colours of both pictures, the mixtures and the plan between them",
    )
    seed_option(parser)
    output_options(
        parser,
        "file, folder, '-' for stdout, or a name with {stem} {like} {size} {seed} "
        "(default: {stem}_like_{like}_s{seed}.png)",
        metavar="FILE|FOLDER|-",
    )
    bits_option(parser, deep="the picture")
    picture_options(parser)
    strip_option(parser)
    run_options(parser)
