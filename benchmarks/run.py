"""Speed of texto on this machine: `make bench`, or `python benchmarks/run.py NAME ...`.

Every figure is measured here and now, next to the baseline that it is a ratio of. Times are the
best of three runs, except the large synthesis, which runs once in a process of its own.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
from classical import baseline, completeness, family, targets
from flow import flow
from neural_losses import neural_losses
from painting import painting
from recoloring import recolor
from scoring import scoring
from solvers import solvers
from stages import stages
from tasks import tasks
from timing import EXEMPLAR, apart, best, line
from training import training


def search() -> None:
    """Nearest neighbours against a plain matrix product of the same size, and FAISS."""
    from texto.patches.search import Neighbors

    rng = np.random.default_rng(0)
    n, m, d = 65_536, 10_000, 48
    queries = rng.standard_normal((n, d), dtype=np.float32)
    points = rng.standard_normal((m, d), dtype=np.float32)
    scores = np.empty((256, m), np.float32)

    def product():
        for start in range(0, n, len(scores)):
            np.matmul(queries[start : start + len(scores)], points.T, out=scores)

    index = Neighbors(points, device="cpu")
    plain, ours = best(product), best(lambda: index.search(queries))
    rate = 2 * n * m * d / 1e9
    print(f"search: {n} queries, {m} points, {d} dimensions")
    line("matrix product alone (baseline)", plain, f"{rate / plain:.0f} GFLOP/s")
    line("Neighbors on the CPU", ours, f"{plain / ours:.2f} of the product's rate")
    try:
        import faiss
    except ImportError:
        print("  FAISS is not installed")
        return
    flat = faiss.IndexFlatL2(d)
    flat.add(points)
    theirs = best(lambda: flat.search(queries, 1))
    line("FAISS, flat index on the CPU", theirs, f"{theirs / ours:.1f} times Neighbors' time")


def em() -> None:
    """Our EM against scikit-learn's, the same steps on the same patches."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    from texto.io.images import read_image
    from texto.patches.database import patch_level
    from texto.transport.em import REGULARISATION, fit_mixture

    level = patch_level(
        read_image(EXEMPLAR),
        8,
        n_patches=10_000,
        n_dims=48,
        kept_variance=0.99,
        rng=np.random.default_rng(0),
    )
    points, steps = level.points, 15
    estimator = GaussianMixture(
        10,
        max_iter=steps,
        tol=0,
        init_params="k-means++",
        reg_covar=REGULARISATION * float(points.var(axis=0).mean()),
        random_state=0,
    )

    def theirs():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            estimator.fit(points)

    def ours():
        fit_mixture(points, 10, rng=np.random.default_rng(0), n_iter=steps, tolerance=-1)

    slow, fast = best(theirs), best(ours)
    print(f"EM: {len(points)} patches, {points.shape[1]} dimensions, 10 components, {steps} steps")
    line("scikit-learn (baseline)", slow)
    line("texto.transport.em", fast, f"{slow / fast:.1f} times as fast")


LARGE = """
import sys, texto
model = texto.load(sys.argv[1])
model.synthesize((256, 256), rng=0)
side = int(sys.argv[2])
start = time.perf_counter()
model.synthesize((side, side), rng=0)
"""


def growth() -> None:
    """Time and memory a pixel, 512 x 512 against 4096 x 4096, from a saved model."""
    import texto

    print("growth: synthesis from a saved model, each size in a process of its own")
    with tempfile.TemporaryDirectory() as folder:
        for finish in ("none", "sliced"):
            path = Path(folder) / f"{finish}.safetensors"
            method = texto.TextoGMM(finish=finish)
            texto.save(method.fit(texto.read_image(EXEMPLAR), rng=0), path)
            small = None
            for side in (512, 4096):
                runs = [apart(LARGE, path, side) for _ in range(3 if side == 512 else 1)]
                seconds, gigabytes = min(runs)
                rate = seconds / side**2 * 1e6
                small = small or rate
                note = f"{rate:.2f} s/Mpx, {rate / small:.2f} of 512's, {gigabytes:.2f} GB"
                line(f"{side} x {side}, finish={finish}", seconds, note)


def startup() -> None:
    """`texto --help` and `import texto`, whole processes."""
    print("start-up")
    commands = {
        "python -c pass (baseline)": ["-c", "pass"],
        "import texto": ["-c", "import texto"],
        "texto --help": ["-m", "texto", "--help"],
    }
    for name, arguments in commands.items():
        command = [sys.executable, *arguments]
        line(name, best(lambda c=command: subprocess.run(c, check=True, capture_output=True), 5))


PARTS = (
    *(
        startup,
        flow,
        search,
        em,
        stages,
        baseline,
        targets,
        family,
        solvers,
        tasks,
        scoring,
        growth,
        training,
    ),
    completeness,
    neural_losses,
    painting,
    recolor,
)
BENCHES = {bench.__name__: bench for bench in PARTS}


def main(names: list[str]) -> int:
    """Run the named benches, or all."""
    unknown = [name for name in names if name not in BENCHES]
    if unknown:
        print(f"no bench {unknown[0]!r}; there are {', '.join(BENCHES)}", file=sys.stderr)
        return 2
    print(f"{len(os.sched_getaffinity(0))} cores, Python {sys.version.split()[0]}")
    for name in names or BENCHES:
        BENCHES[name]()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
