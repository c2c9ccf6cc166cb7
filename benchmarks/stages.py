"""Bench of TextoGMM: its fit, its synthesis, and where the time goes."""

from __future__ import annotations

import time

import numpy as np
from timing import EXEMPLAR, best, line


def stages() -> None:
    """Fit of 256 x 256, synthesis and finish of 512 x 512, at the defaults."""
    import texto

    exemplar = texto.read_image(EXEMPLAR)
    method = texto.TextoGMM(finish="none")
    model = method.fit(exemplar, rng=0)
    print("TextoGMM at the defaults: exemplar 256 x 256, result 512 x 512")
    fit = best(lambda: method.fit(exemplar, rng=0))
    synthesis = best(lambda: model.synthesize((512, 512), rng=0))
    result = model.synthesize((512, 512), rng=0)
    finish = best(lambda: texto_finish(result, exemplar), runs=2)
    line("fit", fit)
    line("synthesis from the fitted model", synthesis)
    line("both", fit + synthesis, "goal: 6 s on two cores")
    line("finishing pass", finish, "goal: 5 s on two cores")
    profile(model)


def texto_finish(image: np.ndarray, exemplar: np.ndarray) -> np.ndarray:
    """The finishing pass at its defaults."""
    from texto.steps.finish import finish

    return finish(image, exemplar, rng=np.random.default_rng(0))


def profile(model) -> None:
    """Where the time of one synthesis goes, stage by stage."""
    from texto.methods.textogmm import method
    from texto.patches import database, search, space
    from texto.steps import sweep

    spent: dict[str, float] = {}
    places = {
        "search": (search.Neighbors, "search"),
        "index": (database.PatchLevel, "neighbors"),
        "extraction": (database, "extract"),
        "projection": (space.PatchSpace, "project"),
        "recomposition": (sweep, "recompose"),
        "upsampling": (sweep, "recompose_finer"),
        "sliced transport between passes": (sweep.Sweep, "flow"),
        "initialisation": (method, "field_like"),
    }
    originals = {name: getattr(*place) for name, place in places.items()}

    def timed(name):
        def work(*args, **kwargs):
            start = time.perf_counter()
            try:
                return originals[name](*args, **kwargs)
            finally:
                spent[name] = spent.get(name, 0.0) + time.perf_counter() - start

        return work

    for name, (owner, attribute) in places.items():
        setattr(owner, attribute, timed(name))
    start = time.perf_counter()
    model.synthesize((512, 512), rng=0)
    total = time.perf_counter() - start
    for name, (owner, attribute) in places.items():
        setattr(owner, attribute, originals[name])
    for name, seconds in sorted(spent.items(), key=lambda item: -item[1]):
        line(f"  synthesis: {name}", seconds, f"{seconds / total:.0%}")
