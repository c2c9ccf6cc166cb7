"""What several options and settings may be. Imports nothing, so that `texto --help` is quick."""

MAX_SEED = 2**32 - 1
ALPHAS = ("refuse", "ignore", "white")  # what is done with transparent pixels
