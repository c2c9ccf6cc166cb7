"""Bench of training: an iteration of Algorithm 2 against its plain dense form."""

from __future__ import annotations

from timing import EXEMPLAR, ROOT, apart, line

STEPS = 10

OURS = """
import sys, warnings, numpy as np
import texto
warnings.simplefilter("ignore")
exemplar, steps = texto.read_image(sys.argv[1]), int(sys.argv[3])
method = texto.method("gotex-patch-net").adapted(exemplar)
rng = np.random.default_rng(0)
task = method.task(exemplar, method.network(exemplar, rng).to(sys.argv[2]), rng)
half = method.n_iter // 2  # from there on all levels take part
task.step(half)
start = time.perf_counter()
for number in range(half + 1, half + 1 + steps):
    task.step(number)
"""
DENSE = """
import sys
sys.path.insert(0, sys.argv[2])
from dense_training import DenseTraining
import texto
dense = DenseTraining(texto.read_image(sys.argv[1]), width=int(sys.argv[3]))
start = time.perf_counter()
dense.step()
"""
WHOLE = """
import sys, warnings
import texto
warnings.simplefilter("ignore")
exemplar = texto.read_image(sys.argv[1])
method = texto.method("gotex-patch-net", device="cuda", n_iter=int(sys.argv[2]))
start = time.perf_counter()
method.fit(exemplar, rng=0)
"""


def training() -> None:
    """`gotex-patch-net` on a 256 x 256 exemplar: one iteration with all levels, as by default."""
    import texto

    width = texto.method("gotex-patch-net").width
    print(f"gotex-patch-net: one iteration on 256 x 256, a generator of width {width}")
    dense, memory = apart(DENSE, EXEMPLAR, ROOT / "benchmarks", width)
    line("dense formulation (baseline)", dense, f"peak {memory:.2f} GB")
    times, memory = min(apart(OURS, EXEMPLAR, "cpu", STEPS) for _ in range(2))
    each = times / STEPS
    line("as by default", each, f"1/{dense / each:.0f} of the baseline, peak {memory:.2f} GB")
    if _gpu():
        seconds, _ = apart(WHOLE, EXEMPLAR, 5000)
        line("5000 iterations on the GPU", seconds)


def _gpu() -> bool:
    import torch

    return torch.cuda.is_available()


if __name__ == "__main__":
    training()
