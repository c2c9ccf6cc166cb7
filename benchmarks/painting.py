"""Bench of sampling from a generator: 512 x 512 and 4096 x 4096, against one plain forward pass."""

from __future__ import annotations

from importlib.util import find_spec

from timing import apart, line

MADE = """
import sys, numpy as np, torch
from neural.generators.calibration import calibrate
from neural.generators.network import PAPER, TEXNET, TextureGenerator
from neural.generators.painting import paint
side, runs = int(sys.argv[1]), int(sys.argv[3])
network = TextureGenerator(**{"paper": PAPER, "texnet": TEXNET}[sys.argv[2]], rng=0)
calibrate(network, rng=0, rounds=1)
"""
TIMED = """
if runs > 1:
    work()  # compiles the convolutions for these sizes
times = []
for _ in range(runs):
    begin = time.perf_counter()
    work()
    times.append(time.perf_counter() - begin)
start = time.perf_counter() - min(times)
"""
OURS = "work = lambda: paint(network, (side, side), rng=0)"
PLAIN = """
network.train()
def work():
    with torch.no_grad():
        return network(network.noise((side, side), rng=0))[0].permute(1, 2, 0).clamp(0, 1).numpy()
"""
FRAMES = """
network.cuda()
work = lambda: paint(network, (side, side), rng=0)
"""
CASES = (  # the network, pixels a side, runs, and whether the plain pass fits into memory
    ("paper", 512, 5, True),
    ("paper", 4096, 1, True),
    ("texnet", 512, 5, True),
    ("texnet", 4096, 1, False),
)
SIZES = {"paper": "8k weights", "texnet": "117k weights"}


def painting() -> None:
    """Sampling once the model is loaded, in processes of their own: time and peak memory."""
    print("painting: one picture after loading; the baseline is one pass in training mode")
    if find_spec("torch") is None:
        print("  PyTorch is not installed")
        return
    for name, side, runs, plain in CASES:
        case = f"{side} x {side}, {SIZES[name]}"
        if plain:
            slow, used = apart(MADE + PLAIN + TIMED, side, name, runs)
            line(f"{case}, whole (baseline)", slow, f"peak {used:.2f} GB")
        ours, used = apart(MADE + OURS + TIMED, side, name, runs)
        note = f"1/{slow / ours:.1f} of the baseline, " if plain else ""
        line(f"{case}, paint", ours, f"{note}peak {used:.2f} GB")
    if _gpu():
        seconds, _ = apart(MADE + FRAMES + TIMED, 1024, "paper", 50)
        line("1024 x 1024 on the GPU, paint", seconds, f"{1 / seconds:.0f} frames a second")


def _gpu() -> bool:
    import torch

    return torch.cuda.is_available()


if __name__ == "__main__":
    painting()
