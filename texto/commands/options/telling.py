"""Commands that tell what there is."""

from __future__ import annotations

from .common import DEFAULT_METHOD, talk_options


def add_info(commands):
    parser = commands.add_parser(
        "info",
        help="what is stored in a picture or a model that texto made",
        description="Show what is stored in a PNG or a model that texto made.",
    )
    parser.add_argument("file", metavar="FILE", help="picture or model made by texto")
    talk_options(parser)


def add_methods(commands):
    parser = commands.add_parser(
        "methods",
        help="the methods, or one method's settings",
        description="List the methods, or the settings of one with default, range and help.",
    )
    parser.add_argument("name", nargs="?", metavar="NAME", help="a method's name")
    talk_options(parser)


def add_doctor(commands):
    parser = commands.add_parser(
        "doctor",
        help="check the installation",
        description="Show versions, GPU, threads and writable folders. "
        "Exit code 2 if something required is broken.",
    )
    talk_options(parser)


def add_demo(commands):
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
    parser.add_argument("--force", action="store_true", help="replace files that exist")
    talk_options(parser)
