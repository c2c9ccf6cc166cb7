"""Benches of the classical methods: `patch-ot` against its dense form, and every method once.

`python benchmarks/classical.py PICTURE` runs the dense baseline to its end, which takes many
minutes, and compares scores too.
"""

from __future__ import annotations

import sys

import numpy as np
from dense_patch_ot import DensePatchOT
from timing import EXEMPLAR, apart, best, line, once

ITERATIONS = 150  # of the dense baseline, as published
TIMED = 3  # of these are timed, after one to warm up
SIDES = {"efros-leung": 64, "gpnn": 256}  # of the slow methods' results

RUN = """
import sys, texto
exemplar = texto.read_image(sys.argv[2])
method = texto.method(sys.argv[1])
start = time.perf_counter()
model = method.fit(exemplar, rng=0)
side = int(sys.argv[3])
if side:
    model.synthesize((side, side), rng=0)
"""


def baseline(exemplar: np.ndarray | None = None) -> DensePatchOT:
    """`patch-ot` at 128 x 128 against Algorithm 1 in its plain dense formulation."""
    import texto
    from texto.patches.pyramid import halve

    if exemplar is None:
        exemplar = halve(texto.read_image(EXEMPLAR.with_name("pebbles.png")))
    model = texto.PatchOT().fit(exemplar)
    model.synthesize((128, 128), rng=0)
    ours = min(once(lambda seed=seed: model.synthesize((128, 128), rng=seed)) for seed in range(3))
    dense = DensePatchOT(exemplar, (128, 128))
    dense.step()
    each = min(once(dense.step) for _ in range(TIMED))
    print(f"patch-ot: 128 x 128 from {exemplar.shape[1]} x {exemplar.shape[0]}")
    note = f"{each:.2f} s an iteration, best of {TIMED}, times {ITERATIONS}"
    line("dense formulation (baseline)", ITERATIONS * each, note)
    line("patch-ot at the defaults", ours, f"1/{ITERATIONS * each / ours:.0f} of the baseline")
    return dense


def targets() -> None:
    """`patch-ot` at 256 x 256 with all target patches and with the 2000 of the published code."""
    import texto

    exemplar = texto.read_image(EXEMPLAR)
    print("patch-ot: 256 x 256 from 256 x 256, target patches a level")
    for count in (2000, None):
        model = texto.PatchOT(n_patches=count).fit(exemplar)
        results = []
        seconds = once(lambda m=model, r=results: r.append(m.synthesize((256, 256), rng=0)))
        score = texto.metrics.patch_ot(results[0], exemplar)
        line(f"n_patches={count or 'all'}", seconds, f"patch_ot {score:.3f}")


def family() -> None:
    """Fit time, synthesis time and peak memory of every classical method, most at 512 x 512."""
    from texto.core.registry import METHODS

    print("every method: exemplar 256 x 256, each run in a process of its own")
    for name, target in METHODS.items():
        if not target.startswith("texto."):
            continue
        side = SIDES.get(name, 512)
        fit, _ = apart(RUN, name, EXEMPLAR, 0)
        both, memory = apart(RUN, name, EXEMPLAR, side)
        note = f"fit {fit:.2f} s, {side} x {side}, peak {memory:.2f} GB"
        line(name, max(both - fit, 0), note)


def completeness() -> None:
    """A search of `gpnn` against the published matrix of normalised distances, at 100 x 100."""
    from texto.io.images import read_image
    from texto.methods.gpnn.completeness import completeness_search
    from texto.patches.extraction import extract, grid
    from texto.patches.space import principal_space

    size, alpha = (100, 100), 0.005 * 7 * 7 * 3 / 4
    picture = read_image(EXEMPLAR)
    keys, queries = (
        extract(part, grid(size, 7)) for part in (picture[:100, :100], picture[-100:, -100:])
    )

    def dense() -> np.ndarray:
        distances = np.square(queries).sum(1)[:, None] + np.square(keys).sum(1)
        distances -= 2 * queries @ keys.T
        return (distances / (alpha + distances.min(axis=0))).argmin(axis=1)

    space = principal_space(keys, largest=24)
    few = [space.project(patches) for patches in (queries, keys)]
    plain = best(dense)
    print(f"completeness score: {len(queries)} queries and keys in {keys.shape[1]} dimensions")
    line("dense matrix (baseline)", plain, f"{2 * 4 * len(keys) ** 2 / 1e9:.1f} GB of matrices")
    for what, pair in {"the same distances": (queries, keys), "24 components": few}.items():
        ours = best(lambda p=pair: completeness_search(*p, alpha=alpha, device="cpu"))
        line(f"completeness_search, {what}", ours, f"{plain / ours:.1f} times as fast")


def main(path: str) -> None:
    """The scores too, on the picture at `path`."""
    import texto

    exemplar = texto.read_image(path, alpha="ignore")
    dense = baseline(exemplar)
    for _ in range(ITERATIONS - TIMED - 1):
        dense.step()
    rows = {"dense formulation": np.clip(dense.picture, 0, 1)}
    model = texto.PatchOT().fit(exemplar)
    for seed in range(5):
        rows[f"patch-ot, seed {seed}"] = model.synthesize((128, 128), rng=seed)
    floor = texto.metrics.patch_ot(exemplar, exemplar)
    print(f"patch_ot, the exemplar against itself: {floor:.3f}")
    for name, picture in rows.items():
        score, spectrum = (
            measure(picture, exemplar)
            for measure in (texto.metrics.patch_ot, texto.metrics.spectrum)
        )
        print(f"  {name:<24} patch_ot {score:.3f}  spectrum {spectrum:.2f}")


if __name__ == "__main__":
    main(sys.argv[1])
