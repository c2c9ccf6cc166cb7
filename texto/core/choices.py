"""What several options and settings may be. Imports nothing heavy, so that `--help` is quick."""

from typing import Literal, get_args

DEFAULT_METHOD = "ot-flow"
MAX_SEED = 2**32 - 1
Alpha = Literal["refuse", "ignore", "white", "keep"]
ALPHAS: tuple[Alpha, ...] = get_args(Alpha)  # what is done with transparent pixels
Kind = Literal["colour", "normal", "data", "labels"]
KINDS: tuple[Kind, ...] = get_args(Kind)  # what the numbers of a picture mean
