"""Commands that change a picture."""

from __future__ import annotations

from ..values import Integer
from .common import (
    AXES,
    method_options,
    num_option,
    output_options,
    picture_options,
    run_options,
    seed_option,
)


def add_inpaint(commands):
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
    run_options(parser)


def add_tile(commands):
    parser = commands.add_parser(
        "tile",
        help="make a picture seamless",
        description="Make a picture repeat without a seam. A band round each seam is covered by "
        "a strip of the picture, or filled by a method with the texture of the rest, which comes "
        "back unchanged, at the picture's own depth.",
    )
    parser.add_argument("source", metavar="IMAGE", help="picture file")
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
        "(default: a quarter of the shorter side, 128 at most)",
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="write the picture 2 x 2 times into NAME_2x2.png beside NAME.png as well",
    )
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
    run_options(parser)
