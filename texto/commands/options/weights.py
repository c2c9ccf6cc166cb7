"""Options of `texto weights`."""

from __future__ import annotations

from .common import talk_options

ACTIONS = ("list", "download", "path")
NETWORKS = ("vgg19", "inception_v3", "fid_inception")  # as in neural.runtime.weights


def add_weights(commands):
    parser = commands.add_parser(
        "weights",
        help="trained networks for the neural methods and scores",
        description="Tell where the trained weights of networks are, or download them into "
        "torch's cache. They are looked for in the files and folders that the environment's "
        "TEXTO_WEIGHTS names, then in torch's cache ($TORCH_HOME). Nothing is downloaded unless "
        "asked for here.",
    )
    parser.add_argument(
        "action",
        choices=ACTIONS,
        metavar="list|download|path",
        help="list: what is here; download: fetch what is missing; path: print the files' paths",
    )
    parser.add_argument(
        "networks",
        nargs="*",
        metavar="NETWORK",
        help=f"{', '.join(NETWORKS)}; default: vgg19 inception_v3, of list all",
    )
    talk_options(parser)
