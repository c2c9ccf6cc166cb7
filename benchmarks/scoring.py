"""Bench of the scores: one result of 512 x 512 against an exemplar of 256 x 256."""

from __future__ import annotations

import numpy as np
from timing import EXEMPLAR, best, line

BASELINE_DRAWS = 2  # as many as the judge


def direct(result: np.ndarray, exemplar: np.ndarray) -> None:
    """`patch_ot` and `patch_ot_8` by POT alone: dense costs and ot.emd2, one after the other."""
    import ot

    from texto.patches.extraction import all_corners, extract_at
    from texto.patches.pyramid import pyramid

    rng = np.random.default_rng(0)
    for size in (4, 8):
        for _ in range(BASELINE_DRAWS):
            for pair in zip(pyramid(result, 4), pyramid(exemplar, 4), strict=True):
                clouds = []
                for image in pair:
                    corners = all_corners(image.shape, size)
                    chosen = rng.choice(len(corners), min(1500, len(corners)), replace=False)
                    clouds.append(extract_at(image, corners[chosen], size).astype(np.float64))
                uniform = [ot.unif(len(cloud)) for cloud in clouds]
                ot.emd2(*uniform, ot.dist(*clouds), numItermax=2_000_000)


def brute(result: np.ndarray, exemplar: np.ndarray) -> None:
    """The sources of `originality` by a plain search."""
    from texto.metrics.sources import SIDE, SIZE
    from texto.patches.extraction import all_corners, extract_at
    from texto.patches.search import Neighbors

    corner = result[:SIDE, :SIDE]
    points = extract_at(exemplar, all_corners(exemplar.shape, SIZE), SIZE)
    queries = extract_at(corner, all_corners(corner.shape, SIZE), SIZE)
    Neighbors(points, device="cpu").search(queries)


def scoring() -> None:
    """Each score, all at once, and the floor."""
    import texto
    from texto.metrics import NETWORK_FREE, Judge

    exemplar = texto.read_image(EXEMPLAR)
    result = texto.TextoGMM().fit(exemplar, rng=0).synthesize((512, 512), rng=0)
    print("scoring: one result of 512 x 512 against an exemplar of 256 x 256, two draws")
    baseline = best(lambda: direct(result, exemplar), 2)
    plain = best(lambda: brute(result, exemplar), 2)
    line("ot.emd2 on dense costs (baseline)", baseline)
    line("plain search of sources (baseline)", plain)
    for name in NETWORK_FREE:
        seconds = best(lambda n=name: Judge(exemplar, [n]).scores(result), 2)
        line(name, seconds)
    whole = best(lambda: Judge(exemplar, NETWORK_FREE).scores(result))
    note = f"{whole / (baseline + plain):.2f} of the baselines; goal: 5 s on two cores"
    line("all without a network", whole, note)
    judge = Judge(exemplar, NETWORK_FREE)
    judge.scores(result)
    line("the same for one more result", best(lambda: judge.scores(result), 2))
    line("their floor, once an exemplar", best(lambda: Judge(exemplar, NETWORK_FREE).floor(), 1))


if __name__ == "__main__":
    scoring()
