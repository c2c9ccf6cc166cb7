"""Commands that make texture."""

from __future__ import annotations

import argparse
import contextlib

from ..values import Integer
from .common import (
    bits_option,
    fit_seed_option,
    ignore_option,
    kind_option,
    maps_options,
    method_options,
    num_option,
    output_options,
    picture_options,
    pictures_option,
    run_options,
    seed_option,
    size_option,
    tileable_option,
    weights_option,
    with_option,
)


def add_synth(commands):
    parser = commands.add_parser(
        "synth",
        help="make texture of any size from a picture or a model",
        description="Make texture of any size. A picture is fitted first; a model made by "
        "'texto fit' is used as it is.",
    )
    pictures_option(parser, metavar="EXEMPLAR|MODEL", what="picture or model", needed=False)
    maps_options(parser, of="the exemplar's")
    kind_option(parser)
    ignore_option(parser)
    _guide_options(parser)
    method_options(parser)
    weights_option(parser)
    size_option(parser, of="the exemplar's")
    num_option(parser, what="pictures; picture i")
    seed_option(parser)
    fit_seed_option(parser)
    tileable_option(parser)
    output_options(
        parser,
        "file, folder, '-' for stdout, or a name with {stem} {method} {size} {seed} "
        "(default: {stem}_{method}_{size}_s{seed}.png)",
        metavar="FILE|FOLDER|-",
    )
    bits_option(parser, deep="the exemplar")
    parser.add_argument(
        "--plot",
        action="store_true",
        help="draw the loss curve of methods that have one into NAME_loss.png beside NAME.png",
    )
    parser.add_argument(
        "--show-sources",
        action="store_true",
        help="write NAME_sources.png beside NAME.png: each place in the colour of where in the "
        "exemplar it comes from, red from left to right, green from top to bottom",
    )
    picture_options(parser)
    parser.add_argument(
        "--from",
        dest="repeat",
        metavar="FILE.png",
        help="repeat a picture that texto made, with the settings stored in it; options given "
        "beside it override",
    )
    run_options(parser)


def add_fit(commands):
    parser = commands.add_parser(
        "fit",
        help="fit a method to a picture, write a model",
        description="Fit a method to a picture once and write a model, from which 'texto synth' "
        "makes pictures without fitting again.",
    )
    pictures_option(parser, metavar="EXEMPLAR")
    maps_options(parser, of="the exemplar's")
    kind_option(parser)
    ignore_option(parser)
    method_options(parser)
    weights_option(parser)
    seed_option(parser)
    output_options(
        parser, "model file (default: {stem}_{method}.safetensors)", metavar="MODEL.safetensors"
    )
    parser.add_argument(
        "--plot",
        action="store_true",
        help="draw the loss curve of methods that have one into NAME_loss.png beside the model",
    )
    _training_options(parser)
    picture_options(parser)
    run_options(parser)


def add_mix(commands):
    parser = commands.add_parser(
        "mix",
        help="make a texture between two or more",
        description="Make a texture between two or more pictures or models. Pictures are fitted "
        "first; where a model is given, with its settings.",
    )
    parser.add_argument("sources", nargs="+", metavar="A B [C ...]", help="pictures or models")
    with_option(
        parser,
        "one kind of map that goes with the pictures, such as their normals: one file for "
        "each picture, in their order; again for the next kind",
        action="append",
    )
    parser.add_argument(
        "--weights-per-map",
        metavar="W,W[,W ...]",
        help="how much the pictures and each kind of map count in the search (default: all the "
        "same)",
    )
    kind_option(parser)
    method_options(parser)
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
    size_option(parser, of="A's")
    num_option(parser, what="pictures or rows; number i")
    seed_option(parser)
    fit_seed_option(parser)
    tileable_option(parser)
    output_options(
        parser,
        "file, folder, '-' for stdout, a name with {stem} {method} {size} {seed}, or "
        "MODEL.safetensors for the mixed model (default: {stem}_{method}_{size}_s{seed}.png)",
        metavar="FILE|FOLDER|-",
    )
    bits_option(parser, deep="the exemplars")
    picture_options(parser)
    run_options(parser)


def _training_options(parser):
    """--checkpoint, --every, --resume and --preview."""
    parser.add_argument(
        "--checkpoint",
        metavar="FILE",
        help="keep a training in FILE on its way, for --resume: every so many steps, when "
        "interrupted, and at its end",
    )
    parser.add_argument(
        "--every",
        type=Integer(1, 1_000_000),
        metavar="N",
        help="training steps between two checkpoints (default: 100)",
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on from --checkpoint FILE if it is there, with its seed",
    )
    parser.add_argument(
        "--preview",
        metavar="FILE.png",
        help="while a network trains, write what it makes by now to FILE.png every few seconds",
    )


def _guide_options(parser):
    """--guide and --guide-weight."""
    parser.add_argument(
        "--guide",
        metavar="PICTURE",
        help="lay the texture along the luminance of PICTURE; the size is then PICTURE's, or a "
        "multiple of it",
    )
    parser.add_argument(
        "--guide-weight",
        type=_weight,
        metavar="W",
        help="how closely the guide is followed, from 0, a start only, to 1000; 1: the guide "
        "counts as much as all colours (default: the method's, 0.2 to 0.5)",
    )


def _weight(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 <= float(text) <= 1000:
            return float(text)
    raise argparse.ArgumentTypeError(f"got {text!r}; give a number from 0 to 1000")
