"""Four ways to send patches to patches: `python benchmarks/solvers.py [PICTURE]`.

The TextoGMM poster says that its map takes 1 minute where 10^3 Sinkhorn iterations take 40 and
10^5 stochastic iterations 150. This measures it: every solver gets the same target patches, of the
exemplar, and source patches of one stationary Gaussian synthesis; the stochastic ones draw from
all of them, the others get the same 4000. Each row gives the time and the quality: exact transport
cost between new source patches, mapped, and new target patches; means of targets, as Sinkhorn's
map gives, can lie below the floor of two finite draws. Solvers with potentials also get the error
of their cells' masses (0 to 2, summed over the cells) and the semi-dual value on new patches
(higher is better).
"""

from __future__ import annotations

import os
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

WOVEN = Path(__file__).resolve().parent.parent / "data" / "woven.png"
SIZE = 4  # pixels a side of a patch: d = 48 in colour
SOURCES, TARGETS = 4000, 2000
LAW = 200_000  # source patches that the stochastic solvers draw from
HELD_OUT = 1500  # patches on each side of the exact cost
MASS_SAMPLES = 100 * TARGETS
ASCENT_STEPS = 500  # of 2000 samples
POT_STEPS = 3000  # of 32 samples
SINKHORN_STEPS = 1000
SINKHORN_REG = 0.02  # share of the mean cost

Map = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, eq=False)
class Problem:
    """Patches (n, d): to learn from (`source`, `law`, `target`), and new ones to judge by."""

    source: np.ndarray
    law: np.ndarray
    target: np.ndarray
    new_source: np.ndarray
    new_target: np.ndarray
    many: np.ndarray


@dataclass(frozen=True, eq=False)
class Outcome:
    """A map, and for solvers of the semi-dual the cells that it visits and its potentials."""

    move: Map
    cells: Callable[[np.ndarray], np.ndarray] | None = None
    potential: np.ndarray | None = None


def problem(path: Path | str = WOVEN) -> Problem:
    """The patches of the picture at `path` and of two samples of its Gaussian model, centred."""
    from texto.io.images import read_image
    from texto.patches.database import draw_corners
    from texto.patches.extraction import extract_at
    from texto.patches.noise import gaussian_field, texton

    exemplar, rng = read_image(path, alpha="ignore"), np.random.default_rng(0)
    mean = exemplar.mean(axis=(0, 1), dtype=np.float64)
    fields = [gaussian_field(texton(exemplar), mean, (512, 512), rng) for _ in range(2)]

    def draw(image: np.ndarray, count: int) -> np.ndarray:
        return extract_at(image, draw_corners(image.shape, SIZE, count, rng), SIZE)

    clouds = [draw(fields[0], count) for count in (SOURCES, LAW)] + [draw(exemplar, TARGETS)]
    clouds += [draw(fields[1], HELD_OUT), draw(exemplar, HELD_OUT), draw(fields[1], MASS_SAMPLES)]
    centre = clouds[2].mean(axis=0)
    return Problem(*(np.ascontiguousarray(cloud - centre) for cloud in clouds))


def gmm_ot(data: Problem) -> Outcome:
    """Two mixtures of 10 Gaussians by EM, the plan between them, the barycentric map."""
    from texto.transport.em import fit_mixture
    from texto.transport.gmm_map import barycentric_map, gmm_plan

    rng = np.random.default_rng(0)
    plan = gmm_plan(*(fit_mixture(c, 10, rng=rng).mixture for c in (data.source, data.target)))
    return Outcome(lambda points: barycentric_map(plan, points))


def gmm_ot_projected(data: Problem) -> Outcome:
    """The same, then the nearest target: what TextoGMM does."""
    from texto.patches.search import Neighbors

    move, index = gmm_ot(data).move, Neighbors(data.target, device="cpu")
    return Outcome(lambda points: data.target[index.search(move(points))])


def sinkhorn(data: Problem) -> Outcome:
    """POT's Sinkhorn, extended to new points by its potential: a soft biased assignment."""
    import ot

    cost = ot.dist(data.source.astype(np.float64), data.target.astype(np.float64))
    reg = SINKHORN_REG * cost.mean()
    weights = [np.full(size, 1 / size) for size in cost.shape]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # 10^3 iterations may not suffice: that is the question
        _, log = ot.sinkhorn(*weights, cost, reg, numItermax=SINKHORN_STEPS, log=True)
    scaling = np.log(np.maximum(log["v"], 1e-300))

    def move(points: np.ndarray) -> np.ndarray:
        scores = scaling - ot.dist(points.astype(np.float64), data.target) / reg
        scores = np.exp(scores - scores.max(axis=1, keepdims=True))
        return (scores / scores.sum(axis=1, keepdims=True)) @ data.target

    return Outcome(move)


def one_layer(data: Problem) -> Outcome:
    """Ours: averaged stochastic ascent on one potential a target."""
    from texto.transport.semidual import Schedule, solve_semidual

    rng = np.random.default_rng(0)
    potential = solve_semidual(data.law, data.target, rng=rng, schedule=Schedule(ASCENT_STEPS))
    return _by_potential(data, potential)


def two_layers(data: Problem) -> Outcome:
    """Ours: clusters first, then targets."""
    from texto.transport.layered import solve_layers
    from texto.transport.semidual import Schedule

    rng = np.random.default_rng(0)
    layers, v1, v2 = solve_layers(data.law, data.target, rng=rng, schedule=Schedule(ASCENT_STEPS))

    def cells(points: np.ndarray) -> np.ndarray:
        return layers.visit(points, v1, v2)

    return Outcome(lambda points: data.target[cells(points)], cells)


def pot(data: Problem) -> Outcome:
    """POT's `solve_semidiscrete` at its defaults, but for the number of steps."""
    from ot.semidiscrete import solve_semidiscrete

    rng = np.random.default_rng(0)
    source, target = (cloud.astype(np.float64) for cloud in (data.law, data.target))

    def draw(count: int) -> np.ndarray:
        return source[rng.integers(len(source), size=count)]

    return _by_potential(data, solve_semidiscrete(target, draw, max_iter=POT_STEPS))


def pot_scaled(data: Problem) -> Outcome:
    """The same after a change of units to a variance of 1, which its step sizes suppose."""
    scale = np.sqrt(np.var(data.target, axis=0).sum())
    unit = Problem(*(cloud / scale for cloud in vars(data).values()))
    return _by_potential(data, pot(unit).potential * scale**2)


def _by_potential(data: Problem, potential: np.ndarray) -> Outcome:
    from texto.transport.semidual import nearest

    def cells(points: np.ndarray) -> np.ndarray:
        return nearest(points, data.target, potential)

    return Outcome(lambda points: data.target[cells(points)], cells, potential)


def exact_cost(points: np.ndarray, others: np.ndarray) -> float:
    """The optimal transport cost between two uniform clouds (n, d) and (m, d)."""
    from texto.transport.plan import exact_plan

    points, others = points.astype(np.float64), others.astype(np.float64)
    norms = [np.square(cloud).sum(axis=1) for cloud in (points, others)]
    cost = np.maximum(norms[0][:, None] + norms[1] - 2 * points @ others.T, 0)
    plan = exact_plan(np.ones(len(points)), np.ones(len(others)), cost)
    return float((plan * cost).sum())


SOLVERS = {
    "GMM-OT, EM included": gmm_ot,
    "GMM-OT and projection": gmm_ot_projected,
    "Sinkhorn, POT, 10^3 steps": sinkhorn,
    "semi-discrete, one layer, 10^6 samples": one_layer,
    "semi-discrete, two layers, 10^6 samples": two_layers,
    "semi-discrete, POT, 10^5 samples": pot,
    "semi-discrete, POT, unit variance": pot_scaled,
}


def solvers(path: Path | str = WOVEN) -> None:
    """Print the table: each solver's time, its ratio to GMM-OT's, and its quality."""
    from texto.core.threads import single_blas

    data = problem(path)
    before = exact_cost(data.new_source, data.new_target)
    floor = exact_cost(data.target[:HELD_OUT], data.new_target)
    cores = len(os.sched_getaffinity(0))
    print(
        f"solvers: {SOURCES} patches to {TARGETS} of {Path(path).name}, {SIZE} x {SIZE}, ", end=""
    )
    print(f"d = {data.target.shape[1]}, {cores} cores")
    print(f"  {'':<40}{'time':>9}{'ratio':>8}{'cost':>8}{'masses':>8}{'value':>8}")
    print(f"  {'before (unmapped)':<40}{'':>17}{before:8.3f}")
    print(f"  {'floor (two draws of targets)':<40}{'':>17}{floor:8.3f}")
    reference = None
    for name, solve in SOLVERS.items():
        start = time.perf_counter()
        with single_blas():  # as in fit; the threads are ours
            outcome = solve(data)
        seconds = time.perf_counter() - start
        reference = reference or seconds
        cost = exact_cost(outcome.move(data.new_source), data.new_target)
        row = f"{seconds:7.2f} s{seconds / reference:8.1f}{cost:8.3f}{_cells(data, outcome)}"
        print(f"  {name:<40}{row}", flush=True)


def _cells(data: Problem, outcome: Outcome) -> str:
    """The columns of the masses' error and of the semi-dual value, where there are cells."""
    from texto.transport.semidual import semidual_value

    if outcome.cells is None:
        return ""
    counts = np.bincount(outcome.cells(data.many), minlength=len(data.target))
    error = np.abs(counts / counts.sum() - 1 / len(counts)).sum()
    if outcome.potential is None:
        return f"{error:8.3f}"
    return f"{error:8.3f}{semidual_value(data.target, outcome.potential, data.many):8.3f}"


if __name__ == "__main__":
    solvers(*sys.argv[1:2])
