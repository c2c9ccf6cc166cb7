"""Bench of the neural losses: an outer iteration of GOTEX on patches against its dense form."""

from __future__ import annotations

from timing import EXEMPLAR, ROOT, apart, line

SIDE, STEPS = 256, 3
ASCENTS, TARGETS = 10, 2000  # before each step of the picture, and a level: as published

OURS = """
import sys, warnings, numpy as np, torch
from neural.features import PatchFeatures
from neural.losses import SemiDual
from neural.optimize import optimise
from texto import read_image
from texto.threads import single_blas
warnings.simplefilter("ignore")
rng = np.random.default_rng(0)
device, side, steps, ascents, targets = sys.argv[2], *map(int, sys.argv[3:7])
features = PatchFeatures(4, 4, device=device)
exemplar = PatchFeatures(4, 4, periodic=(False, False), device=device).of(read_image(sys.argv[1]))
loss = SemiDual(
    features, exemplar, n_targets=targets, n_queries=int(sys.argv[7]) or None, rng=rng
)
noise = rng.random((1, 3, side, side), dtype=np.float32)
picture = torch.tensor(noise, device=features.device)
options = {"optimizer": "adam", "learning_rate": 0.01, "n_iter_dual": ascents}
with single_blas():
    optimise(picture, loss, n_iter=1, rng=rng, **options)
    start = time.perf_counter()
    optimise(picture, loss, n_iter=steps, rng=rng, **options).cpu()
"""
DENSE = """
import sys
sys.path.insert(0, sys.argv[2])
from dense_patch_ot import DensePatchOT
from texto import read_image
dense = DensePatchOT(read_image(sys.argv[1]), (int(sys.argv[3]),) * 2, n_targets=int(sys.argv[4]))
start = time.perf_counter()
dense.step()
"""


def neural_losses() -> None:
    """`gotex-patch` at 256 x 256, 4 levels, 10 ascent steps, 2000 targets: one iteration."""
    print(
        f"gotex-patch: one iteration at {SIDE} x {SIDE}, {ASCENTS} ascent steps, {TARGETS} targets"
    )
    dense, memory = apart(DENSE, EXEMPLAR, ROOT / "benchmarks", SIDE, TARGETS)
    line("dense formulation (baseline)", dense, f"peak {memory:.2f} GB")
    cases = {"all patches in the ascent": 0, "4096 a level in the ascent": 4096, "1024": 1024}
    for name, n_queries in cases.items():
        times, memory = _ours("cpu", STEPS, n_queries)
        each = times / STEPS
        line(name, each, f"1/{dense / each:.0f} of the baseline, peak {memory:.2f} GB")
    if _gpu():
        seconds, _ = _ours("cuda", 150, 0)
        line("150 iterations on the GPU", seconds, "all patches in the ascent")


def _ours(device: str, steps: int, n_queries: int) -> tuple[float, float]:
    """Seconds of `steps` iterations, and the peak memory in gigabytes."""
    settings = (EXEMPLAR, device, SIDE, steps, ASCENTS, TARGETS, n_queries)
    return min(apart(OURS, *settings) for _ in range(2))


def _gpu() -> bool:
    import torch

    return torch.cuda.is_available()


if __name__ == "__main__":
    neural_losses()
