"""The flow of patches: processor time against its plain form and against G'MIC."""

from __future__ import annotations

import resource
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
from dense_flow import dense_flow
from timing import EXEMPLAR, apart, line

SIDES = (256, 512, 1024)
LARGE = 4096
FROM_MODEL = """
import sys, texto
model = texto.load(sys.argv[1])
side = int(sys.argv[2])
clock = time.process_time()
model.synthesize((side, side), rng=0)
start = time.perf_counter() - (time.process_time() - clock)  # report processor time
"""


def flow() -> None:
    """`ot-flow` from a fitted model, in processor seconds, each size in a process of its own."""
    import texto

    exemplar = texto.read_image(EXEMPLAR)
    print("flow: processor seconds of a synthesis, exemplar 256 x 256")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        texto.save(texto.method("ot-flow").fit(exemplar, rng=0), path)
        dense = _processor(lambda: dense_flow(exemplar, (SIDES[0], SIDES[0])))
        line(f"published form, dense, {SIDES[0]} x {SIDES[0]} (baseline)", dense)
        for side in (*SIDES, LARGE):
            runs = [apart(FROM_MODEL, path, side) for _ in range(2 if side < LARGE else 1)]
            seconds, gigabytes = min(runs)
            scaled = dense * (side / SIDES[0]) ** 2
            note = f"{scaled / seconds:.0f} times less than dense by area, {gigabytes:.2f} GB"
            line(f"ot-flow, {side} x {side}", seconds, note)
            if shutil.which("gmic") and side < LARGE:
                theirs = _gmic(side, Path(folder))
                line(f"G'MIC matchpatch, {side} x {side}", theirs, f"{seconds / theirs:.2f} of it")


def _gmic(side: int, folder: Path) -> float:
    """Processor seconds of G'MIC's command, reading and writing included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    words = ["syntexturize_matchpatch", f"{side},{side}", "-o", str(folder / "gmic.png")]
    subprocess.run(["gmic", str(EXEMPLAR), *words], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _processor(work) -> float:
    start = time.process_time()
    np.asarray(work())
    return time.process_time() - start
