"""Bench of recolouring: 12 megapixels, against the map alone on all pixels at once."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from timing import EXEMPLAR, apart, line

SHAPE = (3000, 4000)
PICTURE, OTHER = EXEMPLAR.with_name("pebbles.png"), EXEMPLAR

PREPARE = """
import sys
from texto import backends
backends.keep_out()
import numpy as np, ot, sklearn.cluster, texto
from texto.transport.em import fit_mixture
from texto.core.threads import single_blas
from texto.transport.gmm_map import barycentric_map, gmm_plan
picture, other = texto.read_image(sys.argv[1]), texto.read_image(sys.argv[2])
start = time.perf_counter()
"""
AT_ONCE = """
with single_blas():
    draw = np.random.default_rng(0)
    colours = [each.reshape(-1, 3) for each in (picture, other)]
    samples = [each[draw.choice(len(each), 10_000)] for each in colours]
    plan = gmm_plan(*(fit_mixture(each, 10, rng=draw).mixture for each in samples))
    barycentric_map(plan, colours[0])
"""
RECOLOR = "texto.recolor(picture, other, rng=0, **eval(sys.argv[3]))"
COMMAND = """
import contextlib, io, sys
from texto.cli import main
words = ["--like", sys.argv[2], "--seed", "0", "-q", "--force", "-o", sys.argv[1] + ".out.png"]
with contextlib.redirect_stdout(io.StringIO()):
    main(["recolor", sys.argv[1], *words])
"""


def recolor() -> None:
    """Time and memory of a process that recolours 12 megapixels; with and without smoothing."""
    import texto

    print("recolouring: 4000 x 3000 pixels, each in a process of its own; goal: 10 s and 2 GB")
    with tempfile.TemporaryDirectory() as folder:
        large = Path(folder) / "large.png"
        texto.write_image(large, large_picture())
        for name, script, settings in (
            ("the map alone, all at once (baseline)", PREPARE + AT_ONCE, {}),
            ("recolor, not smoothed", PREPARE + RECOLOR, {"radius": 0}),
            ("recolor", PREPARE + RECOLOR, {}),
            ("texto recolor, files read and written", COMMAND, {}),
        ):
            seconds, gigabytes = min(apart(script, large, OTHER, settings) for _ in range(2))
            line(name, seconds, f"peak {gigabytes:.2f} GB")


def large_picture() -> np.ndarray:
    """(3000, 4000, 3): pebbles enlarged, with noise of one grey level."""
    from skimage.transform import resize

    import texto

    picture = resize(texto.read_image(PICTURE), SHAPE, order=1).astype(np.float32)
    picture += np.random.default_rng(0).standard_normal((*SHAPE, 3), np.float32) / 255
    return picture.clip(0, 1)
