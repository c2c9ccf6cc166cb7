"""Bench of the neural losses: an outer iteration of GOTEX on patches against its dense form.

And one of GOTEX on networks against a bare pass through them, where their weights are here.
"""

from __future__ import annotations

from importlib.util import find_spec

from timing import EXEMPLAR, ROOT, apart, line

SIDE, STEPS = 256, 3
ASCENTS, TARGETS = 10, 2000  # before each step of the picture, and a level: as published

OURS = """
import sys, warnings, numpy as np, torch
from neural.features import PatchFeatures
from neural.losses import SemiDual
from neural.steps.descent import optimise
from texto import read_image
from texto.core.threads import single_blas
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
NETWORK = """
import sys, warnings, numpy as np, torch, texto
from neural.steps.work import Work
from neural.steps.descent import optimise
from texto.core.threads import single_blas
warnings.simplefilter("ignore")
name, device, side, steps, kind, layers = *sys.argv[2:4], *map(int, sys.argv[4:6]), *sys.argv[6:8]
method = texto.method(name, device=device, layers=layers)
exemplar, rng = texto.read_image(sys.argv[1]), np.random.default_rng(0)
loss = method.loss(Work(exemplar, exemplar.shape, 0, (side, side), device, rng))
picture = torch.tensor(rng.random((1, 3, side, side), dtype=np.float32), device=device)
def outer(count):
    optimise(picture, loss, n_iter=count, rng=rng, n_iter_dual=method.n_iter_dual).cpu()
def bare(count):
    network = max(loss.terms, key=lambda term: "level0" not in term[1].layers)[1].features
    for _ in range(count):
        point = picture.clone().requires_grad_()
        sum(maps.sum() for maps in network(point).values()).backward()
    point.grad.cpu()
work = {"outer": outer, "bare": bare}[kind]
with single_blas():
    work(1)
    start = time.perf_counter()
    work(steps)
"""
NETWORKS = {  # the layers that the weights in texto's own tests have
    "gotex-mix-iv3": ("inception_v3", ""),
    "gotex-vgg": ("vgg19", "relu1_1,relu2_1,relu3_1"),
}


def neural_losses() -> None:
    """One iteration of `gotex-patch`, of `gotex-mix-iv3` and of `gotex-vgg`."""
    if not all(map(find_spec, ("torch", "torchvision"))):
        print("neural losses: skipped, the extra 'neural' is not installed")
        return
    _patches()
    _networks()


def _patches() -> None:
    """`gotex-patch` at 256 x 256, 4 levels, 10 ascent steps, 2000 targets."""
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


def _networks() -> None:
    """`gotex-mix-iv3` and `gotex-vgg` at their defaults: one iteration at full size."""
    from neural.runtime.weights import find
    from texto.core.errors import TextoError

    device = "cuda" if _gpu() else "cpu"
    for name, (network, layers) in NETWORKS.items():
        try:
            found = find(network)
        except TextoError as error:
            print(f"{name}: skipped, {error}")
            continue
        on = f"on {found.name}" + (f", {layers}" if layers else "")
        print(f"{name}: one iteration at {SIDE} x {SIDE} {on}, {device}")
        settings = (EXEMPLAR, name, device, SIDE, STEPS)
        bare, whole = (
            min(apart(NETWORK, *settings, kind, layers) for _ in range(2))
            for kind in ("bare", "outer")
        )
        line("one forward and one backward (baseline)", bare[0] / STEPS)
        ratio = f"{whole[0] / bare[0]:.2f} of the baseline, peak {whole[1]:.2f} GB"
        line("one iteration, with its ascent", whole[0] / STEPS, ratio)


def _ours(device: str, steps: int, n_queries: int) -> tuple[float, float]:
    """Seconds of `steps` iterations, and the peak memory in gigabytes."""
    settings = (EXEMPLAR, device, SIDE, steps, ASCENTS, TARGETS, n_queries)
    return min(apart(OURS, *settings) for _ in range(2))


def _gpu() -> bool:
    import torch

    return torch.cuda.is_available()


if __name__ == "__main__":
    neural_losses()
